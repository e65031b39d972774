//! The C ABI of realpeer. `include/realpeer.h` is made from this crate; `docs/c.md` shows how to use it.
//!
//! - Nothing is allocated: every object lives in memory that the caller hands in.
//! - There are no globals: objects may be used on any thread, one call at a time for each. Calls that take an object
//!   as `const` may run at the same time.
//! - NULL, misaligned pointers, wrong sizes and objects that were never initialised are errors, not crashes.
//!
//! This crate is an ordinary Rust library, so that the workspace can test it. `library/` makes `librealpeer.a` and
//! `librealpeer.so` of it.

#![no_std]
#![cfg(unix)]

#[cfg(any(test, feature = "fuzzing"))]
extern crate std;

mod address;
mod config;
mod decoder;
mod encode;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod handshake;
mod header;
mod memory;
mod network;
mod parse;
mod status;
mod tlv;
mod trust;

pub use config::Config;
pub use decoder::{
    Decoder, REALPEER_ALIGN, REALPEER_DECODER_SIZE, realpeer_decoder_error, realpeer_decoder_header,
    realpeer_decoder_init, realpeer_decoder_push, realpeer_decoder_push_eof, realpeer_decoder_read_slot,
    realpeer_decoder_received, realpeer_decoder_status,
};
pub use encode::{Encoding, realpeer_encode};
pub use error::{Error, REALPEER_ERROR_TEXT_SIZE};
pub use handshake::{
    Established, Handshake, REALPEER_HANDSHAKE_SIZE, realpeer_handshake_deadline, realpeer_handshake_error,
    realpeer_handshake_header, realpeer_handshake_init, realpeer_handshake_run, realpeer_handshake_taken,
    realpeer_now_ms,
};
pub use header::Header;
pub use parse::{
    realpeer_parse, realpeer_parse_datagram, realpeer_parse_datagram_error, realpeer_parse_error,
};
pub use status::{Command, Status, Transport, Verdict, Versions, realpeer_status_text, realpeer_version};
pub use tlv::{
    Ssl, Tlv, realpeer_ssl_append, realpeer_ssl_parse, realpeer_tlv_append, realpeer_tlv_find,
    realpeer_tlv_next,
};
pub use trust::{
    Network, REALPEER_NETWORK_SIZE, REALPEER_TRUST_SIZE, Trust, realpeer_trust_add, realpeer_trust_init,
    realpeer_trust_otherwise, realpeer_trust_verdict,
};
