//! `danger::DetectHeader`: which connections have a header, and that no byte is lost however they are cut into pieces
//! (against R12, for roll-outs).

use std::net::SocketAddr;
use std::task::Poll;
use std::time::{Duration, Instant};

use realpeer_io::danger::DetectHeader;
use realpeer_io::{AcceptError, Acceptor, Established, Trust, Verdict, policy_fn};
use realpeer_proto::{ReadMode, Versions};

const V1: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb";

/// What clients send that is no header, up to all but the last byte of a signature.
const PAYLOADS: [&[u8]; 10] = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.1\r\n\r\n",
    b"PROPFIND / HTTP/1.1\r\n\r\n",
    b"PROXYFOO / HTTP/1.1\r\n\r\n",
    b"\r\nGET / HTTP/1.1\r\n\r\n",
    b"\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    b"\r\n\r\n\0\r\nQUIX and more",
    b"\x16\x03\x01\x02\0\x01\0\x01\xfc",
    b"\0",
    b"P\0",
];

/// A connection on which pieces have arrived, and then perhaps the end.
struct Connection {
    bytes: Vec<u8>,
    at: usize,
    /// Where the piece ends that has arrived.
    arrived: usize,
    ends: bool,
}

impl Connection {
    fn read(&mut self, slot: &mut [u8], mode: ReadMode) -> Poll<std::io::Result<usize>> {
        let here = &self.bytes[self.at..self.arrived];
        if here.is_empty() && !(self.ends && self.arrived == self.bytes.len()) {
            return Poll::Pending;
        }
        let n = here.len().min(slot.len());
        slot[..n].copy_from_slice(&here[..n]);
        if mode == ReadMode::Take {
            self.at += n;
        }
        Poll::Ready(Ok(n))
    }
}

/// The ways in which adapters read.
#[derive(Clone, Copy, Debug)]
enum Way {
    Read,
    Peek,
    Buffer,
}

/// Accepts a connection on which `bytes` arrive in two pieces, waits until the deadline if it has to, and returns the
/// outcome of it and what is left on the connection.
fn accept(
    acceptor: &Acceptor,
    way: Way,
    bytes: &[u8],
    cut: usize,
    ends: bool,
) -> (Result<Established, AcceptError>, Vec<u8>) {
    let mut connection = Connection { bytes: bytes.to_vec(), at: 0, arrived: cut, ends };
    let start = Instant::now();
    let mut accepting = acceptor.begin(SocketAddr::from(([10, 1, 2, 3], 4711)), start);
    for step in 0..3 {
        let polled = match way {
            Way::Read => accepting.poll_with(|slot| connection.read(slot, ReadMode::Take)),
            Way::Peek => accepting.poll_peek_with(|slot, mode| connection.read(slot, mode)),
            Way::Buffer => accepting.poll_buf_with(|hand_over| {
                let mut buffer = [0; 600];
                match connection.read(&mut buffer, ReadMode::Peek) {
                    Poll::Ready(Ok(n)) => connection.at += hand_over(&buffer[..n]),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return Poll::Pending,
                }
                Poll::Ready(Ok(()))
            }),
        };
        if let Poll::Ready(result) = polled {
            return (result, connection.bytes.split_off(connection.at));
        }
        match step {
            0 => connection.arrived = bytes.len(),
            _ => accepting.handle_timeout(start + Duration::from_secs(3600)),
        }
    }
    panic!("{way:?}: {} cut at {cut}: still pending after the deadline", bytes.escape_ascii());
}

fn detecting() -> DetectHeader<Trust> {
    DetectHeader::new("10.0.0.0/8".parse().unwrap())
}

/// Calls `check` for each way of reading, each cut, and with the end of the stream after the bytes and without.
fn everywhere(bytes: &[u8], check: impl Fn(Way, usize, bool)) {
    for way in [Way::Read, Way::Peek, Way::Buffer] {
        for cut in 0..=bytes.len() {
            for ends in [false, true] {
                check(way, cut, ends);
            }
        }
    }
}

#[test]
fn payload_without_a_header_is_all_there_however_it_is_cut() {
    for versions in [Versions::Any, Versions::V1, Versions::V2] {
        let acceptor = Acceptor::new(detecting()).with_versions(versions);
        for payload in PAYLOADS {
            everywhere(payload, |way, cut, ends| {
                let (result, rest) = accept(&acceptor, way, payload, cut, ends);
                let established = result.unwrap();
                assert!(established.header().is_none() && established.proxy().is_none());
                assert_eq!(established.source().to_string(), "10.1.2.3:4711");
                assert_eq!([established.taken_payload(), &rest].concat(), payload, "{way:?}, cut at {cut}");
            });
        }
    }
}

#[test]
fn headers_are_found_however_they_are_cut_and_nothing_else_is_taken() {
    let acceptor = Acceptor::new(detecting());
    for header in [V1, V2] {
        // A second header is payload.
        let bytes = [header, V2, b"hello"].concat();
        everywhere(&bytes, |way, cut, ends| {
            let (result, rest) = accept(&acceptor, way, &bytes, cut, ends);
            let established = result.unwrap();
            assert_eq!(established.source().to_string(), "192.0.2.1:56324");
            assert_eq!(established.proxy().unwrap().to_string(), "10.1.2.3:4711");
            assert_eq!(established.taken_payload(), b"");
            assert_eq!(rest, [V2, b"hello"].concat(), "{way:?}, cut at {cut}");
        });
    }
}

/// With a whole signature it was meant to be a header: it has to be a good one of a version that is allowed.
#[test]
fn a_broken_header_is_never_payload() {
    let version_3 = [&V2[..12], b"\x31\x11\0\x0c"].concat();
    let rows: [(&[u8], Versions); 6] = [
        (b"PROXY TCP5 192.0.2.1", Versions::Any),
        (b"PROXY GET / HTTP/1.1\r\n", Versions::Any),
        (&version_3, Versions::Any),
        (V1, Versions::V2),
        (V2, Versions::V1),
        (b"PROXY TCP4 192.0.2.1 198.51.100.2 056324 443\r\n", Versions::Any),
    ];
    for (bytes, versions) in rows {
        let acceptor = Acceptor::new(detecting().silence_means_no_header()).with_versions(versions);
        everywhere(bytes, |way, cut, ends| {
            let (result, rest) = accept(&acceptor, way, bytes, cut, ends);
            let error = result.unwrap_err();
            assert_eq!(error.kind(), "protocol", "{way:?}, {} cut at {cut}", bytes.escape_ascii());
            assert_eq!([error.taken(), &rest].concat(), bytes, "{way:?}, cut at {cut}");
        });
    }
    for header in [V1, V2] {
        let acceptor = Acceptor::new(detecting().silence_means_no_header());
        for len in if header == V1 { 6 } else { 12 }..header.len() {
            for (ends, kind) in [(true, "protocol"), (false, "timeout")] {
                let (result, _) = accept(&acceptor, Way::Peek, &header[..len], 1, ends);
                assert_eq!(result.unwrap_err().kind(), kind, "{len} bytes");
            }
        }
    }
}

/// The start of a signature: with the end of the stream it is no header; without, only if the caller says so.
#[test]
fn silence_counts_as_no_header_only_where_the_caller_says_so() {
    let strict = Acceptor::new(detecting());
    let lenient = Acceptor::new(detecting().silence_means_no_header());
    for signature in [&V1[..6], &V2[..12]] {
        for len in 0..signature.len() {
            let bytes = &signature[..len];
            everywhere(bytes, |way, cut, ends| {
                for (acceptor, silent_is_served) in [(&strict, false), (&lenient, true)] {
                    let (result, rest) = accept(acceptor, way, bytes, cut, ends);
                    let taken = match (result, ends) {
                        // A peer that leaves without a byte is not a client.
                        (Err(error), true) if error.kind() == "closed" && len == 0 => vec![],
                        (Ok(established), true) if len > 0 => established.taken_payload().to_vec(),
                        (Ok(established), false) if silent_is_served => established.taken_payload().to_vec(),
                        (Err(error), false) if error.kind() == "timeout" && !silent_is_served => {
                            error.taken().to_vec()
                        }
                        (result, _) => panic!("{way:?}, {len} bytes cut at {cut}: {result:?}"),
                    };
                    assert_eq!([taken, rest].concat(), bytes);
                }
            });
        }
    }
}

/// Only of whom a header would be required, none is accepted.
#[test]
fn other_verdicts_stay_as_they_are() {
    for (verdict, expected) in [(Verdict::Refuse, Err("refused")), (Verdict::Bypass, Ok(()))] {
        let acceptor =
            Acceptor::new(DetectHeader::new(policy_fn(move |_| verdict)).silence_means_no_header());
        let (result, rest) = accept(&acceptor, Way::Peek, V1, V1.len(), true);
        match result {
            Ok(established) => assert!(expected.is_ok() && established.header().is_none()),
            Err(error) => assert_eq!(Err(error.kind()), expected),
        }
        assert_eq!(rest, V1, "of such a peer nothing is read");
    }
}

#[test]
fn connections_without_a_header_are_counted_as_bypassed() {
    let acceptor = Acceptor::new(detecting());
    for (bytes, kind) in [(V1, None), (V2, None), (b"GET /", None), (b"PROXY TCP5 ", Some("protocol"))] {
        let (result, _) = accept(&acceptor, Way::Peek, bytes, 1, true);
        assert_eq!(result.err().map(|error| error.kind()), kind);
    }
    let counts = acceptor.counts();
    assert_eq!((counts.v1, counts.v2, counts.bypassed, counts.protocol), (1, 1, 1, 1));
}

#[test]
fn datagrams_with_and_without_a_header_are_told_apart() {
    let acceptor = Acceptor::new(detecting());
    let peer = SocketAddr::from(([10, 1, 2, 3], 4711));
    for payload in PAYLOADS.into_iter().chain([&b""[..], b"P", b"PROXY", &V2[..11]]) {
        let datagram = acceptor.datagram(peer, payload).unwrap();
        assert_eq!((datagram.header(), datagram.payload()), (None, payload));
    }
    let bytes = [V2, b"query"].concat();
    let datagram = acceptor.datagram(peer, &bytes).unwrap();
    assert_eq!(
        (datagram.source().to_string().as_str(), datagram.payload()),
        ("192.0.2.1:56324", &b"query"[..])
    );
    for broken in [&V1[..20], &V2[..20], b"PROXY TCP5 "] {
        assert_eq!(acceptor.datagram(peer, broken).unwrap_err().kind(), "protocol");
    }
}
