//! Every vector, in every way of feeding it: R6, R15 to R78 as each row says in its `why`.

use std::io::{self, BufRead, BufReader};
use std::task::Poll;
use std::time::Duration;

use realpeer_proto::{
    Config, Decoder, Error, Event, FixedStorage, Handshake, HandshakeError, MAX_HEADER_LEN, Parsed, ReadMode,
    parse, parse_datagram,
};
use realpeer_tests::vectors::{Expect, Vector};

fn config() -> Config {
    Config::new().with_max_header_len(MAX_HEADER_LEN)
}

fn rows() -> Vec<Vector> {
    let mut rows = Vector::all();
    assert_eq!(rows.len(), 342);
    rows.extend(Vector::captures());
    assert_eq!(rows.len(), 342 + 123);
    rows
}

/// What a way of feeding made of the bytes: a header's length, the bytes missing, or the error.
type Outcome = Result<Result<usize, usize>, Error>;

fn check(row: &Vector, parsed: Result<Parsed<'_>, Error>) -> Outcome {
    let outcome = match parsed {
        Ok(Parsed::Complete { header, len }) => {
            row.assert_header(&header);
            Ok(Ok(len))
        }
        Ok(Parsed::Incomplete { needed }) => Ok(Err(needed.get())),
        Err(error) => Err(error),
    };
    let expected = match outcome {
        Ok(Ok(len)) => row.expect == Expect::Accept && row.header_len == Some(len),
        Ok(Err(_)) => row.expect == Expect::Incomplete,
        Err(_) => row.expect == Expect::Reject,
    };
    assert!(expected, "{}: {outcome:?}, {}", row.id, row.why);
    outcome
}

/// Pushes `parts` one after the other, as a caller would who has the payload after them too.
fn push(row: &Vector, parts: &[&[u8]]) -> Outcome {
    let mut decoder = Decoder::with_storage(&config(), FixedStorage(vec![0; MAX_HEADER_LEN]));
    let mut taken = 0;
    for part in parts {
        let n = decoder.push(part);
        taken += n;
        if n < part.len() {
            break;
        }
        let event = decoder.next_event();
        if !matches!(event, Ok(Event::NeedData { .. })) {
            break;
        }
    }
    match decoder.next_event() {
        Ok(Event::Header(header)) => {
            row.assert_header(&header);
            // It stays, and says so again.
            row.assert_header(&decoder.header().unwrap());
            assert_eq!(decoder.as_bytes().len(), taken, "{}", row.id);
            Ok(Ok(taken))
        }
        Ok(Event::NeedData { min }) => Ok(Err(min.get())),
        Err(error) => {
            assert_eq!(decoder.next_event(), Err(error), "{}: errors are sticky", row.id);
            assert_eq!(decoder.push(b"more"), 0, "{}", row.id);
            assert!(decoder.read_slot().is_empty(), "{}", row.id);
            Err(error)
        }
    }
}

#[test]
fn whole_and_with_trailing_bytes() {
    for row in rows() {
        let bytes = row.bytes();
        let outcome = check(&row, parse(&bytes, &config()));
        assert_eq!(push(&row, &[&bytes]), outcome, "{}", row.id);
        if let Ok(Ok(len)) = outcome {
            for payload in [&b"\r\n"[..], b"\n", b"\0", b"PROXY TCP4 ", &bytes, &[0x0D; 600]] {
                let input = [&bytes[..len], payload].concat();
                assert_eq!(check(&row, parse(&input, &config())), Ok(Ok(len)));
                assert_eq!(push(&row, &[&input]), Ok(Ok(len)));
                let (_, rest) = parse_datagram(&input, &config()).unwrap();
                assert_eq!(rest, payload, "{}", row.id);
            }
        }
    }
}

#[test]
fn byte_by_byte_and_at_every_split() {
    for row in rows() {
        let bytes = row.bytes();
        let outcome = check(&row, parse(&bytes, &config()));
        let each: Vec<_> = bytes.chunks(1).collect();
        assert_eq!(push(&row, &each), outcome, "{}", row.id);
        // The few headers of thousands of bytes are split at every seventh of them.
        let step = if bytes.len() > 1100 { 7 } else { 1 };
        for split in (0..bytes.len()).step_by(step) {
            let (first, second) = bytes.split_at(split);
            assert_eq!(push(&row, &[first, second]), outcome, "{} split at {split}", row.id);
        }
    }
}

#[test]
fn prefixes_of_a_header_need_data_and_never_more_than_is_missing() {
    let mut prefixes = 0;
    for row in rows() {
        let bytes = row.bytes();
        let Some(len) = row.header_len else { continue };
        for end in 0..len {
            let mut decoder = Decoder::with_storage(&config(), FixedStorage(vec![0; MAX_HEADER_LEN]));
            assert_eq!(decoder.push(&bytes[..end]), end);
            let Ok(Event::NeedData { min }) = decoder.next_event() else { panic!("{} cut at {end}", row.id) };
            assert!((1..=len - end).contains(&min.get()), "{} cut at {end}: {min}", row.id);
            assert_eq!(decoder.read_slot().len(), min.get(), "{} cut at {end}", row.id);
            assert_eq!(parse(&bytes[..end], &config()), Ok(Parsed::Incomplete { needed: min }));
            prefixes += 1;
        }
    }
    assert!(prefixes > 30_000, "{prefixes}");
}

#[test]
fn read_slots_of_any_fill_give_the_same_and_leave_the_payload() {
    for row in rows() {
        let bytes = row.bytes();
        let outcome = parse(&bytes, &config()).map(|parsed| match parsed {
            Parsed::Complete { len, .. } => Some(len),
            Parsed::Incomplete { .. } => None,
        });
        for most in [1, 2, 5, 1000] {
            let mut rest = &bytes[..];
            let mut handshake =
                Handshake::with_storage(&config(), Duration::ZERO, FixedStorage(vec![0; MAX_HEADER_LEN]));
            let polled = handshake.poll_with(|slot| {
                let n = slot.len().min(most).min(rest.len());
                slot[..n].copy_from_slice(&rest[..n]);
                rest = &rest[n..];
                Poll::Ready(Ok::<_, ()>(n))
            });
            match (outcome, polled) {
                (Ok(Some(len)), Poll::Ready(Ok(()))) => {
                    row.assert_header(&handshake.header().unwrap());
                    assert_eq!(rest.len(), bytes.len() - len, "{}", row.id);
                }
                (Ok(None), Poll::Ready(Err(HandshakeError::Protocol(error)))) => {
                    let received = bytes.len() as u32;
                    let expected = if received == 0 { Error::Closed } else { Error::Truncated { received } };
                    assert_eq!(error, expected, "{}", row.id);
                }
                (Err(expected), Poll::Ready(Err(HandshakeError::Protocol(error)))) => {
                    assert_eq!(error, expected, "{}", row.id);
                }
                other => panic!("{}: {other:?}", row.id),
            }
        }
    }
}

#[test]
fn buffers_that_read_ahead_lose_the_header_and_nothing_else() {
    for row in rows() {
        let bytes = row.bytes();
        for capacity in [1, 2, 5, 1000] {
            let mut reader = BufReader::with_capacity(capacity, &bytes[..]);
            let mut handshake =
                Handshake::with_storage(&config(), Duration::ZERO, FixedStorage(vec![0; MAX_HEADER_LEN]));
            let polled = handshake.poll_buf_with(|hand_over| {
                let taken = hand_over(reader.fill_buf()?);
                reader.consume(taken);
                Poll::Ready(Ok::<_, io::Error>(()))
            });
            let rest = reader.buffer().len() + reader.get_ref().len();
            match (parse(&bytes, &config()), polled) {
                (Ok(Parsed::Complete { len, .. }), Poll::Ready(Ok(()))) => {
                    row.assert_header(&handshake.header().unwrap());
                    assert_eq!(rest, bytes.len() - len, "{}", row.id);
                }
                (Ok(Parsed::Incomplete { .. }), Poll::Ready(Err(HandshakeError::Protocol(error)))) => {
                    let received = bytes.len() as u32;
                    let expected = if received == 0 { Error::Closed } else { Error::Truncated { received } };
                    assert_eq!((error, rest), (expected, 0), "{}", row.id);
                }
                (Err(expected), Poll::Ready(Err(HandshakeError::Protocol(error)))) => {
                    assert_eq!(error, expected, "{}", row.id);
                    assert!(rest > 0, "{}: the byte that makes it none is still there", row.id);
                    assert!(capacity < bytes.len() || rest == bytes.len(), "{}", row.id);
                }
                (_, polled) => panic!("{}: {polled:?}", row.id),
            }
        }
    }
}

#[test]
fn peeking_takes_the_header_and_nothing_else() {
    for row in rows() {
        let bytes = row.bytes();
        let Some(len) = row.header_len else { continue };
        for (scratch, most) in [(536, 100_000), (536, 1), (7, 3), (1, 1)] {
            let mut rest = &bytes[..];
            let mut calls = 0;
            let mut handshake =
                Handshake::with_storage(&config(), Duration::ZERO, FixedStorage(vec![0; MAX_HEADER_LEN]));
            let polled = handshake.poll_peek_with(&mut vec![0; scratch], |slot, mode| {
                calls += 1;
                let n = slot.len().min(most).min(rest.len());
                slot[..n].copy_from_slice(&rest[..n]);
                if mode == ReadMode::Take {
                    rest = &rest[n..];
                }
                Poll::Ready(Ok::<_, ()>(n))
            });
            assert_eq!(polled, Poll::Ready(Ok(())), "{}", row.id);
            row.assert_header(&handshake.header().unwrap());
            assert_eq!(rest.len(), bytes.len() - len, "{}", row.id);
            if scratch >= len && most >= len {
                assert_eq!(calls, 2, "{}: one peek, one read", row.id);
            }
        }
    }
}
