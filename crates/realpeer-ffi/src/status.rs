//! The enumerations of the C API, and the texts of its statuses.

use core::ffi::{CStr, c_char};

/// The result of a call. Errors are negative: test for them with `status < 0`.
///
/// Values are never reused. A newer library may return values that an older `realpeer.h` does not name.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Success: the header is complete, or the call did what it is documented to do.
    Done = 0,
    /// More bytes are needed. Run a handshake again when its descriptor is readable, and at its deadline.
    NeedData = 1,
    /// There is no such thing: no (more) TLVs, no header, or no error.
    NotFound = 2,
    /// No header: the bytes do not begin with the signature of an accepted version.
    NoHeader = -1,
    /// The version 1 line is malformed.
    V1 = -2,
    /// The fixed part or the address block of the version 2 header is invalid.
    V2 = -3,
    /// A TLV is malformed, or extends beyond the header.
    Tlv = -4,
    /// The CRC32C does not match the header.
    Crc32c = -5,
    /// The header is longer than `max_header_len`.
    TooLong = -6,
    /// The peer closed the connection without sending a byte, as bare TCP health checks do. This is harmless.
    Closed = -7,
    /// The connection or datagram ended before the header was complete.
    Truncated = -8,
    /// The deadline passed before the header was complete.
    TimedOut = -9,
    /// The peer is not trusted. Nothing was read.
    Refused = -10,
    /// A system call failed; `errno` is the reason.
    Io = -11,
    /// A mistake in the calling program: NULL, a misaligned pointer, a wrong size, an unknown value, an object that was
    /// never initialised, or a call that the documentation rules out.
    Argument = -12,
    /// The buffer is too small for the result, or for a header within `max_header_len`.
    NoSpace = -13,
    /// No header can express what was asked for.
    NotEncodable = -14,
    /// The text names no IP address, network, `unix`, `anyone` or `nobody`.
    NotANetwork = -15,
}

/// The versions of the protocol to accept.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// Both.
    Any = 0,
    /// Version 1 only, the text format.
    V1 = 1,
    /// Version 2 only, the binary format.
    V2 = 2,
}

/// The command of a header, numbered as in version 2.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// The proxy opened the connection for itself, such as a health check: use the connection's own addresses.
    Local = 0,
    /// The proxy opened the connection on behalf of a client.
    Proxy = 1,
}

/// The transport that a header describes, numbered as in version 2.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Not specified.
    Unspec = 0,
    /// TCP, or a UNIX stream socket.
    Stream = 1,
    /// UDP, or a UNIX datagram socket.
    Dgram = 2,
}

/// What to do with a connection from a peer.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Close it: the peer is not trusted. Also the result for a wrong argument.
    Refuse = 0,
    /// Require a header: the peer is a trusted proxy.
    Require = 1,
    /// Serve it without reading a header: the peer is not a proxy. Anything that looks like a header is payload.
    Bypass = 2,
}

impl Status {
    const fn text(self) -> &'static CStr {
        match self {
            Self::Done => c"done",
            Self::NeedData => c"more bytes are needed",
            Self::NotFound => c"not found",
            Self::NoHeader => c"no PROXY header",
            Self::V1 => c"invalid v1 header",
            Self::V2 => c"invalid v2 header",
            Self::Tlv => c"invalid TLV in a v2 header",
            Self::Crc32c => c"CRC32C does not match",
            Self::TooLong => c"header too long",
            Self::Closed => c"closed before any header",
            Self::Truncated => c"header cut off",
            Self::TimedOut => c"timed out waiting for the header",
            Self::Refused => c"peer is not trusted",
            Self::Io => c"system call failed",
            Self::Argument => c"invalid argument",
            Self::NoSpace => c"buffer too small",
            Self::NotEncodable => c"no header can say this",
            Self::NotANetwork => c"not an address or network",
        }
    }

    const ALL: [Self; 18] = [
        Self::Done,
        Self::NeedData,
        Self::NotFound,
        Self::NoHeader,
        Self::V1,
        Self::V2,
        Self::Tlv,
        Self::Crc32c,
        Self::TooLong,
        Self::Closed,
        Self::Truncated,
        Self::TimedOut,
        Self::Refused,
        Self::Io,
        Self::Argument,
        Self::NoSpace,
        Self::NotEncodable,
        Self::NotANetwork,
    ];
}

/// Returns a short text for `status`, one of `enum realpeer_status`; for any other number, "unknown status".
///
/// The text is a constant: it is never NULL and must not be freed. The `_error` functions have longer texts, with what was
/// found and where. Thread-safe; does not change `errno`.
#[unsafe(no_mangle)]
pub extern "C" fn realpeer_status_text(status: i32) -> *const c_char {
    let known = Status::ALL.iter().find(|known| **known as i32 == status);
    known.map_or(c"unknown status", |status| status.text()).as_ptr()
}

/// Returns the version of the library, such as "0.1.0". The text is a constant and must not be freed.
///
/// Thread-safe; does not change `errno`.
#[unsafe(no_mangle)]
pub extern "C" fn realpeer_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
