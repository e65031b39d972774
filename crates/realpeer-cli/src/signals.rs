//! The signals that end a server.

use std::thread;

use anyhow::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Waits for Ctrl-C, SIGTERM and SIGHUP.
pub(crate) struct Ending(Signals);

impl Ending {
    /// From now on these signals no longer end the program by themselves.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(crate) fn register() -> anyhow::Result<Self> {
        let mut signals = vec![SIGINT, SIGTERM];
        if !is_ignored(SIGHUP) {
            signals.push(SIGHUP);
        }
        Signals::new(signals).map(Self).context("can't wait for signals")
    }

    /// Starts a thread that calls `at_signal` once for each signal.
    ///
    /// # Errors
    ///
    /// That of starting a thread.
    pub(crate) fn spawn(mut self, mut at_signal: impl FnMut() + Send + 'static) -> anyhow::Result<()> {
        let wait = move || self.0.forever().for_each(|_| at_signal());
        thread::Builder::new().name("signals".into()).spawn(wait).context("can't start a thread")?;
        Ok(())
    }
}

/// Whether the program was started with the signal ignored, as `nohup` does it. Where that can't be told: no.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
