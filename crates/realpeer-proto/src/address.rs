//! Addresses, as a header has them.

use core::fmt;
use core::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// The source and destination of the connection that a header describes.
///
/// An IPv4-mapped IPv6 address stays what the sender wrote. Version 2 knows neither flow labels nor scopes:
/// both are 0 in a decoded [`SocketAddrV6`], and are not encoded.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use core::net::SocketAddr;
/// use realpeer::proto::Addresses;
///
/// let source: SocketAddr = "192.0.2.1:56324".parse()?;
/// let destination: SocketAddr = "198.51.100.2:443".parse()?;
/// assert!(matches!(Addresses::new(source, destination), Addresses::Inet { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The variants are the families of the specification. Another one needs a new major version of this crate, since code
/// that converts addresses has to handle each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Addresses<'a> {
    /// No addresses: LOCAL, UNKNOWN, or UNSPEC in either half of the family byte. The real endpoints count.
    #[default]
    Unspec,
    /// IPv4 (`AF_INET`, TCP4).
    Inet {
        /// Where the connection came from.
        source: SocketAddrV4,
        /// Where it was going.
        destination: SocketAddrV4,
    },
    /// IPv6 (`AF_INET6`, TCP6).
    Inet6 {
        /// Where the connection came from.
        source: SocketAddrV6,
        /// Where it was going.
        destination: SocketAddrV6,
    },
    /// UNIX sockets (`AF_UNIX`), version 2 only.
    Unix {
        /// Where the connection came from.
        source: UnixAddr<'a>,
        /// Where it was going.
        destination: UnixAddr<'a>,
    },
}

/// One end of a connection.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{Address, UnixAddr};
///
/// let address = Address::Unix(UnixAddr::new(b"\0name").unwrap());
/// assert_eq!(address.to_string(), "unix:@name");
/// assert_eq!(address.ip(), None);
/// ```
///
/// As with [`Addresses`], another variant needs a new major version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Address<'a> {
    /// An IP address and a port.
    Inet(SocketAddr),
    /// The name of a UNIX socket.
    Unix(UnixAddr<'a>),
}

/// The name of a UNIX socket: a path, an abstract name, or no name (section 2.2, 108 bytes).
///
/// The name is kept as the bytes of the field without the NULs at its end. Abstract names start with a NUL;
/// an abstract name that itself ends in NULs can't be told from a shorter one.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::UnixAddr;
///
/// let path = UnixAddr::new(b"/run/app.sock\0\0").unwrap();
/// assert_eq!(path.as_pathname(), Some(&b"/run/app.sock"[..]));
/// assert_eq!(UnixAddr::new(b"\0name").unwrap().as_abstract_name(), Some(&b"name"[..]));
/// assert!(UnixAddr::new(b"").unwrap().is_unnamed());
/// assert_eq!(UnixAddr::new(&[b'/'; 109]), None);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct UnixAddr<'a>(&'a [u8]);

impl<'a> Addresses<'a> {
    /// Makes a header's pair from any two socket addresses: of IPv4 if both are, or are IPv4-mapped, else of IPv6, the
    /// IPv4 one mapped.
    ///
    /// That is what receivers understand: a client of a dual-stack listener is `::ffff:192.0.2.1`, which some refuse in a
    /// TCP6 line, and source and destination are always of one family. To write an address as it is, use the variants.
    ///
    /// ```
    /// # mod realpeer { pub use realpeer_proto as proto; }
    /// use core::net::SocketAddr;
    /// use realpeer::proto::Addresses;
    ///
    /// let client: SocketAddr = "[::ffff:192.0.2.1]:56324".parse()?;
    /// let backend: SocketAddr = "198.51.100.2:443".parse()?;
    /// assert!(matches!(Addresses::new(client, backend), Addresses::Inet { .. }));
    ///
    /// let backend: SocketAddr = "[2001:db8::2]:443".parse()?;
    /// assert!(matches!(Addresses::new(client, backend), Addresses::Inet6 { .. }));
    /// # Ok::<(), core::net::AddrParseError>(())
    /// ```
    #[inline(always)]
    pub const fn new(source: SocketAddr, destination: SocketAddr) -> Self {
        match (source, destination) {
            (SocketAddr::V4(source), SocketAddr::V4(destination)) => Self::Inet { source, destination },
            _ => Self::canonical(source, destination),
        }
    }

    /// A pair of which one or both are IPv6: mapped ones become IPv4 if both can.
    #[inline(never)]
    const fn canonical(source: SocketAddr, destination: SocketAddr) -> Self {
        match (as_v4(source), as_v4(destination)) {
            (Some(source), Some(destination)) => Self::Inet { source, destination },
            _ => Self::Inet6 { source: as_v6(source), destination: as_v6(destination) },
        }
    }

    /// Returns the source, if there are addresses.
    #[inline]
    pub fn source(&self) -> Option<Address<'a>> {
        match *self {
            Self::Unspec => None,
            Self::Inet { source, .. } => Some(Address::Inet(source.into())),
            Self::Inet6 { source, .. } => Some(Address::Inet(source.into())),
            Self::Unix { source, .. } => Some(Address::Unix(source)),
        }
    }

    /// Returns the destination, if there are addresses.
    #[inline]
    pub fn destination(&self) -> Option<Address<'a>> {
        match *self {
            Self::Unspec => None,
            Self::Inet { destination, .. } => Some(Address::Inet(destination.into())),
            Self::Inet6 { destination, .. } => Some(Address::Inet(destination.into())),
            Self::Unix { destination, .. } => Some(Address::Unix(destination)),
        }
    }
}

impl From<(SocketAddr, SocketAddr)> for Addresses<'_> {
    /// As [`Addresses::new`].
    #[inline]
    fn from((source, destination): (SocketAddr, SocketAddr)) -> Self {
        Self::new(source, destination)
    }
}

impl Address<'_> {
    /// Returns the IP address and port, if it has them.
    #[inline]
    pub const fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(addr) => Some(*addr),
            Self::Unix(_) => None,
        }
    }

    /// Returns this address with an IPv4 address in the place of an IPv4-mapped one, as access lists want it.
    ///
    /// ```
    /// # mod realpeer { pub use realpeer_proto as proto; }
    /// use core::net::SocketAddr;
    /// use realpeer::proto::Address;
    ///
    /// let mapped = Address::from("[::ffff:192.0.2.1]:443".parse::<SocketAddr>()?);
    /// assert_eq!(mapped.to_canonical().to_string(), "192.0.2.1:443");
    /// # Ok::<(), core::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub fn to_canonical(self) -> Self {
        match self {
            Self::Inet(SocketAddr::V6(addr)) => match addr.ip().to_ipv4_mapped() {
                Some(ip) => Self::Inet(SocketAddrV4::new(ip, addr.port()).into()),
                None => self,
            },
            _ => self,
        }
    }

    /// Returns the IP address, if it has one. It may be IPv4-mapped; see [`to_canonical`](Self::to_canonical).
    #[inline]
    pub fn ip(&self) -> Option<IpAddr> {
        self.socket_addr().map(|addr| addr.ip())
    }
}

impl From<SocketAddr> for Address<'_> {
    fn from(addr: SocketAddr) -> Self {
        Self::Inet(addr)
    }
}

impl<'a> From<UnixAddr<'a>> for Address<'a> {
    fn from(addr: UnixAddr<'a>) -> Self {
        Self::Unix(addr)
    }
}

impl<'a> UnixAddr<'a> {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 108;

    /// Creates a name from the bytes of `sun_path`: a path, NUL and an abstract name, or nothing. NULs at the end are
    /// cut. `None` if what is left has more than 108 bytes.
    pub fn new(name: &'a [u8]) -> Option<Self> {
        let name = Self::of_field(name);
        (name.0.len() <= Self::MAX_LEN).then_some(name)
    }

    /// Creates a name as the kernel reports it, where every byte of an abstract name counts: NULs at its end are kept.
    /// `None` if it has more than 108 bytes.
    ///
    /// ```
    /// # mod realpeer { pub use realpeer_proto as proto; }
    /// use realpeer::proto::UnixAddr;
    ///
    /// let padded = b"\0proxy\0";
    /// assert_eq!(UnixAddr::new(padded), UnixAddr::new(b"\0proxy"));
    /// assert_ne!(UnixAddr::exact(padded), UnixAddr::exact(b"\0proxy"));
    /// ```
    pub fn exact(name: &'a [u8]) -> Option<Self> {
        (name.len() <= Self::MAX_LEN).then_some(Self(name))
    }

    /// The name in the 108 bytes that a header has for it.
    #[inline]
    pub(crate) fn of_field(field: &'a [u8]) -> Self {
        let len = field.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        Self(field.get(..len).unwrap_or_default())
    }

    /// Returns the bytes of the name, with the leading NUL of an abstract one.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Returns the path, if it is one. It is what the sender claims and may hold any byte, a NUL in the middle too.
    pub const fn as_pathname(&self) -> Option<&'a [u8]> {
        match self.0 {
            [] | [0, ..] => None,
            path => Some(path),
        }
    }

    /// Returns the name without its leading NUL, if it is abstract.
    pub const fn as_abstract_name(&self) -> Option<&'a [u8]> {
        match self.0 {
            [0, name @ ..] => Some(name),
            _ => None,
        }
    }

    /// Returns whether the socket has no name, as clients mostly have none.
    pub const fn is_unnamed(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Address<'_> {
    /// `192.0.2.1:443`, `[2001:db8::1]:443`, or as [`UnixAddr`] writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(addr) => addr.fmt(f),
            Self::Unix(addr) => addr.fmt(f),
        }
    }
}

impl fmt::Display for UnixAddr<'_> {
    /// `unix:/path`, `unix:@abstract` or `unix:`, bytes that are not printable ASCII escaped as in Rust. So is the `@` that
    /// a path may begin with, since `@` stands for abstract names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [0, name @ ..] => write!(f, "unix:@{}", name.escape_ascii()),
            [b'@', path @ ..] => write!(f, "unix:\\x40{}", path.escape_ascii()),
            path => write!(f, "unix:{}", path.escape_ascii()),
        }
    }
}

impl fmt::Debug for UnixAddr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnixAddr({self})")
    }
}

/// The IPv4 address that `addr` is, or is mapped from.
#[inline]
const fn as_v4(addr: SocketAddr) -> Option<SocketAddrV4> {
    match addr {
        SocketAddr::V4(addr) => Some(addr),
        SocketAddr::V6(addr) => match addr.ip().to_ipv4_mapped() {
            Some(ip) => Some(SocketAddrV4::new(ip, addr.port())),
            None => None,
        },
    }
}

/// `addr` as IPv6, mapped if it is IPv4.
#[inline]
const fn as_v6(addr: SocketAddr) -> SocketAddrV6 {
    match addr {
        SocketAddr::V4(addr) => SocketAddrV6::new(addr.ip().to_ipv6_mapped(), addr.port(), 0, 0),
        SocketAddr::V6(addr) => addr,
    }
}
