//! Process 1 of a container: it stays, since the lot would otherwise be a child of the program.

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode, ExitStatus};
use std::ptr;

use rustix::process::Pid;

use crate::Error;

/// Starts the program and what `start_lot` starts, passes signals on, reaps everything, and returns the program's
/// status.
pub(crate) fn run(
    mut command: Command,
    start_lot: impl FnOnce(Pid) -> Result<(), Error>,
) -> Result<ExitCode, Error> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let old = block_all();
    // SAFETY: between fork and exec it makes one system call, and `old` is a copy.
    unsafe {
        command.pre_exec(move || {
            // The standard library has emptied the mask; the program gets the one we were started with.
            if libc::sigprocmask(libc::SIG_SETMASK, &raw const old, ptr::null_mut()) == 0 {
                Ok(())
            } else {
                Err(io::Error::last_os_error())
            }
        });
    }
    let child = command.spawn().map_err(|error| Error::new(format!("{shown}: {error}")))?;
    let program = Pid::from_child(&child);
    start_lot(program)?;
    loop {
        match wait_for_signal() {
            libc::SIGCHLD => {
                while let Some((pid, status)) = reap() {
                    if pid == program.as_raw_pid() {
                        return Ok(code(ExitStatus::from_raw(status)));
                    }
                }
            }
            // SAFETY: the program has not been reaped, so the number is still its own.
            signal => _ = unsafe { libc::kill(program.as_raw_pid(), signal) },
        }
    }
}

/// As a shell reports it.
fn code(status: ExitStatus) -> ExitCode {
    let number = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(u8::try_from(number.unwrap_or(1)).unwrap_or(1))
}

/// Blocks all signals, so that they can be waited for, and returns those that were blocked before.
fn block_all() -> libc::sigset_t {
    let (mut all, mut old) = (MaybeUninit::uninit(), MaybeUninit::zeroed());
    // SAFETY: the first call fills `all`, the second reads it and fills `old`, which zeros are a valid value of.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::sigprocmask(libc::SIG_BLOCK, all.as_ptr(), old.as_mut_ptr());
        old.assume_init()
    }
}

fn wait_for_signal() -> libc::c_int {
    let (mut all, mut signal) = (MaybeUninit::uninit(), 0);
    // SAFETY: the first call fills `all`, the second reads it and writes the number.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::sigwait(all.as_ptr(), &raw mut signal);
    }
    signal
}

fn reap() -> Option<(libc::pid_t, libc::c_int)> {
    let mut status = 0;
    // SAFETY: the status is written to an int.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    (pid > 0).then_some((pid, status))
}
