//! What `realpeer run` does: it starts an unmodified server with `librealpeer_preload.so` in it, and the lot beside it,
//! where connections wait whose header comes in pieces.
//!
//! Everything that can be checked is checked before the program starts. Then this process *becomes* the program, so
//! that its process id, its signals, its exit status and the sockets it inherits are what they would be without us.
//! Linux only.

#![cfg(target_os = "linux")]

mod explain;
mod init;
mod log;
mod lot;
mod plan;
mod process;
mod program;
mod start;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

pub use explain::explain;
pub use start::run;

/// What `realpeer run` was told.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The listening sockets that get headers, as in `REALPEER_LISTEN`.
    pub listen: Vec<String>,
    /// Whose headers are believed, as in `REALPEER_TRUST`.
    pub trust: Vec<String>,
    /// The time for a whole header, such as `5s`; 5 seconds if it is not set.
    pub timeout: Option<String>,
    /// What happens to all others: `refuse`, which is also what happens if it is not set, or `bypass`.
    pub untrusted: Option<String>,
    /// Whether `getsockname` returns the header's destination.
    pub destination: bool,
    /// Whether nothing is written to stderr.
    pub quiet: bool,
    /// The library; it is looked for beside this program and in `../lib/realpeer/` if it is not set.
    pub library: Option<PathBuf>,
    /// The program and its arguments.
    pub command: Vec<OsString>,
}

/// Why a program was not started, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    text: String,
}

impl Error {
    /// The exit status for it: `EX_CONFIG` of sysexits.h. The library ends a program with the same.
    pub const STATUS: u8 = 78;

    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}
