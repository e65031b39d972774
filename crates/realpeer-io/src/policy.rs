//! Policies, which decide about a peer: the trait, its verdicts, and policies made of closures and pointers.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::Endpoint;
use crate::danger::Detect;

/// What to do with a connection, decided by its immediate peer before a byte of it is read.
///
/// ```
/// use realpeer::{Endpoint, Policy, Verdict, policy_fn};
///
/// // Local monitoring speaks to the server directly, everybody else through the balancer.
/// let policy = policy_fn(|peer| match peer.ip() {
///     Some(ip) if ip.is_loopback() => Verdict::Bypass,
///     _ => Verdict::Require,
/// });
/// // ::ffff:127.0.0.1 is how a dual-stack listener names 127.0.0.1.
/// for monitor in ["127.0.0.1:4711", "[::ffff:127.0.0.1]:4711", "[::1]:4711"] {
///     assert_eq!(policy.verdict(&monitor.parse()?), Verdict::Bypass);
/// }
/// # Ok::<(), realpeer::ParseEndpointError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The peer is a proxy: it must send a header, and is believed.
    Require,
    /// The peer is not a proxy: it must not send a header. What looks like one is payload.
    Bypass,
    /// The connection is closed without reading from it.
    Refuse,
    /// The peer may send a header or none: the verdict of [`danger::DetectHeader`](crate::danger::DetectHeader), for
    /// roll-outs, which the specification forbids.
    Detect(Detect),
}

/// Decides about peers. [`Trust`](crate::Trust) is the one most servers want, [`policy_fn`] makes one of a closure.
///
/// `Box<dyn Policy>`, `Arc<dyn Policy>` and `&dyn Policy` are policies too.
///
/// # Replacing a policy while the server runs
///
/// An `RwLock` around a policy is a policy. Keep a clone of the `Arc` and write to it; connections accepted from then
/// on are judged by the new one. Asking costs each connection one uncontended read lock.
///
/// ```
/// use std::sync::{Arc, RwLock};
/// use realpeer::{Acceptor, Policy, Trust, Verdict};
///
/// let trust = Arc::new(RwLock::new("10.0.0.0/8".parse::<Trust>()?));
/// let acceptor = Acceptor::new(trust.clone());
///
/// // Later, as on SIGHUP. Parse first: an error then leaves the old policy in place.
/// let reloaded = "10.0.0.0/8, 192.0.2.1".parse::<Trust>()?;
/// *trust.write().unwrap() = reloaded;
///
/// assert_eq!(trust.verdict(&"192.0.2.1:4711".parse()?), Verdict::Require);
/// # drop(acceptor);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Policy: Send + Sync {
    /// Decides what to do with a connection from `peer`.
    ///
    /// An [`Acceptor`](crate::Acceptor) asks once a connection, and names an IPv4 peer of a dual-stack listener by its
    /// IPv4 address: `peer` is [canonical](Endpoint::to_canonical). The verdict should depend on nothing but `peer`
    /// and what was configured.
    fn verdict(&self, peer: &Endpoint) -> Verdict;
}

/// A policy made from a closure. See [`policy_fn`].
#[must_use = "an acceptor has to be made with it"]
#[derive(Clone, Copy)]
pub struct PolicyFn<F>(F);

/// Makes a policy from a closure.
///
/// ```
/// use realpeer::{Acceptor, Verdict, policy_fn};
///
/// let acceptor = Acceptor::new(policy_fn(|peer| match peer.ip() {
///     Some(ip) if ip.is_ipv4() => Verdict::Require,
///     _ => Verdict::Refuse,
/// }));
/// # drop(acceptor);
/// ```
pub fn policy_fn<F>(decide: F) -> PolicyFn<F>
where
    F: Fn(&Endpoint) -> Verdict + Send + Sync,
{
    PolicyFn(decide)
}

impl<F> Policy for PolicyFn<F>
where
    F: Fn(&Endpoint) -> Verdict + Send + Sync,
{
    fn verdict(&self, peer: &Endpoint) -> Verdict {
        (self.0)(peer)
    }
}

impl<P: Policy + ?Sized> Policy for &P {
    fn verdict(&self, peer: &Endpoint) -> Verdict {
        (**self).verdict(peer)
    }
}

impl<P: Policy + ?Sized> Policy for Box<P> {
    fn verdict(&self, peer: &Endpoint) -> Verdict {
        (**self).verdict(peer)
    }
}

impl<P: Policy + ?Sized> Policy for Arc<P> {
    fn verdict(&self, peer: &Endpoint) -> Verdict {
        (**self).verdict(peer)
    }
}

impl<P: Policy + ?Sized> Policy for RwLock<P> {
    /// Asks the policy that is in place now. If a writer panicked, the server keeps running.
    fn verdict(&self, peer: &Endpoint) -> Verdict {
        self.read().unwrap_or_else(PoisonError::into_inner).verdict(peer)
    }
}

impl<F> fmt::Debug for PolicyFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyFn").finish_non_exhaustive()
    }
}
