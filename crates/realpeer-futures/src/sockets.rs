//! Sockets on async-io.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use async_io::Async;
use futures_io::AsyncRead;
use realpeer_io::proto::Encoder;
use realpeer_io::socket::{poll_recv, recv_datagram, with_local};
use realpeer_io::{
    AcceptError, Acceptor, Datagram, Endpoint, Established, Timer, header_and_payload, receive,
};

/// The clock of std and the timers of async-io.
#[derive(Clone, Copy, Debug)]
pub enum AsyncIoTimer {}

/// A listening socket of std, TCP or UNIX.
pub trait StdListener: AsFd {
    /// A connection.
    type Stream;

    /// Accepts a connection.
    ///
    /// # Errors
    ///
    /// Those of `accept`.
    fn accept_socket(&self) -> io::Result<(Self::Stream, Endpoint)>;
}

/// Reads the header off a connection from `peer`, a stream socket. Whatever comes of it, the socket is the caller's
/// and has lost no byte but those of the header.
///
/// It waits for the peer until the [deadline](Acceptor::with_timeout) at the longest. A header that is here already
/// is peeked at and then read off exactly, with two system calls; one that is not is read as it comes.
///
/// # Errors
///
/// [`AcceptError`]; the connection is then best closed.
pub async fn handshake<S: AsyncRead + AsFd + Unpin>(
    acceptor: &Acceptor,
    stream: &mut S,
    peer: impl Into<Endpoint>,
) -> Result<Established, AcceptError> {
    let receiving = acceptor.begin(peer, Instant::now());
    let established = receive::<AsyncIoTimer>(receiving, |receiving, cx| {
        if let Poll::Ready(outcome) = receiving.poll_peek_with(|slot, mode| poll_recv(&*stream, slot, mode)) {
            return Poll::Ready(outcome);
        }
        // Only the stream itself can wake the task.
        receiving.poll_with(|slot| Pin::new(&mut *stream).poll_read(cx, slot))
    });
    Ok(with_local(established.await?, &*stream))
}

/// Accepts a connection.
///
/// # Errors
///
/// Those of `accept`.
pub fn poll_accept<L: StdListener>(
    listener: &Async<L>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<(L::Stream, Endpoint)>> {
    loop {
        match listener.get_ref().accept_socket() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(listener.poll_readable(cx))?,
            accepted => return Poll::Ready(accepted),
        }
    }
}

/// Receives a datagram: what it says, and the socket's peer, to which an answer goes. Each has a header of its own
/// (R9 to R11). If the future is dropped, no datagram is lost.
///
/// `buffer` has to hold the whole datagram, header and payload; 65,535 bytes do for any.
///
/// # Errors
///
/// Outside, those of the socket. Inside, what is wrong with this one datagram, which is gone then; the next may be
/// good: [`AcceptError::Refused`], [`Protocol`](AcceptError::Protocol) and [`Oversize`](AcceptError::Oversize).
///
/// ```
/// use std::net::UdpSocket;
/// use async_io::Async;
/// use realpeer_io::{Acceptor, Trust};
/// use realpeer_io::proto::{Encoder, Version};
///
/// # futures_lite::future::block_on(async {
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let server = Async::<UdpSocket>::bind(([127, 0, 0, 1], 0))?;
/// let proxy = Async::<UdpSocket>::bind(([127, 0, 0, 1], 0))?;
/// let to = server.get_ref().local_addr()?;
/// let encoder = Encoder::proxy(Version::V2, "192.0.2.1:12345".parse()?, "198.51.100.2:53".parse()?)?;
/// realpeer_futures::send_to(&proxy, encoder, b"query", to).await?;
///
/// let mut buffer = vec![0; 65_535];
/// let (datagram, peer) = realpeer_futures::recv_from(&acceptor, &server, &mut buffer).await?;
/// let datagram = datagram?;
/// assert_eq!(datagram.source().to_string(), "192.0.2.1:12345");
/// assert_eq!((datagram.payload(), peer), (&b"query"[..], proxy.get_ref().local_addr()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn recv_from<'a>(
    acceptor: &Acceptor,
    socket: &Async<UdpSocket>,
    buffer: &'a mut [u8],
) -> io::Result<(Result<Datagram<'a>, AcceptError>, SocketAddr)> {
    let received = socket.read_with(|socket| recv_datagram(socket, buffer)).await?;
    Ok(received.read(acceptor, buffer))
}

/// Sends `header` with `payload` behind it to `to`, in one datagram. The header says that its addresses are those of
/// datagrams, as by [`Encoder::dgram`].
///
/// To say otherwise, or to send on a connected socket, send what [`header_and_payload`] gives. If the future is
/// dropped, the datagram has been sent whole or not at all.
///
/// # Errors
///
/// `InvalidInput` if the header can't be encoded, version 1 among them, which has no datagrams; and those of the
/// socket, as for a datagram that is too large.
pub async fn send_to<'a>(
    socket: &Async<UdpSocket>,
    header: impl Into<Encoder<'a>>,
    payload: &[u8],
    to: impl Into<SocketAddr>,
) -> io::Result<()> {
    let datagram = header_and_payload(&header.into().dgram(), payload)?;
    socket.send_to(&datagram, to).await.map(|_| ())
}

impl Timer for AsyncIoTimer {
    type Instant = Instant;
    type Sleep = async_io::Timer;

    fn now() -> Instant {
        Instant::now()
    }

    fn sleep_until(at: Instant) -> async_io::Timer {
        async_io::Timer::at(at)
    }
}

impl StdListener for TcpListener {
    type Stream = TcpStream;

    fn accept_socket(&self) -> io::Result<(TcpStream, Endpoint)> {
        self.accept().map(|(stream, peer)| (stream, peer.into()))
    }
}

impl StdListener for UnixListener {
    type Stream = UnixStream;

    fn accept_socket(&self) -> io::Result<(UnixStream, Endpoint)> {
        self.accept().map(|(stream, peer)| (stream, peer.into()))
    }
}
