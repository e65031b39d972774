//! A server in a process of its own, and what that costs.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::Server;

pub struct Process {
    child: Child,
    pub port: u16,
    trace: Option<PathBuf>,
}

impl Process {
    pub fn start(server: &Server, go: &Path, files: &Path) -> io::Result<Self> {
        let (command, port) = server.command(go, files);
        Self::spawn(wrapped(Command::new("taskset"), &["-c", SERVER_CPU], &command), port, None)
    }

    /// The same under strace, which counts its system calls.
    pub fn traced(server: &Server, go: &Path, files: &Path) -> io::Result<Self> {
        let (command, port) = server.command(go, files);
        let trace = files.join("trace");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-c", "-o"]).arg(&trace);
        Self::spawn(wrapped(strace, &["--"], &command), port, Some(trace))
    }

    fn spawn(mut command: Command, port: Option<u16>, trace: Option<PathBuf>) -> io::Result<Self> {
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
        Ok(Self { child, port, trace })
    }

    /// Ticks of the CPU it has used, of which there are 100 a second.
    pub fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default();
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
    }

    /// Ends it and, if it was traced, gives its system calls by name.
    pub fn end(mut self) -> io::Result<BTreeMap<String, u64>> {
        // Ours and the Go server end with their standard input. The others are told to, the traced ones themselves.
        drop(self.child.stdin.take());
        let pid = self.child.id();
        let children =
            std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let whom = if self.trace.is_some() { children } else { pid.to_string() };
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
        match &self.trace {
            Some(trace) => Ok(parse(&std::fs::read_to_string(trace)?)),
            None => Ok(BTreeMap::new()),
        }
    }
}

/// The servers have a CPU of their own, and the clients another.
const SERVER_CPU: &str = "1";

/// Keeps the calling process, the clients', to the first CPU.
pub fn stay_on_first_cpu() -> io::Result<()> {
    let pid = std::process::id().to_string();
    Command::new("taskset").args(["-c", "-p", "0", &pid]).stdout(Stdio::null()).status().map(drop)
}

fn wrapped(mut outer: Command, arguments: &[&str], inner: &Command) -> Command {
    outer.args(arguments).arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        outer.env(name, value.unwrap_or_default());
    }
    outer
}

/// The table that `strace -c` writes: calls in the fourth column, the name in the last.
fn parse(table: &str) -> BTreeMap<String, u64> {
    let line = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let name = *fields.last()?;
        (name != "total").then_some(())?;
        Some((name.to_owned(), fields.get(3)?.parse().ok()?))
    };
    table.lines().filter_map(line).collect()
}

pub fn free_port() -> u16 {
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
