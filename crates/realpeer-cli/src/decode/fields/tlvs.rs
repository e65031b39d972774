//! The TLVs of a version 2 header, and those within its SSL TLV.

use realpeer::proto::{Error, Ssl, Tlv, TlvValue, V2Error, kind};

use super::Cutter;
use crate::decode::certificate;
use crate::decode::verdict::Verdict;
use crate::report::tlv::{name, name_within_ssl};
use crate::text::{Quoted, as_printable, plural};

/// Cuts all that is left as TLVs.
pub(super) fn cut(cutter: &mut Cutter<'_>, verdict: &Verdict<'_>) {
    while !cutter.rest().is_empty() {
        let Some((kind, len)) = head(cutter, "", name) else { return };
        if kind == kind::SSL && Ssl::new(cutter.rest().get(..len).unwrap_or_default()).is_some() {
            ssl(cutter, len);
        } else {
            cutter.cut(len, "  value", section(kind), |value| meaning(kind, value, verdict));
        }
    }
}

/// Cuts type and length; nothing if they are not there.
fn head(cutter: &mut Cutter<'_>, indent: &str, name: fn(u8) -> Option<&'static str>) -> Option<(u8, usize)> {
    let head = cutter.rest().first_chunk().map(|&[kind, high, low]| (kind, u16::from_be_bytes([high, low])));
    let section = head.map_or("2.2", |(kind, _)| section(kind));
    cutter.cut(3, format!("{indent}TLV"), section, |_| {
        let (kind, len) = head.unwrap_or_default();
        let named = name(kind).map_or_else(|| unnamed(kind), Into::into);
        format!("{named}, {}", plural(len.into(), "byte", "bytes"))
    });
    head.map(|(kind, len)| (kind, len.into()))
}

fn unnamed(kind: u8) -> String {
    let whose = match kind {
        0xe0..=0xef => "of an application",
        0xf0..=0xf7 => "of an experiment",
        0xf8..=0xff => "reserved",
        _ => "undefined",
    };
    format!("type {kind:#04x}, {whose}")
}

fn ssl(cutter: &mut Cutter<'_>, len: usize) {
    let end = cutter.at + len;
    cutter.cut(1, "  client", "2.2.6", |value| client(value[0]));
    cutter.cut(4, "  verify", "2.2.6", |value| match value {
        [0, 0, 0, 0] => "0: verified, if there was a certificate".into(),
        _ => format!("{}: not verified", value.iter().fold(0u32, |sum, &byte| sum << 8 | u32::from(byte))),
    });
    while cutter.at < end {
        let Some((kind, len)) = head(cutter, "  ", name_within_ssl) else { return };
        cutter.cut(len, "    value", "2.2.6", |value| {
            if kind == kind::SSL_CLIENT_CERT { certificate::describe(value) } else { text(value) }
        });
    }
}

fn client(flags: u8) -> String {
    let names = [
        (Ssl::CLIENT_SSL, "TLS"),
        (Ssl::CLIENT_CERT_CONN, "certificate in this connection"),
        (Ssl::CLIENT_CERT_SESS, "certificate in the session"),
    ];
    let set: Vec<_> = names.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| *name).collect();
    if set.is_empty() { "no TLS".into() } else { set.join(", ") }
}

fn meaning(kind: u8, value: &[u8], verdict: &Verdict<'_>) -> String {
    match Tlv::new(kind, value).decode() {
        TlvValue::Crc32c(checksum) => match verdict {
            Verdict::Accepted(..) => format!("{checksum:#010x}, right"),
            Verdict::Rejected(Error::V2(V2Error::Crc32c { computed, .. })) => {
                format!("{checksum:#010x}, should be {computed:#010x}")
            }
            _ => format!("{checksum:#010x}"),
        },
        TlvValue::Noop => "ignored".into(),
        TlvValue::AwsVpcEndpointId(id) => format!("VPC endpoint {}", Quoted(id)),
        TlvValue::AzurePrivateLinkId(id) => format!("private link {id}"),
        TlvValue::GcpPscConnectionId(id) => format!("PSC connection {id}"),
        TlvValue::Alpn(value) | TlvValue::UniqueId(value) | TlvValue::Other(value) => text(value),
        TlvValue::Authority(name) | TlvValue::Netns(name) => Quoted(name).to_string(),
        _ => String::new(),
    }
}

fn text(value: &[u8]) -> String {
    match as_printable(value) {
        Some(text) => Quoted(text).to_string(),
        None => match std::str::from_utf8(value) {
            Ok(text) => Quoted(text).to_string(),
            Err(_) => "bytes that are no text".into(),
        },
    }
}

fn section(kind: u8) -> &'static str {
    match kind {
        kind::ALPN => "2.2.1",
        kind::AUTHORITY => "2.2.2",
        kind::CRC32C => "2.2.3",
        kind::NOOP => "2.2.4",
        kind::UNIQUE_ID => "2.2.5",
        kind::SSL..=kind::SSL_CLIENT_CERT => "2.2.6",
        kind::NETNS => "2.2.7",
        0xe0..=0xff => "2.2.8",
        _ => "2.2",
    }
}
