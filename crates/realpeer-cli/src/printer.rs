//! Lines on stdout and stderr from servers, which must not wait for whoever reads them.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::Context;

/// How many lines wait for a slow reader before lines are dropped.
const WAITING: usize = 1024;

/// Prints lines in its own thread: a reader that has stopped costs lines, never a connection.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    lines: SyncSender<Line>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Line {
    Out(String),
    Err(String),
    /// Answered once all lines before it are printed.
    Flush(SyncSender<()>),
}

impl Printer {
    /// Starts the thread. `on_lost` makes a line that tells how many were dropped; `at_end` is called once stdout
    /// can't be written to any more, with the error.
    ///
    /// # Errors
    ///
    /// That of starting a thread.
    pub(crate) fn start(
        on_lost: impl Fn(u64) -> String + Send + 'static,
        at_end: impl FnOnce(io::Error) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (sender, lines) = sync_channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let lost = Arc::clone(&dropped);
        let print = move || {
            for line in lines {
                let printed = match line {
                    Line::Out(line) => put(&mut io::stdout().lock(), &line),
                    Line::Flush(done) => {
                        let _ = done.send(());
                        Ok(())
                    }
                    Line::Err(line) => {
                        // If nobody reads stderr, nothing can be done about it.
                        let _ = put(&mut io::stderr(), &line);
                        Ok(())
                    }
                };
                let printed = printed.and_then(|()| match lost.swap(0, Ordering::Relaxed) {
                    0 => Ok(()),
                    count => put(&mut io::stdout().lock(), &on_lost(count)),
                });
                if let Err(error) = printed {
                    return at_end(error);
                }
            }
        };
        thread::Builder::new().name("printer".into()).spawn(print).context("can't start a thread")?;
        Ok(Self { lines: sender, dropped })
    }

    /// Prints the line on stdout, or drops it.
    pub(crate) fn say(&self, line: String) {
        if let Err(TrySendError::Full(_)) = self.lines.try_send(Line::Out(line)) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all lines are printed, but not for long.
    pub(crate) fn finish(&self) {
        let (done, all_printed) = sync_channel(1);
        if self.lines.try_send(Line::Flush(done)).is_ok() {
            let _ = all_printed.recv_timeout(Duration::from_secs(1));
        }
    }

    /// Prints the line on stderr, or drops it.
    pub(crate) fn complain(&self, line: String) {
        let _ = self.lines.try_send(Line::Err(line));
    }
}

fn put(out: &mut impl Write, line: &str) -> io::Result<()> {
    // One write a line, so that lines of several programs don't mix.
    out.write_all(format!("{line}\n").as_bytes())?;
    out.flush()
}
