//! TLVs, as the command line says them.

use std::fs;
use std::str::FromStr;

use anyhow::{Context, bail};
use realpeer::proto::{Ssl, Tlv, kind};

/// `NAME=VALUE`.
#[derive(Clone, Debug)]
pub(super) struct TlvArgument {
    place: Place,
    value: Vec<u8>,
}

/// Where the value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Top(u8),
    WithinSsl(u8),
    SslClient,
    SslVerify,
}

impl FromStr for TlvArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("want NAME=VALUE or NUMBER=HEX")?;
        let raw = || -> Result<Vec<u8>, String> {
            match value.strip_prefix('@') {
                Some(path) => fs::read(path).map_err(|error| format!("can't read {path}: {error}")),
                None => Ok(value.into()),
            }
        };
        let number = || value.parse::<u64>().map_err(|_| format!("{name} wants a decimal number"));
        let (place, value) = match name {
            "alpn" => (Place::Top(kind::ALPN), raw()?),
            "authority" => (Place::Top(kind::AUTHORITY), raw()?),
            "unique-id" => (Place::Top(kind::UNIQUE_ID), raw()?),
            "netns" => (Place::Top(kind::NETNS), raw()?),
            "crc32c" if value.is_empty() => (Place::Top(kind::CRC32C), vec![0; 4]),
            "crc32c" => return Err("crc32c has no value: it is computed".into()),
            "noop" => {
                let len = u16::try_from(number()?).map_err(|_| "noop wants a number of bytes up to 65535")?;
                (Place::Top(kind::NOOP), vec![0; len.into()])
            }
            "aws" => (Place::Top(kind::AWS), [&[1], &raw()?[..]].concat()),
            "azure" => {
                let id = u32::try_from(number()?).map_err(|_| "azure wants a number of 32 bits")?;
                (Place::Top(kind::AZURE), [&[1], &id.to_le_bytes()[..]].concat())
            }
            "gcp" => (Place::Top(kind::GCP), number()?.to_be_bytes().into()),
            "ssl.client" => (Place::SslClient, vec![client_flags(value)?]),
            "ssl.verify" => {
                let verify = u32::try_from(number()?).map_err(|_| "ssl.verify wants a number of 32 bits")?;
                (Place::SslVerify, verify.to_be_bytes().into())
            }
            _ => match name.strip_prefix("ssl.") {
                Some(within) => match kind_within_ssl(within) {
                    Some(kind) => (Place::WithinSsl(kind), raw()?),
                    None => (Place::WithinSsl(type_number(within)?), unhex(value)?),
                },
                None => (Place::Top(type_number(name)?), unhex(value)?),
            },
        };
        Ok(Self { place, value })
    }
}

/// Types and values in order, those within SSL joined.
///
/// # Errors
///
/// If the SSL TLV would be too long.
pub(super) fn join(arguments: &[TlvArgument]) -> anyhow::Result<Vec<(u8, Vec<u8>)>> {
    let mut tlvs = Vec::new();
    let mut ssl_at = None;
    let (mut client, mut verify, mut within) = (Ssl::CLIENT_SSL, 0, Vec::new());
    for argument in arguments {
        let value = &argument.value;
        if !matches!(argument.place, Place::Top(_)) && ssl_at.is_none() {
            ssl_at = Some(tlvs.len());
            tlvs.push((kind::SSL, Vec::new()));
        }
        match argument.place {
            Place::Top(kind) => tlvs.push((kind, value.clone())),
            Place::WithinSsl(kind) => within.push(Tlv::new(kind, value)),
            Place::SslClient => client = value.first().copied().unwrap_or_default(),
            Place::SslVerify => verify = value.iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte)),
        }
    }
    if let Some((_, value)) = ssl_at.and_then(|at| tlvs.get_mut(at)) {
        value.resize(usize::from(u16::MAX), 0);
        let len = Ssl::encode(client, verify, &within, value).context("the SSL TLV")?;
        value.truncate(len);
    }
    if let Some((kind, value)) = tlvs.iter().find(|(_, value)| value.len() > usize::from(u16::MAX)) {
        bail!("the TLV of type {kind:#04x} would have {} bytes; 65535 is the most", value.len());
    }
    Ok(tlvs)
}

fn kind_within_ssl(name: &str) -> Option<u8> {
    Some(match name {
        "version" => kind::SSL_VERSION,
        "cn" => kind::SSL_CN,
        "cipher" => kind::SSL_CIPHER,
        "sig-alg" => kind::SSL_SIG_ALG,
        "key-alg" => kind::SSL_KEY_ALG,
        "group" => kind::SSL_GROUP,
        "sig-scheme" => kind::SSL_SIG_SCHEME,
        "cert" => kind::SSL_CLIENT_CERT,
        _ => return None,
    })
}

fn client_flags(text: &str) -> Result<u8, String> {
    text.split(',').filter(|word| !word.is_empty()).try_fold(0, |flags, word| match word {
        "tls" => Ok(flags | Ssl::CLIENT_SSL),
        "cert" => Ok(flags | Ssl::CLIENT_CERT_CONN),
        "session-cert" => Ok(flags | Ssl::CLIENT_CERT_SESS),
        _ => Err("ssl.client wants some of tls, cert and session-cert, with commas".into()),
    })
}

fn type_number(text: &str) -> Result<u8, String> {
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u8::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number
        .map_err(|_| format!("{text:?} is no TLV: `realpeer encode --help` lists them; numbers are 0 to 255"))
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let dump = realpeer_cli::forms::hex::parse(text);
    dump.map(|dump| dump.runs.concat()).map_err(|_| format!("{text:?} is not in hexadecimal digits"))
}
