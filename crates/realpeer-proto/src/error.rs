//! Errors of headers: what is wrong, and where.

use core::fmt;

use crate::{Lookalike, V1Error, Versions, lookalike};

/// The reason a header was rejected.
///
/// Offsets count bytes from the start of the header. The same bytes give the same error, however they were
/// split. After any of these the specification wants the connection closed.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{parse, Config, Error, Lookalike};
///
/// let error = parse(b"GET / HTTP/1.1\r\n", &Config::new()).unwrap_err();
/// assert!(matches!(error, Error::Signature { offset: 0, found: b'G', .. }));
/// assert_eq!(error.lookalike(), Some(Lookalike::Http));
/// assert_eq!(
///     error.to_string(),
///     "no PROXY header: 0x47 'G' at offset 0 looks like HTTP; is the proxy configured to send a header?"
/// );
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Error {
    /// The bytes don't begin with a signature that is allowed (section 2.2): most likely there is no header.
    Signature {
        /// The offset of the first byte that belongs to no allowed signature.
        offset: u8,
        /// That byte.
        found: u8,
        /// The versions that are allowed.
        allowed: Versions,
    },
    /// The line of version 1 breaks its grammar (section 2.1).
    V1(V1Error),
    /// The fixed part or the address block of version 2 is wrong (section 2.2).
    V2(V2Error),
    /// A TLV is malformed or does not fit (sections 2.2 to 2.2.7).
    Tlv(TlvError),
    /// The header is longer than [`Config::with_max_header_len`](crate::Config::with_max_header_len) allows, or than the
    /// 107 bytes of a version 1 line.
    TooLong {
        /// The header has at least this many bytes.
        at_least: u32,
        /// The limit.
        limit: u32,
    },
    /// The header is within the limit of the [`Config`](crate::Config), but the decoder's storage can't hold it. The
    /// peer is not to blame: give the decoder larger [`Storage`](crate::Storage), or lower the limit.
    StorageTooSmall {
        /// The header has at least this many bytes.
        at_least: u32,
        /// The bytes that the storage has room for.
        room: u32,
    },
    /// The peer closed the connection without a byte, as bare TCP health checks do. Nothing to worry about.
    Closed,
    /// The peer closed the connection in the middle of its header, or a datagram ended there.
    Truncated {
        /// How many bytes of the header had arrived.
        received: u32,
    },
    /// The datagram is empty, so there is no header in it.
    EmptyDatagram,
    /// The storage could not grow to take bytes that the limit allows.
    OutOfMemory,
    /// The caller broke the contract of a function; the peer is not to blame.
    ApiMisuse(ApiMisuse),
    /// This can't happen: a bug in this library. Please report it.
    Unreachable,
}

/// The error in the fixed part, the address block or the checksum of version 2 (section 2.2).
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{parse, Config, Error, V2Error};
///
/// let error = parse(b"\r\n\r\n\0\r\nQUIT\n\x31", &Config::new()).unwrap_err();
/// assert_eq!(error, Error::V2(V2Error::Version { found: 3 }));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum V2Error {
    /// The version nibble is not 2.
    Version {
        /// The nibble.
        found: u8,
    },
    /// The command nibble is neither LOCAL nor PROXY.
    Command {
        /// The nibble.
        found: u8,
    },
    /// The address family is not defined.
    Family {
        /// The nibble.
        found: u8,
    },
    /// The transport is not defined.
    Transport {
        /// The nibble.
        found: u8,
    },
    /// The header is shorter than the addresses of its family.
    Length {
        /// The length announced for all that follows the first 16 bytes.
        announced: u16,
        /// The length of the family's addresses and ports.
        needed: u16,
    },
    /// One or two bytes follow the addresses, too few for a TLV.
    Stray {
        /// How many.
        bytes: u16,
    },
    /// The checksum is not that of the header (section 2.2.3).
    Crc32c {
        /// The checksum in the header.
        announced: u32,
        /// The checksum of the header.
        computed: u32,
    },
}

/// A TLV that is malformed or does not fit into its header.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{parse, Config, Error, TlvCause, TlvError};
///
/// let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0faaaabbbbccdd\x05\x00\x09";
/// let error = parse(header, &Config::new()).unwrap_err();
/// assert_eq!(error, Error::Tlv(TlvError::new(5, 28, TlvCause::Overrun)));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TlvError {
    /// The type of the TLV.
    pub kind: u8,
    /// The offset at which the TLV starts.
    pub offset: u32,
    /// What is wrong.
    pub cause: TlvCause,
}

/// The error in a TLV.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// assert_eq!(realpeer::proto::TlvCause::Overrun.to_string(), "runs past the end");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlvCause {
    /// Its value runs past the end of the header, or of the SSL TLV that it is in.
    Overrun,
    /// It leaves one or two bytes after it, or within it if it is an SSL TLV: too few for a TLV.
    Stray,
    /// A CRC32C without exactly four bytes, or with one or two after it that are too few for a TLV.
    Crc32cLength,
    /// A second CRC32C.
    Crc32cTwice,
    /// A `UNIQUE_ID` of more than 128 bytes.
    UniqueIdLength,
    /// An SSL TLV too short for its fixed fields.
    SslLength,
}

/// The caller's mistake.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{ApiMisuse, Config, Decoder, Error};
///
/// let mut decoder = Decoder::with_storage(&Config::new(), [0; 536]);
/// let slot = decoder.read_slot().len();
/// decoder.received(slot + 1);
/// let misuse = ApiMisuse::ReceivedBeyondSlot { received: 16, slot: 15 };
/// assert_eq!(decoder.next_event(), Err(Error::ApiMisuse(misuse)));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApiMisuse {
    /// More bytes were reported as received than the slot could take.
    ReceivedBeyondSlot {
        /// The bytes reported.
        received: u32,
        /// The length of the slot.
        slot: u32,
    },
    /// The storage has less room than what was written to it: [`Storage::bytes`](crate::Storage::bytes) has become
    /// shorter.
    StorageShrank,
    /// Bytes that were peeked at are no longer there to be read: somebody else has read them.
    PeekedBytesGone,
    /// The function given to [`Handshake::poll_buf_with`](crate::Handshake::poll_buf_with) was ready without having
    /// handed over what is in the buffer.
    NothingHandedOver,
}

impl TlvError {
    /// Creates an error of the TLV of the type `kind` that starts at `offset`.
    pub const fn new(kind: u8, offset: u32, cause: TlvCause) -> Self {
        Self { kind, offset, cause }
    }
}

impl Error {
    /// Returns what the bytes look like instead, if they begin with no allowed signature and look like something.
    pub const fn lookalike(&self) -> Option<Lookalike> {
        match *self {
            Self::Signature { offset, found, .. } => Lookalike::of(offset, found),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature { offset, found, allowed } => {
                lookalike::describe(f, *allowed, *offset, *found, self.lookalike())
            }
            Self::V1(error) => write!(f, "invalid v1 header: {error}"),
            Self::V2(error) => write!(f, "invalid v2 header: {error}"),
            Self::Tlv(error) => write!(f, "invalid v2 header: {error}"),
            Self::TooLong { at_least, limit } => {
                write!(f, "PROXY header of at least {at_least} bytes is longer than the limit of {limit}")
            }
            Self::StorageTooSmall { at_least, room } => write!(
                f,
                "PROXY header of at least {at_least} bytes does not fit: the decoder's storage holds {room} bytes; \
                 give it larger storage"
            ),
            Self::EmptyDatagram => f.write_str("no PROXY header: the datagram is empty"),
            Self::Closed => f.write_str("connection closed without a byte, as a TCP health check does"),
            Self::Truncated { received } => write!(f, "PROXY header cut off after {received} bytes"),
            Self::OutOfMemory => f.write_str("out of memory while buffering the PROXY header"),
            Self::ApiMisuse(misuse) => write!(f, "misuse of the API: {misuse}"),
            Self::Unreachable => {
                f.write_str("internal error: a header that was complete is gone; please report it")
            }
        }
    }
}

impl fmt::Display for V2Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { found } => write!(f, "version {found} instead of 2"),
            Self::Command { found } => write!(f, "undefined command {found:#x}"),
            Self::Family { found } => write!(f, "undefined address family {found:#x}"),
            Self::Transport { found } => write!(f, "undefined transport {found:#x}"),
            Self::Length { announced, needed } => {
                write!(f, "length {announced} is too short for addresses of {needed} bytes")
            }
            Self::Stray { bytes } => {
                write!(f, "stray bytes after the addresses: {bytes}, but a TLV has at least 3")
            }
            Self::Crc32c { announced, computed } => {
                write!(f, "CRC32C {announced:#010x} does not match the header's {computed:#010x}")
            }
        }
    }
}

impl fmt::Display for TlvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLV of type {:#04x} at offset {} {}", self.kind, self.offset, self.cause)
    }
}

impl fmt::Display for TlvCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Overrun => "runs past the end",
            Self::Stray => "leaves stray bytes, too few for a TLV",
            Self::Crc32cLength => "is a CRC32C without exactly 4 bytes, or with stray ones after it",
            Self::Crc32cTwice => "is a second CRC32C",
            Self::UniqueIdLength => "is a UNIQUE_ID of more than 128 bytes",
            Self::SslLength => "is too short for an SSL TLV",
        })
    }
}

impl fmt::Display for ApiMisuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReceivedBeyondSlot { received, slot } => {
                write!(f, "{received} bytes reported as received into a slot of {slot}")
            }
            Self::StorageShrank => f.write_str("the storage has lost bytes that were written to it"),
            Self::PeekedBytesGone => f.write_str("bytes that were peeked at have been read by somebody else"),
            Self::NothingHandedOver => {
                f.write_str("a buffered read was ready without handing over its bytes")
            }
        }
    }
}

impl core::error::Error for Error {}
impl core::error::Error for V2Error {}
impl core::error::Error for TlvError {}
impl core::error::Error for ApiMisuse {}
