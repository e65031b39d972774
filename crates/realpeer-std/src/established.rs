//! A listener for frameworks that block: connections whose header has been read, and no others.

use std::io;
use std::time::{Duration, Instant};

use realpeer_io::socket::{SocketListener, local_endpoint};
use realpeer_io::{AcceptError, Acceptor, Endpoint, Established, Rejections};

use crate::ready::is_over;
use crate::{ReadyListener, Waker};

/// A [`ReadyListener`] that hands out established connections only, as frameworks want them.
///
/// With [`danger::DetectHeader`](realpeer_io::danger::DetectHeader), [`Established::taken_payload`] comes before what is
/// read from the stream; otherwise it is empty.
///
/// Connections whose handshake fails are closed. [`Acceptor::counts`] says how many and why; see
/// [`on_reject`](Self::on_reject) for what is logged of them.
///
/// ```
/// use std::io::Write;
/// use std::net::{TcpListener, TcpStream};
/// use realpeer::{Acceptor, Trust};
/// use realpeer::blocking::EstablishedListener;
///
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let addr = listener.local_addr()?;
/// let mut listener = EstablishedListener::new(listener, acceptor, 1024)?
///     .on_reject(|peer, error| eprintln!("{peer}: {error}"));
///
/// TcpStream::connect(addr)?.write_all(b"GET / HTTP/1.1\r\n")?; // no header
/// TcpStream::connect(addr)?.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n")?;
///
/// let (_stream, established) = listener.accept()?;
/// assert_eq!(established.source().to_string(), "192.0.2.1:56324");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct EstablishedListener<L: SocketListener> {
    ready: ReadyListener<L>,
    rejections: Rejections,
}

/// How many connections may be rejected after the timeout: a good one may follow them, but the call has to end.
const LATE: usize = 64;

impl<L: SocketListener> EstablishedListener<L> {
    /// Creates a listener that accepts from `inner` with `acceptor`; see [`ReadyListener::new`].
    ///
    /// # Errors
    ///
    /// Those of the system's event queue.
    pub fn new(inner: L, acceptor: Acceptor, max_pending: usize) -> io::Result<Self> {
        ReadyListener::new(inner, acceptor, max_pending).map(Self::from)
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

    /// Returns the next connection whose header has been read. It is in blocking mode.
    ///
    /// # Errors
    ///
    /// As [`ReadyListener::accept`].
    pub fn accept(&mut self) -> io::Result<(L::Stream, Established)> {
        loop {
            if let Some(accepted) = self.rejections.sift(self.ready.accept()?) {
                return Ok(accepted);
            }
        }
    }

    /// Returns the next connection whose header has been read, or `None` after `timeout` or if it is
    /// [woken](ReadyListener::waker). Rejected connections don't extend the timeout. Those that are ready when it ends are
    /// still looked at, up to a limit.
    ///
    /// # Errors
    ///
    /// As [`ReadyListener::accept`].
    pub fn accept_timeout(&mut self, timeout: Duration) -> io::Result<Option<(L::Stream, Established)>> {
        let end = Instant::now().checked_add(timeout);
        let mut late = 0;
        loop {
            let Some(finished) = self.ready.accept_until(end)? else { return Ok(None) };
            if let Some(accepted) = self.rejections.sift(finished) {
                return Ok(Some(accepted));
            }
            late += usize::from(is_over(end));
            if late > LATE {
                return Ok(None);
            }
        }
    }

    /// Accepts nothing more, and returns the next of the pending connections whose header has been read; see
    /// [`ReadyListener::drain`].
    ///
    /// # Errors
    ///
    /// Those of the system's event queue.
    pub fn drain(&mut self) -> io::Result<Option<(L::Stream, Established)>> {
        loop {
            let Some(finished) = self.ready.drain()? else { return Ok(None) };
            if let Some(accepted) = self.rejections.sift(finished) {
                return Ok(Some(accepted));
            }
        }
    }

    /// Returns a waker for a thread that accepts; see [`ReadyListener::waker`].
    pub fn waker(&self) -> Waker {
        self.ready.waker()
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

    /// Takes the listener apart; see [`ReadyListener::into_parts`].
    pub fn into_parts(self) -> (L, Acceptor) {
        self.ready.into_parts()
    }

    /// Returns the listener's local address, wrapped in an [`Established`] for frameworks that want it in the form of a
    /// connection's.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the socket is neither of IP nor of UNIX.
    pub fn local_addr(&self) -> io::Result<Established> {
        let local = local_endpoint(self.inner()).ok_or(io::ErrorKind::Unsupported)?;
        Ok(Established::without_header(local))
    }
}

impl<L: SocketListener> From<ReadyListener<L>> for EstablishedListener<L> {
    fn from(ready: ReadyListener<L>) -> Self {
        Self { ready, rejections: Rejections::default() }
    }
}
