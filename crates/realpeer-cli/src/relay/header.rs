//! The header that is sent, made of the one that came.

use std::net::{SocketAddr, SocketAddrV6};

use realpeer::proto::{Address, Addresses, EncodeError, Encoder, Header, MAX_HEADER_LEN, Version};

use super::Out;

/// The header for a connection from `source` to `destination`, in bytes; none if none is to be sent.
///
/// A header without addresses goes on without addresses: LOCAL in version 2, UNKNOWN in version 1. So do UNIX sockets
/// in version 1, which has no name for them.
///
/// # Errors
///
/// If there is no such header: the one that came is too long for another, for example.
pub(super) fn encode(
    out: Out,
    came: Option<&Header<'_>>,
    source: Address<'_>,
    destination: Option<Address<'_>>,
    is_datagram: bool,
) -> Result<Vec<u8>, EncodeError> {
    let version = match (out, came) {
        (Out::None, _) | (Out::Same, None) => return Ok(Vec::new()),
        (Out::Same, Some(header)) => return bytes(&Encoder::from(header)),
        (Out::V1, _) => Version::V1,
        (Out::V2, _) => Version::V2,
    };
    let addresses = match came {
        Some(header) => header.addresses(),
        None => destination.map_or(Addresses::Unspec, |destination| pair(source, destination)),
    };
    let addresses = match (version, addresses) {
        (Version::V1, Addresses::Unix { .. }) => Addresses::Unspec,
        (_, addresses) => addresses,
    };
    let encoder = match (version, addresses) {
        (Version::V2, Addresses::Unspec) => Encoder::local(),
        _ => Encoder::new(version, addresses),
    };
    let encoder = if is_datagram { encoder.dgram() } else { encoder };
    match (version, came) {
        (Version::V2, Some(header)) => bytes(&encoder.with_tlv_block(header.tlvs())),
        _ => bytes(&encoder),
    }
}

fn bytes(encoder: &Encoder<'_>) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = vec![0; encoder.encoded_len()?.min(MAX_HEADER_LEN)];
    let len = encoder.encode(&mut bytes)?;
    bytes.truncate(len);
    Ok(bytes)
}

/// An IPv4 address beside an IPv6 one becomes a mapped one; other mixtures have no addresses.
fn pair<'a>(source: Address<'a>, destination: Address<'a>) -> Addresses<'a> {
    let mapped = |addr: SocketAddr| match addr {
        SocketAddr::V4(addr) => SocketAddrV6::new(addr.ip().to_ipv6_mapped(), addr.port(), 0, 0),
        SocketAddr::V6(addr) => addr,
    };
    match (source, destination) {
        (Address::Inet(SocketAddr::V4(source)), Address::Inet(SocketAddr::V4(destination))) => {
            Addresses::Inet { source, destination }
        }
        (Address::Inet(source), Address::Inet(destination)) => {
            let (source, destination) = (mapped(source), mapped(destination));
            match (source.ip().to_ipv4_mapped(), destination.ip().to_ipv4_mapped()) {
                (Some(from), Some(to)) => Addresses::Inet {
                    source: std::net::SocketAddrV4::new(from, source.port()),
                    destination: std::net::SocketAddrV4::new(to, destination.port()),
                },
                _ => Addresses::Inet6 { source, destination },
            }
        }
        (Address::Unix(source), Address::Unix(destination)) => Addresses::Unix { source, destination },
        _ => Addresses::Unspec,
    }
}
