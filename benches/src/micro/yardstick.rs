//! The compiled C.

use std::net::SocketAddr;

use super::{Case, Row, Seen, YARDSTICK};

#[derive(Default)]
#[repr(C)]
struct Endpoints {
    source: [u8; 16],
    destination: [u8; 16],
    source_port: u16,
    destination_port: u16,
    family: u8,
}

unsafe extern "C" {
    fn yardstick_v2(bytes: *const u8, received: usize, out: *mut Endpoints) -> i32;
}

fn decode(bytes: &[u8]) -> (i32, Endpoints) {
    let mut endpoints = Endpoints::default();
    // SAFETY: the pointers are valid for as much as the function reads and writes.
    let len = unsafe { yardstick_v2(bytes.as_ptr(), bytes.len(), &raw mut endpoints) };
    (len, endpoints)
}

impl Endpoints {
    fn address(&self, bytes: [u8; 16], port: u16) -> SocketAddr {
        match self.family {
            4 => ([bytes[0], bytes[1], bytes[2], bytes[3]], port).into(),
            6 => (bytes, port).into(),
            other => panic!("family {other}"),
        }
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::decode(Row::V2Tcp4, YARDSTICK, decode, |(len, endpoints)| {
        assert_eq!(*len, 28);
        Seen::addresses(
            endpoints.address(endpoints.source, endpoints.source_port),
            endpoints.address(endpoints.destination, endpoints.destination_port),
        )
    })]
}
