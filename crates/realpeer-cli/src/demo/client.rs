//! Those who connect to the echo server, or to the proxy before it.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;

use realpeer::blocking;
use realpeer::proto::Encoder;
use realpeer::{Endpoint, UnixName};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};

use super::PATIENCE;

/// What is sent after the header and must come back.
pub(super) const PAYLOAD: &[u8] = b"Who am I?\r\n\x00\xff";

/// A connection.
pub(super) enum Client {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Client {
    /// Connects and sends nothing.
    pub(super) fn connect(to: &Endpoint) -> io::Result<Self> {
        match to.socket_addr() {
            Some(addr) => TcpStream::connect(addr).map(Self::Tcp),
            None => connect_unix(to.unix_name().and_then(UnixName::as_pathname)).map(Self::Unix),
        }
    }

    /// Connects and sends `header` with [`PAYLOAD`] after it.
    pub(super) fn send(to: &Endpoint, header: &Encoder<'_>) -> io::Result<Self> {
        if let Endpoint::Inet(addr) = to {
            return blocking::connect(addr, header, PAYLOAD).map(Self::Tcp);
        }
        let mut client = Self::connect(to)?;
        blocking::send_header(&mut client, header)?;
        client.write_all(PAYLOAD)?;
        Ok(client)
    }

    /// Connects from `source` and sends `header`.
    pub(super) fn send_from(source: IpAddr, to: SocketAddr, header: &Encoder<'_>) -> io::Result<Self> {
        let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        bind(&socket, &SocketAddr::new(source, 0))?;
        connect(&socket, &to)?;
        let mut client = Self::Tcp(socket.into());
        blocking::send_header(&mut client, header)?;
        Ok(client)
    }

    /// Connects and sends these bytes.
    pub(super) fn send_bytes(to: &Endpoint, bytes: &[u8]) -> io::Result<Self> {
        let mut client = Self::connect(to)?;
        client.write_all(bytes)?;
        Ok(client)
    }

    /// Its own address: what the socket at the other end names as its peer.
    pub(super) fn endpoint(&self) -> io::Result<Endpoint> {
        match self {
            Self::Tcp(stream) => stream.local_addr().map(Endpoint::from),
            Self::Unix(stream) => stream.local_addr().map(Endpoint::from),
        }
    }

    /// Says that it has sent all, and reads what comes until the server closes.
    pub(super) fn finish(mut self) -> io::Result<Vec<u8>> {
        match &self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write)?,
            Self::Unix(stream) => stream.shutdown(Shutdown::Write)?,
        }
        self.read()
    }

    /// Reads what comes until the server closes.
    pub(super) fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut echoed = Vec::new();
        match self {
            Self::Tcp(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.read_to_end(&mut echoed)?;
            }
            Self::Unix(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.read_to_end(&mut echoed)?;
            }
        }
        Ok(echoed)
    }
}

impl Write for Client {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn connect_unix(path: Option<&[u8]>) -> io::Result<UnixStream> {
    use std::os::unix::ffi::OsStrExt;
    let path = path.ok_or(io::ErrorKind::AddrNotAvailable)?;
    UnixStream::connect(std::ffi::OsStr::from_bytes(path))
}
