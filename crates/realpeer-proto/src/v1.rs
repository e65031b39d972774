//! Version 1: the line of text (section 2.1).

use core::net::{SocketAddrV4, SocketAddrV6};

use crate::config::Limits;
use crate::text::{Field, Ipv4Text, Ipv6Text, PortText};
use crate::{Addresses, Command, Error, Header, Tlvs, Transport, V1Error, V1Field, Version};

/// `PROXY UNKNOWN` and CRLF.
pub(crate) const SHORTEST: usize = 15;
/// The longest line, with its CRLF (R25, R27).
pub(crate) const LONGEST: usize = 107;

const UNKNOWN: &[u8; 13] = b"PROXY UNKNOWN";
const TCP: &[u8; 11] = b"PROXY TCP4 ";
/// `PROXY` (R58).
const SIGNATURE_LEN: usize = 5;
/// Where the protocol's name starts.
const NAME: usize = 6;
/// Where `TCP4` and `TCP6` differ.
const FAMILY: usize = 9;
/// `PROXY TCP6 :: :: 0 0` and CRLF.
const SHORTEST_TCP6: usize = 22;
/// `PROXY TCP4 0.0.0.0 0.0.0.0 0 0` and CRLF.
const SHORTEST_TCP4: usize = 32;

/// How far a line has been read. Small: the values of finished fields are read again once the line is whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The bytes read.
    len: u8,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Up to the protocol and the space behind it.
    #[default]
    Protocol,
    /// Behind `UNKNOWN`: a space or CRLF.
    AfterUnknown,
    /// All up to CRLF is ignored (R17).
    Ignored,
    Source4(Ipv4Text),
    Destination4(Ipv4Text),
    Source6(Ipv6Text),
    Destination6(Ipv6Text),
    SourcePort(PortText),
    DestinationPort(PortText),
    /// Behind CR.
    LineFeed,
}

/// The values of the fields.
#[derive(Clone, Copy, Debug, Default)]
struct Values {
    v6: bool,
    known: bool,
    source: u128,
    destination: u128,
    source_port: u16,
    destination_port: u16,
}

/// What one look at the line came to.
enum Outcome {
    Complete,
    /// The input ended.
    Open,
    /// The byte at the end of what was read can't stand there.
    Wrong(V1Field),
}

/// Reads on in the line that `input` begins with.
///
/// `Ok(Ok(..))` is the header and its length, `Ok(Err(..))` the fewest bytes that are missing.
#[inline]
pub(crate) fn advance(
    progress: &mut Progress,
    input: &[u8],
    limits: Limits,
) -> Result<Result<(Header<'static>, usize), usize>, Error> {
    let limit = LONGEST.min(limits.max_len as usize);
    let line = input.get(..limit).unwrap_or(input);
    let fresh = *progress == Progress::default();
    let mut values = Values::default();
    match progress.read(line, &mut values) {
        Outcome::Complete => {
            let len = usize::from(progress.len);
            if !fresh {
                *progress = Progress::default();
                values = Values::default();
                progress.read(line, &mut values);
            }
            Ok(Ok((values.header(), len)))
        }
        Outcome::Open => {
            let missing = progress.missing(line);
            progress.check_len(line, limit, missing)?;
            Ok(Err(missing))
        }
        Outcome::Wrong(field) => {
            progress.check_len(line, limit, progress.missing(line))?;
            let offset = progress.len;
            let found = line.get(usize::from(offset)).copied().unwrap_or_default();
            Err(if usize::from(offset) < SIGNATURE_LEN {
                Error::Signature { offset, found, allowed: limits.versions }
            } else {
                Error::V1(V1Error { field, offset, found })
            })
        }
    }
}

impl Progress {
    /// Reads from where it stands, a field at a time.
    fn read(&mut self, line: &[u8], values: &mut Values) -> Outcome {
        let mut at = usize::from(self.len);
        let outcome = loop {
            match &mut self.stage {
                Stage::Protocol => match protocol(line, &mut at) {
                    Some(Protocol::Unknown) => self.stage = Stage::AfterUnknown,
                    Some(Protocol::Tcp4) => self.stage = Stage::Source4(Ipv4Text::default()),
                    Some(Protocol::Tcp6) => self.stage = Stage::Source6(Ipv6Text::default()),
                    None => break ended(line, at, V1Field::Protocol),
                },
                Stage::Source4(field) => {
                    if !scan(field, line, &mut at, b' ', &mut ()) {
                        break ended(line, at, V1Field::SourceAddress);
                    }
                    values.source = field.value().into();
                    self.stage = Stage::Destination4(Ipv4Text::default());
                }
                Stage::Destination4(field) => {
                    if !scan(field, line, &mut at, b' ', &mut ()) {
                        break ended(line, at, V1Field::DestinationAddress);
                    }
                    values.destination = field.value().into();
                    self.stage = Stage::SourcePort(PortText::default());
                }
                Stage::Source6(field) => {
                    let mut groups = [0; 8];
                    if !scan(field, line, &mut at, b' ', &mut groups) {
                        break ended(line, at, V1Field::SourceAddress);
                    }
                    values.source = field.value(&groups);
                    self.stage = Stage::Destination6(Ipv6Text::default());
                }
                Stage::Destination6(field) => {
                    let mut groups = [0; 8];
                    if !scan(field, line, &mut at, b' ', &mut groups) {
                        break ended(line, at, V1Field::DestinationAddress);
                    }
                    values.destination = field.value(&groups);
                    values.v6 = true;
                    self.stage = Stage::SourcePort(PortText::default());
                }
                Stage::SourcePort(field) => {
                    if !scan(field, line, &mut at, b' ', &mut ()) {
                        break ended(line, at, V1Field::SourcePort);
                    }
                    values.source_port = field.value();
                    self.stage = Stage::DestinationPort(PortText::default());
                }
                Stage::DestinationPort(field) => {
                    if !scan(field, line, &mut at, b'\r', &mut ()) {
                        break ended(line, at, V1Field::DestinationPort);
                    }
                    values.destination_port = field.value();
                    values.known = true;
                    self.stage = Stage::LineFeed;
                }
                Stage::AfterUnknown => {
                    self.stage = match line.get(at) {
                        Some(b' ') => Stage::Ignored,
                        Some(b'\r') => Stage::LineFeed,
                        _ => break ended(line, at, V1Field::Protocol),
                    };
                    at += 1;
                }
                Stage::Ignored => {
                    let rest = line.get(at..).unwrap_or_default();
                    let crlf = rest
                        .iter()
                        .enumerate()
                        .position(|(index, &byte)| byte == b'\n' && line.get(at + index - 1) == Some(&b'\r'));
                    let Some(index) = crlf else {
                        at = line.len();
                        break Outcome::Open;
                    };
                    at += index + 1;
                    break Outcome::Complete;
                }
                Stage::LineFeed => {
                    if line.get(at) != Some(&b'\n') {
                        break ended(line, at, V1Field::LineEnd);
                    }
                    at += 1;
                    break Outcome::Complete;
                }
            }
        };
        // A line has at most 107 bytes.
        self.len = u8::try_from(at).unwrap_or(u8::MAX);
        outcome
    }

    /// The fewest bytes with which what has been read of `line` becomes a header.
    fn missing(&self, line: &[u8]) -> usize {
        let len = usize::from(self.len);
        // Behind the current field: single spaces, the shortest fields, CRLF.
        match &self.stage {
            Stage::Protocol => match line.get(NAME) {
                Some(b'T') if len > FAMILY && line.get(FAMILY) == Some(&b'4') => SHORTEST_TCP4 - len,
                Some(b'T') if len > NAME => SHORTEST_TCP6 - len,
                _ => SHORTEST - len,
            },
            Stage::AfterUnknown => 2,
            Stage::Ignored => {
                if line.get(..len).is_some_and(|read| read.ends_with(b"\r")) {
                    1
                } else {
                    2
                }
            }
            Stage::Source4(field) => field.missing() + 14,
            Stage::Destination4(field) => field.missing() + 6,
            Stage::Source6(field) => field.missing() + 9,
            Stage::Destination6(field) => field.missing() + 6,
            Stage::SourcePort(field) => field.missing() + 4,
            Stage::DestinationPort(field) => field.missing() + 2,
            Stage::LineFeed => 1,
        }
    }

    /// Rejects a line that can't end within `limit` bytes, at its first byte of which that is true.
    ///
    /// The length that a line has at least never falls as it is read, so one look at the end of what has been
    /// read suffices unless it is too long.
    fn check_len(&self, line: &[u8], limit: usize, missing: usize) -> Result<(), Error> {
        if usize::from(self.len) + missing <= limit {
            return Ok(());
        }
        let read = line.get(..self.len.into()).unwrap_or(line);
        let at_least = (0..=read.len())
            .filter_map(|len| {
                let start = read.get(..len)?;
                let mut progress = Self::default();
                progress.read(start, &mut Values::default());
                Some(len + progress.missing(start))
            })
            .find(|&at_least| at_least > limit);
        #[expect(clippy::cast_possible_truncation, reason = "a line has at most 107 bytes")]
        let too_long = |at_least: usize| Error::TooLong { at_least: at_least as u32, limit: limit as u32 };
        Err(too_long(at_least.unwrap_or(limit + 1)))
    }
}

impl Values {
    #[inline(always)]
    fn header(&self) -> Header<'static> {
        let (source_port, destination_port) = (self.source_port, self.destination_port);
        let addresses = if !self.known {
            Addresses::Unspec
        } else if self.v6 {
            Addresses::Inet6 {
                source: SocketAddrV6::new(self.source.into(), source_port, 0, 0),
                destination: SocketAddrV6::new(self.destination.into(), destination_port, 0, 0),
            }
        } else {
            #[expect(clippy::cast_possible_truncation, reason = "four octets")]
            let [source, destination] = [self.source as u32, self.destination as u32];
            Addresses::Inet {
                source: SocketAddrV4::new(source.into(), source_port),
                destination: SocketAddrV4::new(destination.into(), destination_port),
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

enum Protocol {
    Tcp4,
    Tcp6,
    Unknown,
}

/// Reads up to the space behind `TCP4` or `TCP6`, or up to the end of `UNKNOWN`.
#[inline(always)]
fn protocol(line: &[u8], at: &mut usize) -> Option<Protocol> {
    if line.get(NAME) == Some(&b'U') {
        *at += common_prefix(line.get(*at..)?, UNKNOWN.get(*at..)?);
        return (*at == UNKNOWN.len()).then_some(Protocol::Unknown);
    }
    loop {
        if *at == TCP.len() {
            return Some(if line.get(FAMILY) == Some(&b'6') { Protocol::Tcp6 } else { Protocol::Tcp4 });
        }
        *at += common_prefix(line.get(*at..)?, TCP.get(*at..)?);
        if *at != FAMILY || line.get(FAMILY) != Some(&b'6') {
            break;
        }
        *at += 1;
    }
    (*at == TCP.len()).then_some(if line.get(FAMILY) == Some(&b'6') {
        Protocol::Tcp6
    } else {
        Protocol::Tcp4
    })
}

/// Reads one field and the byte that ends it; false if the line ends before, or goes on otherwise.
#[inline(always)]
fn scan<F: Field>(field: &mut F, line: &[u8], at: &mut usize, end: u8, value: &mut F::Value) -> bool {
    let mut state = *field;
    let mut position = *at;
    let mut ended = false;
    while let Some(&byte) = line.get(position) {
        if !state.push(byte, value) {
            ended = byte == end && state.missing() == 0;
            position += usize::from(ended);
            break;
        }
        position += 1;
    }
    *field = state;
    *at = position;
    ended
}

fn ended(line: &[u8], at: usize, field: V1Field) -> Outcome {
    if at == line.len() { Outcome::Open } else { Outcome::Wrong(field) }
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
