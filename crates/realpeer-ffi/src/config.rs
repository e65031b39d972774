//! What is accepted.

use core::mem::{offset_of, size_of};
use core::ptr;
use core::time::Duration;

use realpeer_proto as proto;

use crate::Trust;
use crate::memory::known;

/// What a receiver accepts, and how long it waits. 0 means the default in every field but `size`.
///
/// Fill it with zeros, set `size`, then what differs: `struct realpeer_config config = {sizeof config};`. It is only
/// read, and only during the call that it is handed to; `trust` is asked during that call too. Where a function takes
/// one, NULL stands for all defaults.
#[repr(C)]
#[derive(Debug)]
pub struct Config {
    /// `sizeof(struct realpeer_config)`.
    pub size: usize,
    /// Whom to believe. Handshakes need it, nothing else looks at it.
    pub trust: *const Trust,
    /// The versions accepted, one of `enum realpeer_versions`.
    pub versions: u32,
    /// The longest header accepted, in bytes; by default 4096. Below 536 real headers may not fit. A longer one is
    /// `REALPEER_STATUS_TOO_LONG`; one that the limit allows and the buffer can't hold `REALPEER_STATUS_NO_SPACE`.
    pub max_header_len: u32,
    /// The time for the whole header, in milliseconds; by default 5000, at most a day. Only handshakes look at it.
    pub timeout_ms: u32,
    /// Not 0: a CRC32C in a header is not compared. For fuzzers, and where something else vouches for the bytes.
    pub ignore_crc32c: u32,
}

/// The size of the struct in its first version, with which callers may have been compiled.
const FIRST_VERSION: usize = offset_of!(Config, ignore_crc32c) + size_of::<u32>();

/// What a caller asks for.
pub(crate) struct Wishes {
    pub(crate) config: proto::Config,
    pub(crate) trust: *const Trust,
}

/// Reads `config`; `None` if it is wrong.
///
/// # Safety
///
/// `config` is null or points to as many bytes as its first field says.
pub(crate) unsafe fn read(config: *const Config) -> Option<Wishes> {
    let defaults = proto::Config::new();
    if config.is_null() {
        return Some(Wishes { config: defaults, trust: ptr::null() });
    }
    // SAFETY: passed on.
    let config = unsafe { known(config, FIRST_VERSION) }?;
    let versions = match config.versions {
        0 => proto::Versions::Any,
        1 => proto::Versions::V1,
        2 => proto::Versions::V2,
        _ => return None,
    };
    let mut wishes = defaults.with_versions(versions).with_crc32c_check(config.ignore_crc32c == 0);
    if config.max_header_len != 0 {
        wishes = wishes.with_max_header_len(config.max_header_len as usize);
    }
    if config.timeout_ms != 0 {
        wishes = wishes.with_timeout(Duration::from_millis(config.timeout_ms.into()));
    }
    Some(Wishes { config: wishes, trust: config.trust })
}
