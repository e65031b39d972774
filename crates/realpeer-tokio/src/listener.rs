//! Sockets and listeners of tokio.

use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

use realpeer_io::proto::ReadMode;
use realpeer_io::socket::{drive_socket, poll_recv};
use realpeer_io::{
    AcceptError, Accepting, Acceptor, Accepts, Endpoint, Established, Handshakes, SendPending, finish,
};
use tokio::io::Interest;
use tokio::net::unix::SocketAddr;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::Instant;

use crate::Tokio;

/// A connected stream socket of tokio, TCP or UNIX. It can't be implemented elsewhere.
pub trait Socket: AsFd + Send + Sync + sealed::Sealed + 'static {
    /// Peeks at what has arrived, or reads it.
    ///
    /// # Errors
    ///
    /// Those of `recv`.
    fn poll_recv(&self, cx: &mut Context<'_>, slot: &mut [u8], mode: ReadMode) -> Poll<io::Result<usize>>;
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for tokio::net::TcpStream {}
    impl Sealed for tokio::net::UnixStream {}
}

/// Reads the header of a connection from `peer`, if the policy wants one. The socket stays the caller's.
///
/// `peer` is what accepting returned with the socket. For one that came otherwise, as by inheritance, ask it:
/// [`Endpoint::of_peer`]. It is an argument because accepting has returned it already, at no cost, and so that tests, and
/// sockets handed over by another program, can name the peer that counts.
///
/// It waits for the peer until the [deadline](Acceptor::with_timeout) at the longest, which counts from the call.
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
/// close the connection. A handshake that can be dropped and resumed is [`Incoming::handshake`].
///
/// # Panics
///
/// If the header has to be waited for and the runtime has no timers.
///
/// ```
/// use realpeer::{Acceptor, Trust, UnixName};
/// use tokio::io::AsyncWriteExt;
/// use tokio::net::UnixStream;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (mut proxy, server) = UnixStream::pair()?;
/// proxy.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello").await?;
///
/// let acceptor = Acceptor::new(Trust::unix());
/// let established = realpeer::tokio::handshake(&acceptor, &server, UnixName::default()).await?;
/// assert_eq!(established.source().to_string(), "192.0.2.1:56324");
/// # Ok(())
/// # }
/// ```
pub async fn handshake<S: Socket>(
    acceptor: &Acceptor,
    stream: &S,
    peer: impl Into<Endpoint>,
) -> Result<Established, AcceptError> {
    handshake_on(&mut acceptor.begin(peer, Instant::now()), stream).await
}

async fn handshake_on<S: Socket>(
    accepting: &mut Accepting<Instant>,
    stream: &S,
) -> Result<Established, AcceptError> {
    drive_socket::<Tokio, _>(accepting, stream, |accepting, stream, cx| {
        accepting.poll_peek_with(|slot, mode| stream.poll_recv(cx, slot, mode))
    })
    .await
}

/// A listener that knows whom to trust.
///
/// [`accept`](Listener::accept) reads nothing from the connection, so that no peer can hold up another: run the
/// handshake of the [`Incoming`] in a task of its own. For frameworks that want one established connection after the
/// other, see [`EstablishedListener`].
///
/// ```
/// use realpeer::{Acceptor, Trust};
/// use realpeer::proto::Encoder;
/// use tokio::net::TcpListener;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let listener = realpeer::tokio::Listener::new(TcpListener::bind("127.0.0.1:0").await?, acceptor);
///
/// let checker = realpeer::tokio::connect(listener.inner().local_addr()?, Encoder::local(), b"").await?;
/// let established = listener.accept().await?.handshake().await?;
/// assert_eq!(established.source().socket_addr(), Some(checker.local_addr()?));
/// # Ok(())
/// # }
/// ```
pub type Listener<L> = realpeer_io::Listener<Tokio, L>;

/// A connection of which nothing has been read yet, and its handshake. See [`Listener`].
///
/// ```
/// use realpeer::{Acceptor, Trust, UnixName};
/// use tokio::net::UnixStream;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (client, server) = UnixStream::pair()?;
/// drop(client);
/// let acceptor = Acceptor::new(Trust::unix());
/// let mut incoming = realpeer::tokio::Incoming::new(server, UnixName::default(), &acceptor);
/// assert_eq!(incoming.handshake().await.unwrap_err().kind(), "closed");
/// # Ok(())
/// # }
/// ```
pub type Incoming<S> = realpeer_io::Incoming<Tokio, S>;

/// A listener that runs a bounded number of handshakes at a time and hands out whichever connection is ready first: a
/// silent peer delays nobody.
///
/// ```
/// use realpeer::{Acceptor, Trust};
/// use realpeer::proto::Encoder;
/// use tokio::net::{TcpListener, TcpStream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let addr = listener.local_addr()?;
/// let mut listener = realpeer::tokio::Listener::new(listener, acceptor).into_ready(1024);
///
/// let silent = TcpStream::connect(addr).await?;
/// let good = realpeer::tokio::connect(addr, Encoder::local(), b"").await?;
/// let finished = listener.accept().await?;
/// assert_eq!(finished.result?.source().socket_addr(), Some(good.local_addr()?));
/// # drop(silent);
/// # Ok(())
/// # }
/// ```
pub type ReadyListener<L> = realpeer_io::ReadyListener<Tokio, L>;

/// A [`ReadyListener`] that hands out established connections only, as frameworks want them.
///
/// Connections whose handshake fails are closed. [`Acceptor::counts`] says how many and why; see
/// [`on_reject`](EstablishedListener::on_reject) for what is logged of them.
///
/// ```
/// use realpeer::{Acceptor, Trust};
/// use realpeer::tokio::EstablishedListener;
/// use tokio::io::AsyncWriteExt;
/// use tokio::net::{TcpListener, TcpStream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let addr = listener.local_addr()?;
/// let mut listener = EstablishedListener::new(listener, acceptor, 1024);
///
/// TcpStream::connect(addr).await?.write_all(b"GET / HTTP/1.1\r\n").await?; // no header
/// TcpStream::connect(addr).await?.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n").await?;
///
/// let (_stream, established) = listener.accept().await?;
/// assert_eq!(established.source().to_string(), "192.0.2.1:56324");
/// # Ok(())
/// # }
/// ```
pub type EstablishedListener<L> = realpeer_io::EstablishedListener<Tokio, L>;

impl<S: Socket> Handshakes<S> for Tokio {
    async fn handshake(
        accepting: &mut Accepting<Instant>,
        stream: &mut S,
    ) -> Result<Established, AcceptError> {
        handshake_on(accepting, stream).await
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

macro_rules! listener {
    ($listener:ty, $stream:ty, $with_peer:expr) => {
        impl Accepts<$listener> for Tokio {
            type Stream = $stream;
            type Accept = ();
            type Pending = SendPending<$stream>;

            async fn accept(listener: &$listener) -> io::Result<($stream, Endpoint)> {
                let (stream, peer) = listener.accept().await?;
                Ok($with_peer(stream, peer))
            }

            fn poll_accept(
                listener: &$listener,
                (): &mut (),
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<($stream, Endpoint)>> {
                let (stream, peer) = ready!(listener.poll_accept(cx))?;
                Poll::Ready(Ok($with_peer(stream, peer)))
            }

            fn pend(stream: $stream, accepting: Accepting<Instant>) -> SendPending<$stream> {
                Box::pin(finish::<Self, _>(stream, accepting))
            }
        }
    };
}

listener!(TcpListener, TcpStream, |stream, peer: std::net::SocketAddr| (stream, Endpoint::from(peer)));
listener!(UnixListener, UnixStream, with_peer);

/// The connection with its peer's name. Accepting forgets abstract names; the socket itself knows them.
fn with_peer(stream: UnixStream, peer: SocketAddr) -> (UnixStream, Endpoint) {
    let peer = if peer.is_unnamed() { stream.peer_addr().unwrap_or(peer) } else { peer };
    (stream, peer.into())
}
