//! Parses bytes that are all in memory.

use core::ffi::c_void;
use core::slice;

use realpeer_proto as proto;
use realpeer_proto::Parsed;

use crate::{Config, Error, Header, Status, config, error, header, memory};

/// Parses the header at the front of `bytes`. It keeps no state: given more bytes, it starts over. Where bytes arrive bit
/// by bit, use a decoder.
///
/// `config` may be NULL for the defaults. `size` is `sizeof *header`; `header` need not be initialised.
///
/// Returns
/// - `REALPEER_STATUS_DONE`: `header` is filled, and payload starts at `bytes + header->len`;
/// - `REALPEER_STATUS_NEED_DATA`: the bytes are the beginning of a header;
/// - an error: no header begins with these bytes. `realpeer_parse_error` has the details.
///
/// `header->tlvs` points into `bytes`. Thread-safe; does not change `errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_parse(
    bytes: *const c_void,
    len: usize,
    config: *const Config,
    header: *mut Header,
    size: usize,
) -> Status {
    // SAFETY: the caller's contract.
    unsafe {
        if !config.is_null() {
            return parse_configured(bytes, len, config, header, size);
        }
        if parse_bare(bytes, len, &proto::Config::new(), header, size) {
            return Status::Done;
        }
        parse_any(bytes, len, config, header, size)
    }
}

/// Parses with a config. Out of line, so that [`realpeer_parse`] without one needs neither a stack frame nor a call; and
/// `extern "C"`, so that nothing unwinds into it and it can jump here.
///
/// # Safety
///
/// As [`realpeer_parse`]; `config` is not null.
#[inline(never)]
unsafe extern "C" fn parse_configured(
    bytes: *const c_void,
    len: usize,
    config: *const Config,
    header: *mut Header,
    size: usize,
) -> Status {
    // SAFETY: the caller's contract.
    unsafe {
        if let Some(wishes) = memory::current(config).and_then(config::check) {
            if parse_bare(bytes, len, &wishes.config, header, size) {
                return Status::Done;
            }
        }
        parse_any(bytes, len, config, header, size)
    }
}

/// Fills `header` if it is of the most common kind, and returns whether it did.
///
/// # Safety
///
/// As [`realpeer_parse`].
#[inline(always)]
unsafe fn parse_bare(
    bytes: *const c_void,
    len: usize,
    config: &proto::Config,
    header: *mut Header,
    size: usize,
) -> bool {
    // The shortest has 28 bytes. As a signed number, a length that no slice can have is less than that too.
    #[allow(clippy::cast_possible_wrap, reason = "it is meant to")]
    let is_long_enough = len as isize >= 28;
    if bytes.is_null() || !is_long_enough || !memory::is_ours(header, size) {
        return false;
    }
    // SAFETY: there are as many bytes, and not more than a slice can have; and the header can be written.
    unsafe {
        let bytes = slice::from_raw_parts(bytes.cast(), len);
        if let Some(ends) = proto::parse_bare_tcp4(bytes, config) {
            header::write_bare(header, 28, ends);
            return true;
        }
        if let Some(ends) = proto::parse_bare_tcp6(bytes, config) {
            header::write_bare(header, 52, ends);
            return true;
        }
    }
    false
}

/// Parses whatever it is.
///
/// # Safety
///
/// As [`realpeer_parse`].
#[inline(never)]
unsafe extern "C" fn parse_any(
    bytes: *const c_void,
    len: usize,
    config: *const Config,
    header: *mut Header,
    size: usize,
) -> Status {
    // SAFETY: the caller's contract.
    let Some((bytes, config)) = (unsafe { arguments(bytes, len, config) }) else { return Status::Argument };
    match proto::parse(bytes, &config) {
        // SAFETY: the caller's contract.
        Ok(Parsed::Complete { header: found, len }) => unsafe { header::fill(header, size, &found, len) },
        Ok(Parsed::Incomplete { .. }) => Status::NeedData,
        Err(found) => error::of(&found).0,
    }
}

/// Fills `error` with the error that `realpeer_parse` returns for the same bytes and config. `size` is `sizeof *error`.
///
/// Returns `REALPEER_STATUS_DONE`, or `REALPEER_STATUS_NOT_FOUND` if the bytes are a header or the beginning of one.
/// Thread-safe; does not change `errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_parse_error(
    bytes: *const c_void,
    len: usize,
    config: *const Config,
    error: *mut Error,
    size: usize,
) -> Status {
    // SAFETY: the caller's contract.
    let Some((bytes, config)) = (unsafe { arguments(bytes, len, config) }) else { return Status::Argument };
    match proto::parse(bytes, &config) {
        Ok(_) => Status::NotFound,
        // SAFETY: the caller's contract.
        Err(found) => unsafe { error::fill_with(error, size, &found) },
    }
}

/// Parses the header of a datagram. Every datagram has its own; payload starts at `datagram + header->len`.
///
/// Ask `realpeer_trust_verdict` about the sender first. `config` may be NULL for the defaults. `size` is
/// `sizeof *header`; `header` need not be initialised.
///
/// Returns `REALPEER_STATUS_DONE` or an error; `realpeer_parse_datagram_error` has the details. A datagram that ends
/// within its header fails with `REALPEER_STATUS_TRUNCATED`. `header->tlvs` points into `datagram`. Thread-safe; does not
/// change `errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_parse_datagram(
    datagram: *const c_void,
    len: usize,
    config: *const Config,
    header: *mut Header,
    size: usize,
) -> Status {
    // SAFETY: the caller's contract.
    let Some((bytes, config)) = (unsafe { arguments(datagram, len, config) }) else {
        return Status::Argument;
    };
    match proto::parse_datagram(bytes, &config) {
        // SAFETY: the caller's contract.
        Ok((found, payload)) => unsafe { header::fill(header, size, &found, bytes.len() - payload.len()) },
        Err(found) => error::of(&found).0,
    }
}

/// Fills `error` with the error that `realpeer_parse_datagram` returns for the same datagram and config. `size` is
/// `sizeof *error`.
///
/// Returns `REALPEER_STATUS_DONE`, or `REALPEER_STATUS_NOT_FOUND` if the datagram has a valid header. Thread-safe; does
/// not change `errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_parse_datagram_error(
    datagram: *const c_void,
    len: usize,
    config: *const Config,
    error: *mut Error,
    size: usize,
) -> Status {
    // SAFETY: the caller's contract.
    let Some((bytes, config)) = (unsafe { arguments(datagram, len, config) }) else {
        return Status::Argument;
    };
    match proto::parse_datagram(bytes, &config) {
        Ok(_) => Status::NotFound,
        // SAFETY: the caller's contract.
        Err(found) => unsafe { error::fill_with(error, size, &found) },
    }
}

/// Returns the bytes to parse and the configuration; `None` if either is wrong.
///
/// # Safety
///
/// As [`realpeer_parse`].
unsafe fn arguments<'a>(
    bytes: *const c_void,
    len: usize,
    config: *const Config,
) -> Option<(&'a [u8], proto::Config)> {
    // SAFETY: passed on.
    let (bytes, wishes) = unsafe { (memory::bytes(bytes, len)?, config::read(config)?) };
    Some((bytes, wishes.config))
}
