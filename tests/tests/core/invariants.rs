//! The invariants of every decoder, whatever arrives, that ARCHITECTURE.md lists.

use std::cell::Cell;
use std::io::Read;
use std::mem::size_of;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use realpeer_io::HeaderStorage;
use realpeer_proto::{
    Config, Decoder, Error, Event, FixedStorage, Handshake, HandshakeError, MAX_HEADER_LEN, Parsed, Storage,
    TlvCause, TlvError, Versions, kind, parse, parse_datagram,
};
use realpeer_tests::inputs::{ROWS, cases, input};

/// Storage that grows to just what it is asked for, and lets others see how large it is.
#[derive(Debug)]
struct Growing {
    bytes: Vec<u8>,
    max: usize,
    room: Rc<Cell<usize>>,
}

impl Growing {
    fn new(len: usize, max: usize) -> Self {
        Self { bytes: vec![0; len], max, room: Rc::new(Cell::new(len)) }
    }
}

impl Storage for Growing {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    fn max_len(&self) -> usize {
        self.max
    }

    fn grow(&mut self, len: usize) -> bool {
        assert!(
            len > self.bytes.len() && len <= self.max,
            "{len} asked of {} at most {}",
            self.bytes.len(),
            self.max
        );
        self.bytes.resize(len, 0);
        self.room.set(len);
        true
    }
}

/// Puts up to `size` bytes off the front of `bytes` into `decoder`; says how many it took.
fn feed<B: Storage>(decoder: &mut Decoder<B>, bytes: &[u8], size: usize, by_slot: bool) -> usize {
    let part = &bytes[..size.min(bytes.len())];
    if !by_slot {
        return decoder.push(part);
    }
    let slot = decoder.read_slot();
    let n = part.len().min(slot.len());
    slot[..n].copy_from_slice(&part[..n]);
    decoder.received(n);
    n
}

/// Feeds `bytes` by `plan`, as long as the decoder wants more, comparing with [`parse`] after each step.
fn follow<B: Storage>(mut decoder: Decoder<B>, bytes: &[u8], plan: &[(usize, bool)], config: &Config) {
    let mut taken = 0;
    for &(size, by_slot) in plan.iter().cycle() {
        if taken == bytes.len() || !matches!(decoder.next_event(), Ok(Event::NeedData { .. })) {
            break;
        }
        let n = feed(&mut decoder, &bytes[taken..], size, by_slot);
        taken += n;
        assert_eq!(decoder.as_bytes(), &bytes[..taken]);
        if !by_slot && decoder.next_event().is_err() {
            // It took all with which a header can begin, and not the byte that makes it impossible.
            assert!(parse(&bytes[..taken], config).is_ok());
            let _ = same(&mut decoder, &bytes[..=taken], config);
            break;
        }
        assert!(n > 0, "{decoder:?} takes nothing");
        let _ = same(&mut decoder, &bytes[..taken], config);
    }
    assert_eq!(decoder.as_bytes(), &bytes[..taken]);
    // `parse` on all of it, payload included, has the same result as the pieces.
    let whole = same(&mut decoder, bytes, config);
    if let Ok(Parsed::Complete { len, .. }) = whole {
        assert_eq!(taken, len);
    }
    if !matches!(whole, Ok(Parsed::Incomplete { .. })) {
        assert_eq!(decoder.push(b"\r\n\r\n\0\r\nQUIT\n"), 0, "settled");
        assert!(decoder.read_slot().is_empty(), "settled");
        decoder.push_eof();
        let _ = same(&mut decoder, bytes, config);
    }
}

/// The error of [`parse`] with a limit that is the decoder's storage's.
fn by_storage(error: Error) -> Error {
    match error {
        Error::TooLong { at_least, limit } => Error::StorageTooSmall { at_least, room: limit },
        other => other,
    }
}

/// Panics unless the decoder says the same as [`parse`], to the last number. Where it is the storage that is too small, that
/// is what it says.
fn same<'a, B: Storage>(
    decoder: &mut Decoder<B>,
    bytes: &'a [u8],
    config: &Config,
) -> Result<Parsed<'a>, Error> {
    let parsed = parse(bytes, config);
    let parsed = match decoder.next_event() {
        Err(Error::StorageTooSmall { .. }) => parsed.map_err(by_storage),
        _ => parsed,
    };
    let expected = parsed.map(|parsed| match parsed {
        Parsed::Complete { header, .. } => Event::Header(header),
        Parsed::Incomplete { needed } => Event::NeedData { min: needed },
    });
    assert_eq!(decoder.next_event(), expected, "{}", bytes.escape_ascii());
    assert_eq!(
        decoder.header(),
        expected.ok().and_then(|event| match event {
            Event::Header(header) => Some(header),
            Event::NeedData { .. } => None,
        })
    );
    parsed
}

fn config() -> impl Strategy<Value = Config> {
    let versions = prop_oneof![4 => Just(Versions::Any), 1 => Just(Versions::V1), 1 => Just(Versions::V2)];
    let limit = prop_oneof![2 => Just(MAX_HEADER_LEN), 1 => 16usize..=200];
    (versions, limit)
        .prop_map(|(versions, limit)| Config::new().with_versions(versions).with_max_header_len(limit))
}

/// The sizes of the pieces, and whether they come by the read slot.
fn plan() -> impl Strategy<Value = Vec<(usize, bool)>> {
    let size = prop_oneof![1 => Just(1usize), 2 => 1usize..20, 1 => Just(100_000)];
    vec((size, any::<bool>()), 1..8)
}

// 1. Whole, byte by byte, or split anywhere: the same events, the same error.

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn any_split_in_any_storage_is_as_parse_says(
        bytes in input(),
        config in config(),
        plan in plan(),
        fixed in select(&[16usize, 17, 28, 64, 107, 536]),
        first in 0usize..40,
    ) {
        let big = MAX_HEADER_LEN;
        follow(Decoder::with_storage(&config, FixedStorage(vec![0; big])), &bytes, &plan, &config);
        follow(Decoder::with_storage(&config, Growing::new(first, big)), &bytes, &plan, &config);
        let narrowed = config.with_max_header_len(fixed.min(config.max_header_len()));
        follow(Decoder::with_storage(&config, FixedStorage(vec![0; fixed])), &bytes, &plan, &narrowed);
        let mut borrowed = vec![0; fixed];
        follow(Decoder::with_storage(&config, &mut borrowed[..]), &bytes, &plan, &narrowed);
    }
}

#[test]
fn vectors_byte_by_byte_are_as_parse_says_at_every_prefix() {
    let config = Config::new().with_max_header_len(MAX_HEADER_LEN);
    for bytes in ROWS.iter().filter(|bytes| bytes.len() < 1000) {
        for by_slot in [false, true] {
            follow(
                Decoder::with_storage(&config, FixedStorage(vec![0; MAX_HEADER_LEN])),
                bytes,
                &[(1, by_slot)],
                &config,
            );
        }
    }
}

#[test]
fn vectors_below_every_small_limit_are_as_parse_says() {
    for bytes in ROWS.iter().filter(|bytes| bytes.len() <= 232).step_by(3) {
        for limit in (16..=bytes.len().min(200)).step_by(3) {
            let config = Config::new().with_max_header_len(limit);
            follow(Decoder::with_storage(&config, [0; 536]), bytes, &[(1, false)], &config);
            follow(Decoder::with_storage(&config, [0; 536]), bytes, &[(100_000, true)], &config);
        }
    }
}

/// Storage too small for any header, or for any of version 2.
#[test]
fn tiny_storage_gives_one_error_however_bytes_are_split() {
    let config = Config::new();
    for bytes in ROWS.iter().filter(|bytes| !bytes.is_empty()) {
        for len in 0..16 {
            let outcomes: Vec<_> = [(1, false), (7, false), (100_000, false), (1, true), (100_000, true)]
                .into_iter()
                .map(|(size, by_slot)| {
                    let mut decoder = Decoder::with_storage(&config, FixedStorage(vec![0; len]));
                    let mut rest = &bytes[..];
                    while let (Ok(Event::NeedData { .. }), false) = (decoder.next_event(), rest.is_empty()) {
                        rest = &rest[feed(&mut decoder, rest, size, by_slot)..];
                    }
                    decoder.next_event().map(|event| matches!(event, Event::Header(_)))
                })
                .collect();
            assert!(
                outcomes.iter().all(|outcome| *outcome == outcomes[0]),
                "{outcomes:?} {}",
                bytes.escape_ascii()
            );
            if len < 15 {
                assert_eq!(outcomes[0], Err(Error::StorageTooSmall { at_least: 15, room: len as u32 }));
            }
        }
    }
}

/// It is the length that is at fault, not memory, whether the 16th byte is pushed with the others or not.
#[test]
fn fifteen_bytes_of_storage_are_too_short_for_version_2_in_one_push_too() {
    let mut decoder = Decoder::with_storage(&Config::new(), [0; 15]);
    let _ = decoder.push(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    assert_eq!(decoder.next_event(), Err(Error::StorageTooSmall { at_least: 16, room: 15 }));
    // At the first byte, which is certain to be one of version 2.
    assert_eq!(decoder.as_bytes(), b"");
    let mut decoder = Decoder::with_storage(&Config::new(), [0; 15]);
    assert_eq!(decoder.push(b"PROXY UNKNOWN\r\nhello"), 15);
    assert!(matches!(decoder.next_event(), Ok(Event::Header(_))));
}

/// F15: one `Config`, one answer, whichever of the core is asked, if the storage has room for what the `Config` allows.
#[test]
fn the_same_bytes_and_config_have_the_same_outcome_everywhere() {
    let configs = [
        Config::new(),
        Config::new().with_max_header_len(MAX_HEADER_LEN),
        Config::new().with_max_header_len(536),
        Config::new().with_max_header_len(107).with_versions(Versions::V1),
        Config::new().with_max_header_len(28).with_versions(Versions::V2),
        Config::new().with_crc32c_check(false),
    ];
    let long =
        |len: u16| [&b"\r\n\r\n\0\r\nQUIT\n\x20\0"[..], &len.to_be_bytes(), &vec![0; len.into()]].concat();
    let lengths = [520, 521, 615, 4080, 4081, 65_535].map(long);
    for (bytes, config) in
        ROWS.iter().chain(&lengths).flat_map(|bytes| configs.iter().map(move |config| (bytes, config)))
    {
        let parsed = parse(bytes, config);
        let len = match parsed {
            Ok(Parsed::Complete { len, .. }) => Ok(Some(len)),
            Ok(Parsed::Incomplete { .. }) => Ok(None),
            Err(error) => Err(error),
        };
        let cut_off = match bytes.len() as u32 {
            0 => (Error::EmptyDatagram, Error::Closed),
            received => (Error::Truncated { received }, Error::Truncated { received }),
        };
        let datagram = parse_datagram(bytes, config).map(|(_, payload)| bytes.len() - payload.len());
        assert_eq!(datagram, len.and_then(|len| len.ok_or(cut_off.0)));

        let stream = len.and_then(|len| len.ok_or(cut_off.1));
        let pushed = |storage: &mut dyn Storage| {
            let mut decoder = Decoder::with_storage(config, storage);
            let _ = decoder.push(bytes);
            decoder.push_eof();
            decoder.next_event().map(drop)?;
            Ok(decoder.as_bytes().len())
        };
        assert_eq!(pushed(&mut vec![0; config.max_header_len()][..].as_mut()), stream);
        assert_eq!(pushed(&mut HeaderStorage::default()), stream);
        // With storage for less the error says so, and the limit is what the storage has room for.
        let narrowed = config.with_max_header_len(536.min(config.max_header_len()));
        let expected = match parse(bytes, &narrowed) {
            Err(error @ Error::TooLong { limit: 536, .. }) if config.max_header_len() > 536 => {
                Err(by_storage(error))
            }
            _ => stream,
        };
        assert_eq!(pushed(&mut [0; 536]), expected);

        let mut handshake = Handshake::with_storage(config, Duration::ZERO, HeaderStorage::default());
        let mut rest = &bytes[..];
        let polled = handshake.poll_with(|slot| Poll::Ready(rest.read(slot)));
        let Poll::Ready(outcome) = polled else { panic!("pending at the end of the stream") };
        let outcome = outcome.map(|()| handshake.taken().len()).map_err(|error| match error {
            HandshakeError::Protocol(error) => error,
            other => panic!("{other:?}"),
        });
        assert_eq!(outcome, stream);
    }
}

/// F15: a line of version 1 has at most 107 bytes, whatever the storage.
#[test]
fn a_line_that_is_too_long_is_not_blamed_on_the_storage() {
    let endless = [&b"PROXY UNKNOWN "[..], &[b'x'; 200]].concat();
    for (room, expected) in [
        (107, Error::TooLong { at_least: 108, limit: 107 }),
        (536, Error::TooLong { at_least: 108, limit: 107 }),
        (106, Error::StorageTooSmall { at_least: 107, room: 106 }),
    ] {
        let mut decoder = Decoder::with_storage(&Config::new(), FixedStorage(vec![0; room]));
        assert!(decoder.push(&endless) < room);
        assert_eq!(decoder.next_event(), Err(expected), "{room}");
    }
}

/// F15: it is an error, wherever it happens, and not a panic.
#[test]
fn storage_whose_bytes_vanish_is_misuse() {
    struct Vanishing(Vec<u8>, Rc<Cell<bool>>);
    impl Storage for Vanishing {
        fn bytes(&self) -> &[u8] {
            if self.1.get() { &self.0[..4] } else { &self.0 }
        }
        fn bytes_mut(&mut self) -> &mut [u8] {
            if self.1.get() { &mut self.0[..4] } else { &mut self.0 }
        }
        fn max_len(&self) -> usize {
            self.0.len()
        }
        fn grow(&mut self, _: usize) -> bool {
            true
        }
    }
    for bytes in ROWS.iter().filter(|bytes| (8..600).contains(&bytes.len())) {
        for (at, by_slot) in (5..bytes.len()).step_by(3).flat_map(|at| [(at, false), (at, true)]) {
            let gone = Rc::new(Cell::new(false));
            let mut decoder =
                Decoder::with_storage(&Config::new(), Vanishing(vec![0; 600], Rc::clone(&gone)));
            let taken = decoder.push(&bytes[..at]);
            gone.set(true);
            let fed = feed(&mut decoder, &bytes[taken..], 100, by_slot);
            let event = decoder.next_event();
            if taken > 4 && fed == 0 {
                assert!(event.is_err(), "{event:?}");
            }
            let _ = (decoder.header(), decoder.as_bytes());
            let _ = decoder.push(b"x");
            let _ = decoder.read_slot();
            decoder.push_eof();
        }
    }
}

/// It is the first byte that is impossible, and the later ones make it no other error.
#[test]
fn r60_a_tlv_that_can_not_fit_is_the_same_error_however_much_of_it_is_there() {
    let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x14aaaabbbbccdd\x03\x03\x03";
    let error = TlvError::new(kind::CRC32C, 28, TlvCause::Crc32cLength);
    for end in 29..=header.len() {
        assert_eq!(parse(&header[..end], &Config::new()), Err(Error::Tlv(error)), "{end}");
    }
}

// 2. No byte beyond the header is ever taken: `needed` and `read_slot` are lower bounds on what is still header.

#[test]
fn r25_read_slots_at_first() {
    for (versions, expected) in [(Versions::Any, 15), (Versions::V1, 15), (Versions::V2, 16)] {
        let mut decoder = Decoder::with_storage(&Config::new().with_versions(versions), [0; 536]);
        assert_eq!(decoder.read_slot().len(), expected, "{versions:?}");
    }
}

#[test]
fn r50_read_slots_of_version_2() {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x01\x2c".to_vec();
    header.extend([4; 300]);
    header[28..31].copy_from_slice(&[kind::NOOP, 0x01, 0x1d]); // 300 - 12 - 3
    for end in 1..header.len() {
        let mut decoder = Decoder::with_storage(&Config::new(), [0; 536]);
        assert_eq!(decoder.push(&header[..end]), end);
        let missing = if end < 16 { 16 - end } else { header.len() - end };
        assert_eq!(decoder.read_slot().len(), missing, "{end}");
    }
}

/// The fields that are missing at their least width, the spaces, and CRLF.
#[test]
fn r15_read_slots_of_version_1() {
    for (start, ends) in [
        ("", "PROXY UNKNOWN\r\n"),
        ("PROXY ", "UNKNOWN\r\n"),
        ("PROXY U", "NKNOWN\r\n"),
        ("PROXY UNKNOWN", "\r\n"),
        ("PROXY UNKNOWN ", "\r\n"),
        ("PROXY UNKNOWN x", "\r\n"),
        ("PROXY UNKNOWN x\r", "\n"),
        ("PROXY UNKNOWN x\ry", "\r\n"),
        ("PROXY UNKNOWN\r", "\n"),
        ("PROXY T", "CP6 :: :: 0 0\r\n"),
        ("PROXY TCP", "6 :: :: 0 0\r\n"),
        ("PROXY TCP4", " 0.0.0.0 0.0.0.0 0 0\r\n"),
        ("PROXY TCP4 ", "0.0.0.0 0.0.0.0 0 0\r\n"),
        ("PROXY TCP4 192", ".0.0.0 0.0.0.0 0 0\r\n"),
        ("PROXY TCP4 192.", "0.0.0 0.0.0.0 0 0\r\n"),
        ("PROXY TCP4 192.0.2.1", " 0.0.0.0 0 0\r\n"),
        ("PROXY TCP4 192.0.2.1 ", "0.0.0.0 0 0\r\n"),
        ("PROXY TCP4 192.0.2.1 198.51.100.2", " 0 0\r\n"),
        ("PROXY TCP4 192.0.2.1 198.51.100.2 5", " 0\r\n"),
        ("PROXY TCP4 192.0.2.1 198.51.100.2 56324 ", "0\r\n"),
        ("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443", "\r\n"),
        ("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r", "\n"),
        ("PROXY TCP6 ", ":: :: 0 0\r\n"),
        ("PROXY TCP6 :", ": :: 0 0\r\n"),
        ("PROXY TCP6 ::", " :: 0 0\r\n"),
        ("PROXY TCP6 2001:db8", ":: :: 0 0\r\n"),
        ("PROXY TCP6 2001:db8:", ": :: 0 0\r\n"),
        ("PROXY TCP6 1:2:3:4:5:6:7", ":: :: 0 0\r\n"),
        ("PROXY TCP6 1:2:3:4:5:6:7:", "8 :: 0 0\r\n"),
        ("PROXY TCP6 ::ffff:1.", "0.0.0 :: 0 0\r\n"),
    ] {
        let mut decoder = Decoder::with_storage(&Config::new(), [0; 536]);
        assert_eq!(decoder.push(start.as_bytes()), start.len());
        assert_eq!(decoder.read_slot().len(), ends.len(), "{start:?}");
        // The shortest ending is one.
        assert_eq!(decoder.push(ends.as_bytes()), ends.len());
        assert!(matches!(decoder.next_event(), Ok(Event::Header(_))), "{start}{ends}");
    }
}

// 3. A header is only given out once all has been checked.

/// Whichever bit of a header with a CRC32C is flipped, R65: it is refused, or it is a header no longer covered.
#[test]
fn r65_no_flipped_bit_goes_unseen_under_a_crc32c() {
    let config = Config::new().with_max_header_len(MAX_HEADER_LEN);
    let mut flipped = 0;
    for bytes in ROWS.iter() {
        let Ok(Parsed::Complete { header, len }) = parse(bytes, &config) else { continue };
        if header.tlvs().crc32c().is_none() || len > 700 {
            continue;
        }
        let mut bytes = bytes[..len].to_vec();
        for bit in 0..8 * len {
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(Parsed::Complete { header, .. }) = parse(&bytes, &config) {
                assert_eq!(header.tlvs().crc32c(), None, "bit {bit} of {}", bytes.escape_ascii());
            }
            bytes[bit / 8] ^= 1 << (bit % 8);
            flipped += 1;
        }
    }
    assert!(flipped > 5_000, "{flipped}");
}

proptest! {
    #![proptest_config(cases(2000))]

    /// Whatever is accepted has TLVs that tile, an SSL TLV that can be read, one checksum of four bytes, a UNIQUE_ID of
    /// at most 128, and is not longer than what arrived. In LOCAL and UNSPEC only the checksum is looked at.
    #[test]
    fn r60_r64_r67_r68_what_is_given_out_has_been_checked(bytes in input(), config in config()) {
        let Ok(Parsed::Complete { header, len }) = parse(&bytes, &config) else { return Ok(()) };
        prop_assert!(len <= bytes.len() && len <= config.max_header_len());
        let tlvs = header.tlvs();
        prop_assert_eq!(tlvs.iter().map(|tlv| 3 + tlv.value().len()).sum::<usize>(), tlvs.as_bytes().len());
        let values = |wanted: u8| tlvs.iter().filter(move |tlv| tlv.kind() == wanted).map(|tlv| tlv.value());
        prop_assert!(values(kind::CRC32C).all(|value| value.len() == 4) && values(kind::CRC32C).count() <= 1);
        if header.source().is_some() {
            prop_assert!(values(kind::UNIQUE_ID).all(|value| value.len() <= 128));
            prop_assert!(values(kind::SSL).all(|value| realpeer_proto::Ssl::new(value).is_some()));
        }
    }
}

// 4. Rejection comes at the first byte that makes the header impossible: see differential.rs.

// 5. Nothing is sized by an announced length.

/// 65,535 bytes announced, and sent in pieces: R50, and the opposite of CVE-2019-10097.
#[test]
fn r50_storage_is_never_more_than_twice_what_has_come() {
    let config = Config::new().with_max_header_len(MAX_HEADER_LEN);
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x20\0\xff\xff".to_vec();
    header.resize(MAX_HEADER_LEN, 0);
    for size in [1, 1400, 100_000] {
        for by_slot in [false, true] {
            let storage = Growing::new(0, MAX_HEADER_LEN);
            let room = Rc::clone(&storage.room);
            let mut decoder = Decoder::with_storage(&config, storage);
            let mut come = 0;
            while come < header.len() {
                assert!(matches!(decoder.next_event(), Ok(Event::NeedData { .. })));
                if by_slot {
                    // Asking again leads no further.
                    let len = decoder.read_slot().len();
                    assert_eq!(decoder.read_slot().len(), len);
                }
                assert!(room.get() <= (2 * come).max(16), "{} bytes of room for {come}", room.get());
                come += feed(&mut decoder, &header[come..], size, by_slot);
                assert!(room.get() <= (2 * come).max(16), "{} bytes of room for {come}", room.get());
            }
            assert!(matches!(decoder.next_event(), Ok(Event::Header(_))));
        }
    }
}

/// Storage that has room enough is not made to grow.
#[test]
fn storage_grows_only_once_it_is_full() {
    let config = Config::new().with_max_header_len(MAX_HEADER_LEN);
    let storage = Growing::new(536, MAX_HEADER_LEN);
    let room = Rc::clone(&storage.room);
    let mut decoder = Decoder::with_storage(&config, storage);
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x20\0\xff\xff".to_vec();
    header.resize(536, 0);
    assert_eq!(decoder.push(&header), 536);
    assert_eq!((decoder.as_bytes().len(), room.get()), (536, 536));
    assert_eq!(decoder.read_slot().len(), 536);
    assert_eq!(room.get(), 2 * 536);
}

#[test]
fn storage_that_can_not_grow_is_an_error_of_its_own() {
    struct Stubborn([u8; 20]);
    impl Storage for Stubborn {
        fn bytes(&self) -> &[u8] {
            &self.0
        }
        fn bytes_mut(&mut self) -> &mut [u8] {
            &mut self.0
        }
        fn max_len(&self) -> usize {
            1000
        }
        fn grow(&mut self, len: usize) -> bool {
            // It says it did, for odd lengths, and did not.
            len % 2 == 1
        }
    }
    for len in [12, 13] {
        for by_slot in [false, true] {
            let header = [&b"\r\n\r\n\0\r\nQUIT\n\x20\0\0"[..], &[len], &[0; 13]].concat();
            let mut decoder = Decoder::with_storage(&Config::new(), Stubborn([0; 20]));
            assert_eq!(decoder.push(&header[..20]), 20);
            assert_eq!(feed(&mut decoder, &header[20..], 100, by_slot), 0);
            assert_eq!(decoder.next_event(), Err(Error::OutOfMemory));
        }
    }
}

// Small: a connection that waits costs little.

fn is_copy<T: Copy + PartialEq + Send + Sync + 'static>() {}

#[test]
fn sizes() {
    assert!(
        size_of::<Handshake<Instant, [u8; 536]>>() <= 600,
        "{}",
        size_of::<Handshake<Instant, [u8; 536]>>()
    );
    assert!(size_of::<Error>() <= 16, "{}", size_of::<Error>());
    assert!(size_of::<HandshakeError<()>>() <= 24, "{}", size_of::<HandshakeError<()>>());
    is_copy::<Error>();
    is_copy::<HandshakeError<()>>();
}
