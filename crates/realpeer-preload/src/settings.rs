//! The settings: `REALPEER_LISTEN`, `REALPEER_TRUST` and the rest of the environment.

use core::net::{IpAddr, Ipv6Addr};

use crate::addr::{Peer, mapped, parse_ip, parse_number, parse_socket_addr};
use crate::wire::{LotName, Secret, unhex};

/// Everything that is set by the environment.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    listen: Few<Listener, 16>,
    /// Whose headers are believed.
    pub trust: Trust,
    /// What to do with connections from everyone else.
    pub untrusted: Untrusted,
    /// The time for a complete header, in milliseconds.
    pub timeout_ms: u32,
    /// Whether to write lines to stderr.
    pub log: bool,
    /// Whether `getsockname` returns the header's destination.
    pub destination: bool,
    /// The lot, and what proves to it that we may park.
    pub lot: Option<(LotName, Secret)>,
}

/// A listening socket that gets connections with headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// This port; of any address if the address is unspecified.
    Inet(Ipv6Addr, u16),
    /// A path, or a 0 byte and an abstract name.
    Unix([u8; 108], usize),
}

/// The peers that are believed.
#[derive(Clone, Copy, Debug)]
pub struct Trust {
    networks: Few<Network, 32>,
    unix: bool,
    anyone: bool,
}

/// A network. IPv4 ones are kept as networks of IPv4-mapped addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    bits: u128,
    mask: u128,
}

/// What happens to peers that are not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untrusted {
    /// They are closed.
    Refuse,
    /// They are passed to the program unchanged. What looks like a header is payload.
    Bypass,
}

/// What is wrong with the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingsError<'a> {
    /// The variable.
    pub variable: &'static str,
    /// The part of its value that is wrong, if one part is.
    pub value: &'a [u8],
    /// What is wrong with it, and what to do.
    pub problem: &'static str,
}

/// A list of at most `N` items, without heap.
#[derive(Clone, Copy, Debug)]
struct Few<T, const N: usize>([Option<T>; N]);

impl Settings {
    /// Reads the settings with `get`, which returns the value of a variable.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] if something is missing or malformed.
    pub fn from_env<'a>(get: impl Fn(&str) -> Option<&'a [u8]>) -> Result<Self, SettingsError<'a>> {
        let optional = |name| get(name).filter(|value| !value.is_empty());
        let wrong = |variable, value, problem| SettingsError { variable, value, problem };
        let mut settings = Self {
            listen: Few::new(),
            trust: Trust { networks: Few::new(), unix: false, anyone: false },
            untrusted: Untrusted::Refuse,
            timeout_ms: 5000,
            log: true,
            destination: false,
            lot: None,
        };
        let trust = optional("REALPEER_TRUST").unwrap_or_default();
        if trust.is_empty() {
            let problem =
                "is not set: whose PROXY headers are believed? Set it to the proxy's address or network";
            return Err(wrong("REALPEER_TRUST", b"", problem));
        }
        for part in parts(trust) {
            settings.trust.add(part).map_err(|problem| wrong("REALPEER_TRUST", part, problem))?;
        }
        let listen = optional("REALPEER_LISTEN").unwrap_or_default();
        if listen.is_empty() {
            let problem =
                "is not set: which listening sockets get PROXY headers? Set it to a port, such as 6432";
            return Err(wrong("REALPEER_LISTEN", b"", problem));
        }
        for part in parts(listen) {
            settings.add_listener(part).map_err(|problem| wrong("REALPEER_LISTEN", part, problem))?;
        }
        if let Some(value) = optional("REALPEER_TIMEOUT") {
            settings.timeout_ms = parse_timeout(value).ok_or(wrong(
                "REALPEER_TIMEOUT",
                value,
                "is no time from 1 ms to 1 h, such as 5s or 500ms",
            ))?;
        }
        settings.untrusted = match optional("REALPEER_UNTRUSTED") {
            None | Some(b"refuse") => Untrusted::Refuse,
            Some(b"bypass") => Untrusted::Bypass,
            Some(value) => {
                return Err(wrong("REALPEER_UNTRUSTED", value, "is neither refuse nor bypass"));
            }
        };
        settings.log = match optional("REALPEER_LOG") {
            None | Some(b"stderr") => true,
            Some(b"off") => false,
            Some(value) => return Err(wrong("REALPEER_LOG", value, "is neither stderr nor off")),
        };
        settings.destination = match optional("REALPEER_DESTINATION") {
            None | Some(b"socket") => false,
            Some(b"header") => true,
            Some(value) => {
                return Err(wrong("REALPEER_DESTINATION", value, "is neither header nor socket"));
            }
        };
        if let Some(lot) = optional("REALPEER_LOT") {
            let name = <&LotName>::try_from(lot).ok().filter(|name| name.iter().all(u8::is_ascii_hexdigit));
            let token = optional("REALPEER_TOKEN").and_then(unhex);
            let problem = "and REALPEER_TOKEN are set by `realpeer run`, and not as they are here";
            settings.lot = Some(name.copied().zip(token).ok_or(wrong("REALPEER_LOT", lot, problem))?);
        }
        Ok(settings)
    }

    /// Returns whether connections of a listener get headers; `local` is the connection's own end.
    pub fn wants(&self, local: Peer<'_>) -> bool {
        self.listen.any(|listener| match (listener, local) {
            (Listener::Inet(ip, port), Peer::Inet(local)) => {
                let same = *ip == mapped(local.ip()) || ip.to_canonical().is_unspecified();
                *port == local.port() && same
            }
            (Listener::Unix(name, len), Peer::Unix(local)) => name.get(..*len) == Some(local),
            _ => false,
        })
    }

    /// Returns whether a UNIX socket is among the listeners.
    pub fn has_unix_listener(&self) -> bool {
        self.listen.any(|listener| matches!(listener, Listener::Unix(..)))
    }

    /// Returns whether a socket with an IPv4 address is among the listeners.
    pub fn has_ipv4_listener(&self) -> bool {
        self.listen.any(|listener| matches!(listener, Listener::Inet(ip, _) if ip.to_ipv4_mapped().is_some()))
    }

    fn add_listener(&mut self, part: &[u8]) -> Result<(), &'static str> {
        let name = match part {
            [b'/', ..] => Some(part),
            [b'@', rest @ ..] if !rest.is_empty() => Some(rest),
            _ => None,
        };
        let listener = if let Some(name) = name {
            let mut bytes = [0; 108];
            let prefix: &[u8] = if part.first() == Some(&b'@') { &[0] } else { &[] };
            let len = prefix.len() + name.len();
            if len >= bytes.len() {
                return Err("is too long for the name of a UNIX socket");
            }
            crate::addr::fill(&mut bytes, &[prefix, name]);
            Listener::Unix(bytes, len)
        } else {
            match parse_socket_addr(part) {
                Some(address) if address.port() != 0 => Listener::Inet(mapped(address.ip()), address.port()),
                _ => {
                    return Err(
                        "is no port, no address such as 10.0.0.1:6432, no absolute path and no @name",
                    );
                }
            }
        };
        self.listen.push(listener).ok_or("is one too many: at most 16 can be named")
    }
}

impl Trust {
    /// Returns whether headers of `peer` are believed.
    pub fn believes(&self, peer: Peer<'_>) -> bool {
        self.anyone
            || match peer {
                Peer::Inet(address) => self.networks.any(|network| network.contains(address.ip())),
                Peer::Unix(_) => self.unix,
            }
    }

    fn add(&mut self, part: &[u8]) -> Result<(), &'static str> {
        match part {
            b"unix" => self.unix = true,
            b"anyone" => self.anyone = true,
            _ => {
                let network = Network::parse(part)?;
                self.networks.push(network).ok_or("is one too many: at most 32 networks can be named")?;
            }
        }
        Ok(())
    }
}

impl Network {
    /// Reads an address, or a network such as `10.0.0.0/8`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, &'static str> {
        let problem = "is neither an address, nor a network such as 10.0.0.0/8, nor unix, nor anyone";
        let slash = text.iter().position(|&byte| byte == b'/');
        let (ip, len) = match slash {
            None => (text, None),
            Some(at) => (
                text.get(..at).ok_or(problem)?,
                Some(text.get(at + 1..).and_then(parse_prefix).ok_or(problem)?),
            ),
        };
        let ip = parse_ip(ip).ok_or(problem)?;
        let all = if ip.is_ipv4() { 32 } else { 128 };
        let len = len.unwrap_or(all);
        if len > all {
            return Err(problem);
        }
        let mask = u128::MAX.checked_shl(all - len).unwrap_or(0);
        // The mask of an IPv4 network includes the upper 96 bits of the mapped address.
        let (bits, mask) = (u128::from(mapped(ip)), if ip.is_ipv4() { mask | u128::MAX << 32 } else { mask });
        if bits & mask != bits {
            return Err("has bits set after its prefix: name the network by its first address");
        }
        Ok(Self { bits, mask })
    }

    /// Returns whether the address is in the network. An IPv4 address is in no network of IPv6 ones that is wider than
    /// the IPv4-mapped ones, such as `::/0`.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = mapped(ip);
        let narrow = self.mask >= u128::MAX << 32;
        u128::from(ip) & self.mask == self.bits && (narrow || ip.to_ipv4_mapped().is_none())
    }
}

impl<T: Copy, const N: usize> Few<T, N> {
    const fn new() -> Self {
        Self([None; N])
    }

    fn push(&mut self, item: T) -> Option<()> {
        *self.0.iter_mut().find(|slot| slot.is_none())? = Some(item);
        Some(())
    }

    fn any(&self, test: impl Fn(&T) -> bool) -> bool {
        self.0.iter().flatten().any(test)
    }
}

/// Reads `5s`, `500ms`, `2m`, or a number of seconds: from 1 ms to 1 h, in milliseconds.
///
/// ```
/// assert_eq!(realpeer_preload::parse_timeout(b"1500ms"), Some(1500));
/// assert_eq!(realpeer_preload::parse_timeout(b"0"), None);
/// ```
pub fn parse_timeout(text: &[u8]) -> Option<u32> {
    let (number, unit) = match text {
        [number @ .., b'm', b's'] => (number, 1),
        [number @ .., b's'] => (number, 1000),
        [number @ .., b'm'] => (number, 60_000),
        number => (number, 1000),
    };
    let timeout = parse_number(number)?.checked_mul(unit)?;
    (1..=3_600_000).contains(&timeout).then_some(timeout)
}

fn parse_prefix(text: &[u8]) -> Option<u32> {
    match text {
        [b'0', _, ..] => None,
        _ => parse_number(text),
    }
}

/// The parts of a list, which are separated by commas or spaces.
fn parts(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| matches!(byte, b',' | b' ')).filter(|part| !part.is_empty())
}
