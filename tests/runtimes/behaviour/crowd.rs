//! A thousand silent peers cost only themselves. Nothing here is timed: what counts is who comes before whom.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::client::{SOURCE, V1, acceptor, connect, connect_and_send, endpoint, listener};
use crate::harness::raise_descriptor_limit;
use crate::runtime::{Runtime, Sockets};

const SILENT: usize = 1000;

pub fn a_thousand_silent_peers_delay_nobody<R: Runtime>() {
    let acceptor = acceptor();
    R::run(async {
        let (socket, addr) = listener();
        let clients = crowd(addr);
        let listener = R::Tcp::listener(socket, acceptor.clone());
        let ended = Arc::new(AtomicUsize::new(0));
        let mut tasks = Vec::new();
        for _ in 0..SILENT {
            let mut incoming = R::Tcp::accept(&listener).await.unwrap();
            let ended = ended.clone();
            tasks.push(R::spawn(async move {
                let outcome = R::Tcp::shake(&mut incoming).await;
                ended.fetch_add(1, Ordering::SeqCst);
                outcome.unwrap_err().kind()
            }));
        }
        // The good one comes last, and all others are still waited for when it is through.
        let mut incoming = R::Tcp::accept(&listener).await.unwrap();
        let outcome = R::spawn(async move { R::Tcp::shake(&mut incoming).await }).await;
        assert_eq!(outcome.unwrap().source().to_string(), SOURCE);
        assert_eq!(ended.load(Ordering::SeqCst), 0);

        drop(clients.join().unwrap());
        for task in tasks {
            assert_eq!(task.await, "closed");
        }
    });
    assert_eq!((acceptor.counts().v1, acceptor.counts().closed), (1, SILENT as u64));
}

pub fn a_thousand_silent_peers_delay_nobody_with_a_ready_listener<R: Runtime>() {
    let acceptor = acceptor();
    R::run(async {
        let (socket, addr) = listener();
        let clients = crowd(addr);
        let mut ready = R::Tcp::ready(socket, acceptor.clone(), 2 * SILENT);
        let accepted = R::Tcp::accept_ready(&mut ready).await.unwrap();
        assert_eq!(accepted.result.unwrap().source().to_string(), SOURCE);
        assert_eq!(R::Tcp::pending(&ready), SILENT);

        drop(clients.join().unwrap());
        for left in (0..SILENT).rev() {
            let accepted = R::Tcp::accept_ready(&mut ready).await.unwrap();
            assert_eq!(accepted.result.unwrap_err().kind(), "closed");
            assert!(R::Tcp::pending(&ready) <= left);
        }
        assert_eq!(R::Tcp::pending(&ready), 0);
    });
    assert_eq!((acceptor.counts().v1, acceptor.counts().closed), (1, SILENT as u64));
}

/// Four tasks wait at one listener; four connections come; each gets one.
pub fn several_may_accept_at_once<R: Runtime>() {
    R::run(async {
        let (socket, addr) = listener();
        let listener = Arc::new(R::Tcp::listener(socket, acceptor()));
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let listener = listener.clone();
                R::spawn(async move {
                    let incoming = R::Tcp::accept(&listener).await.unwrap();
                    R::Tcp::peer(&incoming)
                })
            })
            .collect();
        // Let all of them get there.
        R::sleep(Duration::from_millis(100)).await;
        let clients: Vec<_> = (0..4).map(|_| connect(addr)).collect();
        let mut accepted = HashSet::new();
        for task in tasks {
            accepted.insert(task.await);
        }
        assert_eq!(accepted, clients.iter().map(endpoint).collect());
    });
}

/// The silent peers, and after them one that sends its header.
fn crowd(addr: SocketAddr) -> JoinHandle<Vec<std::net::TcpStream>> {
    raise_descriptor_limit();
    thread::spawn(move || {
        let mut clients: Vec<_> = (0..SILENT).map(|_| connect(addr)).collect();
        clients.push(connect_and_send(addr, V1));
        clients
    })
}
