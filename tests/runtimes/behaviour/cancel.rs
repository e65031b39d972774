//! Futures dropped at any time: what is lost, and what is not. Asynchronous runtimes only.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::future::{Future, poll_fn};
use std::io::Write;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use super::resources::descriptors_after_a_turn;
use crate::client::{
    SOURCE, V1, V2, V2_DGRAM, acceptor, connect, connect_and_send, endpoint, listener, random,
    send_in_pieces, udp, wait_for_unread,
};
use crate::harness::descriptors;
use crate::runtime::{Asynchronous, Datagrams, Sockets, Way, read_to_end};

/// Polled once and dropped, again and again.
pub fn listener_accept_loses_no_connection<R: Asynchronous>() {
    R::run(async {
        let (socket, addr) = listener();
        let listener = R::Tcp::listener(socket, acceptor());
        assert!(poll_once(R::Tcp::accept(&listener)).await.is_none());
        let clients = thread::spawn(move || {
            let connect = |n: u64| {
                thread::sleep(Duration::from_micros(200 * (n % 5)));
                connect(addr)
            };
            (0..100).map(connect).collect::<Vec<_>>()
        });
        let mut accepted = Vec::new();
        let mut state = 1;
        while accepted.len() < 100 {
            match poll_once(R::Tcp::accept(&listener)).await {
                Some(incoming) => accepted.push(R::Tcp::peer(&incoming.unwrap())),
                None => R::sleep(Duration::from_micros(random(&mut state) % 500)).await,
            }
        }
        let clients = clients.join().unwrap();
        let peers: HashSet<_> = accepted.iter().cloned().collect();
        assert_eq!(peers, clients.iter().map(endpoint).collect());
    });
}

/// The handshakes go on where they were, whenever `accept` is called again. No header is complete before it has been
/// dropped ten times.
pub fn ready_accept_loses_no_connection_and_no_byte<R: Asynchronous>() {
    const CLIENTS: u16 = 40;
    let dropped = Arc::new(AtomicUsize::new(0));
    R::run(async {
        let (socket, addr) = listener();
        let mut ready = R::Tcp::ready(socket, acceptor(), 16);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|n| {
                let dropped = dropped.clone();
                thread::spawn(move || {
                    let mut client = connect(addr);
                    let bytes = bytes_of(n);
                    let (first, second) = bytes.split_at(usize::from(n));
                    send_in_pieces(&mut client, first, n.into()).unwrap();
                    while dropped.load(Ordering::SeqCst) < 10 {
                        thread::sleep(Duration::from_millis(1));
                    }
                    send_in_pieces(&mut client, second, n.into()).unwrap();
                    client.shutdown(Shutdown::Write).unwrap();
                    client
                })
            })
            .collect();
        let mut accepted = HashMap::new();
        let mut state = 2;
        while accepted.len() < usize::from(CLIENTS) {
            if let Some(next) = poll_once(R::Tcp::accept_ready(&mut ready)).await {
                let mut next = next.unwrap();
                let port = next.result.unwrap().source().socket_addr().unwrap().port();
                let rest = read_to_end::<R::Tcp>(&mut next.stream).await;
                assert!(accepted.insert(port, rest).is_none());
            } else {
                dropped.fetch_add(1, Ordering::SeqCst);
                R::sleep(Duration::from_micros(random(&mut state) % 300)).await;
            }
        }
        for (n, client) in (0..CLIENTS).zip(clients) {
            client.join().unwrap();
            assert!(bytes_of(n).ends_with(&accepted[&n]));
            assert_eq!(accepted[&n].len(), 200);
        }
    });
}

/// A header with a port of its own, and 200 bytes that no other connection has.
fn bytes_of(n: u16) -> Vec<u8> {
    let mut bytes = format!("PROXY TCP4 192.0.2.1 198.51.100.2 {n} 443\r\n").into_bytes();
    let mut state = n.into();
    bytes.extend((0..200).map(|_| random(&mut state).to_le_bytes()[0]));
    bytes
}

pub fn handshake_before_a_byte_came_loses_nothing<R: Asynchronous>() {
    R::run(async {
        for way in Way::BOTH {
            let acceptor = acceptor();
            let (socket, addr) = listener();
            let mut client = connect(addr);
            let (mut stream, peer) = match way {
                // Not polled at all, and polled while there is nothing to be read.
                Way::Listener => {
                    let listener = R::Tcp::listener(socket, acceptor.clone());
                    let mut incoming = R::Tcp::accept(&listener).await.unwrap();
                    drop(R::Tcp::shake(&mut incoming));
                    for _ in 0..5 {
                        assert!(poll_once(R::Tcp::shake(&mut incoming)).await.is_none());
                        R::sleep(Duration::from_millis(1)).await;
                    }
                    let peer = R::Tcp::peer(&incoming);
                    (R::Tcp::into_stream(incoming), peer)
                }
                Way::Ready => {
                    let (stream, peer) = socket.accept().unwrap();
                    (R::Tcp::stream(stream), peer.into())
                }
            };
            for _ in 0..5 {
                assert!(poll_once(R::Tcp::handshake(&acceptor, &mut stream, peer.clone())).await.is_none());
            }
            client.write_all(&[V1, b"payload"].concat()).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let established = R::Tcp::handshake(&acceptor, &mut stream, peer).await.unwrap();
            assert_eq!(established.source().to_string(), SOURCE);
            assert_eq!(read_to_end::<R::Tcp>(&mut stream).await, b"payload");
        }
    });
}

/// The bytes of the header that had arrived are lost with the future; the others are there, and so is the payload.
pub fn handshake_in_the_header_loses_what_came_of_it_and_no_more<R: Asynchronous>() {
    R::run(async {
        for header in [V1, V2] {
            for cut in 1..header.len() {
                let (socket, addr) = listener();
                let mut client = connect(addr);
                let (stream, peer) = socket.accept().unwrap();
                let watch = stream.as_fd().try_clone_to_owned().unwrap();
                let mut stream = R::Tcp::stream(stream);

                client.write_all(&header[..cut]).unwrap();
                wait_for_unread(&watch, cut as u64);
                let acceptor = acceptor();
                {
                    let mut handshake = pin!(R::Tcp::handshake(&acceptor, &mut stream, peer.into()));
                    while rustix::io::ioctl_fionread(&watch).unwrap() > 0 {
                        assert!(poll_once(handshake.as_mut()).await.is_none());
                        R::sleep(Duration::from_micros(100)).await;
                    }
                }
                client.write_all(&[&header[cut..], b"payload"].concat()).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
                let rest = [&header[cut..], b"payload"].concat();
                assert_eq!(read_to_end::<R::Tcp>(&mut stream).await, rest, "cut at {cut}");
            }
        }
    });
}

/// While a peer is silent nobody looks whether it still is: what polls there are can be counted on two hands.
pub fn silence_is_not_polled<R: Asynchronous>() {
    const TIMEOUT: Duration = Duration::from_millis(400);
    R::run(async {
        for way in Way::BOTH {
            for sent in [&b""[..], &V1[..20]] {
                let (socket, addr) = listener();
                let mut server = way.server::<R::Tcp>(socket, &acceptor().with_timeout(TIMEOUT));
                let _client = connect_and_send(addr, sent);
                let polls = Cell::new(0);
                let accepted = counted(server.next(), &polls).await;
                assert_eq!(accepted.result.unwrap_err().kind(), "timeout");
                assert!((1..=10).contains(&polls.get()), "{way:?}: {} polls", polls.get());
            }
        }
    });
}

/// The handshakes are dropped before and in the header, a listener while it waits.
pub fn dropped_futures_leak_no_descriptor<R: Asynchronous>() {
    R::run(async {
        let (socket, addr) = listener();
        let listener = R::Tcp::listener(socket, acceptor());
        assert!(poll_once(R::Tcp::accept(&listener)).await.is_none());
        let at_first = descriptors();
        for n in 0..100 {
            let client = connect_and_send(addr, &V1[..n % 40]);
            let mut incoming = R::Tcp::accept(&listener).await.unwrap();
            {
                let mut handshake = pin!(R::Tcp::shake(&mut incoming));
                for _ in 0..3 {
                    assert!(poll_once(handshake.as_mut()).await.is_none());
                    R::sleep(Duration::from_micros(100)).await;
                }
            }
            assert!(poll_once(R::Tcp::accept(&listener)).await.is_none());
            drop((client, incoming));
        }
        assert_eq!(descriptors_after_a_turn::<R>().await, at_first);
    });
}

/// Polled once and dropped, again and again; and dropped with a datagram that has arrived meanwhile.
pub fn dropped_futures_lose_no_datagram<R: Asynchronous>() {
    const DATAGRAMS: u8 = 100;
    R::run(async {
        let acceptor = acceptor();
        let ((socket, addr), (client, _)) = (udp(1), udp(1));
        let watch = socket.try_clone().unwrap();
        let receiver = R::Udp::socket(socket);
        let mut buffer = [0; 100];
        {
            let mut receiving = pin!(receiver.recv_from(&acceptor, &mut buffer));
            assert!(poll_once(receiving.as_mut()).await.is_none());
            client.send_to(&[V2_DGRAM, b"first"].concat(), addr).unwrap();
            wait_for_unread(&watch, V2_DGRAM.len() as u64 + 5);
        }
        let (outcome, _) = receiver.recv_from(&acceptor, &mut buffer).await.unwrap();
        assert_eq!(outcome.unwrap().payload(), b"first");
        assert!(poll_once(receiver.recv_from(&acceptor, &mut buffer)).await.is_none());

        let sender = thread::spawn(move || {
            for n in 0..DATAGRAMS {
                client.send_to(&[V2_DGRAM, &[n]].concat(), addr).unwrap();
                thread::sleep(Duration::from_micros(200 * (u64::from(n) % 5)));
            }
        });
        let mut received = HashSet::new();
        let mut state = 3;
        while received.len() < DATAGRAMS.into() {
            if let Some(next) = poll_once(receiver.recv_from(&acceptor, &mut buffer)).await {
                assert!(received.insert(next.unwrap().0.unwrap().payload().to_vec()));
            } else {
                R::sleep(Duration::from_micros(random(&mut state) % 500)).await;
            }
        }
        sender.join().unwrap();
        assert_eq!(acceptor.counts().v2, 1 + u64::from(DATAGRAMS));
    });
}

pub fn silent_socket_is_not_polled<R: Asynchronous>() {
    R::run(async {
        let acceptor = acceptor();
        let ((socket, addr), (client, _)) = (udp(1), udp(1));
        let receiver = R::Udp::socket(socket);
        let sender = thread::spawn(move || {
            thread::sleep(Duration::from_millis(400));
            client.send_to(V2_DGRAM, addr).unwrap();
        });
        let polls = Cell::new(0);
        let mut buffer = [0; 100];
        let (outcome, _) = counted(receiver.recv_from(&acceptor, &mut buffer), &polls).await.unwrap();
        outcome.unwrap();
        assert!((1..=10).contains(&polls.get()), "{} polls", polls.get());
        sender.join().unwrap();
    });
}

/// The future's output if it is ready at once. The task is woken as if it waited.
pub async fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// The future's output, its polls counted.
async fn counted<F: Future>(future: F, polls: &Cell<u32>) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        polls.set(polls.get() + 1);
        future.as_mut().poll(cx)
    })
    .await
}
