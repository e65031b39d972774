//! A range of IP addresses: parsing one, and what is in it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network. Its address has no bits beyond the prefix, and is an IPv4 address where all addresses in it are mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Network {
    ip: IpAddr,
    prefix_len: u8,
}

/// What is wrong with a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NetworkError {
    /// It isn't one.
    Invalid,
    /// Its address has bits set beyond its prefix, and which network was probably meant.
    HostBits { ip: IpAddr, meant: Network },
}

/// The bits that all IPv4-mapped addresses begin with.
const MAPPED_PREFIX: u8 = 96;

impl Network {
    /// Reads `ADDRESS` or `ADDRESS/LENGTH`. Addresses are read by std, which refuses leading zeroes: to some programs
    /// they mean octal.
    pub(crate) fn parse(text: &str) -> Result<Self, NetworkError> {
        let (ip, prefix_len) = match text.split_once('/') {
            Some((ip, len)) => (ip, Some(decimal(len).ok_or(NetworkError::Invalid)?)),
            None => (text, None),
        };
        let ip = ip.parse().map_err(|_| NetworkError::Invalid)?;
        Self::new(ip, prefix_len.unwrap_or(width(ip)))
    }

    pub(crate) fn new(ip: IpAddr, prefix_len: u8) -> Result<Self, NetworkError> {
        if prefix_len > width(ip) {
            return Err(NetworkError::Invalid);
        }
        if first(ip, prefix_len) != ip {
            return Err(NetworkError::HostBits { ip, meant: meant(ip, prefix_len) });
        }
        let mapped = ip.is_ipv6() && ip.to_canonical().is_ipv4();
        // The last bit that mapped addresses begin with is set, so a mapped network has at least their prefix.
        let prefix_len = if mapped { prefix_len.saturating_sub(MAPPED_PREFIX) } else { prefix_len };
        Ok(Self { ip: ip.to_canonical(), prefix_len })
    }

    /// Whether the network holds an address, which has to be canonical.
    pub(crate) fn contains(self, ip: IpAddr) -> bool {
        ip.is_ipv4() == self.ip.is_ipv4() && first(ip, self.prefix_len) == self.ip
    }
}

impl From<IpAddr> for Network {
    fn from(ip: IpAddr) -> Self {
        let ip = ip.to_canonical();
        Self { ip, prefix_len: width(ip) }
    }
}

/// The network that was meant by an address with bits set beyond its prefix.
fn meant(ip: IpAddr, prefix_len: u8) -> Network {
    let ip = match ip.to_canonical() {
        // ::ffff:10.0.0.0/8 means 10.0.0.0/8, and says ::/8.
        v4 @ IpAddr::V4(_) if prefix_len <= width(v4) => v4,
        _ => ip,
    };
    Network { ip: first(ip, prefix_len), prefix_len }
}

/// The bits of an address.
fn width(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

/// The first address of the network that `ip` is in.
fn first(ip: IpAddr, prefix_len: u8) -> IpAddr {
    let host_bits = u32::from(width(ip).saturating_sub(prefix_len));
    match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
            Ipv4Addr::from_bits(ip.to_bits() & mask).into()
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
            Ipv6Addr::from_bits(ip.to_bits() & mask).into()
        }
    }
}

/// A number of one to three digits without leading zeroes. `u8::from_str` takes `+8` and `08`.
fn decimal(text: &str) -> Option<u8> {
    let canonical = text == "0" || text.starts_with(|digit| matches!(digit, '1'..='9'));
    text.parse().ok().filter(|_| canonical)
}

impl fmt::Display for Network {
    /// As an address where it holds but one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip.fmt(f)?;
        if self.prefix_len == width(self.ip) { Ok(()) } else { write!(f, "/{}", self.prefix_len) }
    }
}
