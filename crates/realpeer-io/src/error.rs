//! The reasons why a connection, or a datagram, was not accepted.

use std::sync::Arc;
use std::{fmt, io};

use realpeer_proto::{Error, Handshake, HandshakeError};

use crate::{Endpoint, HeaderStorage};

/// The reason why a connection, or a datagram, was not accepted. It concerns only that one, never the listener.
///
/// It converts into [`io::Error`]: a broken header and a datagram too large are `InvalidData`, a header cut off is
/// `UnexpectedEof`, the deadline `TimedOut`, a refusal `PermissionDenied`; an error of the connection keeps its kind and
/// its number.
///
/// Its text says everything: [`source`](std::error::Error::source) never repeats a part of it.
///
/// ```
/// use realpeer::AcceptError;
///
/// let error = AcceptError::from(std::io::Error::from_raw_os_error(104));
/// assert_eq!(error.kind(), "io");
/// assert_eq!(std::io::Error::from(error).raw_os_error(), Some(104));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum AcceptError {
    /// The policy refused the peer; no byte was read.
    #[non_exhaustive]
    Refused {
        /// The socket's peer.
        peer: Endpoint,
    },
    /// The peer left without sending a byte, as bare TCP health checks do. Not worth a line in a log.
    Closed,
    /// What the peer sent is not a header, or was cut off.
    #[non_exhaustive]
    Protocol {
        /// What is wrong with it.
        error: Error,
        /// The bytes that had been consumed from the connection; see [`AcceptError::taken`].
        taken: Box<[u8]>,
    },
    /// The deadline passed before the header was complete.
    #[non_exhaustive]
    TimedOut {
        /// How many bytes had arrived.
        received: usize,
        /// The bytes that had been consumed from the connection; see [`AcceptError::taken`].
        taken: Box<[u8]>,
    },
    /// The datagram was larger than the buffer for it, so that its end is lost. UDP only.
    #[non_exhaustive]
    Oversize {
        /// The length of the buffer.
        buffer: usize,
    },
    /// Several datagrams may be in one buffer, since the socket has the option `UDP_GRO` and this one arrived with a control
    /// message; the headers of all but the first would be payload. Switch the option off, or receive with `recvmsg`
    /// and give each datagram to [`Acceptor::datagram`](crate::Acceptor::datagram). UDP only.
    Joined,
    /// The connection failed.
    #[non_exhaustive]
    Io {
        /// The connection's error.
        error: Arc<io::Error>,
        /// The bytes that had been consumed from the connection; see [`AcceptError::taken`].
        taken: Box<[u8]>,
    },
}

impl AcceptError {
    /// All words that [`kind`](Self::kind) returns. They are names of [`Counts`](crate::Counts), too.
    pub const KINDS: [&str; 7] = ["refused", "closed", "protocol", "timeout", "oversize", "joined", "io"];

    /// Returns a word for logs and counters, one of [`KINDS`](Self::KINDS).
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Closed => "closed",
            Self::Protocol { .. } => "protocol",
            Self::TimedOut { .. } => "timeout",
            Self::Oversize { .. } => "oversize",
            Self::Joined => "joined",
            Self::Io { .. } => "io",
        }
    }

    /// Returns the bytes that had been consumed from the connection when it failed. To answer the peer in its own
    /// protocol, put them before what is still to be read:
    ///
    /// `taken ++ what is still on the connection == what the peer sent`
    ///
    /// They are empty where the first bytes to arrive were no start of a header, and for datagrams.
    ///
    /// ```
    /// use std::io::Read;
    /// use std::task::Poll;
    /// use std::time::Instant;
    /// use realpeer::{Acceptor, Trust};
    ///
    /// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
    /// let peer: std::net::SocketAddr = "127.0.0.1:4711".parse()?;
    /// let mut connection = &b"PROPFIND / HTTP/1.1\r\n"[..];
    ///
    /// let mut accepting = acceptor.begin(peer, Instant::now());
    /// let Poll::Ready(Err(error)) = accepting.poll_with(|slot| Poll::Ready(connection.read(slot))) else {
    ///     panic!("it has no header");
    /// };
    /// let mut request = Vec::from(error.taken());
    /// connection.read_to_end(&mut request)?;
    /// assert_eq!(request, b"PROPFIND / HTTP/1.1\r\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn taken(&self) -> &[u8] {
        match self {
            Self::Protocol { taken, .. } | Self::TimedOut { taken, .. } | Self::Io { taken, .. } => taken,
            Self::Refused { .. } | Self::Closed | Self::Oversize { .. } | Self::Joined => &[],
        }
    }

    /// `header` has been consumed from the connection, and is of a version that is not allowed.
    pub(crate) fn of_detected(error: Error, header: &[u8]) -> Self {
        Self::Protocol { error, taken: header.into() }
    }

    pub(crate) fn new<I>(error: HandshakeError<io::Error>, handshake: &Handshake<I, HeaderStorage>) -> Self
    where
        I: Copy + PartialOrd + std::ops::Add<std::time::Duration, Output = I>,
    {
        let nothing_came = handshake.decoder().as_bytes().is_empty();
        let taken = || handshake.taken().into();
        match error {
            HandshakeError::Protocol(Error::Closed) => Self::Closed,
            // Health checkers spare themselves the orderly close.
            HandshakeError::Io(error) if nothing_came && error.kind() == io::ErrorKind::ConnectionReset => {
                Self::Closed
            }
            HandshakeError::Protocol(error) => Self::Protocol { error, taken: taken() },
            HandshakeError::Io(error) => Self::Io { error: Arc::new(error), taken: taken() },
            HandshakeError::TimedOut { received } => Self::TimedOut { received, taken: taken() },
        }
    }
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { peer } => {
                write!(f, "{} is not a trusted proxy; trust it if it is one of yours", WithoutPort(peer))
            }
            Self::Closed => Error::Closed.fmt(f),
            Self::Protocol { error, .. } => error.fmt(f),
            Self::TimedOut { received, .. } => {
                HandshakeError::<io::Error>::TimedOut { received: *received }.fmt(f)
            }
            Self::Oversize { buffer } => {
                write!(f, "datagram larger than the buffer of {buffer} bytes: its end is lost")
            }
            Self::Joined => f.write_str(
                "several datagrams may be in one buffer, by the socket option UDP_GRO; switch it off",
            ),
            Self::Io { error, .. } => write!(f, "connection failed before its header was complete: {error}"),
        }
    }
}

impl std::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Its own text is within ours; a reporter that walks the chain would print it twice.
            Self::Io { error, .. } => error.source(),
            _ => None,
        }
    }
}

impl From<io::Error> for AcceptError {
    fn from(error: io::Error) -> Self {
        Self::Io { error: Arc::new(error), taken: Box::default() }
    }
}

impl From<Error> for AcceptError {
    fn from(error: Error) -> Self {
        Self::Protocol { error, taken: Box::default() }
    }
}

impl From<AcceptError> for io::Error {
    fn from(error: AcceptError) -> Self {
        let kind = match &error {
            AcceptError::Refused { .. } => io::ErrorKind::PermissionDenied,
            AcceptError::Closed | AcceptError::Protocol { error: Error::Truncated { .. }, .. } => {
                io::ErrorKind::UnexpectedEof
            }
            AcceptError::Protocol { error: Error::OutOfMemory, .. } => io::ErrorKind::OutOfMemory,
            AcceptError::Protocol { error: Error::ApiMisuse(_), .. } => io::ErrorKind::InvalidInput,
            AcceptError::Protocol { .. } | AcceptError::Oversize { .. } | AcceptError::Joined => {
                io::ErrorKind::InvalidData
            }
            AcceptError::TimedOut { .. } => io::ErrorKind::TimedOut,
            // A number is worth more to a program than the words around it.
            AcceptError::Io { error, .. } => match error.raw_os_error() {
                Some(code) => return Self::from_raw_os_error(code),
                None => error.kind(),
            },
        };
        Self::new(kind, error)
    }
}

/// Ports of clients are a new one each time, and no policy goes by them.
struct WithoutPort<'a>(&'a Endpoint);

impl fmt::Display for WithoutPort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Endpoint::Inet(addr) => addr.ip().to_canonical().fmt(f),
            peer @ Endpoint::Unix(_) => write!(f, "the UNIX socket {peer}"),
        }
    }
}
