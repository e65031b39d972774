//! What only tokio has: its pipe within a process, and its streams taken apart.

use std::future::poll_fn;
use std::io::Write;
use std::net::SocketAddr;
use std::task::Poll;

use ::tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, duplex};
use ::tokio::net::TcpListener;
use realpeer::tokio::{Listener, handshake_stream};

use crate::client::{self, SOURCE, V1, V2, acceptor, connect_and_send, endpoint, pieces};
use crate::harness::bounded;
use crate::runtime::{Runtime, Sockets};
use crate::tokio::{CurrentThread, MultiThread, Tcp};

/// The pipe holds fewer bytes than the header has, so that both ends have to take turns.
#[test]
fn handshake_over_a_duplex_pipe() {
    bounded(over_duplex::<CurrentThread>);
    bounded(over_duplex::<MultiThread>);
}

fn over_duplex<R: Runtime>() {
    R::run(async {
        for (seed, header) in [(1, V1), (2, V2), (3, V1), (4, V2)] {
            let (mut client, mut server) = duplex(7);
            let sender = R::spawn(async move {
                for piece in pieces(&[header, b"payload"].concat(), seed) {
                    client.write_all(piece).await.unwrap();
                    ::tokio::task::yield_now().await;
                }
            });
            let established = handshake_stream(&acceptor(), &mut server, peer()).await.unwrap();
            assert_eq!(established.source().to_string(), SOURCE);
            let mut payload = Vec::new();
            server.read_to_end(&mut payload).await.unwrap();
            assert_eq!(payload, b"payload");
            sender.await;
        }
    });
}

/// A buffered reader reads beyond the header; what it has read is still returned after the handshake.
#[test]
fn handshake_over_a_buffered_reader() {
    bounded(|| {
        CurrentThread::run(async {
            let bytes = [V1, b"payload"].concat();
            let mut stream = BufReader::new(&bytes[..]);
            let established = handshake_stream(&acceptor(), &mut stream, peer()).await.unwrap();
            assert_eq!(established.source().to_string(), SOURCE);
            let mut payload = Vec::new();
            stream.read_to_end(&mut payload).await.unwrap();
            assert_eq!(payload, b"payload");
        });
    });
}

/// The socket is the caller's, whole: it is split and moved as if there had been no header.
#[test]
fn an_accepted_stream_splits_into_halves() {
    bounded(|| {
        MultiThread::run(async {
            let (listener, addr) = listener();
            let mut client = connect_and_send(addr, &[V1, b"ping"].concat());
            let mut incoming = listener.accept().await.unwrap();
            incoming.handshake().await.unwrap();
            let (mut reader, mut writer) = incoming.into_stream().into_split();
            let echo = ::tokio::spawn(async move {
                let mut ping = [0; 4];
                reader.read_exact(&mut ping).await.unwrap();
                writer.write_all(&ping).await.unwrap();
            });
            echo.await.unwrap();
            let mut answer = [0; 4];
            std::io::Read::read_exact(&mut client, &mut answer).unwrap();
            assert_eq!(&answer, b"ping");
        });
    });
}

/// What listeners and connections are, in a log.
#[test]
fn what_listeners_say_of_themselves() {
    bounded(|| {
        CurrentThread::run(async {
            let (listener, addr) = listener();
            let (port, _client) = (addr.port().to_string(), connect_and_send(addr, V1));
            let incoming = listener.accept().await.unwrap();
            let (listener_says, incoming_says) = (format!("{listener:?}"), format!("{incoming:?}"));
            let peer = format!("peer: Inet({})", incoming.peer());
            assert!(incoming_says.starts_with("Incoming { stream: "), "{incoming_says}");
            assert!(incoming_says.contains(&peer) && incoming_says.ends_with(", .. }"), "{incoming_says}");
            assert!(listener_says.starts_with("Listener { inner: "), "{listener_says}");
            assert!(listener_says.contains(&port) && listener_says.contains("acceptor: Acceptor {"));
            let ready_says = format!("{:?}", listener.into_ready(7));
            assert!(ready_says.starts_with("ReadyListener { inner: "), "{ready_says}");
            assert!(ready_says.contains(&port) && ready_says.ends_with("pending: 0, .. }"), "{ready_says}");
        });
    });
}

/// For callers that do other work while they drain.
#[test]
fn draining_can_be_polled() {
    bounded(|| {
        CurrentThread::run(async {
            let (listener, addr) = listener();
            let mut ready = listener.into_ready(7);
            let (mut slow, quick) = (connect_and_send(addr, &V1[..10]), connect_and_send(addr, V1));
            assert_eq!(ready.accept().await.unwrap().peer, endpoint(&quick));
            assert!(poll_fn(|cx| Poll::Ready(ready.poll_drain(cx))).await.is_pending());
            slow.write_all(&V1[10..]).unwrap();
            let drained = poll_fn(|cx| ready.poll_drain(cx)).await.unwrap();
            assert_eq!(drained.peer, endpoint(&slow));
            assert!(poll_fn(|cx| ready.poll_drain(cx)).await.is_none());
        });
    });
}

/// Returns the adapter's listener and its address.
fn listener() -> (Listener<TcpListener>, SocketAddr) {
    let (socket, addr) = client::listener();
    (Tcp::listener(socket, acceptor()), addr)
}

fn peer() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 4711))
}
