//! Version 1: the line of text (section 2.1).

use super::v1_partial::PartialLine;
use super::{incomplete, v1_fields};
use crate::config::Limits;
use crate::header::View;
use crate::wire::{LONGEST_LINE, PROXY, TCP4, TCP6, UNKNOWN};
use crate::{Command, Error, Header, Parsed, V1Error, Version};

/// Reads the line that `input` begins with.
#[inline(always)]
pub(crate) fn parse(input: &[u8], limits: Limits) -> Result<Parsed<'static>, Error> {
    read(
        line(input, limits),
        |header, len| Ok(Parsed::Complete { header, len }),
        || incomplete_or_error(&mut PartialLine::default(), input, limits),
    )
}

/// Resumes reading at the byte where `partial` stopped.
pub(crate) fn advance(
    partial: &mut PartialLine,
    input: &[u8],
    limits: Limits,
) -> Result<Parsed<'static>, Error> {
    if partial.is_fresh() || partial.read(line(input, limits)) {
        if let Some((header, len)) = complete_line(line(input, limits)) {
            return Ok(Parsed::Complete { header, len });
        }
    }
    incomplete_or_error(partial, input, limits)
}

/// What is missing of a line that is not complete, or wrong with it.
fn incomplete_or_error(
    partial: &mut PartialLine,
    input: &[u8],
    limits: Limits,
) -> Result<Parsed<'static>, Error> {
    let line = line(input, limits);
    partial.read(line);
    if partial.taken() == line.len() && line.len() + partial.missing() <= limit(limits) {
        return Ok(incomplete(partial.missing()));
    }
    Err(error(line, limits))
}

/// The line that `line` begins with, if it is complete, and its length.
#[inline(never)]
pub(crate) fn complete_line(line: &[u8]) -> Option<(Header<'static>, usize)> {
    read(line, |header, len| Some((header, len)), || None)
}

/// As much of `input` as may be a line.
#[inline(always)]
pub(crate) fn line(input: &[u8], limits: Limits) -> &[u8] {
    input.get(..limit(limits)).unwrap_or(input)
}

/// Returns how many bytes of `input` may belong to the line that begins with `so_far`: up to its CRLF or the limit, or all
/// there is.
pub(crate) fn extent(so_far: &[u8], input: &[u8], limits: Limits) -> usize {
    let input = input.get(..limit(limits).saturating_sub(so_far.len())).unwrap_or(input);
    let mut after_cr = so_far.last() == Some(&b'\r');
    let mut len = 0;
    while let Some(rest @ [_, ..]) = input.get(len..) {
        // A block at a time, as long as there is no line feed in it.
        let block = rest.first_chunk::<16>().filter(|block| !has_line_feed(block));
        let upto = match block {
            Some(block) => block.len(),
            None => rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at + 1),
        };
        len += upto;
        after_cr = match rest.get(..upto) {
            Some([b'\n']) if after_cr => return len,
            Some([.., b'\r', b'\n']) => return len,
            Some([.., last]) => *last == b'\r',
            _ => false,
        };
    }
    len
}

fn has_line_feed(block: &[u8; 16]) -> bool {
    // Without a way out in between, all sixteen are compared at once.
    block.iter().fold(0, |any, &byte| any | u8::from(byte == b'\n')) != 0
}

/// The most bytes that a line may have.
#[inline]
pub(crate) fn limit(limits: Limits) -> usize {
    LONGEST_LINE.min(limits.max_len as usize)
}

/// Reads the line that `line` begins with: what `found` makes of it and its length if it is complete, or else `other`.
/// The result is made in each branch by itself, so that it is written where it belongs, and not copied there.
#[inline(always)]
fn read<T>(line: &[u8], found: impl Fn(Header<'static>, usize) -> T, other: impl FnOnce() -> T) -> T {
    if let Some(rest) = line.strip_prefix(TCP4) {
        if let Some((ips, ports, rest)) = tcp4(rest) {
            return found(Header(View::Tcp4 { ips, ports }), line.len() - rest.len());
        }
    } else if let Some(rest) = line.strip_prefix(TCP6) {
        if let Some((ips, ports, rest)) = tcp6(rest) {
            return found(Header(View::Tcp6 { ips, ports }), line.len() - rest.len());
        }
    } else if let Some(len) = line.strip_prefix(UNKNOWN).and_then(ignored_len) {
        let view = View::Unspec { version: Version::V1, command: Command::Proxy, tlvs: &[] };
        return found(Header(view), UNKNOWN.len() + len);
    }
    other()
}

#[inline(always)]
fn tcp4(text: &[u8]) -> Option<(u64, u32, &[u8])> {
    let (source, rest) = v1_fields::ipv4(text)?;
    let (destination, rest) = v1_fields::ipv4(rest)?;
    let (ports, rest) = ports(rest)?;
    let ips = u64::from(u32::from_be_bytes(source)) << 32 | u64::from(u32::from_be_bytes(destination));
    Some((ips, ports, rest))
}

#[inline(always)]
fn tcp6(text: &[u8]) -> Option<([u64; 4], u32, &[u8])> {
    let (source, rest) = v1_fields::ipv6(text)?;
    let (destination, rest) = v1_fields::ipv6(rest)?;
    let (ports, rest) = ports(rest)?;
    let [(a, b), (c, d)] = [source, destination].map(words);
    Some(([a, b, c, d], ports, rest))
}

/// The length of what is ignored after UNKNOWN, and of the end of the line (R17).
#[inline(always)]
fn ignored_len(ignored: &[u8]) -> Option<usize> {
    match ignored {
        [b'\r', b'\n', ..] => Some(2),
        [b' ', ..] => Some(ignored.windows(2).position(|two| two == b"\r\n")? + 2),
        _ => None,
    }
}

/// Both, as one number, and the end of the line.
#[inline(always)]
fn ports(text: &[u8]) -> Option<(u32, &[u8])> {
    let (source, rest) = v1_fields::port(text, b' ')?;
    let (destination, rest) = v1_fields::port(rest, b'\r')?;
    Some((u32::from(source) << 16 | u32::from(destination), rest.strip_prefix(b"\n")?))
}

#[inline(always)]
fn words(groups: [u16; 8]) -> (u64, u64) {
    let words = groups.map(u64::from);
    let [high @ .., _, _, _, _] = words;
    let [_, _, _, _, low @ ..] = words;
    let word = |[a, b, c, d]: [u64; 4]| a << 48 | b << 32 | c << 16 | d;
    (word(high), word(low))
}

/// What is wrong with a line that can't be one, or not within the limit, at the first byte at which it is.
#[cold]
fn error(line: &[u8], limits: Limits) -> Error {
    let limit = limit(limits);
    let mut partial = PartialLine::default();
    #[expect(clippy::cast_possible_truncation, reason = "a line has at most 107 bytes")]
    for (offset, &found) in line.iter().enumerate() {
        let before = partial;
        if !partial.step(found) {
            let offset = offset as u8;
            return if usize::from(offset) < PROXY.len() {
                Error::Signature { offset, found, allowed: limits.versions }
            } else {
                Error::V1(V1Error::new(before.field(), before.cause(found), offset, found))
            };
        }
        let at_least = offset + 1 + partial.missing();
        if at_least > limit {
            let limits = Limits {
                max_len: limit as u32,
                from_storage: limits.from_storage && limit < LONGEST_LINE,
                ..limits
            };
            return limits.exceeded(at_least as u32);
        }
    }
    Error::Unreachable
}
