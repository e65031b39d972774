//! IP networks in text, and what is in them: the rules of `realpeer_io::Trust`, without std.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use realpeer_proto::{Addresses, Config, Encoder, Parsed, Version, parse};

/// A network, or a single address. IPv4-mapped ones are kept as the IPv4 networks that they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Net {
    address: IpAddr,
    prefix_len: u8,
}

/// Why a text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NetError {
    /// It is no address, or the length of the prefix is none.
    Syntax,
    /// Bits are set that are not of the prefix. This network is what may have been meant.
    HostBits(Net),
}

impl Net {
    /// Reads `10.0.0.0/8`, `192.0.2.1`, `2001:db8::/32` or `2001:db8::1`.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, NetError> {
        let (address, prefix_len) = match text.iter().position(|&byte| byte == b'/') {
            None => (text, None),
            Some(at) => {
                let (address, len) = text.split_at_checked(at).ok_or(NetError::Syntax)?;
                (address, Some(decimal(len.get(1..).unwrap_or_default()).ok_or(NetError::Syntax)?))
            }
        };
        let address = parse_address(address).ok_or(NetError::Syntax)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix_len = prefix_len.unwrap_or(width);
        if prefix_len > width {
            return Err(NetError::Syntax);
        }
        let masked = mask(address, prefix_len);
        let net = Self { address: masked, prefix_len };
        if masked == address { Ok(net.canonical()) } else { Err(NetError::HostBits(net)) }
    }

    /// Whether `address`, or the IPv4 address that it maps, is in the network.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        // Where the families differ, so do the addresses.
        mask(address.to_canonical(), self.prefix_len) == self.address
    }

    /// A network of mapped addresses as the IPv4 network that it is. A wider one holds more than those, and its own
    /// address is none of them.
    fn canonical(self) -> Self {
        match (self.address.to_canonical(), self.prefix_len.checked_sub(96)) {
            (address @ IpAddr::V4(_), Some(prefix_len)) if self.address.is_ipv6() => {
                Self { address, prefix_len }
            }
            _ => self,
        }
    }
}

/// The address without the bits that follow the prefix.
fn mask(address: IpAddr, prefix_len: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let host_bits = u32::MAX.checked_shr(prefix_len.into()).unwrap_or(0);
            IpAddr::V4((address.to_bits() & !host_bits).into())
        }
        IpAddr::V6(address) => {
            let host_bits = u128::MAX.checked_shr(prefix_len.into()).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !host_bits))
        }
    }
}

/// A number of one to three digits without leading zeros.
fn decimal(digits: &[u8]) -> Option<u8> {
    if matches!(digits, [] | [b'0', _, ..]) {
        return None;
    }
    digits.iter().try_fold(0_u8, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

const LINE_LEN: usize = 107;

/// Reads an address as the core does, which has no other way in than a line of version 1. The standard library's parser
/// takes the same texts, as a test shows, but has paths to a panic.
fn parse_address(text: &[u8]) -> Option<IpAddr> {
    let (front, back) = if text.contains(&b':') {
        (b"PROXY TCP6 ", &b" :: 0 0\r\n"[..])
    } else {
        (b"PROXY TCP4 ", &b" 0.0.0.0 0 0\r\n"[..])
    };
    // The line would end in it, and begin anew.
    if !text.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')) {
        return None;
    }
    let mut line = [0; LINE_LEN];
    let mut len = 0;
    for part in [front, text, back] {
        line.get_mut(len..)?.get_mut(..part.len())?.copy_from_slice(part);
        len += part.len();
    }
    match parse(line.get(..len)?, &Config::new()).ok()? {
        Parsed::Complete { header, .. } => header.source()?.ip(),
        Parsed::Incomplete { .. } => None,
    }
}

/// An address to be written, as the core writes it.
pub(crate) struct Ip(pub(crate) IpAddr);

impl fmt::Display for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = match SocketAddr::new(self.0, 0) {
            SocketAddr::V4(addr) => Addresses::Inet { source: addr, destination: addr },
            // A mapped one too is written as it is.
            SocketAddr::V6(addr) => Addresses::Inet6 { source: addr, destination: addr },
        };
        let mut line = [0; LINE_LEN];
        let len = Encoder::new(Version::V1, addresses).encode(&mut line).ok();
        let words = line.get(..len.unwrap_or(0)).unwrap_or_default();
        let word = words.split(|&byte| byte == b' ').nth(2).unwrap_or_default();
        f.write_str(core::str::from_utf8(word).unwrap_or_default())
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ip(self.address), self.prefix_len)
    }
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString};

    use super::*;

    /// Every text that differs from a good one in one character, and every good one cut off anywhere.
    fn texts() -> impl Iterator<Item = String> {
        let good = [
            "0.0.0.0",
            "10.20.30.40",
            "255.255.255.255",
            "192.0.2.1",
            "::",
            "::1",
            "1::",
            "2001:db8::1",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "::ffff:192.0.2.1",
            "64:ff9b::192.0.2.33",
            "1:2:3:4:5:6:192.0.2.1",
            "ABCD:ef01:2345:6789:abcd:ef01:2345:6789",
            "fe80::a:b%1",
        ];
        let characters = "0123456789abcdefABCDEFgxX:.+-/% \0\r\né";
        good.into_iter().flat_map(move |good| {
            let cut = (0..=good.len()).flat_map(move |at| [good[..at].to_string(), good[at..].to_string()]);
            let changed = (0..good.len()).flat_map(move |at| {
                characters.chars().flat_map(move |c| {
                    let (front, back) = good.split_at(at);
                    [std::format!("{front}{c}{}", &back[1..]), std::format!("{front}{c}{back}")]
                })
            });
            cut.chain(changed)
        })
    }

    #[test]
    fn addresses_are_what_the_standard_library_takes_for_addresses() {
        let mut valid = 0;
        for text in texts() {
            let expected = text.parse::<IpAddr>().ok();
            assert_eq!(parse_address(text.as_bytes()), expected, "{text:?}");
            valid += usize::from(expected.is_some());
        }
        assert!(valid > 1000, "{valid} valid texts");
    }

    #[test]
    fn prefix_lengths_have_no_sign_and_no_leading_zero() {
        for (text, expected) in [("0", Some(0)), ("8", Some(8)), ("128", Some(128)), ("255", Some(255))] {
            assert_eq!(decimal(text.as_bytes()), expected);
        }
        for text in ["", "08", "00", "+8", "-8", "256", "1000", "8 ", "x"] {
            assert_eq!(decimal(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn host_bits_are_refused_and_the_network_named() {
        for (text, meant) in [
            ("10.0.0.1/8", "10.0.0.0/8"),
            ("192.0.2.255/31", "192.0.2.254/31"),
            ("1.2.3.4/0", "0.0.0.0/0"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::ffff:10.0.0.1/104", "::ffff:a00:0/104"),
        ] {
            let Err(NetError::HostBits(net)) = Net::parse(text.as_bytes()) else { panic!("{text}") };
            assert_eq!(net.to_string(), meant);
            assert!(Net::parse(meant.as_bytes()).is_ok());
        }
        for text in ["10.0.0.0/33", "::/129", "10.0.0.0/", "/8", "10.0.0.0/8/8", "", "localhost"] {
            assert_eq!(Net::parse(text.as_bytes()), Err(NetError::Syntax), "{text:?}");
        }
    }
}
