//! Version 2: the binary header (section 2.2).

use core::net::{SocketAddrV4, SocketAddrV6};

use super::incomplete;
use super::v2_tlvs::{self, TlvCheck};
use crate::config::Limits;
use crate::crc32c::checksum;
use crate::header::{View, inet, inet6};
use crate::wire::{HEAD_LEN, INET_LEN, INET6_LEN, LOCAL_COMMAND, PROXY_COMMAND, SIGNATURE, UNIX_LEN};
use crate::{Command, Error, Header, Parsed, Tlvs, Transport, V2Error, Version};

/// How the address block is laid out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// LOCAL or UNSPEC: whatever is there is skipped.
    Skipped,
    Inet,
    Inet6,
    Unix,
}

/// The header that `input` begins with, if it is complete and has addresses of IPv4 or IPv6, as almost all have, and its
/// length. Small and inlined, so that what it makes is kept in registers.
#[inline(always)]
pub(crate) fn common(input: &[u8], limits: Limits) -> Option<(Header<'_>, usize)> {
    let fixed = input.first_chunk()?;
    let len = HEAD_LEN + usize::from(announced(fixed, limits)?);
    let bytes = input.get(..len)?;
    let header = inet_or_inet6(bytes)?;
    match header.0 {
        View::Inet { tlvs, .. } | View::Inet6 { tlvs, .. } if !tlvs.is_empty() => {
            is_sound(bytes, tlvs, limits).then_some((header, len))
        }
        _ => Some((header, len)),
    }
}

/// Returns source and destination of the header that `input` begins with if it is a complete one of TCP over IPv4 without
/// TLVs. All of these begin with the same 16 bytes.
#[inline(always)]
pub(crate) fn bare_tcp4(input: &[u8], limits: Limits) -> Option<[SocketAddrV4; 2]> {
    let block = block_after(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", input, limits)?;
    Some([inet(block, 0, 8), inet(block, 4, 10)])
}

/// Returns source and destination of the header that `input` begins with if it is a complete one of TCP over IPv6 without
/// TLVs.
#[inline(always)]
pub(crate) fn bare_tcp6(input: &[u8], limits: Limits) -> Option<[SocketAddrV6; 2]> {
    let block = block_after(b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24", input, limits)?;
    Some([inet6(block, 0, 32), inet6(block, 16, 34)])
}

#[inline(always)]
fn block_after<'a, const N: usize>(
    fixed: &[u8; HEAD_LEN],
    input: &'a [u8],
    limits: Limits,
) -> Option<&'a [u8; N]> {
    let (found, rest) = input.split_first_chunk()?;
    let is_allowed = limits.allows_v2() && (HEAD_LEN + N) as u32 <= limits.max_len;
    if found == fixed && is_allowed { rest.first_chunk() } else { None }
}

/// Reads the header that `input` begins with. Of an incomplete one the TLVs are checked from where `tlvs` stopped.
pub(crate) fn advance<'a>(tlvs: &mut TlvCheck, input: &'a [u8], limits: Limits) -> Result<Parsed<'a>, Error> {
    match common(input, limits) {
        Some((header, len)) => Ok(Parsed::Complete { header, len }),
        None => parse_slow(tlvs, input, limits),
    }
}

/// The header that is all of `bytes`, which [`advance`] has found to be one, without checking it again.
#[inline]
pub(crate) fn view(bytes: &[u8], limits: Limits) -> Option<Header<'_>> {
    inet_or_inet6(bytes).or_else(|| unix_or_skipped(bytes, limits))
}

/// The slow path: UNIX and skipped address blocks, incomplete headers, and errors.
#[inline(never)]
pub(crate) fn parse_slow<'a>(
    tlvs: &mut TlvCheck,
    input: &'a [u8],
    limits: Limits,
) -> Result<Parsed<'a>, Error> {
    let Some((fixed, rest)) = input.split_first_chunk::<HEAD_LEN>() else {
        return check_start(input, limits).map(|()| incomplete(HEAD_LEN - input.len()));
    };
    let &[.., command, family, _, _] = fixed;
    let (Some(len), Some(layout)) = (announced(fixed, limits), Layout::of(command, family)) else {
        return Err(first_error(fixed, limits));
    };
    if layout != Layout::Skipped && !matches!(len.checked_sub(layout.len()), Some(0 | 3..)) {
        return Err(first_error(fixed, limits));
    }
    if let Some(header) = input.get(..HEAD_LEN + usize::from(len)) {
        check(header, layout.len(), limits)?;
        let len = header.len();
        return match view(header, limits) {
            Some(header) => Ok(Parsed::Complete { header, len }),
            None => Err(Error::Unreachable),
        };
    }
    tlvs.read(rest, len, layout.len())?;
    Ok(incomplete(usize::from(len) - rest.len()))
}

/// What the fixed part announces to follow it, if the signature is right and the header within the limit.
#[inline(always)]
fn announced(fixed: &[u8; HEAD_LEN], limits: Limits) -> Option<u16> {
    let (signature, &[_, _, high, low]) = fixed.split_first_chunk::<12>()? else { return None };
    let len = u16::from_be_bytes([high, low]);
    (*signature == SIGNATURE && HEAD_LEN as u32 + u32::from(len) <= limits.max_len).then_some(len)
}

/// The header that is all of `bytes`, if it is of this kind. The TLVs are not looked at.
#[inline(always)]
fn inet_or_inet6(bytes: &[u8]) -> Option<Header<'_>> {
    let (&[.., command, family, _, _], block) = bytes.split_first_chunk::<HEAD_LEN>()?;
    let transport = if family & 0xF == 1 { Transport::Stream } else { Transport::Dgram };
    match (command, family) {
        (PROXY_COMMAND, 0x11 | 0x12) => {
            let (block, tlvs) = block.split_first_chunk()?;
            Some(Header(View::Inet { block, transport, tlvs }))
        }
        (PROXY_COMMAND, 0x21 | 0x22) => {
            let (block, tlvs) = block.split_first_chunk()?;
            Some(Header(View::Inet6 { block, transport, tlvs }))
        }
        _ => None,
    }
}

/// The header that is all of `bytes`, of the other kinds.
#[cold]
fn unix_or_skipped(bytes: &[u8], limits: Limits) -> Option<Header<'_>> {
    let (&[.., command, family, _, _], block) = bytes.split_first_chunk::<HEAD_LEN>()?;
    match Layout::of(command, family)? {
        Layout::Unix => {
            let transport = if family & 0xF == 1 { Transport::Stream } else { Transport::Dgram };
            let (block, tlvs) = block.split_first_chunk()?;
            Some(Header(View::Unix { block, transport, tlvs }))
        }
        Layout::Skipped => {
            let command = if command == LOCAL_COMMAND { Command::Local } else { Command::Proxy };
            let tlvs = if is_tlvs(bytes, block, limits) { block } else { &[] };
            Some(Header(View::Unspec { version: Version::V2, command, tlvs }))
        }
        Layout::Inet | Layout::Inet6 => None,
    }
}

/// Whether the block of a header that is skipped is TLVs: they fill it, and if there is a checksum among them, it is
/// the header's. Otherwise it is something else, such as addresses that look like TLVs, and not an error (R36).
fn is_tlvs(header: &[u8], block: &[u8], limits: Limits) -> bool {
    let Some(tlvs) = Tlvs::new(block) else { return false };
    match v2_tlvs::lone_crc32c(tlvs) {
        Ok(Some(at)) if limits.check_crc32c => {
            let at = HEAD_LEN + usize::from(at);
            let announced = header.get(at..).and_then(<[u8]>::first_chunk).copied();
            announced.map(u32::from_be_bytes) == Some(checksum(header, at))
        }
        found => found.is_ok(),
    }
}

/// Whether the TLVs at the end of a header may be there, and its checksum is right. What is wrong says [`check`].
#[inline(always)]
fn is_sound(header: &[u8], tlvs: &[u8], limits: Limits) -> bool {
    match v2_tlvs::check_complete(tlvs) {
        Some(crc32c) if crc32c > 0 && limits.check_crc32c => {
            is_checksum_right(header, header.len().saturating_sub(crc32c))
        }
        found => found.is_some(),
    }
}

#[inline(never)]
fn is_checksum_right(header: &[u8], at: usize) -> bool {
    let announced = header.get(at..).and_then(<[u8]>::first_chunk).copied();
    announced.map(u32::from_be_bytes) == Some(checksum(header, at))
}

/// Checks the TLVs after the addresses of a header, and its checksum.
#[inline(never)]
fn check(header: &[u8], addresses: u16, limits: Limits) -> Result<(), Error> {
    let Some(at) = tlvs(header, addresses)?.filter(|_| limits.check_crc32c) else { return Ok(()) };
    let announced = header.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
    let (announced, computed) = (u32::from_be_bytes(announced), checksum(header, at));
    if announced == computed { Ok(()) } else { Err(Error::V2(V2Error::Crc32c { announced, computed })) }
}

/// Checks the TLVs of a header that has just been written, and puts its checksum right.
pub(crate) fn seal(header: &mut [u8], addresses: u16) -> Result<(), Error> {
    let crc32c = match addresses {
        0 => {
            let block = header.get(HEAD_LEN..).and_then(Tlvs::new).unwrap_or_default();
            v2_tlvs::lone_crc32c(block)?.map(|at| HEAD_LEN + usize::from(at))
        }
        _ => tlvs(header, addresses)?,
    };
    if let Some(at) = crc32c {
        let sum = checksum(header, at);
        if let Some(value) = header.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *value = sum.to_be_bytes();
        }
    }
    Ok(())
}

/// Checks the TLVs after the addresses of a header, and returns where its checksum is.
fn tlvs(header: &[u8], addresses: u16) -> Result<Option<usize>, Error> {
    let block = header.get(HEAD_LEN..).unwrap_or_default();
    if let Some(tlvs) = block.get(addresses.into()..).filter(|_| addresses > 0) {
        if let Some(crc32c) = v2_tlvs::check_complete(tlvs) {
            return Ok((crc32c > 0).then(|| header.len() - crc32c));
        }
    }
    let mut check = TlvCheck::default();
    #[expect(clippy::cast_possible_truncation, reason = "no header is longer")]
    check.read(block, block.len() as u16, addresses)?;
    Ok(check.crc32c().map(|at| HEAD_LEN + at))
}

impl Layout {
    /// What the thirteenth and fourteenth byte say, if they are defined (R35 to R49).
    #[inline(always)]
    const fn of(command: u8, family: u8) -> Option<Self> {
        match (command, family) {
            (LOCAL_COMMAND, _) | (PROXY_COMMAND, 0x00..=0x02 | 0x10 | 0x20 | 0x30) => Some(Self::Skipped),
            (PROXY_COMMAND, 0x11 | 0x12) => Some(Self::Inet),
            (PROXY_COMMAND, 0x21 | 0x22) => Some(Self::Inet6),
            (PROXY_COMMAND, 0x31 | 0x32) => Some(Self::Unix),
            _ => None,
        }
    }

    /// The length of the addresses and ports (R40 to R42).
    const fn len(self) -> u16 {
        match self {
            Self::Skipped => 0,
            Self::Inet => INET_LEN,
            Self::Inet6 => INET6_LEN,
            Self::Unix => UNIX_LEN,
        }
    }
}

/// Checks fewer than 16 bytes: whether a header can begin with them.
#[cold]
fn check_start(start: &[u8], limits: Limits) -> Result<(), Error> {
    check_len(0, limits)?;
    let differs = start.iter().zip(&SIGNATURE).position(|(a, b)| a != b);
    if let Some(at) = differs {
        let found = start.get(at).copied().unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, reason = "at is below 12")]
        return Err(Error::Signature { offset: at as u8, found, allowed: limits.versions });
    }
    let Some(&command) = start.get(12) else { return Ok(()) };
    if command >> 4 != 2 {
        return Err(Error::V2(V2Error::Version { found: command >> 4 }));
    }
    if command & 0xF > 1 {
        return Err(Error::V2(V2Error::Command { found: command & 0xF }));
    }
    let Some(&family) = start.get(13) else { return Ok(()) };
    let Some(layout) = Layout::of(command, family) else {
        return Err(Error::V2(match family >> 4 {
            found @ 4.. => V2Error::Family { found },
            _ => V2Error::Transport { found: family & 0xF },
        }));
    };
    check_len(layout.len(), limits)?;
    start.get(14).map_or(Ok(()), |&high| check_len(u16::from_be_bytes([high, 0]), limits))
}

/// Checks that `len` bytes after the fixed part are within the limit.
fn check_len(len: u16, limits: Limits) -> Result<(), Error> {
    limits.check(HEAD_LEN as u32 + u32::from(len))
}

/// What is wrong with a fixed part, at the first byte at which it is.
#[cold]
fn first_error(fixed: &[u8; HEAD_LEN], limits: Limits) -> Error {
    let &[ref start @ .., _] = fixed;
    let &[.., command, family, high, low] = fixed;
    let announced = u16::from_be_bytes([high, low]);
    if let Err(error) = check_start(start, limits).and_then(|()| check_len(announced, limits)) {
        return error;
    }
    let needed = Layout::of(command, family).map_or(0, Layout::len);
    Error::V2(match announced.checked_sub(needed) {
        None => V2Error::Length { announced, needed },
        Some(bytes) => V2Error::Stray { bytes },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Addresses, Config, Versions, parse, parse_bare_tcp4, parse_bare_tcp6};
    use std::vec::Vec;

    /// The addresses of a bare header, and its length.
    fn bare(input: &[u8], config: &Config) -> Option<(Addresses<'static>, usize)> {
        let tcp4 = parse_bare_tcp4(input, config)
            .map(|[source, destination]| (Addresses::Inet { source, destination }, 28));
        let tcp6 = parse_bare_tcp6(input, config)
            .map(|[source, destination]| (Addresses::Inet6 { source, destination }, 52));
        assert!(tcp4.is_none() || tcp6.is_none());
        tcp4.or(tcp6)
    }

    fn assert_parsed(input: &[u8], addresses: Addresses<'_>, len: usize) {
        let Ok(Parsed::Complete { header, len: parsed }) = parse(input, &Config::new()) else {
            panic!("{input:?} is not a header");
        };
        assert_eq!((header.addresses(), parsed), (addresses, len));
        assert_eq!((header.version(), header.command()), (Version::V2, Command::Proxy));
        assert!(header.transport() == Transport::Stream && header.tlvs().as_bytes().is_empty());
    }

    fn header(family: u8, len: u8) -> Vec<u8> {
        let block = (0..len).map(|byte| 0x40 + byte);
        SIGNATURE.into_iter().chain([PROXY_COMMAND, family, 0, len]).chain(block).chain(*b"payload").collect()
    }

    /// What is taken for a bare header is what the parser finds, whichever byte is changed and wherever it ends.
    #[test]
    fn bare_headers_are_what_the_parser_finds() {
        let config = Config::new();
        for good in [header(0x11, 12), header(0x21, 36)] {
            let (addresses, len) = bare(&good, &config).unwrap();
            assert_parsed(&good, addresses, len);
            assert_eq!(len, good.len() - b"payload".len());
            for end in 0..len {
                assert_eq!(bare(&good[..end], &config), None);
            }
            for at in 0..len {
                for byte in 0..=u8::MAX {
                    let mut input = good.clone();
                    input[at] = byte;
                    match bare(&input, &config) {
                        Some((addresses, len)) => assert_parsed(&input, addresses, len),
                        None => assert!(at < HEAD_LEN && byte != good[at]),
                    }
                }
            }
        }
    }

    #[test]
    fn bare_headers_keep_to_the_limits() {
        for (input, len) in [(header(0x11, 12), 28), (header(0x21, 36), 52)] {
            let config = Config::new().with_versions(Versions::V2).with_max_header_len(len);
            assert_eq!(bare(&input, &config).map(|(_, len)| len), Some(len));
            assert_eq!(bare(&input, &config.with_max_header_len(len - 1)), None);
            assert_eq!(bare(&input, &config.with_versions(Versions::V1)), None);
        }
    }
}
