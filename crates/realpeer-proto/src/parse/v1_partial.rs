//! Validates an incomplete version 1 line byte by byte (section 2.1), and knows the fewest bytes still missing.

#[cfg(test)]
mod grammar;

use crate::wire::{SHORTEST_LINE, TCP4, TCP6, UNKNOWN};
use crate::{V1Cause, V1Field};

/// `PROXY TCP4 0.0.0.0 0.0.0.0 0 0` and CRLF.
const SHORTEST_TCP4: usize = 32;
/// `PROXY TCP6 :: :: 0 0` and CRLF.
const SHORTEST_TCP6: usize = 22;

/// The state after the bytes of a line so far. It keeps no addresses: those are read once the line is complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
pub(crate) struct PartialLine {
    protocol: Protocol,
    /// How many bytes there were.
    at: u8,
    /// Which of the ten numbers of a TCP4 line this is: four and four of addresses, two ports, then 10 for the line
    /// feed and 11 after it. A TCP6 line has addresses in place of the first and the fifth.
    number: u8,
    /// The digits of the number or group so far.
    digits: u8,
    /// The decimal that they are, or [`NO_DECIMAL`] where hex digits aren't one.
    value: u32,
    address: Address,
}

/// Of an IPv6 address: what stands before the group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
struct Address {
    /// How many groups.
    count: u8,
    /// How many of them before `::`, once it has been read. It stands for at least one.
    gap: Option<u8>,
    /// A colon at the start, which takes another one.
    colon: bool,
    /// The dots in an IPv4 tail.
    dots: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
enum Protocol {
    /// The line begins as one of those below does.
    #[default]
    Open,
    Tcp4,
    Tcp6,
    /// All up to CRLF is ignored (R17).
    Unknown,
}

const PORTS: u8 = 8;
const LINE_FEED: u8 = 10;
const NO_DECIMAL: u32 = u32::MAX;

impl PartialLine {
    /// Consumes more of the line, up to its end or a byte that can't stand where it does. Returns whether it is whole.
    pub(crate) fn read(&mut self, line: &[u8]) -> bool {
        for &byte in line.get(self.taken()..).unwrap_or_default() {
            let before = *self;
            if self.is_whole() || !self.step(byte) {
                *self = before;
                break;
            }
        }
        self.is_whole()
    }

    /// Takes the next byte if more must follow it, and says how many at least. Otherwise it forgets all.
    #[inline]
    pub(crate) fn next(&mut self, byte: u8, limit: usize) -> Option<u32> {
        if self.step(byte) && !self.is_whole() {
            let missing = self.missing();
            if self.taken() + missing <= limit {
                return Some(missing as u32);
            }
        }
        *self = Self::default();
        None
    }

    /// Takes the next byte and says whether it can stand there. If not, this is of no more use.
    #[inline]
    pub(crate) fn step(&mut self, byte: u8) -> bool {
        let fits = match (self.protocol, self.number) {
            (Protocol::Open, _) => self.protocol(byte),
            (_, LINE_FEED) => self.line_feed(byte),
            (Protocol::Unknown, _) => {
                self.number = if byte == b'\r' { LINE_FEED } else { 0 };
                true
            }
            (Protocol::Tcp6, ..PORTS) => self.group(byte),
            (_, ..PORTS) => self.decimal(byte, if self.number % 4 == 3 { b' ' } else { b'.' }, 255),
            _ => self.decimal(byte, if self.number == PORTS { b' ' } else { b'\r' }, 65_535),
        };
        self.at += u8::from(fits);
        fits
    }

    /// Whether nothing was taken yet.
    #[inline]
    pub(crate) fn is_fresh(&self) -> bool {
        self.at == 0
    }

    /// How many bytes were taken.
    #[inline]
    pub(crate) fn taken(&self) -> usize {
        self.at.into()
    }

    /// The fewest bytes that the line still lacks.
    #[inline]
    pub(crate) fn missing(&self) -> usize {
        // After a number at least a byte that ends it, and two bytes for each number still to come.
        let behind = 2 * usize::from(LINE_FEED.saturating_sub(self.number));
        match (self.protocol, self.number) {
            (Protocol::Open, _) => self.shortest() - self.taken(),
            (_, LINE_FEED) => 1,
            (Protocol::Unknown, _) => 2,
            (Protocol::Tcp6, ..4) => self.address.missing(self.digits) + 9,
            (Protocol::Tcp6, ..PORTS) => self.address.missing(self.digits) + 6,
            _ => behind + usize::from(self.digits == 0),
        }
    }

    /// Whether the line is complete.
    #[inline]
    pub(crate) fn is_whole(&self) -> bool {
        self.number > LINE_FEED
    }

    /// The field in which the next byte stands.
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

    /// Why `found` can't be the next byte, if it can't.
    pub(crate) fn cause(&self, found: u8) -> V1Cause {
        let in_address = self.protocol != Protocol::Unknown && self.number < PORTS;
        let in_decimal = match self.protocol {
            Protocol::Open | Protocol::Unknown => false,
            Protocol::Tcp4 => self.number < LINE_FEED,
            Protocol::Tcp6 => self.address.dots > 0 || (PORTS..LINE_FEED).contains(&self.number),
        };
        match found {
            b'\n' if self.number != LINE_FEED => V1Cause::BareLineFeed,
            b'0'..=b'9' if in_decimal && self.digits > 0 => {
                if self.value == 0 {
                    V1Cause::LeadingZero
                } else {
                    V1Cause::TooLarge
                }
            }
            b':' | b'a'..=b'f' | b'A'..=b'F' if in_address && self.protocol == Protocol::Tcp4 => {
                V1Cause::Ipv6InTcp4
            }
            // The first number of an address, and no more than that.
            b'.' if in_address
                && self.protocol == Protocol::Tcp6
                && self.address == Address::default()
                && self.digits > 0
                && self.value != NO_DECIMAL =>
            {
                V1Cause::Ipv4InTcp6
            }
            _ => V1Cause::UnexpectedByte,
        }
    }

    /// The length of the shortest line that begins like this.
    fn shortest(&self) -> usize {
        match (self.taken(), self.value) {
            (7..10, 4) | (7.., 6) => SHORTEST_TCP6,
            (7.., 4) => SHORTEST_TCP4,
            _ => SHORTEST_LINE,
        }
    }

    /// A byte of `PROXY`, the protocol, or what ends that. Meanwhile `value` is 4, 6, or 0 for UNKNOWN.
    fn protocol(&mut self, byte: u8) -> bool {
        let at = self.taken();
        match (at, byte) {
            (6, b'U') => self.value = 0,
            (6, _) => self.value = 4,
            (9, b'6') if self.value == 4 => self.value = 6,
            _ => {}
        }
        let name = match self.value {
            6 => &TCP6[..],
            4 => &TCP4[..],
            _ => &UNKNOWN[..],
        };
        let Some(&expected) = name.get(at) else {
            self.protocol = Protocol::Unknown;
            self.number = if byte == b'\r' { LINE_FEED } else { 0 };
            return matches!(byte, b' ' | b'\r');
        };
        if name != UNKNOWN && at + 1 == name.len() {
            self.protocol = if self.value == 6 { Protocol::Tcp6 } else { Protocol::Tcp4 };
            self.value = 0;
        }
        byte == expected
    }

    /// A byte behind CR, which ends the line, or for UNKNOWN is ignored like others unless CR comes first of all.
    fn line_feed(&mut self, byte: u8) -> bool {
        self.number = match byte {
            b'\n' => LINE_FEED + 1,
            _ if self.protocol != Protocol::Unknown || self.taken() == UNKNOWN.len() + 1 => return false,
            b'\r' => LINE_FEED,
            _ => 0,
        };
        true
    }

    /// A byte of a decimal without heading zero or sign (R20, R23), or what ends it.
    #[inline]
    fn decimal(&mut self, byte: u8, end: u8, max: u32) -> bool {
        if byte == end {
            let whole = self.digits > 0;
            self.number += u8::from(whole);
            self.end_number();
            return whole;
        }
        self.digit(byte, max)
    }

    /// Another digit of a decimal.
    #[inline]
    fn digit(&mut self, byte: u8, max: u32) -> bool {
        let digit = u32::from(byte.wrapping_sub(b'0'));
        let (value, heading_zero) = match self.digits {
            0 => (digit, false),
            _ => (10 * self.value + digit, self.value == 0),
        };
        let fits = digit < 10 && value <= max && !heading_zero;
        if fits {
            self.digits += 1;
            self.value = value;
        }
        fits
    }

    /// A byte of an IPv6 address, or the space that ends it (R21).
    fn group(&mut self, byte: u8) -> bool {
        if self.address.dots > 0 {
            return self.dotted(byte);
        }
        let Address { count, gap, colon, .. } = self.address;
        let room = 8 - count - u8::from(gap.is_some());
        match (byte, self.digits) {
            (b':', 0) => {
                // At the start one more must follow; after a colon it stands for zeros.
                let first = count == 0 && !colon;
                self.address.colon = first;
                self.address.gap = if first { None } else { Some(count) };
                gap.is_none()
            }
            (b':', _) => {
                self.end_number();
                self.address.count += 1;
                room > 1
            }
            (b' ', 0) => self.end_address() && gap == Some(count),
            (b' ', _) => self.end_address() && (room == 1 || gap.is_some()),
            (b'.', 1..) => {
                // What stands before the first dot is a group of hex digits; it is an integer too, or the dot is wrong.
                let decimal = self.value != NO_DECIMAL;
                self.end_number();
                self.address.dots = 1;
                decimal && if gap.is_some() { count <= 5 } else { count == 6 }
            }
            _ => {
                let decimal = self.value != NO_DECIMAL || self.digits == 0;
                if !(decimal && self.digit(byte, 255)) {
                    self.value = NO_DECIMAL;
                    self.digits += 1;
                }
                byte.is_ascii_hexdigit() && self.digits <= 4 && room > 0 && !colon
            }
        }
    }

    /// A byte of the last 32 bits as IPv4, or the space that ends them.
    fn dotted(&mut self, byte: u8) -> bool {
        match byte {
            b'.' => {
                self.address.dots += 1;
                let digits = self.digits;
                self.end_number();
                self.address.dots <= 3 && digits > 0
            }
            b' ' => {
                let last = self.address.dots == 3 && self.digits > 0;
                self.end_address() && last
            }
            _ => self.digit(byte, 255),
        }
    }

    fn end_address(&mut self) -> bool {
        self.number += 4;
        self.end_number();
        self.address = Address::default();
        true
    }

    /// Forgets the number's value as well, so that equal states mean equal lines to come.
    #[inline]
    fn end_number(&mut self) {
        (self.digits, self.value) = (0, 0);
    }
}

impl Address {
    /// The fewest bytes that it lacks before the space that ends it.
    fn missing(self, digits: u8) -> usize {
        let Self { count, gap, colon, dots } = self;
        match (digits, gap) {
            _ if dots > 0 => 2 * usize::from(3 - dots) + usize::from(digits == 0),
            // At the start `::` is enough; after a colon, a second one or a digit; after two, nothing.
            (0, None) => {
                if count > 0 || colon {
                    1
                } else {
                    2
                }
            }
            (0, Some(gap)) => usize::from(gap != count),
            (_, Some(_)) => 0,
            (_, None) => {
                if count == 7 {
                    0
                } else {
                    2
                }
            }
        }
    }
}
