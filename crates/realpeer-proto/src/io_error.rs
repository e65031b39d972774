//! Errors as those of std's I/O, for functions that return these.

use std::io::{self, ErrorKind};

use crate::{EncodeError, Error};

impl From<Error> for io::Error {
    /// The kind is `UnexpectedEof` where the connection or datagram ended too soon, `InvalidInput` for the caller's
    /// mistakes, `OutOfMemory`, and else `InvalidData`. The error itself is within, to be downcast to.
    ///
    /// ```
    /// # mod realpeer { pub use realpeer_proto as proto; }
    /// use std::io::{self, ErrorKind};
    /// use realpeer::proto::{parse, Config, Error};
    ///
    /// let error = io::Error::from(parse(b"GET", &Config::new()).unwrap_err());
    /// assert_eq!(error.kind(), ErrorKind::InvalidData);
    /// assert!(error.get_ref().unwrap().is::<Error>());
    /// ```
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Closed | Error::Truncated { .. } | Error::EmptyDatagram => ErrorKind::UnexpectedEof,
            Error::OutOfMemory => ErrorKind::OutOfMemory,
            Error::ApiMisuse(_) | Error::StorageTooSmall { .. } => ErrorKind::InvalidInput,
            Error::Unreachable => ErrorKind::Other,
            _ => ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

impl From<EncodeError> for io::Error {
    /// Of the kind `InvalidInput`, with the error itself within.
    fn from(error: EncodeError) -> Self {
        Self::new(ErrorKind::InvalidInput, error)
    }
}
