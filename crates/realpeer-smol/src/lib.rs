//! The smol adapter of realpeer: the module `realpeer::smol` of the facade, whose page has a quick start. UNIX only.
//!
//! Depend on the facade `realpeer`, with the feature `smol`; the examples here are written for that.
//!
//! It is `realpeer-futures` with the types of smol: there is no loop here, no parser and no policy.

#![cfg(unix)]
#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use async_io::Async;
#[doc(no_inline)]
pub use realpeer_io::SendAccepts;
use realpeer_io::proto::Encoder;
use realpeer_io::{
    AcceptError, Accepting, Acceptor, Accepts, Datagram, Endpoint, Established, Handshakes, Runtime,
    SendPending, finish, header_and_datagram,
};

pub use realpeer_futures::{
    AsyncIo, handshake, handshake_buf_read, handshake_on, handshake_stream, send_header,
    send_header_with_payload,
};

/// Smol as a runtime, which [`Listener`] and the other types name.
#[derive(Clone, Copy, Debug)]
pub enum Smol {}

/// A listener that knows whom to trust.
///
/// [`accept`](Listener::accept) reads nothing from the connection, so that no peer can hold up another: run the
/// handshake of the [`Incoming`] in a task of its own. For frameworks that want one established connection after the
/// other, see [`EstablishedListener`].
///
/// ```
/// use realpeer::proto::Encoder;
/// use realpeer::{Acceptor, Trust};
///
/// # smol::block_on(async {
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let listener = smol::net::TcpListener::bind("127.0.0.1:0").await?;
/// let addr = listener.local_addr()?;
/// let listener = realpeer::smol::Listener::new(listener, acceptor);
///
/// let checker = realpeer::smol::connect(addr, Encoder::local(), b"").await?;
/// let established = listener.accept().await?.handshake().await?;
/// assert_eq!(established.source().socket_addr(), Some(checker.local_addr()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Listener<L> = realpeer_io::Listener<Smol, L>;

/// A connection of which nothing has been read yet, and its handshake. See [`Listener`].
///
/// ```
/// use realpeer::{Acceptor, Trust, UnixName};
///
/// # smol::block_on(async {
/// let (client, server) = smol::net::unix::UnixStream::pair()?;
/// drop(client);
/// let acceptor = Acceptor::new(Trust::unix());
/// let mut incoming = realpeer::smol::Incoming::new(server, UnixName::default(), &acceptor);
/// assert_eq!(incoming.handshake().await.unwrap_err().kind(), "closed");
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub type Incoming<S> = realpeer_io::Incoming<Smol, S>;

/// A listener that runs a bounded number of handshakes at a time and hands out whichever connection is ready first: a
/// silent peer delays nobody.
///
/// ```
/// use realpeer::proto::Encoder;
/// use realpeer::{Acceptor, Trust};
///
/// # smol::block_on(async {
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let listener = smol::net::TcpListener::bind("127.0.0.1:0").await?;
/// let addr = listener.local_addr()?;
/// let mut listener = realpeer::smol::Listener::new(listener, acceptor).into_ready(1024);
///
/// let silent = std::net::TcpStream::connect(addr)?;
/// let good = realpeer::smol::connect(addr, Encoder::local(), b"").await?;
/// let finished = listener.accept().await?;
/// assert_eq!(finished.result?.source().socket_addr(), Some(good.local_addr()?));
/// # drop(silent);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type ReadyListener<L> = realpeer_io::ReadyListener<Smol, L>;

/// A [`ReadyListener`] that hands out established connections only, as frameworks want them.
///
/// Connections whose handshake fails are closed. [`Acceptor::counts`] says how many and why; see
/// [`on_reject`](EstablishedListener::on_reject) for what is logged of them.
pub type EstablishedListener<L> = realpeer_io::EstablishedListener<Smol, L>;

/// Connects to a receiver of headers and sends it `header` with `payload` after it, in one write. If the header can't be
/// encoded, no connection is made.
///
/// Open a new connection for each client: all that follows the header belongs to that client. Don't wait for the
/// client's first bytes, since in many protocols the server speaks first; `payload` is for bytes that are there
/// already.
///
/// # Errors
///
/// `InvalidInput` if the header can't be encoded, and those of connecting and writing.
///
/// ```
/// use realpeer::proto::Encoder;
///
/// # smol::block_on(async {
/// let server = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let stream = realpeer::smol::connect(server.local_addr()?, Encoder::local(), b"PING").await?;
/// drop(stream);
///
/// let mut received = Vec::new();
/// std::io::Read::read_to_end(&mut server.accept()?.0, &mut received)?;
/// assert!(received.ends_with(b"PING"));
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn connect<'a>(
    addr: impl async_net::AsyncToSocketAddrs,
    header: impl Into<Encoder<'a>>,
    payload: &[u8],
) -> io::Result<async_net::TcpStream> {
    realpeer_futures::connect(async_net::TcpStream::connect(addr), header, payload).await
}

/// Connects to a UNIX socket at `path`, otherwise as [`connect`].
///
/// # Errors
///
/// `InvalidInput` if the header can't be encoded, and those of connecting and writing.
pub async fn connect_unix<'a>(
    path: impl AsRef<Path>,
    header: impl Into<Encoder<'a>>,
    payload: &[u8],
) -> io::Result<async_net::unix::UnixStream> {
    realpeer_futures::connect(async_net::unix::UnixStream::connect(path), header, payload).await
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
/// use smol::net::UdpSocket;
/// use realpeer::{Acceptor, Trust};
/// use realpeer::proto::{Encoder, Version};
///
/// # smol::block_on(async {
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let (server, proxy) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
/// let encoder = Encoder::proxy(Version::V2, "192.0.2.1:12345".parse()?, "198.51.100.2:53".parse()?);
/// realpeer::smol::send_to(&proxy, encoder, b"query", server.local_addr()?).await?;
///
/// let mut buffer = vec![0; 65_535];
/// let (datagram, peer) = realpeer::smol::recv_from(&acceptor, &server, &mut buffer).await?;
/// let datagram = datagram?;
/// assert_eq!(datagram.source().to_string(), "192.0.2.1:12345");
/// assert_eq!((datagram.payload(), peer), (&b"query"[..], proxy.local_addr()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn recv_from<'a>(
    acceptor: &Acceptor,
    socket: &async_net::UdpSocket,
    buffer: &'a mut [u8],
) -> io::Result<(Result<Datagram<'a>, AcceptError>, SocketAddr)> {
    let socket = Arc::<Async<std::net::UdpSocket>>::from(socket.clone());
    realpeer_futures::recv_from(acceptor, &socket, buffer).await
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
///
/// ```
/// use smol::net::UdpSocket;
/// use realpeer::proto::Encoder;
///
/// # smol::block_on(async {
/// let (server, proxy) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
/// realpeer::smol::send_to(&proxy, Encoder::local(), b"ping", server.local_addr()?).await?;
///
/// let mut datagram = [0; 100];
/// let len = server.recv(&mut datagram).await?;
/// assert!(datagram[..len].ends_with(b"ping"));
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn send_to<'a>(
    socket: &async_net::UdpSocket,
    header: impl Into<Encoder<'a>>,
    payload: &[u8],
    to: impl async_net::AsyncToSocketAddrs,
) -> io::Result<()> {
    let datagram = header_and_datagram(header, payload)?;
    socket.send_to(&datagram, to).await.map(|_| ())
}

impl Runtime for Smol {
    type Instant = Instant;
    type Sleep = <AsyncIo as Runtime>::Sleep;

    fn now() -> Instant {
        AsyncIo::now()
    }

    fn sleep_until(at: Instant) -> Self::Sleep {
        AsyncIo::sleep_until(at)
    }
}

macro_rules! sockets {
    ($stream:ty, $listener:ty, $std:ty) => {
        impl Handshakes<$stream> for Smol {
            async fn handshake(
                accepting: &mut Accepting<Instant>,
                stream: &mut $stream,
            ) -> Result<Established, AcceptError> {
                handshake_on(accepting, stream).await
            }
        }

        impl Accepts<$listener> for Smol {
            type Stream = $stream;
            type Accept = ();
            type Pending = SendPending<$stream>;

            async fn accept(listener: &$listener) -> io::Result<($stream, Endpoint)> {
                let (stream, peer) = listener.accept().await?;
                Ok((stream, peer.into()))
            }

            fn poll_accept(
                listener: &$listener,
                (): &mut (),
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<($stream, Endpoint)>> {
                let listener = Arc::<Async<$std>>::from(listener.clone());
                let (stream, peer) = ready!(realpeer_futures::poll_accept(&listener, cx))?;
                Poll::Ready(<$stream>::try_from(stream).map(|stream| (stream, peer)))
            }

            fn pend(stream: $stream, accepting: Accepting<Instant>) -> SendPending<$stream> {
                Box::pin(finish::<Self, _>(stream, accepting))
            }
        }
    };
}

sockets!(async_net::TcpStream, async_net::TcpListener, std::net::TcpListener);
sockets!(async_net::unix::UnixStream, async_net::unix::UnixListener, std::os::unix::net::UnixListener);
