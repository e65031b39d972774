//! Many handshakes at once, and whichever is ready first.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::{AcceptError, Acceptor, Endpoint, Established, Timer};

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

/// What an asynchronous adapter has to say of its listeners.
pub trait Listen {
    /// A connection.
    type Stream: Send + 'static;

    /// The runtime's timers.
    type Timer: Timer<Sleep: 'static>;

    /// Accepts a connection.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Endpoint)>>;

    /// Reads the header off a connection.
    fn handshake(
        acceptor: &Acceptor,
        stream: &mut Self::Stream,
        peer: Endpoint,
    ) -> impl Future<Output = Result<Established, AcceptError>> + Send;
}

/// The next connection of a listener, whatever passing trouble it has: where file descriptors or memory run out, it
/// pauses for a moment and goes on.
///
/// # Errors
///
/// Those of the listener itself that do not pass.
pub async fn accept<L: Listen>(listener: &L) -> io::Result<(L::Stream, Endpoint)> {
    loop {
        let error = match poll_fn(|cx| listener.poll_accept(cx)).await {
            Ok(accepted) => return Ok(accepted),
            Err(error) => error,
        };
        match AcceptFault::of(&error) {
            AcceptFault::Connection => {}
            AcceptFault::Exhausted => {
                <L::Timer as Timer>::sleep_until(<L::Timer as Timer>::now() + PAUSE).await;
            }
            AcceptFault::Listener => return Err(error),
        }
    }
}

/// What an error of `accept` means for the listener.
///
/// ```
/// use std::io;
/// use realpeer_io::AcceptFault;
///
/// assert_eq!(AcceptFault::of(&io::Error::from_raw_os_error(24)), AcceptFault::Exhausted); // EMFILE
/// assert_eq!(AcceptFault::of(&io::ErrorKind::ConnectionAborted.into()), AcceptFault::Connection);
/// assert_eq!(AcceptFault::of(&io::ErrorKind::InvalidInput.into()), AcceptFault::Listener);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AcceptFault {
    /// It concerns one connection, which is gone: go on.
    Connection,
    /// File descriptors or memory ran out: go on after a [`PAUSE`], for the connection is still waiting.
    Exhausted,
    /// The listener is of no more use.
    Listener,
}

/// A listener with the handshakes of its connections, of which a bounded number is pending.
///
/// A silent peer delays nobody: whichever connection is ready first is handed out. While the bound is reached
/// nothing more is accepted, and the kernel's backlog is the queue. Where file descriptors or memory run out,
/// accepting pauses for a moment.
pub struct Ready<L: Listen> {
    listener: L,
    acceptor: Acceptor,
    max_pending: usize,
    pending: FuturesUnordered<Pending<L::Stream>>,
    pause: Option<Pin<Box<<L::Timer as Timer>::Sleep>>>,
}

/// How long accepting pauses where file descriptors or memory run out.
pub const PAUSE: Duration = Duration::from_millis(50);

type Pending<S> = Pin<Box<dyn Future<Output = Accepted<S>> + Send>>;

impl<L: Listen> Ready<L> {
    /// Accepts from `listener` as `acceptor` says, with at most `max_pending` handshakes at a time (at least one).
    pub fn new(listener: L, acceptor: Acceptor, max_pending: usize) -> Self {
        let max_pending = max_pending.max(1);
        Self { listener, acceptor, max_pending, pending: FuturesUnordered::new(), pause: None }
    }

    /// The listener.
    pub fn listener(&self) -> &L {
        &self.listener
    }

    /// What it accepts.
    pub fn acceptor(&self) -> &Acceptor {
        &self.acceptor
    }

    /// How many handshakes are pending.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The next connection whose handshake has ended.
    ///
    /// # Errors
    ///
    /// Those of the listener itself that do not pass.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<L::Stream>>> {
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
            match ready!(self.listener.poll_accept(cx)) {
                Ok((stream, peer)) => self.start(stream, peer),
                Err(error) => match AcceptFault::of(&error) {
                    AcceptFault::Connection => {}
                    AcceptFault::Exhausted => {
                        let end = <L::Timer as Timer>::now() + PAUSE;
                        self.pause = Some(Box::pin(<L::Timer as Timer>::sleep_until(end)));
                    }
                    AcceptFault::Listener => return Poll::Ready(Err(error)),
                },
            }
        }
    }

    fn start(&mut self, mut stream: L::Stream, peer: Endpoint) {
        let acceptor = self.acceptor.clone();
        self.pending.push(Box::pin(async move {
            let outcome = L::handshake(&acceptor, &mut stream, peer.clone()).await;
            Accepted { stream, peer, outcome }
        }));
    }
}

impl<L: Listen + fmt::Debug> fmt::Debug for Ready<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready")
            .field("listener", &self.listener)
            .field("acceptor", &self.acceptor)
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}

impl AcceptFault {
    /// What `error`, which `accept` gave, means.
    pub fn of(error: &io::Error) -> Self {
        match error.kind() {
            // Pending errors of the network that Linux passes on to accept, and a firewall's veto.
            io::ErrorKind::Interrupted
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::TimedOut
            | io::ErrorKind::PermissionDenied => Self::Connection,
            io::ErrorKind::OutOfMemory => Self::Exhausted,
            _ => Self::of_os(error.raw_os_error()),
        }
    }

    #[cfg(unix)]
    fn of_os(code: Option<i32>) -> Self {
        use rustix::io::Errno;
        match code.map(Errno::from_raw_os_error) {
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Self::Exhausted,
            Some(Errno::PROTO | Errno::NOPROTOOPT | Errno::HOSTDOWN | Errno::OPNOTSUPP) => Self::Connection,
            _ => Self::Listener,
        }
    }

    #[cfg(not(unix))]
    fn of_os(_: Option<i32>) -> Self {
        Self::Listener
    }
}
