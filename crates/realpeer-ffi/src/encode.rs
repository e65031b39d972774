//! Writing headers.

use core::ffi::c_void;
use core::mem::{offset_of, size_of};
use core::slice;

use libc::{sockaddr, socklen_t};
use realpeer_proto as proto;
use realpeer_proto::{Addresses, EncodeError, Encoder, Tlvs, UnixAddr, Version};

use crate::address::{self, Endpoint};
use crate::memory::{HasSize, bytes, is_writable, known, write_if_wanted};
use crate::{Error, Status, error};

/// The header to encode. Start with `struct realpeer_encoding encoding = {sizeof encoding};`, which sets `size` and
/// zeros the rest, then set the fields you need.
///
/// Send the encoded header in one write, before or together with the first payload: receivers may reject a header that
/// arrives in pieces.
#[repr(C)]
#[derive(Debug)]
pub struct Encoding {
    /// `sizeof(struct realpeer_encoding)`.
    pub size: usize,
    /// The source of the connection. `source` and `destination` must both be IPv4, both IPv6 or both UNIX. If both are
    /// NULL, the header states that the sender opened the connection for itself, such as a health check: LOCAL, or UNKNOWN
    /// in version 1.
    pub source: *const sockaddr,
    /// The destination of the connection; see `source`.
    pub destination: *const sockaddr,
    /// The TLVs, as `realpeer_tlv_append` writes them or as a decoded header has them; NULL for none. Version 2 only. The
    /// value of a CRC32C TLV must be 4 bytes long; the checksum replaces it.
    pub tlvs: *const c_void,
    /// The length of the TLVs in bytes.
    pub tlvs_len: usize,
    /// Nonzero: pad the header to this total length with a NOOP TLV. Version 2 only.
    pub pad_to: usize,
    /// The length of `source` in bytes.
    pub source_len: socklen_t,
    /// The length of `destination` in bytes.
    pub destination_len: socklen_t,
    /// 1 or 2; 0 means 2.
    pub version: u32,
    /// Nonzero: the transport is UDP, or UNIX datagrams. Version 2 only.
    pub dgram: u32,
    /// Nonzero: put a CRC32C before the other TLVs, unless they contain one already. Version 2 only.
    pub add_crc32c: u32,
}

// SAFETY: it begins with its size, and is made of numbers and pointers.
unsafe impl HasSize for Encoding {
    const FIRST_VERSION: usize =
        (offset_of!(Encoding, add_crc32c) + size_of::<u32>()).next_multiple_of(size_of::<usize>());
}

/// Encodes a header to the front of `out`, and writes its length to `len`. 536 bytes are enough for most headers, 107
/// for any header of version 1.
///
/// Returns
/// - `REALPEER_STATUS_DONE`;
/// - `REALPEER_STATUS_NO_SPACE` if `out_len` is too small. `len` is then set to the length needed, so a call with `out`
///   NULL and `out_len` 0 asks for it;
/// - `REALPEER_STATUS_NOT_ENCODABLE` if no header can express this;
/// - `REALPEER_STATUS_TLV` if `tlvs` are not valid TLVs, or a receiver would reject them.
///
/// On failure `out` holds no header. `error` may be NULL; `error_size` is `sizeof *error`. Keeps no pointer to
/// `encoding`. Thread-safe; does not change `errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_encode(
    encoding: *const Encoding,
    out: *mut c_void,
    out_len: usize,
    len: *mut usize,
    error: *mut Error,
    error_size: usize,
) -> Status {
    // SAFETY: the caller's contract.
    unsafe { write_if_wanted(len, 0) };
    // SAFETY: the caller's contract.
    let encoder = match unsafe { known(encoding) } {
        // SAFETY: the caller's contract.
        Some(encoding) if is_writable(len) => unsafe { encoder(encoding) },
        _ => return Status::Argument,
    };
    let outcome = match encoder {
        Err(Mistake::Argument) => return Status::Argument,
        Err(Mistake::Encode(found)) => Err(found),
        // SAFETY: the caller's contract.
        Ok(encoder) => unsafe { write(&encoder, out, out_len) },
    };
    let (written, status) = match &outcome {
        Ok(written) => (*written, Status::Done),
        Err(EncodeError::BufferTooSmall { needed }) => (*needed, Status::NoSpace),
        Err(EncodeError::Invalid(_)) => (0, Status::Tlv),
        Err(_) => (0, Status::NotEncodable),
    };
    // SAFETY: the caller's contract.
    unsafe { len.write(written) };
    if let (Err(found), false) = (&outcome, error.is_null()) {
        // SAFETY: the caller's contract.
        if unsafe { error::fill(error, error_size, status, 0, found) } != Status::Done {
            return Status::Argument;
        }
    }
    status
}

enum Mistake {
    Argument,
    Encode(EncodeError),
}

/// # Safety
///
/// The pointers in `encoding` are null or point to what their lengths say.
unsafe fn encoder(encoding: &Encoding) -> Result<Encoder<'_>, Mistake> {
    // SAFETY: passed on.
    let (source, destination, tlvs) = unsafe {
        (
            endpoint(encoding.source, encoding.source_len)?,
            endpoint(encoding.destination, encoding.destination_len)?,
            bytes(encoding.tlvs, encoding.tlvs_len).ok_or(Mistake::Argument)?,
        )
    };
    let version = match encoding.version {
        1 => Version::V1,
        0 | 2 => Version::V2,
        _ => return Err(Mistake::Argument),
    };
    let mut encoder = match (source, destination) {
        (None, None) if version == Version::V1 => Encoder::new(Version::V1, Addresses::Unspec),
        (None, None) => Encoder::local(),
        (Some(Endpoint::Inet(source)), Some(Endpoint::Inet(destination))) => {
            Encoder::proxy(version, source, destination)
        }
        (Some(Endpoint::Unix(source)), Some(Endpoint::Unix(destination))) => {
            let name = |name| UnixAddr::new(name).ok_or(Mistake::Argument);
            Encoder::new(version, Addresses::Unix { source: name(source)?, destination: name(destination)? })
        }
        (None, _) | (_, None) => return Err(Mistake::Argument),
        _ => return Err(Mistake::Encode(EncodeError::MixedFamilies)),
    };
    if encoding.dgram != 0 {
        encoder = encoder.dgram();
    }
    if !tlvs.is_empty() {
        let invalid = proto::Error::Truncated { received: 0 };
        let tlvs = Tlvs::new(tlvs).ok_or(Mistake::Encode(EncodeError::Invalid(invalid)))?;
        encoder = encoder.with_tlv_block(tlvs);
    }
    if encoding.add_crc32c != 0 {
        encoder = encoder.with_crc32c();
    }
    Ok(encoder.with_padding_to(encoding.pad_to))
}

/// # Safety
///
/// As [`address::read`].
unsafe fn endpoint<'a>(address: *const sockaddr, len: socklen_t) -> Result<Option<Endpoint<'a>>, Mistake> {
    if address.is_null() && len == 0 {
        return Ok(None);
    }
    // SAFETY: passed on.
    unsafe { address::read(address, len) }.map(Some).ok_or(Mistake::Argument)
}

/// # Safety
///
/// `out` is null or points to `out_len` bytes that may be written.
unsafe fn write(encoder: &Encoder<'_>, out: *mut c_void, out_len: usize) -> Result<usize, EncodeError> {
    let needed = encoder.encoded_len()?;
    if needed > out_len || out.is_null() {
        return Err(EncodeError::BufferTooSmall { needed });
    }
    // SAFETY: there are as many bytes, which are initialised first.
    let room = unsafe {
        out.cast::<u8>().write_bytes(0, needed);
        slice::from_raw_parts_mut(out.cast(), needed)
    };
    encoder.encode(room)
}
