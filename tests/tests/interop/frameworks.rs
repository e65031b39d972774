//! The examples: each by itself, and those for frameworks behind a real HAProxy with real clients.
//!
//! Their servers answer `SOURCE through PROXY`. HAProxy's log says what these are.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::{env, fs};

use realpeer_tests::harness::{Process, eventually, python_client};
use serde_json::Value;
use tempfile::TempDir;

const MISSING: &str = "`./ci.sh interop` installs it";

/// Where curl and openssl connect from, so that they can't be taken for HAProxy.
const CLIENT: &str = "127.0.0.77";

#[test]
fn each_example_asks_itself() {
    assert!(examples().len() >= 13, "{:?}", examples().keys());
    for (name, executable) in examples() {
        let mut process = Process::start(name, &mut Command::new(executable), "it was built a moment ago");
        let status = eventually(&format!("{name} ends"), || process.ended());
        assert!(status.success(), "{name}: {status}");
    }
}

#[test]
fn hyper() {
    let (example, haproxy) = behind_haproxy("hyper");
    assert_eq!(curl(&format!("http://{}/", haproxy.address), &[]).trim(), haproxy.log(CLIENT));
    curl_sends_its_own_header(&format!("http://{}/", example.address));
}

#[test]
fn actix_web() {
    let (example, haproxy) = behind_haproxy("actix");
    assert_eq!(curl(&format!("http://{}/", haproxy.address), &[]).trim(), haproxy.log(CLIENT));
    curl_sends_its_own_header(&format!("http://{}/", example.address));
}

#[test]
fn axum_with_tls_and_http2() {
    let (example, haproxy) = behind_haproxy("axum");
    let answer = curl(&format!("https://{}/", haproxy.address), &["--insecure", "--http2"]);
    assert_eq!(answer.trim(), haproxy.log(CLIENT) + " with HTTP/2.0");
    curl_sends_its_own_header(&format!("https://{}/", example.address));
}

#[test]
fn axum_with_tls_and_http1() {
    let (_example, haproxy) = behind_haproxy("axum");
    let answer = curl(&format!("https://{}/", haproxy.address), &["--insecure", "--http1.1"]);
    assert_eq!(answer.trim(), haproxy.log(CLIENT) + " with HTTP/1.1");
}

#[test]
fn tokio_rustls() {
    let (_example, haproxy) = behind_haproxy("tokio_rustls");
    let mut openssl = Command::new("openssl")
        .args(["s_client", "-quiet", "-bind", &format!("{CLIENT}:0"), "-connect", &haproxy.address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("openssl: {error}; {MISSING}"));
    openssl.stdin.take().unwrap().write_all(b"who am I?\n").unwrap();
    let output = openssl.wait_with_output().unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(answer.trim(), haproxy.log(CLIENT), "openssl: {}\n{stderr}", output.status);
}

#[test]
fn tonic() {
    asked_by("grpc_client.py", "tonic");
}

#[test]
fn tungstenite() {
    asked_by("websocket_client.py", "tungstenite");
}

#[test]
fn blocking() {
    answers_a_line("blocking");
}

#[test]
fn tokio() {
    answers_a_line("tokio");
}

#[test]
fn manual_loop() {
    answers_a_line("manual_loop");
}

#[test]
fn mio() {
    answers_a_line("mio");
}

#[test]
fn completion() {
    answers_a_line("completion");
}

/// kdig is client and proxy at once. What it gets is its own query; the example's output says whose that was.
#[test]
fn udp() {
    let example = start("udp");
    let (_, port) = example.address.rsplit_once(':').unwrap();
    let output = Command::new("kdig")
        .args(["@127.0.0.1", "-p", port, "+proxy=192.0.2.1#56324-198.51.100.2#53", "+notcp", "+retry=0"])
        .args(["+timeout=30", "example.com"])
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("kdig: {error}; {MISSING}"));
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("example.com."), "kdig: {}\n{stdout}", output.status);
    let line = example.process.stdout.find("who asked", |line| line.contains(" through "));
    assert!(line.starts_with("192.0.2.1:56324 through 127.0.0.1:"), "{line}");
}

/// By a client in Python, which prints the answer. Debian's Python, for it is the one that has Debian's modules.
fn asked_by(script: &str, name: &str) {
    let (_example, haproxy) = behind_haproxy(name);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script);
    let mut command = Command::new("/usr/bin/python3");
    let client = Process::start(script, command.arg(path).arg(&haproxy.address), MISSING);
    assert_eq!(client.stdout.get(0, "the answer"), haproxy.log("127.0.0.1"));
}

fn answers_a_line(name: &str) {
    let (_example, haproxy) = behind_haproxy(name);
    let client = python_client(&haproxy.address, "who am I?", &[]);
    assert_eq!(client.echo, haproxy.log("127.0.0.1"));
    assert!(client.echo.starts_with(&format!("{} through ", client.address)), "{client:?}");
}

/// Without HAProxy: curl is client and proxy at once.
fn curl_sends_its_own_header(url: &str) {
    let answer = curl(url, &["--insecure", "--haproxy-protocol", "--write-out", "%{local_ip}:%{local_port}"]);
    let (answer, own) = answer.trim().split_once('\n').expect("an answer, and curl's own address");
    assert!(
        own.starts_with(CLIENT) && answer.starts_with(&format!("{own} through {own}")),
        "{answer}\n{own}"
    );
}

fn curl(url: &str, options: &[&str]) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", "30"])
        .args(["--interface", CLIENT, url])
        .args(options)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("curl: {error}; {MISSING}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "curl: {}\n{stderr}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// An example that serves on a free port.
struct Example {
    process: Process,
    address: String,
}

/// HAProxy on a free port, in front of an example.
struct HaProxy {
    process: Process,
    _dir: TempDir,
    address: String,
}

fn behind_haproxy(name: &str) -> (Example, HaProxy) {
    let example = start(name);
    let haproxy = HaProxy::start(&example.address);
    (example, haproxy)
}

fn start(name: &str) -> Example {
    let executable = examples().get(name).unwrap_or_else(|| panic!("no example {name}"));
    let process =
        Process::start(name, Command::new(executable).arg("127.0.0.1:0"), "it was built a moment ago");
    let line = process.stdout.find("where it listens", |line| line.starts_with("listening on "));
    let address = line.trim_start_matches("listening on ").to_owned();
    Example { process, address }
}

impl HaProxy {
    fn start(server: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("realpeer-").tempdir().unwrap();
        // Someone may take the free port before HAProxy does.
        for _ in 0..10 {
            let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
            let (file, stats) = (dir.path().join("haproxy.cfg"), dir.path().join("stats.sock"));
            let config = format!(
                "global\n noreuseport\n nbthread 1\n stats socket {}\n log stdout format raw local0\n\
                 listen front\n mode tcp\n bind {address}\n server server {server} send-proxy-v2\n log global\n \
                 log-format \"%ci:%cp through %bi:%bp\"\n \
                 timeout connect 30s\n timeout client 60s\n timeout server 60s\n",
                stats.display()
            );
            fs::write(&file, &config).unwrap();
            let mut command = Command::new("/usr/sbin/haproxy");
            let mut process = Process::start("haproxy", command.arg("-db").arg("-f").arg(&file), MISSING);
            let ended = eventually("HAProxy starts", || match process.ended() {
                Some(status) => Some(Some(status)),
                None => std::os::unix::net::UnixStream::connect(&stats).ok().map(|_| None),
            });
            let Some(status) = ended else { return Self { process, _dir: dir, address } };
            let said = process.stderr.to_end().join("\n");
            assert!(said.contains("Address already in use"), "HAProxy: {status}\n{said}\n{config}");
        }
        panic!("no free port in ten attempts");
    }

    /// `SOURCE through PROXY` of the only connection, which came from `client`. Waits for its end.
    fn log(&self, client: &str) -> String {
        let line =
            self.process.stdout.find("HAProxy's log of the connection", |line| line.contains(" through "));
        let (source, proxy) = line.split_once(" through ").unwrap();
        assert!(source.starts_with(&format!("{client}:")) && source != proxy, "{line}");
        line
    }
}

/// The examples and their executables, built once for this process.
fn examples() -> &'static BTreeMap<String, PathBuf> {
    static EXAMPLES: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    EXAMPLES.get_or_init(|| {
        let built = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--package", "realpeer-examples", "--bins", "--features", "frameworks"])
            .args(["--message-format", "json-render-diagnostics"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(built.status.success(), "cargo build: {}", String::from_utf8_lossy(&built.stderr));
        let messages = String::from_utf8(built.stdout).unwrap();
        let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let executable = |message: Value| {
            let name = message["target"]["name"].as_str()?.to_owned();
            Some((name, PathBuf::from(message["executable"].as_str()?)))
        };
        messages.filter_map(executable).collect()
    })
}
