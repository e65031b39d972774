//! Functions that adapters need of a socket: peek, read, wait, accept. UNIX only.

#[cfg(feature = "async")]
use std::future::{Future, poll_fn};
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
#[cfg(feature = "async")]
use std::pin::pin;
#[cfg(feature = "async")]
use std::task::Context;
use std::task::Poll;
use std::thread;
use std::time::Duration;

#[cfg(target_os = "linux")]
use nix::sys::socket::getsockopt;
#[cfg(target_os = "linux")]
use nix::sys::socket::sockopt::{PeerCredentials, UdpGroSegment};
use realpeer_proto::ReadMode;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::sockopt::socket_error;
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, ReturnFlags, SocketAddrAny, SocketAddrUnix, getpeername, getsockname,
    recv, recvmsg,
};

#[cfg(feature = "async")]
use crate::Accepting;
use crate::datagram::Extent;
#[cfg(feature = "async")]
use crate::runtime::{Wakes, drive_with_last_look};
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
/// assert!(matches!(datagram, Err(AcceptError::Protocol { .. })));
/// assert_eq!(peer, proxy.local_addr()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RawDatagram {
    len: usize,
    extent: Extent,
    peer: SocketAddr,
}

/// Calls `recv` once without waiting, whether the socket is in non-blocking mode or not: pending if nothing has
/// arrived.
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

/// Receives a UDP datagram into `buffer`. Whether it waits for one depends on the socket's mode.
///
/// # Errors
///
/// Those of `recvmsg`. A datagram that was larger than the buffer isn't one: [`RawDatagram::read`] reports it.
pub fn recv_datagram(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<RawDatagram> {
    Ok(recv_datagram_with(socket, buffer, RecvFlags::empty())?)
}

/// Receives a UDP datagram into `buffer` without waiting, whether the socket is in non-blocking mode or not: pending if
/// none has arrived.
///
/// # Errors
///
/// As [`recv_datagram`].
pub fn poll_recv_datagram(socket: impl AsFd, buffer: &mut [u8]) -> Poll<io::Result<RawDatagram>> {
    match retry_on_intr(|| recv_datagram_with(&socket, buffer, RecvFlags::DONTWAIT)) {
        Err(Errno::AGAIN) => Poll::Pending,
        received => Poll::Ready(Ok(received?)),
    }
}

fn recv_datagram_with(socket: impl AsFd, buffer: &mut [u8], flags: RecvFlags) -> Result<RawDatagram, Errno> {
    let mut none = RecvAncillaryBuffer::default();
    let received = recvmsg(&socket, &mut [IoSliceMut::new(buffer)], &mut none, flags)?;
    let peer = received.address.and_then(|peer| SocketAddr::try_from(peer).ok());
    let extent = if received.flags.contains(ReturnFlags::TRUNC) {
        Extent::Cut
    } else if received.flags.contains(ReturnFlags::CTRUNC) && joins_datagrams(&socket) {
        // There was no room for control messages. How long each of several datagrams is may have been one of them.
        Extent::Unknown
    } else {
        Extent::Whole
    };
    Ok(RawDatagram { len: received.bytes, extent, peer: peer.ok_or(Errno::INVAL)? })
}

/// Whether the kernel may join datagrams that arrive on the socket. Only Linux does, and only where it knows the option.
#[cfg_attr(not(target_os = "linux"), allow(unused_variables, reason = "there is nothing to ask"))]
fn joins_datagrams(socket: &impl AsFd) -> bool {
    #[cfg(target_os = "linux")]
    let joins = getsockopt(socket, UdpGroSegment).unwrap_or(false);
    #[cfg(not(target_os = "linux"))]
    let joins = false;
    joins
}

/// Waits until `socket` is readable, which includes its end, or `timeout` is over, and returns whether it is readable. It
/// may return false sooner: the caller looks at its clock and waits again.
///
/// Notices in the socket's error queue, such as those of time stamps and `MSG_ZEROCOPY`, and urgent data are not
/// readable. As long as there are notices, which is until the caller reads them from there, it looks a hundred times a
/// second.
///
/// A socket with `SO_RCVLOWAT` set is readable when that many bytes have arrived. If that is more than the header has,
/// the header is found when the deadline passes: set the option after the handshake.
///
/// # Errors
///
/// Those of `poll`, and the pending error of the socket if it has one and nothing to read.
pub fn wait_readable(socket: impl AsFd, timeout: Duration) -> io::Result<bool> {
    let mut fds = [PollFd::new(&socket, PollFlags::IN)];
    let timespec = Timespec::try_from(timeout).map_err(|_| io::ErrorKind::InvalidInput)?;
    match poll(&mut fds, Some(&timespec)) {
        Ok(0) | Err(Errno::INTR) => return Ok(false),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    let [fd] = fds;
    if fd.revents().intersects(PollFlags::IN | PollFlags::HUP) {
        return Ok(true);
    }
    if fd.revents().contains(PollFlags::NVAL) {
        return Err(Errno::BADF.into());
    }
    // POLLERR alone: a pending error is an answer; an error queue is not, and can't be waited out by poll.
    socket_error(&socket)??;
    thread::sleep(timeout.min(NAP));
    Ok(false)
}

/// How long to look away from a socket that has an error queue but nothing to read.
const NAP: Duration = Duration::from_millis(10);

/// A listening socket of std, TCP or UNIX. It can't be implemented elsewhere.
pub trait SocketListener: AsFd + sealed::Sealed {
    /// A connection.
    type Stream: AsFd;

    /// Accepts a connection, which is in blocking mode.
    ///
    /// # Errors
    ///
    /// Those of `accept`.
    fn accept_socket(&self) -> io::Result<(Self::Stream, Endpoint)>;

    /// Sets whether accepting waits.
    ///
    /// # Errors
    ///
    /// Those of the system call.
    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()>;
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for std::net::TcpListener {}
    impl Sealed for std::os::unix::net::UnixListener {}
}

/// Runs a handshake to its end on a socket, as [`drive`](crate::drive) does with `poll`, and adds the socket's own address
/// if the header has no destination. Once the deadline has passed, the socket itself is asked, without the runtime: one
/// that waits for more bytes than the header has, by `SO_RCVLOWAT`, is never reported as readable.
///
/// # Errors
///
/// [`AcceptError`].
///
/// # Cancel safety
///
/// All that is known is in `accepting`: if the future is dropped, another one goes on where it stopped.
#[cfg(feature = "async")]
pub fn drive_socket<R: crate::Runtime, S: AsFd>(
    accepting: &mut Accepting<R::Instant>,
    stream: S,
    mut poll: impl FnMut(
        &mut Accepting<R::Instant>,
        &mut S,
        &mut Context<'_>,
    ) -> Poll<Result<Established, AcceptError>>,
) -> impl Future<Output = Result<Established, AcceptError>> {
    drive_with_last_look::<R, _>(
        accepting,
        stream,
        move |accepting, stream, cx| poll(accepting, stream, cx).map_ok(|it| with_local(it, &*stream)),
        |accepting, stream| {
            let polled = accepting.poll_peek_with(|slot, mode| poll_recv(&*stream, slot, mode));
            polled.map_ok(|it| with_local(it, &*stream))
        },
    )
}

/// Runs a handshake to its end on a socket of a runtime that can only await that it is readable: peeks and reads without
/// waiting, and awaits `readable` in between, until the deadline at the longest. `readable` may be ready too early.
///
/// # Errors
///
/// [`AcceptError`].
///
/// # Cancel safety
///
/// All that is known is in `accepting`: if the future is dropped, another one goes on where it stopped. So it is with
/// `readable`, which is dropped when the deadline passes.
#[cfg(feature = "async")]
pub async fn drive_readable<R: crate::Runtime>(
    accepting: &mut Accepting<R::Instant>,
    socket: impl AsFd,
    mut readable: impl AsyncFnMut() -> io::Result<()>,
) -> Result<Established, AcceptError> {
    let mut wakes = Wakes::default();
    loop {
        let polled = accepting.poll_peek_with(|slot, mode| poll_recv(&socket, slot, mode));
        let (Poll::Pending, Some(deadline)) = (&polled, accepting.poll_timeout()) else {
            if let Poll::Ready(result) = polled {
                return result.map(|established| with_local(established, &socket));
            }
            continue;
        };
        if let Some(end) = wakes.rest(R::now()) {
            R::sleep_until(end).await;
        }
        let (mut readable, mut sleep) = (pin!(readable()), pin!(R::sleep_until(deadline)));
        let waited = poll_fn(|cx| match readable.as_mut().poll(cx) {
            Poll::Pending => sleep.as_mut().poll(cx).map(|_| Ok(())),
            ready @ Poll::Ready(_) => ready,
        });
        if let Err(error) = waited.await {
            return accepting.fail(error);
        }
        accepting.handle_timeout(R::now());
    }
}

/// Accepts a connection on a runtime that can only await that its listener, which is in non-blocking mode, is readable.
///
/// # Errors
///
/// Those of `accept` and of `readable`.
///
/// # Cancel safety
///
/// If the future is dropped, no connection is lost.
#[cfg(feature = "async")]
pub async fn accept_readable<L: SocketListener>(
    listener: &L,
    mut readable: impl AsyncFnMut() -> io::Result<()>,
) -> io::Result<(L::Stream, Endpoint)> {
    loop {
        match listener.accept_socket() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => readable().await?,
            accepted => return accepted,
        }
    }
}

/// Receives a datagram on a runtime that can only await that its socket is readable: receives without waiting, and
/// awaits `readable` in between. Returns the datagram, and the socket's peer. `readable` may be ready too early.
///
/// # Errors
///
/// Outside, those of the socket and of `readable`. Inside, what is wrong with this one datagram; see
/// [`RawDatagram::read`].
///
/// # Cancel safety
///
/// If the future is dropped, no datagram is lost.
#[cfg(feature = "async")]
pub async fn recv_from_readable<'a, R: crate::Runtime>(
    acceptor: &Acceptor,
    socket: impl AsFd,
    buffer: &'a mut [u8],
    mut readable: impl AsyncFnMut() -> io::Result<()>,
) -> io::Result<(Result<Datagram<'a>, AcceptError>, SocketAddr)> {
    let mut wakes = Wakes::default();
    let received = loop {
        if let Poll::Ready(received) = poll_recv_datagram(&socket, buffer) {
            break received?;
        }
        if let Some(end) = wakes.rest(R::now()) {
            R::sleep_until(end).await;
        }
        readable().await?;
    };
    Ok(received.read(acceptor, buffer))
}

/// Asks the kernel for the user whose process connected to a UNIX socket, by number (`SO_PEERCRED`): the effective user when
/// it connected, which the peer can't choose. Where all that may connect to a socket are not one user, this tells the
/// proxy's connections from others. Linux only.
///
/// # Errors
///
/// Those of the system call. For a socket that isn't a UNIX one the kernel reports `u32::MAX`, which is nobody.
///
/// ```
/// use std::os::unix::net::UnixStream;
/// use realpeer::peer_user;
///
/// let (_proxy, server) = UnixStream::pair()?;
/// let me = peer_user(&server)?;
/// // And on a connection that has been accepted, before or after its handshake:
/// // if peer_user(&stream)? != HAPROXY { return; }
/// # drop(me);
/// # Ok::<(), std::io::Error>(())
/// ```
#[cfg(target_os = "linux")]
pub fn peer_user(socket: impl AsFd) -> io::Result<u32> {
    Ok(getsockopt(&socket, PeerCredentials)?.uid())
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

/// Asks the socket for its peer, so that nobody has to be believed about it. See [`Endpoint::of_peer`].
pub(crate) fn peer_endpoint(socket: impl AsFd) -> io::Result<Endpoint> {
    let addr: Option<SocketAddrAny> = getpeername(socket)?;
    // The kernel gives a UNIX client without a name none at all.
    addr.map_or(Some(UnixName::default().into()), endpoint).ok_or_else(|| io::ErrorKind::Unsupported.into())
}

/// Returns the socket's own address, unless its family is neither IP nor UNIX.
pub fn local_endpoint(socket: impl AsFd) -> Option<Endpoint> {
    endpoint(getsockname(socket).ok()?)
}

fn endpoint(addr: SocketAddrAny) -> Option<Endpoint> {
    if let Ok(addr) = SocketAddr::try_from(addr.clone()) {
        return Some(addr.into());
    }
    let unix = SocketAddrUnix::try_from(addr).ok()?;
    let name = match (unix.path(), unix.abstract_name()) {
        (Some(path), _) => path.to_bytes().to_vec(),
        // Rustix names sockets without a name like this too.
        (None, None | Some([])) => Vec::new(),
        (None, Some(name)) => [&[0], name].concat(),
    };
    UnixName::new(&name).map(Endpoint::from)
}

impl RawDatagram {
    /// Reads the datagram with `acceptor`, and returns it with its sender. `buffer` is the one that it was received
    /// into.
    ///
    /// # Errors
    ///
    /// Those of [`Acceptor::datagram`]; [`AcceptError::Oversize`] if the datagram was larger than the buffer; and
    /// [`AcceptError::Joined`] if there may be several in the buffer, on a socket with `UDP_GRO`.
    pub fn read<'a>(
        &self,
        acceptor: &Acceptor,
        buffer: &'a [u8],
    ) -> (Result<Datagram<'a>, AcceptError>, SocketAddr) {
        let bytes = buffer.get(..self.len).unwrap_or(buffer);
        (acceptor.datagram_of(self.peer.into(), bytes, self.extent), self.peer)
    }
}

macro_rules! listener {
    ($listener:ty, $stream:ty) => {
        impl SocketListener for $listener {
            type Stream = $stream;

            fn accept_socket(&self) -> io::Result<($stream, Endpoint)> {
                let (stream, peer) = self.accept()?;
                // Linux does not hand the mode of the listener on, others do.
                #[cfg(not(any(target_os = "linux", target_os = "android")))]
                stream.set_nonblocking(false)?;
                Ok((stream, peer.into()))
            }

            fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
                Self::set_nonblocking(self, nonblocking)
            }
        }
    };
}

listener!(TcpListener, TcpStream);
listener!(UnixListener, UnixStream);

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rustix::net::{AddressFamily, SocketType, socket};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn readable_is_what_can_be_read_from_at_once() {
        let (mut peer, stream) = UnixStream::pair().unwrap();
        assert!(!wait_readable(&stream, Duration::ZERO).unwrap());
        peer.write_all(b"P").unwrap();
        assert!(wait_readable(&stream, LONG).unwrap());
        // The end alone, with nothing before it: this socket is connected to nobody.
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        assert!(wait_readable(&socket, LONG).unwrap());
    }
}
