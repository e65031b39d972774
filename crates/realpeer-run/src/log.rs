//! Lines for the operator, on stderr, at most one a second.

use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Where lines go.
pub(crate) struct Log {
    on: bool,
    last: Option<Instant>,
    left_out: u64,
}

const PAUSE: Duration = Duration::from_secs(1);

impl Log {
    pub(crate) fn new(on: bool) -> Self {
        Self { on, last: None, left_out: 0 }
    }

    pub(crate) fn line(&mut self, text: fmt::Arguments<'_>) {
        let now = Instant::now();
        if !self.on || self.last.is_some_and(|last| now < last + PAUSE) {
            self.left_out += 1;
            return;
        }
        self.last = Some(now);
        let more = match std::mem::take(&mut self.left_out) {
            0 => String::new(),
            count => format!(" (and {count} more before)"),
        };
        // If nobody reads it, that is that.
        let _ = writeln!(io::stderr(), "realpeer: {text}{more}");
    }
}
