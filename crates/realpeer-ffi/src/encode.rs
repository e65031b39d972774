//! Writing headers.

use core::ffi::c_void;
use core::mem::{offset_of, size_of};
use core::slice;

use libc::{sockaddr, socklen_t};
use realpeer_proto as proto;
use realpeer_proto::{Addresses, EncodeError, Encoder, Tlvs, UnixAddr, Version};

use crate::address::{self, Endpoint};
use crate::memory::{bytes, is_writable, known, write_if_wanted};
use crate::{Error, Status, error};

/// What is to be written as a header. Fill it with zeros, set `size`, then what is to be said.
///
/// Send the header at once, before or together with the first payload: receivers may refuse one that comes in pieces.
#[repr(C)]
#[derive(Debug)]
pub struct Encoding {
    /// `sizeof(struct realpeer_encoding)`.
    pub size: usize,
    /// Where the connection came from, and where it was going: both IPv4, both IPv6, or both UNIX. NULL for both says
    /// that there is nobody else behind the connection, as for a health check: LOCAL, in version 1 UNKNOWN.
    pub source: *const sockaddr,
    /// See `source`.
    pub destination: *const sockaddr,
    /// TLVs that `realpeer_tlv_append` has written, or those of a decoded header; NULL if there are none. Version 2
    /// only. The value of a CRC32C among them must have 4 bytes, which are ignored: the checksum is put there.
    pub tlvs: *const c_void,
    /// The length of the TLVs in bytes.
    pub tlvs_len: usize,
    /// Not 0: the header is filled up to this length in all with a NOOP TLV. Version 2 only.
    pub pad_to: usize,
    /// The length of `source` in bytes.
    pub source_len: socklen_t,
    /// The length of `destination` in bytes.
    pub destination_len: socklen_t,
    /// 1 or 2; 0 means 2.
    pub version: u32,
    /// Not 0: the addresses are those of datagrams. Version 2 only.
    pub dgram: u32,
    /// Not 0: a CRC32C comes before the other TLVs, unless there is one among them. Version 2 only.
    pub add_crc32c: u32,
}

/// The size of the struct in its first version, with which callers may have been compiled.
const FIRST_VERSION: usize =
    (offset_of!(Encoding, add_crc32c) + size_of::<u32>()).next_multiple_of(size_of::<usize>());

/// Writes a header to the front of `out`, and its length to `len`. 536 bytes are room enough for most headers, 107 for
/// all of version 1.
///
/// Returns
/// - `REALPEER_STATUS_DONE`;
/// - `REALPEER_STATUS_NO_SPACE` if `out_len` is too small: `len` is then what is needed, so that a first call with
///   NULL and 0 asks for it;
/// - `REALPEER_STATUS_NOT_ENCODABLE` if no header can say it;
/// - `REALPEER_STATUS_TLV` if `tlvs` are no TLVs, or a receiver would refuse them.
///
/// After an error `out` holds no header. `error` may be NULL. Nothing of `encoding` is kept. Thread-safe; `errno` is
/// left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_encode(
    encoding: *const Encoding,
    out: *mut c_void,
    out_len: usize,
    len: *mut usize,
    error: *mut Error,
) -> Status {
    // SAFETY: the caller's contract.
    unsafe { write_if_wanted(len, 0) };
    // SAFETY: the caller's contract.
    let encoder = match unsafe { known(encoding, FIRST_VERSION) } {
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
        if unsafe { error::fill(error, status, 0, found) } != Status::Done {
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
