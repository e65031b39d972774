//! TLVs: finding them, and writing them.

use core::ffi::c_void;

use realpeer_proto as proto;
use realpeer_proto::Tlvs;

use crate::Status;
use crate::memory::{bytes, is_writable};

/// One TLV. The value points into the bytes that it was found in.
#[repr(C)]
#[derive(Debug)]
pub struct Tlv {
    /// The value: `len` bytes, not ended by a NUL.
    pub value: *const c_void,
    /// The length of the value in bytes.
    pub len: usize,
    /// The type, `PP2_TYPE_ALPN` (0x01) and so on.
    pub kind: u8,
}

/// What a proxy says of the client's TLS connection: the value of a TLV of type 0x20.
#[repr(C)]
#[derive(Debug)]
pub struct Ssl {
    /// The TLVs within, for `realpeer_tlv_next`: 0x21 the TLS version, 0x22 the common name, and so on.
    pub tlvs: *const c_void,
    /// The length of the TLVs within, in bytes.
    pub tlvs_len: usize,
    /// The result of verifying the client's certificate, 0 if it was good. By itself it says nothing: HAProxy sends 0
    /// also when there was no certificate.
    pub verify: u32,
    /// The flags: 1 the client connected over TLS, 2 it gave a certificate on this connection, 4 or earlier in its TLS
    /// session.
    pub client: u8,
    /// 1 if the client gave a certificate and the proxy verified it, else 0. Ask this, not `verify`.
    pub has_verified_client_certificate: u8,
}

/// Writes the next TLV to `tlv`. `position` is 0 at first; each call moves it on.
///
/// `tlvs` and `len` are those of a header or of a `struct realpeer_ssl`.
///
/// Returns `REALPEER_STATUS_DONE`; at the end `REALPEER_STATUS_NOT_FOUND`; `REALPEER_STATUS_TLV` if the bytes are no
/// TLVs from there on, which never happens in those of a header. Thread-safe; `errno` is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_tlv_next(
    tlvs: *const c_void,
    len: usize,
    position: *mut usize,
    tlv: *mut Tlv,
) -> Status {
    // SAFETY: the caller's contract.
    let Some(all) = (unsafe { bytes(tlvs, len) }) else { return Status::Argument };
    if !is_writable(position) || !is_writable(tlv) {
        return Status::Argument;
    }
    // SAFETY: the caller's contract.
    let Some(rest) = all.get(unsafe { position.read() }..) else { return Status::Argument };
    let Some((&[kind, high, low], after)) = rest.split_first_chunk() else {
        return if rest.is_empty() { Status::NotFound } else { Status::Tlv };
    };
    let Some((value, after)) = after.split_at_checked(usize::from(u16::from_be_bytes([high, low]))) else {
        return Status::Tlv;
    };
    // SAFETY: the caller's contract.
    unsafe {
        position.write(all.len() - after.len());
        tlv.write(Tlv { value: value.as_ptr().cast(), len: value.len(), kind });
    }
    Status::Done
}

/// Writes the first TLV of this type to `tlv`.
///
/// Returns `REALPEER_STATUS_DONE`; `REALPEER_STATUS_NOT_FOUND` if there is none; `REALPEER_STATUS_TLV` if the bytes
/// before it are no TLVs. Thread-safe; `errno` is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_tlv_find(
    tlvs: *const c_void,
    len: usize,
    kind: u8,
    tlv: *mut Tlv,
) -> Status {
    let mut position = 0;
    loop {
        // SAFETY: the caller's contract.
        match unsafe { realpeer_tlv_next(tlvs, len, &raw mut position, tlv) } {
            // SAFETY: it has just been written.
            Status::Done if unsafe { (*tlv).kind } != kind => {}
            other => return other,
        }
    }
}

/// Reads the value of an SSL TLV (type 0x20).
///
/// Returns `REALPEER_STATUS_DONE`, or `REALPEER_STATUS_TLV` if the value is shorter than 5 bytes or the TLVs within do
/// not fill it. The TLVs point into `value`. Thread-safe; `errno` is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_ssl_parse(value: *const c_void, len: usize, ssl: *mut Ssl) -> Status {
    // SAFETY: the caller's contract.
    let Some(value) = (unsafe { bytes(value, len) }) else { return Status::Argument };
    if !is_writable(ssl) {
        return Status::Argument;
    }
    let Some(found) = proto::Ssl::new(value) else { return Status::Tlv };
    let tlvs = found.tlvs().as_bytes();
    let found = Ssl {
        tlvs: tlvs.as_ptr().cast(),
        tlvs_len: tlvs.len(),
        verify: found.verify(),
        client: found.client(),
        has_verified_client_certificate: found.has_verified_client_certificate().into(),
    };
    // SAFETY: the caller's contract.
    unsafe { ssl.write(found) };
    Status::Done
}

/// Appends a TLV to those that fill the first `*used` bytes of `room`, and adds its length to `*used`, which is 0 at
/// first. The TLVs are then handed to `realpeer_encode`, or to `realpeer_ssl_append` if they belong in there.
///
/// Returns `REALPEER_STATUS_DONE`; `REALPEER_STATUS_NO_SPACE` if it does not fit `room`;
/// `REALPEER_STATUS_NOT_ENCODABLE` if the value has more than 65,535 bytes. After an error all is as it was. `value`
/// must not lie in the part of `room` that is not used. Thread-safe; `errno` is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_tlv_append(
    room: *mut c_void,
    room_len: usize,
    used: *mut usize,
    kind: u8,
    value: *const c_void,
    len: usize,
) -> Status {
    // SAFETY: the caller's contract.
    unsafe { append(room, room_len, used, kind, &[], value, len) }
}

/// Appends an SSL TLV (type 0x20) with the TLVs `tlvs` within, as `realpeer_tlv_append` does.
///
/// `client` and `verify` are as in `struct realpeer_ssl`. Returns as `realpeer_tlv_append`, and `REALPEER_STATUS_TLV`
/// if `tlvs` are no TLVs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_ssl_append(
    room: *mut c_void,
    room_len: usize,
    used: *mut usize,
    client: u8,
    verify: u32,
    tlvs: *const c_void,
    tlvs_len: usize,
) -> Status {
    // SAFETY: the caller's contract.
    match unsafe { bytes(tlvs, tlvs_len) } {
        None => return Status::Argument,
        Some(tlvs) if Tlvs::new(tlvs).is_none() => return Status::Tlv,
        Some(_) => {}
    }
    let [a, b, c, d] = verify.to_be_bytes();
    // SAFETY: the caller's contract.
    unsafe { append(room, room_len, used, proto::kind::SSL, &[client, a, b, c, d], tlvs, tlvs_len) }
}

/// Appends a TLV whose value is `front` and then `len` bytes from `value` on.
///
/// # Safety
///
/// As [`realpeer_tlv_append`].
unsafe fn append(
    room: *mut c_void,
    room_len: usize,
    used: *mut usize,
    kind: u8,
    front: &[u8],
    value: *const c_void,
    len: usize,
) -> Status {
    if !is_writable(used) {
        return Status::Argument;
    }
    // SAFETY: the caller's contract.
    let Some(value) = (unsafe { bytes(value, len) }) else { return Status::Argument };
    let Ok(value_len) = u16::try_from(front.len().saturating_add(value.len())) else {
        return Status::NotEncodable;
    };
    // SAFETY: the caller's contract.
    let start = unsafe { used.read() };
    if start > room_len || room.is_null() && room_len > 0 {
        return Status::Argument;
    }
    let [high, low] = value_len.to_be_bytes();
    let parts = [&[kind, high, low][..], front, value];
    let total = usize::from(value_len) + 3;
    if total > room_len - start {
        return Status::NoSpace;
    }
    let mut at = start;
    for part in parts {
        // SAFETY: all three fit, and the caller says that the value lies elsewhere.
        unsafe { room.cast::<u8>().add(at).copy_from_nonoverlapping(part.as_ptr(), part.len()) };
        at += part.len();
    }
    // SAFETY: the caller's contract.
    unsafe { used.write(at) };
    Status::Done
}
