//! TLVs: finding them, and writing them.

use core::ffi::c_void;

use realpeer_proto as proto;
use realpeer_proto::Tlvs;

use crate::Status;
use crate::memory::{bytes, is_writable};

/// A TLV. The value points into the bytes it was found in.
#[repr(C)]
#[derive(Debug)]
pub struct Tlv {
    /// The value: `len` bytes, not NUL-terminated.
    pub value: *const c_void,
    /// The length of the value in bytes.
    pub len: usize,
    /// The type, such as 0x01, `PP2_TYPE_ALPN`.
    pub kind: u8,
}

/// The client's TLS connection to the proxy: the value of a TLV of type 0x20.
#[repr(C)]
#[derive(Debug)]
pub struct Ssl {
    /// The TLVs inside, for `realpeer_tlv_next`: 0x21 is the TLS version, 0x22 the common name, and so on.
    pub tlvs: *const c_void,
    /// The length of the TLVs inside, in bytes.
    pub tlvs_len: usize,
    /// The result of verifying the client's certificate: 0 for success, but HAProxy also sends 0 if there was no
    /// certificate. Test `has_verified_client_certificate` instead.
    pub verify: u32,
    /// Flags: 1 the client connected over TLS, 2 it presented a certificate on this connection, 4 it presented one earlier
    /// in the TLS session.
    pub client: u8,
    /// 1 if the client presented a certificate and the proxy verified it, 0 otherwise.
    pub has_verified_client_certificate: u8,
}

/// Writes the next TLV to `tlv`. Set `*position` to 0 before the first call; each call advances it.
///
/// `tlvs` and `len` come from a header or from a `struct realpeer_ssl`.
///
/// Returns
/// - `REALPEER_STATUS_DONE`;
/// - `REALPEER_STATUS_NOT_FOUND` after the last TLV;
/// - `REALPEER_STATUS_TLV` if there is no valid TLV at `*position`. The TLVs of a header are always valid.
///
/// Thread-safe; does not change `errno`.
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

/// Writes the first TLV of type `kind` to `tlv`.
///
/// Returns what `realpeer_tlv_next` returns: `REALPEER_STATUS_NOT_FOUND` if no TLV has that type. Thread-safe; does not
/// change `errno`.
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

/// Parses the value of an SSL TLV (type 0x20) into `ssl`.
///
/// Returns `REALPEER_STATUS_DONE`, or `REALPEER_STATUS_TLV` if the value is shorter than 5 bytes or the TLVs inside do not
/// fill the rest. `ssl->tlvs` points into `value`. Thread-safe; does not change `errno`.
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

/// Appends a TLV to the TLVs in the first `*used` bytes of `room`, and adds its length to `*used`. Set `*used` to 0 before
/// the first call. Pass the result to `realpeer_encode`, or to `realpeer_ssl_append` for TLVs inside an SSL TLV.
///
/// Returns
/// - `REALPEER_STATUS_DONE`;
/// - `REALPEER_STATUS_NO_SPACE` if the TLV does not fit in `room`;
/// - `REALPEER_STATUS_NOT_ENCODABLE` if the value is longer than 65,535 bytes.
///
/// On failure nothing changes. `value` must not overlap the unused part of `room`. Thread-safe; does not change `errno`.
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

/// Appends an SSL TLV (type 0x20) that contains `tlvs`, as `realpeer_tlv_append` does.
///
/// `client` and `verify` are as in `struct realpeer_ssl`. Returns what `realpeer_tlv_append` returns, and
/// `REALPEER_STATUS_TLV` if `tlvs` are not valid TLVs.
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

/// Appends a TLV whose value is `front`, then the `len` bytes at `value`.
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
