//! Calls that keep nothing: parsing, encoding, and NULL for everything.

use core::mem::{size_of, zeroed};
use core::ptr;

use realpeer_proto as proto;
use realpeer_proto::Parsed;

use super::{CANARY, ROOM, World, walk};
use crate::address::{self, Endpoint};
use crate::{
    Encoding, Error, Header, Status, realpeer_decoder_init, realpeer_decoder_push,
    realpeer_decoder_read_slot, realpeer_encode, realpeer_handshake_run, realpeer_parse,
    realpeer_parse_datagram, realpeer_parse_datagram_error, realpeer_parse_error, realpeer_tlv_next,
    realpeer_trust_add,
};

impl World<'_> {
    /// Parses the stream whole, and what it says is encoded again.
    pub(super) fn parse(&self) {
        // SAFETY: the structs are filled by the calls, and have their sizes.
        unsafe {
            let (mut header, mut error): (Header, Error) = (zeroed(), zeroed());
            let (bytes, len) = (self.stream.as_ptr().cast(), self.stream.len());
            let (header_size, error_size) = (size_of::<Header>(), size_of::<Error>());
            let status = realpeer_parse(bytes, len, ptr::null(), &raw mut header, header_size);
            let failed = realpeer_parse_error(bytes, len, ptr::null(), &raw mut error, error_size);
            match proto::parse(self.stream, &proto::Config::new()) {
                Ok(Parsed::Complete { header: expected, len }) => {
                    assert_eq!((status, header.len, failed), (Status::Done, len, Status::NotFound));
                    agree(&header, &expected);
                    walk(&header);
                }
                Ok(Parsed::Incomplete { .. }) => {
                    assert_eq!((status, failed), (Status::NeedData, Status::NotFound));
                }
                Err(_) => assert_eq!(
                    ((status as i32) < 0, failed, error.status),
                    (true, Status::Done, status as i32)
                ),
            }
            let whole = realpeer_parse_datagram(bytes, len, ptr::null(), &raw mut header, header_size);
            assert_eq!(whole == Status::Done, status == Status::Done);
            let failed = realpeer_parse_datagram_error(bytes, len, ptr::null(), &raw mut error, error_size);
            if whole == Status::Done {
                assert_eq!(failed, Status::NotFound);
            } else {
                assert_eq!((failed, error.status), (Status::Done, whole as i32));
            }
        }
    }

    pub(super) unsafe fn encode(&mut self) {
        let mut out = [CANARY; ROOM];
        let (room, pad_to, flags) =
            (usize::from(self.number()) * 2, usize::from(self.number()), self.number());
        // SAFETY: all zeros are valid in the structs, and the pointers are to memory of this function.
        unsafe {
            let mut encoding: Encoding = zeroed();
            encoding.size = size_of::<Encoding>();
            let address: libc::sockaddr_in6 =
                libc::sockaddr_in6 { sin6_family: libc::AF_INET6 as libc::sa_family_t, ..zeroed() };
            if flags & 1 != 0 {
                (encoding.source, encoding.destination) =
                    ((&raw const address).cast(), (&raw const address).cast());
                (encoding.source_len, encoding.destination_len) = (28, 28 - u32::from(flags >> 7));
            }
            (encoding.version, encoding.dgram) = (u32::from(flags >> 1 & 3), u32::from(flags >> 3 & 1));
            (encoding.add_crc32c, encoding.pad_to) = (u32::from(flags >> 4 & 1), pad_to);
            if flags & 32 != 0 {
                (encoding.tlvs, encoding.tlvs_len) =
                    (self.stream.as_ptr().cast(), self.stream.len().min(200));
            }
            let mut len = 77;
            let status = realpeer_encode(
                &raw const encoding,
                out.as_mut_ptr().cast(),
                room,
                &raw mut len,
                ptr::null_mut(),
                0,
            );
            assert!(out[room..].iter().all(|&byte| byte == CANARY), "written beyond the room");
            if status == Status::Done {
                assert!(len <= room);
                let parsed = proto::parse(&out[..len], &proto::Config::new());
                assert!(matches!(parsed, Ok(Parsed::Complete { len: parsed, .. }) if parsed == len));
            } else {
                assert!(matches!(
                    status,
                    Status::Argument | Status::NoSpace | Status::NotEncodable | Status::Tlv
                ));
                assert!(status != Status::NoSpace || len > room);
            }
        }
    }

    /// NULL for everything.
    pub(super) unsafe fn null(&mut self) {
        let len = usize::from(self.number());
        // SAFETY: NULL is allowed everywhere.
        unsafe {
            let statuses = [
                realpeer_decoder_init(ptr::null_mut(), len, ptr::null(), ptr::null_mut(), len),
                realpeer_decoder_push(self.decoder.as_mut_ptr(), ptr::null(), len, ptr::null_mut()),
                realpeer_decoder_read_slot(self.decoder.as_mut_ptr(), ptr::null_mut(), ptr::null_mut()),
                realpeer_handshake_run(self.handshake.as_mut_ptr(), -1, self.now, ptr::null_mut(), len),
                realpeer_trust_add(self.trust.as_mut_ptr(), ptr::null(), ptr::null_mut(), len),
                realpeer_encode(ptr::null(), ptr::null_mut(), len, ptr::null_mut(), ptr::null_mut(), len),
                realpeer_parse(ptr::null(), len + 1, ptr::null(), ptr::null_mut(), len),
                realpeer_parse_error(ptr::null(), len + 1, ptr::null(), ptr::null_mut(), len),
                realpeer_tlv_next(ptr::null(), 0, ptr::null_mut(), ptr::null_mut()),
            ];
            assert_eq!(statuses, [Status::Argument; 9]);
        }
    }
}

/// What C sees of a header is what the parser found.
unsafe fn agree(header: &Header, expected: &proto::Header<'_>) {
    assert_eq!(header.version, 1 + u8::from(expected.version() == proto::Version::V2));
    assert_eq!(header.command, u8::from(expected.command() == proto::Command::Proxy));
    assert_eq!(header.transport, expected.transport() as u8);
    assert_eq!(header.tlvs_len, expected.tlvs().as_bytes().len());
    for (address, len, expected) in [
        (&raw const header.source, header.source_len, expected.source()),
        (&raw const header.destination, header.destination_len, expected.destination()),
    ] {
        // SAFETY: as many bytes have been written.
        match (unsafe { address::read(address.cast(), len) }, expected) {
            (None, None) => assert_eq!(len, 0),
            (Some(Endpoint::Inet(found)), Some(proto::Address::Inet(expected))) => {
                assert_eq!(found, expected);
            }
            (Some(Endpoint::Unix(found)), Some(proto::Address::Unix(expected))) => {
                // A path may have a NUL after it.
                let rest = found.strip_prefix(expected.as_bytes());
                assert!(rest.is_some_and(|rest| rest.is_empty() || rest == [0]));
            }
            (_, expected) => panic!("another address than {expected:?}"),
        }
    }
}
