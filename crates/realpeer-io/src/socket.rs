//! What every adapter does with a socket: peek at it, read off it, wait for it. UNIX only.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::task::Poll;
use std::time::Duration;

use realpeer_proto::ReadMode;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, ReturnFlags, SocketAddrAny, SocketAddrUnix, getsockname, recv, recvmsg,
};

use crate::{AcceptError, Acceptor, Datagram, Endpoint, Established, UnixName};

/// A datagram that [`recv_datagram`] has put into a buffer.
///
/// ```
/// use std::net::UdpSocket;
/// use realpeer_io::socket::recv_datagram;
/// use realpeer_io::{AcceptError, Acceptor, Trust};
///
/// let (proxy, server) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
/// proxy.send_to(b"no header", server.local_addr()?)?;
///
/// let mut buffer = [0; 2048];
/// let received = recv_datagram(&server, &mut buffer)?;
/// let (datagram, peer) = received.read(&Acceptor::new("127.0.0.1".parse::<Trust>()?), &buffer);
/// assert!(matches!(datagram, Err(AcceptError::Protocol(_))));
/// assert_eq!(peer, proxy.local_addr()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Received {
    len: usize,
    whole: bool,
    peer: SocketAddr,
}

/// One `recv` that never waits, whether the socket is in non-blocking mode or not: pending if nothing has come.
///
/// # Errors
///
/// Those of `recv`.
pub fn poll_recv(socket: impl AsFd, buffer: &mut [u8], mode: ReadMode) -> Poll<io::Result<usize>> {
    let flags = match mode {
        ReadMode::Peek => RecvFlags::DONTWAIT.union(RecvFlags::PEEK),
        ReadMode::Take => RecvFlags::DONTWAIT,
    };
    match retry_on_intr(|| recv(&socket, &mut *buffer, flags)) {
        Ok((n, _)) => Poll::Ready(Ok(n)),
        Err(Errno::AGAIN) => Poll::Pending,
        Err(error) => Poll::Ready(Err(error.into())),
    }
}

/// Receives a UDP datagram into `buffer`. Whether it waits for one is a matter of the socket's mode.
///
/// # Errors
///
/// Those of `recvmsg`. That a datagram was larger than the buffer is none: [`Received::read`] says so.
pub fn recv_datagram(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Received> {
    let mut none = RecvAncillaryBuffer::default();
    let received = recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut none, RecvFlags::empty())?;
    let peer = received.address.and_then(|peer| SocketAddr::try_from(peer).ok());
    Ok(Received {
        len: received.bytes,
        whole: !received.flags.contains(ReturnFlags::TRUNC),
        peer: peer.ok_or(io::ErrorKind::InvalidInput)?,
    })
}

/// Waits until `socket` is readable or `timeout` is over, and says whether it is readable: there are bytes, or the end
/// or an error.
///
/// # Errors
///
/// Those of `poll`.
pub fn wait_readable(socket: impl AsFd, timeout: Duration) -> io::Result<bool> {
    let timeout = Timespec::try_from(timeout).map_err(|_| io::ErrorKind::InvalidInput)?;
    // An interrupted wait is no error: the caller looks at its clock and waits again.
    match poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&timeout)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Adds the socket's own address if the header has no destination; see [`Established::with_local`].
pub fn with_local(established: Established, socket: impl AsFd) -> Established {
    if established.has_destination() {
        return established;
    }
    match local_endpoint(socket) {
        Some(local) => established.with_local(local),
        None => established,
    }
}

/// The socket's own address, unless its family is neither IP nor UNIX.
pub fn local_endpoint(socket: impl AsFd) -> Option<Endpoint> {
    let addr: SocketAddrAny = getsockname(socket).ok()?;
    if let Ok(addr) = SocketAddr::try_from(addr.clone()) {
        return Some(addr.into());
    }
    let unix = SocketAddrUnix::try_from(addr).ok()?;
    let name = match (unix.path(), unix.abstract_name()) {
        (Some(path), _) => path.to_bytes().to_vec(),
        (None, Some(name)) => [&[0], name].concat(),
        (None, None) => Vec::new(),
    };
    UnixName::new(&name).map(Endpoint::from)
}

impl Received {
    /// What `acceptor` makes of it, and who sent it. `buffer` is the one that it was received into.
    ///
    /// # Errors
    ///
    /// Those of [`Acceptor::datagram`]; and [`AcceptError::Oversize`] if the datagram was larger than the buffer.
    pub fn read<'a>(
        &self,
        acceptor: &Acceptor,
        buffer: &'a [u8],
    ) -> (Result<Datagram<'a>, AcceptError>, SocketAddr) {
        let bytes = buffer.get(..self.len).unwrap_or(buffer);
        (acceptor.received(self.peer.into(), bytes, self.whole), self.peer)
    }
}
