//! Version 1: the line of text (section 2.1).

use core::net::{SocketAddrV4, SocketAddrV6};

use crate::config::Limits;
use crate::parse::incomplete;
use crate::text::{End, Text, ipv4, ipv6, port};
use crate::{Addresses, Command, Error, Header, Parsed, Tlvs, Transport, V1Error, V1Field, Version};

/// `PROXY UNKNOWN` and CRLF.
pub(crate) const SHORTEST: usize = 15;
/// The longest line, with its CRLF (R25, R27).
pub(crate) const LONGEST: usize = 107;

const TCP4: &[u8; 11] = b"PROXY TCP4 ";
const TCP6: &[u8; 11] = b"PROXY TCP6 ";
const UNKNOWN: &[u8; 13] = b"PROXY UNKNOWN";
/// `PROXY` (R58).
const SIGNATURE_LEN: usize = 5;
/// `PROXY TCP4 0.0.0.0 0.0.0.0 0 0` and CRLF.
const SHORTEST_TCP4: usize = 32;
/// `PROXY TCP6 :: :: 0 0` and CRLF.
const SHORTEST_TCP6: usize = 22;

/// How far a line has been read: up to the start of a field. Small, for the values of finished fields are read again
/// once the line is whole; and a field is so short that reading it again with each byte costs little.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    stage: Stage,
    v6: bool,
    /// Where the field starts.
    start: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd)]
enum Stage {
    /// `PROXY`, the protocol and what stands behind it.
    #[default]
    Protocol,
    Source,
    Destination,
    SourcePort,
    DestinationPort,
    LineFeed,
    /// Behind `UNKNOWN` and a space: all up to CRLF is ignored (R17).
    Ignored,
}

/// Why reading stopped before the end of the line.
#[derive(Clone, Copy)]
enum Stop {
    /// The input ended; at least so many bytes are missing.
    Open(usize),
    /// The byte there can't stand there.
    Wrong(V1Field, usize),
}

/// The values of the fields.
#[derive(Clone, Copy, Default)]
struct Values {
    known: bool,
    source4: u32,
    destination4: u32,
    source6: [u16; 8],
    destination6: [u16; 8],
    source_port: u16,
    destination_port: u16,
}

/// Reads on in the line that `input` begins with.
#[inline]
pub(crate) fn advance(
    progress: &mut Progress,
    input: &[u8],
    limits: Limits,
) -> Result<Parsed<'static>, Error> {
    let limit = LONGEST.min(limits.max_len as usize);
    let line = input.get(..limit).unwrap_or(input);
    let fresh = progress.stage == Stage::Protocol;
    let mut values = Values::default();
    match progress.read(line, &mut values) {
        Ok(len) => {
            if !fresh {
                *progress = Progress::default();
                let _ = progress.read(line, &mut values);
            }
            Ok(Parsed::Complete { header: values.header(progress.v6), len })
        }
        Err(Stop::Open(missing)) if line.len() + missing <= limit => Ok(incomplete(missing)),
        Err(stop) => Err(fault(line, limit, stop, limits)),
    }
}

impl Progress {
    /// Reads from where it stands, a field at a time. Gives the length of the whole line.
    #[inline(always)]
    fn read(&mut self, line: &[u8], values: &mut Values) -> Result<usize, Stop> {
        if self.stage == Stage::Protocol {
            self.protocol(line)?;
        }
        if self.stage == Stage::Source {
            // Behind the current field: single spaces, the shortest fields, CRLF.
            if self.v6 {
                values.source6 = self.field(line, ipv6, b' ', 9, V1Field::SourceAddress)?;
            } else {
                values.source4 = self.field(line, ipv4, b' ', 14, V1Field::SourceAddress)?;
            }
            self.stage = Stage::Destination;
        }
        if self.stage == Stage::Destination {
            if self.v6 {
                values.destination6 = self.field(line, ipv6, b' ', 6, V1Field::DestinationAddress)?;
            } else {
                values.destination4 = self.field(line, ipv4, b' ', 6, V1Field::DestinationAddress)?;
            }
            self.stage = Stage::SourcePort;
        }
        if self.stage == Stage::SourcePort {
            values.source_port = self.field(line, port, b' ', 4, V1Field::SourcePort)?;
            self.stage = Stage::DestinationPort;
        }
        if self.stage == Stage::DestinationPort {
            values.destination_port = self.field(line, port, b'\r', 2, V1Field::DestinationPort)?;
            values.known = true;
            self.stage = Stage::LineFeed;
        }
        if self.stage == Stage::Ignored {
            return self.ignored(line);
        }
        let at = usize::from(self.start);
        match line.get(at) {
            Some(b'\n') => Ok(at + 1),
            Some(_) => Err(Stop::Wrong(V1Field::LineEnd, at)),
            None => Err(Stop::Open(1)),
        }
    }

    /// Reads a field and the byte that ends it. From that on, it counted, at least `behind` bytes follow.
    #[inline(always)]
    fn field<T>(
        &mut self,
        line: &[u8],
        read: impl Fn(&[u8]) -> Text<T>,
        end: u8,
        behind: usize,
        name: V1Field,
    ) -> Result<T, Stop> {
        let start = usize::from(self.start);
        let text = line.get(start..).unwrap_or_default();
        match read(text).map_err(|end| end.before(behind).behind_start(start)) {
            Ok((value, len)) if text.get(len) == Some(&end) => {
                self.start = short(start + len + 1);
                Ok(value)
            }
            Ok((_, len)) => Err(Stop::Wrong(name, start + len)),
            Err(End::Open(missing)) => Err(Stop::Open(missing)),
            Err(End::Wrong(at)) => Err(Stop::Wrong(name, at)),
        }
    }

    #[inline(always)]
    fn protocol(&mut self, line: &[u8]) -> Result<(), Stop> {
        if line.starts_with(TCP4) || line.starts_with(TCP6) {
            *self = Self { stage: Stage::Source, v6: line.starts_with(TCP6), start: short(TCP4.len()) };
            return Ok(());
        }
        self.other_protocol(line)
    }

    /// UNKNOWN, or the beginning of a line, or none.
    fn other_protocol(&mut self, line: &[u8]) -> Result<(), Stop> {
        let common = |name: &[u8]| line.iter().zip(name).take_while(|(a, b)| a == b).count();
        let names =
            [(common(UNKNOWN), SHORTEST), (common(TCP6), SHORTEST_TCP6), (common(TCP4), SHORTEST_TCP4)];
        let (at, _) = names.into_iter().max_by_key(|&(common, _)| common).unwrap_or_default();
        if at < UNKNOWN.len() {
            // The shortest line of those that begin like this.
            let shortest = names.iter().find(|&&(common, _)| common == at).map_or(SHORTEST, |&(_, len)| len);
            return Err(if at == line.len() {
                Stop::Open(shortest - at)
            } else {
                Stop::Wrong(V1Field::Protocol, at)
            });
        }
        self.stage = match line.get(at) {
            Some(b' ') => Stage::Ignored,
            Some(b'\r') => Stage::LineFeed,
            Some(_) => return Err(Stop::Wrong(V1Field::Protocol, at)),
            None => return Err(Stop::Open(2)),
        };
        self.start = short(at + 1);
        Ok(())
    }

    fn ignored(&mut self, line: &[u8]) -> Result<usize, Stop> {
        let start = usize::from(self.start);
        let rest = line.get(start..).unwrap_or_default();
        if let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
            return Ok(start + at + 2);
        }
        let missing = if rest.ends_with(b"\r") { 1 } else { 2 };
        self.start = short(line.len() + missing - 2);
        Err(Stop::Open(missing))
    }
}

impl Values {
    #[inline(always)]
    fn header(&self, v6: bool) -> Header<'static> {
        let (source_port, destination_port) = (self.source_port, self.destination_port);
        let addresses = if !self.known {
            Addresses::Unspec
        } else if v6 {
            Addresses::Inet6 {
                source: SocketAddrV6::new(self.source6.into(), source_port, 0, 0),
                destination: SocketAddrV6::new(self.destination6.into(), destination_port, 0, 0),
            }
        } else {
            Addresses::Inet {
                source: SocketAddrV4::new(self.source4.into(), source_port),
                destination: SocketAddrV4::new(self.destination4.into(), destination_port),
            }
        };
        Header {
            version: Version::V1,
            command: Command::Proxy,
            transport: if self.known { Transport::Stream } else { Transport::Unspec },
            addresses,
            tlvs: Tlvs::checked(&[]),
        }
    }
}

/// What is wrong with a line that can't be one, or not within `limit` bytes, at the first byte at which it is.
///
/// The length that a line has at least never falls as it is read, so what comes first is found by looking at its
/// beginnings, one after the other.
#[cold]
fn fault(line: &[u8], limit: usize, stop: Stop, limits: Limits) -> Error {
    let end = match stop {
        Stop::Open(_) => line.len(),
        Stop::Wrong(_, at) => at,
    };
    let at_least = (0..=end).filter_map(|end| {
        match Progress::default().read(line.get(..end)?, &mut Values::default()) {
            Err(Stop::Open(missing)) => Some(end + missing),
            _ => None,
        }
    });
    #[expect(clippy::cast_possible_truncation, reason = "a line has at most 107 bytes")]
    if let Some(at_least) = at_least.into_iter().find(|&at_least| at_least > limit) {
        return Error::TooLong { at_least: at_least as u32, limit: limit as u32 };
    }
    let Stop::Wrong(field, at) = stop else {
        return Error::TooLong { at_least: u32::MAX, limit: limits.max_len };
    };
    let (offset, found) = (short(at), line.get(at).copied().unwrap_or_default());
    if at < SIGNATURE_LEN {
        Error::Signature { offset, found, allowed: limits.versions }
    } else {
        Error::V1(V1Error { field, offset, found })
    }
}

/// A place in a line, which has at most 107 bytes.
fn short(at: usize) -> u8 {
    u8::try_from(at).unwrap_or(u8::MAX)
}
