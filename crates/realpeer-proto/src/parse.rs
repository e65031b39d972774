//! The stateless kernel: a slice in, a header out.

mod v1;
mod v1_fields;
mod v1_partial;
mod v2;
mod v2_tlvs;

use core::net::{SocketAddrV4, SocketAddrV6};
use core::num::NonZeroUsize;

use self::v1_partial::PartialLine;
pub(crate) use self::v2::seal;
use self::v2_tlvs::TlvCheck;
use crate::config::Limits;
use crate::wire::{HEAD_LEN, PROXY, SIGNATURE};
use crate::{Config, Error, Header, Version};

/// The result of [`parse`].
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{parse, Config, Parsed};
///
/// // A line of version 1 can be as short as 22 bytes from here on.
/// assert_eq!(parse(b"PROXY TCP4", &Config::new())?, Parsed::Incomplete { needed: 22.try_into()? });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It has no third kind, and gets none without a new major version: who parses handles both.
#[must_use = "it may be a header, or the beginning of one"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// The input begins with a header.
    Complete {
        /// The header.
        header: Header<'a>,
        /// Its length in bytes; what follows is payload.
        len: usize,
    },
    /// The input is the beginning of a header.
    Incomplete {
        /// At least this many bytes are missing: a read of that size can't take a byte of payload.
        needed: NonZeroUsize,
    },
}

/// Reads the header that `input` begins with. It keeps nothing: more input means reading from the start again, for
/// which [`Decoder`](crate::Decoder) is the better choice.
///
/// # Errors
///
/// As soon as no header can begin with `input`. See [`Error`].
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{parse, Command, Config, Parsed};
///
/// let input = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0payload";
/// let Parsed::Complete { header, len } = parse(input, &Config::new())? else { panic!("incomplete") };
/// assert_eq!((header.command(), len), (Command::Local, 16));
/// # Ok::<(), realpeer::proto::Error>(())
/// ```
#[inline(always)]
pub fn parse<'a>(input: &'a [u8], config: &Config) -> Result<Parsed<'a>, Error> {
    let limits = config.limits();
    // Most headers are of this kind. What becomes of it stays in the caller's registers; the rest is out of line.
    if limits.allows_v2() {
        if let Some((header, len)) = v2::common(input, limits) {
            return Ok(Parsed::Complete { header, len });
        }
    }
    parse_slow(input, limits)
}

/// Returns source and destination of the header that `input` begins with if it is a complete one of version 2, for TCP over
/// IPv4, without TLVs: the most common kind, always 28 bytes long. `None` tells nothing about `input`: ask [`parse`].
///
/// It compiles to a few instructions that call nothing: for realpeer-ffi, which keeps everything else out of line.
#[doc(hidden)]
#[inline(always)]
pub fn parse_bare_tcp4(input: &[u8], config: &Config) -> Option<[SocketAddrV4; 2]> {
    v2::bare_tcp4(input, config.limits())
}

/// Works as [`parse_bare_tcp4`] does, for TCP over IPv6: 52 bytes.
#[doc(hidden)]
#[inline(always)]
pub fn parse_bare_tcp6(input: &[u8], config: &Config) -> Option<[SocketAddrV6; 2]> {
    v2::bare_tcp6(input, config.limits())
}

/// The slow path: all that is not a complete header of version 2 with addresses of IPv4 or IPv6. Version 1 comes first, and without a further
/// call.
#[inline(never)]
pub(crate) fn parse_slow(input: &[u8], limits: Limits) -> Result<Parsed<'_>, Error> {
    match input {
        [b'P', ..] if limits.allows_v1() => v1::parse(input, limits),
        _ => not_v1(input, limits),
    }
}

#[inline(never)]
fn not_v1(input: &[u8], limits: Limits) -> Result<Parsed<'_>, Error> {
    match version(input, limits)? {
        Some(_) => v2::parse_slow(&mut TlvCheck::default(), input, limits),
        None => shortest(limits).map(incomplete),
    }
}

/// Reads the header and the payload of a datagram, each of which has its own.
///
/// # Errors
///
/// As for [`parse`]; and [`Error::Truncated`] if the datagram ends before its header does, [`Error::EmptyDatagram`] if
/// there is nothing in it.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{parse_datagram, Config, Transport};
///
/// let datagram = b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\x7f\0\0\x01\x7f\0\0\x02\x30\x39\0\x35query";
/// let (header, payload) = parse_datagram(datagram, &Config::new())?;
/// assert_eq!(header.source().unwrap().to_string(), "127.0.0.1:12345");
/// assert_eq!(header.transport(), Transport::Dgram);
/// assert_eq!(payload, b"query");
/// # Ok::<(), realpeer::proto::Error>(())
/// ```
pub fn parse_datagram<'a>(datagram: &'a [u8], config: &Config) -> Result<(Header<'a>, &'a [u8]), Error> {
    match parse(datagram, config)? {
        Parsed::Complete { header, len } => Ok((header, datagram.get(len..).unwrap_or_default())),
        Parsed::Incomplete { .. } if datagram.is_empty() => Err(Error::EmptyDatagram),
        #[expect(clippy::cast_possible_truncation, reason = "what is incomplete is shorter than a header")]
        Parsed::Incomplete { .. } => Err(Error::Truncated { received: datagram.len() as u32 }),
    }
}

/// How far a header has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resume {
    Start,
    V1(PartialLine),
    V2(TlvCheck),
}

/// Reads the header that `input` begins with from where `resume` stands.
pub(crate) fn advance<'a>(resume: &mut Resume, input: &'a [u8], limits: Limits) -> Result<Parsed<'a>, Error> {
    if *resume == Resume::Start {
        *resume = match version(input, limits)? {
            Some(Version::V1) => Resume::V1(PartialLine::default()),
            Some(Version::V2) => Resume::V2(TlvCheck::default()),
            None => Resume::Start,
        };
    }
    match resume {
        Resume::Start => shortest(limits).map(incomplete),
        Resume::V1(line) => v1::advance(line, input, limits),
        Resume::V2(tlvs) => v2::advance(tlvs, input, limits),
    }
}

/// The version that the first byte tells, if there is one.
#[inline(always)]
fn version(input: &[u8], limits: Limits) -> Result<Option<Version>, Error> {
    let Some(&found) = input.first() else { return Ok(None) };
    if found == SIGNATURE[0] {
        if limits.allows_v2() {
            return Ok(Some(Version::V2));
        }
    } else if found == PROXY[0] && limits.allows_v1() {
        return Ok(Some(Version::V1));
    }
    Err(Error::Signature { offset: 0, found, allowed: limits.versions })
}

/// At least this many bytes are missing.
pub(crate) fn incomplete(needed: usize) -> Parsed<'static> {
    Parsed::Incomplete { needed: NonZeroUsize::new(needed).unwrap_or(NonZeroUsize::MIN) }
}

/// Returns how many bytes at the front of `input` may belong to the header that begins with `so_far`, of which `missing` are
/// certain. `resume` is where `so_far` ends.
pub(crate) fn header_extent(
    resume: &Resume,
    so_far: &[u8],
    missing: usize,
    input: &[u8],
    limits: Limits,
) -> usize {
    match resume {
        Resume::V1(_) => v1::extent(so_far, input, limits),
        Resume::V2(_) => missing,
        Resume::Start => match version(input, limits) {
            Ok(Some(Version::V1)) => v1::extent(so_far, input, limits),
            Ok(Some(Version::V2)) => HEAD_LEN.min(limits.max_len as usize),
            // The first byte is no signature's: enough to say so.
            Ok(None) | Err(_) => 1,
        },
    }
}

/// Reads one more byte, which is not the header's first, where that takes no look at those before it. Returns how many
/// bytes are missing then, at least; `None` if [`advance`] has to say.
#[inline]
pub(crate) fn advance_byte(resume: &mut Resume, byte: u8, limits: Limits) -> Option<u32> {
    match resume {
        Resume::V1(line) => line.next(byte, v1::limit(limits)),
        Resume::Start | Resume::V2(_) => None,
    }
}

/// The length of the header that `input` begins with, if it is complete and of the most common kinds.
#[inline]
pub(crate) fn complete(input: &[u8], limits: Limits) -> Option<usize> {
    match version(input, limits) {
        Ok(Some(Version::V2)) => v2::common(input, limits).map(|(_, len)| len),
        Ok(Some(Version::V1)) => v1::complete_line(v1::line(input, limits)).map(|(_, len)| len),
        _ => None,
    }
}

/// The length of the shortest header, if the storage has room for it.
#[inline]
pub(crate) fn shortest(limits: Limits) -> Result<usize, Error> {
    let shortest = limits.versions.shortest();
    limits.check(shortest as u32).map(|()| shortest)
}

/// The header in bytes that [`advance`] has found to be one, without checking it again.
#[inline]
pub(crate) fn view(bytes: &[u8], limits: Limits) -> Option<Header<'_>> {
    match bytes {
        [first, ..] if *first == PROXY[0] => v1::complete_line(bytes).map(|(header, _)| header),
        _ => v2::view(bytes, limits),
    }
}
