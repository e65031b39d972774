//! Trust lists and handshakes on a real socket.

use core::mem::{MaybeUninit, size_of, zeroed};
use core::ptr;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::vec::Vec;

use super::{Guarded, ROOM, World, walk};
use crate::{
    Config, Error, Established, Handshake, Header, Status, Trust, Verdict, realpeer_handshake_deadline,
    realpeer_handshake_error, realpeer_handshake_header, realpeer_handshake_init, realpeer_handshake_run,
    realpeer_handshake_taken, realpeer_trust_add, realpeer_trust_init, realpeer_trust_otherwise,
    realpeer_trust_verdict,
};

impl World<'_> {
    pub(super) unsafe fn init_trust(&mut self) {
        let texts = [
            c"unix",
            c"anyone",
            c"10.0.0.0/8,::1",
            c"1.2.3.4,1.2.3.5,1.2.3.6,1.2.3.7",
            c"10.0.0.1/8",
            c"",
            c",",
        ];
        let capacity = usize::from(self.number() % 4);
        let text = texts[usize::from(self.number()) % texts.len()];
        // SAFETY: the caller's contract.
        unsafe {
            let networks = self.networks.as_mut_ptr().cast();
            let size = size_of::<Trust>();
            assert_eq!(realpeer_trust_init(self.trust.as_mut_ptr(), size, networks, capacity), Status::Done);
            let status = realpeer_trust_add(self.trust.as_mut_ptr(), text.as_ptr(), ptr::null_mut(), 0);
            assert!(matches!(status, Status::Done | Status::NoSpace | Status::NotANetwork));
            let verdict = u32::from(self.number() % 4);
            let status = realpeer_trust_otherwise(self.trust.as_mut_ptr(), verdict);
            assert_eq!(status == Status::Done, verdict % 2 == 0);
        }
        self.trust_is_initialised = true;
    }

    pub(super) unsafe fn ask_trust(&mut self) {
        let mut address = [0_u8; 128];
        let front = self.stream.len().min(128);
        address[..front].copy_from_slice(&self.stream[..front]);
        let family =
            [libc::AF_INET, libc::AF_INET6, libc::AF_UNIX, libc::AF_UNSPEC][usize::from(self.number() % 4)];
        address[..2].copy_from_slice(&(family as libc::sa_family_t).to_ne_bytes());
        let len = u32::from(self.number()) % 129;
        // SAFETY: the caller's contract.
        let verdict = unsafe { realpeer_trust_verdict(self.trust.as_ptr(), address.as_ptr().cast(), len) };
        assert!(self.trust_is_initialised || verdict == Verdict::Refuse);
    }

    pub(super) unsafe fn init_handshake(&mut self) {
        let len = usize::from(self.number()) * 4 % (ROOM + 1);
        let Ok(ends) = UnixStream::pair() else { return };
        (self.ends, self.sent) = (ends, Vec::new());
        self.handshake_buffer = Guarded::new(len);
        let peer = (libc::AF_UNIX as libc::sa_family_t).to_ne_bytes();
        // SAFETY: the caller's contract; all zeros are valid in the config.
        let status = unsafe {
            let mut config: Config = zeroed();
            (config.size, config.trust, config.timeout_ms) = (size_of::<Config>(), self.trust.as_ptr(), 10);
            self.verdict = realpeer_trust_verdict(self.trust.as_ptr(), peer.as_ptr().cast(), 2);
            realpeer_handshake_init(
                self.handshake.as_mut_ptr(),
                size_of::<Handshake>(),
                &raw const config,
                peer.as_ptr().cast(),
                2,
                self.handshake_buffer.bytes.as_mut_ptr().cast(),
                len,
                self.now,
            )
        };
        assert_eq!(status == Status::Done, self.trust_is_initialised);
        self.handshake_is_initialised = status == Status::Done;
        if !self.handshake_is_initialised {
            self.handshake = MaybeUninit::zeroed();
        }
    }

    pub(super) unsafe fn send_and_run(&mut self) {
        use std::io::Write;
        let rest = self.stream.get(self.sent.len()..).unwrap_or_default();
        let piece = &rest[..rest.len().min(self.number().into())];
        if (&self.ends.1).write_all(piece).is_ok() {
            self.sent.extend(piece);
        }
        self.now += u64::from(self.number() % 4);
        // SAFETY: the structs are filled by the calls, and have their sizes.
        unsafe {
            let handshake = self.handshake.as_mut_ptr();
            let (mut established, mut header, mut error): (Established, Header, Error) =
                (zeroed(), zeroed(), zeroed());
            let (fd, size) = (self.ends.0.as_raw_fd(), size_of::<Established>());
            let status = realpeer_handshake_run(handshake, fd, self.now, &raw mut established, size);
            let (mut taken, mut taken_len) = (ptr::null(), 0);
            let taken_status = realpeer_handshake_taken(handshake, &raw mut taken, &raw mut taken_len);
            let found = realpeer_handshake_header(handshake, &raw mut header, size_of::<Header>());
            let failed = realpeer_handshake_error(handshake, &raw mut error, size_of::<Error>());
            let deadline = realpeer_handshake_deadline(handshake);
            if !self.handshake_is_initialised {
                assert_eq!([status, taken_status, found, failed], [Status::Argument; 4]);
                return;
            }
            assert_eq!(failed == Status::Done, (status as i32) < 0);
            assert_eq!(deadline == u64::MAX, status != Status::NeedData);
            // What was taken and what is left is what was sent.
            let taken = core::slice::from_raw_parts(taken.cast::<u8>(), taken_len);
            assert!(self.sent.starts_with(taken));
            let mut left = 0_i32;
            libc::ioctl(self.ends.0.as_raw_fd(), libc::FIONREAD, &raw mut left);
            assert_eq!(taken_len + left as usize, self.sent.len());
            match self.verdict {
                Verdict::Refuse => assert_eq!((status, taken_len), (Status::Refused, 0)),
                Verdict::Bypass => {
                    assert_eq!((status, taken_len, established.has_header), (Status::Done, 0, 0));
                }
                Verdict::Require if status == Status::Done => {
                    assert_eq!((found, header.len, established.has_header), (Status::Done, taken_len, 1));
                    assert_eq!(header.source_len != 0, established.from_header != 0);
                    walk(&header);
                }
                Verdict::Require => assert_eq!(found, Status::NotFound),
            }
        }
    }
}
