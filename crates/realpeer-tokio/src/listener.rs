//! Sockets and listeners of tokio.

use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

use realpeer_io::proto::ReadMode;
use realpeer_io::socket::{poll_recv, with_local};
use realpeer_io::{AcceptError, Accepted, Acceptor, Endpoint, Established, Listen, Ready, UnixName, accept, receive};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::Instant;

use crate::TokioTimer;

/// A connected stream socket of tokio, TCP or UNIX.
pub trait Socket: AsFd + Send + Sync + 'static {
    /// Peeks at what has come, or reads it off.
    fn poll_recv(&self, cx: &mut Context<'_>, slot: &mut [u8], mode: ReadMode) -> Poll<io::Result<usize>>;
}

/// A listening socket of tokio, TCP or UNIX.
pub trait SocketListener: Send + Sync + 'static {
    /// A connection.
    type Stream: Socket;

    /// Accepts a connection.
    fn poll_accept_socket(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Endpoint)>>;
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
    let established = receive::<TokioTimer>(receiving, |receiving, cx| {
        receiving.poll_peek_with(|slot, mode| stream.poll_recv(cx, slot, mode))
    });
    Ok(with_local(established.await?, stream))
}

/// A listener that knows whom to trust.
///
/// [`accept`](Self::accept) reads nothing from the connection, so that no peer can hold up the others: shake hands
/// with the [`Incoming`] in a task of its own. For frameworks that want whole connections one after the other, see
/// [`into_ready`](Self::into_ready).
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
#[derive(Debug)]
pub struct Listener<L> {
    inner: L,
    acceptor: Acceptor,
}

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
#[derive(Debug)]
pub struct Incoming<S> {
    stream: S,
    peer: Endpoint,
    acceptor: Acceptor,
}

/// A listener that shakes hands with a bounded number of peers at a time and hands out whichever connection is ready
/// first: a silent peer delays nobody. See [`Ready`].
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
#[derive(Debug)]
pub struct ReadyListener<L: SocketListener>(Ready<Listener<L>>);

impl<L: SocketListener> Listener<L> {
    /// Accepts from `inner` as `acceptor` says.
    pub fn new(inner: L, acceptor: Acceptor) -> Self {
        Self { inner, acceptor }
    }

    /// Accepts a connection and reads nothing from it. Where file descriptors or memory run out, it waits a moment
    /// and goes on. Dropping the future loses no connection.
    ///
    /// # Errors
    ///
    /// Those of the listener itself that do not pass.
    pub async fn accept(&self) -> io::Result<Incoming<L::Stream>> {
        let (stream, peer) = accept(self).await?;
        Ok(Incoming::new(stream, peer, self.acceptor.clone()))
    }

    /// A listener that shakes hands with at most `max_pending` peers at a time and gives whichever is ready first.
    pub fn into_ready(self, max_pending: usize) -> ReadyListener<L> {
        let acceptor = self.acceptor.clone();
        ReadyListener(Ready::new(self, acceptor, max_pending))
    }

    /// The listening socket.
    pub fn inner(&self) -> &L {
        &self.inner
    }

    /// What it accepts.
    pub fn acceptor(&self) -> &Acceptor {
        &self.acceptor
    }
}

impl<S: Socket> Incoming<S> {
    /// A connection from `peer`.
    pub fn new(stream: S, peer: impl Into<Endpoint>, acceptor: Acceptor) -> Self {
        Self { stream, peer: peer.into(), acceptor }
    }

    /// The socket's peer: the proxy, if it is one.
    pub fn peer(&self) -> &Endpoint {
        &self.peer
    }

    /// Reads the header; see [`handshake`].
    ///
    /// # Errors
    ///
    /// [`AcceptError`]; the connection is then best closed.
    pub async fn handshake(&self) -> Result<Established, AcceptError> {
        handshake(&self.acceptor, &self.stream, self.peer.clone()).await
    }

    /// The connection.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// The connection, to keep.
    pub fn into_stream(self) -> S {
        self.stream
    }
}

impl<L: SocketListener> ReadyListener<L> {
    /// The next connection whose handshake has ended, well or not. Dropping the future loses no connection and no
    /// byte: handshakes go on with the next call.
    ///
    /// # Errors
    ///
    /// Those of the listener itself that do not pass.
    pub async fn accept(&mut self) -> io::Result<Accepted<L::Stream>> {
        poll_fn(|cx| self.0.poll_accept(cx)).await
    }

    /// The same, to be polled.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<L::Stream>>> {
        self.0.poll_accept(cx)
    }

    /// How many handshakes are pending.
    pub fn pending(&self) -> usize {
        self.0.pending()
    }

    /// The listening socket.
    pub fn inner(&self) -> &L {
        &self.0.listener().inner
    }

    /// What it accepts.
    pub fn acceptor(&self) -> &Acceptor {
        self.0.acceptor()
    }
}

impl<L: SocketListener> Listen for Listener<L> {
    type Stream = L::Stream;
    type Timer = TokioTimer;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(L::Stream, Endpoint)>> {
        self.inner.poll_accept_socket(cx)
    }

    async fn handshake(
        acceptor: &Acceptor,
        stream: &mut L::Stream,
        peer: Endpoint,
    ) -> Result<Established, AcceptError> {
        handshake(acceptor, stream, peer).await
    }
}

macro_rules! socket {
    ($stream:ty) => {
        impl Socket for $stream {
            fn poll_recv(&self, cx: &mut Context<'_>, slot: &mut [u8], mode: ReadMode) -> Poll<io::Result<usize>> {
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

impl SocketListener for TcpListener {
    type Stream = TcpStream;

    fn poll_accept_socket(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, Endpoint)>> {
        let (stream, peer) = ready!(self.poll_accept(cx))?;
        Poll::Ready(Ok((stream, peer.into())))
    }
}

impl SocketListener for UnixListener {
    type Stream = UnixStream;

    fn poll_accept_socket(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, Endpoint)>> {
        let (stream, peer) = ready!(self.poll_accept(cx))?;
        Poll::Ready(Ok((stream, UnixName::from(&std::os::unix::net::SocketAddr::from(peer)).into())))
    }
}
