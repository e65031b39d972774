//! From a peer to an established connection.

use std::ops::Add;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;
use std::{fmt, io, mem};

use realpeer_proto::{Config, Handshake, HandshakeError, Header, ReadMode, Versions};

use crate::counters::Counters;
use crate::{AcceptError, Counts, Endpoint, Established, HeaderStorage, Policy, Verdict};

/// Whom a server trusts, and what it accepts of them. Clones are cheap and share their counters.
///
/// There is no default policy: a server that believes whoever connects can be told any address.
///
/// ```
/// use std::time::Duration;
/// use realpeer_io::{Acceptor, Trust};
///
/// let acceptor = Acceptor::new("10.0.0.0/8".parse::<Trust>()?).with_timeout(Duration::from_secs(3));
/// # drop(acceptor);
/// # Ok::<(), realpeer_io::TrustError>(())
/// ```
#[derive(Clone)]
pub struct Acceptor {
    config: Config,
    shared: Arc<Shared>,
}

struct Shared {
    policy: Box<dyn Policy>,
    counters: Counters,
}

/// A connection whose header is being read. `I` is an instant of the runtime's clock.
///
/// It is driven like a [`Handshake`], and knows of the policy too: of a peer that is refused or bypassed nothing is
/// read.
#[derive(Debug)]
pub struct Receiving<I> {
    shared: Arc<Shared>,
    peer: Endpoint,
    state: State<I>,
}

#[derive(Debug)]
enum State<I> {
    Open(Handshake<I, HeaderStorage>),
    Bypassed,
    Refused,
}

impl Acceptor {
    /// Accepts what [`Config::new`] accepts of those whom `policy` trusts.
    pub fn new(policy: impl Policy + 'static) -> Self {
        let shared = Shared { policy: Box::new(policy), counters: Counters::default() };
        Self { config: Config::new(), shared: Arc::new(shared) }
    }

    /// Accepts what `config` says.
    #[must_use]
    pub fn with_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Accepts only these versions; see [`Config::with_versions`].
    #[must_use]
    pub fn with_versions(self, versions: Versions) -> Self {
        let config = self.config.with_versions(versions);
        self.with_config(config)
    }

    /// The time for the whole header, 5 seconds unless set; see [`Config::with_timeout`].
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        let config = self.config.with_timeout(timeout);
        self.with_config(config)
    }

    /// The longest header accepted, 4,096 bytes unless set; see [`Config::with_max_header_len`].
    #[must_use]
    pub fn with_max_header_len(self, len: usize) -> Self {
        let config = self.config.with_max_header_len(len);
        self.with_config(config)
    }

    /// What is accepted.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How many connections came to what, all clones together.
    pub fn counts(&self) -> Counts {
        self.shared.counters.counts()
    }

    /// Begins with a connection from `peer`: asks the policy, and starts the clock.
    pub fn begin<I>(&self, peer: impl Into<Endpoint>, now: I) -> Receiving<I>
    where
        I: Copy + PartialOrd + Add<Duration, Output = I>,
    {
        let peer = peer.into();
        let state = match self.verdict(&peer) {
            Verdict::Require => {
                State::Open(Handshake::with_storage(&self.config, now, HeaderStorage::default()))
            }
            Verdict::Bypass => State::Bypassed,
            Verdict::Refuse => State::Refused,
        };
        Receiving { shared: self.shared.clone(), peer, state }
    }

    pub(crate) fn verdict(&self, peer: &Endpoint) -> Verdict {
        self.shared.policy.verdict(&peer.to_canonical())
    }

    pub(crate) fn count(&self, outcome: Result<Option<Header<'_>>, &AcceptError>) {
        self.shared.counters.count(outcome);
    }
}

impl<I> Receiving<I>
where
    I: Copy + PartialOrd + Add<Duration, Output = I>,
{
    /// When to call [`handle_timeout`](Self::handle_timeout), if at all; see [`Handshake::poll_timeout`].
    pub fn poll_timeout(&self) -> Option<I> {
        match &self.state {
            State::Open(handshake) => handshake.poll_timeout(),
            _ => None,
        }
    }

    /// Says what time it is; see [`Handshake::handle_timeout`].
    pub fn handle_timeout(&mut self, now: I) {
        if let State::Open(handshake) = &mut self.state {
            handshake.handle_timeout(now);
        }
    }

    /// Reads on with `read`; see [`Handshake::poll_with`]. Once it has been ready, it refuses.
    ///
    /// # Errors
    ///
    /// [`AcceptError`]; the connection is then best closed.
    pub fn poll_with(
        &mut self,
        read: impl FnMut(&mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<Result<Established, AcceptError>> {
        self.poll(|handshake| handshake.poll_with(read))
    }

    /// Reads on where the connection can be peeked at; see [`Handshake::poll_peek_with`].
    ///
    /// # Errors
    ///
    /// [`AcceptError`]; the connection is then best closed.
    pub fn poll_peek_with(
        &mut self,
        read: impl FnMut(&mut [u8], ReadMode) -> Poll<io::Result<usize>>,
    ) -> Poll<Result<Established, AcceptError>> {
        self.poll(|handshake| handshake.poll_peek_with(&mut [0; 536], read))
    }

    /// Reads on from a buffer of the caller's; see [`Handshake::poll_buf_with`].
    ///
    /// # Errors
    ///
    /// [`AcceptError`]; the connection is then best closed.
    pub fn poll_buf_with<R: ?Sized>(
        &mut self,
        reader: &mut R,
        mut fill: impl FnMut(&mut R) -> Poll<io::Result<&[u8]>>,
        mut consume: impl FnMut(&mut R, usize),
    ) -> Poll<Result<Established, AcceptError>> {
        self.poll(|handshake| {
            handshake.poll_buf_with(|hand_over| {
                let taken = hand_over(ready!(fill(reader))?);
                consume(reader, taken);
                Poll::Ready(Ok(()))
            })
        })
    }

    fn poll(
        &mut self,
        poll: impl FnOnce(&mut Handshake<I, HeaderStorage>) -> Poll<Result<(), HandshakeError<io::Error>>>,
    ) -> Poll<Result<Established, AcceptError>> {
        let outcome = match &mut self.state {
            State::Open(handshake) => ready!(poll(handshake))
                .map_err(|error| AcceptError::new(error, handshake.decoder().as_bytes().len())),
            State::Bypassed => Ok(()),
            State::Refused => Err(AcceptError::Refused),
        };
        let received = match mem::replace(&mut self.state, State::Refused) {
            State::Open(handshake) => Some(handshake.into_decoder()),
            _ => None,
        };
        let counters = &self.shared.counters;
        Poll::Ready(match outcome {
            Ok(()) => Ok(Established::new(self.peer.clone(), received, |header| counters.count(Ok(header)))),
            Err(error) => {
                counters.count(Err(&error));
                Err(error)
            }
        })
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("counts", &self.counters.counts()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("config", &self.config)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
