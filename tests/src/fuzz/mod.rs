//! The bodies of the fuzz targets in `fuzz/`, and the mutator that they share.
//!
//! A body takes the bytes of one input and panics if something does not hold that must. `tests/corpus.rs` replays
//! the committed inputs on every test run.

use realpeer_proto::{Config, MAX_HEADER_LEN, Versions};

mod datagram;
mod decoder;
mod differential;
mod handshake;
mod mutate;
mod parse;
mod policy;
#[cfg(feature = "programs")]
mod preload;
#[cfg(feature = "programs")]
mod readers;
mod roundtrip;
pub mod seeds;
mod tlvs;

pub use datagram::datagram;
pub use decoder::decoder;
pub use differential::{compare, differential};
pub use handshake::handshake;
pub use mutate::mutate;
pub use parse::parse;
pub use policy::policy;
#[cfg(feature = "programs")]
pub use preload::preload;
#[cfg(feature = "programs")]
pub use readers::readers;
#[cfg(feature = "programs")]
pub use realpeer_ffi::fuzzing::boundary as ffi;
pub use roundtrip::roundtrip;
pub use tlvs::tlvs;

/// What stands before the header in the inputs of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// A byte of settings.
    Settings,
    /// A byte of settings, one with the length of a script, and the script.
    Script,
    /// There is no header; the input is TLVs only.
    Tlvs,
    /// A file as people have it: a capture, or digits.
    Files,
    /// There is neither.
    Other,
}

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name it has in `fuzz/`.
    pub name: &'static str,
    /// Its body.
    pub body: fn(&[u8]),
    /// What its inputs begin with.
    pub prefix: Prefix,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "parse", body: parse, prefix: Prefix::Settings },
    Target { name: "decoder", body: decoder, prefix: Prefix::Script },
    Target { name: "handshake", body: handshake, prefix: Prefix::Script },
    Target { name: "roundtrip", body: roundtrip, prefix: Prefix::Settings },
    Target { name: "tlvs", body: tlvs, prefix: Prefix::Tlvs },
    Target { name: "datagram", body: datagram, prefix: Prefix::Settings },
    Target { name: "policy", body: policy, prefix: Prefix::Other },
    #[cfg(feature = "programs")]
    Target { name: "preload", body: preload, prefix: Prefix::Settings },
    #[cfg(feature = "programs")]
    Target { name: "readers", body: readers, prefix: Prefix::Files },
    Target { name: "differential", body: differential, prefix: Prefix::Settings },
    #[cfg(feature = "programs")]
    Target { name: "ffi", body: ffi, prefix: Prefix::Script },
];

/// What the receiver is set to, by the first byte of an input: 0 is everything that can be accepted.
fn settings(byte: u8) -> Config {
    let versions = match byte & 3 {
        0 | 1 => Versions::Any,
        2 => Versions::V1,
        _ => Versions::V2,
    };
    let limit = match usize::from(byte >> 3) {
        0..16 => MAX_HEADER_LEN,
        n => 16 + 8 * (n - 16),
    };
    Config::new().with_versions(versions).with_max_header_len(limit).with_crc32c_check(byte & 4 == 0)
}

/// Splits an input with [`Prefix::Script`] into settings, script and the bytes of the stream.
fn scripted(data: &[u8]) -> Option<(Config, &[u8], &[u8])> {
    let (&[first, len], rest) = data.split_first_chunk()?;
    let (script, stream) = rest.split_at_checked(len.into())?;
    Some((settings(first), script, stream))
}

/// Where to cut an input, in order: everywhere if it is short, else at some eight places. These depend on its bytes, so
/// that with many inputs it is everywhere.
fn places(input: &[u8]) -> impl Iterator<Item = usize> {
    let hash =
        input.iter().fold(0, |hash: usize, &byte| (hash ^ usize::from(byte)).wrapping_mul(0x9E37_79B1));
    let step = input.len() / 8 + 1;
    ((hash >> 16) % step..=input.len()).step_by(step)
}
