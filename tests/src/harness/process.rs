//! A child process and what it says.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::{PATIENCE, eventually};

/// A running child. It is killed and waited for when dropped, and its output is shown if the test failed.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    /// What it wrote on stdout.
    pub stdout: Lines,
    /// What it wrote on stderr.
    pub stderr: Lines,
}

impl Process {
    /// Starts `command`. `missing` says what to do if there is no such program.
    pub fn start(name: &str, command: &mut Command, missing: &str) -> Self {
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = started.unwrap_or_else(|error| panic!("{name} doesn't start: {error}; {missing}"));
        let stdout = Lines::follow(child.stdout.take().unwrap());
        let stderr = Lines::follow(child.stderr.take().unwrap());
        Self { name: name.to_owned(), child, stdout, stderr }
    }

    /// Whether it has ended, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it `signal`.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Sends it `signal` and waits for its end.
    pub fn end_with(&mut self, signal: Signal) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        eventually(&format!("{} ends on {signal:?}", self.name), || self.ended())
    }

    /// Sends it SIGTERM, gives it ten seconds, and kills what is left of its process group, which must be its own.
    pub fn end_group(&mut self) {
        let pid = Pid::from_child(&self.child);
        if self.ended().is_none() && kill_process(pid, Signal::TERM).is_ok() {
            let end = Instant::now() + Duration::from_secs(10);
            while self.ended().is_none() && Instant::now() < end {
                thread::sleep(Duration::from_millis(10));
            }
        }
        // Most often nobody is left.
        let _ = kill_process_group(pid, Signal::KILL);
    }

    /// How many file descriptors it has open.
    pub fn open_fds(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// The processor time it has used, user and system, in ticks of 10 ms.
    pub fn cpu_ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The second field is the name in parentheses; utime and stime are the 14th and the 15th.
        let (_, after_name) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
        if thread::panicking() {
            eprintln!("--- {} wrote on stdout:\n{}", self.name, self.stdout.all().join("\n"));
            eprintln!("--- {} wrote on stderr:\n{}", self.name, self.stderr.all().join("\n"));
        }
    }
}

/// The lines of an output, kept as they come.
#[derive(Debug, Clone)]
pub struct Lines {
    shared: Arc<(Mutex<Kept>, Condvar)>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    fn follow(output: impl Read + Send + 'static) -> Self {
        let lines = Self { shared: Arc::default() };
        let shared = Arc::clone(&lines.shared);
        thread::spawn(move || {
            let (kept, changed) = &*shared;
            // Ends when the child does, since it holds the other end.
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                kept.lock().unwrap().lines.push(line);
                changed.notify_all();
            }
            kept.lock().unwrap().ended = true;
            changed.notify_all();
        });
        lines
    }

    /// All so far.
    pub fn all(&self) -> Vec<String> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }

    /// The line with this number, from 0: waits for it. Panics with `what` if it does not come.
    pub fn get(&self, index: usize, what: &str) -> String {
        self.find_from(index, what, |_| true)
    }

    /// The first line for which `wanted` holds: waits for it. Panics with `what` if it does not come.
    pub fn find(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.find_from(0, what, wanted)
    }

    /// Waits until the output is at its end, and gives all of it.
    pub fn to_end(&self) -> Vec<String> {
        let (kept, changed) = &*self.shared;
        let (kept, _) = changed.wait_timeout_while(kept.lock().unwrap(), PATIENCE, |k| !k.ended).unwrap();
        assert!(kept.ended, "waited {PATIENCE:?} in vain for the end of the output");
        kept.lines.clone()
    }

    /// The first line from this number on, from 0, for which `wanted` holds: waits for it. Panics with `what` if it
    /// does not come.
    pub fn find_from(&self, first: usize, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let (kept, changed) = &*self.shared;
        let end = Instant::now() + PATIENCE;
        let mut kept = kept.lock().unwrap();
        loop {
            if let Some(line) = kept.lines.iter().skip(first).find(|line| wanted(line)) {
                return line.clone();
            }
            let left = end.saturating_duration_since(Instant::now());
            let ended = kept.ended;
            if ended || left == Duration::ZERO {
                drop(kept); // so that it can still be shown
                panic!("{}: {what}", if ended { "the output ended without" } else { "waited in vain for" });
            }
            kept = changed.wait_timeout(kept, left).unwrap().0;
        }
    }
}
