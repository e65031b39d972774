//! Version 2: the binary header (section 2.2).

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use crate::config::Limits;
use crate::crc32c::crc32c;
use crate::parse::incomplete;
use crate::walk::Walk;
use crate::{Addresses, Command, Error, Header, Parsed, Tlvs, Transport, UnixAddr, V2Error, Version};

pub(crate) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and transport, length.
pub(crate) const HEAD_LEN: usize = 16;

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
#[inline]
pub(crate) fn advance<'a>(walk: &mut Walk, input: &'a [u8], limits: Limits) -> Result<Parsed<'a>, Error> {
    let Some((fixed, rest)) = input.split_first_chunk::<HEAD_LEN>() else {
        return check_start(input, limits).map(|()| incomplete(HEAD_LEN - input.len()));
    };
    let Some(head) = Head::new(fixed, limits) else { return Err(fault(fixed, limits)) };
    let len = usize::from(head.len);
    let (block, whole) = match rest.get(..len) {
        Some(block) => (block, true),
        None => (rest, false),
    };
    match head.layout {
        Layout::Skipped => walk.skipped(block, head.len)?,
        layout => walk.strict(block, head.len, layout.len())?,
    }
    if !whole {
        return Ok(incomplete(len - rest.len()));
    }
    if let Some(at) = walk.crc32c().filter(|_| limits.check_crc32c) {
        check_crc32c(fixed, block, at)?;
    }
    Ok(Parsed::Complete { header: head.header(block), len: HEAD_LEN + len })
}

/// The header in bytes that [`advance`] has found to be one, or `None` if they are too few.
pub(crate) fn view(bytes: &[u8], limits: Limits) -> Option<Header<'_>> {
    let (fixed, block) = bytes.split_first_chunk()?;
    Some(Head::new(fixed, limits)?.header(block))
}

/// Checks a header that has just been written, but for its checksum, and puts the checksum right.
pub(crate) fn seal(bytes: &mut [u8]) -> Result<(), Error> {
    let limits = Limits { max_len: u32::MAX, versions: crate::Versions::V2, check_crc32c: false };
    let mut walk = Walk::default();
    let _ = advance(&mut walk, bytes, limits)?;
    if let Some(at) = walk.crc32c() {
        let value = HEAD_LEN + at..HEAD_LEN + at + 4;
        bytes.get_mut(value.clone()).unwrap_or_default().fill(0);
        let sum = crc32c(&[bytes]).to_be_bytes();
        if let Some(slot) = bytes.get_mut(value) {
            slot.copy_from_slice(&sum);
        }
    }
    Ok(())
}

impl Layout {
    /// What the thirteenth and fourteenth byte say, if they are defined (R35 to R49).
    #[inline(always)]
    const fn of(command: u8, family: u8) -> Option<(Command, Self, Transport)> {
        Some(match (command, family) {
            (0x20, _) => (Command::Local, Self::Skipped, Transport::Unspec),
            (0x21, 0x11) => (Command::Proxy, Self::Inet, Transport::Stream),
            (0x21, 0x12) => (Command::Proxy, Self::Inet, Transport::Dgram),
            (0x21, 0x21) => (Command::Proxy, Self::Inet6, Transport::Stream),
            (0x21, 0x22) => (Command::Proxy, Self::Inet6, Transport::Dgram),
            (0x21, 0x31) => (Command::Proxy, Self::Unix, Transport::Stream),
            (0x21, 0x32) => (Command::Proxy, Self::Unix, Transport::Dgram),
            (0x21, 0x00..=0x02 | 0x10 | 0x20 | 0x30) => (Command::Proxy, Self::Skipped, Transport::Unspec),
            _ => return None,
        })
    }

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
        let (command, layout, transport) = Layout::of(command, family)?;
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
    let Some(&command) = start.get(12) else { return Ok(()) };
    if command >> 4 != 2 {
        return Err(Error::V2(V2Error::Version { found: command >> 4 }));
    }
    if command & 0xF > 1 {
        return Err(Error::V2(V2Error::Command { found: command & 0xF }));
    }
    let Some(&family) = start.get(13) else { return Ok(()) };
    let Some((_, layout, _)) = Layout::of(command, family) else {
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
    let at_least = HEAD_LEN as u32 + u32::from(len);
    if at_least > limits.max_len { Err(Error::TooLong { at_least, limit: limits.max_len }) } else { Ok(()) }
}

/// What is wrong with a fixed part, at the first byte at which it is.
#[cold]
fn fault(fixed: &[u8; HEAD_LEN], limits: Limits) -> Error {
    let &[ref start @ .., _] = fixed;
    let &[.., command, family, high, low] = fixed;
    let announced = u16::from_be_bytes([high, low]);
    if let Err(error) = check_start(start, limits).and_then(|()| check_len(announced, limits)) {
        return error;
    }
    let needed = Layout::of(command, family).map_or(0, |(_, layout, _)| layout.len());
    Error::V2(match announced.checked_sub(needed) {
        None => V2Error::Length { announced, needed },
        Some(bytes) => V2Error::Stray { bytes },
    })
}

/// Compares the checksum at `at` of `block` with that of the header with zeros in its place (R65).
fn check_crc32c(fixed: &[u8; HEAD_LEN], block: &[u8], at: usize) -> Result<(), Error> {
    let Some((before, rest)) = block.split_at_checked(at) else { return Ok(()) };
    let Some((&value, behind)) = rest.split_first_chunk() else { return Ok(()) };
    let announced = u32::from_be_bytes(value);
    let computed = crc32c(&[fixed, before, &[0; 4], behind]);
    if announced == computed { Ok(()) } else { Err(Error::V2(V2Error::Crc32c { announced, computed })) }
}
