//! Reads the bytes of a connection from what people have: hexadecimal dumps, base64, capture files.
//!
//! It belongs to the program `realpeer` of this package, is there so that it can be fuzzed, and promises no stable API.

#![forbid(unsafe_code)]

pub mod capture;
pub mod forms;
