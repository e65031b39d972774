//! Calls over the C boundary in any order, with NULL and wrong sizes among them. For the fuzz target `ffi`.
//!
//! The objects are where a C program would have them, uninitialised at first. A model of each says what must come of a
//! call; canaries around buffers and structs say that nothing else was written.

#![allow(clippy::panic, clippy::missing_panics_doc, reason = "a panic is how a fuzz target fails")]
#![allow(clippy::cast_sign_loss, reason = "the numbers of libc are never negative here")]

use core::ffi::{CStr, c_void};
use core::mem::{MaybeUninit, size_of, zeroed};
use core::ptr;
use std::os::unix::net::UnixStream;
use std::vec::Vec;

use realpeer_proto as proto;
use realpeer_proto::Parsed;

use crate::{
    Decoder, Error, Handshake, Header, Network, Status, Tlv, Trust, Verdict, realpeer_decoder_error,
    realpeer_decoder_header, realpeer_decoder_init, realpeer_decoder_push, realpeer_decoder_push_eof,
    realpeer_decoder_read_slot, realpeer_decoder_received, realpeer_decoder_status, realpeer_ssl_parse,
    realpeer_tlv_next,
};
mod connection;
mod stateless;

const CANARY: u8 = 0xC9;
const ROOM: usize = 600;

/// A buffer, and what stands after it.
struct Guarded {
    bytes: [u8; ROOM + 16],
    len: usize,
}

impl Guarded {
    fn new(len: usize) -> Self {
        Self { bytes: [CANARY; ROOM + 16], len }
    }

    fn check(&self) {
        assert!(self.bytes[self.len..].iter().all(|&byte| byte == CANARY), "written beyond the buffer");
    }
}

/// What the calls so far have made of the decoder.
#[derive(Default)]
struct Model {
    initialised: bool,
    taken: Vec<u8>,
    /// A call rather than a byte has ended it.
    ended: bool,
}

struct World<'a> {
    script: &'a [u8],
    stream: &'a [u8],
    decoder: MaybeUninit<Decoder>,
    decoder_buffer: Guarded,
    model: Model,
    handshake: MaybeUninit<Handshake>,
    handshake_buffer: Guarded,
    handshake_is_initialised: bool,
    verdict: Verdict,
    ends: (UnixStream, UnixStream),
    sent: Vec<u8>,
    now: u64,
    trust: MaybeUninit<Trust>,
    networks: [MaybeUninit<Network>; 3],
    trust_is_initialised: bool,
}

/// Runs one input: a byte that is ignored, one with the length of a script, the script, and the bytes of a connection.
pub fn boundary(data: &[u8]) {
    let Some((&[_, len], rest)) = data.split_first_chunk() else { return };
    let Some((script, stream)) = rest.split_at_checked(len.into()) else { return };
    let Ok(ends) = UnixStream::pair() else { return };
    let mut world = World {
        script,
        stream,
        // SAFETY: all zeros are valid for arrays of words. That it is no object is what is to be found out.
        decoder: MaybeUninit::zeroed(),
        decoder_buffer: Guarded::new(0),
        model: Model::default(),
        handshake: MaybeUninit::zeroed(),
        handshake_buffer: Guarded::new(0),
        handshake_is_initialised: false,
        verdict: Verdict::Refuse,
        ends,
        sent: Vec::new(),
        now: 0,
        trust: MaybeUninit::zeroed(),
        networks: [const { MaybeUninit::zeroed() }; 3],
        trust_is_initialised: false,
    };
    world.parse();
    while let Some(op) = world.next() {
        // SAFETY: all pointers are null or to memory of the world, which outlives the call.
        unsafe { world.step(op) };
        world.decoder_buffer.check();
        world.handshake_buffer.check();
    }
}

impl World<'_> {
    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.script.split_first()?;
        self.script = rest;
        Some(first)
    }

    fn number(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    unsafe fn step(&mut self, op: u8) {
        // SAFETY: passed on.
        unsafe {
            match op % 16 {
                0 => self.init_decoder(),
                1..=3 => self.push(),
                4..=5 => self.read(),
                6 => self.lie(),
                7 => self.eof(),
                8 => self.look(),
                9 => self.init_handshake(),
                10..=11 => self.send_and_run(),
                12 => self.init_trust(),
                13 => self.ask_trust(),
                14 => self.null(),
                _ => self.encode(),
            }
        }
    }

    unsafe fn init_decoder(&mut self) {
        let (len, size) = (usize::from(self.number()) * 4 % (ROOM + 1), usize::from(self.number()));
        let size = if size < 8 { size * 40 } else { size_of::<Decoder>() };
        self.decoder_buffer = Guarded::new(len);
        // SAFETY: the caller's contract.
        let status = unsafe {
            realpeer_decoder_init(
                self.decoder.as_mut_ptr(),
                size,
                ptr::null(),
                self.decoder_buffer.bytes.as_mut_ptr().cast(),
                len,
            )
        };
        if status == Status::Done {
            self.model = Model { initialised: true, ..Model::default() };
        } else {
            assert!(status == Status::Argument && size < size_of::<Decoder>());
            // The decoder of before has another buffer now, which C must not do.
            self.decoder = MaybeUninit::zeroed();
            self.model = Model::default();
        }
    }

    unsafe fn push(&mut self) {
        let rest = self.stream.get(self.model.taken.len()..).unwrap_or_default();
        let len = rest.len().min(self.number().into());
        let mut taken = 77;
        // SAFETY: the caller's contract.
        let status = unsafe {
            realpeer_decoder_push(self.decoder.as_mut_ptr(), rest.as_ptr().cast(), len, &raw mut taken)
        };
        assert!(taken <= len);
        self.model.taken.extend(&rest[..taken]);
        self.agree(status);
        assert!(status != Status::NeedData || taken == len, "bytes are left though more are needed");
    }

    unsafe fn read(&mut self) {
        let (mut slot, mut len) = (ptr::null_mut::<c_void>(), 0);
        // SAFETY: the caller's contract.
        let status =
            unsafe { realpeer_decoder_read_slot(self.decoder.as_mut_ptr(), &raw mut slot, &raw mut len) };
        self.agree(status);
        assert_eq!(slot.is_null(), len == 0);
        if status != Status::NeedData {
            assert_eq!(len, 0);
            return;
        }
        let rest = self.stream.get(self.model.taken.len()..).unwrap_or_default();
        let len = len.min(rest.len()).min(self.number().into());
        // SAFETY: the slot has as many bytes.
        unsafe { slot.cast::<u8>().copy_from_nonoverlapping(rest.as_ptr(), len) };
        self.model.taken.extend(&rest[..len]);
        // SAFETY: the caller's contract.
        let status = unsafe { realpeer_decoder_received(self.decoder.as_mut_ptr(), len) };
        self.agree(status);
    }

    /// Says that more was received than the slot can hold.
    unsafe fn lie(&mut self) {
        // SAFETY: the caller's contract.
        let before = unsafe { realpeer_decoder_status(self.decoder.as_mut_ptr(), ptr::null_mut()) };
        // SAFETY: the caller's contract.
        let status = unsafe { realpeer_decoder_received(self.decoder.as_mut_ptr(), usize::MAX / 2) };
        if before != Status::Done && (before as i32) >= 0 {
            self.model.ended = true;
        }
        assert!((status as i32) < 0 || status == Status::Done);
        self.model.ended |= before == Status::Done && status != Status::Done;
    }

    unsafe fn eof(&mut self) {
        // SAFETY: the caller's contract.
        let before = unsafe { realpeer_decoder_status(self.decoder.as_mut_ptr(), ptr::null_mut()) };
        // SAFETY: the caller's contract.
        let status = unsafe { realpeer_decoder_push_eof(self.decoder.as_mut_ptr()) };
        if before == Status::NeedData {
            let expected = if self.model.taken.is_empty() { Status::Closed } else { Status::Truncated };
            assert_eq!(status, expected);
            self.model.ended = true;
        } else {
            assert_eq!(status, before);
        }
    }

    unsafe fn look(&mut self) {
        // SAFETY: the structs are filled by the calls, and have their sizes.
        unsafe {
            let (mut header, mut error): (Header, Error) = (zeroed(), zeroed());
            let decoder = self.decoder.as_mut_ptr();
            let status = realpeer_decoder_header(decoder, &raw mut header, size_of::<Header>());
            self.agree(status);
            if status == Status::Done {
                assert_eq!(header.len, self.model.taken.len());
                walk(&header);
            }
            let failed = realpeer_decoder_error(decoder, &raw mut error, size_of::<Error>());
            if self.model.initialised {
                assert_eq!(failed == Status::Done, (status as i32) < 0);
            }
            if failed == Status::Done {
                assert_eq!(error.status, status as i32);
                let text = CStr::from_ptr((&raw const error.text).cast()).to_bytes();
                assert!(!text.is_empty() && text.is_ascii());
            }
        }
    }

    /// What the decoder says is what the parser says of the bytes taken so far.
    fn agree(&self, status: Status) {
        if !self.model.initialised {
            assert_eq!(status, Status::Argument);
            return;
        }
        if self.model.ended {
            assert!((status as i32) < 0, "an error does not stay: {status:?}");
            return;
        }
        match proto::parse(&self.model.taken, &proto::Config::new()) {
            Ok(Parsed::Complete { .. }) => assert_eq!(status, Status::Done),
            // The bytes that make a header impossible are not taken, and the buffer may be small.
            Ok(Parsed::Incomplete { .. }) => assert!(status == Status::NeedData || (status as i32) < 0),
            Err(_) => assert!((status as i32) < 0, "{status:?}"),
        }
    }
}

/// Goes over all TLVs of a header, and what is in an SSL TLV.
unsafe fn walk(header: &Header) {
    let (mut position, mut end) = (0, 0);
    // SAFETY: the TLVs are there as long as what they were read from, and both structs are filled by the calls.
    unsafe {
        let mut tlv: Tlv = zeroed();
        loop {
            match realpeer_tlv_next(header.tlvs, header.tlvs_len, &raw mut position, &raw mut tlv) {
                Status::Done => end += 3 + tlv.len,
                status => break assert_eq!((status, end), (Status::NotFound, header.tlvs_len)),
            }
            assert_eq!(position, end);
            let mut ssl = zeroed();
            if tlv.kind == proto::kind::SSL && header.source_len != 0 {
                assert_eq!(realpeer_ssl_parse(tlv.value, tlv.len, &raw mut ssl), Status::Done);
            }
        }
    }
}
