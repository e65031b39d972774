//! Errors of version 1 lines: what is wrong, and where.

use core::fmt;

use crate::lookalike::Byte;

/// A byte that can't stand where it stands in a version 1 line (section 2.1).
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{parse, Config, Error, V1Cause, V1Error, V1Field};
///
/// let error = parse(b"PROXY TCP4 192.0.2.1 192.0.2.2 080 443\r\n", &Config::new()).unwrap_err();
/// let expected = V1Error::new(V1Field::SourcePort, V1Cause::LeadingZero, 32, b'8');
/// assert_eq!(error, Error::V1(expected));
/// assert_eq!(error.to_string(), "invalid v1 header: leading zero in the source port, before 0x38 '8' at offset 32");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct V1Error {
    /// The field in which the byte stands, or which it ends too soon.
    pub field: V1Field,
    /// What is wrong with it.
    pub cause: V1Cause,
    /// Where it stands.
    pub offset: u8,
    /// The byte.
    pub found: u8,
}

/// The fields of a version 1 line, in order (section 2.1).
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// assert_eq!(realpeer::proto::V1Field::SourcePort.to_string(), "source port");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum V1Field {
    /// `TCP4`, `TCP6` or `UNKNOWN`.
    Protocol,
    /// The source address.
    SourceAddress,
    /// The destination address.
    DestinationAddress,
    /// The source port.
    SourcePort,
    /// The destination port.
    DestinationPort,
    /// The CRLF.
    LineEnd,
}

/// The error in a byte of a version 1 line.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum V1Cause {
    /// This byte can't stand here.
    UnexpectedByte,
    /// The number starts with a zero and goes on.
    LeadingZero,
    /// With this digit a port is above 65535, or a part of an IPv4 address above 255.
    TooLarge,
    /// An IPv4 address in a TCP6 line.
    Ipv4InTcp6,
    /// An IPv6 address in a TCP4 line.
    Ipv6InTcp4,
    /// A line feed without a carriage return before it.
    BareLineFeed,
}

impl V1Error {
    /// Creates an error of the byte `found` at `offset`.
    pub const fn new(field: V1Field, cause: V1Cause, offset: u8, found: u8) -> Self {
        Self { field, cause, offset, found }
    }
}

impl fmt::Display for V1Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, cause, offset, found } = *self;
        let found = Byte(found);
        match cause {
            V1Cause::UnexpectedByte => write!(f, "unexpected byte {found} in the {field} at offset {offset}"),
            V1Cause::LeadingZero => {
                write!(f, "leading zero in the {field}, before {found} at offset {offset}")
            }
            V1Cause::TooLarge => {
                let most = if matches!(field, V1Field::SourcePort | V1Field::DestinationPort) {
                    65_535
                } else {
                    255
                };
                write!(f, "number above {most} in the {field}: {found} at offset {offset}")
            }
            V1Cause::Ipv4InTcp6 => write!(f, "IPv4 {field} in a TCP6 line: {found} at offset {offset}"),
            V1Cause::Ipv6InTcp4 => write!(f, "IPv6 {field} in a TCP4 line: {found} at offset {offset}"),
            V1Cause::BareLineFeed => {
                write!(f, "line feed without a carriage return in the {field} at offset {offset}")
            }
        }
    }
}

impl fmt::Display for V1Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protocol => "protocol",
            Self::SourceAddress => "source address",
            Self::DestinationAddress => "destination address",
            Self::SourcePort => "source port",
            Self::DestinationPort => "destination port",
            Self::LineEnd => "line end",
        })
    }
}

impl core::error::Error for V1Error {}
