#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!("realpeer-preload is for Linux on x86_64 and aarch64");

mod addr;
pub mod label;
mod look;
mod settings;
mod sys;
pub mod wire;

#[cfg(feature = "hooks")]
mod admit;
#[cfg(feature = "hooks")]
#[allow(unreachable_pub, reason = "the exported functions are reached by their symbols")]
mod hooks;
#[cfg(feature = "hooks")]
mod log;
#[cfg(feature = "hooks")]
mod lot;

pub use addr::{Family, Peer, parse_ip, parse_socket_addr};
pub use look::{Seen, look};
pub use settings::{Listener, Network, Settings, SettingsError, Trust, Untrusted, parse_timeout};
