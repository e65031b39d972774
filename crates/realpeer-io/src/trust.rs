//! Trust by address.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::str::FromStr;
use std::{error, fmt};

use crate::network::{Network, NetworkError};
use crate::{Endpoint, Policy, Verdict};

/// The proxies that are believed: networks, UNIX peers, or anyone. All others are refused, unless
/// [`otherwise`](Self::otherwise) says something else.
///
/// It is a set: `a.and(b) == b.and(a)`, and `a.and(a) == a`. It is read from text and printed as text, and
/// `trust.to_string().parse() == trust`.
///
/// An IPv4-mapped address is the IPv4 address it maps, on both sides of a match: `::ffff:10.0.0.1` is in
/// `10.0.0.0/8`, and `10.0.0.1` is in `::ffff:10.0.0.0/104`. A network of IPv6 addresses that is wider than the mapped
/// ones, such as `::/0`, holds no IPv4 address.
///
/// # UNIX sockets
///
/// [`Trust::unix`] believes every peer on a UNIX socket: the permissions of the socket's path, or of its directory,
/// decide who may connect. Names tell little, since a peer chooses its own. To tell users apart, ask the kernel for the
/// peer's (`peer_user`, Linux only, or tokio's `UnixStream::peer_cred`), and drop the connection if it isn't the
/// proxy's. A policy sees only the name: the user costs a system call, which most servers don't need.
///
/// # Examples
///
/// ```
/// use realpeer::{Policy, Trust, Verdict};
///
/// let trust: Trust = "10.0.0.0/8, 2001:db8::1, unix".parse()?;
/// assert_eq!(trust.verdict(&"[::ffff:10.1.2.3]:4711".parse()?), Verdict::Require);
/// assert_eq!(trust.verdict(&"192.0.2.1:4711".parse()?), Verdict::Refuse);
/// assert_eq!(trust.to_string(), "10.0.0.0/8,2001:db8::1,unix");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// From the lines of a file:
///
/// ```
/// use realpeer::{Trust, TrustError};
///
/// let trust = "10.0.0.0/8\nunix".lines().map(str::parse).collect::<Result<Trust, TrustError>>()?;
/// assert_eq!(trust, "unix,10.0.0.0/8".parse()?);
/// # Ok::<(), TrustError>(())
/// ```
#[must_use]
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Trust {
    networks: BTreeSet<Network>,
    unix: bool,
    anyone: bool,
}

/// A [`Trust`], and what to do with all others. Made by [`Trust::otherwise`].
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Otherwise {
    trust: Trust,
    others: Verdict,
}

/// The reason why a text, or an address and a length, names nobody to trust.
///
/// ```
/// use realpeer::Trust;
///
/// let error = "10.0.0.0/33".parse::<Trust>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "\"10.0.0.0/33\" is neither an address, nor a network such as 10.0.0.0/8, nor unix, nor anyone"
/// );
/// let error = "10.0.0.1/8".parse::<Trust>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "\"10.0.0.1/8\" has bits set beyond its prefix; write 10.0.0.0/8 for the network or 10.0.0.1 for the address"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustError {
    text: Box<str>,
    cause: NetworkError,
}

impl Trust {
    /// Believes the peers in a network: those whose first `prefix_len` bits are those of `ip`. To believe a single
    /// address, use `Trust::from(ip)`.
    ///
    /// # Errors
    ///
    /// [`TrustError`] if the length is above that of the address, or if `ip` has bits set beyond it.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    /// use realpeer::Trust;
    ///
    /// assert_eq!(Trust::network(Ipv4Addr::new(10, 0, 0, 0), 8)?, "10.0.0.0/8".parse()?);
    /// assert!(Trust::network(Ipv4Addr::new(10, 0, 0, 1), 8).is_err());
    /// # Ok::<(), realpeer::TrustError>(())
    /// ```
    pub fn network(ip: impl Into<IpAddr>, prefix_len: u8) -> Result<Self, TrustError> {
        let ip = ip.into();
        match Network::new(ip, prefix_len) {
            Ok(network) => Ok(network.into()),
            Err(cause) => Err(TrustError { text: format!("{ip}/{prefix_len}").into(), cause }),
        }
    }

    /// Believes peers on UNIX sockets: who may connect is up to the permissions of the socket's path.
    pub fn unix() -> Self {
        Self { unix: true, ..Self::default() }
    }

    /// Believes everybody, so that anybody who can reach the server can claim any address. For servers that nobody
    /// but the proxy can reach.
    pub fn anyone() -> Self {
        Self { anyone: true, ..Self::default() }
    }

    /// Believes those whom `self` or `other` believes.
    pub fn and(mut self, other: Self) -> Self {
        self.extend([other]);
        self
    }

    /// Decides what to do with all others: [`Verdict::Bypass`] to serve them without a header.
    ///
    /// It is the last step. What it returns can't be combined further, so the order of the steps before it doesn't
    /// matter.
    ///
    /// ```
    /// use realpeer::{Policy, Trust, Verdict};
    ///
    /// let policy = "10.0.0.0/8".parse::<Trust>()?.otherwise(Verdict::Bypass);
    /// assert_eq!(policy.verdict(&"10.1.2.3:4711".parse()?), Verdict::Require);
    /// assert_eq!(policy.verdict(&"192.0.2.1:4711".parse()?), Verdict::Bypass);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn otherwise(self, others: Verdict) -> Otherwise {
        Otherwise { trust: self, others }
    }

    fn believes(&self, peer: &Endpoint) -> bool {
        self.anyone
            || match peer.ip() {
                Some(ip) => self.networks.iter().any(|network| network.contains(ip)),
                None => self.unix,
            }
    }
}

impl Policy for Trust {
    fn verdict(&self, peer: &Endpoint) -> Verdict {
        if self.believes(peer) { Verdict::Require } else { Verdict::Refuse }
    }
}

impl Policy for Otherwise {
    fn verdict(&self, peer: &Endpoint) -> Verdict {
        if self.trust.believes(peer) { Verdict::Require } else { self.others }
    }
}

impl FromStr for Trust {
    type Err = TrustError;

    /// Reads an address, a network such as `10.0.0.0/8`, `unix`, `anyone` or `nobody`, or several of these with commas
    /// between them. Addresses are read as std reads them, so `010.0.0.1` is an error.
    fn from_str(text: &str) -> Result<Self, TrustError> {
        text.split(',').map(|item| item.trim_matches(' ')).map(one).collect()
    }
}

/// Reads what stands between commas.
fn one(text: &str) -> Result<Trust, TrustError> {
    match text {
        "unix" => Ok(Trust::unix()),
        "anyone" => Ok(Trust::anyone()),
        "nobody" => Ok(Trust::default()),
        _ => match Network::parse(text) {
            Ok(network) => Ok(network.into()),
            Err(cause) => Err(TrustError { text: text.into(), cause }),
        },
    }
}

impl From<Network> for Trust {
    fn from(network: Network) -> Self {
        Self { networks: [network].into(), ..Self::default() }
    }
}

impl From<IpAddr> for Trust {
    /// Believes the peer at this address.
    fn from(ip: IpAddr) -> Self {
        Network::from(ip).into()
    }
}

impl Extend<Self> for Trust {
    fn extend<T: IntoIterator<Item = Self>>(&mut self, others: T) {
        for other in others {
            self.networks.extend(other.networks);
            self.unix |= other.unix;
            self.anyone |= other.anyone;
        }
    }
}

impl FromIterator<Self> for Trust {
    /// Believes those whom any of them believes, and nobody if there are none.
    fn from_iter<I: IntoIterator<Item = Self>>(trusts: I) -> Self {
        let mut all = Self::default();
        all.extend(trusts);
        all
    }
}

impl fmt::Display for Trust {
    /// The form that [`FromStr`] reads: `10.0.0.0/8,unix`, or `nobody`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [("unix", self.unix), ("anyone", self.anyone)];
        let mut comma = "";
        for network in &self.networks {
            write!(f, "{comma}{network}")?;
            comma = ",";
        }
        for (word, _) in words.iter().filter(|(_, said)| *said) {
            write!(f, "{comma}{word}")?;
            comma = ",";
        }
        if comma.is_empty() { f.write_str("nobody") } else { Ok(()) }
    }
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ", self.text)?;
        match self.cause {
            NetworkError::Invalid => {
                f.write_str("is neither an address, nor a network such as 10.0.0.0/8, nor unix, nor anyone")
            }
            NetworkError::HostBits { ip, meant } => write!(
                f,
                "has bits set beyond its prefix; write {meant} for the network or {ip} for the address"
            ),
        }
    }
}

impl error::Error for TrustError {}

/// As text; read from a text or from a list of texts.
#[cfg(feature = "serde")]
mod serialized {
    use std::fmt;

    use serde::de::{Error, SeqAccess, Visitor};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Trust;

    #[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
    impl Serialize for Trust {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    #[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
    impl<'de> Deserialize<'de> for Trust {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(TrustVisitor)
        }
    }

    struct TrustVisitor;

    impl<'de> Visitor<'de> for TrustVisitor {
        type Value = Trust;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text such as \"10.0.0.0/8,unix\", or a list of such texts")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Trust, E> {
            text.parse().map_err(E::custom)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Trust, A::Error> {
            let mut trust = Trust::default();
            while let Some(text) = list.next_element::<String>()? {
                trust.extend([text.parse::<Trust>().map_err(A::Error::custom)?]);
            }
            Ok(trust)
        }
    }
}
