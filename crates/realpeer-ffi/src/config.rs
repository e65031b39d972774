//! Reads the configuration that a caller hands in.

use core::mem::{offset_of, size_of};
use core::ptr;
use core::time::Duration;

use realpeer_proto as proto;

use crate::Trust;
use crate::memory::{HasSize, known};

/// What a receiver accepts, and how long it waits. In every field but `size`, 0 means the default.
///
/// Start with `struct realpeer_config config = {sizeof config};`, which sets `size` and zeros the rest, then set what you
/// want to change. The library only reads it, and `trust` as well, and only during the call they are passed to. Functions
/// that take a config accept NULL for all defaults.
#[repr(C)]
#[derive(Debug)]
pub struct Config {
    /// `sizeof(struct realpeer_config)`.
    pub size: usize,
    /// The proxies to trust. Handshakes require it; everything else ignores it.
    pub trust: *const Trust,
    /// The accepted versions, one of `enum realpeer_versions`.
    pub versions: u32,
    /// The longest accepted header, in bytes; the default is 4096. With less than 536, some real headers do not fit. A
    /// header over the limit fails with `REALPEER_STATUS_TOO_LONG`; one within the limit that does not fit the buffer fails
    /// with `REALPEER_STATUS_NO_SPACE`.
    pub max_header_len: u32,
    /// How long the complete header may take, in milliseconds; the default is 5000, the maximum a day. Only handshakes use
    /// it.
    pub timeout_ms: u32,
    /// Nonzero: do not verify a CRC32C in the header. For fuzzers, and where something else protects the bytes.
    pub ignore_crc32c: u32,
}

// SAFETY: it begins with its size, and is made of numbers and pointers.
unsafe impl HasSize for Config {
    const FIRST_VERSION: usize = offset_of!(Config, ignore_crc32c) + size_of::<u32>();
}

/// A configuration that has been checked.
pub(crate) struct Wishes {
    pub(crate) config: proto::Config,
    pub(crate) trust: *const Trust,
}

/// Reads `config`; `None` if it is wrong.
///
/// # Safety
///
/// `config` is null or points to as many bytes as its first field states.
pub(crate) unsafe fn read(config: *const Config) -> Option<Wishes> {
    if config.is_null() {
        return Some(Wishes { config: proto::Config::new(), trust: ptr::null() });
    }
    // SAFETY: passed on.
    unsafe { known(config) }.and_then(check)
}

/// Returns what `config` asks for; `None` if it is wrong.
#[inline(always)]
pub(crate) fn check(config: &Config) -> Option<Wishes> {
    let versions = match config.versions {
        0 => proto::Versions::Any,
        1 => proto::Versions::V1,
        2 => proto::Versions::V2,
        _ => return None,
    };
    let mut wishes =
        proto::Config::new().with_versions(versions).with_crc32c_check(config.ignore_crc32c == 0);
    if config.max_header_len != 0 {
        wishes = wishes.with_max_header_len(config.max_header_len as usize);
    }
    if config.timeout_ms != 0 {
        wishes = wishes.with_timeout(Duration::from_millis(config.timeout_ms.into()));
    }
    Some(Wishes { config: wishes, trust: config.trust })
}
