//! Version 1: the line of text (section 2.1).

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use crate::config::Limits;
use crate::parse::incomplete;
use crate::progress::Progress;
use crate::text;
use crate::{Addresses, Command, Error, Header, Parsed, Tlvs, Transport, V1Error, Version};

/// `PROXY UNKNOWN` and CRLF.
pub(crate) const SHORTEST: usize = 15;
/// The longest line, with its CRLF (R25, R27).
pub(crate) const LONGEST: usize = 107;

pub(crate) const TCP4: &[u8; 11] = b"PROXY TCP4 ";
pub(crate) const TCP6: &[u8; 11] = b"PROXY TCP6 ";
pub(crate) const UNKNOWN: &[u8; 13] = b"PROXY UNKNOWN";
/// `PROXY` (R58).
const SIGNATURE_LEN: usize = 5;

/// Reads the line that `input` begins with.
#[inline(never)]
pub(crate) fn parse(input: &[u8], limits: Limits) -> Result<Parsed<'static>, Error> {
    match whole(line(input, limits)) {
        Some(parsed) => Ok(parsed),
        None => open_or_fault(&mut Progress::default(), input, limits),
    }
}

/// The same where more of a line has come. What of an incomplete one has been checked is kept in `progress`.
pub(crate) fn advance(
    progress: &mut Progress,
    input: &[u8],
    limits: Limits,
) -> Result<Parsed<'static>, Error> {
    if progress.is_fresh() || progress.read(line(input, limits)) {
        if let Some(parsed) = whole(line(input, limits)) {
            return Ok(parsed);
        }
    }
    open_or_fault(progress, input, limits)
}

/// What is missing of a line that is not whole, or wrong with it.
fn open_or_fault(progress: &mut Progress, input: &[u8], limits: Limits) -> Result<Parsed<'static>, Error> {
    let line = line(input, limits);
    progress.read(line);
    if progress.taken() == line.len() && line.len() + progress.missing() <= limit(limits) {
        return Ok(incomplete(progress.missing()));
    }
    Err(fault(line, limits))
}

/// As much of `input` as may be a line.
#[inline(always)]
fn line(input: &[u8], limits: Limits) -> &[u8] {
    input.get(..limit(limits)).unwrap_or(input)
}

/// The most bytes that a line may have.
#[inline]
pub(crate) fn limit(limits: Limits) -> usize {
    LONGEST.min(limits.max_len as usize)
}

/// The line that `line` begins with, if it is whole.
#[inline(always)]
pub(crate) fn whole(line: &[u8]) -> Option<Parsed<'static>> {
    if let Some(rest) = line.strip_prefix(TCP4) {
        let (source, rest) = ipv4(rest)?;
        let (destination, rest) = ipv4(rest)?;
        let (source_port, destination_port, rest) = ports(rest)?;
        let addresses = Addresses::Inet {
            source: SocketAddrV4::new(source, source_port),
            destination: SocketAddrV4::new(destination, destination_port),
        };
        return Some(complete(Transport::Stream, addresses, line.len() - rest.len()));
    }
    if let Some(rest) = line.strip_prefix(TCP6) {
        let (source, rest) = ipv6(rest)?;
        let (destination, rest) = ipv6(rest)?;
        let (source_port, destination_port, rest) = ports(rest)?;
        let addresses = Addresses::Inet6 {
            source: SocketAddrV6::new(source, source_port, 0, 0),
            destination: SocketAddrV6::new(destination, destination_port, 0, 0),
        };
        return Some(complete(Transport::Stream, addresses, line.len() - rest.len()));
    }
    let ignored = line.strip_prefix(UNKNOWN)?;
    let len = match ignored {
        [b'\r', b'\n', ..] => 2,
        [b' ', ..] => ignored.windows(2).position(|two| two == b"\r\n")? + 2,
        _ => return None,
    };
    Some(complete(Transport::Unspec, Addresses::Unspec, UNKNOWN.len() + len))
}

fn ipv4(text: &[u8]) -> Option<(Ipv4Addr, &[u8])> {
    text::ipv4(text).map(|(octets, rest)| (octets.into(), rest))
}

fn ipv6(text: &[u8]) -> Option<(Ipv6Addr, &[u8])> {
    text::ipv6(text).map(|(groups, rest)| (groups.into(), rest))
}

/// Both, and the end of the line.
#[inline(always)]
fn ports(text: &[u8]) -> Option<(u16, u16, &[u8])> {
    let (source, rest) = text::port(text, b' ')?;
    let (destination, rest) = text::port(rest, b'\r')?;
    Some((source, destination, rest.strip_prefix(b"\n")?))
}

#[inline(always)]
fn complete(transport: Transport, addresses: Addresses<'static>, len: usize) -> Parsed<'static> {
    let (version, command, tlvs) = (Version::V1, Command::Proxy, Tlvs::checked(&[]));
    Parsed::Complete { header: Header { version, command, transport, addresses, tlvs }, len }
}

/// What is wrong with a line that can't be one, or not within the limit, at the first byte at which it is.
#[cold]
fn fault(line: &[u8], limits: Limits) -> Error {
    let limit = limit(limits);
    let mut progress = Progress::default();
    #[expect(clippy::cast_possible_truncation, reason = "a line has at most 107 bytes")]
    for (offset, &found) in line.iter().enumerate() {
        let field = progress.field();
        if !progress.step(found) {
            let offset = offset as u8;
            return if usize::from(offset) < SIGNATURE_LEN {
                Error::Signature { offset, found, allowed: limits.versions }
            } else {
                Error::V1(V1Error { field, offset, found })
            };
        }
        let at_least = offset + 1 + progress.missing();
        if at_least > limit {
            return Error::TooLong { at_least: at_least as u32, limit: limit as u32 };
        }
    }
    Error::TooLong { at_least: u32::MAX, limit: limits.max_len }
}
