//! Headers written by hand, so that the program is not tested with its own encoder.

use std::net::SocketAddr;

/// A v1 header: section 2.1.
pub fn v1(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    format!(
        "PROXY {family} {} {} {} {}\r\n",
        source.ip(),
        destination.ip(),
        source.port(),
        destination.port()
    )
    .into_bytes()
}

/// A v2 header with command PROXY over TCP, and these TLVs: section 2.2.
pub fn v2(source: SocketAddr, destination: SocketAddr, tlvs: &[u8]) -> Vec<u8> {
    let (family, mut block) = match (source, destination) {
        (SocketAddr::V4(s), SocketAddr::V4(d)) => (0x11, [s.ip().octets(), d.ip().octets()].concat()),
        (SocketAddr::V6(s), SocketAddr::V6(d)) => (0x21, [s.ip().octets(), d.ip().octets()].concat()),
        _ => panic!("mixed families"),
    };
    block.extend(source.port().to_be_bytes());
    block.extend(destination.port().to_be_bytes());
    block.extend(tlvs);
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([0x21, family]);
    header.extend(u16::try_from(block.len()).unwrap().to_be_bytes());
    header.extend(block);
    header
}

/// A TLV: section 2.2.
pub fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut tlv = vec![kind];
    tlv.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
    tlv.extend(value);
    tlv
}

/// The value of an SSL TLV, taken apart: section 2.2.6.
#[derive(Debug, PartialEq, Eq)]
pub struct SslTlv {
    /// The bits of `client`.
    pub client: u8,
    /// 0 if the certificate was verified, or if there was none.
    pub verify: u32,
    /// The sub-TLVs: type and text.
    pub parts: Vec<(u8, String)>,
}

impl SslTlv {
    /// A bit of `client`: the client spoke TLS.
    pub const TLS: u8 = 1;
    /// A bit of `client`: it showed a certificate on this connection.
    pub const CERTIFICATE_ON_CONNECTION: u8 = 2;
    /// A bit of `client`: it showed one at least once in this TLS session.
    pub const CERTIFICATE_IN_SESSION: u8 = 4;

    /// Reads it.
    pub fn read(value: &[u8]) -> Self {
        let (head, mut rest) = value.split_at(5);
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let len = usize::from(u16::from_be_bytes([rest[1], rest[2]]));
            parts.push((rest[0], String::from_utf8(rest[3..3 + len].to_vec()).unwrap()));
            rest = &rest[3 + len..];
        }
        Self { client: head[0], verify: u32::from_be_bytes([head[1], head[2], head[3], head[4]]), parts }
    }

    /// The text of the only sub-TLV of this type.
    #[track_caller]
    pub fn part(&self, kind: u8) -> &str {
        let mut found = self.parts.iter().filter(|part| part.0 == kind);
        let text = &found.next().unwrap_or_else(|| panic!("no sub-TLV {kind:#04x} in {self:?}")).1;
        assert_eq!(found.next(), None, "{self:?}");
        text
    }
}
