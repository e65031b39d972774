//! The program as a child process. Everything is bounded in time, and what was started is ended.

#![allow(dead_code, reason = "each test uses some of it")]

pub(crate) mod echo;
pub(crate) mod golden;
pub(crate) mod headers;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long anything may take. It is never reached when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The program, to be started with arguments.
pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_realpeer"))
}

/// A program that listens: `realpeer echo`, for one.
pub(crate) struct Running {
    child: Child,
    /// Where it listens, as it says itself.
    pub(crate) address: String,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

/// A running `realpeer echo`.
pub(crate) type Echo = Running;

impl Running {
    /// `realpeer echo` with these arguments.
    pub(crate) fn echo(arguments: &[&str]) -> Self {
        Self::start(&[&["echo"], arguments].concat())
    }

    /// The program with these arguments.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = program();
        command.args(arguments);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = follow(child.stdout.take().unwrap());
        let stderr = follow(child.stderr.take().unwrap());
        let ready = stderr.recv_timeout(PATIENCE).expect("a line on stderr");
        let address = ready.strip_prefix("listening on ").unwrap_or_else(|| panic!("{ready}")).to_owned();
        Self { child, address, stdout, stderr }
    }

    /// The next line of its stdout.
    pub(crate) fn line(&self) -> String {
        self.stdout.recv_timeout(PATIENCE).expect("a line on stdout")
    }

    /// The next line of its stdout, as JSON.
    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// Whether there is another line on its stdout by now.
    pub(crate) fn has_line(&self) -> bool {
        self.stdout.try_recv().is_ok()
    }

    /// The next line of its stderr.
    pub(crate) fn complaint(&self) -> String {
        self.stderr.recv_timeout(PATIENCE).expect("a line on stderr")
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// It ends by itself with this exit status.
    pub(crate) fn ends_with(mut self, code: i32) {
        assert_eq!(wait(&mut self.child).code(), Some(code));
    }

    /// Ends it with `signal`: exit status 0, and nothing more on stdout or stderr.
    pub(crate) fn end_with(mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let status = wait(&mut self.child);
        assert!(status.success(), "{status}");
        assert_eq!(self.stdout.iter().collect::<Vec<_>>(), Vec::<String>::new(), "stdout");
        assert_eq!(self.stderr.iter().collect::<Vec<_>>(), Vec::<String>::new(), "stderr");
    }

    /// Ends it with SIGTERM.
    pub(crate) fn stop(self) {
        self.end_with(Signal::TERM);
    }

    /// Ends it with SIGKILL, so that it can't tidy up.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        wait(&mut self.child);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended; then this does nothing.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// Waits for the end of a child.
pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("it does not end");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs the program with these arguments and nothing on stdin: exit status, stdout, stderr.
pub(crate) fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    run_with(arguments, b"")
}

/// Runs the program with these arguments and bytes on stdin: exit status, stdout, stderr.
pub(crate) fn run_with(arguments: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
    let mut child = program()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    // It may end before it has read all.
    thread::spawn(move || stdin.write_all(&input));
    let stdout = follow(child.stdout.take().unwrap());
    let stderr = follow(child.stderr.take().unwrap());
    let status = wait(&mut child);
    let text = |lines: Receiver<String>| lines.iter().map(|line| line + "\n").collect::<String>();
    (status.code(), text(stdout), text(stderr))
}

/// The lines of an output, as they come.
fn follow(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}
