//! Push bytes, pull the header.

use core::ffi::c_void;
use core::ptr;

use realpeer_proto as proto;
use realpeer_proto::Event;

use crate::memory::{Buffer, Tenant, place, tenant_mut, write_if_wanted};
use crate::{Config, Error, Header, Status, config, error, header, memory};

/// The size of a `struct realpeer_decoder` in bytes.
pub const REALPEER_DECODER_SIZE: usize = 256;
/// An alignment in bytes that is enough for every object of this library.
pub const REALPEER_ALIGN: usize = 8;

/// A header in the making: bytes go in as they arrive, the header comes out.
///
/// Whole, byte by byte or split anywhere: the same header, the same error. No byte beyond the header is taken.
///
/// It lives in the caller's memory, needs no release, and may be moved with `memcpy`. Two copies of one decoder share
/// its buffer, so only one may be used. One thread at a time may use it.
#[repr(C)]
#[derive(Debug)]
pub struct Decoder {
    opaque: [u64; 32],
}

const _: () =
    assert!(size_of::<Decoder>() == REALPEER_DECODER_SIZE && align_of::<Decoder>() <= REALPEER_ALIGN);

impl Tenant for proto::Decoder<Buffer> {
    type Memory = Decoder;
    const TAG: u64 = u64::from_le_bytes(*b"rpDecod1");
}

/// Makes a decoder in `decoder`, overwriting what is there.
///
/// `size` is `sizeof *decoder`. `config` may be NULL for the defaults. Headers are kept in `buffer`, which must stay
/// where it is, and belong to the decoder, for as long as decoder or header are in use; it need not be initialised. A
/// header that is longer is `REALPEER_STATUS_NO_SPACE` as soon as that is known; 536 bytes are enough for most.
///
/// Returns `REALPEER_STATUS_DONE` or `REALPEER_STATUS_ARGUMENT`. Thread-safe; `errno` is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_decoder_init(
    decoder: *mut Decoder,
    size: usize,
    config: *const Config,
    buffer: *mut c_void,
    buffer_len: usize,
) -> Status {
    // SAFETY: the caller's contract.
    let (wishes, buffer) = unsafe { (config::read(config), Buffer::new(buffer, buffer_len)) };
    let (Some(wishes), Some(buffer)) = (wishes, buffer) else { return Status::Argument };
    // SAFETY: the caller's contract.
    unsafe { place(decoder, size, proto::Decoder::with_storage(&wishes.config, buffer)) }
}

/// Takes header bytes off the front of `bytes`, and writes to `taken` how many: all of them, unless the header ends
/// before or can't be one. Bytes that are not taken are the caller's.
///
/// Returns as `realpeer_decoder_status`. `taken` may not be NULL; it is 0 if an argument is wrong. `errno` is left
/// alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_decoder_push(
    decoder: *mut Decoder,
    bytes: *const c_void,
    len: usize,
    taken: *mut usize,
) -> Status {
    // SAFETY: the caller's contract.
    unsafe { write_if_wanted(taken, 0) };
    // SAFETY: the caller's contract.
    let (decoder, bytes) =
        unsafe { (tenant_mut::<proto::Decoder<Buffer>>(decoder), memory::bytes(bytes, len)) };
    let (Some(decoder), Some(bytes), true) = (decoder, bytes, memory::is_writable(taken)) else {
        return Status::Argument;
    };
    let consumed = decoder.push(bytes);
    // SAFETY: the caller's contract.
    unsafe { taken.write(consumed) };
    status(decoder).0
}

/// Says that no more bytes will come. Without a complete header that is `REALPEER_STATUS_CLOSED` if there was not a
/// byte, else `REALPEER_STATUS_TRUNCATED`.
///
/// Returns as `realpeer_decoder_status`. `errno` is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_decoder_push_eof(decoder: *mut Decoder) -> Status {
    // SAFETY: the caller's contract.
    let Some(decoder) = (unsafe { tenant_mut::<proto::Decoder<Buffer>>(decoder) }) else {
        return Status::Argument;
    };
    decoder.push_eof();
    status(decoder).0
}

/// Writes to `slot` and `len` where the next bytes may be read to: never more than is still header, so reading into it
/// can't take a byte of payload. It may be shorter than `min` of `realpeer_decoder_status`.
///
/// The slot is part of the decoder's buffer, and good until the next call with the decoder. After reading into it, call
/// `realpeer_decoder_received`. Once there is a header or an error, `len` is 0 and `slot` NULL.
///
/// Returns as `realpeer_decoder_status`. `errno` is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_decoder_read_slot(
    decoder: *mut Decoder,
    slot: *mut *mut c_void,
    len: *mut usize,
) -> Status {
    // SAFETY: the caller's contract.
    unsafe {
        write_if_wanted(slot, ptr::null_mut());
        write_if_wanted(len, 0);
    }
    // SAFETY: the caller's contract.
    let decoder = unsafe { tenant_mut::<proto::Decoder<Buffer>>(decoder) };
    let (Some(decoder), true, true) = (decoder, memory::is_writable(slot), memory::is_writable(len)) else {
        return Status::Argument;
    };
    let room = decoder.read_slot();
    if !room.is_empty() {
        // SAFETY: the caller's contract.
        unsafe {
            slot.write(room.as_mut_ptr().cast());
            len.write(room.len());
        }
    }
    status(decoder).0
}

/// Says that `n` bytes were written to the front of the slot. More than it could hold is the caller's mistake, which
/// ends the decoder with `REALPEER_STATUS_ARGUMENT`.
///
/// Returns as `realpeer_decoder_status`. `errno` is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_decoder_received(decoder: *mut Decoder, n: usize) -> Status {
    // SAFETY: the caller's contract.
    let Some(decoder) = (unsafe { tenant_mut::<proto::Decoder<Buffer>>(decoder) }) else {
        return Status::Argument;
    };
    decoder.received(n);
    status(decoder).0
}

/// Returns how far the decoder is:
/// - `REALPEER_STATUS_DONE`: the header is complete, and stays so;
/// - `REALPEER_STATUS_NEED_DATA`: at least `min` bytes are missing, so that a read of that size can't take payload;
/// - an error, as soon as no header can begin with the bytes so far. It stays.
///
/// The answer changes only with `realpeer_decoder_push`, `_push_eof` and `_received`. `min` may be NULL, and is 0 unless more bytes are needed.
/// `errno` is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_decoder_status(decoder: *mut Decoder, min: *mut usize) -> Status {
    // SAFETY: the caller's contract.
    let (status, needed) = match unsafe { tenant_mut::<proto::Decoder<Buffer>>(decoder) } {
        Some(decoder) => status(decoder),
        None => (Status::Argument, 0),
    };
    // SAFETY: the caller's contract.
    unsafe { write_if_wanted(min, needed) };
    status
}

/// Fills `header` once the header is complete. `header->tlvs` points into the decoder's buffer.
///
/// Returns `REALPEER_STATUS_DONE`, `REALPEER_STATUS_NEED_DATA` as long as the header is not complete, or an error, as
/// `realpeer_decoder_status`. `errno` is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_decoder_header(decoder: *mut Decoder, header: *mut Header) -> Status {
    // SAFETY: the caller's contract.
    let Some(decoder) = (unsafe { tenant_mut::<proto::Decoder<Buffer>>(decoder) }) else {
        return Status::Argument;
    };
    match (status(decoder).0, decoder.header()) {
        // SAFETY: the caller's contract.
        (Status::Done, Some(found)) => unsafe { header::fill(header, &found, decoder.as_bytes().len()) },
        (status, _) => status,
    }
}

/// Fills `error` with the decoder's error.
///
/// Returns `REALPEER_STATUS_DONE` if it did, and `REALPEER_STATUS_NOT_FOUND` if the decoder has none. `errno` is left
/// alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_decoder_error(decoder: *mut Decoder, error: *mut Error) -> Status {
    // SAFETY: the caller's contract.
    let Some(decoder) = (unsafe { tenant_mut::<proto::Decoder<Buffer>>(decoder) }) else {
        return Status::Argument;
    };
    let Err(found) = decoder.next_event() else { return Status::NotFound };
    let (status, offset) = error::of(&found);
    // SAFETY: the caller's contract.
    unsafe { error::fill(error, status, offset, &found) }
}

fn status(decoder: &mut proto::Decoder<Buffer>) -> (Status, usize) {
    match decoder.next_event() {
        Ok(Event::NeedData { min }) => (Status::NeedData, min.get()),
        Ok(_) => (Status::Done, 0),
        Err(found) => (error::of(&found).0, 0),
    }
}
