//! The header as it is handed out: a checked view that decodes what it is asked for.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use crate::{Address, Addresses, Tlvs, UnixAddr};

/// A header that has been checked: length, grammar, TLV tiling and CRC32C (sections 2.1 and 2.2).
///
/// It borrows from the bytes it was read from. What it says is the sender's word: whether to believe the sender
/// is a matter of policy, not of parsing.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{parse, Config, Parsed};
///
/// let input = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello";
/// let Parsed::Complete { header, len } = parse(input, &Config::new())? else { panic!("incomplete") };
/// assert_eq!(header.source().unwrap().to_string(), "192.0.2.1:56324");
/// assert_eq!(&input[len..], b"hello");
/// # Ok::<(), realpeer::proto::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header<'a>(pub(crate) View<'a>);

/// A header that has been checked, as little changed as can be: what is moved when a [`Header`] is. Version 2 stays the
/// bytes that it is, and its addresses are decoded when they are asked for. The fields are words at the same places in each
/// variant, so that the compiler can keep them in registers.
///
/// No two of these say the same, so that headers are equal if these are.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum View<'a> {
    /// IPv4 of version 2: addresses, then ports.
    Inet { block: &'a [u8; 12], transport: Transport, tlvs: &'a [u8] },
    /// IPv6 of version 2: addresses, then ports.
    Inet6 { block: &'a [u8; 36], transport: Transport, tlvs: &'a [u8] },
    /// UNIX sockets: two names, padded with NULs.
    Unix { block: &'a [u8; 216], transport: Transport, tlvs: &'a [u8] },
    /// LOCAL, UNSPEC or UNKNOWN.
    Unspec { version: Version, command: Command, tlvs: &'a [u8] },
    /// TCP4 of version 1: source and destination, and their ports.
    Tcp4 { ips: u64, ports: u32 },
    /// TCP6 of version 1: source and destination, and their ports.
    Tcp6 { ips: [u64; 4], ports: u32 },
}

/// The version of the protocol that a header is written in.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// assert_eq!(realpeer::proto::Version::V2.to_string(), "v2");
/// ```
///
/// The specification has these two. A third needs a new major version of this crate, since code that reads headers has
/// to handle it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// The line of text (section 2.1).
    V1,
    /// The binary header (section 2.2).
    V2,
}

/// The command of a header (section 2.2). Version 1 has only PROXY.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// assert_eq!(realpeer::proto::Command::Local.to_string(), "LOCAL");
/// ```
///
/// As with [`Version`], another variant needs a new major version: nobody should take an unknown command for one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// The proxy itself opened the connection, as for a health check: its real endpoints count.
    Local,
    /// The connection was opened for somebody else.
    Proxy,
}

/// The transport of the connection that a header describes (section 2.2).
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// assert_eq!(realpeer::proto::Transport::Dgram.to_string(), "DGRAM");
/// ```
///
/// As with [`Version`], another variant needs a new major version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Not said: LOCAL, UNKNOWN, or UNSPEC in either half of the family byte.
    #[default]
    Unspec,
    /// TCP, or a UNIX stream socket.
    Stream,
    /// UDP, or a UNIX datagram socket.
    Dgram,
}

impl<'a> Header<'a> {
    /// Returns the version it is written in.
    #[inline]
    pub const fn version(&self) -> Version {
        match self.0 {
            View::Inet { .. } | View::Inet6 { .. } | View::Unix { .. } => Version::V2,
            View::Unspec { version, .. } => version,
            View::Tcp4 { .. } | View::Tcp6 { .. } => Version::V1,
        }
    }

    /// Returns its command; always PROXY in version 1.
    #[inline]
    pub const fn command(&self) -> Command {
        match self.0 {
            View::Unspec { command, .. } => command,
            _ => Command::Proxy,
        }
    }

    /// Returns the transport of the connection it describes, [`Transport::Unspec`] where there are no addresses.
    #[inline]
    pub const fn transport(&self) -> Transport {
        match self.0 {
            View::Inet { transport, .. } | View::Inet6 { transport, .. } | View::Unix { transport, .. } => {
                transport
            }
            View::Unspec { .. } => Transport::Unspec,
            View::Tcp4 { .. } | View::Tcp6 { .. } => Transport::Stream,
        }
    }

    /// Returns the addresses, [`Addresses::Unspec`] where the connection's real endpoints count.
    #[inline]
    pub fn addresses(&self) -> Addresses<'a> {
        match self.0 {
            View::Unspec { .. } => Addresses::Unspec,
            View::Inet { block, .. } => {
                Addresses::Inet { source: inet(block, 0, 8), destination: inet(block, 4, 10) }
            }
            View::Inet6 { block, .. } => {
                Addresses::Inet6 { source: inet6(block, 0, 32), destination: inet6(block, 16, 34) }
            }
            View::Unix { block, .. } => {
                Addresses::Unix { source: unix(block, 0), destination: unix(block, 108) }
            }
            View::Tcp4 { ips, ports } => {
                Addresses::Inet { source: tcp4(ips >> 32, ports >> 16), destination: tcp4(ips, ports) }
            }
            View::Tcp6 { ips: [a, b, c, d], ports } => {
                Addresses::Inet6 { source: tcp6(a, b, ports >> 16), destination: tcp6(c, d, ports) }
            }
        }
    }

    /// Returns where the connection came from, or `None` where its real source counts.
    #[inline]
    pub fn source(&self) -> Option<Address<'a>> {
        Some(match self.0 {
            View::Unspec { .. } => return None,
            View::Inet { block, .. } => Address::Inet(inet(block, 0, 8).into()),
            View::Inet6 { block, .. } => Address::Inet(inet6(block, 0, 32).into()),
            View::Unix { block, .. } => Address::Unix(unix(block, 0)),
            View::Tcp4 { ips, ports } => Address::Inet(tcp4(ips >> 32, ports >> 16).into()),
            View::Tcp6 { ips: [high, low, ..], ports } => Address::Inet(tcp6(high, low, ports >> 16).into()),
        })
    }

    /// Returns where the connection was going, or `None` where its real destination counts.
    #[inline]
    pub fn destination(&self) -> Option<Address<'a>> {
        Some(match self.0 {
            View::Unspec { .. } => return None,
            View::Inet { block, .. } => Address::Inet(inet(block, 4, 10).into()),
            View::Inet6 { block, .. } => Address::Inet(inet6(block, 16, 34).into()),
            View::Unix { block, .. } => Address::Unix(unix(block, 108)),
            View::Tcp4 { ips, ports } => Address::Inet(tcp4(ips, ports).into()),
            View::Tcp6 { ips: [.., high, low], ports } => Address::Inet(tcp6(high, low, ports).into()),
        })
    }

    /// Returns the TLVs, in order, the CRC32C among them.
    ///
    /// Under LOCAL and UNSPEC the specification does not say where TLVs start. Real senders put them right after
    /// the first 16 bytes: they are given from there if they fill the header exactly, and none otherwise.
    #[inline]
    pub const fn tlvs(&self) -> Tlvs<'a> {
        match self.0 {
            View::Inet { tlvs, .. } | View::Inet6 { tlvs, .. } | View::Unix { tlvs, .. } => {
                Tlvs::checked(tlvs)
            }
            // Of these it is known that they tile, but not what is within an SSL.
            View::Unspec { tlvs, .. } => Tlvs::tiled(tlvs),
            View::Tcp4 { .. } | View::Tcp6 { .. } => Tlvs::NONE,
        }
    }
}

/// The `N` bytes at an offset of a block. All offsets are constants, and within.
#[inline(always)]
fn field<const N: usize>(block: &[u8], at: usize) -> [u8; N] {
    block.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}

#[inline(always)]
pub(crate) fn inet(block: &[u8; 12], ip: usize, port: usize) -> SocketAddrV4 {
    SocketAddrV4::new(field(block, ip).into(), u16::from_be_bytes(field(block, port)))
}

#[inline(always)]
pub(crate) fn inet6(block: &[u8; 36], ip: usize, port: usize) -> SocketAddrV6 {
    SocketAddrV6::new(field(block, ip).into(), u16::from_be_bytes(field(block, port)), 0, 0)
}

/// Of each number the lower half counts.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the upper half is the other side's")]
fn tcp4(ip: u64, port: u32) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from_bits(ip as u32), port as u16)
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the upper half is the other side's")]
fn tcp6(high: u64, low: u64, port: u32) -> SocketAddrV6 {
    SocketAddrV6::new(Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low)), port as u16, 0, 0)
}

/// Out of line: 108 bytes are searched for where the name ends.
#[inline(never)]
fn unix(block: &[u8; 216], name: usize) -> UnixAddr<'_> {
    UnixAddr::of_field(block.get(name..).and_then(|rest| rest.get(..UnixAddr::MAX_LEN)).unwrap_or_default())
}

impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("version", &self.version())
            .field("command", &self.command())
            .field("transport", &self.transport())
            .field("addresses", &self.addresses())
            .field("tlvs", &self.tlvs())
            .finish()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        })
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "LOCAL",
            Self::Proxy => "PROXY",
        })
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspec => "UNSPEC",
            Self::Stream => "STREAM",
            Self::Dgram => "DGRAM",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, Parsed};

    /// Each word more is a word that every call moves.
    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_header_has_five_words_and_its_result_six() {
        assert_eq!(size_of::<Header<'_>>(), 40);
        assert_eq!(size_of::<Result<Parsed<'_>, Error>>(), 48);
    }
}
