//! What is said of a connection once its handshake has ended.

use std::fmt;

use realpeer::proto::{Command, Ssl, Tlv, TlvValue, Tlvs, Version, kind};
use realpeer::{AcceptError, Endpoint, Established};
use serde::Serialize;

/// What is said of a connection: as JSON with these keys, or as a line to read.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) source: Option<String>,
    pub(crate) destination: Option<String>,
    pub(crate) proxy: String,
    pub(crate) version: Option<u8>,
    pub(crate) command: Option<String>,
    pub(crate) tlvs: Option<Vec<TlvReport>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Failure>,
}

/// What is said of a TLV: besides type and value its name and meaning, where they are known.
#[derive(Debug, Serialize)]
pub(crate) struct TlvReport {
    #[serde(rename = "type")]
    pub(crate) kind: u8,
    pub(crate) name: Option<&'static str>,
    hex: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<u64>,
    #[serde(flatten)]
    pub(crate) ssl: Option<SslReport>,
}

/// What is said of an SSL TLV.
#[derive(Debug, Serialize)]
pub(crate) struct SslReport {
    client: u8,
    verify: u32,
    pub(crate) verified: bool,
    pub(crate) tlvs: Vec<TlvReport>,
}

/// Why a connection was not served.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
}

impl Report {
    /// Of a connection from `peer`.
    pub(crate) fn new(peer: &Endpoint, outcome: &Result<Established, AcceptError>) -> Self {
        let mut report = Self {
            source: None,
            destination: None,
            proxy: peer.to_string(),
            version: None,
            command: None,
            tlvs: None,
            error: None,
        };
        match outcome {
            Ok(established) => report.fill(established),
            Err(error) => report.error = Some(Failure { kind: error.kind(), message: error.to_string() }),
        }
        report
    }

    /// The peer left without a byte, as bare TCP health checks do: not worth a line to read.
    pub(crate) fn is_quiet(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.kind == "closed")
    }

    fn fill(&mut self, established: &Established) {
        self.source = Some(established.source().to_string());
        self.destination = established.destination().map(|address| address.to_string());
        let header = established.header();
        self.version = header.map(|header| number(header.version()));
        self.command = header.map(|header| header.command().to_string());
        self.tlvs = header.map(|header| header.tlvs().iter().map(TlvReport::of).collect());
    }
}

impl TlvReport {
    /// Of a TLV at the top level.
    fn of(tlv: Tlv<'_>) -> Self {
        let mut report = Self::plain(tlv, name(tlv.kind()));
        match tlv.decode() {
            TlvValue::Alpn(bytes) | TlvValue::UniqueId(bytes) => report.text = printable(bytes),
            TlvValue::Authority(text) | TlvValue::Netns(text) | TlvValue::AwsVpcEndpointId(text) => {
                report.text = Some(text.into());
            }
            TlvValue::Crc32c(value) | TlvValue::AzurePrivateLinkId(value) => {
                report.value = Some(value.into());
            }
            TlvValue::GcpPscConnectionId(value) => report.value = Some(value),
            TlvValue::Ssl(ssl) => report.ssl = Some(SslReport::of(ssl)),
            // Anyone may use these (section 2.2.8): without the shape of a vendor's value it is somebody else's.
            TlvValue::Other(_) if (0xE0..=0xEF).contains(&tlv.kind()) => report.name = None,
            _ => {}
        }
        report
    }

    /// Of a TLV within an SSL TLV: all known ones but the certificate are text.
    fn within_ssl(tlv: Tlv<'_>) -> Self {
        let name = name_within_ssl(tlv.kind());
        let mut report = Self::plain(tlv, name);
        if name.is_some() && tlv.kind() != kind::SSL_CLIENT_CERT {
            report.text = std::str::from_utf8(tlv.value()).ok().map(Into::into);
        }
        report
    }

    fn plain(tlv: Tlv<'_>, name: Option<&'static str>) -> Self {
        Self { kind: tlv.kind(), name, hex: hex(tlv.value()), text: None, value: None, ssl: None }
    }
}

impl SslReport {
    fn of(ssl: Ssl<'_>) -> Self {
        Self {
            client: ssl.client(),
            verify: ssl.verify(),
            verified: ssl.has_verified_client_certificate(),
            tlvs: within(ssl.tlvs()),
        }
    }
}

fn within(tlvs: Tlvs<'_>) -> Vec<TlvReport> {
    tlvs.iter().map(TlvReport::within_ssl).collect()
}

/// 1 or 2.
pub(crate) fn number(version: Version) -> u8 {
    match version {
        Version::V1 => 1,
        Version::V2 => 2,
    }
}

/// Bytes in lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Bytes as text, if they are text that a terminal can show.
fn printable(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.chars().any(char::is_control)).then(|| text.into())
}

fn name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        kind::ALPN => "ALPN",
        kind::AUTHORITY => "AUTHORITY",
        kind::CRC32C => "CRC32C",
        kind::NOOP => "NOOP",
        kind::UNIQUE_ID => "UNIQUE_ID",
        kind::SSL => "SSL",
        kind::NETNS => "NETNS",
        kind::GCP => "GCP",
        kind::AWS => "AWS",
        kind::AZURE => "AZURE",
        _ => return None,
    })
}

fn name_within_ssl(kind: u8) -> Option<&'static str> {
    Some(match kind {
        kind::SSL_VERSION => "SSL_VERSION",
        kind::SSL_CN => "SSL_CN",
        kind::SSL_CIPHER => "SSL_CIPHER",
        kind::SSL_SIG_ALG => "SSL_SIG_ALG",
        kind::SSL_KEY_ALG => "SSL_KEY_ALG",
        kind::SSL_GROUP => "SSL_GROUP",
        kind::SSL_SIG_SCHEME => "SSL_SIG_SCHEME",
        kind::SSL_CLIENT_CERT => "SSL_CLIENT_CERT",
        _ => return None,
    })
}

impl fmt::Display for Report {
    /// One line, for a person: `192.0.2.1:56324 -> 198.51.100.2:443 through 10.0.0.1:4711, v2 PROXY, ALPN h2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = &self.error {
            return write!(f, "{} not served: {}: {}", self.proxy, error.kind, error.message);
        }
        f.write_str(self.source.as_deref().unwrap_or_default())?;
        if let Some(destination) = &self.destination {
            write!(f, " -> {destination}")?;
        }
        let local = Command::Local.to_string();
        if self.command.as_ref() != Some(&local) {
            write!(f, " through {}", self.proxy)?;
        }
        if let (Some(version), Some(command)) = (self.version, &self.command) {
            write!(f, ", v{version} {command}")?;
        }
        self.tlvs.iter().flatten().try_for_each(|tlv| write!(f, ", {tlv}"))
    }
}

impl fmt::Display for TlvReport {
    /// Name and value; long values are cut, and nothing in them can disturb a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: usize = 32;
        match self.name {
            Some(name) => f.write_str(name.trim_start_matches("SSL_"))?,
            None => write!(f, "{:#04x}", self.kind)?,
        }
        match (&self.text, self.value, &self.ssl) {
            (Some(text), ..) => write!(f, " {}", text.escape_debug()),
            (_, Some(value), _) if self.kind == kind::CRC32C => write!(f, " {value:#010x}"),
            (_, Some(value), _) => write!(f, " {value}"),
            (.., Some(ssl)) => ssl.fmt(f),
            _ => match self.hex.get(..DIGITS) {
                Some(start) if start.len() < self.hex.len() => {
                    write!(f, " {start}... ({} bytes)", self.hex.len() / 2)
                }
                _ if self.hex.is_empty() => Ok(()),
                _ => write!(f, " {}", self.hex),
            },
        }
    }
}

impl fmt::Display for SslReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.verified { " (client verified" } else { " (client not verified" })?;
        self.tlvs.iter().try_for_each(|tlv| write!(f, ", {tlv}"))?;
        f.write_str(")")
    }
}
