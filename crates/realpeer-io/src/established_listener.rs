//! A listener for frameworks on any asynchronous runtime: connections whose header has been read, and no others.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use crate::{AcceptError, Acceptor, Accepts, Endpoint, Established, Finished, ReadyListener, Rejections};

/// A [`ReadyListener`] that hands out established connections only, as frameworks want them. The adapters name it with
/// their runtime for `R`.
///
/// With [`danger::DetectHeader`](crate::danger::DetectHeader), [`Established::taken_payload`] comes before what is read
/// from the stream; otherwise it is empty.
///
/// Connections whose handshake fails are closed. [`Acceptor::counts`] says how many and why; see
/// [`on_reject`](Self::on_reject) for what is logged of them.
#[derive(Debug)]
pub struct EstablishedListener<R: Accepts<L>, L> {
    ready: ReadyListener<R, L>,
    rejections: Rejections,
}

impl<R: Accepts<L>, L> EstablishedListener<R, L> {
    /// Creates a listener that accepts from `inner` with `acceptor`, with at most `max_pending` handshakes at a time
    /// (at least one).
    pub fn new(inner: L, acceptor: Acceptor, max_pending: usize) -> Self {
        ReadyListener::new(inner, acceptor, max_pending).into()
    }

    /// Calls `hook` with the peer and the error of each connection that is rejected, instead of logging them.
    ///
    /// Without a hook, and with the feature `tracing`, each is a debug event; and a broken or missing header from a
    /// trusted peer, which is a proxy that is set up wrongly, is a warning, at most one a peer and minute.
    #[must_use]
    pub fn on_reject(mut self, hook: impl FnMut(&Endpoint, &AcceptError) + Send + 'static) -> Self {
        self.rejections = Rejections::to(hook);
        self
    }

    /// Returns the next connection whose header has been read.
    ///
    /// # Errors
    ///
    /// Permanent errors of the listening socket, once all that were pending have been handed out.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no connection and no byte is lost.
    pub async fn accept(&mut self) -> io::Result<(R::Stream, Established)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Polls for the next connection whose header has been read; see [`accept`](Self::accept).
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(R::Stream, Established)>> {
        loop {
            let finished = ready!(self.ready.poll_accept(cx))?;
            if let Some(accepted) = self.rejections.sift(finished) {
                return Poll::Ready(Ok(accepted));
            }
        }
    }

    /// Accepts nothing more, and returns the next of the pending connections whose header has been read; `None` once
    /// all have been handed out. Each ends by its deadline.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no connection and no byte is lost.
    pub async fn drain(&mut self) -> Option<(R::Stream, Established)> {
        loop {
            let finished: Finished<R::Stream> = self.ready.drain().await?;
            if let Some(accepted) = self.rejections.sift(finished) {
                return Some(accepted);
            }
        }
    }

    /// Returns how many handshakes are pending.
    pub fn pending(&self) -> usize {
        self.ready.pending()
    }

    /// Returns the listening socket.
    pub fn inner(&self) -> &L {
        self.ready.inner()
    }

    /// Returns the acceptor.
    pub fn acceptor(&self) -> &Acceptor {
        self.ready.acceptor()
    }

    /// Takes the listener apart. Connections that are pending are closed: [`drain`](Self::drain) them first.
    pub fn into_parts(self) -> (L, Acceptor) {
        self.ready.into_parts()
    }

    /// Returns the listener's local address, wrapped in an [`Established`] for frameworks that want it in the form of a
    /// connection's.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the socket is neither of IP nor of UNIX.
    #[cfg(unix)]
    pub fn local_addr(&self) -> io::Result<Established>
    where
        L: std::os::fd::AsFd,
    {
        let local = crate::socket::local_endpoint(self.inner()).ok_or(io::ErrorKind::Unsupported)?;
        Ok(Established::without_header(local))
    }
}

impl<R: Accepts<L>, L> From<ReadyListener<R, L>> for EstablishedListener<R, L> {
    fn from(ready: ReadyListener<R, L>) -> Self {
        Self { ready, rejections: Rejections::default() }
    }
}
