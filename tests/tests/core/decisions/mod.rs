//! What was decided where the specification leaves room, and what it leaves none for, one by one. The vectors have many
//! of these too; here each has its name, and is tried with every value where there are few.

mod tlvs;
mod v1;
mod v2;

use realpeer_io::HeaderStorage;
use realpeer_proto::{
    Command, Config, Decoder, Error, Event, FixedStorage, Header, MAX_HEADER_LEN, Parsed, TlvCause, TlvError,
    Transport, Version, Versions, kind, parse, parse_datagram,
};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const IPV4: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 2, 0, 80, 1, 187];

/// A version 2 header with these bytes after the first 16.
fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let len = u16::try_from(block.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &len, block].concat()
}

/// PROXY over TCP and IPv4 with these TLVs.
fn with_tlvs(tlvs: &[(u8, &[u8])]) -> Vec<u8> {
    let mut block = IPV4.to_vec();
    for (kind, value) in tlvs {
        block.push(*kind);
        block.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        block.extend(*value);
    }
    v2(0x21, 0x11, &block)
}

/// The outcome of the bytes, at once and one by one.
fn read(bytes: &[u8]) -> Result<Parsed<'_>, Error> {
    let config = Config::new().with_max_header_len(MAX_HEADER_LEN);
    let parsed = parse(bytes, &config);
    let mut decoder = Decoder::with_storage(&config, HeaderStorage::default());
    let _ = bytes.chunks(1).all(|byte| decoder.push(byte) == 1);
    match (parsed, decoder.next_event()) {
        (Ok(Parsed::Complete { header, .. }), Ok(Event::Header(found))) => assert_eq!(found, header),
        (Ok(Parsed::Incomplete { needed }), Ok(Event::NeedData { min })) => assert_eq!(min, needed),
        (Err(error), Err(found)) => assert_eq!(found, error),
        other => panic!("{other:?}: {}", bytes.escape_ascii()),
    }
    parsed
}

/// The header that is all of `bytes`.
pub(crate) fn accepted(bytes: &[u8]) -> Header<'_> {
    match read(bytes) {
        Ok(Parsed::Complete { header, len }) if len == bytes.len() => header,
        other => panic!("{other:?}: {}", bytes.escape_ascii()),
    }
}

fn rejected(bytes: &[u8]) -> Error {
    match read(bytes) {
        Err(error) => error,
        other => panic!("{other:?}: {}", bytes.escape_ascii()),
    }
}

fn is_incomplete(bytes: &[u8]) -> bool {
    matches!(read(bytes), Ok(Parsed::Incomplete { .. }))
}

fn tlv_error(kind: u8, offset: u32, cause: TlvCause) -> Error {
    Error::Tlv(TlvError::new(kind, offset, cause))
}

/// The bitwise form of RFC 4960, to check with.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82F6_3B78 } else { crc >> 1 },
        )
    })
}

/// Puts the checksum of the whole at `at`.
fn seal(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes[at..at + 4].fill(0);
    let sum = crc32c(&bytes).to_be_bytes();
    bytes[at..at + 4].copy_from_slice(&sum);
    bytes
}

// Both versions

/// Any fragmentation is tolerated; what is partial at the end of the stream is refused.
#[test]
fn r6_r57_partial_is_incomplete_until_the_stream_ends() {
    for header in [b"PROXY TCP4 192.0.2.1 198.51.100.2 80 443\r\n".to_vec(), v2(0x21, 0x11, IPV4)] {
        for end in 1..header.len() {
            let mut decoder = Decoder::with_storage(&Config::new(), [0; 536]);
            assert_eq!(decoder.push(&header[..end]), end);
            assert!(matches!(decoder.next_event(), Ok(Event::NeedData { .. })));
            decoder.push_eof();
            assert_eq!(decoder.next_event(), Err(Error::Truncated { received: end as u32 }));
        }
    }
    let mut decoder = Decoder::with_storage(&Config::new(), [0; 536]);
    decoder.push_eof();
    assert_eq!(decoder.next_event(), Err(Error::Closed));
}

/// R2, R3, R12: the receiver is told which versions there are, and guesses nothing.
#[test]
fn r12_r58_only_the_versions_that_are_allowed() {
    let line = b"PROXY UNKNOWN\r\n";
    let binary = v2(0x20, 0, &[]);
    for (versions, v1, v2) in
        [(Versions::Any, true, true), (Versions::V1, true, false), (Versions::V2, false, true)]
    {
        let config = Config::new().with_versions(versions);
        for (bytes, allowed) in [(&line[..], v1), (&binary, v2)] {
            match parse(bytes, &config) {
                Ok(Parsed::Complete { .. }) => assert!(allowed),
                Err(error) => {
                    assert!(!allowed);
                    assert_eq!(error, Error::Signature { offset: 0, found: bytes[0], allowed: versions });
                    assert_eq!(parse(&bytes[..1], &config), Err(error), "at the first byte");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// No signature: at the first byte that is not of one.
#[test]
fn r58_what_is_no_header() {
    for (bytes, offset) in [
        (&b"GET / HTTP/1.1\r\n"[..], 0),
        (b"POST / HTTP/1.1\r\n", 1),
        (b"PRI * HTTP/2.0\r\n", 2),
        (b"PROPFIND / HTTP/1.1\r\n", 3),
        (b"PROXx", 4),
        (b"\x16\x03\x01\x02\0", 0),
        (b"\0", 0),
        (b"\r\n\r\n\r\n", 4),
        (b"\r\n\r\n\0\r\nQUIT\r", 11),
    ] {
        let found = bytes[usize::from(offset)];
        let expected = Error::Signature { offset, found, allowed: Versions::Any };
        assert_eq!(rejected(bytes), expected);
        assert_eq!(rejected(&bytes[..=usize::from(offset)]), expected);
        assert!(offset == 0 || is_incomplete(&bytes[..usize::from(offset)]));
    }
}

/// One header per connection: a second one is payload.
#[test]
fn r5_a_second_header_is_payload() {
    let headers =
        [b"PROXY TCP4 192.0.2.1 198.51.100.2 80 443\r\n".to_vec(), v2(0x21, 0x11, IPV4), v2(0x20, 0, &[])];
    for first in &headers {
        for second in &headers {
            let both = [&first[..], second].concat();
            assert!(matches!(read(&both), Ok(Parsed::Complete { len, .. }) if len == first.len()));
            let mut decoder = Decoder::with_storage(&Config::new(), [0; 536]);
            assert_eq!(decoder.push(&both), first.len());
            assert_eq!(decoder.push(second), 0);
            assert_eq!(decoder.as_bytes(), first);
        }
    }
}

/// Payload is never taken for TLVs of the header, whatever it looks like, and whatever could be taken for the length.
#[test]
fn r5_r50_tlvs_behind_the_header_are_payload() {
    let noops = [kind::NOOP, 0, 1, 7].repeat(64);
    for header in [v2(0x21, 0x11, IPV4), v2(0x21, 0x21, &[1; 36]), with_tlvs(&[(kind::ALPN, b"h2")])] {
        for len in 0..noops.len() {
            let bytes = [&header, &noops[..len]].concat();
            let Ok(Parsed::Complete { header: found, len }) = read(&bytes) else { panic!("{len} bytes") };
            assert_eq!((found, len), (accepted(&header), header.len()));
        }
    }
}

#[test]
fn r9_r10_r11_each_datagram_has_a_header_of_its_own() {
    let header = v2(0x21, 0x12, IPV4);
    let datagram = [&header[..], b"query"].concat();
    let (found, payload) = parse_datagram(&datagram, &Config::new()).unwrap();
    assert_eq!((found.transport(), payload), (Transport::Dgram, &b"query"[..]));
    assert_eq!(parse_datagram(&header, &Config::new()).unwrap().1, b"");
    for end in 0..header.len() {
        let error = parse_datagram(&datagram[..end], &Config::new()).unwrap_err();
        let received = end as u32;
        assert_eq!(error, if end == 0 { Error::EmptyDatagram } else { Error::Truncated { received } });
    }
    assert!(matches!(parse_datagram(b"query", &Config::new()), Err(Error::Signature { .. })));
}

#[test]
fn the_limit_is_at_least_16_and_at_most_what_the_format_can_say() {
    for (asked, limit) in
        [(0, 16), (16, 16), (536, 536), (65_551, 65_551), (65_552, 65_551), (usize::MAX, 65_551)]
    {
        assert_eq!(Config::new().with_max_header_len(asked).max_header_len(), limit);
    }
    assert_eq!((MAX_HEADER_LEN, Config::default().max_header_len()), (65_551, 4096));
    // At byte 15 or 16, as soon as the length says so.
    let long = v2(0x21, 0x11, &vec![0; 4081]);
    assert_eq!(parse(&long, &Config::new()), Err(Error::TooLong { at_least: 4097, limit: 4096 }));
    assert_eq!(parse(&long[..16], &Config::new()), Err(Error::TooLong { at_least: 4097, limit: 4096 }));
    let longer = v2(0x21, 0x11, &[0; 4352]);
    assert_eq!(
        parse(&longer[..15], &Config::new()),
        Err(Error::TooLong { at_least: 16 + 4352, limit: 4096 })
    );
    // What is as long as the limit is within it, from the first byte on.
    for header in [v2(0x21, 0x11, IPV4), v2(0x21, 0x31, &[1; 216]), v2(0x20, 0, &[4; 256])] {
        let config = Config::new().with_max_header_len(header.len());
        for end in 0..header.len() {
            let parsed = parse(&header[..end], &config);
            assert!(matches!(parsed, Ok(Parsed::Incomplete { .. })), "{parsed:?} after {end} bytes");
        }
        assert!(matches!(parse(&header, &config), Ok(Parsed::Complete { .. })));
        let config = Config::new().with_max_header_len(header.len() - 1);
        let too_long = Error::TooLong { at_least: header.len() as u32, limit: header.len() as u32 - 1 };
        assert_eq!(parse(&header[..16], &config), Err(too_long));
    }
}

/// Storage that no header fits in is of no use, and is reported before a byte has arrived.
#[test]
fn r27_storage_for_less_than_the_shortest_header() {
    for (versions, shortest) in [(Versions::Any, 15), (Versions::V1, 15), (Versions::V2, 16)] {
        let config = Config::new().with_versions(versions);
        for limit in 0..20 {
            let too_small = Error::StorageTooSmall { at_least: shortest, room: limit };
            let min = (shortest as usize).try_into().unwrap();
            let expected = if limit < shortest { Err(too_small) } else { Ok(Event::NeedData { min }) };
            let mut decoder = Decoder::with_storage(&config, FixedStorage(vec![0; limit as usize]));
            assert_eq!(decoder.next_event(), expected, "{versions:?}");
        }
    }
}

#[test]
fn version_and_command_say_which() {
    let line = accepted(b"PROXY TCP4 192.0.2.1 192.0.2.2 80 443\r\n");
    assert_eq!(
        (line.version(), line.command(), line.transport()),
        (Version::V1, Command::Proxy, Transport::Stream)
    );
    let binary = v2(0x20, 0, &[]);
    assert_eq!((accepted(&binary).version(), accepted(&binary).command()), (Version::V2, Command::Local));
    let texts = [line, accepted(&binary), accepted(&v2(0x21, 0x12, IPV4))]
        .map(|header| format!("{} {} {}", header.version(), header.command(), header.transport()));
    assert_eq!(texts, ["v1 PROXY STREAM", "v2 LOCAL UNSPEC", "v2 PROXY DGRAM"]);
}
