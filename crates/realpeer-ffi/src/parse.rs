//! One look at bytes that are all there.

use core::ffi::c_void;

use realpeer_proto as proto;
use realpeer_proto::Parsed;

use crate::{Config, Error, Header, Status, config, error, header, memory};

/// Reads the header that `bytes` begin with. It keeps nothing: with more bytes it starts again, for which a decoder is
/// the better choice.
///
/// `config` may be NULL for the defaults, and so may `error` if nobody wants to know more than the status.
///
/// Returns
/// - `REALPEER_STATUS_DONE`: `header` is filled, and payload starts at `bytes + header->len`;
/// - `REALPEER_STATUS_NEED_DATA`: the bytes are the beginning of a header;
/// - an error as soon as no header can begin with the bytes; `error` is filled.
///
/// `header->tlvs` points into `bytes`. Thread-safe; `errno` is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_parse(
    bytes: *const c_void,
    len: usize,
    config: *const Config,
    header: *mut Header,
    error: *mut Error,
) -> Status {
    // SAFETY: the caller's contract.
    let (bytes, wishes) = unsafe { (memory::bytes(bytes, len), config::read(config)) };
    let (Some(bytes), Some(wishes)) = (bytes, wishes) else { return Status::Argument };
    match proto::parse(bytes, &wishes.config) {
        // SAFETY: the caller's contract.
        Ok(Parsed::Complete { header: found, len }) => unsafe { header::fill(header, &found, len) },
        Ok(Parsed::Incomplete { .. }) => Status::NeedData,
        // SAFETY: the caller's contract.
        Err(found) => unsafe { error::report(error, &found) },
    }
}

/// Reads the header of a datagram. Each datagram has its own; payload starts at `datagram + header->len`.
///
/// Ask `realpeer_trust_verdict` about its sender first. `config` may be NULL for the defaults, and so may `error`.
///
/// Returns `REALPEER_STATUS_DONE`, or an error; a datagram that ends within its header is
/// `REALPEER_STATUS_TRUNCATED`. `header->tlvs` points into `datagram`. Thread-safe; `errno` is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_parse_datagram(
    datagram: *const c_void,
    len: usize,
    config: *const Config,
    header: *mut Header,
    error: *mut Error,
) -> Status {
    // SAFETY: the caller's contract.
    let (bytes, wishes) = unsafe { (memory::bytes(datagram, len), config::read(config)) };
    let (Some(bytes), Some(wishes)) = (bytes, wishes) else { return Status::Argument };
    match proto::parse_datagram(bytes, &wishes.config) {
        // SAFETY: the caller's contract.
        Ok((found, payload)) => unsafe { header::fill(header, &found, bytes.len() - payload.len()) },
        // SAFETY: the caller's contract.
        Err(found) => unsafe { error::report(error, &found) },
    }
}
