//! A set of many connections that are being accepted at once, by token. Owns them, their bound and their deadlines; no
//! I/O.

use std::collections::{HashMap, VecDeque};
use std::ops::Add;
use std::task::Poll;
use std::time::{Duration, Instant};
use std::{fmt, io};

use realpeer_proto::ReadMode;

use crate::{AcceptError, Accepting, Acceptor, Endpoint, Established};

/// A connection whose handshake has ended, well or not.
#[non_exhaustive]
#[derive(Debug)]
pub struct Finished<S> {
    /// The connection. The handshake consumed the header from it, or else [`AcceptError::taken`].
    pub stream: S,
    /// The socket's peer.
    pub peer: Endpoint,
    /// Who is at the connection's ends, or why it was not accepted.
    pub result: Result<Established, AcceptError>,
}

/// Names a connection among those of a [`Pending`] set.
///
/// As a number, which event queues keep with each descriptor, it is less than `usize::MAX / 2`. The number of a
/// connection that has ended is not used again before all others have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PendingToken(usize);

const TOKENS: usize = usize::MAX / 2;

/// A bounded set of connections whose headers are being read, for event loops: it knows whom to poll when, and does no
/// I/O itself. `S` is a connection, with whatever the loop wants to keep with it; `I` an instant of its clock.
///
/// To drive it:
///
/// 1. While it is not [full](Self::is_full), accept connections. [`insert`](Self::insert) each, and
///    [`poll`](Self::poll) it once; if it does not end, wait for it to become readable.
/// 2. When a connection is readable, `poll` it.
/// 3. Wait until [`poll_timeout`](Self::poll_timeout) at the longest, then `poll` each that [`expired`](Self::expired)
///    returns, which ends it.
///
/// The cost of each step does not depend on how many are pending.
///
/// ```
/// use std::io::{self, ErrorKind, Read, Write};
/// use std::net::{TcpListener, TcpStream};
/// use std::task::Poll;
/// use std::time::Instant;
///
/// use realpeer::proto::ReadMode;
/// use realpeer::{Acceptor, Pending, Trust};
///
/// fn read(stream: &mut TcpStream, slot: &mut [u8], mode: ReadMode) -> Poll<io::Result<usize>> {
///     let read = match mode {
///         ReadMode::Peek => stream.peek(slot),
///         ReadMode::Take => stream.read(slot),
///     };
///     match read {
///         Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
///         read => Poll::Ready(read),
///     }
/// }
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut pending = Pending::new(Acceptor::new("127.0.0.1".parse::<Trust>()?), 1024);
///
/// let mut proxy = TcpStream::connect(listener.local_addr()?)?;
/// proxy.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n")?;
/// let (stream, peer) = listener.accept()?;
/// stream.set_nonblocking(true)?;
/// let token = pending.insert(stream, peer, Instant::now());
///
/// let finished = loop {
///     // A loop would wait here until the connection is readable, or `pending.poll_timeout()`.
///     if let Some(finished) = pending.poll(token, read) {
///         break finished;
///     }
/// };
/// assert_eq!(finished.result?.source().to_string(), "192.0.2.1:56324");
/// assert!(pending.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct Pending<S, I = Instant> {
    acceptor: Acceptor,
    max: usize,
    connections: HashMap<PendingToken, Connection<S, I>>,
    /// Soonest first. Some are of connections that have ended.
    deadlines: VecDeque<(I, PendingToken)>,
    next: usize,
}

#[derive(Debug)]
struct Connection<S, I> {
    stream: S,
    accepting: Accepting<I>,
}

impl<S> Finished<S> {
    /// Creates one of a connection from `peer` whose handshake ended with `result`.
    pub fn new(stream: S, peer: impl Into<Endpoint>, result: Result<Established, AcceptError>) -> Self {
        Self { stream, peer: peer.into(), result }
    }

    /// Changes the connection, as into another runtime's stream, and keeps what is known of it.
    ///
    /// ```
    /// use std::io::Cursor;
    /// use realpeer::{Established, Finished};
    ///
    /// let peer: std::net::SocketAddr = "192.0.2.1:56324".parse()?;
    /// let finished = Finished::new(*b"hello", peer, Ok(Established::without_header(peer)));
    /// let finished: Finished<Cursor<[u8; 5]>> = finished.map(Cursor::new);
    /// assert_eq!(finished.peer, peer.into());
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn map<T>(self, change: impl FnOnce(S) -> T) -> Finished<T> {
        Finished { stream: change(self.stream), peer: self.peer, result: self.result }
    }
}

impl<S, I> Pending<S, I>
where
    I: Copy + PartialOrd + Add<Duration, Output = I>,
{
    /// Creates a set for at most `max` connections (at least one), which are accepted as `acceptor` says.
    pub fn new(acceptor: Acceptor, max: usize) -> Self {
        Self { acceptor, max: max.max(1), connections: HashMap::new(), deadlines: VecDeque::new(), next: 0 }
    }

    /// Adds a connection from `peer`: asks the policy, and starts the clock. Poll it next: it may be ready at once.
    ///
    /// It is the caller that keeps the bound: a full set takes more.
    pub fn insert(&mut self, stream: S, peer: impl Into<Endpoint>, now: I) -> PendingToken {
        let accepting = self.acceptor.begin(peer, now);
        let token = self.unused_token();
        if let Some(deadline) = accepting.poll_timeout() {
            // All have the same time to end, so a deadline to come is the last of all.
            if deadline > now {
                self.deadlines.push_back((deadline, token));
            } else {
                self.deadlines.push_front((deadline, token));
            }
        }
        self.connections.insert(token, Connection { stream, accepting });
        token
    }

    /// Reads on from a connection with `read`, which peeks or reads without waiting; see
    /// [`Accepting::poll_peek_with`]. Returns it once its handshake has ended, and forgets its token then; `None` while
    /// it is pending, and for tokens that are not in this set, or no longer.
    pub fn poll(
        &mut self,
        token: PendingToken,
        mut read: impl FnMut(&mut S, &mut [u8], ReadMode) -> Poll<io::Result<usize>>,
    ) -> Option<Finished<S>> {
        let Connection { stream, accepting } = self.connections.get_mut(&token)?;
        match accepting.poll_peek_with(|slot, mode| read(stream, slot, mode)) {
            Poll::Ready(result) => self.finish(token, result),
            Poll::Pending => None,
        }
    }

    /// Ends a connection with an error of its own, such as when it can't be waited for.
    pub fn fail(&mut self, token: PendingToken, error: io::Error) -> Option<Finished<S>> {
        let result = self.connections.get_mut(&token)?.accepting.fail(error);
        self.finish(token, result)
    }

    /// Returns when to ask for those that have [`expired`](Self::expired); `None` if none are pending.
    pub fn poll_timeout(&mut self) -> Option<I> {
        while let Some((deadline, token)) = self.deadlines.front() {
            if self.connections.contains_key(token) {
                return Some(*deadline);
            }
            self.deadlines.pop_front();
        }
        None
    }

    /// Returns a connection whose deadline has passed. Poll it: it reads a last time, and ends.
    pub fn expired(&mut self, now: I) -> Option<PendingToken> {
        loop {
            let &(deadline, token) = self.deadlines.front()?;
            if deadline > now {
                return None;
            }
            self.deadlines.pop_front();
            if let Some(connection) = self.connections.get_mut(&token) {
                connection.accepting.handle_timeout(now);
                return Some(token);
            }
        }
    }

    /// Returns a connection that is pending.
    pub fn get(&self, token: PendingToken) -> Option<&S> {
        self.connections.get(&token).map(|connection| &connection.stream)
    }

    /// Takes a connection out of the set before its handshake has ended, to go on with it elsewhere.
    pub fn remove(&mut self, token: PendingToken) -> Option<(S, Accepting<I>)> {
        let Connection { stream, accepting } = self.connections.remove(&token)?;
        self.tidy();
        Some((stream, accepting))
    }

    /// Takes all connections out of the set, in no order.
    pub fn drain(&mut self) -> impl Iterator<Item = (S, Accepting<I>)> {
        self.deadlines.clear();
        self.connections.drain().map(|(_, Connection { stream, accepting })| (stream, accepting))
    }

    /// Returns how many connections are pending.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Returns whether none are pending.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Returns whether as many are pending as may be: accept no more.
    pub fn is_full(&self) -> bool {
        self.connections.len() >= self.max
    }

    /// Returns the acceptor that the connections are accepted with.
    pub fn acceptor(&self) -> &Acceptor {
        &self.acceptor
    }

    fn finish(
        &mut self,
        token: PendingToken,
        result: Result<Established, AcceptError>,
    ) -> Option<Finished<S>> {
        let (stream, accepting) = self.remove(token)?;
        Some(Finished { stream, peer: accepting.peer().clone(), result })
    }

    /// Counters of 32 bits start over while some connection may still be pending.
    fn unused_token(&mut self) -> PendingToken {
        loop {
            let token = PendingToken(self.next);
            self.next = (self.next + 1) % TOKENS;
            if !self.connections.contains_key(&token) {
                return token;
            }
        }
    }

    /// Under load most connections end long before their time, and leave their deadlines behind.
    fn tidy(&mut self) {
        if self.deadlines.len() > 2 * self.connections.len() + 1024 {
            self.deadlines.retain(|(_, token)| self.connections.contains_key(token));
        }
    }
}

impl From<PendingToken> for usize {
    fn from(token: PendingToken) -> Self {
        token.0
    }
}

impl From<usize> for PendingToken {
    fn from(token: usize) -> Self {
        Self(token)
    }
}

impl<S, I> fmt::Debug for Pending<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("acceptor", &self.acceptor)
            .field("pending", &self.connections.len())
            .field("max", &self.max)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::Trust;

    /// At most two are kept for each pending connection, and 1,024 more.
    #[test]
    fn deadlines_of_the_ended_are_forgotten_in_time() {
        let mut pending = Pending::new(Acceptor::new(Trust::anyone()), 10);
        let peer = SocketAddr::from(([127, 0, 0, 1], 4711));
        let insert = |pending: &mut Pending<(), Duration>| pending.insert((), peer, Duration::ZERO);
        let stays: Vec<_> = (0..10).map(|_| insert(&mut pending)).collect();
        for ended in 1..=1034 {
            let token = insert(&mut pending);
            drop(pending.remove(token).unwrap());
            assert_eq!(pending.deadlines.len(), 10 + ended);
        }
        let token = insert(&mut pending);
        drop(pending.remove(token).unwrap());
        assert!(pending.deadlines.iter().map(|(_, token)| token).eq(&stays));
    }
}
