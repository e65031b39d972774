//! See `realpeer_tests::fuzz::readers`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use realpeer_tests::fuzz;

fuzz_target!(|data: &[u8]| fuzz::readers(data));
