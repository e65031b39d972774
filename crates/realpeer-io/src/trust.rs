//! Whom to trust (R12, R13, R79).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

use crate::Endpoint;

/// What to do with a connection, decided by its immediate peer before a byte of it is read.
///
/// ```
/// use realpeer_io::{Endpoint, Policy, Verdict};
///
/// // Local monitoring speaks to the server directly, everybody else through the balancer.
/// let policy = |peer: &Endpoint| match peer.as_address().ip() {
///     Some(ip) if ip.is_loopback() => Verdict::Bypass,
///     _ => Verdict::Require,
/// };
/// let monitor = Endpoint::from("127.0.0.1:4711".parse::<std::net::SocketAddr>()?);
/// assert_eq!(policy.verdict(&monitor), Verdict::Bypass);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The peer is a proxy: it must send a header, and is believed.
    Require,
    /// The peer is no proxy: it must not send a header. What looks like one is payload.
    Bypass,
    /// The peer is not to be talked to.
    Refuse,
}

/// Decides about peers. Any `Fn(&Endpoint) -> Verdict` is one; [`Trust`] is the one most servers want.
pub trait Policy: Send + Sync {
    /// What to do with a connection from `peer`. It should depend on nothing but `peer` and what was configured.
    fn verdict(&self, peer: &Endpoint) -> Verdict;
}

impl<F: Fn(&Endpoint) -> Verdict + Send + Sync> Policy for F {
    fn verdict(&self, peer: &Endpoint) -> Verdict {
        self(peer)
    }
}

/// A list of proxies that are believed. All others are refused, unless [`otherwise`](Self::otherwise) says so.
///
/// An IPv4-mapped address is the IPv4 address it maps, on both sides of a match: `::ffff:10.0.0.1` is in
/// `10.0.0.0/8` and `10.0.0.1` in `::ffff:10.0.0.0/104`. A network of IPv6 addresses that is wider than the mapped
/// ones, such as `::/0`, holds no IPv4 address.
///
/// ```
/// use realpeer_io::{Endpoint, Policy, Trust, Verdict};
///
/// let trust: Trust = "10.0.0.0/8".parse()?;
/// let trust = trust.and("2001:db8::1".parse()?).and(Trust::unix());
///
/// let proxy: std::net::SocketAddr = "[::ffff:10.1.2.3]:4711".parse()?;
/// let stranger: std::net::SocketAddr = "192.0.2.1:4711".parse()?;
/// assert_eq!(trust.verdict(&proxy.into()), Verdict::Require);
/// assert_eq!(trust.verdict(&stranger.into()), Verdict::Refuse);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    networks: Vec<IpNet>,
    unix: bool,
    anyone: bool,
    otherwise: Verdict,
}

/// A text that names nobody to trust: neither an IP address, nor a network, nor `unix`, nor `anyone`.
///
/// ```
/// let error = "10.0.0.0/33".parse::<realpeer_io::Trust>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "\"10.0.0.0/33\" is neither an address, nor a network such as 10.0.0.0/8, nor unix, nor anyone"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseTrustError {
    text: String,
}

impl Trust {
    /// Believes peers in these networks.
    pub fn networks(networks: impl IntoIterator<Item = IpNet>) -> Self {
        let networks = networks.into_iter().map(canonical).collect();
        Self { networks, unix: false, anyone: false, otherwise: Verdict::Refuse }
    }

    /// Believes peers on UNIX sockets: who may connect there is up to the permissions of the socket's path.
    pub fn unix() -> Self {
        Self { unix: true, ..Self::networks([]) }
    }

    /// Believes everybody, so that anybody who can reach the server can claim any address. For servers that nobody
    /// but the proxy can reach.
    pub fn anyone() -> Self {
        Self { anyone: true, ..Self::networks([]) }
    }

    /// Believes those whom `self` or `other` believes.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.networks.extend(other.networks);
        self.unix |= other.unix;
        self.anyone |= other.anyone;
        self
    }

    /// What to do with all others: [`Verdict::Refuse`] unless set, or [`Verdict::Bypass`].
    #[must_use]
    pub fn otherwise(mut self, verdict: Verdict) -> Self {
        self.otherwise = verdict;
        self
    }

    fn believes(&self, peer: &Endpoint) -> bool {
        self.anyone
            || match peer {
                Endpoint::Inet(addr) => {
                    let ip = addr.ip().to_canonical();
                    self.networks.iter().any(|network| network.contains(&ip))
                }
                Endpoint::Unix(_) => self.unix,
            }
    }
}

impl Policy for Trust {
    fn verdict(&self, peer: &Endpoint) -> Verdict {
        if self.believes(peer) { Verdict::Require } else { self.otherwise }
    }
}

impl FromStr for Trust {
    type Err = ParseTrustError;

    /// From an address, a network such as `10.0.0.0/8`, `unix` or `anyone`.
    fn from_str(text: &str) -> Result<Self, ParseTrustError> {
        match text {
            "unix" => Ok(Self::unix()),
            "anyone" => Ok(Self::anyone()),
            _ => (text.parse::<IpNet>().ok())
                .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
                .map(|network| Self::networks([network]))
                .ok_or_else(|| ParseTrustError { text: text.into() }),
        }
    }
}

/// The bits that all IPv4-mapped addresses begin with.
const MAPPED_PREFIX: u8 = 96;

/// A network of mapped addresses as the IPv4 network that it is. In a wider one the last of the bits that they begin
/// with is 0, so its own address is none of them.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let v4 = || {
        let len = v6.prefix_len().checked_sub(MAPPED_PREFIX)?;
        Ipv4Net::new(v6.network().to_ipv4_mapped()?, len).ok()
    };
    v4().map_or(network, IpNet::V4)
}

impl fmt::Display for ParseTrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is neither an address, nor a network such as 10.0.0.0/8, nor unix, nor anyone",
            self.text
        )
    }
}

impl std::error::Error for ParseTrustError {}
