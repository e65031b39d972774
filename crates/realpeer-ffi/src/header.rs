//! The header struct of C, and how it is filled.

use core::ffi::c_void;
use core::mem::{offset_of, size_of};

use libc::{sockaddr_storage, socklen_t};
use realpeer_proto as proto;

use crate::address::Inet;
use crate::memory::{Filled, prepare};
use crate::{Command, Status, Transport, address};

/// A valid header: length, grammar, TLVs and CRC32C have been checked.
///
/// Its contents are what the sender claims. Whether to believe the sender is a matter of trust, not of parsing.
///
/// `tlvs` points into the bytes the header was read from (the input of `realpeer_parse`, or the buffer of a decoder or
/// handshake), and is valid until those change. Everything else is a copy.
#[repr(C)]
#[allow(missing_debug_implementations, reason = "C fills it, and it may not be initialised")]
pub struct Header {
    /// The length of the header in bytes. Payload follows.
    pub len: usize,
    /// The TLVs, for `realpeer_tlv_next` and `realpeer_tlv_find`; NULL if the header has no TLVs.
    pub tlvs: *const c_void,
    /// The length of the TLVs in bytes.
    pub tlvs_len: usize,
    /// The length of `source`. 0 if the header names no addresses (LOCAL, UNKNOWN, UNSPEC): use those of the connection.
    pub source_len: socklen_t,
    /// The length of `destination`; 0 if the header names no addresses.
    pub destination_len: socklen_t,
    /// 1 or 2.
    pub version: u8,
    /// One of `enum realpeer_command`.
    pub command: u8,
    /// One of `enum realpeer_transport`.
    pub transport: u8,
    /// Always 0.
    pub reserved: u8,
    /// The source of the connection. Only the first `source_len` bytes are written. A UNIX socket name may fill `sun_path`
    /// without a terminating NUL, and may contain NULs.
    pub source: sockaddr_storage,
    /// The destination of the connection. Only the first `destination_len` bytes are written.
    pub destination: sockaddr_storage,
}

// In a header that begins at a multiple of 16, as on the stack, the 16 bytes of an IPv6 address do too: they never span two
// cache lines.
const _: () = assert!(offset_of!(Header, source) % 16 == 8 && offset_of!(Header, destination) % 16 == 8);

// SAFETY: it is made of numbers and pointers.
unsafe impl Filled for Header {
    const FIRST_VERSION: usize = size_of::<Self>();
}

/// Fills `out`, which has `size` bytes, with `header`, which has `len`.
///
/// # Safety
///
/// `out` is null or points to `size` bytes that may be written.
pub(crate) unsafe fn fill(out: *mut Header, size: usize, header: &proto::Header<'_>, len: usize) -> Status {
    // SAFETY: passed on.
    if !unsafe { prepare(out, size) } {
        return Status::Argument;
    }
    // SAFETY: it can be written, as was just checked.
    unsafe { write(out, header, len) };
    Status::Done
}

/// Writes `header`, which has `len` bytes, to `out`.
///
/// # Safety
///
/// `out` points to a struct that may be written.
unsafe fn write(out: *mut Header, header: &proto::Header<'_>, len: usize) {
    let version = match header.version() {
        proto::Version::V1 => 1,
        proto::Version::V2 => 2,
    };
    let command = match header.command() {
        proto::Command::Local => Command::Local,
        proto::Command::Proxy => Command::Proxy,
    };
    let transport = match header.transport() {
        proto::Transport::Unspec => Transport::Unspec,
        proto::Transport::Stream => Transport::Stream,
        proto::Transport::Dgram => Transport::Dgram,
    };
    // SAFETY: the struct can be written. It is not read, and no reference to it is made: it may not be initialised.
    unsafe {
        write_front(out, len, header.tlvs().as_bytes(), version, command, transport);
        let (source, destination) = (&raw mut (*out).source, &raw mut (*out).destination);
        let (source_len, destination_len) = address::write_both(source, destination, header.addresses());
        (&raw mut (*out).source_len).write(source_len);
        (&raw mut (*out).destination_len).write(destination_len);
    }
}

/// Writes a header of `len` bytes to `out`: version 2, TCP, these addresses, no TLVs.
///
/// # Safety
///
/// `out` points to a struct that may be written.
#[inline(always)]
pub(crate) unsafe fn write_bare<T: Inet>(out: *mut Header, len: usize, [source, destination]: [T; 2]) {
    // SAFETY: the struct can be written. It is not read, and no reference to it is made: it may not be initialised.
    unsafe {
        write_front(out, len, &[], 2, Command::Proxy, Transport::Stream);
        (&raw mut (*out).source_len).write(source.write(&raw mut (*out).source));
        (&raw mut (*out).destination_len).write(destination.write(&raw mut (*out).destination));
    }
}

/// Writes everything but the addresses.
///
/// # Safety
///
/// `out` points to a struct that may be written.
#[inline(always)]
unsafe fn write_front(
    out: *mut Header,
    len: usize,
    tlvs: &[u8],
    version: u8,
    command: Command,
    transport: Transport,
) {
    // SAFETY: the struct can be written. It is not read, and no reference to it is made: it may not be initialised.
    unsafe {
        (&raw mut (*out).len).write(len);
        (&raw mut (*out).tlvs).write(if tlvs.is_empty() { core::ptr::null() } else { tlvs.as_ptr().cast() });
        (&raw mut (*out).tlvs_len).write(tlvs.len());
        (&raw mut (*out).version).write(version);
        (&raw mut (*out).command).write(command as u8);
        (&raw mut (*out).transport).write(transport as u8);
        (&raw mut (*out).reserved).write(0);
    }
}
