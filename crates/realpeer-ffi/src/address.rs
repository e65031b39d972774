//! `struct sockaddr` in both directions.

use core::mem::{offset_of, size_of, zeroed};
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use core::slice;

use libc::{sa_family_t, sockaddr, sockaddr_in, sockaddr_in6, sockaddr_storage, sockaddr_un, socklen_t};
use realpeer_proto::{Address, Addresses, UnixAddr};

/// Where a UNIX socket's name stands.
const PATH: usize = offset_of!(sockaddr_un, sun_path);

/// An address that a caller handed in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Endpoint<'a> {
    Inet(SocketAddr),
    /// The name, with the leading NUL of an abstract one.
    Unix(&'a [u8]),
}

/// Reads an address; `None` if it is null, cut short or of another family.
///
/// # Safety
///
/// `address` is null or points to `len` bytes that nobody changes for as long as `'a`. It need not be aligned.
pub(crate) unsafe fn read<'a>(address: *const sockaddr, len: socklen_t) -> Option<Endpoint<'a>> {
    let len = len as usize;
    if address.is_null() || len < offset_of!(sockaddr, sa_data) || len > size_of::<sockaddr_storage>() {
        return None;
    }
    // SAFETY: the family is within the bytes.
    let family = unsafe { (&raw const (*address).sa_family).read_unaligned() };
    match i32::from(family) {
        libc::AF_INET if len >= size_of::<sockaddr_in>() => {
            // SAFETY: there are enough bytes, and all bits are valid.
            let inet: sockaddr_in = unsafe { address.cast::<sockaddr_in>().read_unaligned() };
            let ip = Ipv4Addr::from(inet.sin_addr.s_addr.to_ne_bytes());
            Some(Endpoint::Inet(SocketAddrV4::new(ip, u16::from_be(inet.sin_port)).into()))
        }
        libc::AF_INET6 if len >= size_of::<sockaddr_in6>() => {
            // SAFETY: there are enough bytes, and all bits are valid.
            let inet: sockaddr_in6 = unsafe { address.cast::<sockaddr_in6>().read_unaligned() };
            let ip = Ipv6Addr::from(inet.sin6_addr.s6_addr);
            Some(Endpoint::Inet(SocketAddrV6::new(ip, u16::from_be(inet.sin6_port), 0, 0).into()))
        }
        libc::AF_UNIX => {
            // SAFETY: it begins within the bytes or at their end, and ends there.
            let name =
                unsafe { slice::from_raw_parts(address.cast::<u8>().add(PATH), len.checked_sub(PATH)?) };
            Some(Endpoint::Unix(name))
        }
        _ => None,
    }
}

/// Writes source and destination as [`write`] does, and returns their lengths.
///
/// # Safety
///
/// As [`write`].
#[inline(always)]
pub(crate) unsafe fn write_both(
    source: *mut sockaddr_storage,
    destination: *mut sockaddr_storage,
    addresses: Addresses<'_>,
) -> (socklen_t, socklen_t) {
    match addresses {
        // SAFETY: passed on.
        Addresses::Inet { source: from, destination: to } => unsafe {
            (write_v4(source, from), write_v4(destination, to))
        },
        // SAFETY: passed on.
        Addresses::Inet6 { source: from, destination: to } => unsafe {
            (write_v6(source, from), write_v6(destination, to))
        },
        // SAFETY: passed on.
        Addresses::Unix { source: from, destination: to } => unsafe {
            (write_unix(source, from), write_unix(destination, to))
        },
        Addresses::Unspec => (0, 0),
    }
}

/// Writes the front of `out`, as much as the address needs, and returns that length; 0 and nothing for no address.
///
/// # Safety
///
/// `out` points to a `sockaddr_storage` that may be written.
#[inline]
pub(crate) unsafe fn write(out: *mut sockaddr_storage, address: Option<Address<'_>>) -> socklen_t {
    match address {
        None => 0,
        // SAFETY: passed on.
        Some(Address::Inet(SocketAddr::V4(inet))) => unsafe { write_v4(out, inet) },
        // SAFETY: passed on.
        Some(Address::Inet(SocketAddr::V6(inet))) => unsafe { write_v6(out, inet) },
        // SAFETY: passed on.
        Some(Address::Unix(name)) => unsafe { write_unix(out, name) },
    }
}

/// # Safety
///
/// As [`write`].
#[inline(always)]
unsafe fn write_v4(out: *mut sockaddr_storage, address: SocketAddrV4) -> socklen_t {
    let raw = out.cast::<sockaddr_in>();
    // SAFETY: every address fits a `sockaddr_storage` and is aligned in it, and all zeros are valid.
    unsafe {
        raw.write(zeroed());
        (*raw).sin_family = libc::AF_INET as sa_family_t;
        (*raw).sin_port = address.port().to_be();
        (*raw).sin_addr.s_addr = u32::from_ne_bytes(address.ip().octets());
        with_len(out, size_of::<sockaddr_in>())
    }
}

/// # Safety
///
/// As [`write`].
#[inline(always)]
unsafe fn write_v6(out: *mut sockaddr_storage, address: SocketAddrV6) -> socklen_t {
    let raw = out.cast::<sockaddr_in6>();
    // SAFETY: every address fits a `sockaddr_storage` and is aligned in it, and all zeros are valid.
    unsafe {
        raw.write(zeroed());
        (*raw).sin6_family = libc::AF_INET6 as sa_family_t;
        (*raw).sin6_port = address.port().to_be();
        (*raw).sin6_addr.s6_addr = address.ip().octets();
        with_len(out, size_of::<sockaddr_in6>())
    }
}

/// Writes a name as the kernel does: a path with a NUL after it if there is room, and any other without.
///
/// # Safety
///
/// As [`write`].
unsafe fn write_unix(out: *mut sockaddr_storage, name: UnixAddr<'_>) -> socklen_t {
    const { assert!(PATH + UnixAddr::MAX_LEN < size_of::<sockaddr_storage>()) };
    let name_len = name.as_bytes().len();
    let ends_in_nul = name.as_pathname().is_some() && name_len < UnixAddr::MAX_LEN;
    // SAFETY: the longest name and a NUL fit, and any bytes are valid.
    unsafe {
        (*out.cast::<sockaddr>()).sa_family = libc::AF_UNIX as sa_family_t;
        let path = out.cast::<u8>().add(PATH);
        path.copy_from_nonoverlapping(name.as_bytes().as_ptr(), name_len);
        path.add(name_len).write(0);
        with_len(out, PATH + name_len + usize::from(ends_in_nul))
    }
}

/// Returns the length of an address; where the system keeps it in the address too, writes it there.
///
/// # Safety
///
/// As [`write`].
#[inline]
unsafe fn with_len(out: *mut sockaddr_storage, len: usize) -> socklen_t {
    #[cfg(any(
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly"
    ))]
    // SAFETY: there it is the first byte.
    unsafe {
        out.cast::<u8>().write(len as u8);
    }
    let _ = out;
    len as socklen_t
}

/// Writes the address that the caller handed in.
///
/// # Safety
///
/// `out` points to a `sockaddr_storage` that may be written, and `address` to `len` bytes that are not in it.
pub(crate) unsafe fn copy(out: *mut sockaddr_storage, address: *const sockaddr, len: socklen_t) -> socklen_t {
    let len = if address.is_null() { 0 } else { (len as usize).min(size_of::<sockaddr_storage>()) };
    // SAFETY: both have as many bytes.
    unsafe { out.cast::<u8>().copy_from_nonoverlapping(address.cast(), len) };
    len as socklen_t
}
