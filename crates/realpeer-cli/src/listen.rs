//! Where a server listens: as the command line says it, and the socket.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{self, UnixListener};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{fmt, fs};

use anyhow::{Context, bail};
use realpeer::Endpoint;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

/// Where to listen, as the command line says it.
#[derive(Clone, Debug)]
pub(crate) enum Listen {
    Inet(SocketAddr),
    Udp(SocketAddr),
    Path(PathBuf),
    Abstract(String),
}

/// A listening socket of std, which any runtime can take over.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpListener),
    Udp(UdpSocket),
    Unix(UnixListener),
}

/// The file of a UNIX socket, to be removed at the end; nothing for other sockets.
#[derive(Clone, Debug, Default)]
pub(crate) struct SocketFile(Option<(PathBuf, Identity)>);

/// Device and inode.
type Identity = (u64, u64);

impl Socket {
    pub(crate) fn bind(listen: &Listen) -> anyhow::Result<Self> {
        match listen {
            Listen::Inet(addr) => {
                TcpListener::bind(addr).map(Self::Tcp).with_context(|| format!("can't listen on {addr}"))
            }
            Listen::Udp(addr) => {
                UdpSocket::bind(addr).map(Self::Udp).with_context(|| format!("can't listen on udp:{addr}"))
            }
            Listen::Path(path) => bind_path(path)
                .map(Self::Unix)
                .with_context(|| format!("can't listen on unix:{}", path.display())),
            Listen::Abstract(name) => {
                bind_abstract(name).map(Self::Unix).with_context(|| format!("can't listen on unix:@{name}"))
            }
        }
    }

    /// Its address, with the port that the system chose.
    pub(crate) fn endpoint(&self) -> io::Result<Endpoint> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Endpoint::from),
            Self::Udp(socket) => socket.local_addr().map(Endpoint::from),
            Self::Unix(listener) => listener.local_addr().map(Endpoint::from),
        }
    }

    /// Its address as [`Listen`] takes it, with the port that the system chose.
    ///
    /// # Errors
    ///
    /// Those of `getsockname`.
    pub(crate) fn name(&self) -> io::Result<String> {
        let prefix = if let Self::Udp(_) = self { "udp:" } else { "" };
        Ok(format!("{prefix}{}", self.endpoint()?))
    }

    /// The file that is to be removed at the end.
    pub(crate) fn file(&self) -> SocketFile {
        let Self::Unix(listener) = self else { return SocketFile::default() };
        let addr = listener.local_addr().ok();
        let path = addr.as_ref().and_then(net::SocketAddr::as_pathname);
        SocketFile(path.and_then(|path| Some((path.into(), identity(path)?))))
    }
}

impl SocketFile {
    /// Removes the file, unless another server has put its own in its place.
    pub(crate) fn remove(&self) {
        if let Some((path, made)) = &self.0 {
            if identity(path).as_ref() == Some(made) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("unix:") {
            return match name.strip_prefix('@') {
                _ if name.is_empty() || name == "@" => Err("unix: wants a path, or @ and a name".into()),
                Some(name) => Ok(Self::Abstract(name.into())),
                None => Ok(Self::Path(name.into())),
            };
        }
        match text.strip_prefix("udp:") {
            Some(addr) => addr.parse().map(Self::Udp).map_err(|_| {
                "udp: wants IP:PORT, such as udp:127.0.0.1:5353 or udp:[::1]:5353".into()
            }),
            None => text.parse().map(Self::Inet).map_err(|_| {
                "want IP:PORT, such as 127.0.0.1:8080 or [::1]:8080 (0.0.0.0:8080 for all), udp:IP:PORT, unix:PATH \
                 or unix:@NAME"
                    .into()
            }),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(addr) => addr.fmt(f),
            Self::Udp(addr) => write!(f, "udp:{addr}"),
            Self::Path(path) => write!(f, "unix:{}", path.display()),
            Self::Abstract(name) => write!(f, "unix:@{name}"),
        }
    }
}

fn bind_path(path: &Path) -> anyhow::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
        bound => return Ok(bound?),
    }
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        bail!("there is a file that isn't a socket");
    }
    if !is_abandoned(path)? {
        bail!("another server listens there");
    }
    fs::remove_file(path)?;
    Ok(UnixListener::bind(path)?)
}

/// Whether nobody listens on the socket: it was left behind by a server that was killed.
fn is_abandoned(path: &Path) -> io::Result<bool> {
    // A server with a full queue would keep a blocking socket waiting.
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK, None)?;
    match connect(socket, &SocketAddrUnix::new(path)?) {
        Ok(()) | Err(Errno::AGAIN) => Ok(false),
        Err(Errno::CONNREFUSED) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn identity(path: &Path) -> Option<Identity> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn bind_abstract(name: &str) -> io::Result<UnixListener> {
    use std::os::linux::net::SocketAddrExt;
    UnixListener::bind_addr(&net::SocketAddr::from_abstract_name(name)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn bind_abstract(_: &str) -> io::Result<UnixListener> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no abstract sockets"))
}
