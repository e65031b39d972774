//! File descriptors: running out of them, and giving all of them back. Each test has a process of its own.

use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use realpeer::{AcceptError, Acceptor, Verdict, policy_fn};
use rustix::io::Errno;

use crate::client::{
    HALF_CLOSE, RESET, SOURCE, V1, acceptor, connect, connect_and_send, connect_from, endpoint, host,
    listener,
};
use crate::harness::{cpu_time, descriptors, lower_descriptor_limit};
use crate::runtime::{Runtime, Sockets, Way};

/// How long there are no descriptors. A loop that does not pause would take all of it.
const OUT: Duration = Duration::from_secs(1);

pub fn out_of_descriptors<R: Runtime>() {
    out_of_descriptors_on::<R>(Way::Listener);
}

pub fn out_of_descriptors_with_a_ready_listener<R: Runtime>() {
    out_of_descriptors_on::<R>(Way::Ready);
}

/// The connection that waits meanwhile is accepted as soon as there are descriptors again; until then the server
/// sleeps, but for a pending handshake that can go on.
fn out_of_descriptors_on<R: Runtime>(way: Way) {
    let asked = Arc::new(AtomicUsize::new(0));
    let acceptor = {
        let asked = asked.clone();
        Acceptor::new(policy_fn(move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            Verdict::Require
        }))
        .with_config(*acceptor().config())
    };
    R::run(async {
        let (socket, addr) = listener();
        let mut server = way.server::<R::Tcp>(socket, &acceptor);
        let mut pending = (way == Way::Ready).then(|| connect(addr));
        let first = connect_and_send(addr, V1);
        let accepted_first = server.next().await;
        assert_eq!(accepted_first.peer, endpoint(&first));
        let asked_before = asked.load(Ordering::SeqCst);

        let waiting = connect_and_send(addr, V1);
        let hoard = Hoard::all_descriptors();
        let cpu = cpu_time();
        let release = hoard.release_after(OUT, asked.clone());
        let mut held = Vec::new();

        if let Some(pending) = &mut pending {
            pending.write_all(V1).unwrap();
            let accepted = server.next().await;
            assert_eq!(accepted.peer, endpoint(pending));
            accepted.result.as_ref().unwrap();
            assert_eq!(asked.load(Ordering::SeqCst), asked_before);
            // Closing it would give the server a descriptor.
            held.push(accepted);
        }
        let accepted = server.next().await;
        let spent = cpu_time().saturating_sub(cpu);
        assert_eq!(accepted.peer, endpoint(&waiting), "{way:?}");
        assert_eq!(accepted.result.unwrap().source().to_string(), SOURCE);
        assert_eq!(release.join().unwrap(), asked_before, "it was accepted without a descriptor");
        assert!(spent < OUT / 3, "{spent:?} of processor time within {OUT:?}");
    });
}

/// All the descriptors that the process may have.
struct Hoard {
    files: Vec<File>,
}

impl Hoard {
    fn all_descriptors() -> Self {
        lower_descriptor_limit(descriptors() + 20);
        let mut files = Vec::new();
        loop {
            match File::open("/dev/null") {
                Ok(file) => files.push(file),
                Err(error) => {
                    assert_eq!(error.raw_os_error(), Some(Errno::MFILE.raw_os_error()));
                    assert!(!files.is_empty());
                    return Self { files };
                }
            }
        }
    }

    /// Gives them back after a while; the count as it was right before.
    fn release_after(self, time: Duration, count: Arc<AtomicUsize>) -> JoinHandle<usize> {
        thread::spawn(move || {
            thread::sleep(time);
            let count = count.load(Ordering::SeqCst);
            drop(self.files);
            count
        })
    }
}

/// A hundred connections of each kind, and the listener itself in the end.
pub fn no_descriptor_is_leaked<R: Runtime>() {
    type Client = fn(SocketAddr) -> Option<TcpStream>;
    let rows: [(Client, &str); 9] = [
        (|addr| Some(connect_and_send(addr, V1)), ""),
        (|addr| Some(connect_from(3, addr)), ""),
        (|addr| Some(connect_from(2, addr)), "refused"),
        (|addr| RESET(connect(addr)), "closed"),
        (|addr| HALF_CLOSE(connect_and_send(addr, &V1[..20])), "protocol"),
        (|addr| Some(connect_and_send(addr, b"GET / HTTP/1.1\r\n\r\n")), "protocol"),
        (|addr| Some(connect_and_send(addr, &V1[..20])), "timeout"),
        (|addr| RESET(connect_and_send(addr, &V1[..20])), "io"),
        (|addr| HALF_CLOSE(connect(addr)), "closed"),
    ];
    let policy = policy_fn(|peer| match host(peer) {
        Some(2) => Verdict::Refuse,
        Some(3) => Verdict::Bypass,
        _ => Verdict::Require,
    });
    R::run(async {
        // Runtimes open descriptors of their own when they are first used.
        let (socket, addr) = listener();
        let mut server = Way::Ready.server::<R::Tcp>(socket, &acceptor());
        drop(connect_and_send(addr, V1));
        server.next().await.result.unwrap();
        drop(server);

        for way in Way::BOTH {
            let at_first = descriptors();
            let (socket, addr) = listener();
            let acceptor = Acceptor::new(policy).with_timeout(Duration::from_millis(10));
            let mut server = way.server::<R::Tcp>(socket, &acceptor);
            let with_server = descriptors();
            for (client, kind) in rows {
                for _ in 0..100 {
                    let client = client(addr);
                    let accepted = server.next().await;
                    let found = accepted.result.as_ref().map_err(AcceptError::kind).err().unwrap_or_default();
                    assert_eq!(found, kind, "{way:?}");
                    drop((client, accepted));
                }
                assert_eq!(
                    descriptors_after_a_turn::<R>().await,
                    with_server,
                    "{way:?}: after 100 times {kind:?}"
                );
            }
            drop(server);
            assert_eq!(descriptors_after_a_turn::<R>().await, at_first, "{way:?}: the listener itself");
        }
        pending_ones_go_with_the_listener::<R>().await;
    });
}

async fn pending_ones_go_with_the_listener<R: Runtime>() {
    let at_first = descriptors();
    let (socket, addr) = listener();
    let mut ready = R::Tcp::ready(socket, acceptor(), 100);
    let mut clients: Vec<_> = (0..50).map(|_| connect(addr)).collect();
    clients.push(connect_and_send(addr, V1));
    R::Tcp::accept_ready(&mut ready).await.unwrap().result.unwrap();
    assert_eq!(R::Tcp::pending(&ready), 50);
    drop((ready, clients));
    assert_eq!(descriptors_after_a_turn::<R>().await, at_first);
}

/// How many there are when the runtime has had a turn: until then the kernel may keep what a dropped future waited for.
pub async fn descriptors_after_a_turn<R: Runtime>() -> usize {
    R::sleep(Duration::from_millis(5)).await;
    descriptors()
}
