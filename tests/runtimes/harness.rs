//! How a test is run: bounded in time, and in a process of its own where it has to be.

use std::panic::resume_unwind;
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use std::{env, fs, thread};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// No behaviour takes so long, unless something waits forever.
const LIMIT: Duration = Duration::from_secs(120);

/// In the environment of a process that has been started for one test.
const ISOLATED: &str = "REALPEER_ISOLATED_TEST";

/// Runs a behaviour, which fails if it does not end.
pub fn bounded(behaviour: impl FnOnce() + Send + 'static) {
    let (done, ended) = channel();
    let thread = thread::spawn(move || {
        behaviour();
        let _ = done.send(());
    });
    let in_time = ended.recv_timeout(LIMIT) != Err(RecvTimeoutError::Timeout);
    assert!(in_time, "not done after {LIMIT:?}: something waits forever");
    if let Err(panic) = thread.join() {
        resume_unwind(panic);
    }
}

/// Runs a behaviour, that of the test `name`, with its crate in front, in a process of its own.
pub fn isolated(name: &str, behaviour: impl FnOnce() + Send + 'static) {
    if env::var_os(ISOLATED).is_some() {
        return bounded(behaviour);
    }
    let (_, name) = name.split_once("::").expect("the name of a crate and of a test");
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(ISOLATED, "1")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && stdout.contains("1 passed"),
        "{name}: {}\n{stdout}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

/// How many file descriptors the process has. Looking takes one, which is not counted.
pub fn descriptors() -> usize {
    fs::read_dir("/dev/fd").unwrap().count() - 1
}

/// Allows the process as many file descriptors as it may have: 1,024, a common limit, are too few for a crowd.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}

/// Allows the process no more than `count` file descriptors.
pub fn lower_descriptor_limit(count: usize) {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(count as u64), ..limit }).unwrap();
}

/// The processor time of this process, all threads together.
pub fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap()
}
