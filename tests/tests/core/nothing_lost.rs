//! No byte is lost: what a handshake has taken, and what is still on the connection, are all that the peer sent. By
//! every way of reading, with every split, whatever the outcome.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use realpeer_io::HeaderStorage;
use realpeer_proto::{
    Config, Error, Handshake, HandshakeError, MAX_HEADER_LEN, Parsed, ReadMode, Versions, parse,
};
use realpeer_tests::inputs::ROWS;

const DEADLINE: Duration = Duration::from_secs(5);

/// A connection on which segments arrive one at a time: the next is there once a read had to wait.
#[derive(Debug)]
struct Connection {
    here: VecDeque<u8>,
    to_come: VecDeque<Vec<u8>>,
    /// After the last segment: the end of the stream, or silence.
    closes: bool,
}

type Driven = Handshake<Duration, HeaderStorage>;
type Outcome = Result<(), HandshakeError<()>>;

impl Connection {
    fn new(segments: &[&[u8]], closes: bool) -> Self {
        let to_come = segments.iter().map(|segment| segment.to_vec()).collect();
        Self { here: VecDeque::new(), to_come, closes }
    }

    fn wait(&mut self) {
        self.here.extend(self.to_come.pop_front().unwrap_or_default());
    }

    fn is_silent(&self) -> bool {
        self.to_come.is_empty() && self.here.is_empty()
    }

    fn read(&mut self, slot: &mut [u8], mode: ReadMode) -> Poll<Result<usize, ()>> {
        if self.here.is_empty() {
            return if self.is_silent() && self.closes { Poll::Ready(Ok(0)) } else { Poll::Pending };
        }
        let len = slot.len().min(self.here.len());
        for (to, from) in slot.iter_mut().zip(&self.here) {
            *to = *from;
        }
        if mode == ReadMode::Take {
            self.here.drain(..len);
        }
        Poll::Ready(Ok(len))
    }

    fn fill(&mut self) -> Poll<Result<&[u8], ()>> {
        if self.here.is_empty() && !(self.is_silent() && self.closes) {
            return Poll::Pending;
        }
        Poll::Ready(Ok(self.here.make_contiguous()))
    }

    /// What the peer has sent and nobody has taken, whether it has arrived or not.
    fn rest(mut self) -> Vec<u8> {
        let mut rest: Vec<u8> = self.here.drain(..).collect();
        rest.extend(self.to_come.into_iter().flatten());
        rest
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Slots,
    Peeks,
    Buffer,
    Async,
}

const WAYS: [Way; 4] = [Way::Slots, Way::Peeks, Way::Buffer, Way::Async];

fn poll(way: Way, handshake: &mut Driven, connection: &mut Connection) -> Poll<Outcome> {
    match way {
        Way::Slots => handshake.poll_with(|slot| connection.read(slot, ReadMode::Take)),
        Way::Peeks => handshake.poll_peek_with(&mut [0; 536], |slot, mode| connection.read(slot, mode)),
        Way::Buffer => handshake.poll_buf_with(|hand_over| {
            let taken = hand_over(ready!(connection.fill())?);
            connection.here.drain(..taken);
            Poll::Ready(Ok(()))
        }),
        // Dropped whenever it is pending, and called anew.
        Way::Async => {
            let expired = handshake.poll_timeout().is_some() && connection.is_silent() && !connection.closes;
            let read = async |slot: &mut [u8]| poll_fn(|_| connection.read(slot, ReadMode::Take)).await;
            let sleep = |_| poll_fn(move |_| if expired { Poll::Ready(()) } else { Poll::Pending });
            pin!(handshake.read_with(read, sleep)).poll(&mut Context::from_waker(Waker::noop()))
        }
    }
}

/// Runs a handshake to its end and checks the equation; returns the outcome and what was taken.
fn run(way: Way, config: &Config, segments: &[&[u8]], closes: bool) -> (Outcome, Vec<u8>) {
    let mut connection = Connection::new(segments, closes);
    let mut handshake: Driven = Handshake::with_storage(config, Duration::ZERO, HeaderStorage::default());
    let outcome = loop {
        if let Poll::Ready(outcome) = poll(way, &mut handshake, &mut connection) {
            break outcome;
        }
        if connection.is_silent() {
            handshake.handle_timeout(DEADLINE);
        }
        connection.wait();
    };
    let (taken, sent) = (handshake.taken().to_vec(), segments.concat());
    let rest = connection.rest();
    assert_eq!([&taken[..], &rest].concat(), sent, "{way:?} {segments:?}");
    if outcome.is_ok() {
        let Ok(Parsed::Complete { len, .. }) = parse(&sent, config) else { panic!("no header in {sent:?}") };
        assert_eq!((taken.len(), &rest[..]), (len, &sent[len..]), "{way:?} {segments:?}");
        assert!(handshake.header().is_some());
    }
    (outcome, taken)
}

/// F2: as long as all came in one segment, nothing was lost, and tests passed.
#[test]
fn requests_whose_start_could_be_a_header_are_whole_after_the_failure() {
    for (segments, looked_like) in [
        (&[&b"P"[..], b"OST / HTTP/1.1\r\n\r\n"][..], "PO"),
        (&[b"PRO", b"PFIND / HTTP/1.1\r\n\r\n"], "PROP"),
        (&[b"\r\n", b"\r\n", b"GET / HTTP/1.1\r\n\r\n"], "\r\n\r\nG"),
        (&[b"P", b"R", b"I", b" * HTTP/2.0\r\n\r\nSM\r\n\r\n"], "PRI"),
        (&[b"PROXY TCP4 192.0.2.1", b" 192.0.2.2 80 080\r\nhello"], "PROXY TCP4 192.0.2.1 192.0.2.2 80 08"),
        (&[b"PROXY TCP4 192.0.2.1 192.0.2.2 80 080\r\nhello"], "PROXY TCP4 192.0.2.1 192.0.2.2 80 08"),
    ] {
        for way in WAYS {
            let (outcome, taken) = run(way, &Config::new(), segments, false);
            let expected = parse(looked_like.as_bytes(), &Config::new()).unwrap_err();
            assert_eq!(outcome, Err(HandshakeError::Protocol(expected)), "{way:?} {segments:?}");
            if matches!(way, Way::Peeks | Way::Buffer) {
                assert!(taken.len() < looked_like.len(), "{way:?} takes nothing that makes it impossible");
            }
        }
    }
}

/// By all ways, split at every place, with payload, and with the peer closing or falling silent before the end.
#[test]
fn every_vector_split_anywhere_is_taken_or_still_there() {
    let strict = Config::new().with_versions(Versions::V2);
    for bytes in ROWS.iter().filter(|bytes| bytes.len() <= 300) {
        for config in [Config::new().with_max_header_len(MAX_HEADER_LEN), strict] {
            let whole = parse(bytes, &config);
            for at in 0..=bytes.len() {
                let (first, second) = bytes.split_at(at);
                for (way, closes) in WAYS.into_iter().flat_map(|way| [(way, false), (way, true)]) {
                    let (outcome, taken) = run(way, &config, &[first, second], closes);
                    match whole {
                        Ok(Parsed::Complete { .. }) => assert_eq!(outcome, Ok(())),
                        Err(error) => assert_eq!(outcome, Err(HandshakeError::Protocol(error))),
                        Ok(Parsed::Incomplete { .. }) => {
                            assert_eq!(taken, *bytes);
                            let received = bytes.len();
                            let cut_off = match received {
                                0 => Error::Closed,
                                _ => Error::Truncated { received: received as u32 },
                            };
                            assert_eq!(
                                outcome,
                                Err(if closes {
                                    HandshakeError::Protocol(cut_off)
                                } else {
                                    HandshakeError::TimedOut { received }
                                }),
                                "{way:?}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn every_vector_byte_by_byte_is_taken_or_still_there() {
    let config = Config::new().with_max_header_len(MAX_HEADER_LEN);
    for bytes in ROWS.iter().filter(|bytes| bytes.len() <= 1000) {
        let segments: Vec<&[u8]> = bytes.chunks(1).collect();
        for way in WAYS {
            let (outcome, taken) = run(way, &config, &segments, true);
            if let Err(error) = parse(bytes, &config) {
                assert_eq!(outcome, Err(HandshakeError::Protocol(error)));
                let reader_looks_first = matches!(way, Way::Peeks | Way::Buffer);
                assert_eq!(parse(&taken, &config).is_ok(), reader_looks_first, "{way:?}");
            }
        }
    }
}

/// F40: an `async fn read` is polled before the time is looked at, and a dropped call is resumed by the next.
#[test]
fn an_async_handshake_keeps_its_deadline_over_dropped_calls() {
    let mut handshake: Driven =
        Handshake::with_storage(&Config::new(), Duration::ZERO, HeaderStorage::default());
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..3 {
        let mut asked = None;
        let silent = async |_: &mut [u8]| std::future::pending::<Result<usize, ()>>().await;
        let sleep = |deadline| {
            asked = Some(deadline);
            std::future::pending()
        };
        assert!(pin!(handshake.read_with(silent, sleep)).poll(&mut context).is_pending());
        assert_eq!((asked, handshake.poll_timeout()), (Some(DEADLINE), Some(DEADLINE)));
    }
    let over = |_| std::future::ready(());
    let mut here = &b"PROXY UNKNOWN\r\nhello"[..];
    let read = async |slot: &mut [u8]| Ok::<_, ()>(std::io::Read::read(&mut here, slot).unwrap());
    assert_eq!(pin!(handshake.read_with(read, over)).poll(&mut context), Poll::Ready(Ok(())));
    assert_eq!((handshake.taken(), here), (&b"PROXY UNKNOWN\r\n"[..], &b"hello"[..]));
}
