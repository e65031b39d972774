//! What is said of a TLV.

use std::fmt;

use realpeer::proto::{Ssl, Tlv, TlvValue, Tlvs, kind};
use serde::Serialize;

use crate::text::{Quoted, as_printable, hex};

/// What is said of a TLV: type and value, and its name and meaning where they are known.
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

impl TlvReport {
    /// Reports a TLV at the top level.
    pub(crate) fn of(tlv: Tlv<'_>) -> Self {
        let mut report = Self::plain(tlv, name(tlv.kind()));
        match tlv.decode() {
            TlvValue::Alpn(bytes) | TlvValue::UniqueId(bytes) => {
                report.text = as_printable(bytes).map(Into::into);
            }
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

    /// Reports a TLV within an SSL TLV: all known ones but the certificate are text.
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

/// The name of a TLV's type in the specification.
pub(crate) fn name(kind: u8) -> Option<&'static str> {
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

/// The name of a type within an SSL TLV.
pub(crate) fn name_within_ssl(kind: u8) -> Option<&'static str> {
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

impl fmt::Display for TlvReport {
    /// Name and value. Long values are cut, and texts are quoted: nothing in them can be taken for something else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: usize = 32;
        match self.name {
            Some(name) => f.write_str(name.trim_start_matches("SSL_"))?,
            None => write!(f, "{:#04x}", self.kind)?,
        }
        match (&self.text, self.value, &self.ssl) {
            (Some(text), ..) => write!(f, " {}", Quoted(text)),
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
        f.write_str(if self.verified {
            " (client certificate verified"
        } else {
            " (no verified client certificate"
        })?;
        self.tlvs.iter().try_for_each(|tlv| write!(f, ", {tlv}"))?;
        f.write_str(")")
    }
}
