//! A listener that accepts connections at once and reads their headers later.

use std::io;
use std::os::fd::AsFd;
use std::thread;
use std::time::Instant;

use realpeer_io::socket::SocketListener;
use realpeer_io::{AcceptError, AcceptRetry, Accepting, Acceptor, Endpoint, Established};

use crate::{ReadyListener, drive};

/// A listener that knows whom to trust.
///
/// [`accept`](Self::accept) reads nothing from the connection, so that no peer can hold up another: hand the
/// [`Incoming`] to a thread of its own and run the handshake there. Without threads, or to accept with a time limit, see
/// [`ReadyListener`].
///
/// ```
/// use std::net::TcpListener;
/// use realpeer::{Acceptor, Trust};
/// use realpeer::proto::Encoder;
///
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let listener = realpeer::blocking::Listener::new(TcpListener::bind("127.0.0.1:0")?, acceptor);
///
/// let checker = realpeer::blocking::connect(listener.inner().local_addr()?, Encoder::local(), b"")?;
/// let established = listener.accept()?.handshake()?;
/// assert_eq!(established.source().socket_addr(), Some(checker.local_addr()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Listener<L> {
    inner: L,
    acceptor: Acceptor,
}

/// A connection of which nothing has been read yet, and its handshake. See [`Listener`].
///
/// A connection has one handshake, and one deadline, which counts from the time it was accepted.
///
/// ```
/// use std::os::unix::net::UnixStream;
/// use realpeer::{Acceptor, Trust, UnixName};
///
/// let (client, server) = UnixStream::pair()?;
/// drop(client);
/// let mut incoming = realpeer::blocking::Incoming::new(server, UnixName::default(), &Acceptor::new(Trust::unix()));
/// assert_eq!(incoming.handshake().unwrap_err().kind(), "closed");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Incoming<S> {
    stream: S,
    accepting: Accepting<Instant>,
}

impl<L: SocketListener> Listener<L> {
    /// Creates a listener that accepts from `inner` with `acceptor`.
    pub fn new(inner: L, acceptor: Acceptor) -> Self {
        Self { inner, acceptor }
    }

    /// Accepts a connection and reads nothing from it. Several threads may do so at once.
    ///
    /// Where file descriptors or memory run out, it waits a moment and goes on; errors of single connections are passed
    /// over.
    ///
    /// # Errors
    ///
    /// Permanent errors of the listening socket; `WouldBlock` if it is in non-blocking mode.
    pub fn accept(&self) -> io::Result<Incoming<L::Stream>> {
        let mut retry = AcceptRetry::default();
        loop {
            match self.inner.accept_socket() {
                Ok((stream, peer)) => return Ok(Incoming::new(stream, peer, &self.acceptor)),
                Err(error) => {
                    if let Some(pause) = retry.after(error)? {
                        thread::sleep(pause);
                    }
                }
            }
        }
    }

    /// Turns this into a listener that runs at most `max_pending` handshakes at a time (at least one) and returns
    /// whichever connection is ready first.
    ///
    /// # Errors
    ///
    /// Those of the system's event queue.
    pub fn into_ready(self, max_pending: usize) -> io::Result<ReadyListener<L>> {
        ReadyListener::new(self.inner, self.acceptor, max_pending)
    }

    /// Returns the listening socket.
    pub fn inner(&self) -> &L {
        &self.inner
    }

    /// Returns the acceptor.
    pub fn acceptor(&self) -> &Acceptor {
        &self.acceptor
    }

    /// Takes the listener apart.
    pub fn into_parts(self) -> (L, Acceptor) {
        (self.inner, self.acceptor)
    }
}

impl<S: AsFd> Incoming<S> {
    /// Creates the handshake of a connection from `peer`, accepted now.
    pub fn new(stream: S, peer: impl Into<Endpoint>, acceptor: &Acceptor) -> Self {
        Self { stream, accepting: acceptor.accepted(peer, Instant::now()) }
    }

    /// Returns the socket's peer: the proxy, if it is one.
    pub fn peer(&self) -> &Endpoint {
        self.accepting.peer()
    }

    /// Reads the header, if the policy wants one. It waits for the peer until the
    /// [deadline](Acceptor::with_timeout) at the longest, which counts from the time the connection was accepted.
    ///
    /// Called again, it returns the same result and reads nothing.
    ///
    /// # Errors
    ///
    /// [`AcceptError`]; the connection is then best closed. What was consumed from it is still available:
    /// [`AcceptError::taken`].
    ///
    /// # Panics
    ///
    /// Where the policy does.
    pub fn handshake(&mut self) -> Result<Established, AcceptError> {
        drive(&mut self.accepting, &self.stream)
    }

    /// Returns the bytes that the handshake has consumed from the connection.
    ///
    /// `taken ++ what is still on the connection == what the peer sent`
    pub fn taken(&self) -> &[u8] {
        self.accepting.taken()
    }

    /// Returns the connection.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Returns the connection, to keep.
    pub fn into_stream(self) -> S {
        self.stream
    }

    /// Returns the connection and its handshake, which may have ended or not.
    pub fn into_parts(self) -> (S, Accepting<Instant>) {
        (self.stream, self.accepting)
    }
}
