//! Errors in C: status, offset, text.

use core::ffi::c_char;
use core::fmt::{self, Write};
use core::mem::size_of;

use realpeer_proto as proto;

use crate::Status;
use crate::memory::{Filled, prepare};

/// The size of an error's text, including the terminating NUL.
pub const REALPEER_ERROR_TEXT_SIZE: usize = 256;

/// An error: what went wrong, and where.
#[repr(C)]
#[allow(missing_debug_implementations, reason = "C fills it, and it may not be initialised")]
pub struct Error {
    /// One of `enum realpeer_status`.
    pub status: i32,
    /// The offset in the header of the byte or field that is wrong. For `REALPEER_STATUS_TRUNCATED` and
    /// `REALPEER_STATUS_TIMED_OUT`, how many bytes arrived.
    pub offset: u32,
    /// A sentence for a log: what happened and what to check. ASCII, without a full stop, NUL-terminated.
    pub text: [c_char; REALPEER_ERROR_TEXT_SIZE],
}

// SAFETY: it is made of numbers.
unsafe impl Filled for Error {
    const FIRST_VERSION: usize = size_of::<Self>();
}

/// Fills `out`, which has `size` bytes.
///
/// # Safety
///
/// `out` is null or points to `size` bytes that may be written.
#[cold]
pub(crate) unsafe fn fill(
    out: *mut Error,
    size: usize,
    status: Status,
    offset: u32,
    text: &dyn fmt::Display,
) -> Status {
    // SAFETY: passed on.
    if !unsafe { prepare(out, size) } {
        return Status::Argument;
    }
    // SAFETY: the struct can be written, and its text is initialised first.
    let text_room = unsafe {
        (&raw mut (*out).status).write(status as i32);
        (&raw mut (*out).offset).write(offset);
        let room = (&raw mut (*out).text).cast::<[u8; REALPEER_ERROR_TEXT_SIZE]>();
        room.write([0; REALPEER_ERROR_TEXT_SIZE]);
        &mut *room
    };
    // It fails only if the text is cut off.
    let _ = write!(Text { room: text_room, len: 0 }, "{text}");
    Status::Done
}

/// The status for an error of the core, and its offset.
#[cold]
pub(crate) fn of(error: &proto::Error) -> (Status, u32) {
    use proto::{Error, V2Error};
    match *error {
        Error::Signature { offset, .. } => (Status::NoHeader, offset.into()),
        Error::V1(error) => (Status::V1, error.offset.into()),
        Error::V2(V2Error::Crc32c { .. }) => (Status::Crc32c, 0),
        Error::V2(V2Error::Version { .. } | V2Error::Command { .. }) => (Status::V2, 12),
        Error::V2(V2Error::Family { .. } | V2Error::Transport { .. }) => (Status::V2, 13),
        Error::V2(_) => (Status::V2, 14),
        Error::Tlv(error) => (Status::Tlv, error.offset),
        Error::TooLong { limit, .. } => (Status::TooLong, limit),
        Error::Closed => (Status::Closed, 0),
        Error::Truncated { received } => (Status::Truncated, received),
        Error::EmptyDatagram => (Status::Truncated, 0),
        Error::StorageTooSmall { room, .. } => (Status::NoSpace, room),
        Error::OutOfMemory => (Status::NoSpace, 0),
        // Error::ApiMisuse and Error::Unreachable. ./ci.sh tidy wants all named, so that a new one is not forgotten here.
        _ => (Status::Argument, 0),
    }
}

/// Fills `out`, which has `size` bytes, with an error of the core.
///
/// # Safety
///
/// As [`fill`].
#[cold]
pub(crate) unsafe fn fill_with(out: *mut Error, size: usize, error: &proto::Error) -> Status {
    let (status, offset) = of(error);
    // SAFETY: passed on.
    unsafe { fill(out, size, status, offset, error) }
}

/// Writes into the caller's room, and leaves its last byte as it is.
struct Text<'a> {
    room: &'a mut [u8; REALPEER_ERROR_TEXT_SIZE],
    len: usize,
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            let Some(place) = self.room.get_mut(self.len).filter(|_| self.len < REALPEER_ERROR_TEXT_SIZE - 1)
            else {
                return Err(fmt::Error);
            };
            *place = if byte.is_ascii() { byte } else { b'?' };
            self.len += 1;
        }
        Ok(())
    }
}
