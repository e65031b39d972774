//! Listeners whose connections are accepted at once and shaken hands with later.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use realpeer_io::{AcceptError, AcceptFault, Acceptor, Endpoint, Established, PAUSE};

use crate::{ReadyListener, handshake};

/// A listening socket of std, TCP or UNIX.
pub trait SocketListener: AsFd {
    /// A connection.
    type Stream: AsFd;

    /// Accepts a connection.
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

/// A listener that knows whom to trust.
///
/// [`accept`](Self::accept) reads nothing from the connection, so that no peer can hold up the others: hand the
/// [`Incoming`] to a thread of its own and shake hands there. Without threads, see [`ReadyListener`].
///
/// ```
/// use std::net::TcpListener;
/// use realpeer_io::{Acceptor, Trust};
/// use realpeer_io::proto::Encoder;
///
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let listener = realpeer_std::Listener::new(TcpListener::bind("127.0.0.1:0")?, acceptor);
///
/// let checker = realpeer_std::connect(listener.inner().local_addr()?, Encoder::local(), b"")?;
/// let established = listener.accept()?.handshake()?;
/// assert_eq!(established.source().socket_addr(), Some(checker.local_addr()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Listener<L> {
    inner: L,
    acceptor: Acceptor,
}

/// A connection of which nothing has been read yet. See [`Listener`].
///
/// ```
/// use std::os::unix::net::UnixStream;
/// use realpeer_io::{Acceptor, Trust, UnixName};
///
/// let (client, server) = UnixStream::pair()?;
/// drop(client);
/// let incoming = realpeer_std::Incoming::new(server, UnixName::default(), Acceptor::new(Trust::unix()));
/// assert_eq!(incoming.handshake().unwrap_err().kind(), "closed");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Incoming<S> {
    stream: S,
    peer: Endpoint,
    acceptor: Acceptor,
}

impl<L: SocketListener> Listener<L> {
    /// Accepts from `inner` as `acceptor` says.
    pub fn new(inner: L, acceptor: Acceptor) -> Self {
        Self { inner, acceptor }
    }

    /// Accepts a connection and reads nothing from it. Where file descriptors or memory run out, it waits a moment
    /// and goes on.
    ///
    /// # Errors
    ///
    /// Those of the listener itself that do not pass; `WouldBlock` if it is in non-blocking mode.
    pub fn accept(&self) -> io::Result<Incoming<L::Stream>> {
        loop {
            match self.inner.accept_socket() {
                Ok((stream, peer)) => return Ok(Incoming::new(stream, peer, self.acceptor.clone())),
                Err(error) => match AcceptFault::of(&error) {
                    AcceptFault::Connection => {}
                    AcceptFault::Exhausted => thread::sleep(PAUSE),
                    AcceptFault::Listener => return Err(error),
                },
            }
        }
    }

    /// A listener that shakes hands with at most `max_pending` peers at a time and gives whichever is ready first.
    ///
    /// # Errors
    ///
    /// Those of the system's event queue.
    pub fn into_ready(self, max_pending: usize) -> io::Result<ReadyListener<L>> {
        ReadyListener::new(self.inner, self.acceptor, max_pending)
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

impl<S: AsFd> Incoming<S> {
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
    pub fn handshake(&self) -> Result<Established, AcceptError> {
        handshake(&self.acceptor, &self.stream, self.peer.clone())
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

impl SocketListener for TcpListener {
    type Stream = TcpStream;

    fn accept_socket(&self) -> io::Result<(TcpStream, Endpoint)> {
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

impl SocketListener for UnixListener {
    type Stream = UnixStream;

    fn accept_socket(&self) -> io::Result<(UnixStream, Endpoint)> {
        let (stream, peer) = self.accept()?;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        stream.set_nonblocking(false)?;
        Ok((stream, peer.into()))
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        Self::set_nonblocking(self, nonblocking)
    }
}
