//! See `realpeer_tests::fuzz::preload`.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use realpeer_tests::fuzz::{self, Prefix};

fuzz_target!(|data: &[u8]| fuzz::preload(data));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    fuzz::mutate(data, size, max_size, seed, Prefix::Settings, &fuzzer_mutate)
});
