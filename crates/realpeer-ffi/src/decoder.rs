//! The decoder: push bytes, pull the header.

use core::ffi::c_void;
use core::ptr;

use realpeer_proto as proto;
use realpeer_proto::Event;

use crate::memory::{Buffer, Tenant, place, tenant_mut, write_if_wanted};
use crate::{Config, Error, Header, Status, config, error, header, memory};

/// The size of a `struct realpeer_decoder` in bytes.
pub const REALPEER_DECODER_SIZE: usize = 256;
/// An alignment, in bytes, that suits every object of this library.
pub const REALPEER_ALIGN: usize = 8;

/// A decoder: push bytes as they arrive, then ask for the header.
///
/// However the bytes are split, the result is the same header or the same error. The decoder never takes a byte beyond
/// the header.
///
/// It lives in the caller's memory, needs no cleanup, and may be moved with `memcpy`. Copies of a decoder share its
/// buffer, so use only one of them. Use it from one thread at a time.
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

/// Initialises `decoder`, overwriting whatever it held.
///
/// `size` is `sizeof *decoder`. `config` may be NULL for the defaults. The decoder keeps the header in `buffer`, which
/// need not be initialised: leave it in place and untouched for as long as you use the decoder or its header. A header
/// that does not fit fails with `REALPEER_STATUS_NO_SPACE` as soon as its length is known; 536 bytes are enough for most.
///
/// Returns `REALPEER_STATUS_DONE` or `REALPEER_STATUS_ARGUMENT`. Thread-safe; does not change `errno`.
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

/// Consumes header bytes from the front of `bytes`, and writes how many to `taken`: all of them, unless the header ends
/// earlier or is invalid. The remaining bytes are payload.
///
/// Returns what `realpeer_decoder_status` returns. `taken` may not be NULL; it is set to 0 if an argument is wrong. Does
/// not change `errno`.
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

/// Tells the decoder that no more bytes will arrive. If the header is incomplete, the result is
/// `REALPEER_STATUS_CLOSED` if nothing had arrived, and `REALPEER_STATUS_TRUNCATED` otherwise.
///
/// Returns what `realpeer_decoder_status` returns. Does not change `errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_decoder_push_eof(decoder: *mut Decoder) -> Status {
    // SAFETY: the caller's contract.
    let Some(decoder) = (unsafe { tenant_mut::<proto::Decoder<Buffer>>(decoder) }) else {
        return Status::Argument;
    };
    decoder.push_eof();
    status(decoder).0
}

/// Writes to `slot` and `len` where to read the next bytes to. The slot is never longer than the rest of the header, so
/// a read into it can't take payload. It may be shorter than `min` of `realpeer_decoder_status`.
///
/// The slot is part of the decoder's buffer, and valid until the next call with the decoder. After reading into it, call
/// `realpeer_decoder_received`. Once there is a header or an error, `slot` is NULL and `len` is 0.
///
/// Returns what `realpeer_decoder_status` returns. Does not change `errno`.
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

/// Tells the decoder that `n` bytes were read into the front of the slot. If `n` is more than the slot can hold, the
/// decoder fails with `REALPEER_STATUS_ARGUMENT`, and stays that way.
///
/// Returns what `realpeer_decoder_status` returns. Does not change `errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_decoder_received(decoder: *mut Decoder, n: usize) -> Status {
    // SAFETY: the caller's contract.
    let Some(decoder) = (unsafe { tenant_mut::<proto::Decoder<Buffer>>(decoder) }) else {
        return Status::Argument;
    };
    decoder.received(n);
    status(decoder).0
}

/// Returns the state of the decoder:
/// - `REALPEER_STATUS_DONE`: the header is complete. This is final.
/// - `REALPEER_STATUS_NEED_DATA`: at least `min` more bytes belong to the header, so a read of that size can't take
///   payload.
/// - An error: no header begins with the bytes so far. This is final.
///
/// Only `realpeer_decoder_push`, `_push_eof` and `_received` change the state. `min` may be NULL; it is set to 0 unless
/// more bytes are needed. Does not change `errno`.
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

/// Fills `header` once the header is complete. `size` is `sizeof *header`. `header->tlvs` points into the decoder's
/// buffer.
///
/// Returns what `realpeer_decoder_status` returns; `header` is filled if that is `REALPEER_STATUS_DONE`. Does not change
/// `errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_decoder_header(
    decoder: *mut Decoder,
    header: *mut Header,
    size: usize,
) -> Status {
    // SAFETY: the caller's contract.
    let Some(decoder) = (unsafe { tenant_mut::<proto::Decoder<Buffer>>(decoder) }) else {
        return Status::Argument;
    };
    match (status(decoder).0, decoder.header()) {
        // SAFETY: the caller's contract.
        (Status::Done, Some(found)) => unsafe {
            header::fill(header, size, &found, decoder.as_bytes().len())
        },
        (status, _) => status,
    }
}

/// Fills `error` with the error that the decoder failed with. `size` is `sizeof *error`.
///
/// Returns `REALPEER_STATUS_DONE`, or `REALPEER_STATUS_NOT_FOUND` if the decoder has not failed. Does not change `errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_decoder_error(
    decoder: *mut Decoder,
    error: *mut Error,
    size: usize,
) -> Status {
    // SAFETY: the caller's contract.
    let Some(decoder) = (unsafe { tenant_mut::<proto::Decoder<Buffer>>(decoder) }) else {
        return Status::Argument;
    };
    let Err(found) = decoder.next_event() else { return Status::NotFound };
    // SAFETY: the caller's contract.
    unsafe { error::fill_with(error, size, &found) }
}

fn status(decoder: &mut proto::Decoder<Buffer>) -> (Status, usize) {
    match decoder.next_event() {
        Ok(Event::NeedData { min }) => (Status::NeedData, min.get()),
        Ok(_) => (Status::Done, 0),
        Err(found) => (error::of(&found).0, 0),
    }
}
