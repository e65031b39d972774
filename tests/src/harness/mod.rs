//! What the interop tests stand on: servers that are started, watched and ended, and clients to talk to them.
//!
//! Everything here is bounded in time, ends what it started by its process id, also when a test fails, and then
//! shows what the processes said. Only loopback addresses and UNIX sockets are used.

#![allow(clippy::missing_panics_doc, reason = "a panic is how a test fails")]

mod certificates;
mod client;
mod haproxy;
pub mod mysql;
mod process;
mod program;
mod server;
mod wire;

use std::thread;
use std::time::{Duration, Instant};

pub use self::certificates::Certificates;
pub use self::client::{Client, PythonClient, connect_from, payload, python_client, reset, until_closed};
pub use self::haproxy::{HaProxy, Served};
pub use self::process::{Lines, Process};
pub use self::program::{Failure, Program, Report, Tlv, executable};
pub use self::server::{Server, Setup, command, free_address, free_port, version};
pub use self::wire::{SslTlv, tlv, v1, v2};

/// How long anything may take before the test fails. It is never reached when all is well.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The runtimes that `realpeer echo` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// Blocking sockets, a thread each.
    Std,
    /// Tokio.
    Tokio,
    /// Smol.
    Smol,
    /// Async-std.
    AsyncStd,
}

impl Runtime {
    /// As `--runtime` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Std => "std",
            Self::Tokio => "tokio",
            Self::Smol => "smol",
            Self::AsyncStd => "async-std",
        }
    }
}

/// Makes a test for each runtime of each case, a function that takes a [`Runtime`]: `case::std` and so on.
#[macro_export]
macro_rules! on_each_runtime {
    ($($case:ident),+ $(,)?) => {$(
        mod $case {
            use $crate::harness::Runtime;

            #[test]
            fn std() {
                super::$case(Runtime::Std);
            }

            #[test]
            fn tokio() {
                super::$case(Runtime::Tokio);
            }

            #[test]
            fn smol() {
                super::$case(Runtime::Smol);
            }

            #[test]
            fn async_std() {
                super::$case(Runtime::AsyncStd);
            }
        }
    )+};
}

/// Asks again until there is an answer; panics with `what` when [`PATIENCE`] is at its end.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited {PATIENCE:?} in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
