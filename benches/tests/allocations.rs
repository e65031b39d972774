//! The core allocates nothing, whatever it is asked to do. Counted, not claimed.

use std::convert::Infallible;
use std::hint::black_box;
use std::task::Poll;
use std::time::Duration;

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
            let mut handshake: Handshake<Duration> = Handshake::new(&Config::new(), Duration::ZERO);
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
            let mut decoder = Decoder::new(&Config::new());
            decoder.push(bytes);
            let error = decoder.next_event().unwrap_err();
            let mut handshake: Handshake<Duration> = Handshake::new(&Config::new(), Duration::ZERO);
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
