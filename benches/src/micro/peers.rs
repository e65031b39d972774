//! The peers. Each is called the way that is fastest for it: its function for the one version where it has one, a
//! buffer that is there rather than a new one. What is not among a library's functions has no case.

use std::hint::black_box;
use std::io::Write;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

use super::inputs::{ALPN, UNIQUE_ID};
use super::{Case, Row, Seen};

const DECODE: [Row; 3] = [Row::V1Tcp4, Row::V1Tcp6, Row::V2Tcp4];
const DECODE_V1: [Row; 2] = [Row::V1Tcp4, Row::V1Tcp6];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    ppp(&mut cases);
    proxy_header(&mut cases);
    proxy_protocol_codec(&mut cases);
    ha_proxy_protocol(&mut cases);
    net_io(&mut cases);
    proxy_protocol_rs(&mut cases);
    proxy_protocol(&mut cases);
    haproxy_protocol(&mut cases);
    cases
}

fn ppp(cases: &mut Vec<Case>) {
    use ::ppp::{v1, v2};
    const NAME: &str = "ppp";

    fn decode(bytes: &[u8]) -> v2::Header<'_> {
        v2::Header::try_from(bytes).unwrap()
    }
    fn tlv<'a>(header: &'a v2::Header<'_>, kind: u8) -> Option<v2::TypeLengthValue<'a>> {
        header.tlvs().map(Result::unwrap).find(|tlv| tlv.kind == kind)
    }
    fn seen(header: &v2::Header<'_>) -> Seen {
        let value = |kind| tlv(header, kind).map(|tlv| tlv.value.to_vec());
        let addresses = match header.addresses {
            v2::Addresses::IPv4(ip) => Seen::addresses(
                (ip.source_address, ip.source_port).into(),
                (ip.destination_address, ip.destination_port).into(),
            ),
            v2::Addresses::IPv6(ip) => Seen::addresses(
                (ip.source_address, ip.source_port).into(),
                (ip.destination_address, ip.destination_port).into(),
            ),
            other => panic!("{other:?}"),
        };
        Seen { alpn: value(1), unique_id: value(5), last_of_ssl: None, ..addresses }
    }

    for row in DECODE_V1 {
        cases.push(Case::decode(
            row,
            NAME,
            |bytes| v1::Header::try_from(bytes),
            |header| match header.as_ref().unwrap().addresses {
                v1::Addresses::Tcp4(ip) => Seen::addresses(
                    (ip.source_address, ip.source_port).into(),
                    (ip.destination_address, ip.destination_port).into(),
                ),
                v1::Addresses::Tcp6(ip) => Seen::addresses(
                    (ip.source_address, ip.source_port).into(),
                    (ip.destination_address, ip.destination_port).into(),
                ),
                v1::Addresses::Unknown => panic!("unknown"),
            },
        ));
    }
    cases.push(Case::decode(
        Row::V2Tcp4,
        NAME,
        |bytes| v2::Header::try_from(bytes),
        |header| seen(header.as_ref().unwrap()),
    ));
    cases.push(Case::decode(
        Row::V2TlvsUnchecked,
        NAME,
        |bytes| {
            let header = decode(bytes);
            black_box(&(tlv(&header, 1), tlv(&header, 5)));
            header
        },
        seen,
    ));
    fn walk(bytes: &[u8]) -> v2::Header<'_> {
        let header = decode(bytes);
        let ssl = tlv(&header, 0x20).unwrap();
        black_box(&v2::TypeLengthValues::from(&ssl.value[5..]).last());
        header
    }
    cases.push(Case::decode(Row::V2Ssl, NAME, walk, |header| {
        let ssl = tlv(header, 0x20).unwrap();
        let last = v2::TypeLengthValues::from(&ssl.value[5..]).map(Result::unwrap).last();
        Seen { last_of_ssl: last.map(|tlv| tlv.value.to_vec()), ..seen(header) }
    }));
    cases.push(Case::encode_into(Row::EncodeV1, NAME, |source, destination, out| {
        write_to(out, v1::Addresses::from((source, destination)))
    }));
    cases.push(Case::encode(Row::EncodeV2, NAME, |source, destination| {
        v2::Builder::with_addresses(
            v2::Version::Two | v2::Command::Proxy,
            v2::Protocol::Stream,
            (source, destination),
        )
        .build()
        .unwrap()
    }));
}

fn proxy_header(cases: &mut Vec<Case>) {
    use ::proxy_header::{ParseConfig, ProxiedAddress, ProxyHeader};
    const NAME: &str = "proxy-header";

    fn decode(bytes: &[u8]) -> (ProxyHeader<'_>, usize) {
        ProxyHeader::parse(bytes, black_box(ParseConfig::default())).unwrap()
    }
    fn seen((header, _): &(ProxyHeader<'_>, usize)) -> Seen {
        let address = header.proxied_address().unwrap();
        Seen {
            alpn: header.alpn().map(<[u8]>::to_vec),
            unique_id: header.unique_id().map(<[u8]>::to_vec),
            last_of_ssl: header.ssl().and_then(|ssl| ssl.key_alg().map(|text| text.as_bytes().to_vec())),
            ..Seen::addresses(address.source, address.destination)
        }
    }

    for row in DECODE {
        cases.push(Case::decode(
            row,
            NAME,
            |bytes| ProxyHeader::parse(bytes, black_box(ParseConfig::default())),
            |decoded| seen(decoded.as_ref().unwrap()),
        ));
    }
    cases.push(Case::decode(
        Row::V2TlvsUnchecked,
        NAME,
        |bytes| {
            let decoded = decode(bytes);
            black_box(&(decoded.0.alpn(), decoded.0.unique_id()));
            decoded
        },
        seen,
    ));
    cases.push(Case::decode(
        Row::V2Ssl,
        NAME,
        |bytes| {
            let decoded = decode(bytes);
            black_box(&decoded.0.ssl().unwrap().tlvs().last());
            decoded
        },
        seen,
    ));
    cases.push(Case::encode_into(Row::EncodeV1, NAME, |source, destination, out| {
        ProxyHeader::with_address(ProxiedAddress::stream(source, destination))
            .encode_to_slice_v1(out)
            .unwrap()
    }));
    cases.push(Case::encode_into(Row::EncodeV2, NAME, |source, destination, out| {
        ProxyHeader::with_address(ProxiedAddress::stream(source, destination))
            .encode_to_slice_v2(out)
            .unwrap()
    }));
}

/// How proxy-protocol-codec is told what to write.
pub(super) mod codec {
    use std::hint::black_box;
    use std::net::SocketAddr;

    use ::proxy_protocol_codec::v2;

    use crate::micro::inputs::{ALPN, UNIQUE_ID};

    pub(crate) fn pair(source: SocketAddr, destination: SocketAddr) -> v2::AddressPair {
        let (src_port, dst_port) = (source.port(), destination.port());
        match (source, destination) {
            (SocketAddr::V4(source), SocketAddr::V4(destination)) => {
                v2::AddressPair::Inet { src_ip: *source.ip(), dst_ip: *destination.ip(), src_port, dst_port }
            }
            (SocketAddr::V6(source), SocketAddr::V6(destination)) => {
                v2::AddressPair::Inet6 { src_ip: *source.ip(), dst_ip: *destination.ip(), src_port, dst_port }
            }
            _ => panic!("mixed"),
        }
    }

    pub(crate) fn header(source: SocketAddr, destination: SocketAddr) -> v2::Header {
        v2::Header::new_proxy(v2::Protocol::Stream, pair(source, destination))
    }

    pub(crate) fn with_tlvs(source: SocketAddr, destination: SocketAddr) -> Result<Vec<u8>, v2::EncodeError> {
        // Its own function for it writes UNIQUE_ID with the type 0x30.
        let unique_id = v2::ExtensionRef::new_custom(0x05, black_box(UNIQUE_ID)).unwrap();
        header(source, destination)
            .encode()
            .write_ext_alpn(black_box(ALPN))
            .and_then(|encoded| encoded.write_ext_custom(unique_id).finish_with_crc32c())
    }
}

fn proxy_protocol_codec(cases: &mut Vec<Case>) {
    use ::proxy_protocol_codec::{v1, v2};
    const NAME: &str = "proxy-protocol-codec";

    fn decode(bytes: &[u8]) -> v2::DecodedHeader<'_> {
        let v2::Decoded::Some(header) = v2::Header::decode(bytes).unwrap() else { panic!("no header") };
        header
    }
    /// One pass over the extensions, since they can be walked only once.
    fn decode_tlvs(bytes: &[u8]) -> (v2::Header, Option<&[u8]>, Option<&[u8]>) {
        let header = decode(bytes);
        let (mut alpn, mut unique_id) = (None, None);
        for extension in header.extensions {
            let extension = extension.unwrap();
            match extension.typ() {
                Ok(v2::ExtensionType::ALPN) => alpn = Some(extension.payload()),
                Ok(v2::ExtensionType::UniqueId) => unique_id = Some(extension.payload()),
                _ => {}
            }
        }
        (header.header, alpn, unique_id)
    }
    fn seen(header: &v2::Header) -> Seen {
        match *header.address_pair() {
            v2::AddressPair::Inet { src_ip, dst_ip, src_port, dst_port } => {
                Seen::addresses((src_ip, src_port).into(), (dst_ip, dst_port).into())
            }
            v2::AddressPair::Inet6 { src_ip, dst_ip, src_port, dst_port } => {
                Seen::addresses((src_ip, src_port).into(), (dst_ip, dst_port).into())
            }
            other => panic!("{other:?}"),
        }
    }

    for row in DECODE_V1 {
        cases.push(Case::decode(
            row,
            NAME,
            |bytes| v1::Header::decode(bytes),
            |decoded| {
                let Ok(v1::Decoded::Some(header)) = decoded else { panic!("no header") };
                match header.address_pair() {
                    v1::AddressPair::Inet { src_ip, dst_ip, src_port, dst_port } => {
                        Seen::addresses((src_ip, src_port).into(), (dst_ip, dst_port).into())
                    }
                    v1::AddressPair::Inet6 { src_ip, dst_ip, src_port, dst_port } => {
                        Seen::addresses((src_ip, src_port).into(), (dst_ip, dst_port).into())
                    }
                    other @ v1::AddressPair::Unspecified => panic!("{other:?}"),
                }
            },
        ));
    }
    cases.push(Case::decode(
        Row::V2Tcp4,
        NAME,
        |bytes| v2::Header::decode(bytes),
        |decoded| {
            let Ok(v2::Decoded::Some(decoded)) = decoded else { panic!("no header") };
            seen(&decoded.header)
        },
    ));
    cases.push(Case::decode(Row::V2TlvsUnchecked, NAME, decode_tlvs, |(header, alpn, unique_id)| Seen {
        alpn: alpn.map(<[u8]>::to_vec),
        unique_id: unique_id.map(<[u8]>::to_vec),
        ..seen(header)
    }));
    cases.push(Case::encode_into(Row::EncodeV1, NAME, |source, destination, out| {
        let pair = v1::AddressPair::try_from_v2(codec::pair(source, destination)).ok().unwrap();
        write_to(out, v1::Header::new(pair))
    }));
    cases.push(Case::encode(Row::EncodeV2, NAME, |source, destination| {
        codec::header(source, destination).encode().finish().unwrap()
    }));
    cases.push(Case::encode(Row::EncodeV2Tlvs, NAME, |source, destination| {
        codec::with_tlvs(source, destination).unwrap()
    }));
}

fn ha_proxy_protocol(cases: &mut Vec<Case>) {
    use ::ha_proxy_protocol::tlv::{Tlv, TlvSsl, TlvsSlice};
    use ::ha_proxy_protocol::{Addr, v1, v2};
    const NAME: &str = "ha_proxy_protocol";

    type Decoded<'a> = (v2::ProxyParseResult, Option<TlvsSlice<'a>>);

    fn decode(bytes: &[u8]) -> Decoded<'_> {
        v2::parse(bytes).unwrap()
    }
    fn alpn<'a>((_, tlvs): &Decoded<'a>) -> Option<&'a [u8]> {
        tlvs.as_ref()?.iter().find_map(|tlv| match tlv {
            Ok(Tlv::Alpn(value)) => Some(value.content()),
            _ => None,
        })
    }
    fn unique_id<'a>((_, tlvs): &Decoded<'a>) -> Option<&'a [u8]> {
        tlvs.as_ref()?.iter().find_map(|tlv| match tlv {
            Ok(Tlv::UniqueId(value)) => Some(value),
            _ => None,
        })
    }
    fn last<'a>((_, tlvs): &Decoded<'a>) -> Option<TlvSsl<'a>> {
        tlvs.as_ref()?.iter().find_map(|tlv| match tlv {
            Ok(Tlv::Ssl(ssl)) => ssl.iter().last()?.ok(),
            _ => None,
        })
    }
    fn seen(decoded: &Decoded<'_>) -> Seen {
        let proxy = decoded.0.info.unwrap();
        let (Addr::Inet(source), Addr::Inet(destination)) = (proxy.src, proxy.dst) else { panic!("unix") };
        Seen {
            alpn: alpn(decoded).map(<[u8]>::to_vec),
            unique_id: unique_id(decoded).map(<[u8]>::to_vec),
            last_of_ssl: last(decoded).map(|tlv| match tlv {
                TlvSsl::KeyALg(value) => value.content().to_vec(),
                other => panic!("{other:?}"),
            }),
            ..Seen::addresses(source, destination)
        }
    }

    for row in DECODE_V1 {
        cases.push(Case::decode(
            row,
            NAME,
            |bytes| v1::parse(bytes),
            |result| {
                let proxy = result.as_ref().unwrap().info.unwrap();
                Seen::addresses(proxy.src, proxy.dst)
            },
        ));
    }
    cases.push(Case::decode(
        Row::V2Tcp4,
        NAME,
        |bytes| v2::parse(bytes),
        |decoded| seen(decoded.as_ref().unwrap()),
    ));
    cases.push(Case::decode(
        Row::V2TlvsUnchecked,
        NAME,
        |bytes| {
            let decoded = decode(bytes);
            black_box(&(alpn(&decoded), unique_id(&decoded)));
            decoded
        },
        seen,
    ));
    cases.push(Case::decode(
        Row::V2Ssl,
        NAME,
        |bytes| {
            let decoded = decode(bytes);
            black_box(&last(&decoded));
            decoded
        },
        seen,
    ));
    cases.push(Case::encode_into(Row::EncodeV1, NAME, |source, destination, out| {
        write_to(out, format_args!("{}\r\n", v1::Proxy { src: source, dst: destination }))
    }));
    cases.push(Case::encode_into(Row::EncodeV2, NAME, |source, destination, out| {
        v2::Proxy { src: Addr::Inet(source), dst: Addr::Inet(destination) }
            .encode(v2::TransportProtocol::Stream, out)
    }));
}

fn net_io(cases: &mut Vec<Case>) {
    use ::net_io::{ProxyHeader, ProxyParser, ProxyProgress, ProxyVersions};
    const NAME: &str = "net-io";

    fn decode(bytes: &[u8]) -> (ProxyHeader<'_>, usize) {
        match ProxyParser::new(black_box(ProxyVersions::Both), u16::MAX).feed(bytes).unwrap() {
            ProxyProgress::Done { header, consumed } => (header, consumed),
            ProxyProgress::NeedMore { .. } => panic!("incomplete"),
        }
    }
    fn seen((header, _): &(ProxyHeader<'_>, usize)) -> Seen {
        let address = |address: Option<::net_io::ProxyAddress<'_>>| address.unwrap().socket_addr().unwrap();
        let last = header.ssl().and_then(|ssl| ssl.key_algorithm);
        Seen {
            alpn: header.alpn().map(<[u8]>::to_vec),
            unique_id: header.unique_id().map(<[u8]>::to_vec),
            last_of_ssl: last.map(|text| text.as_bytes().to_vec()),
            ..Seen::addresses(address(header.source), address(header.destination))
        }
    }

    for row in DECODE {
        cases.push(Case::decode(
            row,
            NAME,
            |bytes| ProxyParser::new(black_box(ProxyVersions::Both), u16::MAX).feed(bytes),
            |progress| match progress {
                Ok(ProxyProgress::Done { header, consumed }) => seen(&(*header, *consumed)),
                other => panic!("{other:?}"),
            },
        ));
    }
    cases.push(Case::decode(
        Row::V2TlvsChecked,
        NAME,
        |bytes| {
            let decoded = decode(bytes);
            black_box(&(decoded.0.alpn(), decoded.0.unique_id()));
            decoded
        },
        |decoded| {
            assert!(decoded.0.crc_checked());
            seen(decoded)
        },
    ));
    cases.push(Case::decode(
        Row::V2Ssl,
        NAME,
        |bytes| {
            let decoded = decode(bytes);
            black_box(&decoded.0.ssl());
            decoded
        },
        seen,
    ));
}

fn proxy_protocol_rs(cases: &mut Vec<Case>) {
    use ::proxy_protocol_rs::{HeaderBuilder, ParseError, ProxyInfo, parse};
    const NAME: &str = "proxy-protocol-rs";

    fn seen(parsed: &Result<(ProxyInfo, usize), ParseError>) -> Seen {
        let (info, _) = parsed.as_ref().unwrap();
        Seen {
            alpn: info.tlvs.alpn.clone(),
            unique_id: info.tlvs.unique_id.clone(),
            last_of_ssl: info.tlvs.ssl.as_ref().and_then(|ssl| ssl.key_alg.clone()).map(String::into_bytes),
            ..Seen::addresses(info.source_inet().unwrap(), info.destination_inet().unwrap())
        }
    }

    for row in DECODE.into_iter().chain([Row::V2TlvsChecked, Row::V2Ssl]) {
        cases.push(Case::decode(row, NAME, |bytes| parse(bytes), seen));
    }
    cases.push(Case::encode(Row::EncodeV1, NAME, |source, destination| {
        HeaderBuilder::v1_proxy(source, destination).build()
    }));
    cases.push(Case::encode(Row::EncodeV2, NAME, |source, destination| {
        HeaderBuilder::v2_proxy(source, destination).build()
    }));
    cases.push(Case::encode(Row::EncodeV2Tlvs, NAME, |source, destination| {
        HeaderBuilder::v2_proxy(source, destination)
            .with_alpn(black_box(ALPN))
            .with_unique_id(black_box(UNIQUE_ID))
            .with_crc32c()
            .build()
    }));
}

fn proxy_protocol(cases: &mut Vec<Case>) {
    use ::proxy_protocol::{ProxyHeader, encode, parse, version1, version2};
    const NAME: &str = "proxy-protocol";

    fn v4(source: SocketAddr, destination: SocketAddr) -> (SocketAddrV4, SocketAddrV4) {
        match (source, destination) {
            (SocketAddr::V4(source), SocketAddr::V4(destination)) => (source, destination),
            _ => panic!("not IPv4"),
        }
    }

    for row in DECODE {
        cases.push(Case::decode(
            row,
            NAME,
            |mut bytes| parse(&mut bytes),
            |header| match *header.as_ref().unwrap() {
                ProxyHeader::Version1 {
                    addresses: version1::ProxyAddresses::Ipv4 { source, destination },
                }
                | ProxyHeader::Version2 {
                    addresses: version2::ProxyAddresses::Ipv4 { source, destination },
                    ..
                } => Seen::addresses(source.into(), destination.into()),
                ProxyHeader::Version1 {
                    addresses: version1::ProxyAddresses::Ipv6 { source, destination },
                } => Seen::addresses(source.into(), destination.into()),
                ref other => panic!("{other:?}"),
            },
        ));
    }
    cases.push(Case::encode(Row::EncodeV1, NAME, |source, destination| {
        let (source, destination) = v4(source, destination);
        let addresses = version1::ProxyAddresses::Ipv4 { source, destination };
        encode(ProxyHeader::Version1 { addresses }).unwrap()
    }));
    cases.push(Case::encode(Row::EncodeV2, NAME, |source, destination| {
        let (source, destination) = v4(source, destination);
        encode(ProxyHeader::Version2 {
            command: version2::ProxyCommand::Proxy,
            transport_protocol: version2::ProxyTransportProtocol::Stream,
            addresses: version2::ProxyAddresses::Ipv4 { source, destination },
        })
        .unwrap()
    }));
}

fn haproxy_protocol(cases: &mut Vec<Case>) {
    use ::haproxy_protocol::{ProxyHdrV1, ProxyHdrV2, RemoteAddress};
    const NAME: &str = "haproxy-protocol";

    fn seen((_, address): &(usize, RemoteAddress)) -> Seen {
        fn v6(src: SocketAddrV6, dst: SocketAddrV6) -> Seen {
            Seen::addresses(src.into(), dst.into())
        }
        match *address {
            RemoteAddress::TcpV4 { src, dst } => Seen::addresses(src.into(), dst.into()),
            RemoteAddress::TcpV6 { src, dst } => v6(src, dst),
            ref other => panic!("{other:?}"),
        }
    }

    for row in DECODE_V1 {
        cases.push(Case::decode(
            row,
            NAME,
            |bytes| {
                let (len, header) = ProxyHdrV1::parse(bytes).unwrap();
                (len, header.to_remote_addr())
            },
            seen,
        ));
    }
    cases.push(Case::decode(
        Row::V2Tcp4,
        NAME,
        |bytes| {
            let (len, header) = ProxyHdrV2::parse(bytes).unwrap();
            (len, header.to_remote_addr())
        },
        seen,
    ));
}

/// For what is only given as text: written where it belongs, without a `String` between.
fn write_to(out: &mut [u8], text: impl std::fmt::Display) -> usize {
    let room = out.len();
    let mut rest = out;
    write!(rest, "{text}").unwrap();
    room - rest.len()
}
