//! Version 2: the binary header (section 2.2).

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use crate::config::Limits;
use crate::crc32c::crc32c;
use crate::tlv::{MAX_UNIQUE_ID_LEN, kind};
use crate::{
    Addresses, Command, Error, Header, Ssl, TlvCause, TlvError, Tlvs, Transport, UnixAddr, V2Error, Version,
};

pub(crate) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and transport, length.
pub(crate) const HEAD_LEN: usize = 16;

/// How far the TLVs have been looked at. Offsets count from byte 16, where the length starts to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Where the next TLV starts; 0 before the first look.
    at: u16,
    /// Where the SSL TLV ends that it is in; 0 outside.
    ssl_end: u16,
    /// Where the value of the CRC32C starts, 0 without one.
    crc32c: u16,
}

/// The fixed part of the header.
#[derive(Clone, Copy)]
struct Head {
    command: Command,
    layout: Layout,
    transport: Transport,
    /// The bytes after the fixed part.
    len: u16,
}

/// How the address block is laid out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// LOCAL or UNSPEC: whatever is there is skipped.
    Skipped,
    Inet,
    Inet6,
    Unix,
}

/// Reads on in the header that `input`, which is not empty, begins with.
///
/// `Ok(Ok(..))` is the header and its length, `Ok(Err(..))` the fewest bytes that are missing.
#[inline]
pub(crate) fn advance<'a>(
    progress: &mut Progress,
    input: &'a [u8],
    limits: Limits,
) -> Result<Result<(Header<'a>, usize), usize>, Error> {
    let Some((fixed, rest)) = input.split_first_chunk::<HEAD_LEN>() else {
        return check_start(input, limits).map(|()| Err(HEAD_LEN - input.len()));
    };
    let Some(head) = Head::new(fixed, limits) else { return Err(fault(fixed, limits)) };
    let len = usize::from(head.len);
    let (block, whole) = match rest.get(..len) {
        Some(block) => (block, true),
        None => (rest, false),
    };
    if head.layout != Layout::Skipped {
        progress.advance(block, head.len, head.layout.len())?;
    }
    if !whole {
        return Ok(Err(len - rest.len()));
    }
    let header = head.header(block);
    if head.layout == Layout::Skipped {
        progress.crc32c = find_crc32c(header.tlvs)?;
    }
    if progress.crc32c > 0 && limits.check_crc32c {
        check_crc32c(fixed, block, progress.crc32c.into())?;
    }
    Ok(Ok((header, HEAD_LEN + len)))
}

/// The header in bytes that [`advance`] has found to be one, or `None` if they are too few.
pub(crate) fn view(bytes: &[u8], limits: Limits) -> Option<Header<'_>> {
    let (fixed, block) = bytes.split_first_chunk()?;
    Some(Head::new(fixed, limits)?.header(block))
}

/// Checks a header that has just been written, but for its checksum, and puts the checksum right.
pub(crate) fn seal(bytes: &mut [u8]) -> Result<(), Error> {
    let limits = Limits { max_len: u32::MAX, versions: crate::Versions::V2, check_crc32c: false };
    let mut progress = Progress::default();
    let _ = advance(&mut progress, bytes, limits)?;
    if progress.crc32c > 0 {
        let at = HEAD_LEN + usize::from(progress.crc32c);
        if let Some(value) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *value = [0; 4];
            let sum = crc32c(&[bytes]).to_be_bytes();
            if let Some(value) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
                *value = sum;
            }
        }
    }
    Ok(())
}

impl Layout {
    /// The length of the addresses and ports (R40 to R42).
    const fn len(self) -> u16 {
        match self {
            Self::Skipped => 0,
            Self::Inet => 12,
            Self::Inet6 => 36,
            Self::Unix => 216,
        }
    }
}

impl Head {
    /// `None` if anything is wrong; [`fault`] says what.
    #[inline(always)]
    fn new(fixed: &[u8; HEAD_LEN], limits: Limits) -> Option<Self> {
        let (signature, &[command, family, high, low]) = fixed.split_first_chunk::<12>()? else {
            return None;
        };
        let len = u16::from_be_bytes([high, low]);
        let fits = HEAD_LEN as u32 + u32::from(len) <= limits.max_len;
        if *signature != SIGNATURE || !fits {
            return None;
        }
        let (command, layout, transport) = match (command, family) {
            (0x20, _) => (Command::Local, Layout::Skipped, Transport::Unspec),
            (0x21, 0x11) => (Command::Proxy, Layout::Inet, Transport::Stream),
            (0x21, 0x12) => (Command::Proxy, Layout::Inet, Transport::Dgram),
            (0x21, 0x21) => (Command::Proxy, Layout::Inet6, Transport::Stream),
            (0x21, 0x22) => (Command::Proxy, Layout::Inet6, Transport::Dgram),
            (0x21, 0x31) => (Command::Proxy, Layout::Unix, Transport::Stream),
            (0x21, 0x32) => (Command::Proxy, Layout::Unix, Transport::Dgram),
            (0x21, 0x00..=0x02 | 0x10 | 0x20 | 0x30) => (Command::Proxy, Layout::Skipped, Transport::Unspec),
            _ => return None,
        };
        let stray = len.checked_sub(layout.len())?;
        (layout == Layout::Skipped || !matches!(stray, 1 | 2)).then_some(Self {
            command,
            layout,
            transport,
            len,
        })
    }

    /// `block` is what follows the fixed part.
    #[inline(always)]
    fn header(self, block: &[u8]) -> Header<'_> {
        let parts = match self.layout {
            Layout::Skipped => None,
            Layout::Inet => block.split_first_chunk().map(|(addresses, tlvs)| (inet(addresses), tlvs)),
            Layout::Inet6 => block.split_first_chunk().map(|(addresses, tlvs)| (inet6(addresses), tlvs)),
            Layout::Unix => {
                block.split_first_chunk().and_then(|(addresses, tlvs)| Some((unix(addresses)?, tlvs)))
            }
        };
        let (addresses, tlvs) = match parts {
            Some((addresses, tlvs)) => (addresses, Tlvs::checked(tlvs)),
            None => (Addresses::Unspec, Tlvs::new(block).unwrap_or_default()),
        };
        Header { version: Version::V2, command: self.command, transport: self.transport, addresses, tlvs }
    }
}

#[inline(always)]
fn inet(block: &[u8; 12]) -> Addresses<'static> {
    let (ips, ports) = block.split_at(8);
    let ip = |half: &[u8]| Ipv4Addr::from(<[u8; 4]>::try_from(half).unwrap_or_default());
    let port = |half: &[u8]| u16::from_be_bytes(<[u8; 2]>::try_from(half).unwrap_or_default());
    let (source, destination) = ips.split_at(4);
    let (source_port, destination_port) = ports.split_at(2);
    Addresses::Inet {
        source: SocketAddrV4::new(ip(source), port(source_port)),
        destination: SocketAddrV4::new(ip(destination), port(destination_port)),
    }
}

#[inline(always)]
fn inet6(block: &[u8; 36]) -> Addresses<'static> {
    let (ips, ports) = block.split_at(32);
    let ip = |half: &[u8]| Ipv6Addr::from(<[u8; 16]>::try_from(half).unwrap_or_default());
    let port = |half: &[u8]| u16::from_be_bytes(<[u8; 2]>::try_from(half).unwrap_or_default());
    let (source, destination) = ips.split_at(16);
    let (source_port, destination_port) = ports.split_at(2);
    Addresses::Inet6 {
        source: SocketAddrV6::new(ip(source), port(source_port), 0, 0),
        destination: SocketAddrV6::new(ip(destination), port(destination_port), 0, 0),
    }
}

fn unix(block: &[u8; 216]) -> Option<Addresses<'_>> {
    let (source, destination) = block.split_at(UnixAddr::MAX_LEN);
    Some(Addresses::Unix { source: UnixAddr::new(source)?, destination: UnixAddr::new(destination)? })
}

/// Checks fewer than 16 bytes: whether a header can begin with them.
#[cold]
fn check_start(start: &[u8], limits: Limits) -> Result<(), Error> {
    let differs = start.iter().zip(&SIGNATURE).position(|(a, b)| a != b);
    if let Some(at) = differs {
        let found = start.get(at).copied().unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, reason = "at is below 12")]
        return Err(Error::Signature { offset: at as u8, found, allowed: limits.versions });
    }
    let command = match start.get(12) {
        None => return Ok(()),
        Some(&byte) if byte >> 4 != 2 => return Err(Error::V2(V2Error::Version { found: byte >> 4 })),
        Some(&byte) if byte & 0xF > 1 => return Err(Error::V2(V2Error::Command { found: byte & 0xF })),
        Some(&byte) => byte & 0xF,
    };
    match start.get(13) {
        Some(&byte) if command == 1 && byte >> 4 > 3 => {
            return Err(Error::V2(V2Error::Family { found: byte >> 4 }));
        }
        Some(&byte) if command == 1 && byte & 0xF > 2 => {
            return Err(Error::V2(V2Error::Transport { found: byte & 0xF }));
        }
        _ => {}
    }
    let at_least = HEAD_LEN as u32 + (u32::from(start.get(14).copied().unwrap_or_default()) << 8);
    if at_least > limits.max_len {
        return Err(Error::TooLong { at_least, limit: limits.max_len });
    }
    Ok(())
}

/// What is wrong with a fixed part, at the first byte at which it is.
#[cold]
fn fault(fixed: &[u8; HEAD_LEN], limits: Limits) -> Error {
    let &[start @ .., _] = fixed;
    if let Err(error) = check_start(&start, limits) {
        return error;
    }
    let &[.., family, high, low] = fixed;
    let announced = u16::from_be_bytes([high, low]);
    let at_least = HEAD_LEN as u32 + u32::from(announced);
    if at_least > limits.max_len {
        return Error::TooLong { at_least, limit: limits.max_len };
    }
    let needed = match family >> 4 {
        1 => Layout::Inet,
        2 => Layout::Inet6,
        _ => Layout::Unix,
    }
    .len();
    Error::V2(match announced.checked_sub(needed) {
        None => V2Error::Length { announced, needed },
        Some(bytes) => V2Error::Stray { bytes },
    })
}

impl Progress {
    /// Looks at the TLVs of which the type or more has come. `block` is what has come of the `len` bytes after the
    /// fixed part, the first `skip` of which are addresses.
    #[inline]
    fn advance(&mut self, block: &[u8], len: u16, skip: u16) -> Result<(), Error> {
        self.at = self.at.max(skip);
        loop {
            if self.at == self.ssl_end {
                self.ssl_end = 0;
            }
            let end = if self.ssl_end > 0 { self.ssl_end } else { len };
            if self.at == end {
                return Ok(());
            }
            let here = block.get(self.at.into()..).unwrap_or_default();
            let &[kind, high, low, ..] = here else {
                return self.check_part(here, end);
            };
            let value_len = u16::from_be_bytes([high, low]);
            if !self.may_be(kind, value_len, value_len, end) {
                return Err(self.fault([kind, high, low], end));
            }
            let nested = kind == kind::SSL && self.ssl_end == 0;
            if kind == kind::CRC32C && self.ssl_end == 0 {
                self.crc32c = self.at + 3;
            }
            if nested {
                self.ssl_end = self.at + 3 + value_len;
            }
            self.at += 3 + if nested { Ssl::FIXED_LEN as u16 } else { value_len };
        }
    }

    /// Whether a TLV of the type `kind` with a value of `least` to `most` bytes can stand here: it has to end
    /// where its surroundings do, or at least a TLV's three bytes before.
    #[inline(always)]
    fn may_be(&self, kind: u8, least: u16, most: u16, end: u16) -> bool {
        let Some(room) = (end - self.at).checked_sub(3) else { return false };
        let fits = |least: u16, most: u16| {
            least <= most && ((least <= room && room <= most) || u32::from(least) + 3 <= u32::from(room))
        };
        if self.ssl_end > 0 {
            return fits(least, most);
        }
        match kind {
            kind::CRC32C => self.crc32c == 0 && fits(least.max(4), most.min(4)),
            kind::UNIQUE_ID => fits(least, most.min(MAX_UNIQUE_ID_LEN as u16)),
            // The TLVs within are none, or have three bytes or more.
            kind::SSL => fits(least.max(5), most.min(5)) || fits(least.max(8), most),
            _ => fits(least, most),
        }
    }

    /// Checks a TLV of which not even the length has come.
    #[cold]
    fn check_part(&self, part: &[u8], end: u16) -> Result<(), Error> {
        let (kind, least, most) = match *part {
            [kind] => (kind, 0, u16::MAX),
            [kind, high] => (kind, u16::from_be_bytes([high, 0]), u16::from_be_bytes([high, 0xFF])),
            _ => return Ok(()),
        };
        if self.may_be(kind, least, most, end) { Ok(()) } else { Err(self.cause(kind, least, most, end)) }
    }

    /// What is wrong with a TLV, at the first of its bytes at which it is.
    #[cold]
    fn fault(&self, tlv: [u8; 3], end: u16) -> Error {
        let [kind, high, low] = tlv;
        let len = u16::from_be_bytes([high, low]);
        [&tlv[..1], &tlv[..2]]
            .into_iter()
            .find_map(|part| self.check_part(part, end).err())
            .unwrap_or_else(|| self.cause(kind, len, len, end))
    }

    fn cause(&self, kind: u8, least: u16, most: u16, end: u16) -> Error {
        let room = (end - self.at).saturating_sub(3);
        let (shortest, cause) = match kind {
            _ if self.ssl_end > 0 => (0, None),
            kind::CRC32C if self.crc32c > 0 => (4, Some(TlvCause::Crc32cTwice)),
            kind::CRC32C => (4, (most < 4 || least > 4).then_some(TlvCause::Crc32cLength)),
            kind::UNIQUE_ID => {
                (0, (usize::from(least) > MAX_UNIQUE_ID_LEN).then_some(TlvCause::UniqueIdLength))
            }
            kind::SSL => (5, (most < 5).then_some(TlvCause::SslLength)),
            _ => (0, None),
        };
        let overrun = least.max(shortest) > room;
        let cause = cause.unwrap_or(if overrun { TlvCause::Overrun } else { TlvCause::Stray });
        Error::Tlv(TlvError { kind, offset: HEAD_LEN as u32 + u32::from(self.at), cause })
    }
}

/// Where the value of the CRC32C starts among TLVs at byte 16, 0 without one.
fn find_crc32c(tlvs: Tlvs<'_>) -> Result<u16, Error> {
    let mut at = 0;
    let mut found = 0;
    for tlv in tlvs {
        if tlv.kind() == kind::CRC32C {
            let cause = match tlv.value().len() {
                4 if found == 0 => None,
                4 => Some(TlvCause::Crc32cTwice),
                _ => Some(TlvCause::Crc32cLength),
            };
            if let Some(cause) = cause {
                let offset = HEAD_LEN as u32 + u32::from(at);
                return Err(Error::Tlv(TlvError { kind: kind::CRC32C, offset, cause }));
            }
            found = at + 3;
        }
        #[expect(clippy::cast_possible_truncation, reason = "all of them fit 65,535 bytes")]
        let value_len = tlv.value().len() as u16;
        at += 3 + value_len;
    }
    Ok(found)
}

/// Compares the checksum at `at` of `block` with that of the header with zeros in its place (R65).
fn check_crc32c(fixed: &[u8; HEAD_LEN], block: &[u8], at: usize) -> Result<(), Error> {
    let Some((before, rest)) = block.split_at_checked(at) else { return Ok(()) };
    let Some((&value, behind)) = rest.split_first_chunk() else { return Ok(()) };
    let announced = u32::from_be_bytes(value);
    let computed = crc32c(&[fixed, before, &[0; 4], behind]);
    if announced == computed { Ok(()) } else { Err(Error::V2(V2Error::Crc32c { announced, computed })) }
}
