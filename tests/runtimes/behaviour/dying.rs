//! Listeners that fail, are drained or reject, and sockets that look readable but are not.

use std::io::{self, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use nix::sys::socket::{TimestampingFlag, setsockopt, sockopt};
use realpeer::{AcceptError, Acceptor, Endpoint, Established, Verdict, policy_fn};
use rustix::io::Errno;

use crate::client::{
    SOURCE, V1, acceptor, connect, connect_and_send, connect_from, endpoint, host, is_closed, listener,
    no_listener,
};
use crate::harness::cpu_time;
use crate::runtime::{Buffering, Runtime, Sockets, TcpStreamOf, Way};

/// One peer is silent and one is about to send its header when the listening socket fails.
pub fn a_listener_that_fails_strands_nobody<R: Runtime>() {
    R::run(async {
        let (socket, addr) = listener();
        let handle = socket.try_clone().unwrap();
        let mut ready = R::Tcp::ready(socket, acceptor().with_timeout(Duration::from_millis(500)), 8);
        let (silent, mut slow) = (connect(addr), connect(addr));
        let quick = connect_and_send(addr, V1);
        assert_eq!(R::Tcp::accept_ready(&mut ready).await.unwrap().peer, endpoint(&quick));
        assert_eq!(R::Tcp::pending(&ready), 2);

        rustix::net::shutdown(&handle, rustix::net::Shutdown::Both).unwrap();
        slow.write_all(V1).unwrap();
        let accepted = R::Tcp::accept_ready(&mut ready).await.unwrap();
        assert_eq!(accepted.peer, endpoint(&slow));
        assert_eq!(accepted.result.unwrap().source().to_string(), SOURCE);
        let accepted = R::Tcp::accept_ready(&mut ready).await.unwrap();
        assert_eq!(accepted.peer, endpoint(&silent));
        assert_eq!(accepted.result.unwrap_err().kind(), "timeout");
        for _ in 0..2 {
            let error = R::Tcp::accept_ready(&mut ready).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
    });
}

/// Each accept fails at once, with an error that a connection might have.
pub fn an_error_without_end_is_reported_and_makes_nobody_spin<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let socket = no_listener();
            let (before, cpu) = (Instant::now(), cpu_time());
            let error = match way {
                Way::Listener => R::Tcp::accept(&R::Tcp::listener(socket, acceptor())).await.err().unwrap(),
                Way::Ready => {
                    R::Tcp::accept_ready(&mut R::Tcp::ready(socket, acceptor(), 8)).await.unwrap_err()
                }
            };
            let (took, spent) = (before.elapsed(), cpu_time().saturating_sub(cpu));
            assert!(error.to_string().starts_with("accepting failed "), "{way:?}: {error}");
            assert_eq!(error.kind(), io::Error::from(Errno::OPNOTSUPP).kind());
            assert!(spent < took / 3, "{way:?}: {spent:?} of processor time within {took:?}");
        }
    });
}

pub fn a_drained_listener_hands_out_the_pending_and_accepts_nobody<R: Runtime>() {
    R::run(async {
        let acceptor = acceptor().with_timeout(Duration::from_millis(500));
        let (socket, addr) = listener();
        let mut ready = R::Tcp::ready(socket, acceptor.clone(), 8);
        assert!(R::Tcp::drain(&mut ready).await.is_none());
        let (silent, mut slow) = (connect(addr), connect(addr));
        let quick = connect_and_send(addr, V1);
        assert_eq!(R::Tcp::accept_ready(&mut ready).await.unwrap().peer, endpoint(&quick));

        let late = connect_and_send(addr, V1);
        slow.write_all(V1).unwrap();
        let drained = R::Tcp::drain(&mut ready).await.unwrap();
        assert_eq!(drained.peer, endpoint(&slow));
        assert_eq!(drained.result.unwrap().source().to_string(), SOURCE);
        let drained = R::Tcp::drain(&mut ready).await.unwrap();
        assert_eq!(drained.peer, endpoint(&silent));
        assert_eq!(drained.result.unwrap_err().kind(), "timeout");
        assert!(R::Tcp::drain(&mut ready).await.is_none());
        assert_eq!((acceptor.counts().v1, acceptor.counts().timeout), (2, 1));

        // Nothing is lost by it: whoever accepts again gets the newcomer.
        assert_eq!(R::Tcp::accept_ready(&mut ready).await.unwrap().peer, endpoint(&late));
    });
}

pub fn rejected_connections_reach_the_hook<R: Runtime>() {
    let policy = |peer: &Endpoint| if host(peer) == Some(2) { Verdict::Refuse } else { Verdict::Require };
    R::run(async {
        let (rejected, hook) = rejections();
        let (socket, addr) = listener();
        let acceptor = Acceptor::new(policy_fn(policy)).with_config(*acceptor().config());
        let mut established = R::Tcp::established(socket, acceptor, hook);
        let mut stranger = connect_from(2, addr);
        let mut broken = connect_and_send(addr, b"GET / HTTP/1.1\r\n");
        let good = connect_and_send(addr, V1);
        let (_stream, accepted) = R::Tcp::accept_established(&mut established).await.unwrap();
        assert_eq!(accepted.peer(), &endpoint(&good));
        let expected = [(endpoint(&stranger), "refused"), (endpoint(&broken), "protocol")];
        assert_eq!(*rejected.lock().unwrap(), expected);
        assert!(is_closed(&mut stranger) && is_closed(&mut broken));
    });
}

/// Of the pending connections one sends a header, one nothing, and one something else.
pub fn a_drained_established_listener_hands_out_who_passes<R: Runtime>() {
    R::run(async {
        let (rejected, hook) = rejections();
        let (socket, addr) = listener();
        let acceptor = acceptor().with_timeout(Duration::from_millis(500));
        let mut established = R::Tcp::established(socket, acceptor, hook);
        assert_eq!(R::Tcp::pending_established(&established), 0);
        assert!(R::Tcp::drain_established(&mut established).await.is_none());
        let (silent, mut slow, mut broken) = (connect(addr), connect(addr), connect(addr));
        let quick = connect_and_send(addr, V1);
        let (_stream, accepted) = R::Tcp::accept_established(&mut established).await.unwrap();
        assert_eq!(accepted.peer(), &endpoint(&quick));
        assert_eq!(R::Tcp::pending_established(&established), 3);

        broken.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        slow.write_all(V1).unwrap();
        let (_stream, drained) = R::Tcp::drain_established(&mut established).await.unwrap();
        assert_eq!((drained.peer(), drained.source().to_string()), (&endpoint(&slow), SOURCE.to_owned()));
        assert!(R::Tcp::drain_established(&mut established).await.is_none());
        let mut rejected = rejected.lock().unwrap().clone();
        rejected.sort_unstable_by_key(|(_, kind)| *kind);
        assert_eq!(rejected, [(endpoint(&broken), "protocol"), (endpoint(&silent), "timeout")]);
    });
}

/// Returns a hook and the list that it adds to.
fn rejections() -> (Rejections, impl FnMut(&Endpoint, &AcceptError) + Send + 'static) {
    let rejected = Rejections::default();
    let hook = {
        let rejected = rejected.clone();
        move |peer: &Endpoint, error: &AcceptError| {
            rejected.lock().unwrap().push((peer.clone(), error.kind()));
        }
    };
    (rejected, hook)
}

/// The peers of connections that were rejected, and the kinds of their errors.
type Rejections = Arc<Mutex<Vec<(Endpoint, &'static str)>>>;

pub fn an_error_queue_is_not_readable<R: Runtime>() {
    wait_with_an_error_queue::<R>(async |acceptor, mut stream, peer| {
        R::Tcp::handshake(&acceptor, &mut stream, peer).await
    });
}

pub fn buffered_error_queue_is_not_readable<R: Runtime<Tcp: Buffering>>() {
    wait_with_an_error_queue::<R>(async |acceptor, stream, peer| {
        R::Tcp::handshake_buffered(&acceptor, &mut R::Tcp::buffered(stream, 4096), peer).await
    });
}

/// The server's own bytes have been sent, and when is in the error queue: the socket is in error, and not readable.
fn wait_with_an_error_queue<R: Runtime>(
    handshake: impl AsyncFn(Acceptor, TcpStreamOf<R>, Endpoint) -> Result<Established, AcceptError>,
) {
    const TIMEOUT: Duration = Duration::from_millis(600);
    R::run(async {
        for sent in [&b""[..], &V1[..20], V1] {
            let (socket, addr) = listener();
            let mut client = connect(addr);
            let (mut stream, peer) = socket.accept().unwrap();
            let flags =
                TimestampingFlag::SOF_TIMESTAMPING_TX_SOFTWARE | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
            setsockopt(&stream, sockopt::Timestamping, &flags).unwrap();
            stream.write_all(b"220 ready").unwrap();
            let sender = thread::spawn(move || {
                sleep(TIMEOUT / 3);
                client.write_all(sent).unwrap();
                client
            });

            let stream = R::Tcp::stream(stream);
            let (before, cpu) = (Instant::now(), cpu_time());
            let outcome = handshake(acceptor().with_timeout(TIMEOUT), stream, peer.into()).await;
            let (took, spent) = (before.elapsed(), cpu_time().saturating_sub(cpu));
            match outcome {
                Ok(established) => {
                    assert_eq!((established.source().to_string(), sent), (SOURCE.into(), V1));
                }
                Err(error) => assert_eq!((error.kind(), error.taken()), ("timeout", sent)),
            }
            assert!(took < 3 * TIMEOUT, "{took:?}");
            assert!(spent < took / 3, "{spent:?} of processor time within {took:?}");
            drop(sender.join().unwrap().shutdown(Shutdown::Both));
        }
    });
}
