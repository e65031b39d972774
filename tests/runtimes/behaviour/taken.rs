//! Bytes that a failed handshake took off the connection can be had back: together with those still there they are what
//! the peer sent.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use realpeer::AcceptError;

use super::streams::peer;
use crate::client::{V1, V2, acceptor, connect, connect_and_send, listener};
use crate::runtime::{AnyStream, Buffering, Runtime, Sockets, Way, read_to_end, read_to_end_buffered};
use crate::script::Script;

/// What looks like a header for a while, with the segments it comes in.
const PIECES: [&[&[u8]]; 5] = [
    &[b"P", b"OST / HTTP/1.1\r\n\r\n"],
    &[b"PRO", b"PFIND / HTTP/1.1\r\n\r\n"],
    &[b"\r\n", b"\r\n", b"GET / HTTP/1.1\r\n\r\n"],
    &[b"PROXY TCP4 192.0.2.1 198.51.100.", b"x and more"],
    &[b"\r\n\r\n\0\r\nQUIT\n", b"\x31\x11\0\x0c", b"and more"],
];

pub fn bytes_taken_before_a_failure_can_be_had_back<R: Runtime>() {
    R::run(async {
        for pieces in PIECES {
            for way in Way::BOTH {
                let (socket, addr) = listener();
                let mut server = way.server::<R::Tcp>(socket, &acceptor());
                let client = send(addr, pieces);
                let mut accepted = server.next().await;
                check::<R>(pieces, &accepted.result.unwrap_err(), &mut accepted.stream).await;
                client.join().unwrap();
            }

            let (socket, addr) = listener();
            let client = send(addr, pieces);
            let (stream, peer) = socket.accept().unwrap();
            let mut stream = R::Tcp::stream(stream);
            let outcome = R::Tcp::handshake(&acceptor(), &mut stream, peer.into()).await;
            check::<R>(pieces, &outcome.unwrap_err(), &mut stream).await;
            client.join().unwrap();
        }
    });
}

async fn check<R: Runtime>(pieces: &[&[u8]], error: &AcceptError, stream: &mut <R::Tcp as Sockets>::Stream) {
    assert_eq!(error.kind(), "protocol");
    let rest = read_to_end::<R::Tcp>(stream).await;
    assert_eq!([error.taken(), &rest].concat(), pieces.concat());
}

/// The rest comes when it is too late.
pub fn bytes_taken_before_the_deadline_can_be_had_back<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let mut server =
                way.server::<R::Tcp>(socket, &acceptor().with_timeout(Duration::from_millis(100)));
            for header in [V1, V2] {
                for cut in [1, 16, header.len() - 1] {
                    let mut client = connect_and_send(addr, &header[..cut]);
                    let mut accepted = server.next().await;
                    let error = accepted.result.unwrap_err();
                    assert_eq!((error.kind(), error.taken()), ("timeout", &header[..cut]), "{way:?}");
                    client.write_all(&header[cut..]).unwrap();
                    client.shutdown(Shutdown::Write).unwrap();
                    assert_eq!(read_to_end::<R::Tcp>(&mut accepted.stream).await, &header[cut..]);
                }
            }
        }
    });
}

pub fn bytes_taken_through_a_buffer_can_be_had_back<R: Runtime<Tcp: Buffering>>() {
    R::run(async {
        for pieces in PIECES {
            for capacity in [1, 7, 4096] {
                let (socket, addr) = listener();
                let client = send(addr, pieces);
                let (stream, peer) = socket.accept().unwrap();
                let mut stream = R::Tcp::buffered(R::Tcp::stream(stream), capacity);
                let outcome = R::Tcp::handshake_buffered(&acceptor(), &mut stream, peer.into()).await;
                let error = outcome.unwrap_err();
                let rest = read_to_end_buffered::<R::Tcp>(&mut stream).await;
                assert_eq!([error.taken(), &rest].concat(), pieces.concat());
                client.join().unwrap();
            }
        }
    });
}

pub fn bytes_taken_off_any_stream_can_be_had_back<R: AnyStream>() {
    R::run(async {
        for pieces in PIECES {
            let in_pieces =
                || pieces.iter().fold(Script::default(), |script, piece| script.bytes(piece).later());
            for mut stream in [in_pieces(), Script::short_reads(&pieces.concat())] {
                let error = R::handshake_script(&acceptor(), &mut stream, peer()).await.unwrap_err();
                assert_eq!([error.taken(), &stream.unread()].concat(), pieces.concat());
            }
            for capacity in [1, 7, 4096] {
                let (outcome, unread) =
                    R::handshake_script_buffered(&acceptor(), in_pieces(), capacity, peer()).await;
                assert_eq!([outcome.unwrap_err().taken(), &unread].concat(), pieces.concat());
            }
        }
    });
}

/// Sends the pieces with pauses between them, and no more.
fn send(addr: SocketAddr, pieces: &'static [&'static [u8]]) -> JoinHandle<TcpStream> {
    thread::spawn(move || {
        let mut client = connect(addr);
        for piece in pieces {
            client.write_all(piece).unwrap();
            sleep(Duration::from_millis(20));
        }
        client.shutdown(Shutdown::Write).unwrap();
        client
    })
}
