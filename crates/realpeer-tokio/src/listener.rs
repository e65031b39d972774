//! Sockets and listeners of tokio.

use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

use realpeer_io::proto::ReadMode;
use realpeer_io::socket::{poll_recv, with_local};
use realpeer_io::{AcceptError, Acceptor, Connection, Endpoint, Established, Listen, receive};
use tokio::io::Interest;
use tokio::net::unix::SocketAddr;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::Instant;

use crate::Tokio;

/// A connected stream socket of tokio, TCP or UNIX.
pub trait Socket: AsFd + Send + Sync + 'static {
    /// Peeks at what has come, or reads it off.
    fn poll_recv(&self, cx: &mut Context<'_>, slot: &mut [u8], mode: ReadMode) -> Poll<io::Result<usize>>;
}

/// Reads the header off a connection from `peer`. Whatever comes of it, the socket is the caller's and has lost no
/// byte but those of the header; the same holds if the future is dropped.
///
/// It waits for the peer until the [deadline](Acceptor::with_timeout) at the longest.
///
/// # Errors
///
/// [`AcceptError`]; the connection is then best closed.
///
/// ```
/// use realpeer_io::{Acceptor, Trust, UnixName};
/// use tokio::io::AsyncWriteExt;
/// use tokio::net::UnixStream;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (mut proxy, server) = UnixStream::pair()?;
/// proxy.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello").await?;
///
/// let acceptor = Acceptor::new(Trust::unix());
/// let established = realpeer_tokio::handshake(&acceptor, &server, UnixName::default()).await?;
/// assert_eq!(established.source().to_string(), "192.0.2.1:56324");
/// # Ok(())
/// # }
/// ```
pub async fn handshake<S: Socket>(
    acceptor: &Acceptor,
    stream: &S,
    peer: impl Into<Endpoint>,
) -> Result<Established, AcceptError> {
    let receiving = acceptor.begin(peer, Instant::now());
    let established = receive::<Tokio>(receiving, |receiving, cx| {
        receiving.poll_peek_with(|slot, mode| stream.poll_recv(cx, slot, mode))
    });
    Ok(with_local(established.await?, stream))
}

/// A listener that knows whom to trust.
///
/// [`accept`](Listener::accept) reads nothing from the connection, so that no peer can hold up the others: shake hands
/// with the [`Incoming`] in a task of its own. For frameworks that want whole connections one after the other, see
/// [`into_ready`](Listener::into_ready).
///
/// ```
/// use realpeer_io::{Acceptor, Trust};
/// use realpeer_io::proto::Encoder;
/// use tokio::net::TcpListener;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let listener = realpeer_tokio::Listener::new(TcpListener::bind("127.0.0.1:0").await?, acceptor);
///
/// let checker = realpeer_tokio::connect(listener.inner().local_addr()?, Encoder::local(), b"").await?;
/// let established = listener.accept().await?.handshake().await?;
/// assert_eq!(established.source().socket_addr(), Some(checker.local_addr()?));
/// # Ok(())
/// # }
/// ```
pub type Listener<L> = realpeer_io::Listener<Tokio, L>;

/// A connection of which nothing has been read yet. See [`Listener`].
///
/// ```
/// use realpeer_io::{Acceptor, Trust, UnixName};
/// use tokio::net::UnixStream;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (client, server) = UnixStream::pair()?;
/// drop(client);
/// let incoming = realpeer_tokio::Incoming::new(server, UnixName::default(), Acceptor::new(Trust::unix()));
/// assert_eq!(incoming.handshake().await.unwrap_err().kind(), "closed");
/// # Ok(())
/// # }
/// ```
pub type Incoming<S> = realpeer_io::Incoming<Tokio, S>;

/// A listener that shakes hands with a bounded number of peers at a time and hands out whichever connection is ready
/// first: a silent peer delays nobody.
///
/// ```
/// use realpeer_io::{Acceptor, Trust};
/// use realpeer_io::proto::Encoder;
/// use tokio::net::{TcpListener, TcpStream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let addr = listener.local_addr()?;
/// let mut listener = realpeer_tokio::Listener::new(listener, acceptor).into_ready(1024);
///
/// let silent = TcpStream::connect(addr).await?;
/// let good = realpeer_tokio::connect(addr, Encoder::local(), b"").await?;
/// let accepted = listener.accept().await?;
/// assert_eq!(accepted.outcome?.source().socket_addr(), Some(good.local_addr()?));
/// # drop(silent);
/// # Ok(())
/// # }
/// ```
pub type ReadyListener<L> = realpeer_io::ReadyListener<Tokio, L>;

impl<S: Socket> Connection<S> for Tokio {
    async fn handshake(acceptor: &Acceptor, stream: &S, peer: Endpoint) -> Result<Established, AcceptError> {
        handshake(acceptor, stream, peer).await
    }
}

macro_rules! socket {
    ($stream:ty) => {
        impl Socket for $stream {
            fn poll_recv(
                &self,
                cx: &mut Context<'_>,
                slot: &mut [u8],
                mode: ReadMode,
            ) -> Poll<io::Result<usize>> {
                loop {
                    ready!(self.poll_read_ready(cx))?;
                    let received = self.try_io(Interest::READABLE, || match poll_recv(self, slot, mode) {
                        Poll::Ready(received) => received,
                        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
                    });
                    match received {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        received => return Poll::Ready(received),
                    }
                }
            }
        }
    };
}

socket!(TcpStream);
socket!(UnixStream);

impl Listen<TcpListener> for Tokio {
    type Stream = TcpStream;

    async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, Endpoint)> {
        let (stream, peer) = listener.accept().await?;
        Ok((stream, peer.into()))
    }

    fn poll_accept(listener: &TcpListener, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, Endpoint)>> {
        let (stream, peer) = ready!(listener.poll_accept(cx))?;
        Poll::Ready(Ok((stream, peer.into())))
    }
}

impl Listen<UnixListener> for Tokio {
    type Stream = UnixStream;

    async fn accept(listener: &UnixListener) -> io::Result<(UnixStream, Endpoint)> {
        let (stream, peer) = listener.accept().await?;
        Ok(with_peer(stream, peer))
    }

    fn poll_accept(
        listener: &UnixListener,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(UnixStream, Endpoint)>> {
        let (stream, peer) = ready!(listener.poll_accept(cx))?;
        Poll::Ready(Ok(with_peer(stream, peer)))
    }
}

/// The connection with its peer's name. Accepting forgets abstract names; the socket itself knows them.
fn with_peer(stream: UnixStream, peer: SocketAddr) -> (UnixStream, Endpoint) {
    let peer = if peer.is_unnamed() { stream.peer_addr().unwrap_or(peer) } else { peer };
    (stream, peer.into())
}
