//! A listener that runs many handshakes at once on one thread and returns whichever is ready first.

use std::collections::VecDeque;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, io, mem};

use mio::unix::SourceFd;
use mio::{Events, Interest, Token};
use realpeer_io::socket::{SocketListener, poll_recv, with_local};
use realpeer_io::{AcceptRetry, Acceptor, Endpoint, Finished, Pending, PendingToken};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::ioctl_fionbio;

/// A listener that runs a bounded number of handshakes at a time, on the caller's thread, and hands out whichever
/// connection is ready first: a silent peer delays nobody.
///
/// While the bound is reached nothing more is accepted, and the kernel's backlog is the queue. Where file
/// descriptors or memory run out, accepting pauses for a moment.
///
/// To shut down, [`wake`](Waker::wake) the thread that accepts, and [`drain`](Self::drain) what is pending.
///
/// ```
/// use std::net::{TcpListener, TcpStream};
/// use realpeer::{Acceptor, Trust};
/// use realpeer::proto::Encoder;
///
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let addr = listener.local_addr()?;
/// let mut listener = realpeer::blocking::ReadyListener::new(listener, acceptor, 1024)?;
///
/// let silent = TcpStream::connect(addr)?;
/// let good = realpeer::blocking::connect(addr, Encoder::local(), b"")?;
/// let finished = listener.accept()?;
/// assert_eq!(finished.result?.source().socket_addr(), Some(good.local_addr()?));
/// # drop(silent);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ReadyListener<L: SocketListener> {
    inner: L,
    /// None if the socket was in non-blocking mode before.
    mode: Option<BlockingAgain>,
    poll: mio::Poll,
    events: Events,
    waker: Waker,
    /// It has been woken, and nobody has been told.
    woken: bool,
    /// There may be a connection to accept.
    acceptable: bool,
    retry: AcceptRetry,
    /// No accepting before then.
    pause: Option<Instant>,
    pending: Pending<L::Stream>,
    finished: VecDeque<Finished<L::Stream>>,
    /// An error of the listener, kept until nothing is pending.
    failed: Option<io::Error>,
}

/// Wakes a thread that accepts from a [`ReadyListener`] or an [`EstablishedListener`](crate::EstablishedListener), from
/// any other. Clones wake the same thread.
#[derive(Clone, Debug)]
pub struct Waker(Arc<mio::Waker>);

/// Sets a socket back to blocking mode when dropped: the mode is shared with all processes that have the socket.
struct BlockingAgain(OwnedFd);

/// Connections have lower numbers.
const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);

impl<L: SocketListener> ReadyListener<L> {
    /// Creates a listener that accepts from `inner` with `acceptor`, with at most `max_pending` handshakes at a time
    /// (at least one). The socket is set to non-blocking mode, and back to what it was in the end.
    ///
    /// # Errors
    ///
    /// Those of the system's event queue.
    pub fn new(inner: L, acceptor: Acceptor, max_pending: usize) -> io::Result<Self> {
        let mode = BlockingAgain::after(&inner)?;
        inner.set_nonblocking(true)?;
        let poll = mio::Poll::new()?;
        poll.registry().register(&mut SourceFd(&inner.as_fd().as_raw_fd()), LISTENER, Interest::READABLE)?;
        let waker = Waker(Arc::new(mio::Waker::new(poll.registry(), WAKER)?));
        Ok(Self {
            inner,
            mode,
            poll,
            events: Events::with_capacity(256),
            waker,
            woken: false,
            acceptable: true,
            retry: AcceptRetry::default(),
            pause: None,
            pending: Pending::new(acceptor, max_pending),
            finished: VecDeque::new(),
            failed: None,
        })
    }

    /// Returns the next connection whose handshake has ended, well or not. It is in blocking mode.
    ///
    /// # Errors
    ///
    /// Permanent errors of the listening socket, once all that were pending have been handed out; and `Interrupted` if
    /// it is [woken](Self::waker).
    pub fn accept(&mut self) -> io::Result<Finished<L::Stream>> {
        self.accept_until(None)?.ok_or_else(|| io::ErrorKind::Interrupted.into())
    }

    /// Returns the next connection whose handshake has ended, well or not; `None` if there is none in time, or if it is
    /// [woken](Self::waker).
    ///
    /// # Errors
    ///
    /// Permanent errors of the listening socket, once all that were pending have been handed out.
    pub fn accept_timeout(&mut self, timeout: Duration) -> io::Result<Option<Finished<L::Stream>>> {
        self.accept_until(Instant::now().checked_add(timeout))
    }

    /// Accepts nothing more, and returns the next of the pending connections whose handshake has ended; `None` once all
    /// have been handed out. Each ends by its deadline.
    ///
    /// # Errors
    ///
    /// Those of the system's event queue.
    pub fn drain(&mut self) -> io::Result<Option<Finished<L::Stream>>> {
        loop {
            self.expire();
            if let Some(finished) = self.finished.pop_front() {
                return Ok(Some(finished));
            }
            if self.pending.is_empty() {
                return Ok(None);
            }
            self.wait(None)?;
        }
    }

    /// Returns a waker for a thread that accepts: the call it is in, or else the next one, returns at once.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
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
        self.pending.acceptor()
    }

    /// Takes the listener apart. The socket gets back the mode that it had. Connections that are pending are closed:
    /// [`drain`](Self::drain) them first.
    pub fn into_parts(self) -> (L, Acceptor) {
        drop(self.mode);
        (self.inner, self.pending.acceptor().clone())
    }

    pub(crate) fn accept_until(&mut self, end: Option<Instant>) -> io::Result<Option<Finished<L::Stream>>> {
        loop {
            self.expire();
            if let Some(finished) = self.finished.pop_front() {
                return Ok(Some(finished));
            }
            self.accept_pending();
            if self.pending.is_empty() && self.finished.is_empty() {
                if let Some(error) = self.failed.take() {
                    return Err(error);
                }
            }
            // Newcomers that are ready at once must not starve those that were pending before them.
            if self.finished.is_empty() || !self.pending.is_empty() {
                self.wait(end)?;
            }
            if self.finished.is_empty() && (mem::take(&mut self.woken) || is_over(end)) {
                return Ok(None);
            }
        }
    }

    /// Accepts what there is, up to the first connection that is ready at once.
    fn accept_pending(&mut self) {
        if self.failed.is_some() || self.pause.is_some_and(|end| Instant::now() < end) {
            return;
        }
        self.pause = None;
        while self.acceptable && self.finished.is_empty() && !self.pending.is_full() {
            match self.inner.accept_socket() {
                Ok((stream, peer)) => {
                    self.retry.accepted();
                    self.start(stream, peer);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.acceptable = false,
                Err(error) => match self.retry.after(error) {
                    Ok(None) => {}
                    Ok(Some(pause)) => {
                        self.pause = Some(Instant::now() + pause);
                        return;
                    }
                    Err(error) => {
                        self.failed = Some(error);
                        return;
                    }
                },
            }
        }
    }

    fn start(&mut self, stream: L::Stream, peer: Endpoint) {
        let token = self.pending.insert(stream, peer, Instant::now());
        let finished = self.poll_one(token);
        self.finished.extend(finished);
        let Some(stream) = self.pending.get(token) else { return };
        let fd = stream.as_fd().as_raw_fd();
        let registered =
            self.poll.registry().register(&mut SourceFd(&fd), Token(token.into()), Interest::READABLE);
        if let Err(error) = registered {
            let failed = self.pending.fail(token, error);
            self.finished.extend(failed);
        }
    }

    /// Ends the handshakes whose time is over.
    fn expire(&mut self) {
        let now = Instant::now();
        while let Some(token) = self.pending.expired(now) {
            self.progress(token);
        }
    }

    /// Waits until something can go on, and goes on with it. With a connection to hand out it only looks.
    fn wait(&mut self, end: Option<Instant>) -> io::Result<()> {
        let end = [self.pending.poll_timeout(), self.pause, end].into_iter().flatten().min();
        let timeout = if self.finished.is_empty() {
            end.map(|end| end.saturating_duration_since(Instant::now()))
        } else {
            Some(Duration::ZERO)
        };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Err(_) => return Ok(()),
            Ok(()) => {}
        }
        let tokens: Vec<_> = self.events.iter().map(mio::event::Event::token).collect();
        for token in tokens {
            match token {
                LISTENER => self.acceptable = true,
                WAKER => self.woken = true,
                Token(token) => self.progress(token.into()),
            }
        }
        Ok(())
    }

    fn progress(&mut self, token: PendingToken) {
        let Some(finished) = self.poll_one(token) else { return };
        // It has been registered. If this fails, closing the socket does the same.
        let _ = self.poll.registry().deregister(&mut SourceFd(&finished.stream.as_fd().as_raw_fd()));
        self.finished.push_back(finished);
    }

    fn poll_one(&mut self, token: PendingToken) -> Option<Finished<L::Stream>> {
        let polled = self.pending.poll(token, |stream, slot, mode| poll_recv(&*stream, slot, mode));
        let Finished { stream, peer, result, .. } = polled?;
        let result = result.map(|established| with_local(established, &stream));
        Some(Finished::new(stream, peer, result))
    }
}

/// Returns whether `end` has passed. Without one, the wait never ends.
pub(crate) fn is_over(end: Option<Instant>) -> bool {
    end.is_some_and(|end| Instant::now() >= end)
}

impl BlockingAgain {
    fn after(socket: &impl AsFd) -> io::Result<Option<Self>> {
        if fcntl_getfl(socket)?.contains(OFlags::NONBLOCK) {
            return Ok(None);
        }
        Ok(Some(Self(socket.as_fd().try_clone_to_owned()?)))
    }
}

impl Drop for BlockingAgain {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = ioctl_fionbio(&self.0, false);
    }
}

impl Waker {
    /// Wakes the thread that accepts, or else makes its next call return at once.
    ///
    /// # Errors
    ///
    /// Those of the system call.
    pub fn wake(&self) -> io::Result<()> {
        self.0.wake()
    }
}

impl<L: SocketListener + fmt::Debug> fmt::Debug for ReadyListener<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyListener")
            .field("inner", self.inner())
            .field("acceptor", self.acceptor())
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}
