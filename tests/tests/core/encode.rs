//! The encoder: what it writes is what is decoded, and what can't be written is an error.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use realpeer_proto::{
    Addresses, Command, Config, EncodeError, Encoder, Error, Header, MAX_HEADER_LEN, Parsed, Ssl, Tlv,
    TlvCause, TlvError, Transport, UnixAddr, Version, kind, parse,
};
use realpeer_tests::inputs::{ROWS, cases, input};
use realpeer_tests::reference::{self, Outcome, Rules};

fn decode(bytes: &[u8]) -> Header<'_> {
    match parse(bytes, &Config::new().with_max_header_len(MAX_HEADER_LEN)) {
        Ok(Parsed::Complete { header, len }) if len == bytes.len() => header,
        other => panic!("{other:?}: {}", bytes.escape_ascii()),
    }
}

/// Encodes, into a buffer of just the length.
fn encode<'a>(encoder: impl Into<Encoder<'a>>) -> Result<Vec<u8>, EncodeError> {
    let encoder = encoder.into();
    let mut bytes = vec![0xEE; encoder.encoded_len()?];
    assert_eq!(encoder.encode(&mut bytes)?, bytes.len());
    Ok(bytes)
}

fn tcp4(version: Version) -> Encoder<'static> {
    let [source, destination] = ["192.0.2.1:56324", "198.51.100.2:443"].map(|addr| addr.parse().unwrap());
    Encoder::proxy(version, source, destination)
}

/// The TLVs with zeros for a checksum.
fn without_checksum(header: &Header<'_>) -> Vec<(u8, Vec<u8>)> {
    let zeroed = |tlv: Tlv<'_>| if tlv.kind() == kind::CRC32C { vec![0; 4] } else { tlv.value().to_vec() };
    header.tlvs().iter().map(|tlv| (tlv.kind(), zeroed(tlv))).collect()
}

fn fields<'a>(header: &Header<'a>) -> (Version, Command, Transport, Addresses<'a>) {
    (header.version(), header.command(), header.transport(), header.addresses())
}

/// The fields with which a header is passed on: PROXY with UNSPEC, which most receivers refuse, as LOCAL.
fn onward<'a>(header: &Header<'a>) -> (Version, Command, Transport, Addresses<'a>) {
    let (version, command, transport, addresses) = fields(header);
    let local = version == Version::V2 && addresses == Addresses::Unspec;
    (version, if local { Command::Local } else { command }, transport, addresses)
}

// What it writes is what is decoded.

/// The names of UNIX sockets, of each kind, without NULs at the end.
fn unix_name() -> impl Strategy<Value = Vec<u8>> {
    let full = vec(1..=u8::MAX, 108);
    let path = vec(any::<u8>(), 0..=108);
    let abstract_name = vec(1..=u8::MAX, 1..=107).prop_map(|name| [&[0], &name[..]].concat());
    prop_oneof![path, abstract_name, full, Just(Vec::new())].prop_map(|mut name| {
        while name.last() == Some(&0) {
            name.pop();
        }
        name
    })
}

/// A TLV that receivers take, at the top level.
fn tlv() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let of = |kind: u8, max: usize| vec(any::<u8>(), 0..=max).prop_map(move |value| (kind, value));
    let within = vec((any::<u8>(), vec(any::<u8>(), 0..40)), 0..5);
    let ssl = (any::<u8>(), any::<u32>(), within).prop_map(|(client, verify, tlvs)| {
        let tlvs: Vec<_> = tlvs.iter().map(|(kind, value)| Tlv::new(*kind, value)).collect();
        let mut value = [0; 400];
        let len = Ssl::encode(client, verify, &tlvs, &mut value).unwrap();
        (kind::SSL, value[..len].to_vec())
    });
    let other = any::<u8>()
        .prop_filter("of a free type", |kind| ![kind::CRC32C, kind::UNIQUE_ID, kind::SSL].contains(kind));
    prop_oneof![
        1 => of(kind::UNIQUE_ID, 128),
        1 => of(kind::NOOP, 9),
        2 => (other, vec(any::<u8>(), 0..300)),
        2 => ssl,
    ]
}

/// TLVs, perhaps with a CRC32C anywhere among them.
fn tlvs() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let crc32c = (any::<prop::sample::Index>(), vec(any::<u8>(), 4));
    (vec(tlv(), 0..6), option::of(crc32c)).prop_map(|(mut tlvs, crc32c)| {
        if let Some((at, value)) = crc32c {
            tlvs.insert(at.index(tlvs.len() + 1), (kind::CRC32C, value));
        }
        tlvs
    })
}

fn inet() -> impl Strategy<Value = Addresses<'static>> {
    let addr = || (any::<Ipv4Addr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddrV4::new(ip, port));
    (addr(), addr()).prop_map(|(source, destination)| Addresses::Inet { source, destination })
}

/// IPv6 addresses, many of whose groups are zero.
fn ipv6() -> impl Strategy<Value = Ipv6Addr> {
    let group = prop_oneof![3 => Just(0), 1 => 0u16..=0x20, 1 => any::<u16>(), 1 => Just(0xFFFF)];
    vec(group, 8).prop_map(|groups| Ipv6Addr::from(<[u16; 8]>::try_from(groups).unwrap()))
}

fn inet6() -> impl Strategy<Value = Addresses<'static>> {
    let addr = || (ipv6(), any::<u16>()).prop_map(|(ip, port)| SocketAddrV6::new(ip, port, 0, 0));
    (addr(), addr()).prop_map(|(source, destination)| Addresses::Inet6 { source, destination })
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn version_1_decodes_to_what_was_encoded(
        addresses in prop_oneof![inet(), inet6(), Just(Addresses::Unspec)],
    ) {
        let bytes = encode(Encoder::new(Version::V1, addresses)).unwrap();
        let transport = if addresses == Addresses::Unspec { Transport::Unspec } else { Transport::Stream };
        let header = decode(&bytes);
        prop_assert_eq!(fields(&header), (Version::V1, Command::Proxy, transport, addresses));
        prop_assert!(header.tlvs().is_empty() && bytes.len() <= 104);
        prop_assert_eq!(encode(header).unwrap(), bytes);
    }

    #[test]
    fn version_2_decodes_to_what_was_encoded(
        addresses in option::of(prop_oneof![inet(), inet6(), Just(Addresses::Unspec)]),
        names in (unix_name(), unix_name()),
        local in prop::bool::weighted(0.2),
        dgram in any::<bool>(),
        tlvs in tlvs(),
        crc32c in any::<bool>(),
        padding in option::of(0usize..40),
    ) {
        let [source, destination] = [&names.0, &names.1].map(|name| UnixAddr::new(name).unwrap());
        let addresses = addresses.unwrap_or(Addresses::Unix { source, destination });
        let list: Vec<_> = tlvs.iter().map(|(kind, value)| Tlv::new(*kind, value)).collect();
        let mut encoder = if local { Encoder::local() } else { Encoder::new(Version::V2, addresses) };
        encoder = encoder.with_tlvs(&list);
        let mut expected = tlvs.clone();
        for tlv in expected.iter_mut().filter(|tlv| tlv.0 == kind::CRC32C) {
            tlv.1 = vec![0; 4];
        }
        if dgram {
            encoder = encoder.dgram();
        }
        if crc32c {
            encoder = encoder.with_crc32c();
            // R64: before the others, unless its place was chosen.
            if !expected.iter().any(|tlv| tlv.0 == kind::CRC32C) {
                expected.insert(0, (kind::CRC32C, vec![0; 4]));
            }
        }
        if let Some(padding) = padding {
            encoder = encoder.with_padding_to(encoder.encoded_len().unwrap() + 3 + padding);
            expected.push((kind::NOOP, vec![0; padding]));
        }

        let bytes = encode(encoder).unwrap();
        let header = decode(&bytes);
        let addresses = if local { Addresses::Unspec } else { addresses };
        let command = if addresses == Addresses::Unspec { Command::Local } else { Command::Proxy };
        let transport = match addresses {
            Addresses::Unspec => Transport::Unspec,
            _ if dgram => Transport::Dgram,
            _ => Transport::Stream,
        };
        prop_assert_eq!(fields(&header), (Version::V2, command, transport, addresses));
        prop_assert_eq!(without_checksum(&header), expected);
        // The other decoder agrees, the checksum too.
        let found = reference::decode(&bytes, &Rules::default());
        prop_assert!(matches!(&found, Outcome::Accept(decoded) if decoded.header_len == bytes.len()), "{found:?}");
        // And what was decoded is encoded to the same bytes.
        prop_assert_eq!(encode(header).unwrap(), bytes);
    }

    /// What others have written, too. The checksum is that of the bytes, which are others where a LOCAL or UNSPEC
    /// header had a family or addresses.
    #[test]
    fn whatever_is_decoded_encodes_to_the_same_header(bytes in input()) {
        let Ok(Parsed::Complete { header, .. }) = parse(&bytes, &Config::new()) else { return Ok(()) };
        let again = encode(header).unwrap();
        let decoded = decode(&again);
        prop_assert_eq!(fields(&decoded), onward(&header));
        prop_assert_eq!(without_checksum(&decoded), without_checksum(&header));
    }
}

#[test]
fn every_vector_and_capture_encodes_to_the_same_header() {
    let mut headers = 0;
    for bytes in ROWS.iter() {
        let config = Config::new().with_max_header_len(MAX_HEADER_LEN);
        let Ok(Parsed::Complete { header, len }) = parse(bytes, &config) else { continue };
        let again = encode(header).unwrap();
        let decoded = decode(&again);
        assert_eq!(fields(&decoded), onward(&header));
        assert_eq!(without_checksum(&decoded), without_checksum(&header));
        let same_bytes_in_all_but_names_and_skipped_blocks = header.version() == Version::V2
            && matches!(header.addresses(), Addresses::Inet { .. } | Addresses::Inet6 { .. });
        if same_bytes_in_all_but_names_and_skipped_blocks {
            assert_eq!(again, bytes[..len]);
            assert_eq!(decoded, header);
        }
        headers += 1;
    }
    assert!(headers > 200, "{headers}");
}

// What it writes is what receivers take.

#[test]
fn r51_local_has_no_family_no_addresses_and_no_length() {
    assert_eq!(encode(Encoder::local()).unwrap(), b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    // Nor does it become a datagram's.
    assert_eq!(encode(Encoder::local().dgram()).unwrap(), b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
}

#[test]
fn r34_to_r54_the_bytes_of_version_2() {
    let fixed = b"\r\n\r\n\0\r\nQUIT\n";
    let inet = [&fixed[..], b"\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb"].concat();
    assert_eq!(encode(tcp4(Version::V2)).unwrap(), inet);
    let dgram = encode(tcp4(Version::V2).dgram()).unwrap();
    assert_eq!((dgram[13], &dgram[14..]), (0x12, &inet[14..]));

    let [source, destination] = ["[2001:db8::1]:1", "[2001:db8::2]:2"].map(|addr| addr.parse().unwrap());
    let inet6 = encode(Encoder::proxy(Version::V2, source, destination)).unwrap();
    assert_eq!(inet6[12..16], *b"\x21\x21\x00\x24");
    assert_eq!((inet6[31], inet6[47], &inet6[48..]), (1, 2, &b"\0\x01\0\x02"[..]));

    let [source, destination] = [&b"/a"[..], b"\0b"].map(|name| UnixAddr::new(name).unwrap());
    let unix = encode(Encoder::new(Version::V2, Addresses::Unix { source, destination })).unwrap();
    assert_eq!(
        (unix.len(), &unix[12..19], &unix[124..127]),
        (232, &b"\x21\x31\x00\xd8/a\0"[..], &b"\0b\0"[..])
    );

    let unspec = encode(Encoder::proxy_unspec()).unwrap();
    assert_eq!(unspec[12..], *b"\x21\0\0\0");
}

/// Flow labels and scopes have no place in a header.
#[test]
fn r41_only_address_and_port_are_written() {
    let scoped = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 1, 2, 3);
    let plain = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 1, 0, 0);
    for version in [Version::V1, Version::V2] {
        let bytes =
            encode(Encoder::new(version, Addresses::Inet6 { source: scoped, destination: scoped })).unwrap();
        assert_eq!(decode(&bytes).addresses(), Addresses::Inet6 { source: plain, destination: plain });
    }
}

#[test]
fn r15_r23_r24_the_lines_of_version_1() {
    for (addresses, line) in [
        (["0.0.0.0:0", "255.255.255.255:65535"], "PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"),
        (["10.20.30.40:9", "1.2.3.100:80"], "PROXY TCP4 10.20.30.40 1.2.3.100 9 80\r\n"),
        (["[::]:0", "[::1]:10"], "PROXY TCP6 :: ::1 0 10\r\n"),
        (["[2001:DB8::]:1", "[0:1::]:2"], "PROXY TCP6 2001:db8:: 0:1:: 1 2\r\n"),
        (["[::ffff:192.0.2.1]:1", "[::192.0.2.1]:2"], "PROXY TCP6 ::ffff:c000:201 ::c000:201 1 2\r\n"),
        (["[1:0:3:4:5:6:7:8]:1", "[1:0:0:4:0:0:0:8]:2"], "PROXY TCP6 1:0:3:4:5:6:7:8 1:0:0:4::8 1 2\r\n"),
    ] {
        let [source, destination] = addresses.map(|addr| addr.parse().unwrap());
        let bytes = encode(Encoder::proxy(Version::V1, source, destination)).unwrap();
        assert_eq!(bytes.escape_ascii().to_string(), line.escape_default().to_string());
    }
    assert_eq!(encode(Encoder::new(Version::V1, Addresses::Unspec)).unwrap(), b"PROXY UNKNOWN\r\n");
}

/// About each power of ten and of sixteen, where a digit comes.
#[test]
fn r21_r23_no_heading_zeros() {
    for number in (0..5).map(|digits| 10u16.pow(digits)).chain((0..4).map(|digits| 16u16.pow(digits))) {
        for number in [number - 1, number, number + 1] {
            let ip = Ipv6Addr::new(number, 1, 1, 1, 1, 1, 1, 1);
            let addr = SocketAddr::new(ip.into(), number);
            let line = encode(Encoder::proxy(Version::V1, addr, addr)).unwrap();
            let text = format!("{number:x}:1:1:1:1:1:1:1");
            let expected = format!("PROXY TCP6 {text} {text} {number} {number}\r\n");
            assert_eq!(line.escape_ascii().to_string(), expected.escape_default().to_string());
        }
    }
}

#[test]
fn r25_the_longest_lines() {
    for (addr, len) in
        [("255.255.255.255:65535", 56), ("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", 104)]
    {
        let addr: SocketAddr = addr.parse().unwrap();
        let encoder = Encoder::proxy(Version::V1, addr, addr);
        assert_eq!(encode(encoder).unwrap().len(), len);
        assert_eq!(encoder.encode(&mut [0; 107]), Ok(len));
    }
}

proptest! {
    #![proptest_config(cases(3000))]

    /// In the grammar of the specification, which has no dotted tail, and else as everybody writes it.
    #[test]
    fn r21_ipv6_is_canonical(ip in prop_oneof![ipv6(), any::<u32>().prop_map(|ip| Ipv4Addr::from(ip).to_ipv6_mapped())]) {
        let addr = SocketAddrV6::new(ip, 1, 0, 0);
        let bytes = encode(Encoder::new(Version::V1, Addresses::Inet6 { source: addr, destination: addr })).unwrap();
        let line = String::from_utf8(bytes).unwrap();
        let text = line.split(' ').nth(2).unwrap();
        prop_assert_eq!(text.parse(), Ok(ip));
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':') && text == text.to_lowercase());
        let usual = ip.to_string();
        if !usual.contains('.') {
            prop_assert_eq!(text, usual);
        }
    }
}

/// R64: over the whole header, with zeros in its place, in network order; wherever it stands.
#[test]
fn r64_the_checksum_stands_first_or_where_it_was_put() {
    let [alpn, noop] = [Tlv::new(kind::ALPN, b"h2"), Tlv::new(kind::NOOP, &[7; 9])];
    // Its value is not looked at.
    let crc32c = Tlv::new(kind::CRC32C, b"beef");
    for (tlvs, adds, place) in [
        (vec![], true, 28),
        (vec![alpn, noop], true, 28),
        (vec![crc32c, alpn], true, 28),
        (vec![alpn, crc32c, noop], false, 33),
        (vec![alpn, crc32c, noop], true, 33),
        (vec![alpn, noop, crc32c], false, 45),
    ] {
        let mut encoder = tcp4(Version::V2).with_tlvs(&tlvs);
        if adds {
            encoder = encoder.with_crc32c();
        }
        let bytes = encode(encoder).unwrap();
        assert_eq!(bytes[place..place + 3], *b"\x03\0\x04", "{tlvs:?}");
        assert_ne!(bytes[place + 3..place + 7], *b"beef");
        let ours = tlvs.len() + usize::from(!tlvs.contains(&crc32c));
        assert_eq!(decode(&bytes).tlvs().iter().count(), ours);
        assert!(matches!(reference::decode(&bytes, &Rules::default()), Outcome::Accept(_)));
    }
}

/// From another implementation: R64 over `LOCAL` with only the checksum.
#[test]
fn r64_a_known_checksum() {
    let bytes = encode(Encoder::local().with_crc32c()).unwrap();
    assert_eq!(bytes[..19], *b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\x07\x03\0\x04");
    let known = ROWS.iter().filter(|row| row.starts_with(&bytes[..19])).collect::<Vec<_>>();
    assert!(known.iter().any(|row| row[..23] == bytes), "{:?}", bytes.escape_ascii().to_string());
}

#[test]
fn r66_padding_is_exact() {
    for (encoder, len) in
        [(tcp4(Version::V2), 28), (Encoder::local(), 16), (tcp4(Version::V2).with_crc32c(), 35)]
    {
        assert_eq!(encode(encoder).unwrap().len(), len, "nothing that was not asked for");
        for asked in [0, len] {
            assert_eq!(encode(encoder.with_padding_to(asked)).unwrap().len(), len);
        }
        for asked in [1, 15, len - 1, len + 1, len + 2] {
            assert_eq!(encode(encoder.with_padding_to(asked)), Err(EncodeError::Padding { len }));
        }
        for asked in [len + 3, len + 4, 64, 536, MAX_HEADER_LEN] {
            let bytes = encode(encoder.with_padding_to(asked)).unwrap();
            assert_eq!(bytes.len(), asked);
            let noop = decode(&bytes).tlvs().iter().last().unwrap();
            assert_eq!((noop.kind(), noop.value()), (kind::NOOP, &vec![0; asked - len - 3][..]));
        }
    }
}

// What can't be encoded is an error, never a header cut short.

#[test]
fn a_buffer_that_is_too_small_is_an_error_at_every_length() {
    let tlvs = [Tlv::new(kind::AUTHORITY, b"example.com")];
    let unix = Addresses::Unix { source: UnixAddr::default(), destination: UnixAddr::default() };
    for encoder in [
        tcp4(Version::V1),
        Encoder::new(Version::V1, Addresses::Unspec),
        tcp4(Version::V2),
        tcp4(Version::V2).with_tlvs(&tlvs).with_crc32c().with_padding_to(100),
        Encoder::local(),
        Encoder::new(Version::V2, unix),
    ] {
        let needed = encoder.encoded_len().unwrap();
        let expected = encode(encoder).unwrap();
        for len in 0..needed {
            assert_eq!(encoder.encode(&mut vec![0; len]), Err(EncodeError::BufferTooSmall { needed }));
        }
        for more in [0, 1, 200] {
            let mut bytes = vec![0xEE; needed + more];
            assert_eq!(encoder.encode(&mut bytes), Ok(needed));
            assert_eq!(bytes[..needed], expected);
        }
    }
}

#[test]
fn r50_more_than_the_length_can_say_is_an_error() {
    let most = vec![0; MAX_HEADER_LEN - 28 - 3];
    let fits = [Tlv::new(kind::NOOP, &most)];
    assert_eq!(encode(tcp4(Version::V2).with_tlvs(&fits)).unwrap().len(), MAX_HEADER_LEN);
    assert_eq!(
        encode(tcp4(Version::V2).with_tlvs(&fits).with_crc32c()),
        Err(EncodeError::TooLong { len: MAX_HEADER_LEN + 7 })
    );
    assert_eq!(
        encode(Encoder::local().with_padding_to(MAX_HEADER_LEN + 1)),
        Err(EncodeError::TooLong { len: MAX_HEADER_LEN + 1 })
    );
    let many = vec![Tlv::new(kind::NOOP, b"x"); 16_380];
    let encoder = tcp4(Version::V2).with_tlvs(&many);
    assert_eq!(encoder.encode(&mut vec![0; 70_000]).unwrap(), 28 + 4 * 16_380);
    let more = vec![Tlv::new(kind::NOOP, b"x"); 16_381];
    let encoder = tcp4(Version::V2).with_tlvs(&more);
    assert_eq!(encoder.encode(&mut vec![0; 70_000]), Err(EncodeError::TooLong { len: 28 + 4 * 16_381 }));
    // R60: nor can a TLV's own length say more.
    let long = vec![0; 65_536];
    for (value, len) in [(&long[..], 65_536), (&long[1..], 16 + 3 + 65_535)] {
        assert_eq!(
            encode(Encoder::local().with_tlvs(&[Tlv::new(1, value)])),
            Err(EncodeError::TooLong { len })
        );
    }
}

/// F17: a client of a dual-stack listener, with any backend.
#[test]
fn r22_any_two_addresses_make_a_pair_that_receivers_understand() {
    for (source, destination, line) in [
        ("192.0.2.1:1", "198.51.100.2:2", "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n"),
        ("[::ffff:192.0.2.1]:1", "198.51.100.2:2", "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n"),
        ("192.0.2.1:1", "[::ffff:198.51.100.2]:2", "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n"),
        ("[::ffff:192.0.2.1]:1", "[::ffff:198.51.100.2]:2", "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n"),
        ("192.0.2.1:1", "[2001:db8::2]:2", "PROXY TCP6 ::ffff:c000:201 2001:db8::2 1 2\r\n"),
        ("[2001:db8::1]:1", "198.51.100.2:2", "PROXY TCP6 2001:db8::1 ::ffff:c633:6402 1 2\r\n"),
        ("[::ffff:192.0.2.1]:1", "[2001:db8::2]:2", "PROXY TCP6 ::ffff:c000:201 2001:db8::2 1 2\r\n"),
        ("[2001:db8::1]:1", "[2001:db8::2]:2", "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n"),
        ("[::192.0.2.1]:1", "198.51.100.2:2", "PROXY TCP6 ::c000:201 ::ffff:c633:6402 1 2\r\n"),
    ] {
        let [source, destination]: [SocketAddr; 2] = [source, destination].map(|addr| addr.parse().unwrap());
        let bytes = encode(Encoder::proxy(Version::V1, source, destination)).unwrap();
        assert_eq!(bytes, line.as_bytes());
        let addresses = decode(&bytes).addresses();
        assert_eq!(addresses, Addresses::new(source, destination));
        assert_eq!(addresses, Addresses::from((source, destination)));
        let bytes = encode(Encoder::proxy(Version::V2, source, destination)).unwrap();
        assert_eq!(decode(&bytes).addresses(), addresses);
    }
}

/// F18: what most receivers refuse is not sent by passing on what they accept.
#[test]
fn r36_r39_headers_without_addresses_are_passed_on_as_what_receivers_read() {
    let tlvs = b"\x04\0\x01x";
    let v2 = |fixed: &[u8], block: &[u8]| {
        [&b"\r\n\r\n\0\r\nQUIT\n"[..], fixed, &[0, block.len() as u8], block].concat()
    };
    let local = v2(b"\x20\0", b"");
    let local_tlvs = v2(b"\x20\0", tlvs);
    for (received, as_is, as_v1, as_v2) in [
        (&b"PROXY UNKNOWN ::1 ::1 1 1\r\n"[..], &b"PROXY UNKNOWN\r\n"[..], Some("PROXY UNKNOWN\r\n"), &local),
        (&v2(b"\x20\x11", &[9; 12]), &local, Some("PROXY UNKNOWN\r\n"), &local),
        (&v2(b"\x21\0", b""), &local, Some("PROXY UNKNOWN\r\n"), &local),
        (&v2(b"\x20\x11", tlvs), &local_tlvs, None, &local_tlvs),
        (&v2(b"\x21\0", tlvs), &local_tlvs, None, &local_tlvs),
    ] {
        let header = decode(received);
        let forward = Encoder::forward(&header);
        assert_eq!(encode(forward).unwrap(), as_is);
        assert_eq!(encode(Encoder::from(&header)).unwrap(), as_is);
        let line = encode(forward.with_version(Version::V1));
        assert_eq!(line, as_v1.map(|line| line.as_bytes().to_vec()).ok_or(EncodeError::NotInV1));
        assert_eq!(encode(forward.with_version(Version::V2)).unwrap(), **as_v2);
    }
    assert_eq!(encode(Encoder::new(Version::V2, Addresses::Unspec)).unwrap(), local);
    assert_eq!(encode(Encoder::proxy_unspec()).unwrap(), v2(b"\x21\0", b""));
    let line = decode(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n");
    let binary = encode(Encoder::forward(&line).with_version(Version::V2)).unwrap();
    assert_eq!(decode(&binary).addresses(), line.addresses());
}

/// F18: one TLV more, or another in place of one, with nothing collected.
#[test]
fn r59_tlvs_are_added_and_replaced_one_by_one() {
    let given = [Tlv::authority("old.example"), Tlv::new(0xE0, b"x"), Tlv::authority("older.example")];
    let received = encode(tcp4(Version::V2).with_tlvs(&given)).unwrap();
    let header = decode(&received);
    let found = |encoder: Encoder<'_>| {
        let bytes = encode(encoder).unwrap();
        let header = decode(&bytes);
        header.tlvs().iter().map(|tlv| (tlv.kind(), tlv.value().to_vec())).collect::<Vec<_>>()
    };
    let tlvs =
        |tlvs: &[Tlv<'_>]| tlvs.iter().map(|tlv| (tlv.kind(), tlv.value().to_vec())).collect::<Vec<_>>();
    for encoder in [Encoder::forward(&header), tcp4(Version::V2).with_tlvs(&given)] {
        let new = Tlv::authority("new.example");
        assert_eq!(
            found(encoder.with_tlv(Tlv::alpn(b"h2"))),
            tlvs(&[&given[..], &[Tlv::alpn(b"h2")]].concat())
        );
        assert_eq!(found(encoder.replace_tlv(new)), tlvs(&[given[1], new]));
        // Whatever was added or replaced before.
        assert_eq!(found(encoder.replace_tlv(given[0]).replace_tlv(new)), tlvs(&[given[1], new]));
        assert_eq!(found(encoder.with_tlv(given[0]).replace_tlv(new)), tlvs(&[given[1], new]));
        let id = Tlv::unique_id(b"7").unwrap();
        assert_eq!(
            found(encoder.with_tlv(id).replace_tlv(new).with_tlv(given[0])),
            tlvs(&[given[1], id, new, given[0]])
        );
        // With a checksum, which is put in front unless there is one.
        let kinds = |encoder| found(encoder).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
        assert_eq!(kinds(encoder.with_crc32c().replace_tlv(new)), [kind::CRC32C, 0xE0, kind::AUTHORITY]);
        let crc32c = Tlv::new(kind::CRC32C, &[0; 4]);
        assert_eq!(
            kinds(encoder.with_crc32c().replace_tlv(new).with_tlv(crc32c)),
            [0xE0, kind::AUTHORITY, kind::CRC32C]
        );
        // Four, and no more.
        let four = encoder.with_tlv(id).with_tlv(new).with_tlv(new).replace_tlv(id);
        assert_eq!(found(four).len(), 3 + 3);
        assert_eq!(encode(four.with_tlv(id)), Err(EncodeError::TooManyTlvs));
        assert_eq!(
            encode(four.with_tlv(id).replace_tlv(new).with_version(Version::V1)),
            Err(EncodeError::NotInV1)
        );
    }
    let mut value = [0; 20];
    let len = Ssl::encode(Ssl::CLIENT_SSL, 1, &[], &mut value).unwrap();
    let bytes = encode(tcp4(Version::V2).with_tlv(Tlv::ssl(&value[..len]))).unwrap();
    assert!(decode(&bytes).tlvs().ssl().unwrap().is_tls());
    assert_eq!(encode(tcp4(Version::V1).with_tlv(Tlv::alpn(b"h2"))), Err(EncodeError::NotInV1));
    let long = vec![0; 65_536];
    assert_eq!(
        encode(tcp4(Version::V2).with_tlv(Tlv::alpn(&long))),
        Err(EncodeError::TooLong { len: 65_536 })
    );
}

#[test]
fn r16_what_version_1_does_not_know_is_an_error() {
    let tlvs = [Tlv::new(kind::NOOP, b"")];
    let names = Addresses::Unix { source: UnixAddr::default(), destination: UnixAddr::default() };
    for encoder in [
        tcp4(Version::V1).with_tlvs(&tlvs),
        tcp4(Version::V1).with_crc32c(),
        tcp4(Version::V1).with_padding_to(100),
        tcp4(Version::V1).dgram(),
        Encoder::new(Version::V1, names),
        Encoder::new(Version::V1, Addresses::Unspec).with_tlvs(&tlvs),
    ] {
        assert_eq!(encoder.encoded_len(), Err(EncodeError::NotInV1));
        assert_eq!(encoder.encode(&mut [0; 200]), Err(EncodeError::NotInV1));
    }
}

#[test]
fn r64_r67_r68_what_a_receiver_would_refuse_is_an_error() {
    let crc32c = Tlv::new(kind::CRC32C, &[0; 4]);
    for (tlvs, kind, offset, cause) in [
        (vec![crc32c, crc32c], kind::CRC32C, 35, TlvCause::Crc32cTwice),
        (vec![Tlv::new(kind::CRC32C, &[0; 3])], kind::CRC32C, 28, TlvCause::Crc32cLength),
        (vec![Tlv::new(kind::CRC32C, &[])], kind::CRC32C, 28, TlvCause::Crc32cLength),
        (
            vec![Tlv::new(1, b"h2"), Tlv::new(kind::UNIQUE_ID, &[1; 129])],
            kind::UNIQUE_ID,
            33,
            TlvCause::UniqueIdLength,
        ),
        (vec![Tlv::new(kind::SSL, &[0; 4])], kind::SSL, 28, TlvCause::SslLength),
        (vec![Tlv::new(kind::SSL, &[0; 7])], kind::SSL, 28, TlvCause::Stray),
        (vec![Tlv::new(kind::SSL, &[1, 0, 0, 0, 0, 0x21, 0, 9])], 0x21, 36, TlvCause::Overrun),
    ] {
        let encoder = tcp4(Version::V2).with_tlvs(&tlvs);
        let error = EncodeError::Invalid(Error::Tlv(TlvError::new(kind, offset, cause)));
        assert_eq!(encoder.encode(&mut [0; 300]), Err(error), "{tlvs:?}");
    }
    // Under LOCAL receivers look at the checksum only.
    let twice = [crc32c, crc32c];
    let error = TlvError::new(kind::CRC32C, 23, TlvCause::Crc32cTwice);
    let encoder = Encoder::local().with_tlvs(&twice);
    assert_eq!(encoder.encode(&mut [0; 30]), Err(EncodeError::Invalid(Error::Tlv(error))));
}

#[test]
fn r68_an_ssl_value_that_does_not_fit_is_an_error() {
    let tlvs = [Tlv::new(kind::SSL_CN, b"alice"), Tlv::new(kind::SSL_VERSION, b"TLSv1.3")];
    for len in 0..23 {
        let encoded = Ssl::encode(7, 1, &tlvs, &mut vec![0; len]);
        assert_eq!(encoded, Err(EncodeError::BufferTooSmall { needed: 23 }));
    }
    let mut value = [0; 23];
    assert_eq!(Ssl::encode(7, 0x0102_0304, &tlvs, &mut value), Ok(23));
    assert_eq!(&value, b"\x07\x01\x02\x03\x04\x22\0\x05alice\x21\0\x07TLSv1.3");
    let long = vec![0; 65_535 - 5 - 3];
    let mut value = vec![0; 70_000];
    assert_eq!(Ssl::encode(1, 0, &[Tlv::new(0x28, &long)], &mut value), Ok(65_535));
    let longer = [Tlv::new(0x28, &long), Tlv::new(0x21, b"")];
    assert_eq!(Ssl::encode(1, 0, &longer, &mut value), Err(EncodeError::TooLong { len: 65_538 }));
    let long = vec![0; 65_536];
    let encoded = Ssl::encode(1, 0, &[Tlv::new(0x28, &long)], &mut value);
    assert_eq!(encoded, Err(EncodeError::TooLong { len: 65_536 }));
}
