//! Many handshakes at once on one thread, and whichever is ready first.

use std::collections::{HashMap, VecDeque};
use std::os::fd::{AsFd, AsRawFd};
use std::task::Poll;
use std::time::{Duration, Instant};
use std::{fmt, io};

use mio::unix::SourceFd;
use mio::{Events, Interest, Token};
use realpeer_io::socket::{poll_recv, with_local};
use realpeer_io::{AcceptError, AcceptFault, Accepted, Acceptor, Endpoint, Established, PAUSE, Receiving};

use crate::SocketListener;

/// A listener that shakes hands with a bounded number of peers at a time, on the caller's thread, and hands out
/// whichever connection is ready first: a silent peer delays nobody.
///
/// While the bound is reached nothing more is accepted, and the kernel's backlog is the queue. Where file
/// descriptors or memory run out, accepting pauses for a moment.
///
/// ```
/// use std::net::{TcpListener, TcpStream};
/// use realpeer_io::{Acceptor, Trust};
/// use realpeer_io::proto::Encoder;
///
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let addr = listener.local_addr()?;
/// let mut listener = realpeer_std::ReadyListener::new(listener, acceptor, 1024)?;
///
/// let silent = TcpStream::connect(addr)?;
/// let good = realpeer_std::connect(addr, Encoder::local(), b"")?;
/// let accepted = listener.accept()?;
/// assert_eq!(accepted.outcome?.source().socket_addr(), Some(good.local_addr()?));
/// # drop(silent);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ReadyListener<L: SocketListener> {
    inner: L,
    acceptor: Acceptor,
    max_pending: usize,
    poll: mio::Poll,
    events: Events,
    /// There may be a connection to accept.
    acceptable: bool,
    /// No accepting before then.
    pause: Option<Instant>,
    pending: HashMap<Token, Pending<L::Stream>>,
    /// When the pending ones are to end, soonest first: all have the same time. Some have ended before.
    deadlines: VecDeque<(Instant, Token)>,
    /// The token of the next connection. The listener's is 0.
    next: usize,
    done: VecDeque<Accepted<L::Stream>>,
}

#[derive(Debug)]
struct Pending<S> {
    stream: S,
    peer: Endpoint,
    receiving: Receiving<Instant>,
}

const LISTENER: Token = Token(0);

impl<L: SocketListener> ReadyListener<L> {
    /// Accepts from `inner`, which it sets to non-blocking mode, as `acceptor` says, with at most `max_pending`
    /// handshakes at a time (at least one).
    ///
    /// # Errors
    ///
    /// Those of the system's event queue.
    pub fn new(inner: L, acceptor: Acceptor, max_pending: usize) -> io::Result<Self> {
        inner.set_nonblocking(true)?;
        let poll = mio::Poll::new()?;
        poll.registry().register(&mut SourceFd(&inner.as_fd().as_raw_fd()), LISTENER, Interest::READABLE)?;
        Ok(Self {
            inner,
            acceptor,
            max_pending: max_pending.max(1),
            poll,
            events: Events::with_capacity(256),
            acceptable: true,
            pause: None,
            pending: HashMap::new(),
            deadlines: VecDeque::new(),
            next: 1,
            done: VecDeque::new(),
        })
    }

    /// The next connection whose handshake has ended, well or not. It is in blocking mode.
    ///
    /// # Errors
    ///
    /// Those of the listener itself that do not pass.
    pub fn accept(&mut self) -> io::Result<Accepted<L::Stream>> {
        loop {
            if let Some(accepted) = self.done.pop_front() {
                return Ok(accepted);
            }
            self.accept_pending()?;
            self.expire();
            // Newcomers that are ready at once must not starve those that were pending before them.
            if self.done.is_empty() || !self.pending.is_empty() {
                self.wait()?;
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

    /// Accepts what there is, up to the first connection that is ready at once.
    fn accept_pending(&mut self) -> io::Result<()> {
        if self.pause.is_some_and(|end| Instant::now() < end) {
            return Ok(());
        }
        self.pause = None;
        while self.acceptable && self.done.is_empty() && self.pending.len() < self.max_pending {
            match self.inner.accept_socket() {
                Ok((stream, peer)) => self.start(stream, peer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.acceptable = false,
                Err(error) => match AcceptFault::of(&error) {
                    AcceptFault::Connection => {}
                    AcceptFault::Exhausted => {
                        self.pause = Some(Instant::now() + PAUSE);
                        return Ok(());
                    }
                    AcceptFault::Listener => return Err(error),
                },
            }
        }
        Ok(())
    }

    fn start(&mut self, stream: L::Stream, peer: Endpoint) {
        let receiving = self.acceptor.begin(peer.clone(), Instant::now());
        let mut pending = Pending { stream, peer, receiving };
        if let Poll::Ready(outcome) = pending.poll() {
            self.done.push_back(pending.end(outcome));
            return;
        }
        let token = Token(self.next);
        self.next += 1;
        let fd = pending.stream.as_fd().as_raw_fd();
        if let Err(error) = self.poll.registry().register(&mut SourceFd(&fd), token, Interest::READABLE) {
            self.done.push_back(pending.end(Err(error.into())));
            return;
        }
        if let Some(deadline) = pending.receiving.poll_timeout() {
            self.deadlines.push_back((deadline, token));
        }
        self.pending.insert(token, pending);
        // Under load most have ended long before their time.
        if self.deadlines.len() > 2 * self.pending.len() + 1024 {
            self.deadlines.retain(|(_, token)| self.pending.contains_key(token));
        }
    }

    /// Ends the handshakes whose time is over.
    fn expire(&mut self) {
        let now = Instant::now();
        while let Some(&(deadline, token)) = self.deadlines.front() {
            if self.pending.contains_key(&token) {
                if deadline > now {
                    return;
                }
                self.progress(token, Some(now));
            }
            self.deadlines.pop_front();
        }
    }

    /// Waits until something can go on, and goes on with it. With a connection to hand out it only looks.
    fn wait(&mut self) -> io::Result<()> {
        let deadline = self.deadlines.front().map(|&(deadline, _)| deadline);
        let end = [deadline, self.pause].into_iter().flatten().min();
        let timeout = if self.done.is_empty() {
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
                token => self.progress(token, None),
            }
        }
        Ok(())
    }

    fn progress(&mut self, token: Token, now: Option<Instant>) {
        let Some(pending) = self.pending.get_mut(&token) else { return };
        let mut polled = pending.poll();
        // What came in time counts, however late it is looked at.
        if let (Poll::Pending, Some(now)) = (&polled, now) {
            pending.receiving.handle_timeout(now);
            polled = pending.poll();
        }
        let Poll::Ready(outcome) = polled else { return };
        if let Some(pending) = self.pending.remove(&token) {
            // It has been registered. Should this fail, closing the socket does the same.
            let _ = self.poll.registry().deregister(&mut SourceFd(&pending.stream.as_fd().as_raw_fd()));
            self.done.push_back(pending.end(outcome));
        }
    }
}

impl<S: AsFd> Pending<S> {
    fn poll(&mut self) -> Poll<Result<Established, AcceptError>> {
        let Self { stream, receiving, .. } = self;
        receiving.poll_peek_with(|slot, mode| poll_recv(&*stream, slot, mode))
    }

    fn end(self, outcome: Result<Established, AcceptError>) -> Accepted<S> {
        let Self { stream, peer, .. } = self;
        let outcome = outcome.map(|established| with_local(established, &stream));
        Accepted { stream, peer, outcome }
    }
}

impl<L: SocketListener + fmt::Debug> fmt::Debug for ReadyListener<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyListener")
            .field("inner", &self.inner)
            .field("acceptor", &self.acceptor)
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}
