//! Why a connection, or a datagram, was not accepted.

use std::{fmt, io};

use realpeer_proto::{Error, HandshakeError};

/// Why a connection was not accepted. It concerns that connection only, never the listener. So it is with datagrams.
///
/// Converts into [`io::Error`]: a broken header and a datagram too large are `InvalidData`, a header cut off is
/// `UnexpectedEof`, the deadline `TimedOut`, a refusal `PermissionDenied`.
///
/// ```
/// use realpeer_io::AcceptError;
///
/// assert_eq!(std::io::Error::from(AcceptError::Refused).kind(), std::io::ErrorKind::PermissionDenied);
/// ```
#[non_exhaustive]
#[derive(Debug)]
pub enum AcceptError {
    /// The policy refused the peer; no byte was read.
    Refused,
    /// The peer left without sending a byte, as bare TCP health checks do. Not worth a line in a log.
    Closed,
    /// What the peer sent is no header, or was cut off.
    Protocol(Error),
    /// The deadline passed before the header was complete.
    TimedOut {
        /// How many bytes had come.
        received: usize,
    },
    /// The datagram was larger than the buffer for it, so that its end is lost. UDP only.
    Oversize {
        /// The length of the buffer.
        buffer: usize,
    },
    /// The connection failed.
    Io(io::Error),
}

impl AcceptError {
    /// A word for logs and counters: `refused`, `closed`, `protocol`, `timeout`, `oversize` or `io`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Closed => "closed",
            Self::Protocol(_) => "protocol",
            Self::TimedOut { .. } => "timeout",
            Self::Oversize { .. } => "oversize",
            Self::Io(_) => "io",
        }
    }

    /// `received` tells a peer that reset its connection before any byte from one that did so later.
    pub(crate) fn new(error: HandshakeError<io::Error>, received: usize) -> Self {
        match error {
            HandshakeError::Protocol(Error::Closed) => Self::Closed,
            // Health checkers spare themselves the orderly close.
            HandshakeError::Io(error) if received == 0 && error.kind() == io::ErrorKind::ConnectionReset => {
                Self::Closed
            }
            HandshakeError::Protocol(error) => Self::Protocol(error),
            HandshakeError::Io(error) => Self::Io(error),
            HandshakeError::TimedOut { received } => Self::TimedOut { received },
        }
    }
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("peer refused: it is not among the trusted proxies"),
            Self::Closed => Error::Closed.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::TimedOut { received } => {
                HandshakeError::<io::Error>::TimedOut { received: *received }.fmt(f)
            }
            Self::Oversize { buffer } => {
                write!(f, "datagram larger than the buffer of {buffer} bytes: its end is lost")
            }
            Self::Io(error) => write!(f, "connection failed before its header was complete: {error}"),
        }
    }
}

impl std::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Protocol(error) => Some(error),
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for AcceptError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<AcceptError> for io::Error {
    fn from(error: AcceptError) -> Self {
        let kind = match &error {
            AcceptError::Refused => io::ErrorKind::PermissionDenied,
            AcceptError::Closed | AcceptError::Protocol(Error::Truncated { .. }) => {
                io::ErrorKind::UnexpectedEof
            }
            AcceptError::Protocol(Error::OutOfMemory) => io::ErrorKind::OutOfMemory,
            AcceptError::Protocol(Error::ApiMisuse(_)) => io::ErrorKind::InvalidInput,
            AcceptError::Protocol(_) | AcceptError::Oversize { .. } => io::ErrorKind::InvalidData,
            AcceptError::TimedOut { .. } => io::ErrorKind::TimedOut,
            AcceptError::Io(error) => error.kind(),
        };
        Self::new(kind, error)
    }
}
