//! A listener on any asynchronous runtime, whose connections are accepted at once and shaken hands with later.

use std::marker::PhantomData;
use std::{fmt, io};

use crate::{
    AcceptError, AcceptFault, Acceptor, Connection, Endpoint, Established, Listen, PAUSE, ReadyListener,
};

/// A listener that knows whom to trust. The adapters name it with their runtime for `R`.
///
/// [`accept`](Self::accept) reads nothing from the connection, so that no peer can hold up the others: shake hands
/// with the [`Incoming`] in a task of its own. For frameworks that want whole connections one after the other, see
/// [`into_ready`](Self::into_ready).
pub struct Listener<R, L> {
    inner: L,
    acceptor: Acceptor,
    runtime: PhantomData<fn() -> R>,
}

/// A connection of which nothing has been read yet. See [`Listener`].
pub struct Incoming<R, S> {
    stream: S,
    peer: Endpoint,
    acceptor: Acceptor,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Listen<L>, L> Listener<R, L> {
    /// Accepts from `inner` as `acceptor` says.
    pub fn new(inner: L, acceptor: Acceptor) -> Self {
        Self { inner, acceptor, runtime: PhantomData }
    }

    /// Accepts a connection and reads nothing from it. Where file descriptors or memory run out, it waits a moment
    /// and goes on. Several tasks may do so at once. Dropping the future loses no connection.
    ///
    /// # Errors
    ///
    /// Those of the listener itself that do not pass.
    pub async fn accept(&self) -> io::Result<Incoming<R, R::Stream>> {
        loop {
            match R::accept(&self.inner).await {
                Ok((stream, peer)) => return Ok(Incoming::new(stream, peer, self.acceptor.clone())),
                Err(error) => match AcceptFault::of(&error) {
                    AcceptFault::Connection => {}
                    AcceptFault::Exhausted => {
                        R::sleep_until(R::now() + PAUSE).await;
                    }
                    AcceptFault::Listener => return Err(error),
                },
            }
        }
    }

    /// A listener that shakes hands with at most `max_pending` peers at a time (at least one) and gives whichever is
    /// ready first.
    pub fn into_ready(self, max_pending: usize) -> ReadyListener<R, L> {
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

impl<R: Connection<S>, S> Incoming<R, S> {
    /// A connection from `peer`.
    pub fn new(stream: S, peer: impl Into<Endpoint>, acceptor: Acceptor) -> Self {
        Self { stream, peer: peer.into(), acceptor, runtime: PhantomData }
    }

    /// The socket's peer: the proxy, if it is one.
    pub fn peer(&self) -> &Endpoint {
        &self.peer
    }

    /// Reads the header. Whatever comes of it, the connection has lost no byte but those of the header.
    ///
    /// It waits for the peer until the [deadline](Acceptor::with_timeout) at the longest. Should the future be
    /// dropped before, what has come of the header is lost with it.
    ///
    /// # Errors
    ///
    /// [`AcceptError`]; the connection is then best closed.
    pub async fn handshake(&self) -> Result<Established, AcceptError> {
        R::handshake(&self.acceptor, &self.stream, self.peer.clone()).await
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

impl<R, L: fmt::Debug> fmt::Debug for Listener<R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("inner", &self.inner).field("acceptor", &self.acceptor).finish()
    }
}

impl<R, S: fmt::Debug> fmt::Debug for Incoming<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("stream", &self.stream)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
