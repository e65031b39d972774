//! The fields of a version 2 header: fixed part, addresses, TLVs.

use std::net::{Ipv4Addr, Ipv6Addr};

use realpeer::proto::{Address, Command, UnixAddr};

use super::{Cutter, Field, tlvs};
use crate::decode::verdict::{Verdict, address_len};
use crate::text::{plural, word};

pub(super) fn fields(bytes: &[u8], verdict: &Verdict<'_>) -> Vec<Field> {
    let mut cutter = Cutter::new(bytes);
    cutter.cut(12, "signature", "2.2", |_| "the start of every v2 header".into());
    cutter.cut(1, "command", "2.2", |value| command(value[0]));
    cutter.cut(1, "family", "2.2", |value| family(value[0]));
    cutter.cut(2, "length", "2.2", |value| {
        let len = usize::from(u16::from_be_bytes([value[0], value[1]]));
        format!("{} after these 16", plural(len, "byte", "bytes"))
    });
    if has_addresses(bytes, verdict) {
        addresses(&mut cutter, bytes.get(13).copied().unwrap_or_default());
        tlvs::cut(&mut cutter, verdict);
    } else if matches!(verdict, Verdict::Accepted(header, _) if !header.tlvs().is_empty()) {
        tlvs::cut(&mut cutter, verdict);
    } else {
        let len = cutter.rest().len();
        cutter.cut(len, "ignored", "2.2", |_| "there are no addresses, whatever stands here".into());
    }
    cutter.fields
}

/// Whether a block of addresses is to be read: not with LOCAL or UNSPEC.
fn has_addresses(bytes: &[u8], verdict: &Verdict<'_>) -> bool {
    if let Verdict::Accepted(header, _) = verdict {
        return header.source().is_some() && header.command() == Command::Proxy;
    }
    let family = bytes.get(13).copied().unwrap_or_default();
    bytes.get(12) != Some(&0x20) && family >> 4 != 0 && family & 15 != 0
}

fn command(byte: u8) -> String {
    match byte {
        0x20 => "version 2, command LOCAL: the proxy's own connection, without addresses".into(),
        0x21 => "version 2, command PROXY".into(),
        0x22..=0x2f => format!("version 2, undefined command {}", byte & 15),
        _ => format!("undefined version {}", byte >> 4),
    }
}

fn family(byte: u8) -> String {
    let family = ["UNSPEC", "IPv4", "IPv6", "UNIX"].get(usize::from(byte >> 4));
    let transport = ["UNSPEC", "stream", "datagram"].get(usize::from(byte & 15));
    match (byte, family, transport) {
        (0x11, ..) => "TCP over IPv4".into(),
        (0x12, ..) => "UDP over IPv4".into(),
        (0x21, ..) => "TCP over IPv6".into(),
        (0x22, ..) => "UDP over IPv6".into(),
        (0x31, ..) => "UNIX stream socket".into(),
        (0x32, ..) => "UNIX datagram socket".into(),
        (0, ..) => "UNSPEC: no addresses".into(),
        (_, Some(family), Some(transport)) => format!("{family}, {transport}: no addresses"),
        (_, None, _) => format!("undefined family {}", byte >> 4),
        _ => format!("undefined transport {}", byte & 15),
    }
}

fn addresses(cutter: &mut Cutter<'_>, family: u8) {
    let (len, show): (usize, fn(&[u8]) -> String) = match address_len(family) {
        12 => (4, ipv4),
        36 => (16, ipv6),
        216 => (108, unix),
        _ => return,
    };
    cutter.cut(len, "source", "2.2", show);
    cutter.cut(len, "destination", "2.2", show);
    if len < 108 {
        cutter.cut(2, "source port", "2.2", port);
        cutter.cut(2, "dest. port", "2.2", port);
    }
}

fn ipv4(bytes: &[u8]) -> String {
    bytes.try_into().map(|octets: [u8; 4]| Ipv4Addr::from(octets).to_string()).unwrap_or_default()
}

fn ipv6(bytes: &[u8]) -> String {
    let Ok(octets) = <[u8; 16]>::try_from(bytes) else { return String::new() };
    let address = Ipv6Addr::from(octets);
    match address.to_ipv4_mapped() {
        Some(mapped) => format!("{address}, which is {mapped} written as IPv6"),
        None => address.to_string(),
    }
}

fn unix(bytes: &[u8]) -> String {
    match UnixAddr::new(bytes) {
        Some(name) if name.is_unnamed() => "no name".into(),
        Some(name) => word(&Address::Unix(name).to_string()).into_owned(),
        None => String::new(),
    }
}

fn port(bytes: &[u8]) -> String {
    bytes.try_into().map(|octets| u16::from_be_bytes(octets).to_string()).unwrap_or_default()
}
