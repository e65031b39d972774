//! One end of a socket, and the texts and types it is made from.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::str::FromStr;
use std::{error, fmt};

use realpeer_proto::{Address, UnixAddr};

/// One end of a socket, as the operating system names it.
///
/// Printed and read as text, `endpoint.to_string().parse() == endpoint`.
///
/// ```
/// use std::net::IpAddr;
/// use realpeer::Endpoint;
///
/// let peer: Endpoint = "[::ffff:127.0.0.1]:4711".parse()?;
/// assert_eq!(peer.ip(), Some(IpAddr::from([127, 0, 0, 1])));
/// assert_eq!(peer.port(), Some(4711));
/// assert_eq!("unix:@proxy".parse::<Endpoint>()?.ip(), None);
/// # Ok::<(), realpeer::ParseEndpointError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// An IP address and a port.
    Inet(SocketAddr),
    /// A UNIX socket.
    Unix(UnixName),
}

/// The name of a UNIX socket: a path, an abstract name, or none, as clients mostly have.
///
/// Every byte counts: to the kernel, the abstract names `proxy` and `proxy\0` are two. (Names in headers are padded
/// with NULs, so there they can't be told apart; see [`UnixAddr::new`].)
///
/// ```
/// use realpeer::UnixName;
///
/// assert!(UnixName::default().as_addr().is_unnamed());
/// assert_ne!(UnixName::new(b"\0proxy"), UnixName::new(b"\0proxy\0"));
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixName(Box<[u8]>);

/// The reason why a text isn't an [`Endpoint`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseEndpointError(Box<str>);

/// The error of taking an IP address and a port from the endpoint of a UNIX socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotInetError(UnixName);

impl Endpoint {
    /// Asks a connected socket for its peer. If you have the socket, ask it rather than trust an address that was
    /// passed on.
    ///
    /// # Errors
    ///
    /// Those of `getpeername`, such as `NotConnected` if the peer has reset the connection meanwhile; `Unsupported` if the
    /// socket is neither of IP nor of UNIX.
    ///
    /// ```
    /// use std::net::{TcpListener, TcpStream};
    /// use realpeer::Endpoint;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?)?;
    /// let (stream, _) = listener.accept()?;
    /// assert_eq!(Endpoint::of_peer(&stream)?, client.local_addr()?.into());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(unix)]
    pub fn of_peer(socket: impl std::os::fd::AsFd) -> std::io::Result<Self> {
        crate::socket::peer_endpoint(socket)
    }

    /// Returns the IP address, or None for a UNIX socket. It is canonical: an IPv4-mapped address, by which a dual-stack
    /// listener names its IPv4 peers, is returned as the IPv4 address it maps.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Inet(addr) => Some(addr.ip().to_canonical()),
            Self::Unix(_) => None,
        }
    }

    /// Returns the port, or None for a UNIX socket.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Inet(addr) => Some(addr.port()),
            Self::Unix(_) => None,
        }
    }

    /// Returns the address as the socket names it, or None for a UNIX socket. It may be IPv4-mapped; see
    /// [`to_canonical`](Self::to_canonical).
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(addr) => Some(*addr),
            Self::Unix(_) => None,
        }
    }

    /// Returns the name of a UNIX socket, or None for an IP address.
    pub fn unix_name(&self) -> Option<&UnixName> {
        match self {
            Self::Inet(_) => None,
            Self::Unix(name) => Some(name),
        }
    }

    /// Returns this endpoint with an IPv4 address in the place of an IPv4-mapped one.
    ///
    /// ```
    /// use realpeer::Endpoint;
    ///
    /// let peer: Endpoint = "[::ffff:192.0.2.1]:4711".parse()?;
    /// assert_eq!(*peer.to_canonical(), "192.0.2.1:4711".parse()?);
    /// # Ok::<(), realpeer::ParseEndpointError>(())
    /// ```
    pub fn to_canonical(&self) -> Cow<'_, Self> {
        match self {
            Self::Inet(SocketAddr::V6(addr)) => match addr.ip().to_ipv4_mapped() {
                Some(ip) => Cow::Owned(SocketAddrV4::new(ip, addr.port()).into()),
                None => Cow::Borrowed(self),
            },
            _ => Cow::Borrowed(self),
        }
    }

    /// Borrows the endpoint in the form in which headers give addresses.
    pub fn as_address(&self) -> Address<'_> {
        match self {
            Self::Inet(addr) => Address::Inet(*addr),
            Self::Unix(name) => Address::Unix(name.as_addr()),
        }
    }
}

impl UnixName {
    /// Makes a name of the bytes of `sun_path`: a path, NUL and an abstract name, or nothing. None if there are more than
    /// 108.
    pub fn new(name: &[u8]) -> Option<Self> {
        UnixAddr::exact(name).map(Self::from)
    }

    /// Returns the path, if the name is one.
    pub fn as_pathname(&self) -> Option<&[u8]> {
        self.as_addr().as_pathname()
    }

    /// Returns the name without its leading NUL, if it is abstract.
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        self.as_addr().as_abstract_name()
    }

    /// Borrows the name.
    pub fn as_addr(&self) -> UnixAddr<'_> {
        UnixAddr::exact(&self.0).unwrap_or_default()
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(addr: SocketAddr) -> Self {
        Self::Inet(addr)
    }
}

impl From<SocketAddrV4> for Endpoint {
    fn from(addr: SocketAddrV4) -> Self {
        Self::Inet(addr.into())
    }
}

impl From<SocketAddrV6> for Endpoint {
    fn from(addr: SocketAddrV6) -> Self {
        Self::Inet(addr.into())
    }
}

impl<I: Into<IpAddr>> From<(I, u16)> for Endpoint {
    fn from(addr: (I, u16)) -> Self {
        Self::Inet(addr.into())
    }
}

impl From<UnixName> for Endpoint {
    fn from(name: UnixName) -> Self {
        Self::Unix(name)
    }
}

impl From<Address<'_>> for Endpoint {
    fn from(address: Address<'_>) -> Self {
        match address {
            Address::Inet(addr) => Self::Inet(addr),
            Address::Unix(name) => Self::Unix(name.into()),
        }
    }
}

impl TryFrom<Endpoint> for SocketAddr {
    type Error = NotInetError;

    /// Returns the address as the socket names it, as [`Endpoint::socket_addr`] does.
    fn try_from(endpoint: Endpoint) -> Result<Self, NotInetError> {
        match endpoint {
            Endpoint::Inet(addr) => Ok(addr),
            Endpoint::Unix(name) => Err(NotInetError(name)),
        }
    }
}

impl From<UnixAddr<'_>> for UnixName {
    fn from(name: UnixAddr<'_>) -> Self {
        Self(name.as_bytes().into())
    }
}

#[cfg(unix)]
impl From<&std::os::unix::net::SocketAddr> for UnixName {
    fn from(addr: &std::os::unix::net::SocketAddr) -> Self {
        use std::os::unix::ffi::OsStrExt;
        if let Some(path) = addr.as_pathname() {
            return Self(path.as_os_str().as_bytes().into());
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(name) = std::os::linux::net::SocketAddrExt::as_abstract_name(addr) {
            return Self([&[0], name].concat().into());
        }
        Self::default()
    }
}

#[cfg(unix)]
impl From<std::os::unix::net::SocketAddr> for Endpoint {
    fn from(addr: std::os::unix::net::SocketAddr) -> Self {
        Self::Unix(UnixName::from(&addr))
    }
}

#[cfg(all(unix, feature = "tokio"))]
impl From<tokio::net::unix::SocketAddr> for Endpoint {
    fn from(addr: tokio::net::unix::SocketAddr) -> Self {
        std::os::unix::net::SocketAddr::from(addr).into()
    }
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    /// Reads what [`Display`](fmt::Display) prints: `192.0.2.1:443`, `[2001:db8::1]:443`, `unix:/path`,
    /// `unix:@abstract` or `unix:`, bytes escaped as in Rust.
    fn from_str(text: &str) -> Result<Self, ParseEndpointError> {
        let parsed = match text.strip_prefix("unix:") {
            Some(name) => unescape(name).and_then(|name| UnixName::new(&name)).map(Self::Unix),
            None => text.parse().map(Self::Inet).ok(),
        };
        parsed.ok_or_else(|| ParseEndpointError(text.into()))
    }
}

/// The bytes of `sun_path` of a printed name.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let (mut name, mut rest) = match text.strip_prefix('@') {
        Some(rest) => (vec![0], rest.bytes()),
        None => (Vec::new(), text.bytes()),
    };
    let hex = |digit: Option<u8>| char::from(digit?).to_digit(16);
    while let Some(byte) = rest.next() {
        name.push(match byte {
            b'\\' => match rest.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                quoted @ (b'\\' | b'\'' | b'"') => quoted,
                b'x' => u8::try_from(hex(rest.next())? << 4 | hex(rest.next())?).ok()?,
                _ => return None,
            },
            b' '..=b'~' => byte,
            _ => return None,
        });
    }
    Some(name)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_address().fmt(f)
    }
}

impl fmt::Debug for UnixName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnixName({})", self.as_addr())
    }
}

impl fmt::Display for ParseEndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is neither an address with a port, such as 192.0.2.1:443, nor unix:NAME", self.0)
    }
}

impl error::Error for ParseEndpointError {}

impl fmt::Display for NotInetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is a UNIX socket and has no IP address", self.0.as_addr())
    }
}

impl error::Error for NotInetError {}
