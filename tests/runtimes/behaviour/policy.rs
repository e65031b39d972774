//! The policy: asked before any byte, once, and what a panic costs (R12, R13, R79).

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net as unix;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;

use realpeer::proto::Address;
use realpeer::{AcceptError, Acceptor, Endpoint, Verdict, policy_fn};

use crate::client::{
    V1, V2, acceptor, connect, connect_and_send, connect_from, connect_unix_from, endpoint, host, is_closed,
    listener, listener_at, send_in_pieces, unix_name,
};
use crate::runtime::{Runtime, Sockets, Way, read_to_end};

pub fn is_asked_once_a_connection<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let asked = Arc::new(Mutex::new(HashMap::<Endpoint, u32>::new()));
            let acceptor = {
                let asked = asked.clone();
                Acceptor::new(policy_fn(move |peer| {
                    *asked.lock().unwrap().entry(peer.clone()).or_default() += 1;
                    Verdict::Require
                }))
            };
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor);
            for seed in 0..10 {
                let client = thread::spawn(move || {
                    let mut client = connect(addr);
                    send_in_pieces(&mut client, V2, seed).unwrap();
                    client
                });
                server.next().await.result.unwrap();
                let peer = endpoint(&client.join().unwrap());
                assert_eq!(asked.lock().unwrap().get(&peer), Some(&1), "{way:?}");
            }
            assert_eq!(asked.lock().unwrap().len(), 10);
        }
    });
}

/// Whatever they send is still there; and a bypassed client may well wait for the server to speak first.
pub fn r13_refused_and_bypassed_peers_are_not_read_from<R: Runtime>() {
    let policy = policy_fn(|peer| match host(peer) {
        Some(2) => Verdict::Refuse,
        Some(3) => Verdict::Bypass,
        _ => Verdict::Require,
    });
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &Acceptor::new(policy));
            for bytes in [V1, V2, &b"GET / HTTP/1.1\r\n\r\n"[..], b"\r"] {
                for from in [2, 3] {
                    let mut client = connect_from(from, addr);
                    client.write_all(bytes).unwrap();
                    client.shutdown(Shutdown::Write).unwrap();
                    let mut accepted = server.next().await;
                    match &accepted.result {
                        Err(AcceptError::Refused { .. }) => assert_eq!(from, 2),
                        Ok(established) => {
                            assert_eq!(from, 3);
                            assert_eq!(established.header(), None);
                            assert_eq!(established.proxy(), None);
                            assert_eq!(established.version(), None);
                            assert_eq!(established.source(), endpoint(&client).as_address());
                            assert_eq!(established.destination(), Some(addr.into()));
                        }
                        outcome => panic!("{way:?}: {outcome:?}"),
                    }
                    assert_eq!(read_to_end::<R::Tcp>(&mut accepted.stream).await, bytes, "{way:?}");
                }
            }

            let mut client = connect_from(3, addr);
            let mut accepted = server.next().await;
            accepted.result.unwrap();
            R::Tcp::write_all(&mut accepted.stream, b"220 ready").await.unwrap();
            let mut greeting = [0; 9];
            client.read_exact(&mut greeting).unwrap();
            assert_eq!(&greeting, b"220 ready");
        }
    });
}

/// A dual-stack listener names its IPv4 peers by mapped addresses. A policy that is written for IPv4 addresses means
/// them too, or a local client would be taken for a proxy, or a proxy's header for payload.
pub fn r13_mapped_peers_are_judged_by_their_ipv4_address<R: Runtime>() {
    let policies: [fn(&Endpoint) -> Verdict; 2] = [
        |peer| if peer.ip().is_some_and(|ip| ip.is_loopback()) { Verdict::Bypass } else { Verdict::Refuse },
        |peer| match peer {
            Endpoint::Inet(SocketAddr::V4(_)) => Verdict::Bypass,
            _ => Verdict::Refuse,
        },
    ];
    R::run(async {
        for way in Way::BOTH {
            for policy in policies {
                let (socket, addr) = listener_at("[::ffff:127.0.0.1]:0".parse().unwrap());
                let mut server = way.server::<R::Tcp>(socket, &Acceptor::new(policy_fn(policy)));
                let client = connect_and_send(SocketAddr::new(addr.ip().to_canonical(), addr.port()), V1);
                client.shutdown(Shutdown::Write).unwrap();
                let mut accepted = server.next().await;
                accepted.result.unwrap();
                assert_eq!(read_to_end::<R::Tcp>(&mut accepted.stream).await, V1, "{way:?}");
            }
        }
    });
}

/// Whoever may bind abstract names can have the proxy's with a NUL more.
pub fn r13_an_abstract_name_with_a_nul_more_is_not_believed<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let (listens_at, proxy) = (unix_name(), unix_name());
            let addr = unix::SocketAddr::from_abstract_name(&listens_at).unwrap();
            let socket = unix::UnixListener::bind_addr(&addr).unwrap();
            let policy = policy_fn({
                let proxy = proxy.clone();
                move |peer| match peer.as_address() {
                    Address::Unix(name) if name.as_abstract_name() == Some(proxy.as_bytes()) => {
                        Verdict::Require
                    }
                    _ => Verdict::Refuse,
                }
            });
            let mut server = way.server::<R::Unix>(socket, &Acceptor::new(policy));
            for (name, believed) in [(proxy.clone(), true), (format!("{proxy}\0"), false)] {
                let mut client = connect_unix_from(&name, &addr);
                client.write_all(V1).unwrap();
                match server.next().await.result {
                    Ok(_) => assert!(believed, "{way:?}"),
                    Err(error) => assert_eq!((error.kind(), believed), ("refused", false), "{way:?}"),
                }
            }
        }
    });
}

/// A policy that panics is the server's own fault, so the server hears of it. The connection is closed, the pending
/// ones and the listener are as they were.
pub fn a_panic_in_it_reaches_the_caller_and_costs_one_connection<R: Runtime>() {
    let policy = policy_fn(|peer| {
        assert!(host(peer) != Some(2), "this policy panics, as the test wants");
        Verdict::Require
    });
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let acceptor = Acceptor::new(policy).with_config(*acceptor().config());
            let mut server = way.server::<R::Tcp>(socket, &acceptor);
            let pending = (way == Way::Ready).then(|| connect(addr));
            let mut unlucky = connect_from(2, addr);
            let good = connect_and_send(addr, V1);

            assert!(catch(server.next()).await.is_err(), "{way:?}");
            assert!(is_closed(&mut unlucky), "{way:?}");
            let accepted = server.next().await;
            assert_eq!(accepted.peer, endpoint(&good), "{way:?}");
            accepted.result.unwrap();
            if let Some(mut pending) = pending {
                pending.write_all(V1).unwrap();
                let accepted = server.next().await;
                assert_eq!(accepted.peer, endpoint(&pending));
                accepted.result.unwrap();
            }
            assert_eq!(acceptor.counts().v1, if way == Way::Ready { 2 } else { 1 });
        }
    });
}

pub fn a_panic_of_the_server_after_accepting_costs_one_connection<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor());
            let mut unlucky = connect_and_send(addr, V1);
            let mut good = connect_and_send(addr, V1);

            let accepted = server.next().await;
            assert_eq!(accepted.peer, endpoint(&unlucky));
            let task = R::spawn(async move {
                let _stream = accepted.stream;
                panic!("this server panics, as the test wants");
            });
            let other = server.next().await;
            assert_eq!(other.peer, endpoint(&good));
            let mut stream = other.stream;
            R::Tcp::write_all(&mut stream, b"ok").await.unwrap();
            assert!(catch(task).await.is_err());

            assert!(is_closed(&mut unlucky));
            let mut answer = [0; 2];
            good.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"ok");
        }
    });
}

/// The future's output, or its panic.
async fn catch<T>(future: impl Future<Output = T>) -> thread::Result<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}
