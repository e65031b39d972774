//! Counters of the outcomes of connections.

#[cfg(not(target_has_atomic = "64"))]
use std::sync::Mutex;
#[cfg(target_has_atomic = "64")]
use std::sync::atomic::{AtomicU64, Ordering};

use realpeer_proto::{Command, Header, Version};

use crate::AcceptError;

/// The number of connections, or datagrams, by outcome, since an [`Acceptor`](crate::Acceptor) was made.
///
/// ```
/// use realpeer::{Acceptor, Counts, Trust};
///
/// assert_eq!(Acceptor::new(Trust::unix()).counts(), Counts::default());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    /// Version 1 headers.
    pub v1: u64,
    /// Version 2 headers with the command PROXY.
    pub v2: u64,
    /// Version 2 headers with the command LOCAL, as of health checks.
    pub local: u64,
    /// Connections accepted without a header, by policy.
    pub bypassed: u64,
    /// Peers refused by policy.
    pub refused: u64,
    /// Peers that left without a byte.
    pub closed: u64,
    /// Headers broken or cut off.
    pub protocol: u64,
    /// Headers not complete by the deadline.
    pub timed_out: u64,
    /// Datagrams larger than the buffer for them.
    pub oversize: u64,
    /// Datagrams that may have been several.
    pub joined: u64,
    /// Connections that failed before their header was complete.
    pub io: u64,
}

/// A number that any thread may add to.
#[cfg(target_has_atomic = "64")]
#[derive(Debug, Default)]
struct Counter(AtomicU64);

/// A number that any thread may add to. Some processors of 32 bits can't count this far in one step.
#[cfg(not(target_has_atomic = "64"))]
#[derive(Debug, Default)]
struct Counter(Mutex<u64>);

#[derive(Debug, Default)]
pub(crate) struct Counters {
    v1: Counter,
    v2: Counter,
    local: Counter,
    bypassed: Counter,
    refused: Counter,
    closed: Counter,
    protocol: Counter,
    timed_out: Counter,
    oversize: Counter,
    joined: Counter,
    io: Counter,
}

impl Counters {
    pub(crate) fn count(&self, outcome: Result<Option<Header<'_>>, &AcceptError>) {
        let counter = match outcome {
            Ok(None) => &self.bypassed,
            Ok(Some(header)) => match (header.version(), header.command()) {
                (Version::V1, _) => &self.v1,
                (Version::V2, Command::Proxy) => &self.v2,
                (Version::V2, Command::Local) => &self.local,
            },
            Err(AcceptError::Refused { .. }) => &self.refused,
            Err(AcceptError::Closed) => &self.closed,
            Err(AcceptError::Protocol { .. }) => &self.protocol,
            Err(AcceptError::TimedOut { .. }) => &self.timed_out,
            Err(AcceptError::Oversize { .. }) => &self.oversize,
            Err(AcceptError::Joined) => &self.joined,
            Err(AcceptError::Io { .. }) => &self.io,
        };
        counter.add_one();
    }

    pub(crate) fn counts(&self) -> Counts {
        let read = |counter: &Counter| counter.read();
        Counts {
            v1: read(&self.v1),
            v2: read(&self.v2),
            local: read(&self.local),
            bypassed: read(&self.bypassed),
            refused: read(&self.refused),
            closed: read(&self.closed),
            protocol: read(&self.protocol),
            timed_out: read(&self.timed_out),
            oversize: read(&self.oversize),
            joined: read(&self.joined),
            io: read(&self.io),
        }
    }
}

#[cfg(target_has_atomic = "64")]
impl Counter {
    fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(not(target_has_atomic = "64"))]
impl Counter {
    fn add_one(&self) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += 1;
    }

    fn read(&self) -> u64 {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
