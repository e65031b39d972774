//! The peers, called as their own documentation shows, each in a function of its own that ends in both addresses.

use std::hint::black_box;
use std::net::SocketAddr;

use super::{Fresh, Used, see};
use crate::micro::inputs::{ALPN, UNIQUE_ID};
use crate::micro::peers::codec;
use crate::micro::{Case, Row};

const ALL: [Row; 3] = [Row::UsedV1Tcp4, Row::UsedV1Tcp6, Row::UsedV2Tcp4];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = ppp();
    cases.extend(proxy_header());
    cases.extend(proxy_protocol_codec());
    cases.extend(ha_proxy_protocol());
    cases.extend(net_io());
    cases.extend(proxy_protocol_rs());
    cases.extend(proxy_protocol());
    cases.extend(haproxy_protocol());
    cases
}

fn used(source: impl Into<SocketAddr>, destination: impl Into<SocketAddr>, tlvs: usize) -> Used {
    Used { source: source.into(), destination: destination.into(), tlvs }
}

fn ppp() -> Vec<Case> {
    use ::ppp::{v1, v2};
    const NAME: &str = "ppp";

    fn text(bytes: &[u8]) -> Result<Used, v1::BinaryParseError> {
        match v1::Header::try_from(bytes)?.addresses {
            v1::Addresses::Tcp4(ip) => Ok(used(
                (ip.source_address, ip.source_port),
                (ip.destination_address, ip.destination_port),
                0,
            )),
            v1::Addresses::Tcp6(ip) => Ok(used(
                (ip.source_address, ip.source_port),
                (ip.destination_address, ip.destination_port),
                0,
            )),
            v1::Addresses::Unknown => panic!("unknown"),
        }
    }
    fn binary(bytes: &[u8]) -> Result<Used, v2::ParseError> {
        let header = v2::Header::try_from(bytes)?;
        let mut tlvs = 0;
        for tlv in header.tlvs() {
            let tlv = tlv?;
            see(&tlv);
            tlvs += 1;
            if tlv.kind == 0x20 {
                for tlv in v2::TypeLengthValues::from(&tlv.value[5..]) {
                    see(&tlv?);
                    tlvs += 1;
                }
            }
        }
        match header.addresses {
            v2::Addresses::IPv4(ip) => Ok(used(
                (ip.source_address, ip.source_port),
                (ip.destination_address, ip.destination_port),
                tlvs,
            )),
            v2::Addresses::IPv6(ip) => Ok(used(
                (ip.source_address, ip.source_port),
                (ip.destination_address, ip.destination_port),
                tlvs,
            )),
            other => panic!("{other:?}"),
        }
    }

    let mut cases: Vec<_> = [Row::UsedV1Tcp4, Row::UsedV1Tcp6].map(|row| Case::used(row, NAME, text)).into();
    cases.extend([Row::UsedV2Tcp4, Row::UsedV2Tlvs, Row::UsedV2Ssl].map(|row| Case::used(row, NAME, binary)));
    cases.push(Case::used_fresh(Row::UsedEncodeV2Fresh, NAME, |source, destination| {
        v2::Builder::with_addresses(
            v2::Version::Two | v2::Command::Proxy,
            v2::Protocol::Stream,
            (source, destination),
        )
        .build()
    }));
    cases
}

fn proxy_header() -> Vec<Case> {
    use ::proxy_header::{Error, ParseConfig, ProxiedAddress, ProxyHeader, Tlv};
    const NAME: &str = "proxy-header";

    fn decode(bytes: &[u8]) -> Result<Used, Error> {
        let (header, _) = ProxyHeader::parse(bytes, ParseConfig::default())?;
        let mut tlvs = 0;
        for tlv in header.tlvs() {
            let tlv = tlv?;
            see(&tlv);
            tlvs += 1;
            if let Tlv::Ssl(ssl) = tlv {
                for tlv in ssl.tlvs() {
                    see(&tlv?);
                    tlvs += 1;
                }
            }
        }
        let Some(address) = header.proxied_address() else { panic!("no address") };
        Ok(used(address.source, address.destination, tlvs))
    }
    fn encode(source: SocketAddr, destination: SocketAddr, out: &mut [u8]) -> Result<usize, Error> {
        ProxyHeader::with_address(ProxiedAddress::stream(source, destination)).encode_to_slice_v2(out)
    }

    let mut cases: Vec<_> = ALL.map(|row| Case::used(row, NAME, decode)).into();
    cases.extend([Row::UsedV2Tlvs, Row::UsedV2Ssl].map(|row| Case::used(row, NAME, decode)));
    cases.push(Case::used_encode(Row::UsedEncodeV1, NAME, |source, destination, out| {
        ProxyHeader::with_address(ProxiedAddress::stream(source, destination)).encode_to_slice_v1(out)
    }));
    cases.push(Case::used_encode(Row::UsedEncodeV2, NAME, encode));
    cases.push(Case::used_fresh(Row::UsedEncodeV2Fresh, NAME, |source, destination| {
        let mut buffer = [0; 128];
        let len = encode(source, destination, &mut buffer)?;
        Ok::<_, Error>(Fresh { buffer, len })
    }));
    cases
}

fn proxy_protocol_codec() -> Vec<Case> {
    use ::proxy_protocol_codec::{v1, v2};
    const NAME: &str = "proxy-protocol-codec";

    fn text(bytes: &[u8]) -> Result<Used, v1::DecodeError> {
        let v1::Decoded::Some(header) = v1::Header::decode(bytes)? else { panic!("incomplete") };
        match header.address_pair() {
            v1::AddressPair::Inet { src_ip, dst_ip, src_port, dst_port } => {
                Ok(used((src_ip, src_port), (dst_ip, dst_port), 0))
            }
            v1::AddressPair::Inet6 { src_ip, dst_ip, src_port, dst_port } => {
                Ok(used((src_ip, src_port), (dst_ip, dst_port), 0))
            }
            v1::AddressPair::Unspecified => panic!("unspecified"),
        }
    }
    fn binary(bytes: &[u8]) -> Result<Used, v2::DecodeError> {
        let v2::Decoded::Some(decoded) = v2::Header::decode(bytes)? else { panic!("incomplete") };
        let mut tlvs = 0;
        for extension in decoded.extensions {
            see(&extension?);
            tlvs += 1;
        }
        match *decoded.header.address_pair() {
            v2::AddressPair::Inet { src_ip, dst_ip, src_port, dst_port } => {
                Ok(used((src_ip, src_port), (dst_ip, dst_port), tlvs))
            }
            v2::AddressPair::Inet6 { src_ip, dst_ip, src_port, dst_port } => {
                Ok(used((src_ip, src_port), (dst_ip, dst_port), tlvs))
            }
            _ => panic!("unspecified"),
        }
    }

    let mut cases: Vec<_> = [Row::UsedV1Tcp4, Row::UsedV1Tcp6].map(|row| Case::used(row, NAME, text)).into();
    cases.extend([Row::UsedV2Tcp4, Row::UsedV2Tlvs].map(|row| Case::used(row, NAME, binary)));
    cases.push(Case::used_fresh(Row::UsedEncodeV2Fresh, NAME, |source, destination| {
        codec::header(source, destination).encode().finish()
    }));
    cases.push(Case::used_fresh(Row::UsedEncodeV2Tlvs, NAME, codec::with_tlvs));
    cases
}

fn ha_proxy_protocol() -> Vec<Case> {
    use ::ha_proxy_protocol::tlv::Tlv;
    use ::ha_proxy_protocol::{Addr, ParseError, v1, v2};
    const NAME: &str = "ha_proxy_protocol";

    fn text(bytes: &[u8]) -> Result<Used, ParseError> {
        let Some(proxy) = v1::parse(bytes)?.info else { panic!("unknown") };
        Ok(used(proxy.src, proxy.dst, 0))
    }
    fn binary(bytes: &[u8]) -> Result<Used, ParseError> {
        let (result, slice) = v2::parse(bytes)?;
        let mut tlvs = 0;
        if let Some(slice) = slice {
            for tlv in slice.iter() {
                let tlv = tlv.unwrap();
                see(&tlv);
                tlvs += 1;
                if let Tlv::Ssl(ssl) = tlv {
                    for tlv in ssl.iter() {
                        see(&tlv.unwrap());
                        tlvs += 1;
                    }
                }
            }
        }
        let Some(v2::Proxy { src: Addr::Inet(source), dst: Addr::Inet(destination) }) = result.info else {
            panic!("no addresses")
        };
        Ok(used(source, destination, tlvs))
    }
    fn encode(source: SocketAddr, destination: SocketAddr, out: &mut [u8]) -> Result<usize, ()> {
        let proxy = v2::Proxy { src: Addr::Inet(source), dst: Addr::Inet(destination) };
        // It says 0 if there is no room.
        match proxy.encode(v2::TransportProtocol::Stream, out) {
            0 => Err(()),
            len => Ok(len),
        }
    }

    let mut cases: Vec<_> = [Row::UsedV1Tcp4, Row::UsedV1Tcp6].map(|row| Case::used(row, NAME, text)).into();
    cases.extend([Row::UsedV2Tcp4, Row::UsedV2Tlvs, Row::UsedV2Ssl].map(|row| Case::used(row, NAME, binary)));
    cases.push(Case::used_encode(Row::UsedEncodeV2, NAME, encode));
    cases.push(Case::used_fresh(Row::UsedEncodeV2Fresh, NAME, |source, destination| {
        let mut buffer = [0; 128];
        let len = encode(source, destination, &mut buffer)?;
        Ok::<_, ()>(Fresh { buffer, len })
    }));
    cases
}

fn net_io() -> Vec<Case> {
    use ::net_io::{ProxyError, ProxyParser, ProxyProgress, ProxyVersions};
    const NAME: &str = "net-io";

    fn decode(bytes: &[u8]) -> Result<Used, ProxyError> {
        let mut parser = ProxyParser::new(ProxyVersions::Both, u16::MAX);
        let ProxyProgress::Done { header, .. } = parser.feed(bytes)? else { panic!("incomplete") };
        let mut tlvs = 0;
        for tlv in header.tlvs {
            see(&tlv);
            tlvs += 1;
        }
        if let Some(ssl) = header.ssl() {
            // It gives no iterator over these: five that it knows.
            for text in [ssl.version, ssl.common_name, ssl.cipher, ssl.signature_algorithm, ssl.key_algorithm]
            {
                tlvs += usize::from(text.is_some());
                see(&text);
            }
        }
        let address = |address: Option<::net_io::ProxyAddress<'_>>| address.unwrap().socket_addr().unwrap();
        Ok(used(address(header.source), address(header.destination), tlvs))
    }

    let rows = [Row::UsedV2TlvsChecked, Row::UsedV2Ssl];
    ALL.into_iter().chain(rows).map(|row| Case::used(row, NAME, decode)).collect()
}

fn proxy_protocol_rs() -> Vec<Case> {
    use ::proxy_protocol_rs::{HeaderBuilder, ParseError, parse};
    const NAME: &str = "proxy-protocol-rs";

    fn decode(bytes: &[u8]) -> Result<Used, ParseError> {
        let (info, _) = parse(bytes)?;
        // It gives no iterator either, but fields.
        let known = &info.tlvs;
        see(known);
        let mut tlvs = usize::from(known.alpn.is_some())
            + usize::from(known.unique_id.is_some())
            + usize::from(known.crc32c.is_some());
        if let Some(ssl) = &known.ssl {
            tlvs += 1;
            for text in [&ssl.version, &ssl.cn, &ssl.cipher, &ssl.sig_alg, &ssl.key_alg] {
                tlvs += usize::from(text.is_some());
                see(text);
            }
        }
        Ok(used(info.source_inet().unwrap(), info.destination_inet().unwrap(), tlvs))
    }

    let rows = [Row::UsedV2TlvsChecked, Row::UsedV2Ssl];
    let mut cases: Vec<_> = ALL.into_iter().chain(rows).map(|row| Case::used(row, NAME, decode)).collect();
    cases.push(Case::used_fresh(Row::UsedEncodeV2Fresh, NAME, |source, destination| {
        Ok::<_, ()>(HeaderBuilder::v2_proxy(source, destination).build())
    }));
    cases.push(Case::used_fresh(Row::UsedEncodeV2Tlvs, NAME, |source, destination| {
        Ok::<_, ()>(
            HeaderBuilder::v2_proxy(source, destination)
                .with_alpn(black_box(ALPN))
                .with_unique_id(black_box(UNIQUE_ID))
                .with_crc32c()
                .build(),
        )
    }));
    cases
}

fn proxy_protocol() -> Vec<Case> {
    use ::proxy_protocol::{ParseError, ProxyHeader, encode, parse, version1, version2};
    const NAME: &str = "proxy-protocol";

    fn decode(mut bytes: &[u8]) -> Result<Used, ParseError> {
        match parse(&mut bytes)? {
            ProxyHeader::Version1 { addresses: version1::ProxyAddresses::Ipv4 { source, destination } }
            | ProxyHeader::Version2 {
                addresses: version2::ProxyAddresses::Ipv4 { source, destination },
                ..
            } => Ok(used(source, destination, 0)),
            ProxyHeader::Version1 { addresses: version1::ProxyAddresses::Ipv6 { source, destination } } => {
                Ok(used(source, destination, 0))
            }
            other => panic!("{other:?}"),
        }
    }

    let mut cases: Vec<_> = ALL.map(|row| Case::used(row, NAME, decode)).into();
    cases.push(Case::used_fresh(Row::UsedEncodeV2Fresh, NAME, |source, destination| {
        let (SocketAddr::V4(source), SocketAddr::V4(destination)) = (source, destination) else {
            panic!("not IPv4")
        };
        let header = ProxyHeader::Version2 {
            command: version2::ProxyCommand::Proxy,
            transport_protocol: version2::ProxyTransportProtocol::Stream,
            addresses: version2::ProxyAddresses::Ipv4 { source, destination },
        };
        encode(header)
    }));
    cases
}

fn haproxy_protocol() -> Vec<Case> {
    use ::haproxy_protocol::{Error, ProxyHdrV1, ProxyHdrV2, RemoteAddress};
    const NAME: &str = "haproxy-protocol";

    fn address(address: RemoteAddress) -> Used {
        match address {
            RemoteAddress::TcpV4 { src, dst } => used(src, dst, 0),
            RemoteAddress::TcpV6 { src, dst } => used(src, dst, 0),
            other => panic!("{other:?}"),
        }
    }
    fn text(bytes: &[u8]) -> Result<Used, Error> {
        let (_, header) = ProxyHdrV1::parse(bytes)?;
        Ok(address(header.to_remote_addr()))
    }
    fn binary(bytes: &[u8]) -> Result<Used, Error> {
        let (_, header) = ProxyHdrV2::parse(bytes)?;
        Ok(address(header.to_remote_addr()))
    }

    vec![
        Case::used(Row::UsedV1Tcp4, NAME, text),
        Case::used(Row::UsedV1Tcp6, NAME, text),
        Case::used(Row::UsedV2Tcp4, NAME, binary),
    ]
}
