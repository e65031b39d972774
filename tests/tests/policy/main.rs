//! Who is believed, and what becomes of whom: trust, policies and acceptors, without a socket.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is test code")]

mod acceptor;
mod detect;
mod endpoint;
mod policies;
mod trust;
