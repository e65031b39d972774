//! What is said of a connection or a datagram: as JSON, or as a line to read.

pub(crate) mod tlv;

use std::fmt;

use realpeer::proto::{Addresses, Command, Error, Header, Transport, V2Error, Version};
use realpeer::{AcceptError, Datagram, Endpoint, Established};
use serde::Serialize;

use self::tlv::TlvReport;
use crate::text::{printable, word};

/// What is said of a connection: as JSON with these keys, or as a line to read.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) source: Option<String>,
    pub(crate) destination: Option<String>,
    pub(crate) proxy: String,
    pub(crate) version: Option<u8>,
    pub(crate) command: Option<String>,
    pub(crate) protocol: Option<&'static str>,
    pub(crate) tlvs: Option<Vec<TlvReport>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Failure>,
    /// Why there are no addresses in the header.
    #[serde(skip)]
    why: Option<&'static str>,
}

/// Why a connection was not served.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    /// What to change, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
}

impl Report {
    /// Reports a connection from `peer`.
    pub(crate) fn new(peer: &Endpoint, outcome: &Result<Established, AcceptError>) -> Self {
        match outcome {
            Ok(established) => Self {
                source: Some(established.source().to_string()),
                destination: established.destination().map(|address| address.to_string()),
                ..Self::of(peer, established.header().as_ref())
            },
            Err(error) => Self::failed(peer, error),
        }
    }

    /// Reports a datagram from `peer`, received on `local`.
    pub(crate) fn datagram(
        peer: &Endpoint,
        local: &Endpoint,
        outcome: &Result<Datagram<'_>, AcceptError>,
    ) -> Self {
        match outcome {
            Ok(datagram) => Self {
                source: Some(datagram.source().to_string()),
                destination: Some(
                    datagram.destination().map_or_else(|| local.to_string(), |address| address.to_string()),
                ),
                ..Self::of(peer, datagram.header().as_ref())
            },
            Err(error) => Self::failed(peer, error),
        }
    }

    /// The peer left without a byte, as bare TCP health checks do: not worth a line to read.
    pub(crate) fn is_quiet(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.kind == "closed")
    }

    fn of(peer: &Endpoint, header: Option<&Header<'_>>) -> Self {
        Self {
            source: None,
            destination: None,
            proxy: peer.to_string(),
            version: header.map(|header| number(header.version())),
            command: header.map(|header| header.command().to_string()),
            protocol: header.map(protocol),
            tlvs: header.map(|header| header.tlvs().iter().map(TlvReport::of).collect()),
            error: None,
            why: header.and_then(why_without_addresses),
        }
    }

    fn failed(peer: &Endpoint, error: &AcceptError) -> Self {
        let message = match error {
            AcceptError::Refused { .. } => format!("{} is not trusted", whom(peer)),
            _ => error.to_string(),
        };
        let failure = Failure { kind: error.kind(), message, remedy: remedy(peer, error) };
        Self { error: Some(failure), ..Self::of(peer, None) }
    }
}

/// Returns why the header has no addresses, if it has none.
pub(crate) fn why_without_addresses(header: &Header<'_>) -> Option<&'static str> {
    Some(match (header.command(), header.addresses(), header.version()) {
        (Command::Local, ..) => {
            "no addresses in the header, so those of the socket count: the connection is the proxy's own, as for a \
             health check"
        }
        (_, Addresses::Unspec, Version::V1) => {
            "no addresses in the header, so those of the socket count: the proxy can't tell its client, or the \
             connection is its own"
        }
        (_, Addresses::Unspec, Version::V2) => {
            "no addresses in the header, so those of the socket count: the client came by something else than IPv4, \
             IPv6 or a UNIX socket, or the connection is the proxy's own"
        }
        _ => return None,
    })
}

/// What the header says, without its TLVs: `v2 PROXY TCP4: 192.0.2.1:56324 -> 198.51.100.2:443`.
pub(crate) fn header_line(header: &Header<'_>) -> String {
    let start = format!("{} {} {}", header.version(), header.command(), protocol(header));
    match (header.source(), header.destination()) {
        (Some(source), Some(destination)) => {
            format!("{start}: {} -> {}", word(&source.to_string()), word(&destination.to_string()))
        }
        _ => start,
    }
}

/// What the header says its connection is, in the words of the specification.
pub(crate) fn protocol(header: &Header<'_>) -> &'static str {
    let dgram = header.transport() == Transport::Dgram;
    match header.addresses() {
        Addresses::Inet { .. } if dgram => "UDP4",
        Addresses::Inet { .. } => "TCP4",
        Addresses::Inet6 { .. } if dgram => "UDP6",
        Addresses::Inet6 { .. } => "TCP6",
        Addresses::Unix { .. } if dgram => "UNIX_DGRAM",
        Addresses::Unix { .. } => "UNIX",
        Addresses::Unspec if header.version() == Version::V1 => "UNKNOWN",
        Addresses::Unspec => "UNSPEC",
    }
}

/// The peer as `--trust` takes it.
fn whom(peer: &Endpoint) -> String {
    peer.ip().map_or_else(|| "a peer on a UNIX socket".into(), |ip| ip.to_string())
}

/// What to change so that the next connection is served.
fn remedy(peer: &Endpoint, error: &AcceptError) -> Option<String> {
    Some(match error {
        AcceptError::Refused { .. } => {
            let whom = if let Endpoint::Unix(_) = peer { "unix".into() } else { whom(peer) };
            format!("if it is your proxy add --trust {whom}")
        }
        AcceptError::TimedOut { received: 0, .. } => {
            "an AWS NLB holds it back until its client speaks, unless it is told otherwise".into()
        }
        AcceptError::TimedOut { .. } => {
            "the proxy began a header and did not end it: see what it sends with \
             `realpeer decode --listen`"
                .into()
        }
        AcceptError::Protocol { error: Error::V2(V2Error::Crc32c { .. }), .. } => {
            "the sender computes it wrongly, or something on the way changes the header".into()
        }
        _ => return None,
    })
}

/// 1 or 2.
pub(crate) fn number(version: Version) -> u8 {
    match version {
        Version::V1 => 1,
        Version::V2 => 2,
    }
}

impl fmt::Display for Report {
    /// One line, for a person: `192.0.2.1:56324 -> 198.51.100.2:443 through 10.0.0.1:4711, v2 PROXY, ALPN "h2"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Failure { kind, message, remedy }) = &self.error {
            write!(f, "{} not served: {kind}: {}", word(&self.proxy), printable(message))?;
            return remedy.iter().try_for_each(|remedy| write!(f, "; {remedy}"));
        }
        f.write_str(&word(self.source.as_deref().unwrap_or_default()))?;
        if let Some(destination) = &self.destination {
            write!(f, " -> {}", word(destination))?;
        }
        if self.why.is_none() {
            write!(f, " through {}", word(&self.proxy))?;
        }
        if let (Some(version), Some(command)) = (self.version, &self.command) {
            write!(f, ", v{version} {command}")?;
        }
        if let (Some(protocol), Some(why)) = (self.protocol, self.why) {
            write!(f, " {protocol}: {why}")?;
        }
        self.tlvs.iter().flatten().try_for_each(|tlv| write!(f, ", {tlv}"))
    }
}
