use std::net::{SocketAddrV4, SocketAddrV6};

use arbitrary::{Arbitrary, Unstructured};
use realpeer_proto::{
    Addresses, Command, Config, EncodeError, Encoder, Error, Header, MAX_HEADER_LEN, Parsed, Tlv, Tlvs,
    Transport, UnixAddr, Version, kind,
};

/// A header to encode.
#[derive(Arbitrary, Debug)]
struct Plan<'a> {
    v1: bool,
    local: bool,
    dgram: bool,
    addresses: Pair<'a>,
    tlvs: Vec<(Kind, &'a [u8])>,
    crc32c: bool,
    padding: Option<u16>,
}

#[derive(Arbitrary, Debug)]
enum Pair<'a> {
    Unspec,
    Inet([u8; 4], u16, [u8; 4], u16),
    Inet6([u8; 16], u16, [u8; 16], u16),
    Unix(&'a [u8], &'a [u8]),
}

/// A type of TLV, those with rules more often.
#[derive(Arbitrary, Debug)]
enum Kind {
    Crc32c,
    UniqueId,
    Ssl,
    Noop,
    Other(u8),
}

/// What is encoded is decoded to the same, and what was decoded is encoded to what is decoded to the same.
pub fn roundtrip(data: &[u8]) {
    let Some((&first, bytes)) = data.split_first() else { return };
    if first & 1 == 1 {
        if let Ok(plan) = Plan::arbitrary_take_rest(Unstructured::new(bytes)) {
            encode(&plan);
        }
    } else if let Ok(Parsed::Complete { header, len }) = parse(bytes) {
        encode_again(&header, &bytes[..len]);
    }
}

fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Error> {
    realpeer_proto::parse(bytes, &Config::new().with_max_header_len(MAX_HEADER_LEN))
}

fn encode(plan: &Plan<'_>) {
    let Some(addresses) = plan.addresses.get() else { return };
    let tlvs: Vec<_> = plan.tlvs.iter().map(|(kind, value)| Tlv::new(kind.number(), value)).collect();
    let version = if plan.v1 { Version::V1 } else { Version::V2 };
    let mut encoder = match (plan.local, version, addresses) {
        (true, ..) => Encoder::local(),
        (false, Version::V2, Addresses::Unspec) => Encoder::proxy_unspec(),
        _ => Encoder::new(version, addresses),
    };
    if plan.dgram {
        encoder = encoder.dgram();
    }
    encoder = encoder.with_tlvs(&tlvs);
    if plan.crc32c {
        encoder = encoder.with_crc32c();
    }
    if let Some(padding) = plan.padding {
        encoder = encoder.with_padding_to(padding.into());
    }

    let unspec = plan.local || addresses == Addresses::Unspec;
    let dgram = plan.dgram && !unspec;
    let v1 = plan.v1 && !plan.local;
    let len = match encoder.encoded_len() {
        Ok(len) => len,
        Err(EncodeError::NotInV1) => {
            let unix = matches!(addresses, Addresses::Unix { .. });
            let more = !tlvs.is_empty() || plan.crc32c || plan.padding.is_some_and(|padding| padding > 0);
            return assert!(v1 && (unix || dgram || more));
        }
        Err(EncodeError::Padding { len }) => {
            let padding = usize::from(plan.padding.unwrap());
            return assert!(padding < len || (1..=2).contains(&(padding - len)));
        }
        Err(error) => panic!("{error}"),
    };
    let mut out = vec![0xA5; len + 4];
    if len > 0 {
        let needed = EncodeError::BufferTooSmall { needed: len };
        assert_eq!(encoder.encode(&mut out[..len - 1]), Err(needed));
        out.fill(0xA5);
    }
    match encoder.encode(&mut out) {
        Ok(written) => assert_eq!(written, len),
        Err(EncodeError::Invalid(error)) => {
            assert!(!v1);
            if unspec {
                // The receiver takes it for no TLVs.
                let Ok(Parsed::Complete { header, .. }) = parse(&out) else { panic!("{:?}", parse(&out)) };
                return assert_eq!(header.tlvs(), Tlvs::default());
            }
            // The receiver says the same of it.
            return assert_eq!(parse(&out), Err(error));
        }
        Err(error) => panic!("{error}"),
    }
    if !v1 {
        assert_eq!(out[len..], [0xA5; 4], "nothing is written after the header");
    }

    let Ok(Parsed::Complete { header, len: read }) = parse(&out[..len]) else {
        panic!("{:?}", parse(&out[..len]))
    };
    assert_eq!(read, len);
    assert_eq!(header.version(), if v1 { Version::V1 } else { Version::V2 });
    assert_eq!(header.command(), if plan.local { Command::Local } else { Command::Proxy });
    assert_eq!(header.addresses(), if unspec { Addresses::Unspec } else { addresses });
    let transport = match (unspec, dgram) {
        (true, _) => Transport::Unspec,
        (false, true) => Transport::Dgram,
        (false, false) => Transport::Stream,
    };
    assert_eq!(header.transport(), transport);
    check_tlvs(header.tlvs(), &tlvs, plan);
    if let Some(padding @ 1..) = plan.padding {
        assert_eq!(len, usize::from(padding));
    }
    encode_again(&header, &out[..len]);
}

/// The TLVs asked for, perhaps a CRC32C before and a NOOP after them.
fn check_tlvs(found: Tlvs<'_>, asked: &[Tlv<'_>], plan: &Plan<'_>) {
    let mut found: Vec<_> = found.iter().collect();
    let given = asked.iter().any(|tlv| tlv.kind() == kind::CRC32C);
    if plan.crc32c && !given {
        assert_eq!(found.remove(0).kind(), kind::CRC32C);
    }
    let padding = found.split_off(asked.len());
    match (plan.padding, &padding[..]) {
        (_, []) => {}
        (Some(1..), [noop]) => {
            assert!(noop.kind() == kind::NOOP && noop.value().iter().all(|&byte| byte == 0));
        }
        other => panic!("{other:?}"),
    }
    for (found, asked) in found.iter().zip(asked) {
        assert_eq!(found.kind(), asked.kind());
        // The value of a CRC32C is put right.
        assert!(found.value() == asked.value() || found.kind() == kind::CRC32C);
    }
}

/// `bytes` are what `header` was decoded from.
fn encode_again(header: &Header<'_>, bytes: &[u8]) {
    let encoder = Encoder::from(header);
    let len = encoder.encoded_len().unwrap();
    let mut out = vec![0; len];
    assert_eq!(encoder.encode(&mut out), Ok(len));
    if header.addresses() == Addresses::Unspec {
        // What was skipped is gone, and a CRC32C that was there is another.
        assert!(len <= bytes.len());
        let Ok(Parsed::Complete { header: again, .. }) = parse(&out) else { panic!("{:?}", parse(&out)) };
        // PROXY with UNSPEC, which most receivers refuse, is passed on as LOCAL.
        let command = if header.version() == Version::V2 { Command::Local } else { Command::Proxy };
        assert_eq!((again.version(), again.command()), (header.version(), command));
        assert_eq!((again.transport(), again.addresses()), (header.transport(), header.addresses()));
        let kinds =
            |tlvs: Tlvs<'_>| tlvs.iter().map(|tlv| (tlv.kind(), tlv.value().len())).collect::<Vec<_>>();
        assert_eq!(kinds(again.tlvs()), kinds(header.tlvs()));
    } else {
        assert_eq!(parse(&out), Ok(Parsed::Complete { header: *header, len }));
        if header.version() == Version::V2 {
            assert_eq!(out, bytes);
        }
    }
}

impl<'a> Pair<'a> {
    fn get(&self) -> Option<Addresses<'a>> {
        Some(match *self {
            Self::Unspec => Addresses::Unspec,
            Self::Inet(source, source_port, destination, destination_port) => Addresses::Inet {
                source: SocketAddrV4::new(source.into(), source_port),
                destination: SocketAddrV4::new(destination.into(), destination_port),
            },
            Self::Inet6(source, source_port, destination, destination_port) => Addresses::Inet6 {
                source: SocketAddrV6::new(source.into(), source_port, 0, 0),
                destination: SocketAddrV6::new(destination.into(), destination_port, 0, 0),
            },
            Self::Unix(source, destination) => {
                Addresses::Unix { source: UnixAddr::new(source)?, destination: UnixAddr::new(destination)? }
            }
        })
    }
}

impl Kind {
    fn number(&self) -> u8 {
        match *self {
            Self::Crc32c => kind::CRC32C,
            Self::UniqueId => kind::UNIQUE_ID,
            Self::Ssl => kind::SSL,
            Self::Noop => kind::NOOP,
            Self::Other(kind) => kind,
        }
    }
}
