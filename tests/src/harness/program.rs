//! `realpeer echo`, and what it reports.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use rustix::process::Signal;
use serde::Deserialize;
use serde_json::Value;

use super::{Process, Runtime};

/// A running `realpeer echo --json`.
#[derive(Debug)]
pub struct Program {
    process: Process,
    address: String,
    /// How many of its reports the test has seen.
    seen: Cell<usize>,
}

impl Program {
    /// On a free port of 127.0.0.1, with 127.0.0.1 as the only peer it trusts.
    pub fn start(runtime: Runtime) -> Self {
        Self::start_with(runtime, &["--listen", "127.0.0.1:0", "--trust", "127.0.0.1/32"])
    }

    /// With these options besides `--runtime` and `--json`.
    pub fn start_with(runtime: Runtime, options: &[&str]) -> Self {
        Self::start_plain(runtime, &[options, &["--json"]].concat())
    }

    /// With these options besides `--runtime`.
    pub fn start_plain(runtime: Runtime, options: &[&str]) -> Self {
        let mut command = Command::new(executable());
        command.args(["echo", "--runtime", runtime.name()]).args(options);
        let process = Process::start("realpeer echo", &mut command, "it was built a moment ago");
        let ready =
            process.stderr.find("the line `listening on ADDR`", |line| line.starts_with("listening on "));
        let address = ready.trim_start_matches("listening on ").to_owned();
        Self { process, address, seen: Cell::new(0) }
    }

    /// Where it listens: `127.0.0.1:8080`, `[::1]:8080` or `unix:/path`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The next report: waits for it.
    pub fn report(&self) -> Report {
        Report::read(&self.line())
    }

    /// The next line of its stdout, whatever is in it: waits for it.
    pub fn line(&self) -> String {
        let seen = self.seen.get();
        let line = self.process.stdout.get(seen, "another line of the program");
        self.seen.set(seen + 1);
        line
    }

    /// Ends it with SIGTERM: it must go with exit code 0, and must have said nothing that the test did not see.
    pub fn stop(self) {
        assert_eq!(self.end_with(Signal::TERM), Vec::<String>::new(), "lines that nobody asked for");
    }

    /// Ends it with `signal`: it must go with exit code 0. Gives the lines of stdout that the test did not see.
    pub fn end_with(mut self, signal: Signal) -> Vec<String> {
        let status = self.process.end_with(signal);
        assert!(status.success(), "{status} on {signal:?}");
        let stderr = self.process.stderr.to_end();
        assert!(!stderr.iter().any(|line| line.contains("panicked")), "a panic: {stderr:?}");
        self.process.stdout.to_end().split_off(self.seen.get())
    }
}

/// The program, built once for this process, as `cargo test` would.
pub fn executable() -> &'static PathBuf {
    static EXECUTABLE: OnceLock<PathBuf> = OnceLock::new();
    EXECUTABLE.get_or_init(|| {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--package", "realpeer-cli", "--features", "runtimes"])
            .args(["--message-format", "json-render-diagnostics"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(built.status.success(), "cargo build: {}", String::from_utf8_lossy(&built.stderr));
        String::from_utf8(built.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|message| message["target"]["name"] == "realpeer")
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .expect("cargo build says where `realpeer` is")
    })
}

/// What the program says of one connection.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Who is really at the other end.
    pub source: Option<String>,
    /// Where that one connected to.
    pub destination: Option<String>,
    /// The balancer's own address.
    pub proxy: String,
    /// Of the header: 1 or 2.
    pub version: Option<u8>,
    /// Of the header: `PROXY` or `LOCAL`.
    pub command: Option<String>,
    /// Of the header: `TCP4`, `UNKNOWN`, `UNSPEC` and so on.
    pub protocol: Option<String>,
    /// Of the header, in its order.
    pub tlvs: Option<Vec<Tlv>>,
    /// Why the connection was not served.
    pub error: Option<Failure>,
}

/// A TLV of a report.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Tlv {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: u8,
    /// Its name in the specification.
    pub name: Option<String>,
    /// Its value.
    pub hex: String,
    /// What else the program says of it.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// Why a connection was not served.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// `closed`, `refused`, `protocol`, `timeout` or `io`.
    pub kind: String,
    /// For a person.
    pub message: String,
    /// What to change, where that can be told.
    pub remedy: Option<String>,
}

impl Report {
    /// Reads a line of `realpeer echo --json`.
    pub fn read(line: &str) -> Self {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))
    }

    /// The kind of failure, or `""`.
    pub fn failure(&self) -> &str {
        self.error.as_ref().map_or("", |error| &error.kind)
    }

    /// The connection was not served, for a failure of this kind, and nothing that a header may have said is told.
    #[track_caller]
    pub fn assert_failure(&self, kind: &str) {
        assert_eq!(self.failure(), kind, "{self:?}");
        assert!(!self.error.as_ref().unwrap().message.is_empty(), "{self:?}");
        assert_eq!((&self.source, &self.destination), (&None, &None), "{self:?}");
        assert_eq!((self.version, &self.command, &self.tlvs), (None, &None, &None), "{self:?}");
    }

    /// The connection was served, and this is whose it was.
    #[track_caller]
    pub fn assert_served(&self, source: &str, destination: &str) {
        assert_eq!(self.error, None, "{self:?}");
        assert_eq!(self.source.as_deref(), Some(source), "{self:?}");
        assert_eq!(self.destination.as_deref(), Some(destination), "{self:?}");
    }

    /// There was a header of this version with this command.
    #[track_caller]
    pub fn assert_header(&self, version: u8, command: &str) {
        assert_eq!((self.version, self.command.as_deref()), (Some(version), Some(command)), "{self:?}");
    }

    /// The types of the TLVs, in order.
    pub fn tlv_types(&self) -> Vec<u8> {
        self.tlvs.iter().flatten().map(|tlv| tlv.kind).collect()
    }

    /// The value of the only TLV of this type.
    #[track_caller]
    pub fn tlv(&self, kind: u8) -> Vec<u8> {
        let mut found = self.tlvs.iter().flatten().filter(|tlv| tlv.kind == kind);
        let tlv = found.next().unwrap_or_else(|| panic!("no TLV {kind:#04x} in {self:?}"));
        assert_eq!(found.next(), None, "{self:?}");
        from_hex(&tlv.hex)
    }
}

fn from_hex(hex: &str) -> Vec<u8> {
    assert!(hex.is_ascii() && hex.len() % 2 == 0, "{hex}");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
