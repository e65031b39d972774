//! A listener that runs many handshakes at once on any asynchronous runtime and returns whichever is ready first.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{fmt, io};

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::{AcceptRetry, Acceptor, Accepts, Endpoint, Finished};

/// A listener that runs a bounded number of handshakes at a time and hands out whichever connection is ready first: a
/// silent peer delays nobody. The adapters name it with their runtime for `R`.
///
/// While the bound is reached nothing more is accepted, and the kernel's backlog is the queue. Where file
/// descriptors or memory run out, accepting pauses for a moment. A pending handshake takes about a kilobyte until it
/// gets more than 128 bytes of its peer.
///
/// To shut down, [`drain`](Self::drain) what is pending, or drop it, which closes those connections.
pub struct ReadyListener<R: Accepts<L>, L> {
    inner: L,
    acceptor: Acceptor,
    max_pending: usize,
    pending: FuturesUnordered<R::Pending>,
    accept: R::Accept,
    retry: AcceptRetry,
    pause: Option<Pin<Box<R::Sleep>>>,
    /// An error of the listener, kept until nothing is pending.
    failed: Option<io::Error>,
}

impl<R: Accepts<L>, L> ReadyListener<R, L> {
    /// Creates a listener that accepts from `inner` with `acceptor`, with at most `max_pending` handshakes at a time
    /// (at least one).
    pub fn new(inner: L, acceptor: Acceptor, max_pending: usize) -> Self {
        Self {
            inner,
            acceptor,
            max_pending: max_pending.max(1),
            pending: FuturesUnordered::new(),
            accept: R::Accept::default(),
            retry: AcceptRetry::default(),
            pause: None,
            failed: None,
        }
    }

    /// Returns the next connection whose handshake has ended, well or not.
    ///
    /// # Errors
    ///
    /// Permanent errors of the listening socket, once all that were pending have been handed out.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no connection and no byte is lost: handshakes go on with the next call.
    pub async fn accept(&mut self) -> io::Result<Finished<R::Stream>> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Polls for the next connection whose handshake has ended; see [`accept`](Self::accept).
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Finished<R::Stream>>> {
        loop {
            if let Poll::Ready(Some(finished)) = self.pending.poll_next_unpin(cx) {
                return Poll::Ready(Ok(finished));
            }
            if self.failed.is_some() && self.pending.is_empty() {
                return Poll::Ready(Err(self.failed.take().unwrap_or_else(|| io::ErrorKind::Other.into())));
            }
            if self.failed.is_some() || self.pending.len() >= self.max_pending {
                return Poll::Pending;
            }
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match ready!(R::poll_accept(&self.inner, &mut self.accept, cx)) {
                Ok((stream, peer)) => {
                    self.retry.accepted();
                    self.start(stream, peer);
                }
                Err(error) => match self.retry.after(error) {
                    Ok(pause) => {
                        self.pause = pause.map(|pause| Box::pin(R::sleep_until(R::now() + pause)));
                    }
                    Err(error) => self.failed = Some(error),
                },
            }
        }
    }

    /// Accepts nothing more, and returns the next of the pending connections whose handshake has ended; `None` once all
    /// have been handed out. Each ends by its deadline.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no connection and no byte is lost.
    pub async fn drain(&mut self) -> Option<Finished<R::Stream>> {
        self.pending.next().await
    }

    /// Polls for the next of the pending connections whose handshake has ended; see [`drain`](Self::drain).
    pub fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<Option<Finished<R::Stream>>> {
        self.pending.poll_next_unpin(cx)
    }

    /// Returns how many handshakes are pending.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Returns the listening socket.
    pub fn inner(&self) -> &L {
        &self.inner
    }

    /// Returns the acceptor.
    pub fn acceptor(&self) -> &Acceptor {
        &self.acceptor
    }

    /// Takes the listener apart. Connections that are pending are closed: [`drain`](Self::drain) them first.
    pub fn into_parts(self) -> (L, Acceptor) {
        (self.inner, self.acceptor)
    }

    fn start(&mut self, stream: R::Stream, peer: Endpoint) {
        self.pending.push(R::pend(stream, self.acceptor.begin(peer, R::now())));
    }
}

impl<R: Accepts<L>, L: fmt::Debug> fmt::Debug for ReadyListener<R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyListener")
            .field("inner", &self.inner)
            .field("acceptor", &self.acceptor)
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}
