#![doc = include_str!("../README.md")]
// The examples say `realpeer::proto`, as the facade's readers have it, and hide the line that makes it so here. A
// dev-dependency on the facade would do as well, but switch `std` and the hardware's CRC32C on for this crate's tests.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "std"))]
extern crate std;

mod address;
mod config;
mod crc32c;
mod decoder;
mod encode;
mod encode_error;
mod error;
mod handshake;
mod handshake_error;
mod header;
#[cfg(feature = "std")]
mod io_error;
pub mod kind;
mod lookalike;
mod parse;
mod ssl;
mod storage;
mod tlv;
mod tlv_rules;
mod v1_error;
mod versions;
mod wire;

pub use address::{Address, Addresses, UnixAddr};
pub use config::Config;
pub use decoder::{Decoder, Event};
pub use encode::Encoder;
pub use encode_error::EncodeError;
pub use error::{ApiMisuse, Error, TlvCause, TlvError, V2Error};
pub use handshake::{Handshake, ReadMode};
pub use handshake_error::HandshakeError;
pub use header::{Command, Header, Transport, Version};
pub use lookalike::Lookalike;
pub use parse::{Parsed, parse, parse_datagram};
#[doc(hidden)]
pub use parse::{parse_bare_tcp4, parse_bare_tcp6};
pub use ssl::Ssl;
pub use storage::{FixedStorage, Storage};
pub use tlv::{TextError, Tlv, TlvIter, TlvValue, Tlvs};
pub use v1_error::{V1Cause, V1Error, V1Field};
pub use versions::Versions;

/// The most bytes that a header can have: the fixed 16 of version 2 and the 65,535 that its length can announce, or where
/// `usize` has 16 bits the 65,535 that it can count.
pub const MAX_HEADER_LEN: usize = (u16::MAX as usize).saturating_add(16);
