//! The reasons why a handshake ends without a header.

use core::fmt;

use crate::Error;

/// The reason why there is no header.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use core::task::Poll;
/// use core::time::Duration;
/// use realpeer::proto::{Config, Handshake, HandshakeError};
///
/// let config = Config::new().with_timeout(Duration::from_secs(3));
/// let mut handshake = Handshake::with_storage(&config, Duration::ZERO, [0; 536]);
/// let silent = |_: &mut [u8]| Poll::<Result<usize, ()>>::Pending;
/// assert!(handshake.poll_with(silent).is_pending());
///
/// handshake.handle_timeout(Duration::from_secs(3));
/// assert_eq!(handshake.poll_with(silent), Poll::Ready(Err(HandshakeError::TimedOut { received: 0 })));
/// ```
///
/// It has no other kinds, and gets none without a new major version: an adapter handles each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandshakeError<E> {
    /// The bytes aren't a header, or were cut off.
    Protocol(Error),
    /// The connection failed.
    Io(E),
    /// The deadline passed.
    TimedOut {
        /// How many bytes had arrived.
        received: usize,
    },
}

impl<E: fmt::Display> fmt::Display for HandshakeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::TimedOut { received: 0 } => f.write_str(
                "timed out without a byte of a PROXY header; is the proxy configured to send one, and at once?",
            ),
            Self::TimedOut { received } => {
                write!(f, "timed out with an incomplete PROXY header ({received} bytes received)")
            }
        }
    }
}

impl<E: core::error::Error> core::error::Error for HandshakeError<E> {
    /// Returns what is beneath the error within, whose text is this one's.
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Protocol(error) => error.source(),
            Self::Io(error) => error.source(),
            Self::TimedOut { .. } => None,
        }
    }
}
