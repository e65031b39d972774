//! The protocol: what is read and written, to the byte, and what becomes of everything else.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is test code")]

mod allocations;
mod conformance;
#[cfg(feature = "programs")]
mod corpus;
mod decisions;
mod differential;
mod encode;
mod errors;
mod exhaustive;
mod handshake;
mod invariants;
mod known_faults;
mod nothing_lost;
mod taken;
mod values;
