//! A header as C sees it.

use core::ffi::c_void;
use core::mem::size_of;

use libc::{sockaddr_storage, socklen_t};
use realpeer_proto as proto;

use crate::memory::{Versioned, prepare};
use crate::{Status, address};

/// A header that has been checked: length, grammar, TLVs and CRC32C. Set `size` before it is filled.
///
/// What it says is the sender's word: whether to believe the sender is a matter of trust, not of parsing.
///
/// `tlvs` points into the bytes that the header was read from (the input of `realpeer_parse`, the buffer of a decoder
/// or handshake) and is good for as long as those are unchanged. All else is copied.
#[repr(C)]
#[allow(missing_debug_implementations, reason = "C fills it, and it may not be initialised")]
pub struct Header {
    /// `sizeof(struct realpeer_header)`, set by the caller.
    pub size: usize,
    /// The length of the header in bytes. What follows it is payload.
    pub len: usize,
    /// The TLVs for `realpeer_tlv_next`; NULL if there are none.
    pub tlvs: *const c_void,
    /// The length of the TLVs in bytes.
    pub tlvs_len: usize,
    /// 1 or 2.
    pub version: u32,
    /// One of `enum realpeer_command`.
    pub command: u32,
    /// One of `enum realpeer_transport`.
    pub transport: u32,
    /// How many bytes of `source` are filled; 0 where the connection's real source counts: LOCAL, UNKNOWN, UNSPEC.
    pub source_len: socklen_t,
    /// How many bytes of `destination` are filled; 0 where the connection's real destination counts.
    pub destination_len: socklen_t,
    /// Where the connection came from. Only `source_len` bytes are written. The name of a UNIX socket may fill
    /// `sun_path` without a NUL at its end, and may hold a NUL anywhere.
    pub source: sockaddr_storage,
    /// Where the connection was going. Only `destination_len` bytes are written.
    pub destination: sockaddr_storage,
}

// SAFETY: it begins with its size, and is made of numbers and pointers.
unsafe impl Versioned for Header {
    const FIRST_VERSION: usize = size_of::<Self>();
}

/// Fills `out` with `header`, which has `len` bytes.
///
/// # Safety
///
/// `out` is null or points to as many bytes as its first field says.
#[inline(always)]
pub(crate) unsafe fn fill(out: *mut Header, header: &proto::Header<'_>, len: usize) -> Status {
    // SAFETY: passed on.
    if !unsafe { prepare(out) } {
        return Status::Argument;
    }
    let tlvs = header.tlvs().as_bytes();
    let version = match header.version() {
        proto::Version::V1 => 1,
        proto::Version::V2 => 2,
    };
    let command = match header.command() {
        proto::Command::Local => 0,
        proto::Command::Proxy => 1,
    };
    let transport = match header.transport() {
        proto::Transport::Unspec => 0,
        proto::Transport::Stream => 1,
        proto::Transport::Dgram => 2,
    };
    // SAFETY: the struct can be written. It is not read, and no reference to it is made: it may not be initialised.
    unsafe {
        (&raw mut (*out).len).write(len);
        (&raw mut (*out).tlvs).write(if tlvs.is_empty() { core::ptr::null() } else { tlvs.as_ptr().cast() });
        (&raw mut (*out).tlvs_len).write(tlvs.len());
        (&raw mut (*out).version).write(version);
        (&raw mut (*out).command).write(command);
        (&raw mut (*out).transport).write(transport);
        let (source, destination) = (&raw mut (*out).source, &raw mut (*out).destination);
        let (source_len, destination_len) = address::write_both(source, destination, header.addresses());
        (&raw mut (*out).source_len).write(source_len);
        (&raw mut (*out).destination_len).write(destination_len);
    }
    Status::Done
}
