//! One connection from its peer's address to its outcome. Owns the handshake; reads nothing by itself.

use std::ops::Add;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;
use std::{fmt, io};

use realpeer_proto::{Config, Handshake, HandshakeError, ReadMode};

use crate::acceptor::Shared;
use crate::danger::{self, Detect};
use crate::{AcceptError, Acceptor, Endpoint, Established, HeaderStorage, Verdict};

/// A connection that is being accepted: the policy has been asked, and the header is read if there is to be one.
///
/// This is the driver of every adapter. `I` is an instant of the runtime's clock. To drive one that
/// [`Acceptor::begin`] returned:
///
/// 1. Poll it, with a closure that reads from the connection without waiting.
/// 2. While it is pending, wait until the connection is readable, and until [`poll_timeout`](Self::poll_timeout) at the
///    longest.
/// 3. Call [`handle_timeout`](Self::handle_timeout) with the time, and go on at 1.
///
/// What holds, whatever the order of the calls:
///
/// - `poll == Ready(result)`, then `poll == Ready(result)` again: it reads nothing more and counts the connection once.
/// - `taken() ++ what is left on the connection == everything the peer sent`
/// - A peer that is refused or bypassed is never read from, and its result is due at once: `poll_timeout` is the time at
///   which it began.
/// - A header that arrived in time is accepted, however late it is looked at.
///
/// ```
/// use std::io::Read;
/// use std::task::Poll;
/// use std::time::Instant;
/// use realpeer::{Acceptor, Trust};
///
/// let mut connection = &b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello"[..];
/// let proxy: std::net::SocketAddr = "127.0.0.1:4711".parse()?;
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
///
/// let mut accepting = acceptor.begin(proxy, Instant::now());
/// let Poll::Ready(result) = accepting.poll_with(|slot| Poll::Ready(connection.read(slot))) else {
///     panic!("the header is complete");
/// };
/// assert_eq!(result?.source().to_string(), "192.0.2.1:56324");
/// assert_eq!(connection, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is read until it is polled"]
pub struct Accepting<I> {
    shared: Arc<Shared>,
    peer: Endpoint,
    state: State<I>,
    /// When the result is due; none once it has been handed out.
    due: Option<I>,
}

#[derive(Debug)]
enum State<I> {
    /// Accepted at that time; the policy has not been asked.
    Accepted(I, Config),
    Reading(Handshake<I, HeaderStorage>, Expected),
    Ended(Result<Established, AcceptError>),
}

/// What the policy expects of the peer.
#[derive(Clone, Copy, Debug)]
enum Expected {
    Header,
    /// A header that this allows, or none.
    HeaderOrNone(Detect, Config),
}

impl<I> Accepting<I> {
    /// Returns the socket's peer: the proxy, if it is one.
    pub fn peer(&self) -> &Endpoint {
        &self.peer
    }

    /// Returns the result, once there is one; polling then reads nothing more.
    ///
    /// It does not know the socket's own address, which adapters add to what they return.
    pub fn result(&self) -> Option<&Result<Established, AcceptError>> {
        match &self.state {
            State::Ended(result) => Some(result),
            State::Accepted(..) | State::Reading(..) => None,
        }
    }
}

impl<I> Accepting<I>
where
    I: Copy + PartialOrd + Add<Duration, Output = I>,
{
    pub(crate) fn new(acceptor: &Acceptor, peer: Endpoint, now: I) -> Self {
        let state = State::Accepted(now, *acceptor.config());
        Self { shared: acceptor.shared.clone(), peer, state, due: Some(now) }
    }

    /// Asks the policy, unless that has been done. A policy that panics leaves things as they were.
    pub(crate) fn ask(&mut self) {
        let State::Accepted(accepted, config) = &self.state else { return };
        let (config, expected) = match self.shared.verdict(&self.peer) {
            Verdict::Require => (*config, Expected::Header),
            Verdict::Detect(detect) => (Detect::config(config), Expected::HeaderOrNone(detect, *config)),
            Verdict::Bypass => return self.conclude(Ok(Established::without_header(self.peer.clone()))),
            Verdict::Refuse => return self.conclude(Err(AcceptError::Refused { peer: self.peer.clone() })),
        };
        let storage = HeaderStorage::with_limit(config.max_header_len());
        let handshake = Handshake::with_storage(&config, *accepted, storage);
        self.due = handshake.poll_timeout();
        self.state = State::Reading(handshake, expected);
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout) and poll; `None` once a poll has returned the
    /// result. Until then it never changes.
    pub fn poll_timeout(&self) -> Option<I> {
        self.due
    }

    /// Tells the handshake the time. The clock decides, not the timer: before the deadline this does nothing. The next
    /// poll after the deadline reads once more, and is ready.
    pub fn handle_timeout(&mut self, now: I) {
        self.ask();
        if let State::Reading(handshake, _) = &mut self.state {
            handshake.handle_timeout(now);
        }
    }

    /// Reads on with `read`; see [`Handshake::poll_with`]. An interrupted read is tried again; one that would block is
    /// pending.
    ///
    /// # Errors
    ///
    /// [`AcceptError`]; the connection is then best closed.
    pub fn poll_with(
        &mut self,
        mut read: impl FnMut(&mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<Result<Established, AcceptError>> {
        self.poll(|handshake| handshake.poll_with(|slot| settled(|| read(slot))))
    }

    /// Reads on where the connection can be peeked at; see [`Handshake::poll_peek_with`]. Otherwise as
    /// [`poll_with`](Self::poll_with), and the two may be mixed.
    ///
    /// # Errors
    ///
    /// [`AcceptError`]; the connection is then best closed.
    pub fn poll_peek_with(
        &mut self,
        mut read: impl FnMut(&mut [u8], ReadMode) -> Poll<io::Result<usize>>,
    ) -> Poll<Result<Established, AcceptError>> {
        self.poll(|handshake| {
            handshake.poll_peek_with(&mut [0; 536], |slot, mode| settled(|| read(slot, mode)))
        })
    }

    /// Reads on from the caller's buffer that reads ahead; see [`Handshake::poll_buf_with`]. Otherwise as
    /// [`poll_with`](Self::poll_with), and the three may be mixed.
    ///
    /// # Errors
    ///
    /// [`AcceptError`]; the connection is then best closed.
    pub fn poll_buf_with(
        &mut self,
        mut read: impl FnMut(&mut dyn FnMut(&[u8]) -> usize) -> Poll<io::Result<()>>,
    ) -> Poll<Result<Established, AcceptError>> {
        self.poll(|handshake| handshake.poll_buf_with(|hand_over| settled(|| read(hand_over))))
    }

    /// Ends the handshake with an error of the connection that came up elsewhere, such as while waiting for it. If
    /// there is a result already, that one stays.
    ///
    /// # Errors
    ///
    /// Always those of the result, which may be an earlier one.
    pub fn fail(&mut self, error: io::Error) -> Result<Established, AcceptError> {
        self.ask();
        if let State::Reading(..) = self.state {
            self.end(Err(HandshakeError::Io(error)));
        }
        self.hand_out()
    }

    /// Returns the bytes consumed from the connection so far: the start of a header, the whole header, or, after a
    /// failure, what was taken before the peer turned out to send none. Bytes that were only peeked at do not count.
    ///
    /// `taken ++ what is still on the connection == what the peer sent`
    pub fn taken(&self) -> &[u8] {
        match &self.state {
            State::Accepted(..) => &[],
            State::Reading(handshake, _) => handshake.taken(),
            State::Ended(Ok(established)) => established.taken(),
            State::Ended(Err(error)) => error.taken(),
        }
    }

    fn poll(
        &mut self,
        poll: impl FnOnce(&mut Handshake<I, HeaderStorage>) -> Poll<Result<(), HandshakeError<io::Error>>>,
    ) -> Poll<Result<Established, AcceptError>> {
        self.ask();
        if let State::Reading(handshake, _) = &mut self.state {
            let ended = ready!(poll(handshake));
            self.end(ended);
        }
        Poll::Ready(self.hand_out())
    }

    fn end(&mut self, ended: Result<(), HandshakeError<io::Error>>) {
        let State::Reading(handshake, expected) = &self.state else { return };
        let established = || Established::new(self.peer.clone(), Some(handshake.decoder().clone()));
        let result = match (ended, expected) {
            (Ok(()), Expected::Header) => Ok(established()),
            (Ok(()), Expected::HeaderOrNone(_, config)) => {
                danger::check_version(handshake.taken(), config).map(|()| established())
            }
            (Err(error), Expected::HeaderOrNone(detect, _))
                if detect.is_without_header(&error, handshake.decoder().as_bytes()) =>
            {
                Ok(Established::without_header_after(self.peer.clone(), handshake.taken()))
            }
            (Err(error), _) => Err(AcceptError::new(error, handshake)),
        };
        self.conclude(result);
    }

    fn conclude(&mut self, result: Result<Established, AcceptError>) {
        self.shared.count(result.as_ref().map(Established::header));
        self.state = State::Ended(result);
    }

    /// Hands out the result, which the callers have made sure of.
    fn hand_out(&mut self) -> Result<Established, AcceptError> {
        self.due = None;
        match &self.state {
            State::Ended(result) => result.clone(),
            State::Accepted(..) | State::Reading(..) => Err(AcceptError::Closed),
        }
    }
}

/// Reads until something comes of it. What would block is pending, also to the handshake, which may have looked a last
/// time with it.
fn settled<T>(mut read: impl FnMut() -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
    loop {
        match read() {
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            read => return read,
        }
    }
}

impl<I: fmt::Debug> fmt::Debug for Accepting<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepting")
            .field("peer", &self.peer)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
