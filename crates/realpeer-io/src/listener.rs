//! A listener on any asynchronous runtime that accepts connections at once and reads their headers later.

use std::marker::PhantomData;
use std::{fmt, io};

use crate::{
    AcceptError, AcceptRetry, Accepting, Acceptor, Accepts, Endpoint, Established, Handshakes, ReadyListener,
    Runtime,
};

/// A listener that knows whom to trust. The adapters name it with their runtime for `R`.
///
/// [`accept`](Self::accept) reads nothing from the connection, so that no peer can hold up another: run the handshake
/// of the [`Incoming`] in a task of its own. For frameworks that want one established connection after the other, see
/// [`EstablishedListener`](crate::EstablishedListener); to have also those that failed,
/// [`into_ready`](Self::into_ready).
pub struct Listener<R, L> {
    inner: L,
    acceptor: Acceptor,
    runtime: PhantomData<fn() -> R>,
}

/// A connection of which nothing has been read yet, and its handshake. See [`Listener`].
///
/// A connection has one handshake, and one deadline, which counts from the time it was accepted:
///
/// - `handshake`, dropped while it waits, then `handshake == handshake`: the second call goes on where the first stopped.
/// - `handshake == result`, then `handshake == result`: after the end nothing is read again.
pub struct Incoming<R: Runtime, S> {
    stream: S,
    accepting: Accepting<R::Instant>,
}

impl<R: Accepts<L>, L> Listener<R, L> {
    /// Creates a listener that accepts from `inner` with `acceptor`.
    pub fn new(inner: L, acceptor: Acceptor) -> Self {
        Self { inner, acceptor, runtime: PhantomData }
    }

    /// Accepts a connection and reads nothing from it. Several tasks may do so at once.
    ///
    /// Where file descriptors or memory run out, it waits a moment and goes on; errors of single connections are passed
    /// over.
    ///
    /// # Errors
    ///
    /// Permanent errors of the listening socket.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no connection is lost.
    pub async fn accept(&self) -> io::Result<Incoming<R, R::Stream>> {
        let mut retry = AcceptRetry::default();
        loop {
            match R::accept(&self.inner).await {
                Ok((stream, peer)) => return Ok(Incoming::new(stream, peer, &self.acceptor)),
                Err(error) => {
                    if let Some(pause) = retry.after(error)? {
                        R::sleep_until(R::now() + pause).await;
                    }
                }
            }
        }
    }

    /// Turns this into a listener that runs at most `max_pending` handshakes at a time (at least one) and returns
    /// whichever connection is ready first.
    pub fn into_ready(self, max_pending: usize) -> ReadyListener<R, L> {
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

impl<R: Handshakes<S>, S> Incoming<R, S> {
    /// Creates the handshake of a connection from `peer`, accepted now.
    pub fn new(stream: S, peer: impl Into<Endpoint>, acceptor: &Acceptor) -> Self {
        Self { stream, accepting: acceptor.accepted(peer, R::now()) }
    }

    /// Reads the header, if the policy wants one. It waits for the peer until the [deadline](Acceptor::with_timeout) at
    /// the longest, which counts from the time the connection was accepted.
    ///
    /// Called again after its end, it returns the same result and reads nothing.
    ///
    /// # Errors
    ///
    /// [`AcceptError`]; the connection is then best closed. What was consumed from it is still available:
    /// [`AcceptError::taken`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing is lost: the next call goes on where it stopped, with the same deadline.
    ///
    /// # Panics
    ///
    /// Where the policy does, and where the runtime has no timers.
    pub async fn handshake(&mut self) -> Result<Established, AcceptError> {
        R::handshake(&mut self.accepting, &mut self.stream).await
    }
}

impl<R: Runtime, S> Incoming<R, S> {
    /// Returns the socket's peer: the proxy, if it is one.
    pub fn peer(&self) -> &Endpoint {
        self.accepting.peer()
    }

    /// Returns the bytes that the handshake has consumed from the connection so far.
    ///
    /// `taken ++ what is still on the connection == what the peer sent`
    pub fn taken(&self) -> &[u8] {
        self.accepting.taken()
    }

    /// Returns the connection.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Returns the connection, to keep. Do so when the handshake has ended: what it consumed before is not part of the
    /// connection any more, see [`taken`](Self::taken).
    pub fn into_stream(self) -> S {
        self.stream
    }

    /// Returns the connection and its handshake, which may have ended or not.
    pub fn into_parts(self) -> (S, Accepting<R::Instant>) {
        (self.stream, self.accepting)
    }
}

impl<R, L: fmt::Debug> fmt::Debug for Listener<R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("inner", &self.inner).field("acceptor", &self.acceptor).finish()
    }
}

impl<R: Runtime, S: fmt::Debug> fmt::Debug for Incoming<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("stream", &self.stream)
            .field("peer", self.accepting.peer())
            .finish_non_exhaustive()
    }
}
