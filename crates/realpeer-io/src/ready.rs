//! Many handshakes at once, and whichever is ready first.

use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{fmt, io};

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::{AcceptError, AcceptFault, Acceptor, Endpoint, Established, Listen, PAUSE};

/// A connection whose handshake has ended, well or not.
#[derive(Debug)]
pub struct Accepted<S> {
    /// The connection, with all its bytes but those of the header.
    pub stream: S,
    /// The socket's peer.
    pub peer: Endpoint,
    /// Who is at its ends, or why it is not to be talked to.
    pub outcome: Result<Established, AcceptError>,
}

/// A listener that shakes hands with a bounded number of peers at a time and hands out whichever connection is ready
/// first: a silent peer delays nobody. The adapters name it with their runtime for `R`.
///
/// While the bound is reached nothing more is accepted, and the kernel's backlog is the queue. Where file
/// descriptors or memory run out, accepting pauses for a moment. A pending handshake takes about a kilobyte until it
/// gets more than 128 of its peer.
pub struct ReadyListener<R: Listen<L>, L> {
    inner: L,
    acceptor: Acceptor,
    max_pending: usize,
    pending: FuturesUnordered<Pending<R::Stream>>,
    pause: Option<Pin<Box<R::Sleep>>>,
    runtime: PhantomData<fn() -> R>,
}

type Pending<S> = Pin<Box<dyn Future<Output = Accepted<S>> + Send>>;

impl<R: Listen<L>, L> ReadyListener<R, L> {
    /// Accepts from `inner` as `acceptor` says, with at most `max_pending` handshakes at a time (at least one).
    pub fn new(inner: L, acceptor: Acceptor, max_pending: usize) -> Self {
        Self {
            inner,
            acceptor,
            max_pending: max_pending.max(1),
            pending: FuturesUnordered::new(),
            pause: None,
            runtime: PhantomData,
        }
    }

    /// The next connection whose handshake has ended, well or not. Dropping the future loses no connection and no
    /// byte: handshakes go on with the next call.
    ///
    /// # Errors
    ///
    /// Those of the listener itself that do not pass.
    pub async fn accept(&mut self) -> io::Result<Accepted<R::Stream>> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// The same, to be polled.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<R::Stream>>> {
        loop {
            if let Poll::Ready(Some(accepted)) = self.pending.poll_next_unpin(cx) {
                return Poll::Ready(Ok(accepted));
            }
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            if self.pending.len() >= self.max_pending {
                return Poll::Pending;
            }
            match ready!(R::poll_accept(&self.inner, cx)) {
                Ok((stream, peer)) => self.start(stream, peer),
                Err(error) => match AcceptFault::of(&error) {
                    AcceptFault::Connection => {}
                    AcceptFault::Exhausted => self.pause = Some(Box::pin(R::sleep_until(R::now() + PAUSE))),
                    AcceptFault::Listener => return Poll::Ready(Err(error)),
                },
            }
        }
    }

    /// How many handshakes are pending.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The listening socket.
    pub fn inner(&self) -> &L {
        &self.inner
    }

    /// What it accepts.
    pub fn acceptor(&self) -> &Acceptor {
        &self.acceptor
    }

    fn start(&mut self, stream: R::Stream, peer: Endpoint) {
        let acceptor = self.acceptor.clone();
        self.pending.push(Box::pin(async move {
            let outcome = R::handshake(&acceptor, &stream, peer.clone()).await;
            Accepted { stream, peer, outcome }
        }));
    }
}

impl<R: Listen<L>, L: fmt::Debug> fmt::Debug for ReadyListener<R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyListener")
            .field("inner", &self.inner)
            .field("acceptor", &self.acceptor)
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}
