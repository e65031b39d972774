//! What only blocking sockets of std have: modes and time-outs of their own, which are the caller's, and threads.

use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::signal::Signal;
use realpeer::blocking::{
    EstablishedListener, Listener, ReadyListener, handshake, handshake_buf_read, recv_from,
};
use realpeer::{AcceptError, Counts, Established};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::time::{ClockId, clock_gettime};
use signal_hook::consts::SIGUSR1;

use crate::client::{
    LOCAL, SOURCE, V1, V2_DGRAM, acceptor, connect, connect_and_send, endpoint, listener, no_listener, udp,
};
use crate::harness::bounded;

const SHORT: Duration = Duration::from_millis(500);

#[test]
fn handshake_changes_neither_mode_nor_time_outs() {
    bounded(|| {
        for nonblocking in [false, true] {
            for sent in [V1, b"GET / HTTP/1.1\r\n", &V1[..20]] {
                let (mut client, server) = pair();
                client.write_all(sent).unwrap();
                server.set_nonblocking(nonblocking).unwrap();
                server.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
                server.set_write_timeout(Some(Duration::from_millis(2500))).unwrap();
                let acceptor = acceptor().with_timeout(Duration::from_millis(100));
                let _ = handshake(&acceptor, &server, endpoint(&client));
                assert_eq!(is_nonblocking(&server), nonblocking);
                assert_eq!(server.read_timeout().unwrap(), Some(Duration::from_millis(1500)));
                assert_eq!(server.write_timeout().unwrap(), Some(Duration::from_millis(2500)));
            }
        }
    });
}

/// A read time-out of the socket's own, shorter than the pauses of the peer, does not end the handshake.
#[test]
fn handshake_does_not_use_the_time_outs() {
    bounded(|| {
        for nonblocking in [false, true] {
            let (mut client, server) = pair();
            server.set_nonblocking(nonblocking).unwrap();
            server.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
            let peer = endpoint(&client);
            let sender = thread::spawn(move || {
                for piece in V1.chunks(15) {
                    sleep(Duration::from_millis(50));
                    client.write_all(piece).unwrap();
                }
                client
            });
            let established = handshake(&acceptor(), &server, peer).unwrap();
            assert_eq!(established.source().to_string(), SOURCE);
            sender.join().unwrap();
        }
    });
}

/// A silent peer costs the waiting thread no processor time to speak of, whatever the mode of the socket.
#[test]
fn handshake_sleeps_while_it_waits() {
    bounded(|| {
        for nonblocking in [false, true] {
            for sent in [&b""[..], &V1[..20]] {
                let (mut client, server) = pair();
                client.write_all(sent).unwrap();
                server.set_nonblocking(nonblocking).unwrap();
                let peer = endpoint(&client);
                check_silent(sent.len(), || handshake(&acceptor().with_timeout(SHORT), &server, peer));
            }
        }
    });
}

/// Through a buffer too, and it ends in time whatever the mode of the socket, which stays as it was.
#[test]
fn buffered_handshake_sleeps_while_it_waits() {
    bounded(|| {
        for nonblocking in [false, true] {
            for sent in [&b""[..], &V1[..20]] {
                let (mut client, server) = pair();
                client.write_all(sent).unwrap();
                server.set_nonblocking(nonblocking).unwrap();
                let mut server = BufReader::new(server);
                let (acceptor, peer) = (acceptor().with_timeout(SHORT), endpoint(&client));
                check_silent(sent.len(), || handshake_buf_read(&acceptor, &mut server, peer));
                assert_eq!(is_nonblocking(server.get_ref()), nonblocking);
            }
        }
    });
}

#[test]
fn buffered_handshake_works_in_either_mode_and_asks_the_socket_for_its_address() {
    bounded(|| {
        for nonblocking in [false, true] {
            let (mut client, server) = pair();
            server.set_nonblocking(nonblocking).unwrap();
            let addr = server.local_addr().unwrap();
            let peer = endpoint(&client);
            let sender = thread::spawn(move || {
                for piece in LOCAL.chunks(5) {
                    client.write_all(piece).unwrap();
                    sleep(Duration::from_millis(20));
                }
                client.write_all(b"ping").unwrap();
            });
            let mut server = BufReader::new(&server);
            let established = handshake_buf_read(&acceptor(), &mut server, peer.clone()).unwrap();
            assert_eq!(established.source(), peer.as_address());
            assert_eq!(established.destination(), Some(addr.into()));
            sender.join().unwrap();
            let mut ping = [0; 4];
            server.read_exact(&mut ping).unwrap();
            assert_eq!(&ping, b"ping");
        }
    });
}

/// Streams over a socket, such as TLS, may be interrupted, or have nothing yet although the socket has.
#[test]
fn buffered_handshake_reads_again_after_an_interruption_and_where_nothing_has_come_out_yet() {
    bounded(|| {
        for kind in [io::ErrorKind::Interrupted, io::ErrorKind::WouldBlock] {
            let (mut client, server) = pair();
            client.write_all(V1).unwrap();
            client.write_all(b"ping").unwrap();
            let mut server = BufReader::new(Reluctant { stream: &server, error: Some(kind) });
            let established = handshake_buf_read(&acceptor(), &mut server, endpoint(&client));
            let established = established.unwrap_or_else(|error| panic!("{kind:?}: {error}"));
            assert_eq!(established.source().to_string(), SOURCE);
            let mut ping = [0; 4];
            server.read_exact(&mut ping).unwrap();
            assert_eq!(&ping, b"ping");
        }
    });
}

#[test]
fn ready_listener_sleeps_while_it_waits() {
    bounded(|| {
        let (socket, addr) = listener();
        let acceptor = acceptor().with_timeout(SHORT);
        let mut ready = Listener::new(socket, acceptor).into_ready(2).unwrap();
        let _silent: Vec<_> = (0..3).map(|n| connect_and_send(addr, &V1[..10 * n])).collect();
        assert_eq!(asleep(|| ready.accept().unwrap().result.unwrap_err().kind()), "timeout");
    });
}

#[test]
fn ready_listener_hands_out_blocking_streams() {
    bounded(|| {
        for nonblocking in [false, true] {
            let (socket, addr) = listener();
            socket.set_nonblocking(nonblocking).unwrap();
            let mut ready = Listener::new(socket, acceptor()).into_ready(8).unwrap();
            let mut slow = connect(addr);
            let quick = connect_and_send(addr, V1);
            let accepted = ready.accept().unwrap();
            assert_eq!(accepted.peer, endpoint(&quick));
            assert!(!is_nonblocking(&accepted.stream));
            slow.write_all(V1).unwrap();
            let accepted = ready.accept().unwrap();
            assert_eq!(accepted.peer, endpoint(&slow));
            assert!(!is_nonblocking(&accepted.stream));
        }
    });
}

/// The mode is that of the open file, which other processes may share.
#[test]
fn ready_listener_gives_the_socket_its_mode_back() {
    bounded(|| {
        for nonblocking in [false, true] {
            for dropped in [false, true] {
                let (socket, _) = listener();
                socket.set_nonblocking(nonblocking).unwrap();
                let shared = socket.try_clone().unwrap();
                let ready = Listener::new(socket, acceptor()).into_ready(8).unwrap();
                assert!(is_nonblocking(&shared));
                if dropped {
                    drop(ready);
                } else {
                    let (socket, _) = ready.into_parts();
                    assert_eq!(is_nonblocking(&socket), nonblocking);
                }
                assert_eq!(is_nonblocking(&shared), nonblocking);
            }
        }
    });
}

#[test]
fn ready_listener_waits_no_longer_than_it_is_told() {
    bounded(|| {
        let (socket, addr) = listener();
        let mut ready = Listener::new(socket, acceptor()).into_ready(8).unwrap();
        let _silent = connect(addr);
        let before = Instant::now();
        assert!(asleep(|| ready.accept_timeout(SHORT)).unwrap().is_none());
        assert!(before.elapsed() >= SHORT);
        assert_eq!(ready.pending(), 1);
        let client = connect_and_send(addr, V1);
        let finished = ready.accept_timeout(Duration::from_secs(60)).unwrap().unwrap();
        assert_eq!(finished.peer, endpoint(&client));
    });
}

/// The pauses between failed accepts hold even if the caller never waits: the error comes after a second, not at once.
#[test]
fn ready_listener_pauses_also_for_callers_who_do_not_wait() {
    bounded(|| {
        let mut ready = ReadyListener::new(no_listener(), acceptor(), 8).unwrap();
        let before = Instant::now();
        let error = loop {
            match ready.accept_timeout(Duration::ZERO) {
                Ok(finished) => assert!(finished.is_none()),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().starts_with("accepting failed "), "{error}");
        assert!(before.elapsed() > Duration::from_millis(900), "{:?}", before.elapsed());
    });
}

/// A signal that the program handles ends a system call, but not the wait.
#[test]
fn ready_listener_waits_on_after_a_signal() {
    bounded(|| {
        let caught = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGUSR1, caught.clone()).unwrap();
        let (socket, addr) = listener();
        let mut ready = Listener::new(socket, acceptor()).into_ready(8).unwrap();
        let waiting = pthread_self();
        let thread = thread::spawn(move || {
            for _ in 0..5 {
                sleep(SHORT / 10);
                pthread_kill(waiting, Signal::SIGUSR1).unwrap();
            }
            connect_and_send(addr, V1)
        });
        let accepted = ready.accept().unwrap();
        assert_eq!(accepted.peer, endpoint(&thread.join().unwrap()));
        assert!(caught.load(Ordering::Relaxed));
    });
}

/// Before it waits and while it does; and nothing is lost by it.
#[test]
fn ready_listener_can_be_woken() {
    bounded(|| {
        let (socket, addr) = listener();
        let mut ready = Listener::new(socket, acceptor()).into_ready(8).unwrap();
        let waker = ready.waker();
        waker.wake().unwrap();
        assert_eq!(ready.accept().unwrap_err().kind(), io::ErrorKind::Interrupted);

        let mut slow = connect(addr);
        let thread = thread::spawn(move || {
            sleep(SHORT);
            waker.wake().unwrap();
        });
        assert_eq!(ready.accept().unwrap_err().kind(), io::ErrorKind::Interrupted);
        thread.join().unwrap();
        ready.waker().wake().unwrap();
        assert!(ready.accept_timeout(Duration::from_secs(60)).unwrap().is_none());

        // A wake ends one call, and not the next one at half a header.
        slow.write_all(&V1[..20]).unwrap();
        let thread = thread::spawn(move || {
            sleep(SHORT);
            slow.write_all(&V1[20..]).unwrap();
            slow
        });
        let accepted = ready.accept().unwrap();
        assert_eq!(accepted.peer, endpoint(&thread.join().unwrap()));
    });
}

/// Health checks without a header are rejected one after the other, which doesn't extend the timeout.
#[test]
fn established_listener_waits_no_longer_than_it_is_told_whoever_is_rejected() {
    bounded(|| {
        let (socket, addr) = listener();
        let mut established = EstablishedListener::new(socket, acceptor(), 8).unwrap();
        let (stop, stopped) = mpsc::channel::<()>();
        let checks = thread::spawn(move || {
            while stopped.recv_timeout(SHORT / 20) == Err(RecvTimeoutError::Timeout) {
                connect_and_send(addr, b"GET / HTTP/1.1\r\n\r\n");
            }
        });
        let before = Instant::now();
        assert!(established.accept_timeout(SHORT).unwrap().is_none());
        assert!(before.elapsed() >= SHORT);
        drop(stop);
        checks.join().unwrap();
        assert!(established.acceptor().counts().protocol > 0);

        let client = connect_and_send(addr, V1);
        let (_stream, accepted) = established.accept_timeout(Duration::from_secs(60)).unwrap().unwrap();
        assert_eq!(accepted.peer(), &endpoint(&client));
    });
}

/// A call that doesn't wait skips up to 64 rejected connections to find a good one.
#[test]
fn established_listener_looks_behind_rejected_ones_without_a_wait() {
    bounded(|| {
        for (rejected, found) in [(64, true), (65, false)] {
            let (socket, addr) = listener();
            let mut established = EstablishedListener::new(socket, acceptor(), 8).unwrap();
            for _ in 0..rejected {
                connect_and_send(addr, b"GET / HTTP/1.1\r\n\r\n");
            }
            let client = connect_and_send(addr, V1);
            let first = established.accept_timeout(Duration::ZERO).unwrap();
            assert_eq!(first.is_some(), found, "{rejected}");
            let (_, accepted) =
                first.or_else(|| established.accept_timeout(Duration::ZERO).unwrap()).unwrap();
            assert_eq!(accepted.peer(), &endpoint(&client));
        }
    });
}

#[test]
fn established_listener_can_be_woken() {
    bounded(|| {
        let (socket, addr) = listener();
        let mut established = EstablishedListener::new(socket, acceptor(), 8).unwrap();
        established.waker().wake().unwrap();
        assert_eq!(established.accept().unwrap_err().kind(), io::ErrorKind::Interrupted);
        established.waker().wake().unwrap();
        assert!(established.accept_timeout(Duration::from_secs(60)).unwrap().is_none());
        let client = connect_and_send(addr, V1);
        assert_eq!(established.accept().unwrap().1.peer(), &endpoint(&client));
    });
}

/// What listeners are made of, and what they say of themselves in a log.
#[test]
fn listeners_can_be_looked_into_and_taken_apart() {
    bounded(|| {
        let (socket, addr) = listener();
        let acceptor = acceptor();
        let listener = Listener::new(socket, acceptor.clone());
        assert_eq!(listener.inner().local_addr().unwrap(), addr);
        assert_eq!(listener.acceptor().config(), acceptor.config());
        let client = connect_and_send(addr, V1);
        let incoming = listener.accept().unwrap();
        assert_eq!(incoming.peer(), &endpoint(&client));
        let says = format!("{incoming:?}");
        assert!(says.starts_with("Incoming { stream: TcpStream {"), "{says}");
        assert!(says.contains(&format!("peer: Inet({})", incoming.peer())), "{says}");
        let (stream, accepting) = incoming.into_parts();
        assert_eq!(stream.peer_addr().unwrap(), client.local_addr().unwrap());
        assert_eq!(accepting.peer(), &endpoint(&client));

        let (socket, acceptor) = listener.into_parts();
        let ready = Listener::new(socket, acceptor).into_ready(7).unwrap();
        let says = format!("{ready:?}");
        assert!(says.starts_with("ReadyListener { inner: TcpListener {"), "{says}");
        assert!(says.contains("acceptor: Acceptor {") && says.ends_with("pending: 0, .. }"), "{says}");
        assert_eq!(ready.inner().local_addr().unwrap(), addr);
        let (socket, acceptor) = ready.into_parts();
        let established = EstablishedListener::new(socket, acceptor, 7).unwrap();
        assert_eq!(established.inner().local_addr().unwrap(), addr);
        assert_eq!(established.local_addr().unwrap().peer(), &addr.into());
        established.acceptor().counts();
        let (socket, acceptor) = established.into_parts();
        assert_eq!(socket.local_addr().unwrap(), addr);
        assert_eq!(acceptor.counts(), Counts::default());
    });
}

#[test]
fn a_buffer_without_capacity_is_an_error_of_the_caller() {
    bounded(|| {
        let (mut client, server) = pair();
        client.write_all(V1).unwrap();
        let mut server = BufReader::with_capacity(0, server);
        match handshake_buf_read(&acceptor(), &mut server, endpoint(&client)) {
            Err(AcceptError::Io { error, .. }) => assert_eq!(error.kind(), io::ErrorKind::InvalidInput),
            outcome => panic!("{outcome:?}"),
        }
    });
}

#[test]
fn listener_in_nonblocking_mode_would_block() {
    bounded(|| {
        let (socket, addr) = listener();
        socket.set_nonblocking(true).unwrap();
        let listener = Listener::new(socket, acceptor());
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let client = connect_and_send(addr, V1);
        let mut incoming = listener.accept().unwrap();
        assert_eq!(incoming.peer(), &endpoint(&client));
        incoming.handshake().unwrap();
    });
}

/// Unlike `handshake`, which has a deadline of its own, receiving datagrams waits as the socket is set to.
#[test]
fn datagrams_are_waited_for_as_the_socket_says() {
    bounded(|| {
        let ((socket, addr), (client, _)) = (udp(1), udp(1));
        let mut buffer = [0; 100];
        for nonblocking in [false, true] {
            socket.set_nonblocking(nonblocking).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            let error = recv_from(&acceptor(), &socket, &mut buffer).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            client.send_to(V2_DGRAM, addr).unwrap();
            recv_from(&acceptor(), &socket, &mut buffer).unwrap().0.unwrap();
            assert_eq!(is_nonblocking(&socket), nonblocking);
        }
        assert_eq!(socket.read_timeout().unwrap(), Some(Duration::from_millis(20)));
    });
}

/// A stream whose first read fails.
struct Reluctant<'a> {
    stream: &'a TcpStream,
    error: Option<io::ErrorKind>,
}

impl Read for Reluctant<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.error.take() {
            Some(kind) => Err(kind.into()),
            None => self.stream.read(buffer),
        }
    }
}

impl AsFd for Reluctant<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// A connection: the client's end and the server's.
fn pair() -> (TcpStream, TcpStream) {
    let (socket, addr) = listener();
    let client = connect(addr);
    (client, socket.accept().unwrap().0)
}

fn is_nonblocking(socket: impl AsFd) -> bool {
    fcntl_getfl(socket).unwrap().contains(OFlags::NONBLOCK)
}

/// The processor time of this thread.
/// Panics unless `shake` ends in time with so many bytes received, and sleeps until then.
fn check_silent(sent: usize, shake: impl FnOnce() -> Result<Established, AcceptError>) {
    match asleep(shake) {
        Err(AcceptError::TimedOut { received, .. }) => assert_eq!(received, sent),
        outcome => panic!("{outcome:?}"),
    }
}

/// Panics if `wait`, which takes [`SHORT`], takes much of the processor's time.
fn asleep<T>(wait: impl FnOnce() -> T) -> T {
    let before = thread_time();
    let outcome = wait();
    let spent = thread_time().saturating_sub(before);
    assert!(spent < SHORT / 3, "{spent:?} of processor time within {SHORT:?}");
    outcome
}

fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap()
}
