//! What every adapter does with a socket: peek at it, read off it, wait for it. UNIX only.

use std::io;
use std::os::fd::AsFd;
use std::task::Poll;
use std::time::Duration;

use realpeer_proto::{ReadMode, UnixAddr};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, SocketAddrAny, SocketAddrUnix, getsockname, recv};

use crate::{Endpoint, Established, UnixName};

/// One `recv` that never waits, whether the socket is in non-blocking mode or not: pending if nothing has come.
///
/// # Errors
///
/// Those of `recv`.
pub fn poll_recv(socket: impl AsFd, buffer: &mut [u8], mode: ReadMode) -> Poll<io::Result<usize>> {
    let flags = match mode {
        ReadMode::Peek => RecvFlags::PEEK | RecvFlags::DONTWAIT,
        ReadMode::Take => RecvFlags::DONTWAIT,
    };
    match retry_on_intr(|| recv(&socket, &mut *buffer, flags)) {
        Ok((n, _)) => Poll::Ready(Ok(n)),
        Err(Errno::AGAIN) => Poll::Pending,
        Err(error) => Poll::Ready(Err(error.into())),
    }
}

/// Waits until `socket` is readable or `timeout` is over.
///
/// # Errors
///
/// Those of `poll`.
pub fn wait_readable(socket: impl AsFd, timeout: Duration) -> io::Result<()> {
    let timeout = Timespec::try_from(timeout).map_err(|_| io::ErrorKind::InvalidInput)?;
    // An interrupted wait is no error: the caller looks at its clock and waits again.
    match poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
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
    if let Ok(addr) = std::net::SocketAddr::try_from(addr.clone()) {
        return Some(addr.into());
    }
    let unix = SocketAddrUnix::try_from(addr).ok()?;
    let name = match (unix.path(), unix.abstract_name()) {
        (Some(path), _) => path.to_bytes().to_vec(),
        (None, Some(name)) => [&[0], name].concat(),
        (None, None) => Vec::new(),
    };
    UnixAddr::new(&name).map(|name| UnixName::from(name).into())
}
