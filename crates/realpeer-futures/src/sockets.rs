//! Sockets on async-io.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use async_io::Async;
use futures_io::AsyncRead;
use realpeer_io::proto::Encoder;
use realpeer_io::socket::{SocketListener, drive_socket, poll_recv, recv_datagram};
use realpeer_io::{
    AcceptError, Accepting, Acceptor, Datagram, Endpoint, Established, Runtime, header_and_datagram,
};

/// Async-io as a runtime: the clock of std, and async-io's timers.
#[derive(Clone, Copy, Debug)]
pub enum AsyncIo {}

/// Reads the header of a connection from `peer`, a stream socket, if the policy wants one. The socket stays the caller's.
///
/// `peer` is what accepting returned with the socket. For one that came otherwise, as by inheritance, ask it:
/// [`Endpoint::of_peer`]. It is an argument because accepting has returned it already, at no cost, and so that tests, and
/// sockets handed over by another program, can name the peer that counts.
///
/// It waits for the peer until the [deadline](Acceptor::with_timeout) at the longest, which counts from the call. A header
/// that has arrived already is peeked at and then read exactly, with two system calls; one that has not is read as it
/// comes.
///
/// - On success exactly the header has been consumed from the connection.
/// - On failure [`AcceptError::taken`] are the bytes consumed, and those that follow them are still there.
///
/// # Errors
///
/// [`AcceptError`]; the connection is then best closed.
///
/// # Cancel safety
///
/// If the future is dropped, what it had read of the header is lost, and another call would take the rest for the start:
/// close the connection. A handshake that can be dropped and resumed is [`handshake_on`], or an `Incoming`'s.
pub async fn handshake<S: AsyncRead + AsFd + Unpin>(
    acceptor: &Acceptor,
    stream: &mut S,
    peer: impl Into<Endpoint>,
) -> Result<Established, AcceptError> {
    handshake_on(&mut acceptor.begin(peer, Instant::now()), stream).await
}

/// Runs a handshake that has been begun to its end, as [`handshake`] does; for runtimes that are built on async-io.
///
/// # Errors
///
/// [`AcceptError`].
///
/// # Cancel safety
///
/// All that is known is in `accepting`: if the future is dropped, another one goes on where it stopped.
pub async fn handshake_on<S: AsyncRead + AsFd + Unpin>(
    accepting: &mut Accepting<Instant>,
    stream: &mut S,
) -> Result<Established, AcceptError> {
    drive_socket::<AsyncIo, _>(accepting, stream, |accepting, stream, cx| {
        if let Poll::Ready(result) = accepting.poll_peek_with(|slot, mode| poll_recv(&**stream, slot, mode)) {
            return Poll::Ready(result);
        }
        // Only the stream itself can wake the task.
        accepting.poll_with(|slot| Pin::new(&mut **stream).poll_read(cx, slot))
    })
    .await
}

/// Accepts a connection, for one task at a time: only the one that polled last is woken.
///
/// # Errors
///
/// Those of `accept`.
pub fn poll_accept<L: SocketListener>(
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

/// Receives a datagram and returns it with the socket's peer, to which an answer goes. Each datagram has its own
/// header. If the future is dropped, no datagram is lost.
///
/// `buffer` has to hold the whole datagram, header and payload; 65,535 bytes do for any.
///
/// # Errors
///
/// The outer result has those of the socket. The inner one has what is wrong with this one datagram, which is lost; the
/// next may be good: [`AcceptError::Refused`], [`Protocol`](AcceptError::Protocol), [`Oversize`](AcceptError::Oversize)
/// and, on a socket with `UDP_GRO`, [`Joined`](AcceptError::Joined).
///
/// ```
/// use std::net::UdpSocket;
/// use async_io::Async;
/// use realpeer::{Acceptor, Trust};
/// use realpeer::proto::{Encoder, Version};
///
/// # futures_lite::future::block_on(async {
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let server = Async::<UdpSocket>::bind(([127, 0, 0, 1], 0))?;
/// let proxy = Async::<UdpSocket>::bind(([127, 0, 0, 1], 0))?;
/// let to = server.get_ref().local_addr()?;
/// let encoder = Encoder::proxy(Version::V2, "192.0.2.1:12345".parse()?, "198.51.100.2:53".parse()?);
/// realpeer::futures::send_to(&proxy, encoder, b"query", to).await?;
///
/// let mut buffer = vec![0; 65_535];
/// let (datagram, peer) = realpeer::futures::recv_from(&acceptor, &server, &mut buffer).await?;
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

/// Sends `header` with `payload` after it to `to`, in one datagram. The header's addresses become those of
/// datagrams, as by [`Encoder::dgram`]; send each datagram with its header. To send on a connected socket, send what
/// [`header_and_datagram`] returns.
///
/// # Errors
///
/// `InvalidInput` if the header can't be encoded, as every header of version 1, which has no datagrams; and those of
/// the socket, as for a datagram that is too large.
///
/// # Cancel safety
///
/// If the future is dropped, the datagram has been sent whole or not at all.
pub async fn send_to<'a>(
    socket: &Async<UdpSocket>,
    header: impl Into<Encoder<'a>>,
    payload: &[u8],
    to: impl Into<SocketAddr>,
) -> io::Result<()> {
    let datagram = header_and_datagram(header, payload)?;
    socket.send_to(&datagram, to).await.map(|_| ())
}

impl Runtime for AsyncIo {
    type Instant = Instant;
    type Sleep = async_io::Timer;

    fn now() -> Instant {
        Instant::now()
    }

    fn sleep_until(at: Instant) -> async_io::Timer {
        async_io::Timer::at(at)
    }
}
