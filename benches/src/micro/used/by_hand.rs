//! Safe Rust that does just what a row asks for, and no more: neither UNIX sockets, LOCAL and UNKNOWN, nor what is missing
//! of a header, nor what is wrong with it. What a library can be measured against.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Fresh, Used, see};
use crate::micro::{BY_HAND, Case, Row};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

#[derive(Debug)]
struct Refused;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::used(Row::UsedV1Tcp4, BY_HAND, v1),
        Case::used(Row::UsedV1Tcp6, BY_HAND, v1),
        Case::used(Row::UsedV2Tcp4, BY_HAND, |bytes| v2(bytes).ok_or(Refused)),
        Case::used(Row::UsedV2Tlvs, BY_HAND, |bytes| v2(bytes).ok_or(Refused)),
        Case::used(Row::UsedV2TlvsChecked, BY_HAND, |bytes| v2_checked(bytes).ok_or(Refused)),
        Case::used(Row::UsedV2Ssl, BY_HAND, |bytes| v2(bytes).ok_or(Refused)),
        Case::used_encode(Row::UsedEncodeV2, BY_HAND, |source, destination, out| {
            encode_v2(source, destination, out).ok_or(Refused)
        }),
        Case::used_fresh(Row::UsedEncodeV2Fresh, BY_HAND, |source, destination| {
            let mut buffer = [0; 128];
            let len = encode_v2(source, destination, &mut buffer).ok_or(Refused)?;
            Ok::<_, Refused>(Fresh { buffer, len })
        }),
    ]
}

fn v1(bytes: &[u8]) -> Result<Used, Refused> {
    let mut line = bytes;
    let (source, destination);
    if let Some(rest) = line.strip_prefix(b"PROXY TCP4 ") {
        line = rest;
        source = ipv4(&mut line).ok_or(Refused)?.into();
        destination = ipv4(&mut line).ok_or(Refused)?.into();
    } else {
        line = line.strip_prefix(b"PROXY TCP6 ").ok_or(Refused)?;
        source = ipv6(&mut line).ok_or(Refused)?.into();
        destination = ipv6(&mut line).ok_or(Refused)?.into();
    }
    let source = SocketAddr::new(source, decimal(&mut line, b' ', 65_535).ok_or(Refused)?);
    let destination = SocketAddr::new(destination, decimal(&mut line, b'\r', 65_535).ok_or(Refused)?);
    if line.first() == Some(&b'\n') { Ok(Used { source, destination, tlvs: 0 }) } else { Err(Refused) }
}

/// A number of at most `max` and the byte that ends it.
#[inline]
fn decimal(line: &mut &[u8], end: u8, max: u32) -> Option<u16> {
    let (mut value, mut digits) = (0, 0);
    loop {
        let (&byte, rest) = line.split_first()?;
        *line = rest;
        if byte == end && digits > 0 {
            return u16::try_from(value).ok();
        }
        if !byte.is_ascii_digit() || digits > 0 && value == 0 {
            return None;
        }
        value = 10 * value + u32::from(byte - b'0');
        digits += 1;
        if value > max {
            return None;
        }
    }
}

#[inline]
fn ipv4(line: &mut &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    for (octet, end) in octets.iter_mut().zip(*b"... ") {
        *octet = decimal(line, end, 255)?.to_be_bytes()[1];
    }
    Some(octets.into())
}

/// Without `::` by hand, with it by the standard library.
#[inline]
fn ipv6(line: &mut &[u8]) -> Option<Ipv6Addr> {
    let mut rest = *line;
    let mut groups = [0; 8];
    for (index, group) in groups.iter_mut().enumerate() {
        let mut digits = 0;
        loop {
            let (&byte, behind) = rest.split_first()?;
            rest = behind;
            match (byte as char).to_digit(16) {
                Some(digit) if digits < 4 => *group = *group << 4 | digit as u16,
                None if digits > 0 && byte == if index == 7 { b' ' } else { b':' } => break,
                _ => {
                    let len = line.iter().position(|&byte| byte == b' ')?;
                    let text = std::str::from_utf8(&line[..len]).ok()?;
                    *line = &line[len + 1..];
                    return text.parse().ok();
                }
            }
            digits += 1;
        }
    }
    *line = rest;
    Some(groups.into())
}

#[inline]
fn v2(bytes: &[u8]) -> Option<Used> {
    let (head, rest) = bytes.split_first_chunk::<16>()?;
    let &[ref signature @ .., command, family, high, low] = head;
    if signature != SIGNATURE || command != 0x21 {
        return None;
    }
    let block = rest.get(..usize::from(u16::from_be_bytes([high, low])))?;
    let (source, destination, tlvs);
    match family {
        0x11 => {
            let (&[a, b, c, d, e, f, g, h, i, j, k, l], behind) = block.split_first_chunk()?;
            source = ([a, b, c, d], u16::from_be_bytes([i, j])).into();
            destination = ([e, f, g, h], u16::from_be_bytes([k, l])).into();
            tlvs = behind;
        }
        0x21 => {
            let (from, block) = block.split_first_chunk::<16>()?;
            let (to, block) = block.split_first_chunk::<16>()?;
            let (&[a, b, c, d], behind) = block.split_first_chunk()?;
            source = (*from, u16::from_be_bytes([a, b])).into();
            destination = (*to, u16::from_be_bytes([c, d])).into();
            tlvs = behind;
        }
        _ => return None,
    }
    Some(Used { source, destination, tlvs: walk(tlvs)? })
}

/// Sees every TLV, and those within SSL.
#[inline]
fn walk(mut tlvs: &[u8]) -> Option<usize> {
    let mut count = 0;
    while !tlvs.is_empty() {
        let (kind, value);
        (kind, value, tlvs) = tlv(tlvs)?;
        see(&(kind, value));
        count += 1;
        if kind == 0x20 {
            let mut within = value.get(5..)?;
            while !within.is_empty() {
                let (kind, value);
                (kind, value, within) = tlv(within)?;
                see(&(kind, value));
                count += 1;
            }
        }
    }
    Some(count)
}

#[inline]
fn tlv(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[kind, high, low], rest) = bytes.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
    Some((kind, value, rest))
}

fn v2_checked(bytes: &[u8]) -> Option<Used> {
    let used = v2(bytes)?;
    let len = 16 + usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    let header = &bytes[..len];
    let mut rest = &header[if header[13] == 0x11 { 28 } else { 52 }..];
    while !rest.is_empty() {
        let (kind, value, behind) = tlv(rest)?;
        if kind == 0x03 {
            let sent = u32::from_be_bytes(value.try_into().ok()?);
            let at = len - behind.len() - 4;
            let sum = crc32c::crc32c(&header[..at]);
            let sum = crc32c::crc32c_append(sum, &[0; 4]);
            if crc32c::crc32c_append(sum, behind) != sent {
                return None;
            }
        }
        rest = behind;
    }
    Some(used)
}

#[inline]
fn encode_v2(source: SocketAddr, destination: SocketAddr, out: &mut [u8]) -> Option<usize> {
    let len = match (source, destination) {
        (SocketAddr::V4(source), SocketAddr::V4(destination)) => {
            let out = out.first_chunk_mut::<28>()?;
            out[12..16].copy_from_slice(&[0x21, 0x11, 0, 12]);
            out[16..20].copy_from_slice(&source.ip().octets());
            out[20..24].copy_from_slice(&destination.ip().octets());
            out[24..26].copy_from_slice(&source.port().to_be_bytes());
            out[26..28].copy_from_slice(&destination.port().to_be_bytes());
            28
        }
        (SocketAddr::V6(source), SocketAddr::V6(destination)) => {
            let out = out.first_chunk_mut::<52>()?;
            out[12..16].copy_from_slice(&[0x21, 0x21, 0, 36]);
            out[16..32].copy_from_slice(&source.ip().octets());
            out[32..48].copy_from_slice(&destination.ip().octets());
            out[48..50].copy_from_slice(&source.port().to_be_bytes());
            out[50..52].copy_from_slice(&destination.port().to_be_bytes());
            52
        }
        _ => return None,
    };
    *out.first_chunk_mut()? = *SIGNATURE;
    Some(len)
}
