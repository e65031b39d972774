//! Validates an incomplete version 1 line byte by byte, and knows the fewest bytes still missing (section 2.1).

#[cfg(test)]
mod grammar;

use crate::wire::{SHORTEST_LINE, TCP4, TCP6, UNKNOWN};
use crate::{V1Cause, V1Field};

/// `PROXY TCP4 0.0.0.0 0.0.0.0 0 0` and CRLF.
const SHORTEST_TCP4: usize = 32;
/// `PROXY TCP6 :: :: 0 0` and CRLF.
const SHORTEST_TCP6: usize = 22;

/// How far a line has been read. It keeps no addresses: those are read once the line is complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
pub(crate) struct PartialLine {
    /// How many bytes were taken.
    at: u8,
    place: Place,
}

/// Where in a line its next byte stands. Equal places mean equal lines to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
enum Place {
    /// In `PROXY`, the protocol, or right after that.
    Start(Protocol),
    Ipv4 {
        side: Side,
        dots: u8,
        number: Decimal,
    },
    Ipv6 {
        side: Side,
        address: Ipv6,
    },
    Port {
        side: Side,
        number: Decimal,
    },
    /// In what is ignored after UNKNOWN (R17).
    Ignored,
    /// After a CR in there: it ends the line if a line feed follows, and else is ignored too.
    IgnoredCr,
    /// After the CR of any other line.
    LineFeed,
    Complete,
}

/// What the start of a line says of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
enum Protocol {
    Any,
    /// `T`, and perhaps more.
    Tcp,
    Tcp4,
    Tcp6,
    Unknown,
}

/// Whose address or port it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
enum Side {
    Source,
    Destination,
}

/// A decimal without heading zero or sign (R20, R23), as far as it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
struct Decimal {
    digits: u8,
    value: u16,
}

/// An IPv6 address, as far as it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
struct Ipv6 {
    /// How many groups have ended.
    count: u8,
    /// How many of them stand before `::`, once that has arrived. It stands for at least one.
    gap: Option<u8>,
    /// A colon at the start, which takes another one.
    colon: bool,
    /// The dots in an IPv4 tail.
    dots: u8,
    /// The digits of the group, or of a number of the tail.
    digits: u8,
    /// The decimal that they are, unless they can only be hex.
    decimal: Option<u8>,
}

impl PartialLine {
    /// Takes as much of `line` as can stand there, which begins with what was taken before. Returns whether the line is
    /// complete.
    pub(crate) fn read(&mut self, line: &[u8]) -> bool {
        for &byte in line.get(self.taken()..).unwrap_or_default() {
            if self.is_complete() || !self.step(byte) {
                break;
            }
        }
        self.is_complete()
    }

    /// Takes the next byte if more must follow it, and returns how many at least. Otherwise it forgets all.
    #[inline]
    pub(crate) fn next(&mut self, byte: u8, limit: usize) -> Option<u32> {
        if self.step(byte) && !self.is_complete() {
            let missing = self.missing();
            if self.taken() + missing <= limit {
                return Some(missing as u32);
            }
        }
        *self = Self::default();
        None
    }

    /// Takes the next byte if it can stand there, and returns whether it can.
    #[inline]
    pub(crate) fn step(&mut self, byte: u8) -> bool {
        let next = self.place.after(byte, self.taken());
        if let Some(place) = next {
            *self = Self { at: self.at + 1, place };
        }
        next.is_some()
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

    /// Whether the line is complete.
    #[inline]
    pub(crate) fn is_complete(&self) -> bool {
        self.place == Place::Complete
    }

    /// The fewest bytes that the line still lacks.
    #[inline]
    pub(crate) fn missing(&self) -> usize {
        match self.place {
            Place::Start(protocol) => {
                let shortest = match protocol {
                    Protocol::Any | Protocol::Unknown => SHORTEST_LINE,
                    Protocol::Tcp | Protocol::Tcp6 => SHORTEST_TCP6,
                    Protocol::Tcp4 => SHORTEST_TCP4,
                };
                shortest - self.taken()
            }
            // After each number a byte that ends it, and a digit of the next.
            Place::Ipv4 { side: Side::Source, dots, number } => number.missing() + 20 - 2 * usize::from(dots),
            Place::Ipv4 { side: Side::Destination, dots, number } => {
                number.missing() + 12 - 2 * usize::from(dots)
            }
            // ` :: 0 0` and CRLF, ` 0 0` and CRLF.
            Place::Ipv6 { side: Side::Source, address } => address.missing() + 9,
            Place::Ipv6 { side: Side::Destination, address } => address.missing() + 6,
            Place::Port { side: Side::Source, number } => number.missing() + 4,
            Place::Port { side: Side::Destination, number } => number.missing() + 2,
            Place::Ignored => 2,
            Place::IgnoredCr | Place::LineFeed => 1,
            Place::Complete => 0,
        }
    }

    /// The field in which the next byte stands.
    pub(crate) fn field(&self) -> V1Field {
        match self.place {
            Place::Start(_) => V1Field::Protocol,
            Place::Ipv4 { side: Side::Source, .. } | Place::Ipv6 { side: Side::Source, .. } => {
                V1Field::SourceAddress
            }
            Place::Ipv4 { .. } | Place::Ipv6 { .. } => V1Field::DestinationAddress,
            Place::Port { side: Side::Source, .. } => V1Field::SourcePort,
            Place::Port { .. } => V1Field::DestinationPort,
            Place::Ignored | Place::IgnoredCr | Place::LineFeed | Place::Complete => V1Field::LineEnd,
        }
    }

    /// Why `found` can't be the next byte, if it can't.
    pub(crate) fn cause(&self, found: u8) -> V1Cause {
        let decimal = match self.place {
            Place::Ipv4 { number, .. } | Place::Port { number, .. } => number,
            Place::Ipv6 { address, .. } if address.dots > 0 => {
                Decimal { digits: address.digits, value: address.decimal.unwrap_or_default().into() }
            }
            _ => Decimal::default(),
        };
        match (found, self.place) {
            // Behind a carriage return it would be right.
            (b'\n', _) => V1Cause::BareLineFeed,
            (b'0'..=b'9', _) if decimal.digits > 0 && decimal.value == 0 => V1Cause::LeadingZero,
            (b'0'..=b'9', _) if decimal.digits > 0 => V1Cause::TooLarge,
            (b':' | b'a'..=b'f' | b'A'..=b'F', Place::Ipv4 { .. }) => V1Cause::Ipv6InTcp4,
            (b'.', Place::Ipv6 { address, .. }) if address.may_be_ipv4() => V1Cause::Ipv4InTcp6,
            _ => V1Cause::UnexpectedByte,
        }
    }
}

impl Place {
    /// The place after `byte`, the `at`th of the line, if it can stand here.
    #[inline(always)]
    fn after(self, byte: u8, at: usize) -> Option<Self> {
        match self {
            Self::Start(protocol) => protocol.after(byte, at),
            Self::Ipv4 { side, dots, number } => match byte {
                b'.' if dots < 3 && number.digits > 0 => {
                    Some(Self::Ipv4 { side, dots: dots + 1, number: Decimal::default() })
                }
                b' ' if dots == 3 && number.digits > 0 => Some(match side {
                    Side::Source => Self::ipv4(Side::Destination),
                    Side::Destination => Self::port(Side::Source),
                }),
                _ => Some(Self::Ipv4 { side, dots, number: number.with(byte, 255)? }),
            },
            Self::Ipv6 { side, address } => match byte {
                b' ' if address.is_complete() => Some(match side {
                    Side::Source => Self::ipv6(Side::Destination),
                    Side::Destination => Self::port(Side::Source),
                }),
                _ => Some(Self::Ipv6 { side, address: address.after(byte)? }),
            },
            Self::Port { side, number } => match (byte, side) {
                (b' ', Side::Source) if number.digits > 0 => Some(Self::port(Side::Destination)),
                (b'\r', Side::Destination) if number.digits > 0 => Some(Self::LineFeed),
                _ => Some(Self::Port { side, number: number.with(byte, u16::MAX)? }),
            },
            Self::LineFeed => (byte == b'\n').then_some(Self::Complete),
            Self::Ignored | Self::IgnoredCr => Some(match byte {
                b'\r' => Self::IgnoredCr,
                b'\n' if self == Self::IgnoredCr => Self::Complete,
                _ => Self::Ignored,
            }),
            Self::Complete => None,
        }
    }

    const fn ipv4(side: Side) -> Self {
        Self::Ipv4 { side, dots: 0, number: Decimal { digits: 0, value: 0 } }
    }

    fn ipv6(side: Side) -> Self {
        Self::Ipv6 { side, address: Ipv6::default() }
    }

    const fn port(side: Side) -> Self {
        Self::Port { side, number: Decimal { digits: 0, value: 0 } }
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::Start(Protocol::Any)
    }
}

impl Protocol {
    fn after(self, byte: u8, at: usize) -> Option<Place> {
        let name = match (self, at, byte) {
            (_, 6, b'T') => return Some(Place::Start(Self::Tcp)),
            (_, 6, b'U') => return Some(Place::Start(Self::Unknown)),
            (_, 9, b'4') if self == Self::Tcp => return Some(Place::Start(Self::Tcp4)),
            (_, 9, b'6') if self == Self::Tcp => return Some(Place::Start(Self::Tcp6)),
            (Self::Tcp4, 10, b' ') => return Some(Place::ipv4(Side::Source)),
            (Self::Tcp6, 10, b' ') => return Some(Place::ipv6(Side::Source)),
            (Self::Unknown, 13, b' ') => return Some(Place::Ignored),
            (Self::Unknown, 13, b'\r') => return Some(Place::LineFeed),
            (Self::Any | Self::Unknown, ..) => &UNKNOWN[..],
            (Self::Tcp4, ..) => &TCP4[..],
            (Self::Tcp | Self::Tcp6, ..) => &TCP6[..],
        };
        (at != 6 && name.get(at) == Some(&byte)).then_some(Place::Start(self))
    }
}

impl Decimal {
    /// With another digit.
    #[inline(always)]
    fn with(self, digit: u8, max: u16) -> Option<Self> {
        let digit = u32::from(digit.wrapping_sub(b'0'));
        let heading_zero = self.digits > 0 && self.value == 0;
        let value = 10 * u32::from(self.value) + digit;
        let fits = digit < 10 && value <= max.into() && !heading_zero;
        fits.then_some(Self { digits: self.digits + 1, value: value as u16 })
    }

    /// The fewest bytes that it lacks before the byte that ends it.
    #[inline(always)]
    fn missing(self) -> usize {
        usize::from(self.digits == 0)
    }
}

impl Ipv6 {
    /// The address after `byte`, if that can stand here (R21).
    fn after(self, byte: u8) -> Option<Self> {
        let Self { count, gap, colon, dots, digits, .. } = self;
        // The next group, or the next number of the tail.
        let next = Self { digits: 0, decimal: None, ..self };
        match byte {
            b'.' if dots > 0 => (dots < 3 && digits > 0).then_some(Self { dots: dots + 1, ..next }),
            // What stands before the first dot is a group of hex digits; it is a decimal too, or the dot is wrong.
            b'.' => {
                let fits = if gap.is_some() { count <= 5 } else { count == 6 };
                (fits && self.decimal.is_some()).then_some(Self { dots: 1, ..next })
            }
            b':' if dots > 0 => None,
            // At the start one more must follow; after a colon it stands for zeros.
            b':' if digits == 0 && count == 0 && !colon => {
                gap.is_none().then_some(Self { colon: true, ..next })
            }
            b':' if digits == 0 => gap.is_none().then_some(Self { colon: false, gap: Some(count), ..next }),
            b':' => (self.room() > 1).then_some(Self { count: count + 1, ..next }),
            _ => self.with(byte),
        }
    }

    /// With another digit.
    fn with(self, digit: u8) -> Option<Self> {
        let value = u16::from(self.decimal.unwrap_or_default());
        let known = self.digits == 0 || self.decimal.is_some();
        let decimal = Decimal { digits: self.digits, value }.with(digit, 255).filter(|_| known);
        let decimal = decimal.map(|decimal| decimal.value as u8);
        let fits = match self.dots {
            0 => digit.is_ascii_hexdigit() && self.digits < 4 && self.room() > 0 && !self.colon,
            _ => decimal.is_some(),
        };
        fits.then_some(Self { digits: self.digits + 1, decimal, ..self })
    }

    /// How many groups there is room for.
    fn room(self) -> u8 {
        8 - self.count - u8::from(self.gap.is_some())
    }

    /// Whether a space can end it.
    fn is_complete(self) -> bool {
        match self.digits {
            _ if self.dots > 0 => self.dots == 3 && self.digits > 0,
            0 => self.gap == Some(self.count),
            _ => self.room() == 1 || self.gap.is_some(),
        }
    }

    /// Whether it is the first number of an IPv4 address, and no more than that.
    fn may_be_ipv4(self) -> bool {
        self.decimal.is_some()
            && self == Self { digits: self.digits, decimal: self.decimal, ..Self::default() }
    }

    /// The fewest bytes that it lacks before the space that ends it.
    fn missing(self) -> usize {
        let Self { count, gap, colon, dots, digits, .. } = self;
        match (digits, gap) {
            _ if dots > 0 => 2 * usize::from(3 - dots) + usize::from(digits == 0),
            // After a colon a second one or a digit does for all, after two nothing, otherwise `::`.
            (0, None) if count > 0 || colon => 1,
            (0, Some(gap)) => usize::from(gap != count),
            (_, None) if count < 7 => 2,
            _ => 0,
        }
    }
}
