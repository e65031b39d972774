//! An acceptor: whom a server trusts, what it accepts from them, and how often it did.

use std::fmt;
use std::ops::Add;
use std::sync::Arc;
use std::time::Duration;

use realpeer_proto::{Config, Header, Versions};

use crate::counters::Counters;
use crate::{AcceptError, Accepting, Counts, Endpoint, Policy, Verdict};

/// A server's decision whom to trust, and what to accept from them. Clones are cheap and share their counters.
///
/// There is no default policy: a server that believes everyone who connects can be told any address.
///
/// ```
/// use std::time::Duration;
/// use realpeer::{Acceptor, Trust};
///
/// let acceptor = Acceptor::new("10.0.0.0/8".parse::<Trust>()?).with_timeout(Duration::from_secs(3));
/// # drop(acceptor);
/// # Ok::<(), realpeer::TrustError>(())
/// ```
#[derive(Clone)]
pub struct Acceptor {
    config: Config,
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    policy: Box<dyn Policy>,
    counters: Counters,
}

impl Acceptor {
    /// Creates an acceptor that accepts what [`Config::new`] accepts, from those whom `policy` trusts.
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

    /// Sets the time for the whole header, 5 seconds unless set; see [`Config::with_timeout`].
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        let config = self.config.with_timeout(timeout);
        self.with_config(config)
    }

    /// Sets the length of the longest header accepted, 4,096 bytes unless set; see [`Config::with_max_header_len`].
    #[must_use]
    pub fn with_max_header_len(self, len: usize) -> Self {
        let config = self.config.with_max_header_len(len);
        self.with_config(config)
    }

    /// Returns the versions and limits.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns how many connections had which outcome, of all clones together.
    pub fn counts(&self) -> Counts {
        self.shared.counters.counts()
    }

    /// Begins the handshake of a connection from `peer`: asks the policy, and starts the clock.
    pub fn begin<I>(&self, peer: impl Into<Endpoint>, now: I) -> Accepting<I>
    where
        I: Copy + PartialOrd + Add<Duration, Output = I>,
    {
        let mut accepting = self.accepted(peer, now);
        accepting.ask();
        accepting
    }

    /// Begins the handshake of a connection from `peer` that was accepted `now`: starts the clock, and asks the policy
    /// when the handshake is first polled, so that a slow or panicking policy does not affect the accepting loop.
    pub fn accepted<I>(&self, peer: impl Into<Endpoint>, now: I) -> Accepting<I>
    where
        I: Copy + PartialOrd + Add<Duration, Output = I>,
    {
        Accepting::new(self, peer.into(), now)
    }

    pub(crate) fn verdict(&self, peer: &Endpoint) -> Verdict {
        self.shared.verdict(peer)
    }

    pub(crate) fn count(&self, outcome: Result<Option<Header<'_>>, &AcceptError>) {
        self.shared.count(outcome);
    }
}

impl Shared {
    pub(crate) fn verdict(&self, peer: &Endpoint) -> Verdict {
        self.policy.verdict(&peer.to_canonical())
    }

    pub(crate) fn count(&self, outcome: Result<Option<Header<'_>>, &AcceptError>) {
        self.counters.count(outcome);
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
