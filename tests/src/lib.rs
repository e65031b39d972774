//! What the tests share: the conformance vectors, and a second decoder to compare with.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

#[cfg(feature = "interop")]
pub mod harness;
pub mod vectors;
