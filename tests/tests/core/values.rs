//! The values that are handed out: what they hold, and how they are written.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::num::NonZeroUsize;

use realpeer_proto::{
    Address, Addresses, ApiMisuse, Command, Config, Decoder, EncodeError, Encoder, Error, Event,
    FixedStorage, Parsed, Storage, Tlv, Tlvs, UnixAddr, Version, Versions, parse, parse_bare_tcp4,
    parse_bare_tcp6,
};

use super::decisions::accepted;

fn inet(addr: &str) -> SocketAddr {
    addr.parse().unwrap()
}

#[test]
fn addresses_have_a_source_and_a_destination_but_for_unspec() {
    let name = |name| Address::Unix(UnixAddr::new(name).unwrap());
    let [a, b] = [UnixAddr::new(b"/a").unwrap(), UnixAddr::new(b"\0b").unwrap()];
    for (addresses, source, destination) in [
        (Addresses::Unspec, None, None),
        (
            Addresses::new(inet("192.0.2.1:1"), inet("192.0.2.2:2")),
            Some(inet("192.0.2.1:1").into()),
            Some(inet("192.0.2.2:2").into()),
        ),
        (
            Addresses::new(inet("[2001:db8::1]:1"), inet("[2001:db8::2]:2")),
            Some(inet("[2001:db8::1]:1").into()),
            Some(inet("[2001:db8::2]:2").into()),
        ),
        (Addresses::Unix { source: a, destination: b }, Some(name(b"/a")), Some(name(b"\0b"))),
    ] {
        assert_eq!((addresses.source(), addresses.destination()), (source, destination), "{addresses:?}");
    }
}

#[test]
fn only_mapped_addresses_have_another_canonical_form() {
    for (given, canonical) in [
        ("[::ffff:192.0.2.1]:443", "192.0.2.1:443"),
        ("192.0.2.1:443", "192.0.2.1:443"),
        ("[2001:db8::1]:443", "[2001:db8::1]:443"),
        ("[::192.0.2.1]:443", "[::c000:201]:443"),
    ] {
        assert_eq!(Address::from(inet(given)).to_canonical().to_string(), canonical);
    }
    let unix = Address::Unix(UnixAddr::new(b"/run/app.sock").unwrap());
    assert_eq!(unix.to_canonical(), unix);
}

#[test]
fn an_exact_name_keeps_every_byte_of_up_to_108() {
    let longest = [0; 108];
    assert_eq!(UnixAddr::exact(&longest).unwrap().as_bytes(), longest);
    assert_eq!(UnixAddr::exact(b"\0proxy\0").unwrap().as_bytes(), b"\0proxy\0");
    assert_eq!(UnixAddr::exact(&[0; 109]), None);
    assert_eq!(UnixAddr::new(&[0; 109]).unwrap().as_bytes(), b"");
    assert_eq!(UnixAddr::new(&[b'x'; 109]), None);
}

#[test]
fn debug_shows_what_is_inside() {
    assert_eq!(format!("{:?}", UnixAddr::new(b"/a").unwrap()), "UnixAddr(unix:/a)");
    let line = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
    let shown = format!("{:?}", accepted(line));
    for part in ["V1", "Proxy", "Stream", "192.0.2.1:56324", "198.51.100.2:443"] {
        assert!(shown.starts_with("Header") && shown.contains(part), "{shown}");
    }
    assert_eq!((Version::V1.to_string(), Command::Local.to_string()), ("v1".into(), "LOCAL".into()));
}

/// The halves of an address don't mix, whatever their bits are.
#[test]
fn each_bit_of_an_address_is_its_own() {
    for bit in 0..128 {
        let source = SocketAddr::new((1u128 << bit | 1).to_be_bytes().into(), 1 << (bit % 16));
        let destination = SocketAddr::new((!(1u128 << bit)).to_be_bytes().into(), !(1 << (bit % 16)));
        let mut bytes = [0; 52];
        assert_eq!(Encoder::proxy(Version::V2, source, destination).encode(&mut bytes), Ok(52));
        let parsed = accepted(&bytes);
        assert_eq!(parsed.source(), Some(source.into()));
        assert_eq!(parsed.destination(), Some(destination.into()));
    }
}

/// What realpeer-ffi asks first.
#[test]
fn bare_headers_are_recognised_and_only_if_they_are_allowed() {
    for (source, destination, len) in
        [("192.0.2.1:56324", "198.51.100.2:443", 28), ("[2001:db8::1]:56324", "[2001:db8::2]:443", 52)]
    {
        let mut header = [0; 56];
        let encoder = Encoder::proxy(Version::V2, inet(source), inet(destination));
        assert_eq!(encoder.encode(&mut header), Ok(len));
        let both = |input: &[u8], config: &Config| {
            let v4 = parse_bare_tcp4(input, config).map(|both| both.map(|addr| addr.to_string()));
            let v6 = parse_bare_tcp6(input, config).map(|both| both.map(|addr| addr.to_string()));
            assert!(v4.is_none() || v6.is_none());
            v4.or(v6)
        };
        let any = Config::new();
        assert_eq!(both(&header[..len], &any), Some([source.to_owned(), destination.to_owned()]));
        assert!(both(&header, &any).is_some(), "payload behind it");
        assert_eq!(both(&header[..len - 1], &any), None);
        assert_eq!(both(&header, &any.with_versions(Versions::V1)), None);
        assert!(both(&header, &any.with_max_header_len(len)).is_some());
        assert_eq!(both(&header, &any.with_max_header_len(len - 1)), None);
    }
}

#[test]
fn io_errors_have_the_kind_that_std_has_for_them() {
    for (error, kind) in [
        (Error::Closed, ErrorKind::UnexpectedEof),
        (Error::Truncated { received: 1 }, ErrorKind::UnexpectedEof),
        (Error::EmptyDatagram, ErrorKind::UnexpectedEof),
        (Error::OutOfMemory, ErrorKind::OutOfMemory),
        (Error::ApiMisuse(ApiMisuse::StorageShrank), ErrorKind::InvalidInput),
        (Error::StorageTooSmall { at_least: 2, room: 1 }, ErrorKind::InvalidInput),
        (Error::Unreachable, ErrorKind::Other),
        (Error::TooLong { at_least: 2, limit: 1 }, ErrorKind::InvalidData),
    ] {
        let converted = io::Error::from(error);
        assert_eq!(converted.kind(), kind, "{error}");
        assert_eq!(converted.get_ref().and_then(|inner| inner.downcast_ref()), Some(&error));
    }
    assert_eq!(io::Error::from(EncodeError::TooManyTlvs).kind(), ErrorKind::InvalidInput);
}

#[test]
fn at_first_the_shortest_header_is_missing() {
    for (versions, shortest) in [(Versions::Any, 15), (Versions::V1, 15), (Versions::V2, 16)] {
        let config = Config::new().with_versions(versions);
        let needed = NonZeroUsize::new(shortest).unwrap();
        assert_eq!(parse(b"", &config), Ok(Parsed::Incomplete { needed }));
        let mut decoder = Decoder::with_storage(&config, [0; 536]);
        assert_eq!(decoder.next_event(), Ok(Event::NeedData { min: needed }));
        assert_eq!(decoder.read_slot().len(), shortest);
    }
}

#[test]
fn tlvs_are_equal_if_their_bytes_are() {
    let hash = |tlvs: &Tlvs<'_>| {
        let mut hasher = DefaultHasher::new();
        tlvs.hash(&mut hasher);
        hasher.finish()
    };
    let tlvs = b"\xe0\0\x01a\xe0\0\x01b";
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\x08".to_vec();
    bytes.extend_from_slice(tlvs);
    let received = accepted(&bytes).tlvs();
    let [made, other] = [&tlvs[..], &tlvs[..4]].map(|bytes| Tlvs::new(bytes).unwrap());
    assert!(received == made && received != other);
    assert!(hash(&received) == hash(&made) && hash(&received) != hash(&other));
    assert!(Tlv::unique_id(&[0; 128]).is_ok() && Tlv::unique_id(&[0; 129]).is_err());
}

#[test]
fn a_slice_has_room_for_its_length() {
    let mut bytes = [0; 16];
    let slice: &mut [u8] = &mut bytes;
    let mut borrowed = &mut *slice;
    for storage in [&mut borrowed as &mut dyn Storage, &mut [0; 16], &mut FixedStorage(vec![0; 16])] {
        assert_eq!((storage.max_len(), storage.bytes().len(), storage.bytes_mut().len()), (16, 16, 16));
        assert_eq!([15, 16, 17].map(|len| storage.grow(len)), [true, true, false]);
    }
}

/// Of each byte that no header begins with.
#[test]
fn errors_name_a_byte_as_people_know_it() {
    for byte in (0..=u8::MAX).filter(|byte| !b"P\r".contains(byte)) {
        let name = match byte {
            0 => " NUL".to_owned(),
            9 => " tab".to_owned(),
            10 => " LF".to_owned(),
            32 => " space".to_owned(),
            33..=126 => format!(" '{}'", char::from(byte)),
            _ => String::new(),
        };
        let error = parse(&[byte], &Config::new()).unwrap_err().to_string();
        let expected = format!("0x{byte:02x}{name} at offset 0");
        assert!(error.contains(&expected), "{error}");
    }
    let error = parse(b"\r", &Config::new().with_versions(Versions::V1)).unwrap_err().to_string();
    assert!(error.contains("0x0d CR at offset 0"), "{error}");
}
