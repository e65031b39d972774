//! The configuration of a receiver.

use core::time::Duration;

use crate::wire::HEAD_LEN;
use crate::{Error, MAX_HEADER_LEN, Versions};

/// The headers that a receiver accepts, and how long it waits.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use core::time::Duration;
/// use realpeer::proto::{Config, Versions};
///
/// let config = Config::new()
///     .with_versions(Versions::V2)
///     .with_max_header_len(1024)
///     .with_timeout(Duration::from_secs(3));
/// assert_eq!(config.max_header_len(), 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    limits: Limits,
    timeout: Duration,
}

/// The part of [`Config`] that the parser needs; small, because every decoder carries one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Limits {
    pub(crate) max_len: u32,
    /// `max_len` is the decoder's storage's, which is less than [`Config`] allows.
    pub(crate) from_storage: bool,
    pub(crate) versions: Versions,
    pub(crate) check_crc32c: bool,
}

impl Config {
    /// Creates a configuration with its defaults: both versions, headers of up to 4,096 bytes, checksums checked, 5
    /// seconds for the whole header.
    pub const fn new() -> Self {
        Self {
            limits: Limits {
                max_len: 4096,
                from_storage: false,
                versions: Versions::Any,
                check_crc32c: true,
            },
            timeout: Duration::from_secs(5),
        }
    }

    /// Accepts only `versions`.
    #[must_use]
    pub const fn with_versions(mut self, versions: Versions) -> Self {
        self.limits.versions = versions;
        self
    }

    /// Rejects headers of more than `len` bytes, signature and all.
    ///
    /// A header is rejected as soon as it is known to be longer; nothing is ever sized by the length it
    /// announces. `len` is held between 16 and [`MAX_HEADER_LEN`], the most that the format can say.
    /// A version 1 line has at most 107 bytes whatever `len` is. Below 536 real headers may not fit: the
    /// specification means both versions to fit that, and a client's certificate (TLV 0x28) makes them longer.
    #[must_use]
    pub const fn with_max_header_len(mut self, len: usize) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the match arms bound it")]
        let len = match len {
            ..HEAD_LEN => HEAD_LEN as u32,
            HEAD_LEN..=MAX_HEADER_LEN => len as u32,
            _ => MAX_HEADER_LEN as u32,
        };
        self.limits.max_len = len;
        self
    }

    /// Sets whether a CRC32C TLV is compared with the header's own checksum (section 2.2.3); it is unless set to false.
    ///
    /// The specification demands the comparison of every receiver that knows the TLV. Switch it off only where
    /// something else vouches for the bytes, as fuzzers do.
    #[must_use]
    pub const fn with_crc32c_check(mut self, check: bool) -> Self {
        self.limits.check_crc32c = check;
        self
    }

    /// Sets the time a peer has for its whole header, not for each read; at most a day.
    ///
    /// The specification advises at least 3 seconds, so that one lost segment can be sent again (section 2).
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        self.timeout = if timeout.as_secs() < DAY.as_secs() { timeout } else { DAY };
        self
    }

    /// Returns the versions accepted.
    pub const fn versions(&self) -> Versions {
        self.limits.versions
    }

    /// Returns the longest header accepted, in bytes.
    pub const fn max_header_len(&self) -> usize {
        self.limits.max_len as usize
    }

    /// Returns whether checksums are checked.
    pub const fn crc32c_check(&self) -> bool {
        self.limits.check_crc32c
    }

    /// Returns the time a peer has for its whole header.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    #[inline]
    pub(crate) const fn limits(&self) -> Limits {
        self.limits
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Limits {
    /// The limits of a decoder whose storage has room for `max_len` bytes.
    pub(crate) fn within_storage(self, max_len: usize) -> Self {
        match u32::try_from(max_len) {
            Ok(max_len) if max_len < self.max_len => Self { max_len, from_storage: true, ..self },
            _ => self,
        }
    }

    /// Checks a header that has at least this many bytes.
    pub(crate) fn check(self, at_least: u32) -> Result<(), Error> {
        if at_least > self.max_len { Err(self.exceeded(at_least)) } else { Ok(()) }
    }

    /// The error of a header that has at least this many bytes, which are too many.
    pub(crate) fn exceeded(self, at_least: u32) -> Error {
        if self.from_storage {
            Error::StorageTooSmall { at_least, room: self.max_len }
        } else {
            Error::TooLong { at_least, limit: self.max_len }
        }
    }

    /// The first byte is that of an allowed signature.
    #[inline]
    pub(crate) const fn allows_v1(self) -> bool {
        !matches!(self.versions, Versions::V2)
    }

    #[inline]
    pub(crate) const fn allows_v2(self) -> bool {
        !matches!(self.versions, Versions::V1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Settings can be a constant of the program.
    #[test]
    fn all_of_it_is_const() {
        const CONFIG: Config = Config::new()
            .with_versions(Versions::V1)
            .with_max_header_len(107)
            .with_crc32c_check(false)
            .with_timeout(Duration::from_secs(3));
        assert_eq!((CONFIG.versions(), CONFIG.max_header_len()), (Versions::V1, 107));
        assert_eq!((CONFIG.crc32c_check(), CONFIG.timeout()), (false, Duration::from_secs(3)));
        assert_eq!(Config::new(), Config::default());
    }
}
