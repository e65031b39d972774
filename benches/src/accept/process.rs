//! A server in a process of its own, and what that costs.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{sleep, yield_now};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_setaffinity};

use super::Server;

/// The servers have a CPU of their own.
pub const SERVER_CPU: usize = 1;
/// Where the clients mostly are.
pub const CLIENT_CPU: usize = 0;

/// A server that is running, or sleeps until it goes on.
pub struct Process {
    child: Child,
    pub port: u16,
    report: Option<Report>,
}

/// What a tool writes at the end.
enum Report {
    /// A table by strace.
    Calls(PathBuf),
    /// A profile by callgrind.
    Instructions(PathBuf),
}

impl Process {
    pub fn start(server: &Server, go: &Path, files: &Path) -> io::Result<Self> {
        let (command, port) = server.command(go, files);
        Self::spawn(wrapped(Command::new("taskset"), &["-c", &SERVER_CPU.to_string()], &command), port, None)
    }

    /// The same under strace, which counts its system calls.
    pub fn traced(server: &Server, go: &Path, files: &Path) -> io::Result<Self> {
        let (command, port) = server.command(go, files);
        let trace = files.join("trace");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-c", "-o"]).arg(&trace);
        Self::spawn(wrapped(strace, &["--"], &command), port, Some(Report::Calls(trace)))
    }

    /// The same under callgrind, which counts its instructions.
    pub fn counted(server: &Server, go: &Path, files: &Path) -> io::Result<Self> {
        let (command, port) = server.command(go, files);
        let profile = files.join("profile");
        let mut valgrind = Command::new("valgrind");
        valgrind
            .args(["--quiet", "--tool=callgrind"])
            .arg(format!("--callgrind-out-file={}", profile.display()));
        valgrind.stderr(Stdio::null());
        Self::spawn(wrapped(valgrind, &[], &command), port, Some(Report::Instructions(profile)))
    }

    fn spawn(mut command: Command, port: Option<u16>, report: Option<Report>) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let port = match port {
            Some(port) => {
                wait_for(port)?;
                port
            }
            None => {
                let mut line = String::new();
                BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?).read_line(&mut line)?;
                line.trim().parse().map_err(io::Error::other)?
            }
        };
        Ok(Self { child, port, report })
    }

    /// Puts it to sleep, all its threads, and waits until it is.
    pub fn stop(&self) -> io::Result<()> {
        self.signal(Signal::STOP)?;
        let patience = Instant::now() + Duration::from_secs(10);
        while !self.stat()?.contains(") T ") {
            if Instant::now() > patience {
                return Err(io::ErrorKind::TimedOut.into());
            }
            yield_now();
        }
        Ok(())
    }

    pub fn go_on(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    /// The CPU time that it has used, of threads that have ended too.
    pub fn cpu(&self) -> io::Result<Duration> {
        let pid = i32::try_from(self.child.id()).map_err(io::Error::other)?;
        let mut clock = 0;
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: both are given a place of the right type to write to.
        let failed = unsafe {
            libc::clock_getcpuclockid(pid, &raw mut clock) != 0
                || libc::clock_gettime(clock, &raw mut time) != 0
        };
        if failed {
            return Err(io::Error::other(format!("no CPU clock of process {pid}")));
        }
        Ok(Duration::new(
            u64::try_from(time.tv_sec).map_err(io::Error::other)?,
            u32::try_from(time.tv_nsec).map_err(io::Error::other)?,
        ))
    }

    /// Ends it and gives what was counted, by name.
    pub fn end(mut self) -> io::Result<BTreeMap<String, u64>> {
        // Ours and the Go server end with their standard input. The others are told to, the traced ones themselves.
        drop(self.child.stdin.take());
        self.go_on()?;
        let pid = self.child.id();
        let children =
            std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let whom = if let Some(Report::Calls(_)) = self.report { children } else { pid.to_string() };
        for _ in 0..100 {
            if self.child.try_wait()?.is_some() {
                break;
            }
            sleep(Duration::from_millis(20));
            for pid in whom.split_whitespace() {
                let _ = Command::new("kill").args(["-TERM", pid]).stderr(Stdio::null()).status();
            }
        }
        self.child.kill()?;
        self.child.wait()?;
        match &self.report {
            Some(Report::Calls(trace)) => Ok(calls(&std::fs::read_to_string(trace)?)),
            Some(Report::Instructions(profile)) => Ok(instructions(&std::fs::read_to_string(profile)?)),
            None => Ok(BTreeMap::new()),
        }
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    fn stat(&self) -> io::Result<String> {
        std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Where something failed before it was ended.
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Keeps the calling thread, the clients', to one CPU.
pub fn stay_on_cpu(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}

fn wrapped(mut outer: Command, arguments: &[&str], inner: &Command) -> Command {
    outer.args(arguments).arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        outer.env(name, value.unwrap_or_default());
    }
    outer
}

/// The table that `strace -c` writes: calls in the fourth column, the name in the last.
fn calls(table: &str) -> BTreeMap<String, u64> {
    let line = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let name = *fields.last()?;
        (name != "total").then_some(())?;
        Some((name.to_owned(), fields.get(3)?.parse().ok()?))
    };
    table.lines().filter_map(line).collect()
}

/// The sum at the end of a profile.
fn instructions(profile: &str) -> BTreeMap<String, u64> {
    let sum = |line: &str| line.strip_prefix("totals: ")?.trim().parse().ok();
    profile.lines().find_map(sum).map(|sum| ("instructions".into(), sum)).into_iter().collect()
}

pub(super) fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    socket.map_or(0, |address| address.port())
}

fn wait_for(port: u16) -> io::Result<()> {
    for _ in 0..250 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        sleep(Duration::from_millis(20));
    }
    Err(io::ErrorKind::TimedOut.into())
}
