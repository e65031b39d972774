//! How long the lot stays: as long as a process lives that has the library in it.
//!
//! The first process has a pidfd. All that have loaded the library since, and what was forked from them, have a file of
//! ours mapped: it can't be sealed against writing as long as a shared mapping of it is left. That costs them no
//! descriptor, and a daemon that closes all of those it has can't lose it.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::log::Log;

/// Whether anybody is left.
pub(crate) struct Life {
    first_process: OwnedFd,
    pid: Pid,
    file: OwnedFd,
    state: State,
    /// Whoever is given the file needs a moment to map it.
    last_hello: Option<Instant>,
    /// SIGTERM has arrived: the program is being stopped, and whoever ends now will not start again.
    stopping: Arc<AtomicBool>,
}

#[derive(Clone, Copy)]
enum State {
    /// Nobody has said hello: when to look whether the library was not loaded, and when not to wait any longer.
    Silent { look: Instant, end: Instant },
    /// The first process lives.
    First,
    /// It has ended, and others may live: when to look.
    Others(Instant),
    /// Nobody lives. In the middle of exec it looks like that, too: when to believe it.
    Nobody(Instant),
}

/// A program that has started sleeps until there is something to do. One that says no hello and still works is being
/// loaded, from a slow disk or with little of a processor.
const HELLO_WITHIN: Duration = Duration::from_secs(3);
const HELLO_AT_LAST: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LOOK_EVERY_STOPPING: Duration = Duration::from_millis(2);
const EXEC_TAKES: Duration = Duration::from_secs(1);

impl Life {
    pub(crate) fn new(first_process: Pid) -> io::Result<Self> {
        let now = Instant::now();
        Ok(Self {
            first_process: pidfd_open(first_process, PidfdFlags::empty())?,
            pid: first_process,
            file: new_file()?,
            state: State::Silent { look: now + HELLO_WITHIN, end: now + HELLO_AT_LAST },
            last_hello: None,
            stopping: Arc::default(),
        })
    }

    /// Has signals be noted that say that the program is being stopped. The lot does not end before it.
    pub(crate) fn note_signals(&self) -> io::Result<()> {
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP]
        {
            signal_hook::flag::register(signal, self.stopping.clone())?;
        }
        Ok(())
    }

    pub(crate) fn fds(&self) -> [RawFd; 2] {
        [self.first_process.as_raw_fd(), self.file.as_raw_fd()]
    }

    pub(super) fn first_process(&self) -> RawFd {
        self.first_process.as_raw_fd()
    }

    /// The file to map.
    pub(super) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    pub(super) fn hello(&mut self) {
        let now = Instant::now();
        self.last_hello = Some(now);
        match self.state {
            State::Silent { .. } => self.state = State::First,
            State::Nobody(_) | State::Others(_) => self.state = State::Others(now + LOOK_EVERY),
            State::First => {}
        }
    }

    pub(super) fn first_process_ended(&mut self) {
        if let State::Silent { .. } | State::First = self.state {
            let mapped_by = self.last_hello.map(|hello| hello + LOOK_EVERY);
            self.state = State::Others(mapped_by.unwrap_or_else(Instant::now));
        }
    }

    pub(super) fn timeout(&self) -> Option<Instant> {
        match self.state {
            State::First => None,
            State::Silent { look: end, .. } | State::Others(end) | State::Nobody(end) => Some(end),
        }
    }

    pub(super) fn is_over(&mut self, log: &mut Log) -> io::Result<bool> {
        let now = Instant::now();
        let stopping = self.stopping.load(Ordering::Relaxed);
        match self.state {
            State::Silent { look, end } if look <= now && now < end && self.first_process_works() => {
                self.state = State::Silent { look: now + LOOK_EVERY, end };
            }
            State::Silent { look, .. } if look <= now => {
                log.line(format_args!(
                    "the program has not loaded the library, so it would see the proxy in place of its clients; ended"
                ));
                let _ = pidfd_send_signal(&self.first_process, Signal::TERM);
                self.state = State::First;
            }
            State::Others(end) if end <= now || stopping => {
                // Nobody can map it once it is sealed, so there is a new one for those that come yet.
                if fcntl_add_seals(&self.file, SealFlags::WRITE) == Err(Errno::BUSY) {
                    self.state = State::Others(now + if stopping { LOOK_EVERY_STOPPING } else { LOOK_EVERY });
                } else {
                    self.file = new_file()?;
                    self.state = State::Nobody(now + EXEC_TAKES);
                }
            }
            _ => {}
        }
        Ok(matches!(self.state, State::Nobody(end) if end <= now || stopping))
    }

    /// Whether it runs, waits for a processor or a disk, or is stopped. Without `/proc` nobody knows.
    fn first_process_works(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid.as_raw_nonzero()));
        // Behind the name, which may be anything.
        stat.is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('S')))
    }
}

fn new_file() -> io::Result<OwnedFd> {
    Ok(memfd_create("realpeer", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?)
}
