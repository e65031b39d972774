//! `librealpeer_preload.so`, and the parts of it that are ordinary code.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is test code")]
#![allow(unreachable_pub, missing_debug_implementations, reason = "nobody else uses it")]
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

mod alike;
mod confined;
mod hostile;
#[cfg(feature = "installed")]
mod installed;
mod lot;
mod parts;
mod pieces;
mod run;
mod server;
mod visits;
mod whole_headers;
