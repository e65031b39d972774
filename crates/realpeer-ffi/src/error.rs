//! Errors as C sees them: status, offset, text.

use core::ffi::c_char;
use core::fmt::{self, Write};
use core::mem::size_of;

use realpeer_proto as proto;

use crate::Status;
use crate::memory::{Versioned, prepare};

/// The room for an error's text, the NUL at its end included.
pub const REALPEER_ERROR_TEXT_SIZE: usize = 256;

/// What went wrong, and where. Set `size` before it is filled.
#[repr(C)]
#[allow(missing_debug_implementations, reason = "C fills it, and it may not be initialised")]
pub struct Error {
    /// `sizeof(struct realpeer_error)`, set by the caller.
    pub size: usize,
    /// One of `enum realpeer_status`.
    pub status: i32,
    /// How many bytes of the header were good: where the byte stands, or the field begins, that is wrong. For
    /// `REALPEER_STATUS_TRUNCATED` and `REALPEER_STATUS_TIMED_OUT`, how many arrived.
    pub offset: u32,
    /// A sentence for a log in ASCII, without a full stop and ended by a NUL: what happened and what to check.
    pub text: [c_char; REALPEER_ERROR_TEXT_SIZE],
}

// SAFETY: it begins with its size, and is made of numbers.
unsafe impl Versioned for Error {
    const FIRST_VERSION: usize = size_of::<Self>();
}

/// Fills `out`, unless it is null.
///
/// # Safety
///
/// `out` is null or points to as many bytes as its first field says.
#[cold]
pub(crate) unsafe fn fill(out: *mut Error, status: Status, offset: u32, text: &dyn fmt::Display) -> Status {
    // SAFETY: passed on.
    if !unsafe { prepare(out) } {
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

/// Fills `out`, if there is one, with an error of the core, and returns its status.
///
/// # Safety
///
/// As [`fill`].
#[cold]
pub(crate) unsafe fn report(out: *mut Error, error: &proto::Error) -> Status {
    let (status, offset) = of(error);
    if out.is_null() {
        return status;
    }
    // SAFETY: passed on.
    match unsafe { fill(out, status, offset, error) } {
        Status::Done => status,
        wrong => wrong,
    }
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
