//! Faults that others had, each by its name. What concerns sockets, time and trust is tested with the adapters.
//! `SECURITY.md` says whose they were.

use std::net::SocketAddr;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use allocation_counter::measure;
use realpeer_io::{Acceptor, Trust};
use realpeer_proto::{
    Addresses, Command, Config, Decoder, EncodeError, Encoder, Error, Event, FixedStorage, Handshake,
    HandshakeError, Header, MAX_HEADER_LEN, Parsed, Ssl, Tlv, TlvCause, TlvError, Tlvs, Transport, UnixAddr,
    V1Cause, V1Error, V1Field, V2Error, Version, kind, parse, parse_datagram,
};
use realpeer_tests::vectors::Vector;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const LINE: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
const IPV4: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 2, 0, 80, 1, 187];

fn v2(command: u8, family: u8, block: &[&[u8]]) -> Vec<u8> {
    let block = block.concat();
    let len = u16::try_from(block.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &len, &block].concat()
}

fn accepted(bytes: &[u8]) -> Header<'_> {
    match parse(bytes, &Config::new()) {
        Ok(Parsed::Complete { header, len }) if len == bytes.len() => header,
        other => panic!("{other:?}: {}", bytes.escape_ascii()),
    }
}

fn rejected(bytes: &[u8]) -> Error {
    parse(bytes, &Config::new()).unwrap_err()
}

fn is_incomplete(bytes: &[u8]) -> bool {
    matches!(parse(bytes, &Config::new()), Ok(Parsed::Incomplete { .. }))
}

// From the security history of servers

#[test]
fn cve_2019_14243_a_length_shorter_than_the_addresses() {
    for (family, needed) in [(0x11, 12), (0x21, 36), (0x31, 216)] {
        for announced in [0, 1, needed - 1] {
            let bytes = [&v2(0x21, family, &[&vec![1; announced.into()]])[..], &[1; 300]].concat();
            assert_eq!(rejected(&bytes), Error::V2(V2Error::Length { announced, needed }));
        }
    }
}

/// A header that is larger than the buffer for it: refused when its length is known, and nothing written behind.
#[test]
fn cve_2019_10097_a_header_larger_than_the_buffer() {
    let header = v2(0x21, 0x11, &[IPV4, &[4, 0x07, 0xD0], &[0; 2000]]);
    for len in [16, 17, 28, 100, 536] {
        let mut decoder = Decoder::with_storage(&Config::new(), FixedStorage(vec![0; len]));
        // The family says that it is too long, or else the first byte of the length.
        assert_eq!(decoder.push(&header), if len < 28 { 13 } else { 14 });
        let Err(Error::StorageTooSmall { at_least, room: limit }) = decoder.next_event() else {
            panic!("{decoder:?}")
        };
        assert!(limit == len as u32 && at_least > limit && at_least <= 16 + 12 + 3 + 2000);
        assert_eq!((decoder.push(&header), decoder.read_slot().len()), (0, 0));
    }
}

/// A line without an end, buffered forever.
#[test]
fn cve_2021_23351_cve_2026_47736_an_endless_line() {
    for start in
        [&b"PROXY UNKNOWN "[..], b"PROXY UNKNOWN \r", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 1", b"PROXY "]
    {
        let mut decoder = Decoder::with_storage(&Config::new(), FixedStorage(vec![0; 4096]));
        let mut pushed = decoder.push(start);
        assert_eq!(pushed, start.len());
        while matches!(decoder.next_event(), Ok(Event::NeedData { .. })) {
            pushed += decoder.push(b"x");
        }
        assert!(pushed <= 107 && decoder.as_bytes().len() <= 107);
        assert!(matches!(decoder.next_event(), Err(Error::TooLong { limit: 107, .. } | Error::V1(_))));
    }
}

/// No deadline. A drip of bytes is in `handshake.rs`.
#[test]
fn cve_2021_23409_a_silent_peer() {
    let mut handshake = Handshake::with_storage(&Config::new(), Duration::ZERO, [0; 536]);
    handshake.handle_timeout(handshake.poll_timeout().expect("never without a deadline"));
    let polled = handshake.poll_with(|_| Poll::<Result<usize, ()>>::Pending);
    assert_eq!(polled, Poll::Ready(Err(HandshakeError::TimedOut { received: 0 })));
}

/// A second header, sent by the client itself, read later on the connection.
#[test]
fn cve_2025_31135_cve_2026_47737_a_second_header() {
    let spoofed = b"PROXY TCP4 10.0.0.1 10.0.0.2 1 1\r\n";
    let both = [LINE, spoofed].concat();
    let mut decoder = Decoder::with_storage(&Config::new(), [0; 536]);
    assert_eq!(decoder.push(&both), LINE.len());
    assert_eq!(decoder.push(spoofed), 0);
    let Ok(Event::Header(header)) = decoder.next_event() else { panic!("no header") };
    assert_eq!(header.source().unwrap().to_string(), "192.0.2.1:56324");
}

/// LOCAL without addresses, passed on.
#[test]
fn cve_2024_23327_local_is_encoded_again() {
    let aws = v2(0x20, 0x00, &[b"\0\0\x04\x0a\x0b\x0c\x0d"]);
    for header in [v2(0x20, 0x00, &[]), v2(0x20, 0x11, &[IPV4]), v2(0x20, 0x11, &[]), aws] {
        let header = accepted(&header);
        assert_eq!((header.command(), header.source()), (Command::Local, None));
        let mut bytes = [0; 100];
        let len = Encoder::from(header).encode(&mut bytes).unwrap();
        assert_eq!(accepted(&bytes[..len]), header);
    }
}

/// A family that the receiver's system lacks is a value like any other.
#[test]
fn cve_2024_23325_every_family_is_a_value() {
    for (family, transport) in [(0x31, Transport::Stream), (0x32, Transport::Dgram)] {
        let header = v2(0x21, family, &[&[b'/'; 108], &[0; 108]]);
        let header = accepted(&header);
        assert_eq!(header.transport(), transport);
        assert!(header.source().unwrap().socket_addr().is_none());
    }
}

/// TLV bytes passed on as text.
#[test]
fn cve_2024_23324_bytes_that_are_no_text() {
    let header = v2(0x21, 0x11, &[IPV4, b"\x02\0\x03a\xff\xfe"]);
    let tlvs = accepted(&header).tlvs();
    assert!(tlvs.authority().unwrap().is_err());
    assert_eq!(tlvs.get(kind::AUTHORITY), Some(&b"a\xff\xfe"[..]));
}

/// The length of the TLVs within SSL, five bytes less than none.
#[test]
fn cve_2020_11653_cve_2026_44893_an_ssl_tlv_too_short() {
    for len in 0..5u8 {
        let header = v2(0x21, 0x11, &[IPV4, &[kind::SSL, 0, len], &vec![1; len.into()], &[4, 0, 9], &[0; 9]]);
        let error = TlvError::new(kind::SSL, 28, TlvCause::SslLength);
        assert_eq!(rejected(&header), Error::Tlv(error));
        assert_eq!(Ssl::new(&vec![1; len.into()]), None);
    }
}

/// SSL within SSL, as deep as a header can be long: the depth costs neither stack nor memory.
#[test]
fn cve_2022_41881_cve_2026_48059_ssl_within_ssl() {
    let config = Config::new().with_max_header_len(MAX_HEADER_LEN);
    let depth = (65_535 - IPV4.len()) / 8;
    let ssl = |level: usize| {
        let len = u16::try_from(8 * (depth - level) - 3).unwrap().to_be_bytes();
        [kind::SSL, len[0], len[1], 1, 0, 0, 0, 0]
    };
    let nested: Vec<u8> = (0..depth).flat_map(ssl).collect();
    let header = v2(0x21, 0x11, &[IPV4, &nested]);
    let read = move || {
        let used = measure(|| match parse(&header, &config) {
            Ok(Parsed::Complete { header, .. }) => {
                let ssl = header.tlvs().ssl().unwrap();
                assert_eq!((ssl.tlvs().iter().count(), ssl.tlvs().get(kind::SSL).is_some()), (1, true));
            }
            other => panic!("{other:?}"),
        });
        assert_eq!((used.count_total, used.count_current), (0, 0));
    };
    thread::Builder::new().stack_size(64 * 1024).spawn(read).unwrap().join().unwrap();
}

/// A version byte that is a number below zero to some, and to them says that more bytes are needed.
#[test]
fn cve_2026_55851_a_version_of_15() {
    for byte in (0..=0xFF).filter(|byte| byte >> 4 != 2) {
        let mut decoder = Decoder::with_storage(&Config::new(), FixedStorage(vec![0; 4096]));
        let _ = decoder.push(&[SIGNATURE, &[byte], &[0xFF; 1000]].concat());
        assert_eq!(decoder.next_event(), Err(Error::V2(V2Error::Version { found: byte >> 4 })));
        assert_eq!((decoder.push(&[0xFF; 1000]), decoder.read_slot().len()), (0, 0));
        assert!(decoder.as_bytes().len() <= 16);
    }
}

/// A datagram whose header describes a stream, with nothing after it.
#[test]
fn cve_2026_62309_a_stream_in_a_datagram() {
    let datagram = v2(0x21, 0x11, &[IPV4]);
    let (header, payload) = parse_datagram(&datagram, &Config::new()).unwrap();
    assert_eq!((header.transport(), payload), (Transport::Stream, &[][..]));
    let acceptor = Acceptor::new(Trust::anyone());
    let peer: SocketAddr = "127.0.0.1:4711".parse().unwrap();
    for family in 0..=0xFF {
        for block in [IPV4, b""] {
            let bytes = v2(0x21, family, &[block]);
            let read = acceptor.datagram(peer, &bytes);
            // There is a source whatever is said.
            assert!(read.map_or(family != 0, |datagram| datagram.source().ip().is_some()), "{family:#04x}");
        }
    }
}

/// The text of an address, not checked before it is used.
#[test]
fn cve_2023_42117_the_text_of_addresses_is_checked() {
    for address in ["999.0.2.1", "192.0.2.256", "192.0.2", "a.b.c.d", "%n%n", "192.0.2.1;id", "-1.0.0.0", ""]
    {
        for line in [
            format!("PROXY TCP4 {address} 192.0.2.2 1 1\r\n"),
            format!("PROXY TCP4 192.0.2.2 {address} 1 1\r\n"),
        ] {
            assert!(matches!(rejected(line.as_bytes()), Error::V1(_)), "{line}");
        }
        let line = format!("PROXY TCP6 {address} ::1 1 1\r\n");
        assert!(matches!(rejected(line.as_bytes()), Error::V1(_)), "{line}");
    }
}

/// Exim and Postfix: a read that takes the client's first TLS record with the header.
#[test]
fn what_follows_is_not_taken() {
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for header in [LINE.to_vec(), v2(0x21, 0x11, &[IPV4]), v2(0x20, 0, &[])] {
        let mut rest = &[&header[..], hello].concat()[..];
        let mut handshake = Handshake::with_storage(&Config::new(), Duration::ZERO, [0; 536]);
        let polled = handshake.poll_with(|slot| {
            let n = slot.len().min(rest.len());
            slot[..n].copy_from_slice(&rest[..n]);
            rest = &rest[n..];
            Poll::Ready(Ok::<_, ()>(n))
        });
        assert_eq!((polled, rest), (Poll::Ready(Ok(())), &hello[..]));
    }
}

/// Sōzu: the address that LOCAL has no use for, taken for the client's.
#[test]
fn the_addresses_of_local_are_nobodys() {
    for family in [0x11, 0x12, 0x21, 0x22, 0x31, 0x32] {
        let header = v2(0x20, family, &[&[127; 216]]);
        let header = accepted(&header);
        assert_eq!((header.command(), header.addresses()), (Command::Local, Addresses::Unspec));
        assert_eq!((header.source(), header.destination()), (None, None));
    }
}

/// HAProxy: the payload that came with the header, taken for a TLV.
#[test]
fn what_follows_is_no_tlv() {
    let payload = b"\x05\0\x03abc\x02\0\x0bexample.org";
    for tlvs in [&b""[..], b"\x04\0\0", b"\x02\0\x01a"] {
        let header = v2(0x21, 0x11, &[IPV4, tlvs]);
        let bytes = [&header[..], payload].concat();
        match parse(&bytes, &Config::new()) {
            Ok(Parsed::Complete { header: found, len }) => {
                assert_eq!((found.tlvs().as_bytes(), len), (tlvs, header.len()));
                assert_eq!(found.tlvs().unique_id(), None);
            }
            other => panic!("{other:?}"),
        }
    }
}

// Panics and hangs

#[test]
fn tlvs_that_are_not_yet_here() {
    let header = v2(0x21, 0x11, &[IPV4, b"\x02\0\x0bexample.com\x20\0\x0f\x01\0\0\0\0\x21\0\x07TLSv1.3"]);
    for end in 16..header.len() {
        assert!(is_incomplete(&header[..end]), "{end}");
    }
    assert_eq!(accepted(&header).tlvs().iter().count(), 2);
}

#[test]
fn a_line_cut_after_cr() {
    for line in [LINE, b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN x\r\n", b"PROXY TCP6 :: :: 0 0\r\n"] {
        let cut = &line[..line.len() - 1];
        assert_eq!(parse(cut, &Config::new()), Ok(Parsed::Incomplete { needed: 1.try_into().unwrap() }));
        accepted(line);
    }
}

/// Where 16 and the length no longer fit 16 bits.
#[test]
fn lengths_of_65520_and_more() {
    let config = Config::new().with_max_header_len(MAX_HEADER_LEN);
    for len in 65_515..=65_535 {
        let header = v2(0x20, 0, &[&vec![0xAA; len]]);
        assert!(
            matches!(parse(&header, &config), Ok(Parsed::Complete { len: found, .. }) if found == 16 + len)
        );
        let needed = (len - 1).try_into().unwrap();
        assert_eq!(parse(&header[..17], &config), Ok(Parsed::Incomplete { needed }));
        assert!(matches!(parse(&header, &Config::new()), Err(Error::TooLong { .. })));
    }
}

/// An iterator that returns an error, and returns it forever.
#[test]
fn a_tlv_that_runs_past_the_end_ends_the_walk() {
    for bytes in [&b"\x01\0\x05ab"[..], b"\x01\0\x01x\x02\xff\xff", b"\x01", b"\x01\0", b"\x01\0\0\x02\0"] {
        assert_eq!(Tlvs::new(bytes), None);
        let header = v2(0x21, 0x11, &[IPV4, bytes]);
        assert!(matches!(rejected(&header), Error::Tlv(_) | Error::V2(V2Error::Stray { .. })));
    }
    let tlvs = Tlvs::new(b"\x01\0\x01x\x02\0\0").unwrap();
    let mut iter = tlvs.iter();
    assert_eq!(iter.by_ref().take(10).count(), 2);
    assert_eq!(iter.next(), None);
}

#[test]
fn unknown_with_many_fields_is_not_incomplete_for_ever() {
    assert_eq!(accepted(b"PROXY UNKNOWN 1 2 3 4 5 6\r\n").addresses(), Addresses::Unspec);
}

// LOCAL

/// A real health check of AWS: family 0x11 without addresses, TLVs at byte 16. No address comes of it.
#[test]
fn the_health_checks_of_aws() {
    let captured = Vector::all().into_iter().find(|row| row.id == "v2-local-aws-nlb-real").expect("the row");
    let bytes = captured.bytes();
    let header = accepted(&bytes[..captured.header_len.unwrap()]);
    assert_eq!((header.command(), header.source(), header.destination()), (Command::Local, None, None));
    assert!(header.tlvs().crc32c().is_some());
    // With addresses, and with nothing at all.
    for block in [IPV4, b""] {
        let header = v2(0x20, 0x11, &[block]);
        assert_eq!(accepted(&header).addresses(), Addresses::Unspec);
    }
}

// What lenient readers take

#[test]
fn signs_zeros_tabs_and_spaces() {
    for line in [
        "PROXY TCP4 192.0.2.1 192.0.2.2 +80 443\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 80 +443\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 080 443\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 80 0443\r\n",
        "PROXY\tTCP4\t192.0.2.1\t192.0.2.2\t80\t443\r\n",
        "PROXY TCP4  192.0.2.1 192.0.2.2 80 443\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 80 443 \r\n",
        "PROXYXTCP4 192.0.2.1 192.0.2.2 80 443\r\n",
        "PROXY TXX4 192.0.2.1 192.0.2.2 80 443\r\n",
        "PROXY UDP4 192.0.2.1 192.0.2.2 80 443\r\n",
    ] {
        assert!(matches!(rejected(line.as_bytes()), Error::V1(_)), "{line:?}");
    }
}

/// All up to the next LF taken for the port, the request with it.
#[test]
fn a_cr_without_lf_swallows_nothing() {
    let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 80 443\rXGET / HTTP/1.1\r\n";
    let error = V1Error::new(V1Field::LineEnd, V1Cause::UnexpectedByte, 38, b'X');
    assert_eq!(rejected(line), Error::V1(error));
}

#[test]
fn commands_2_to_15() {
    for command in 0x22..=0x2F {
        let error = Error::V2(V2Error::Command { found: command & 0xF });
        assert_eq!(rejected(&v2(command, 0x11, &[IPV4])), error);
    }
}

/// A CRC32C of three bytes taken for none.
#[test]
fn a_checksum_of_three_bytes_is_no_missing_one() {
    for value in [&b""[..], b"abc", b"abcde"] {
        let header = v2(0x21, 0x11, &[IPV4, &[kind::CRC32C, 0, value.len() as u8], value, b"\x04\0\x01x"]);
        let error = TlvError::new(kind::CRC32C, 28, TlvCause::Crc32cLength);
        assert_eq!(rejected(&header), Error::Tlv(error));
    }
}

// Senders

/// TLVs too many for a header, sent all the same: what the length does not cover is payload to the receiver.
#[test]
fn cve_2026_47692_nothing_is_sent_behind_the_length() {
    let (most, half) = (vec![b'x'; 65_536], vec![b'x'; 40_000]);
    let source = "192.0.2.1:56324".parse().unwrap();
    let encoder = Encoder::proxy(Version::V2, source, "198.51.100.2:443".parse().unwrap());
    let mut out = vec![0; 2 * MAX_HEADER_LEN];
    for len in [65_520, 65_521, 65_535, 65_536] {
        let tlvs = [Tlv::new(0xE0, &most[..len])];
        let encoded = encoder.with_tlvs(&tlvs).encode(&mut out);
        if len > 65_520 {
            assert!(matches!(encoded, Err(EncodeError::TooLong { .. })), "{len}: {encoded:?}");
            continue;
        }
        let length = u16::from_be_bytes([out[14], out[15]]);
        assert_eq!((encoded, length), (Ok(MAX_HEADER_LEN), 65_535));
    }
    let tlvs = [Tlv::new(0xE0, &half), Tlv::new(0xE1, &half), Tlv::new(0xE2, b"")];
    assert!(matches!(encoder.with_tlvs(&tlvs).encode(&mut out), Err(EncodeError::TooLong { .. })));
}

/// The path of a UNIX socket, written into a line.
#[test]
fn cve_2026_59919_a_path_in_a_line() {
    let path = UnixAddr::new(b"/run/a\r\nPROXY TCP4 192.0.2.66 192.0.2.67 1 1\r\n").unwrap();
    let encoder = Encoder::new(Version::V1, Addresses::Unix { source: path, destination: path });
    assert_eq!(encoder.encode(&mut [0; 300]), Err(EncodeError::NotInV1));
    assert_eq!(encoder.encoded_len(), Err(EncodeError::NotInV1));
}

/// `UNIQUE_ID` written as 0x30, which is NETNS; CRC-32 where CRC-32C belongs.
#[test]
fn types_and_checksums_are_written_as_registered() {
    let tlvs = [Tlv::new(kind::UNIQUE_ID, b"id"), Tlv::new(kind::NETNS, b"ns")];
    let encoder = Encoder::local().with_tlvs(&tlvs).with_crc32c();
    let mut bytes = [0; 100];
    let len = encoder.encode(&mut bytes).unwrap();
    assert_eq!(bytes[23..len], *b"\x05\0\x02id\x30\0\x02ns");
    // Checked by whoever computes it bit by bit.
    let mut zeroed = bytes[..len].to_vec();
    zeroed[19..23].fill(0);
    let crc = !zeroed.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82F6_3B78 } else { crc >> 1 },
        )
    });
    assert_eq!(bytes[19..23], crc.to_be_bytes());
}

#[test]
fn abstract_names_are_not_emptied() {
    let source = UnixAddr::new(b"\0abstract").unwrap();
    let destination = UnixAddr::new(b"/run/a.sock").unwrap();
    let mut bytes = [0; 232];
    Encoder::new(Version::V2, Addresses::Unix { source, destination }).encode(&mut bytes).unwrap();
    assert_eq!(accepted(&bytes).addresses(), Addresses::Unix { source, destination });
}

/// 28 bytes lost where a proxy put its header before another's.
#[test]
fn two_chained_headers_lose_no_byte() {
    let header = v2(0x21, 0x11, &[IPV4]);
    let input = [&header[..], &header, b"hello"].concat();
    let mut first = Decoder::with_storage(&Config::new(), [0; 536]);
    let taken = first.push(&input);
    let mut second = Decoder::with_storage(&Config::new(), [0; 536]);
    let taken = taken + second.push(&input[taken..]);
    assert_eq!(&input[taken..], b"hello");
    assert!(matches!(
        (first.next_event(), second.next_event()),
        (Ok(Event::Header(_)), Ok(Event::Header(_)))
    ));
}
