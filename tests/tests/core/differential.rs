//! The core against the plain decoder of `src/reference.rs`, at every prefix: the same headers, rejection at the
//! same byte (R30, R35, R38, R43, R46, R58), and the same count of bytes missing.

use proptest::prelude::*;
use realpeer_proto::{Config, MAX_HEADER_LEN, Versions};
use realpeer_tests::inputs::{ROWS, TELLING, cases, input};

/// Panics unless both say the same of `bytes`. Says whether that is final.
fn compare(bytes: &[u8], versions: Versions, max_header_len: usize) -> bool {
    let config = Config::new().with_versions(versions).with_max_header_len(max_header_len);
    realpeer_tests::fuzz::compare(bytes, &config)
}

/// Compares every prefix, up to the first that settles it, and the whole.
fn compare_prefixes(bytes: &[u8], versions: Versions, max_header_len: usize) {
    let _ = (0..bytes.len()).any(|end| compare(&bytes[..end], versions, max_header_len));
    compare(bytes, versions, max_header_len);
}

#[test]
fn vectors_at_every_prefix() {
    for bytes in ROWS.iter() {
        compare_prefixes(bytes, Versions::Any, MAX_HEADER_LEN);
    }
}

#[test]
fn vectors_with_one_version_allowed() {
    for bytes in ROWS.iter() {
        for versions in [Versions::V1, Versions::V2] {
            compare_prefixes(&bytes[..bytes.len().min(20)], versions, MAX_HEADER_LEN);
            compare(bytes, versions, MAX_HEADER_LEN);
        }
    }
}

/// R27: too long is too long at the first byte that makes it so.
#[test]
fn short_vectors_at_every_limit() {
    for bytes in ROWS.iter().filter(|bytes| bytes.len() <= 64).step_by(4) {
        for limit in 16..=bytes.len() + 1 {
            compare_prefixes(bytes, Versions::Any, limit);
        }
    }
}

/// Each byte of each short vector changed to others, one at a time.
#[test]
fn every_byte_changed() {
    for (row, bytes) in ROWS.iter().enumerate().filter(|(_, bytes)| bytes.len() <= 120) {
        let mut changed = bytes.clone();
        for at in 0..bytes.len() {
            for &byte in TELLING.iter().skip((row + at) % 5).step_by(5) {
                changed[at] = byte;
                let settled = compare(&changed[..=at], Versions::Any, MAX_HEADER_LEN);
                if !settled {
                    compare(&changed, Versions::Any, MAX_HEADER_LEN);
                }
            }
            changed[at] = bytes[at];
        }
    }
}

fn limit() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(MAX_HEADER_LEN), 1 => 16usize..=200]
}

fn versions() -> impl Strategy<Value = Versions> {
    prop_oneof![4 => Just(Versions::Any), 1 => Just(Versions::V1), 1 => Just(Versions::V2)]
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn any_input_at_every_prefix(bytes in input(), versions in versions(), limit in limit()) {
        compare_prefixes(&bytes, versions, limit);
    }
}
