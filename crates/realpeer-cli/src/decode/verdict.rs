//! What a parser says of bytes, where they are broken, and why that may be.

use std::ops::Range;

use realpeer::proto::{
    Config, Error, Header, MAX_HEADER_LEN, Parsed, TlvCause, V1Field, V2Error, kind, parse, parse_datagram,
};
use realpeer_cli::forms::SIGNATURE;

use super::payload::guess;

/// What a parser says.
#[derive(Debug)]
pub(crate) enum Verdict<'a> {
    /// A header and its length.
    Accepted(Header<'a>, usize),
    /// No header begins with these bytes.
    Rejected(Error),
    /// The beginning of a header, of which at least this many bytes are missing.
    Incomplete(usize),
}

/// Parses as a receiver does that accepts everything the specification allows.
pub(crate) fn judge(bytes: &[u8], is_datagram: bool) -> Verdict<'_> {
    let config = Config::new().with_max_header_len(MAX_HEADER_LEN);
    if is_datagram {
        return match parse_datagram(bytes, &config) {
            Ok((header, payload)) => Verdict::Accepted(header, bytes.len() - payload.len()),
            Err(error) => Verdict::Rejected(error),
        };
    }
    match parse(bytes, &config) {
        Ok(Parsed::Complete { header, len }) => Verdict::Accepted(header, len),
        Ok(Parsed::Incomplete { needed }) => Verdict::Incomplete(needed.get()),
        Err(error) => Verdict::Rejected(error),
    }
}

/// The bytes that an error is about.
pub(crate) fn broken_at(error: &Error, bytes: &[u8]) -> Range<usize> {
    let at = |start: usize, len: usize| start..start + len;
    match error {
        Error::Signature { offset, .. } => at(usize::from(*offset), 1),
        Error::V1(error) => at(usize::from(error.offset), 1),
        Error::V2(error) => match error {
            V2Error::Family { .. } | V2Error::Transport { .. } => at(13, 1),
            V2Error::Length { .. } | V2Error::Stray { .. } => at(14, 2),
            V2Error::Crc32c { .. } => find_crc32c(bytes).unwrap_or(14..16),
            // Version and command.
            _ => at(12, 1),
        },
        Error::Tlv(error) => match error.cause {
            // What is wrong is the length.
            TlvCause::Overrun | TlvCause::UniqueIdLength | TlvCause::Crc32cLength | TlvCause::SslLength => {
                at(error.offset as usize + 1, 2)
            }
            _ => at(error.offset as usize, 1),
        },
        _ => at(bytes.len(), 0),
    }
}

/// Where the value of the CRC32C is in a v2 header whose TLVs can be walked.
fn find_crc32c(bytes: &[u8]) -> Option<Range<usize>> {
    let mut at = 16 + address_len(*bytes.get(13)?);
    loop {
        let (&[found, high, low], _) = bytes.get(at..)?.split_first_chunk()?;
        let len = usize::from(u16::from_be_bytes([high, low]));
        if found == kind::CRC32C && len == 4 {
            return Some(at + 3..at + 7);
        }
        at += 3 + len;
    }
}

/// The length of the addresses that a family byte announces.
pub(crate) fn address_len(family: u8) -> usize {
    match family >> 4 {
        1 => 12,
        2 => 36,
        3 => 216,
        _ => 0,
    }
}

/// The likely cause of an error, where one can be told.
pub(crate) fn cause(error: &Error, bytes: &[u8]) -> Option<String> {
    Some(match error {
        Error::Signature { .. } => return cause_of_no_header(bytes),
        Error::V1(error) => match (error.field, error.found) {
            (_, b'\n') => {
                "the line ends in LF without CR before it: a header made by a script, such as with echo; use \
                 printf '...\\r\\n'"
                    .into()
            }
            (V1Field::Protocol, _) => {
                "after PROXY only TCP4, TCP6 and UNKNOWN can follow, after exactly one space".into()
            }
            (V1Field::SourcePort | V1Field::DestinationPort, b'0'..=b'9') => {
                "a port has no leading zero, and is 65535 at most".into()
            }
            (V1Field::SourceAddress | V1Field::DestinationAddress, _) => {
                "the sender wrote something else than an address of the family that it names: a name, a scope such as \
                 %eth0, a leading zero, or addresses of two families"
                    .into()
            }
            _ => "the sender's formatting: fields are separated by exactly one space, ports are bare decimal numbers"
                .into(),
        },
        Error::V2(error) => match error {
            V2Error::Length { .. } => {
                "the sender counts wrongly, or the length's bytes are in the wrong order (it is big-endian)".into()
            }
            V2Error::Stray { .. } => "the length counts bytes that are no TLV: the sender counts wrongly".into(),
            V2Error::Crc32c { announced, .. } => cause_of_crc32c(*announced, bytes)?,
            V2Error::Family { .. } | V2Error::Transport { .. } => {
                "the sender's mistake: address families are 0 to 3 in the upper half of this byte, transports 0 to 2 \
                 in the lower"
                    .into()
            }
            _ => "the sender's mistake: this byte is 0x20 for LOCAL and 0x21 for PROXY".into(),
        },
        Error::Tlv(error) => match error.cause {
            TlvCause::Overrun | TlvCause::Stray => {
                "a TLV has one byte of type and two of length, big-endian, which counts the value alone: the sender \
                 counts otherwise, or the header's length is wrong"
                    .into()
            }
            _ => return None,
        },
        _ => return None,
    })
}

fn cause_of_no_header(bytes: &[u8]) -> Option<String> {
    let upper: Vec<u8> = bytes.iter().take(6).map(u8::to_ascii_uppercase).collect();
    if bytes.starts_with(b"PROXY") || bytes.starts_with(b"\r\n") {
        return Some(match bytes.get(12) {
            Some(_) if bytes.starts_with(&SIGNATURE) => "the sender's mistake in byte 12".into(),
            _ => {
                "it starts like a header and goes on like none: the sender's mistake, or text that was copied"
                    .into()
            }
        });
    }
    if upper.starts_with(b"PROXY") {
        return Some("the keyword is PROXY in capital letters".into());
    }
    let text = match guess(bytes)? {
        looks @ ("TLS (a ClientHello)" | "TLS") => format!(
            "it looks like {looks}: the sender adds no header (HAProxy: `send-proxy` on its `server` line; nginx: \
             `proxy_protocol on;`), or it adds it within TLS, where it is too late"
        ),
        looks => format!(
            "it looks like {looks}: the sender adds no header (HAProxy: `send-proxy` on its `server` line; nginx: \
             `proxy_protocol on;`), or the client came past it"
        ),
    };
    Some(text)
}

fn cause_of_crc32c(announced: u32, bytes: &[u8]) -> Option<String> {
    let at = find_crc32c(bytes)?;
    let len = 16 + usize::from(u16::from_be_bytes([*bytes.get(14)?, *bytes.get(15)?]));
    let mut header = bytes.get(..len)?.to_vec();
    let crc32 = |header: &[u8]| crc(header, 0xedb8_8320);
    let as_sent = crc(&header, CASTAGNOLI);
    header.get_mut(at)?.fill(0);
    let right = crc(&header, CASTAGNOLI);
    let text = if announced == right.swap_bytes() {
        "its bytes are in the wrong order: it is written big-endian"
    } else if announced == crc32(&header) {
        "it is a CRC-32 as in zip and Ethernet: this one is CRC32C, with the polynomial of Castagnoli"
    } else if announced == !right {
        "the final inversion of the bits is missing"
    } else if announced == as_sent || announced == 0 {
        "it was not filled in"
    } else {
        "the header was changed after it was computed, or the sender does not set these four bytes to 0 before"
    };
    Some(text.into())
}

const CASTAGNOLI: u32 = 0x82f6_3b78;

/// A CRC of 32 bits, reflected, bit by bit: it is computed for broken headers only.
fn crc(bytes: &[u8], polynomial: u32) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { polynomial } else { 0 })
    })
}
