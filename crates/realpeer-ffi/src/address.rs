//! `struct sockaddr` in both directions.

use core::mem::{offset_of, size_of};
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
            (from.write(source), to.write(destination))
        },
        // SAFETY: passed on.
        Addresses::Inet6 { source: from, destination: to } => unsafe {
            (from.write(source), to.write(destination))
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
        Some(Address::Inet(SocketAddr::V4(inet))) => unsafe { inet.write(out) },
        // SAFETY: passed on.
        Some(Address::Inet(SocketAddr::V6(inet))) => unsafe { inet.write(out) },
        // SAFETY: passed on.
        Some(Address::Unix(name)) => unsafe { write_unix(out, name) },
    }
}

/// An address that is written the same way whatever it is.
pub(crate) trait Inet: Copy {
    /// Writes it to the front of `out`, and returns its length.
    ///
    /// # Safety
    ///
    /// `out` points to a `sockaddr_storage` that may be written.
    unsafe fn write(self, out: *mut sockaddr_storage) -> socklen_t;
}

impl Inet for SocketAddrV4 {
    #[inline(always)]
    unsafe fn write(self, out: *mut sockaddr_storage) -> socklen_t {
        const LEN: usize = size_of::<sockaddr_in>();
        const { assert!(LEN == 16 && offset_of!(sockaddr_in, sin_addr) == 4) };
        let front = first_word(family(libc::AF_INET, LEN), self.port(), self.ip().octets());
        // Two words, not four fields: a load that spans stores of single fields would have to wait for them.
        // SAFETY: the address fits a `sockaddr_storage`, which is aligned for words.
        unsafe { out.cast::<[u64; 2]>().write([front, 0]) };
        LEN as socklen_t
    }
}

impl Inet for SocketAddrV6 {
    #[inline(always)]
    unsafe fn write(self, out: *mut sockaddr_storage) -> socklen_t {
        const LEN: usize = size_of::<sockaddr_in6>();
        const { assert!(LEN == 28 && offset_of!(sockaddr_in6, sin6_addr) == 8) };
        // The four bytes after the port are the flow information, and the last four the scope.
        let front = first_word(family(libc::AF_INET6, LEN), self.port(), [0; 4]);
        // SAFETY: the address fits a `sockaddr_storage`, which is aligned for words, and all bits are valid in it.
        unsafe {
            out.cast::<u64>().write(front);
            out.byte_add(8).cast::<u128>().write_unaligned(self.ip().to_bits().to_be());
            out.cast::<u32>().byte_add(24).write(0);
        }
        LEN as socklen_t
    }
}

/// Writes a name as the kernel does: a path with a NUL after it if there is room, and any other without.
///
/// # Safety
///
/// As [`write`].
unsafe fn write_unix(out: *mut sockaddr_storage, name: UnixAddr<'_>) -> socklen_t {
    const { assert!(PATH == 2 && PATH + UnixAddr::MAX_LEN < size_of::<sockaddr_storage>()) };
    let name_len = name.as_bytes().len();
    let ends_in_nul = name.as_pathname().is_some() && name_len < UnixAddr::MAX_LEN;
    let len = PATH + name_len + usize::from(ends_in_nul);
    // SAFETY: the longest name and a NUL fit, and any bytes are valid.
    unsafe {
        out.cast::<[u8; PATH]>().write(family(libc::AF_UNIX, len));
        let path = out.cast::<u8>().add(PATH);
        path.copy_from_nonoverlapping(name.as_bytes().as_ptr(), name_len);
        path.add(name_len).write(0);
    }
    len as socklen_t
}

/// Returns the front of an IP address: the family, the port, and the four bytes after them.
#[inline(always)]
fn first_word(family: [u8; 2], port: u16, next: [u8; 4]) -> u64 {
    let (family, port, next) = (u16::from_ne_bytes(family), port.to_be(), u32::from_ne_bytes(next));
    // Made of numbers, not of bytes, so that the compiler sees that nothing has to be swapped.
    if cfg!(target_endian = "little") {
        u64::from(family) | u64::from(port) << 16 | u64::from(next) << 32
    } else {
        u64::from(family) << 48 | u64::from(port) << 32 | u64::from(next)
    }
}

/// Returns the family as it is at the front of an address: in two bytes, or in one after a byte with the length.
#[inline(always)]
#[allow(clippy::cast_sign_loss, reason = "families are small and positive")]
fn family(family: libc::c_int, len: usize) -> [u8; 2] {
    if size_of::<sa_family_t>() == 1 { [len as u8, family as u8] } else { (family as u16).to_ne_bytes() }
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
