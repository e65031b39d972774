//! Converts addresses from and to `sockaddr` bytes, and parses them from text.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use realpeer_proto::{Config, Parsed, parse};

/// The address family of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `AF_INET`
    Inet,
    /// `AF_INET6`
    Inet6,
    /// `AF_UNIX`
    Unix,
}

/// One end of a socket, read from the bytes of a `sockaddr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer<'a> {
    /// An IP address and port. IPv4-mapped addresses stay IPv6.
    Inet(SocketAddr),
    /// The name of a UNIX socket: a path, or a 0 byte and an abstract name, or nothing.
    Unix(&'a [u8]),
}

pub(crate) const AF_UNIX: u16 = 1;
pub(crate) const AF_INET: u16 = 2;
pub(crate) const AF_INET6: u16 = 10;

impl<'a> Peer<'a> {
    /// Reads a `sockaddr` of these bytes, or returns None if it is of another family or too short.
    pub fn from_sockaddr(bytes: &'a [u8]) -> Option<Self> {
        let (family, rest) = bytes.split_first_chunk()?;
        match u16::from_ne_bytes(*family) {
            AF_INET => {
                let (port, rest) = rest.split_first_chunk()?;
                let ip: [u8; 4] = *rest.first_chunk()?;
                Some(Self::Inet((ip, u16::from_be_bytes(*port)).into()))
            }
            AF_INET6 => {
                let (port, rest) = rest.split_first_chunk()?;
                let ip: [u8; 16] = *rest.get(4..)?.first_chunk()?;
                Some(Self::Inet((ip, u16::from_be_bytes(*port)).into()))
            }
            AF_UNIX => Some(Self::Unix(match *rest {
                // A path ends at its first 0 byte, if it has one.
                [first, ..] if first != 0 => rest.split(|&byte| byte == 0).next().unwrap_or(rest),
                _ => rest,
            })),
            _ => None,
        }
    }
}

impl Family {
    /// Returns the family of a `sockaddr` of these bytes.
    pub fn of_sockaddr(bytes: &[u8]) -> Option<Self> {
        match u16::from_ne_bytes(*bytes.first_chunk()?) {
            AF_INET => Some(Self::Inet),
            AF_INET6 => Some(Self::Inet6),
            AF_UNIX => Some(Self::Unix),
            _ => None,
        }
    }

    /// Writes `address` as the `sockaddr` that a socket of this family shows, and returns its length. On IPv6 sockets
    /// an IPv4 address is written as an IPv4-mapped one.
    pub fn sockaddr(self, address: SocketAddr, out: &mut [u8; 28]) -> usize {
        let port = address.port().to_be_bytes();
        match (self, address.ip()) {
            (Self::Inet | Self::Unix, IpAddr::V4(ip)) => {
                fill(out, &[&AF_INET.to_ne_bytes(), &port, &ip.octets(), &[0; 8]]);
                16
            }
            (_, ip) => {
                let ip = match ip {
                    IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                    IpAddr::V6(ip) => ip,
                };
                fill(out, &[&AF_INET6.to_ne_bytes(), &port, &[0; 4], &ip.octets(), &[0; 4]]);
                28
            }
        }
    }
}

/// Copies `parts` to the front of `out`, as far as they fit.
pub(crate) fn fill(out: &mut [u8], parts: &[&[u8]]) {
    let bytes = parts.iter().flat_map(|part| part.iter());
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
}

/// Reads an IP address, by the rules of version 1 headers: no zone, no leading zeros.
///
/// ```
/// assert_eq!(realpeer_preload::parse_ip(b"::1"), Some("::1".parse()?));
/// assert_eq!(realpeer_preload::parse_ip(b"010.0.0.1"), None);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn parse_ip(text: &[u8]) -> Option<IpAddr> {
    // The parser in `core` has panic paths; the one for headers has none.
    let family: &[u8] = if text.contains(&b':') { b"PROXY TCP6 " } else { b"PROXY TCP4 " };
    let parts = [family, text, b" ", text, b" 1 1\r\n"];
    let mut line = [0; 107];
    let len = parts.iter().map(|part| part.len()).sum();
    fill(&mut line, &parts);
    match parse(line.get(..len)?, &Config::new()) {
        Ok(Parsed::Complete { header, len: taken }) if taken == len => header.source()?.ip(),
        _ => None,
    }
}

/// Reads `192.0.2.1:80`, `[2001:db8::1]:80`, or `*:80` and `80` for any address.
pub fn parse_socket_addr(text: &[u8]) -> Option<SocketAddr> {
    let colon = text.iter().rposition(|&byte| byte == b':');
    let (host, port) = match colon {
        None => (&b"*"[..], text),
        Some(at) => (text.get(..at)?, text.get(at + 1..)?),
    };
    let ip = match *host {
        [b'*'] => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        [b'[', ref ip @ .., b']'] => parse_ip(ip).filter(IpAddr::is_ipv6)?,
        _ => parse_ip(host).filter(IpAddr::is_ipv4)?,
    };
    let port = u16::try_from(parse_number(port)?).ok()?;
    Some(SocketAddr::new(ip, port))
}

/// Reads a decimal number of at most nine digits.
pub(crate) fn parse_number(text: &[u8]) -> Option<u32> {
    if !(1..=9).contains(&text.len()) {
        return None;
    }
    text.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| 10 * value + u32::from(byte.wrapping_sub(b'0')))
    })
}

/// Returns the address as IPv6, so that IPv4 and IPv4-mapped addresses compare as equal.
pub(crate) fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => Ipv4Addr::to_ipv6_mapped(&ip),
        IpAddr::V6(ip) => ip,
    }
}
