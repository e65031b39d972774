//! What the tests share: the conformance vectors, inputs made from them, a second decoder to compare with.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]
#![allow(clippy::missing_panics_doc, reason = "what tests call panics if it is not as it should be")]

pub mod fuzz;
#[cfg(feature = "interop")]
pub mod harness;
pub mod inputs;
pub mod outer;
pub mod reference;
pub mod vectors;

/// The programs in README.md are doctests. They are here since no package has that file.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// As are those in docs/rolling-out.md.
#[cfg(doctest)]
#[doc = include_str!("../../docs/rolling-out.md")]
struct RollingOut;
