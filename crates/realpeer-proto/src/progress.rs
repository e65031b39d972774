//! How far a version 1 line goes that is not whole, and from where on to read when more of it comes (section 2.1).

use core::mem;

use crate::V1Field;
use crate::text::{self, End, Groups};
use crate::v1::{SHORTEST, TCP4, TCP6, UNKNOWN};

/// `PROXY TCP4 0.0.0.0 0.0.0.0 0 0` and CRLF.
const SHORTEST_TCP4: usize = 32;
/// `PROXY TCP6 :: :: 0 0` and CRLF.
const SHORTEST_TCP6: usize = 22;

/// How far a line has been read. It keeps no values: those are read once the line is whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    protocol: Protocol,
    /// Which of the ten numbers of a TCP4 line begins at `at`: four and four of addresses, two ports, and 10 for the line
    /// feed. A TCP6 line has addresses in place of the first and the fifth, and UNKNOWN only the line feed.
    number: u8,
    /// Of the TCP6 address in which `at` is.
    groups: Groups,
    at: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Protocol {
    /// Up to `at` the line begins as one of those below does.
    #[default]
    Open,
    Tcp4,
    Tcp6,
    /// All up to CRLF is ignored (R17).
    Unknown,
}

const PORTS: u8 = 8;
const LINE_FEED: u8 = 10;
/// What ends each of the ten numbers.
const ENDS: [u8; LINE_FEED as usize] = *b"... ...  \r";

impl Progress {
    /// Reads on from where it stands, up to the end of the line.
    pub(crate) fn read(&mut self, line: &[u8]) -> Result<(), End> {
        if self.protocol == Protocol::Open {
            self.protocol(line)?;
        }
        while let Some(&end) = ENDS.get(usize::from(self.number)) {
            let rest = line.get(self.at.into()..).unwrap_or_default();
            match self.protocol {
                Protocol::Unknown => return self.ignored(line),
                Protocol::Tcp6 if self.number < PORTS => self.address(line, rest)?,
                _ => self.decimal(line, rest, end)?,
            }
        }
        let at = usize::from(self.at);
        match line.get(at) {
            Some(b'\n') => Ok(()),
            Some(_) => Err(End::Wrong(at)),
            None => Err(End::Open(1)),
        }
    }

    /// The field in which it stands.
    pub(crate) fn field(&self) -> V1Field {
        match (self.protocol, self.number) {
            (Protocol::Open, _) => V1Field::Protocol,
            (_, ..4) => V1Field::SourceAddress,
            (_, ..PORTS) => V1Field::DestinationAddress,
            (_, PORTS) => V1Field::SourcePort,
            (_, ..LINE_FEED) => V1Field::DestinationPort,
            _ => V1Field::LineEnd,
        }
    }

    /// Reads up to where the protocol is known.
    fn protocol(&mut self, line: &[u8]) -> Result<(), End> {
        let (name, protocol) = match (line.get(6), line.get(9)) {
            (Some(b'U'), _) => (&UNKNOWN[..], Protocol::Unknown),
            (_, Some(b'6')) => (&TCP6[..], Protocol::Tcp6),
            _ => (&TCP4[..], Protocol::Tcp4),
        };
        let mut at = usize::from(self.at);
        while at < name.len() && line.get(at) == name.get(at) {
            at += 1;
        }
        self.at = short(at);
        if at < name.len() {
            // The shortest line of those that begin like this.
            let shortest = match protocol {
                Protocol::Tcp6 if at > 6 => SHORTEST_TCP6,
                Protocol::Tcp4 if at > 9 => SHORTEST_TCP4,
                Protocol::Tcp4 if at > 6 => SHORTEST_TCP6,
                _ => SHORTEST,
            };
            return Err(if at < line.len() { End::Wrong(at) } else { End::Open(shortest - at) });
        }
        if protocol == Protocol::Unknown {
            self.number = match line.get(at) {
                Some(b' ') => 0,
                Some(b'\r') => LINE_FEED,
                Some(_) => return Err(End::Wrong(at)),
                None => return Err(End::Open(2)),
            };
            self.at += 1;
        }
        self.protocol = protocol;
        Ok(())
    }

    /// Reads on in an IPv6 address and the space that ends it.
    fn address(&mut self, line: &[u8], mut rest: &[u8]) -> Result<(), End> {
        let read = self.groups.read(&mut rest, &mut [0; 8]);
        let start = line.len() - rest.len();
        self.at = short(start);
        // Behind an address at least a space, the other one, and two ports with what ends them.
        read.map_err(|end| end.before(if self.number < 4 { 9 } else { 6 }).behind(start))?;
        mem::take(&mut self.groups);
        self.number += 4;
        Ok(())
    }

    /// Reads a number and the byte that ends it.
    fn decimal(&mut self, line: &[u8], rest: &[u8], end: u8) -> Result<(), End> {
        let (behind, max) = if self.number < PORTS {
            (text::octet(rest, end).map(|(_, behind)| behind), 255)
        } else {
            (text::port(rest, end).map(|(_, behind)| behind), 65_535)
        };
        let Some(behind) = behind else {
            // Behind a number at least a byte that ends it, and two bytes for each that is to come.
            let bytes = 2 * usize::from(LINE_FEED - self.number);
            return Err(text::not_decimal(rest, max).before(bytes).behind(self.at.into()));
        };
        self.number += 1;
        self.at = short(line.len() - behind.len());
        Ok(())
    }

    /// Reads on behind `UNKNOWN` and a space, up to CRLF.
    fn ignored(&mut self, line: &[u8]) -> Result<(), End> {
        let rest = line.get(self.at.into()..).unwrap_or_default();
        if rest.windows(2).any(|two| two == b"\r\n") {
            return Ok(());
        }
        let missing = if rest.ends_with(b"\r") { 1 } else { 2 };
        self.at = short(line.len() + missing - 2);
        Err(End::Open(missing))
    }
}

/// A place in a line, which has at most 107 bytes.
fn short(at: usize) -> u8 {
    u8::try_from(at).unwrap_or(u8::MAX)
}
