//! The reasons why a header can't be encoded.

use core::fmt;

use crate::Error;

/// The reason why a header can't be encoded.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{EncodeError, Encoder};
///
/// let error = Encoder::local().encode(&mut [0; 10]).unwrap_err();
/// assert_eq!(error, EncodeError::BufferTooSmall { needed: 16 });
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EncodeError {
    /// The buffer is too small.
    BufferTooSmall {
        /// The bytes needed.
        needed: usize,
    },
    /// More than 65,535 bytes would follow the first 16, or the value of a TLV would have more, or a `UNIQUE_ID` more than
    /// 128.
    TooLong {
        /// The bytes it would have.
        len: usize,
    },
    /// One end is an IP address, the other the name of a UNIX socket.
    MixedFamilies,
    /// More than four TLVs were added one by one: use [`Encoder::with_tlvs`](crate::Encoder::with_tlvs).
    TooManyTlvs,
    /// Version 1 knows TCP over IPv4 and IPv6, and UNKNOWN: no LOCAL, no UNIX sockets, no datagrams, no TLVs.
    NotInV1,
    /// The padding can't be: the header is longer already, or a NOOP TLV has more than the one or two bytes missing.
    Padding {
        /// The length without padding.
        len: usize,
    },
    /// A receiver would refuse the header for its TLVs.
    Invalid(Error),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferTooSmall { needed } => write!(f, "buffer too small: {needed} bytes are needed"),
            Self::TooLong { len } => write!(f, "{len} bytes are too long to be encoded"),
            Self::MixedFamilies => {
                f.write_str("one end is an IP address, the other the name of a UNIX socket")
            }
            Self::TooManyTlvs => f.write_str("more than four TLVs added one by one; give them as a list"),
            Self::NotInV1 => {
                f.write_str("version 1 has only TCP4, TCP6 and UNKNOWN, and no TLVs; use version 2")
            }
            Self::Padding { len } => {
                write!(f, "a header of {len} bytes can't be padded to the length asked for")
            }
            Self::Invalid(error) => write!(f, "a receiver would refuse the header: {error}"),
        }
    }
}

impl core::error::Error for EncodeError {}
