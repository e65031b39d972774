//! What the tests share: the conformance vectors, inputs made from them, a second decoder to compare with,
//! and pages that are written by tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]
#![allow(clippy::missing_panics_doc, reason = "what tests call panics if it is not as it should be")]

pub mod fuzz;
#[cfg(feature = "interop")]
pub mod harness;
pub mod inputs;
pub mod page;
pub mod reference;
pub mod vectors;
