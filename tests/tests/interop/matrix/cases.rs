//! The headers that receivers are asked to read: what our encoder writes.

use std::net::SocketAddr;

use realpeer_proto::{Addresses, Encoder, Tlv, Version, kind};

/// Who is at the ends of a connection, and what else a header says of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) authority: &'static str,
    pub(crate) alpn: &'static str,
    pub(crate) unique_id: &'static str,
}

impl Peer {
    /// Without a TLV.
    pub(crate) fn new(source: SocketAddr, destination: SocketAddr) -> Self {
        Self { source, destination, authority: "", alpn: "", unique_id: "" }
    }
}

/// A header, and what it means. None: the receiver is to take the real endpoints.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) header: Vec<u8>,
    pub(crate) meant: Option<Peer>,
}

/// The value of the checksum's TLV is not the right one.
pub(crate) const WRONG_CRC32C: &str = "v2, CRC32C wrong";
/// Without addresses.
pub(crate) const LOCAL: &str = "v2 LOCAL";
/// PROXY with address family and transport 0.
pub(crate) const UNSPEC: &str = "v2 UNSPEC";
/// The short form.
pub(crate) const UNKNOWN: &str = "v1 UNKNOWN";
/// With AUTHORITY, ALPN and `UNIQUE_ID`.
pub(crate) const TLVS: &str = "v2, TLVs";
/// With a NOOP as large as needed.
pub(crate) const PADDED_232: &str = "v2, 232 bytes";
/// The length that both versions are meant to fit (R4).
pub(crate) const PADDED_536: &str = "v2, 536 bytes";

/// Over streams.
pub(crate) fn stream() -> Vec<Case> {
    let (v4, v6) = (inet(), inet6());
    let proxy = |version, peer: Peer| Encoder::proxy(version, peer.source, peer.destination);
    let v2 = proxy(Version::V2, v4);
    vec![
        case("v1 TCP4", proxy(Version::V1, v4), Some(v4)),
        case("v1 TCP6", proxy(Version::V1, v6), Some(v6)),
        case(UNKNOWN, Encoder::new(Version::V1, Addresses::Unspec), None),
        case("v2 TCP4", v2, Some(v4)),
        case("v2 TCP6", proxy(Version::V2, v6), Some(v6)),
        case(LOCAL, Encoder::local(), None),
        case(UNSPEC, Encoder::proxy_unspec(), None),
        case(TLVS, v2.with_tlvs(&tlvs()), Some(with_tlvs(v4))),
        case("v2, CRC32C", v2.with_crc32c(), Some(v4)),
        wrong_crc32c(v2, v4),
        case(PADDED_232, v2.with_padding_to(232), Some(v4)),
        case(PADDED_536, v2.with_padding_to(536), Some(v4)),
    ]
}

/// Over UDP: header and payload in one datagram.
pub(crate) fn datagram() -> Vec<Case> {
    let (v4, v6) = (inet(), inet6());
    let v2 = |peer: Peer| Encoder::proxy(Version::V2, peer.source, peer.destination).dgram();
    vec![
        case(UNKNOWN, Encoder::new(Version::V1, Addresses::Unspec), None),
        case("v2 UDP4", v2(v4), Some(v4)),
        case("v2 UDP6", v2(v6), Some(v6)),
        case(LOCAL, Encoder::local(), None),
        case(UNSPEC, Encoder::proxy_unspec(), None),
        case(TLVS, v2(v4).with_tlvs(&tlvs()), Some(with_tlvs(v4))),
        case("v2, CRC32C", v2(v4).with_crc32c(), Some(v4)),
        wrong_crc32c(v2(v4), v4),
        case(PADDED_232, v2(v4).with_padding_to(232), Some(v4)),
        case(PADDED_536, v2(v4).with_padding_to(536), Some(v4)),
    ]
}

fn inet() -> Peer {
    Peer::new("192.0.2.10:51000".parse().unwrap(), "198.51.100.20:443".parse().unwrap())
}

fn inet6() -> Peer {
    Peer::new("[2001:db8::10]:51000".parse().unwrap(), "[2001:db8:2::20]:443".parse().unwrap())
}

fn with_tlvs(peer: Peer) -> Peer {
    Peer { authority: "mail.example.org", alpn: "h2", unique_id: "realpeer-7", ..peer }
}

fn tlvs() -> [Tlv<'static>; 3] {
    let Peer { authority, alpn, unique_id, .. } = with_tlvs(inet());
    [
        Tlv::new(kind::AUTHORITY, authority.as_bytes()),
        Tlv::new(kind::ALPN, alpn.as_bytes()),
        Tlv::new(kind::UNIQUE_ID, unique_id.as_bytes()),
    ]
}

fn case(name: &'static str, encoder: Encoder<'_>, meant: Option<Peer>) -> Case {
    let mut header = vec![0; encoder.encoded_len().unwrap()];
    assert_eq!(encoder.encode(&mut header).unwrap(), header.len());
    Case { name, header, meant }
}

/// Of a receiver that does not verify it, the rest is read as meant.
fn wrong_crc32c(v2: Encoder<'_>, meant: Peer) -> Case {
    let mut case = case(WRONG_CRC32C, v2.with_crc32c(), Some(meant));
    *case.header.last_mut().unwrap() ^= 1;
    case
}
