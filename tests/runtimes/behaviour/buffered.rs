//! Headers read through a buffer that reads ahead: nothing but the header is taken out of it.

use std::io::Write;
use std::net::Shutdown;
use std::pin::pin;
use std::thread::{self, sleep};
use std::time::Duration;

use realpeer::proto::Encoder;
use realpeer::{AcceptError, Acceptor, Verdict, policy_fn};
use realpeer_tests::vectors::Expect;

use super::cancel::poll_once;
use super::streams::peer;
use super::vectors::{all_rows, check_outcome, each_row, every_header, with_payload};
use crate::client::{SOURCE, V1, V2, acceptor, connect, connect_and_send, listener, wait_for_unread};
use crate::runtime::{AnyStream, Asynchronous, Buffering, Runtime, Sockets, read_to_end_buffered};
use crate::script::Script;

/// Over TCP, with buffers from one byte to more than most headers and their payload are long.
pub fn buffered_every_row_in_odd_fragments<R: Runtime<Tcp: Buffering>>() {
    each_row::<R, _>(|rows, acceptor, incoming, n| async move {
        let peer = R::Tcp::peer(&incoming);
        let capacity = [1, 7, 16, 100, 536, 8192][n % 6];
        let mut stream = R::Tcp::buffered(R::Tcp::into_stream(incoming), capacity);
        let outcome = R::Tcp::handshake_buffered(&acceptor, &mut stream, peer.clone()).await;
        let rest = match outcome {
            Ok(_) => read_to_end_buffered::<R::Tcp>(&mut stream).await,
            Err(_) => Vec::new(),
        };
        rows.check_rest(&peer, &outcome, &rest);
    });
}

/// In odd fragments with pauses, byte by byte, and whole; what is not header is still in the buffer or the stream.
pub fn buffered_every_row_of_any_stream<R: AnyStream>() {
    R::run(async {
        let acceptor = every_header();
        let rows = all_rows();
        for (seed, row) in (0..).zip(&rows) {
            let bytes = with_payload(row);
            for capacity in [1, 20, 4096] {
                for stream in Script::each_way(&bytes, seed) {
                    let (outcome, unread) =
                        R::handshake_script_buffered(&acceptor, stream, capacity, peer()).await;
                    check_outcome(row, &outcome);
                    if let Some(len) = row.header_len.filter(|_| outcome.is_ok()) {
                        assert_eq!(unread, &bytes[len..], "{}", row.id);
                    }
                }
            }
        }
        let counts = acceptor.counts();
        let accepted = rows.iter().filter(|row| row.expect == Expect::Accept).count() as u64;
        assert_eq!(counts.v1 + counts.v2 + counts.local + counts.unspec, 9 * accepted);
    });
}

/// Of silence, in the header, and of a drip that would take 8 seconds.
pub fn buffered_deadline<R: Runtime<Tcp: Buffering>>() {
    const SHORT: Duration = Duration::from_millis(200);
    R::run(async {
        let acceptor = acceptor().with_timeout(SHORT);
        for sent in [&b""[..], b"P", &V1[..44], &V2[..27]] {
            let (socket, addr) = listener();
            let client = connect_and_send(addr, sent);
            let (stream, peer) = socket.accept().unwrap();
            let mut stream = R::Tcp::buffered(R::Tcp::stream(stream), 4096);
            match R::Tcp::handshake_buffered(&acceptor, &mut stream, peer.into()).await {
                Err(AcceptError::TimedOut { received, .. }) => assert_eq!(received, sent.len()),
                outcome => panic!("{outcome:?}"),
            }
            drop(client);
        }

        let (socket, addr) = listener();
        let drip = thread::spawn(move || {
            let mut header = [0; 400];
            Encoder::local().with_padding_to(400).encode(&mut header).unwrap();
            let mut client = connect(addr);
            for byte in header {
                if client.write_all(&[byte]).is_err() {
                    break;
                }
                sleep(Duration::from_millis(20));
            }
        });
        let (stream, peer) = socket.accept().unwrap();
        let mut stream = R::Tcp::buffered(R::Tcp::stream(stream), 4096);
        match R::Tcp::handshake_buffered(&acceptor, &mut stream, peer.into()).await {
            Err(AcceptError::TimedOut { received, .. }) => assert!((1..400).contains(&received)),
            outcome => panic!("{outcome:?}"),
        }
        drop(stream);
        drip.join().unwrap();
    });
}

pub fn buffered_bytes_that_are_no_header_are_left<R: Runtime<Tcp: Buffering>>() {
    R::run(async {
        let broken = [&V2[..12], b"\x31\x11\0\x0c and what else comes"].concat();
        for sent in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PROXY TCP4 256.0.0.1\r\n", &broken] {
            let (socket, addr) = listener();
            let client = connect_and_send(addr, sent);
            client.shutdown(Shutdown::Write).unwrap();
            let (stream, peer) = socket.accept().unwrap();
            wait_for_unread(&stream, sent.len() as u64);
            let mut stream = R::Tcp::buffered(R::Tcp::stream(stream), 4096);
            let outcome = R::Tcp::handshake_buffered(&acceptor(), &mut stream, peer.into()).await;
            assert_eq!(outcome.unwrap_err().kind(), "protocol");
            assert_eq!(read_to_end_buffered::<R::Tcp>(&mut stream).await, sent);
        }
    });
}

/// The header is within the buffer before it is looked for, whole or a part of it, and the socket stays silent.
pub fn buffered_bytes_may_be_there_already<R: Runtime<Tcp: Buffering>>() {
    R::run(async {
        for header in [V1, V2] {
            for end in [header.len() + 4, header.len(), 30.min(header.len() - 1)] {
                let (socket, addr) = listener();
                let bytes = [b"?", header, b"ping"].concat();
                let mut client = connect_and_send(addr, &bytes[..=end]);
                let (stream, peer) = socket.accept().unwrap();
                wait_for_unread(&stream, end as u64 + 1);
                let mut stream = R::Tcp::buffered(R::Tcp::stream(stream), 4096);
                let mut first = [0];
                assert_eq!(R::Tcp::read_buffered(&mut stream, &mut first).await.unwrap(), 1);
                client.write_all(&bytes[end + 1..]).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
                let established = R::Tcp::handshake_buffered(&acceptor(), &mut stream, peer.into()).await;
                assert_eq!(established.unwrap().source().to_string(), SOURCE);
                assert_eq!(read_to_end_buffered::<R::Tcp>(&mut stream).await, b"ping");
            }
        }
    });
}

pub fn r13_buffered_peers_are_not_read_from_if_refused_or_bypassed<R: Runtime<Tcp: Buffering>>() {
    R::run(async {
        for verdict in [Verdict::Refuse, Verdict::Bypass] {
            let acceptor = Acceptor::new(policy_fn(move |_| verdict));
            let (socket, addr) = listener();
            // Silent: to read from it would be to wait.
            let mut client = connect(addr);
            let (stream, peer) = socket.accept().unwrap();
            let mut stream = R::Tcp::buffered(R::Tcp::stream(stream), 4096);
            let outcome = R::Tcp::handshake_buffered(&acceptor, &mut stream, peer.into()).await;
            assert_eq!(outcome.is_ok(), verdict == Verdict::Bypass);
            client.write_all(V1).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read_to_end_buffered::<R::Tcp>(&mut stream).await, V1);
        }
    });
}

/// As with a socket: the bytes of the header that had arrived are lost with the future, and no others.
pub fn buffered_and_dropped_in_the_header_loses_no_more<R: Asynchronous<Tcp: Buffering>>() {
    R::run(async {
        for header in [V1, V2] {
            for cut in (0..header.len()).step_by(3) {
                let (socket, addr) = listener();
                let mut client = connect_and_send(addr, &header[..cut]);
                let (stream, peer) = socket.accept().unwrap();
                wait_for_unread(&stream, cut as u64);
                let watch = stream.try_clone().unwrap();
                let mut stream = R::Tcp::buffered(R::Tcp::stream(stream), 4096);
                {
                    let acceptor = acceptor();
                    let mut handshake = pin!(R::Tcp::handshake_buffered(&acceptor, &mut stream, peer.into()));
                    for _ in 0..2 {
                        assert!(poll_once(handshake.as_mut()).await.is_none());
                        R::sleep(Duration::from_micros(100)).await;
                    }
                    while rustix::io::ioctl_fionread(&watch).unwrap() > 0 {
                        assert!(poll_once(handshake.as_mut()).await.is_none());
                        R::sleep(Duration::from_micros(100)).await;
                    }
                }
                client.write_all(&[&header[cut..], b"payload"].concat()).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
                let rest = [&header[cut..], b"payload"].concat();
                assert_eq!(read_to_end_buffered::<R::Tcp>(&mut stream).await, rest, "cut at {cut}");
            }
        }
    });
}
