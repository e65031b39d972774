//! The core allocates nothing, whatever it is asked to do, and the adapters nothing for a usual header that is here.
//! Counted, not claimed.

use std::convert::Infallible;
use std::hint::black_box;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::task::Poll;
use std::time::Duration;

use realpeer_benches::accept::ours::acceptor;
use realpeer_benches::counting::{Counting, allocations};
use realpeer_benches::micro::{self, OURS, inputs};
use realpeer_proto::{Config, Decoder, Event, Handshake, HandshakeError};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn counted(run: impl FnOnce()) -> usize {
    let before = allocations();
    run();
    allocations() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(counted(|| drop(black_box(Box::new(7)))), 1);
    let mut peers: Vec<_> = micro::cases();
    peers.retain(|case| case.library == "proxy-protocol-rs");
    let sum: usize = peers.iter_mut().map(|case| counted(|| case.repeat(1))).sum();
    assert!(sum > 0, "a peer that returns vectors must be seen to allocate");
}

#[test]
fn every_case_of_the_core_allocates_nothing() {
    let mut ours = micro::cases();
    ours.retain(|case| case.library == OURS);
    assert_eq!(ours.len(), micro::Row::ALL.len());
    for case in &mut ours {
        assert_eq!(counted(|| case.repeat(3)), 0, "{}", case.row.name());
    }
}

#[test]
fn a_handshake_in_small_reads_allocates_nothing() {
    for bytes in [inputs::v1_tcp4(), inputs::v1_tcp6(), inputs::v2_tlvs(), inputs::v2_ssl()] {
        let allocated = counted(|| {
            let mut rest = bytes;
            let mut handshake = Handshake::with_storage(&Config::new(), Duration::ZERO, [0; 536]);
            let outcome = handshake.poll_with(|slot| {
                let len = slot.len().min(3).min(rest.len());
                slot[..len].copy_from_slice(&rest[..len]);
                rest = &rest[len..];
                Poll::Ready(Ok::<_, Infallible>(len))
            });
            assert_eq!(outcome, Poll::Ready(Ok(())));
            assert!(handshake.header().is_some());
        });
        assert_eq!(allocated, 0);
    }
}

#[test]
fn errors_allocate_nothing() {
    for bytes in [&b"GET / HTTP/1.1\r\n"[..], b"PROXY TCP4 256.0.0.1", b"\r\n\r\n\0\r\nQUIT\n\x31"] {
        let allocated = counted(|| {
            let mut decoder = Decoder::with_storage(&Config::new(), [0; 536]);
            let _ = decoder.push(bytes);
            let error = decoder.next_event().unwrap_err();
            let mut handshake = Handshake::with_storage(&Config::new(), Duration::ZERO, [0; 536]);
            let outcome = handshake.poll_with(|_| Poll::Ready(Err::<usize, _>(error)));
            assert_eq!(outcome, Poll::Ready(Err(HandshakeError::Io(error))));
        });
        assert_eq!(allocated, 0);
    }
}

#[test]
fn a_large_header_in_storage_of_the_callers_allocates_nothing() {
    let padding = inputs::tlv(0x04, &[0; 3000]);
    let header = inputs::v2(0x11, inputs::inet(), &padding);
    let mut storage = [0; 4096];
    let allocated = counted(|| {
        let mut decoder = Decoder::with_storage(&Config::new(), &mut storage[..]);
        for part in header.chunks(100) {
            assert_eq!(decoder.push(part), part.len());
        }
        assert!(matches!(decoder.next_event(), Ok(Event::Header(_))));
    });
    assert_eq!(allocated, 0);
}

/// A listener, and two clients that have sent it a header each; wait for it by peeking.
fn listener() -> (TcpListener, [TcpStream; 2]) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let clients = [inputs::v1_tcp4(), inputs::v2_tcp4()].map(|header| {
        let mut client = TcpStream::connect(addr).unwrap();
        client.write_all(header).unwrap();
        client
    });
    (listener, clients)
}

#[test]
fn a_header_that_is_here_costs_no_allocation_on_blocking_sockets() {
    let (socket, _clients) = listener();
    let listener = realpeer_std::Listener::new(socket.try_clone().unwrap(), acceptor());
    let mut incoming = listener.accept().unwrap();
    incoming.stream().peek(&mut [0]).unwrap();
    assert_eq!(counted(|| drop(incoming.handshake().unwrap())), 0);

    let (stream, peer) = socket.accept().unwrap();
    stream.peek(&mut [0]).unwrap();
    let mut stream = BufReader::new(stream);
    let acceptor = acceptor();
    assert_eq!(counted(|| drop(realpeer_std::handshake_buf_read(&acceptor, &mut stream, peer).unwrap())), 0);
}

#[test]
fn a_header_that_is_here_costs_no_allocation_on_tokio() {
    let (socket, _clients) = listener();
    socket.set_nonblocking(true).unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let listener = tokio::net::TcpListener::from_std(socket).unwrap();
        let acceptor = acceptor();
        let listener = realpeer_tokio::Listener::new(listener, acceptor.clone());
        let mut incoming = listener.accept().await.unwrap();
        incoming.stream().peek(&mut [0]).await.unwrap();
        let before = allocations();
        incoming.handshake().await.unwrap();
        assert_eq!(allocations() - before, 0);

        let (stream, peer) = listener.inner().accept().await.unwrap();
        stream.peek(&mut [0]).await.unwrap();
        let mut stream = tokio::io::BufReader::new(stream);
        let before = allocations();
        realpeer_tokio::handshake_buf_read(&acceptor, &mut stream, peer).await.unwrap();
        assert_eq!(allocations() - before, 0);
    });
}

#[test]
fn a_header_that_is_here_costs_no_allocation_on_smol() {
    let (socket, _clients) = listener();
    let listener = smol::net::TcpListener::try_from(socket).unwrap();
    let listener = realpeer_smol::Listener::new(listener, acceptor());
    smol::block_on(async {
        let mut incoming = listener.accept().await.unwrap();
        incoming.stream().peek(&mut [0]).await.unwrap();
        let before = allocations();
        incoming.handshake().await.unwrap();
        assert_eq!(allocations() - before, 0);
    });
}
