//! Version 2 from a program in C: realpeer-ffi, and the yardstick, called the same way.

use std::hint::black_box;
use std::mem::{size_of, zeroed};
use std::net::SocketAddr;

// The C program calls its functions, which are linked with the crate.
use realpeer_ffi as _;

use super::{Case, OURS, Row, YARDSTICK};

/// `struct expected` of `foreign.c`.
#[repr(C)]
struct Expected {
    source: libc::sockaddr_storage,
    destination: libc::sockaddr_storage,
    address_len: libc::socklen_t,
    len: usize,
}

type Decode = unsafe extern "C" fn(bytes: *const u8, received: usize, expected: *const Expected) -> usize;

unsafe extern "C" {
    fn call_realpeer(bytes: *const u8, received: usize, expected: *const Expected) -> usize;
    fn call_yardstick(bytes: *const u8, received: usize, expected: *const Expected) -> usize;
    fn use_realpeer(bytes: *const u8, received: usize, expected: *const Expected) -> usize;
    fn use_realpeer_config(bytes: *const u8, received: usize, expected: *const Expected) -> usize;
    fn use_yardstick(bytes: *const u8, received: usize, expected: *const Expected) -> usize;
}

pub(super) fn cases() -> Vec<Case> {
    let rows: [(Row, Decode, Decode); 5] = [
        (Row::CCallV2Tcp4, call_realpeer, call_yardstick),
        (Row::CCallV2Tcp6, call_realpeer, call_yardstick),
        (Row::CUseV2Tcp4, use_realpeer, use_yardstick),
        (Row::CUseV2Tcp4Config, use_realpeer_config, use_yardstick),
        (Row::CUseV2Tcp6, use_realpeer, use_yardstick),
    ];
    rows.into_iter()
        .flat_map(|(row, ours, yardstick)| [case(row, OURS, ours), case(row, YARDSTICK, yardstick)])
        .collect()
}

fn case(row: Row, library: &'static str, decode: Decode) -> Case {
    let bytes = row.bytes();
    let mut expected = Expected::of(row);
    // SAFETY: the pointers are valid for as much as the function reads.
    let call = move |expected: &Expected| unsafe {
        black_box(decode)(black_box(bytes).as_ptr(), bytes.len(), expected)
    };
    assert_eq!(call(&expected), bytes.len(), "{library}: {}", row.name());
    if !matches!(row, Row::CCallV2Tcp4 | Row::CCallV2Tcp6) {
        // It does compare.
        expected.destination = expected.source;
        assert_eq!(call(&expected), 0, "{library}: {}", row.name());
        expected = Expected::of(row);
    }
    let repeat = Box::new(move |times| {
        for _ in 0..times {
            black_box(call(&expected));
        }
    });
    Case { row, library, repeat }
}

impl Expected {
    fn of(row: Row) -> Self {
        let seen = row.expected();
        let (source, address_len) = sockaddr(seen.source);
        let (destination, _) = sockaddr(seen.destination);
        Self { source, destination, address_len, len: row.bytes().len() }
    }
}

fn sockaddr(address: SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: all zeros are valid in all of these, and each of the smaller structs fits the largest.
    unsafe {
        let mut storage: libc::sockaddr_storage = zeroed();
        let len = match address {
            SocketAddr::V4(address) => {
                let inet = &mut *(&raw mut storage).cast::<libc::sockaddr_in>();
                inet.sin_family = libc::AF_INET as libc::sa_family_t;
                inet.sin_port = address.port().to_be();
                inet.sin_addr.s_addr = u32::from(*address.ip()).to_be();
                size_of::<libc::sockaddr_in>()
            }
            SocketAddr::V6(address) => {
                let inet = &mut *(&raw mut storage).cast::<libc::sockaddr_in6>();
                inet.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                inet.sin6_port = address.port().to_be();
                inet.sin6_addr.s6_addr = address.ip().octets();
                size_of::<libc::sockaddr_in6>()
            }
        };
        (storage, len as libc::socklen_t)
    }
}
