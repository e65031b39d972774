//! The socket's own view of its peer.

use std::fmt;
use std::net::SocketAddr;

use realpeer_proto::{Address, UnixAddr};

/// One end of a socket, as the operating system names it.
///
/// ```
/// use realpeer_io::Endpoint;
///
/// let peer = Endpoint::from("127.0.0.1:4711".parse::<std::net::SocketAddr>()?);
/// assert_eq!(peer.to_string(), "127.0.0.1:4711");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// An IP address and a port.
    Inet(SocketAddr),
    /// A UNIX socket.
    Unix(UnixName),
}

/// The name of a UNIX socket: a path, an abstract name, or none, as clients mostly have.
///
/// ```
/// use realpeer_io::UnixName;
///
/// assert!(UnixName::default().as_addr().is_unnamed());
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct UnixName(Box<[u8]>);

impl Endpoint {
    /// The same, borrowed, in the form in which headers give addresses.
    pub fn as_address(&self) -> Address<'_> {
        match self {
            Self::Inet(addr) => Address::Inet(*addr),
            Self::Unix(name) => Address::Unix(name.as_addr()),
        }
    }
}

impl UnixName {
    /// The name, borrowed.
    pub fn as_addr(&self) -> UnixAddr<'_> {
        UnixAddr::new(&self.0).unwrap_or_default()
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(addr: SocketAddr) -> Self {
        Self::Inet(addr)
    }
}

impl From<UnixName> for Endpoint {
    fn from(name: UnixName) -> Self {
        Self::Unix(name)
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
