//! The small enumerations, and their texts.

use core::ffi::{CStr, c_char};

/// What a call came to. Errors are negative, so `status < 0` asks for one.
///
/// Values are never reused; a newer library may return values that an older header does not name.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done: the header is complete, or the call did what it says.
    Done = 0,
    /// More bytes are needed. A handshake is to be called again when the descriptor is readable, and at its deadline.
    NeedData = 1,
    /// There is nothing (more) to be found. Only TLV functions return it.
    NotFound = 2,
    /// No header: the bytes begin with no signature, or with that of a version that is not accepted.
    NoHeader = -1,
    /// The version 1 line breaks its grammar.
    V1 = -2,
    /// The fixed part or the address block of a version 2 header is wrong.
    V2 = -3,
    /// A TLV is malformed or does not fit.
    Tlv = -4,
    /// The CRC32C is not that of the header.
    Crc32c = -5,
    /// The header is longer than the limit.
    TooLong = -6,
    /// The peer closed the connection without a byte, as bare TCP health checks do. Nothing to worry about.
    Closed = -7,
    /// The peer closed the connection in the middle of its header, or the datagram ended there.
    Truncated = -8,
    /// The deadline passed before the header was complete.
    TimedOut = -9,
    /// The peer is not trusted. Not a byte was read.
    Refused = -10,
    /// A system call failed; `errno` says why.
    Io = -11,
    /// The caller's mistake: NULL, a misaligned pointer, a wrong size, an unknown value, an object that was never
    /// initialised, or a call that its documentation rules out.
    Argument = -12,
    /// The caller's memory is too small: for the result, or for a header that the limit allows.
    NoSpace = -13,
    /// No header can say what was asked for.
    NotEncodable = -14,
    /// The text is neither an IP address, nor a network, nor `unix`, nor `anyone`.
    NotANetwork = -15,
}

/// Which versions of the protocol are accepted.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// Both.
    Any = 0,
    /// Version 1 only, the line of text.
    V1 = 1,
    /// Version 2 only, the binary header.
    V2 = 2,
}

/// The command of a header, as it is numbered in version 2.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// The proxy itself opened the connection, as for a health check: the real endpoints count.
    Local = 0,
    /// The connection was opened for somebody else.
    Proxy = 1,
}

/// The transport of the connection that a header speaks of, as it is numbered in version 2.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Not said.
    Unspec = 0,
    /// TCP, or a UNIX stream socket.
    Stream = 1,
    /// UDP, or a UNIX datagram socket.
    Dgram = 2,
}

/// What to do with a peer.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Close the connection: the peer is not trusted. Also the answer to a wrong argument.
    Refuse = 0,
    /// The peer is a trusted proxy: it must send a header, and is believed.
    Require = 1,
    /// The peer is no proxy: it must not send a header. What looks like one is payload.
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

/// Returns a short text for `status`, which is one of `enum realpeer_status`; any other number is "unknown status".
///
/// The text is a constant of the library: it is never NULL and must not be freed. The `_error` functions have longer
/// texts, which say what was found and where. Thread-safe; `errno` is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn realpeer_status_text(status: i32) -> *const c_char {
    let known = Status::ALL.iter().find(|known| **known as i32 == status);
    known.map_or(c"unknown status", |status| status.text()).as_ptr()
}

/// Returns the library's version, such as "0.1.0": a constant of the library, which must not be freed.
///
/// Thread-safe; `errno` is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn realpeer_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
