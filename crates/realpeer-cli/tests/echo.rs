//! `realpeer echo`, on each runtime.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::{fs, path::Path};

use common::echo::{HEADER, connect, start, start_tcp, talk, tlv, v2};
use common::{Echo, PATIENCE, program, run, wait};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde_json::{Value, json};

/// Makes a test of each function for each runtime.
macro_rules! on_each_runtime {
    ($($case:ident),+ $(,)?) => {$(
        mod $case {
            #[test]
            fn std() {
                super::$case("std");
            }

            #[test]
            fn tokio() {
                super::$case("tokio");
            }

            #[cfg(feature = "runtimes")]
            #[test]
            fn smol() {
                super::$case("smol");
            }

            #[cfg(feature = "runtimes")]
            #[test]
            fn async_std() {
                super::$case("async-std");
            }
        }
    )+};
}

on_each_runtime!(
    reports_are_json,
    lines_to_read,
    refused_peers_are_not_read,
    failures_have_a_kind,
    echoes_all_until_the_client_stops,
    silent_peers_stop_nobody,
    unix_socket_file,
    abstract_socket,
    both_families_on_one_socket,
    stdout_closed,
);

fn reports_are_json(runtime: &str) {
    let echo = start_tcp(runtime, &["--json"]);
    let (echoed, client) = talk(&echo, &[HEADER, b"hello"].concat());
    assert_eq!(echoed, b"hello");
    let expected = format!(
        "{{\"source\":\"192.0.2.1:56324\",\"destination\":\"198.51.100.2:443\",\"proxy\":\"{client}\",\
         \"version\":1,\"command\":\"PROXY\",\"protocol\":\"TCP4\",\"tlvs\":[]}}"
    );
    assert_eq!(echo.line(), expected);

    let ssl = [&b"\x03\0\0\0\0"[..], &tlv(0x21, b"TLSv1.3"), &tlv(0x22, b"alice"), &tlv(0x99, b"?")].concat();
    let tlvs = [
        tlv(0x01, b"h2"),
        tlv(0x02, b"example.com"),
        tlv(0x05, b"\x00\x01"),
        tlv(0x20, &ssl),
        tlv(0xEA, b"\x01vpce-1"),
        tlv(0xEE, b"\x01\x04\x03\x02\x01"),
        tlv(0xE0, b"\x00\x00\x00\x01\x00\x00\x00\x02"),
        tlv(0xE0, b"not Google's"),
        tlv(0xF0, b"\xff"),
    ];
    let (echoed, client) = talk(&echo, &v2(&tlvs.concat()));
    assert_eq!(echoed, b"");
    let expected = json!({
        "source": "192.0.2.1:56324", "destination": "198.51.100.2:443", "proxy": client,
        "version": 2, "command": "PROXY", "protocol": "TCP4", "tlvs": [
            {"type": 1, "name": "ALPN", "hex": "6832", "text": "h2"},
            {"type": 2, "name": "AUTHORITY", "hex": "6578616d706c652e636f6d", "text": "example.com"},
            {"type": 5, "name": "UNIQUE_ID", "hex": "0001"},
            {"type": 32, "name": "SSL", "hex": hex(&ssl), "client": 3, "verify": 0, "verified": true, "tlvs": [
                {"type": 33, "name": "SSL_VERSION", "hex": hex(b"TLSv1.3"), "text": "TLSv1.3"},
                {"type": 34, "name": "SSL_CN", "hex": hex(b"alice"), "text": "alice"},
                {"type": 153, "name": null, "hex": "3f"},
            ]},
            {"type": 234, "name": "AWS", "hex": "01767063652d31", "text": "vpce-1"},
            {"type": 238, "name": "AZURE", "hex": "0104030201", "value": 0x0102_0304},
            {"type": 224, "name": "GCP", "hex": "0000000100000002", "value": 0x1_0000_0002_u64},
            {"type": 224, "name": null, "hex": hex(b"not Google's")},
            {"type": 240, "name": null, "hex": "ff"},
        ],
    });
    assert_eq!(echo.report(), expected);

    let (_, client) = talk(&echo, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    let expected = json!({
        "source": client, "destination": echo.address, "proxy": client, "version": 2, "command": "LOCAL",
        "protocol": "UNSPEC", "tlvs": []
    });
    assert_eq!(echo.report(), expected);
    echo.stop();
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

fn lines_to_read(runtime: &str) {
    let echo = start_tcp(runtime, &[]);
    // Says nothing, but the next one does.
    assert_eq!(talk(&echo, b"").0, b"");
    let (_, client) = talk(&echo, &v2(&[tlv(1, b"h2"), tlv(2, b"\x1b[2J")].concat()));
    // What is no text to show does not reach the terminal.
    let expected = format!(
        "192.0.2.1:56324 -> 198.51.100.2:443 through {client}, v2 PROXY, ALPN \"h2\", AUTHORITY \"\\u{{1b}}[2J\""
    );
    assert_eq!(echo.line(), expected);
    let mut stream = connect(&echo);
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let expected = format!("{} not served: protocol: no PROXY header: ", stream.local_addr().unwrap());
    let line = echo.line();
    assert!(line.starts_with(&expected), "{line}");
    echo.stop();
}

/// The client finds its connection closed, and not a byte in it.
fn is_closed(mut stream: TcpStream) {
    match stream.read(&mut [0; 1]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("{other:?}"),
    }
}

fn assert_failure(report: &Value, stream: &TcpStream, kind: &str) {
    let message = report["error"]["message"].as_str().unwrap();
    assert!(!message.is_empty());
    let expected = json!({
        "source": null, "destination": null, "proxy": stream.local_addr().unwrap().to_string(), "version": null,
        "command": null, "protocol": null, "tlvs": null, "error": {"kind": kind, "message": message}
    });
    let mut report = report.clone();
    report["error"].as_object_mut().unwrap().remove("remedy");
    assert_eq!(report, expected);
}

fn refused_peers_are_not_read(runtime: &str) {
    let echo = Echo::echo(&[
        "--runtime",
        runtime,
        "--listen",
        "127.0.0.1:0",
        "--trust",
        "192.0.2.0/24",
        "--trust",
        "unix",
        "--json",
    ]);
    // It is refused at once: it need not send anything for that.
    let stream = connect(&echo);
    assert_failure(&echo.report(), &stream, "refused");
    is_closed(stream);
    echo.stop();
}

fn failures_have_a_kind(runtime: &str) {
    let echo = start_tcp(runtime, &["--json", "--timeout", "0.3", "--require", "v2"]);
    let stream = connect(&echo);
    stream.shutdown(Shutdown::Write).unwrap();
    assert_failure(&echo.report(), &stream, "closed");
    is_closed(stream);

    let mut stream = connect(&echo);
    stream.write_all(HEADER).unwrap();
    assert_failure(&echo.report(), &stream, "protocol");
    is_closed(stream);

    let mut stream = connect(&echo);
    stream.write_all(b"\r\n\r\n").unwrap();
    assert_failure(&echo.report(), &stream, "timeout");
    is_closed(stream);
    echo.stop();
}

fn echoes_all_until_the_client_stops(runtime: &str) {
    let echo = start_tcp(runtime, &["--json", "--timeout", "0.3"]);
    let mut stream = connect(&echo);
    stream.write_all(HEADER).unwrap();
    assert_eq!(echo.report()["version"], 1);
    // The deadline was the header's: an idle connection outlives it.
    thread::sleep(std::time::Duration::from_millis(600));
    let payload: Vec<u8> = (0..3_000_000u32).flat_map(u32::to_le_bytes).collect();
    let mut writer = stream.try_clone().unwrap();
    let sent = payload.clone();
    let writing = thread::spawn(move || {
        writer.write_all(&sent).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut echoed = Vec::new();
    stream.read_to_end(&mut echoed).unwrap();
    writing.join().unwrap();
    assert!(echoed == payload, "{} bytes of {}", echoed.len(), payload.len());
    echo.stop();
}

fn silent_peers_stop_nobody(runtime: &str) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let echo = start_tcp(runtime, &["--json", "--timeout", "600"]);
    let silent: Vec<_> = (0..1000).map(|_| connect(&echo)).collect();
    for _ in 0..3 {
        assert_eq!(talk(&echo, &[HEADER, b"hello"].concat()).0, b"hello");
        assert_eq!(echo.report()["source"], "192.0.2.1:56324");
    }
    drop(silent);
    for _ in 0..1000 {
        assert_eq!(echo.report()["error"]["kind"], "closed");
    }
    echo.stop();
}

fn unix_socket_file(runtime: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("echo.sock");
    let listen = format!("unix:{}", path.display());
    let start = || start(runtime, &["--listen", &listen, "--trust", "unix", "--json"]);

    let echo = start();
    assert_eq!(echo.address, listen);
    talk_unix(&echo, UnixStream::connect(&path).unwrap());

    // While it runs nobody else gets in, and it stays as it is but for the look at it.
    let (code, stdout, stderr) = run(&["echo", "--listen", &listen, "--trust", "unix", "--runtime", runtime]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert_eq!(stderr, format!("error: can't listen on {listen}: another server listens there\n"));
    assert_eq!(echo.report()["error"]["kind"], "closed");
    talk_unix(&echo, UnixStream::connect(&path).unwrap());
    echo.stop();
    assert!(!path.exists());

    let echo = start();
    echo.kill();
    assert!(path.exists());
    let echo = start();
    talk_unix(&echo, UnixStream::connect(&path).unwrap());
    echo.end_with(Signal::INT);
    assert!(!path.exists());

    // A file that another server has put there is not ours to remove.
    let echo = start();
    fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    echo.stop();
    assert!(path.exists());
    drop(other);
}

fn talk_unix(echo: &Echo, mut stream: UnixStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&[HEADER, b"hello"].concat()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut echoed = Vec::new();
    stream.read_to_end(&mut echoed).unwrap();
    assert_eq!(echoed, b"hello");
    let report = echo.report();
    assert_eq!((&report["source"], &report["proxy"]), (&json!("192.0.2.1:56324"), &json!("unix:")));
}

#[cfg(target_os = "linux")]
fn abstract_socket(runtime: &str) {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    let name = format!("realpeer-test-{runtime}-{}", std::process::id());
    let listen = format!("unix:@{name}");
    let echo = start(runtime, &["--listen", &listen, "--trust", "unix", "--json"]);
    assert_eq!(echo.address, listen);
    let addr = SocketAddr::from_abstract_name(&name).unwrap();
    talk_unix(&echo, UnixStream::connect_addr(&addr).unwrap());
    echo.stop();
}

#[cfg(not(target_os = "linux"))]
fn abstract_socket(_: &str) {}

fn both_families_on_one_socket(runtime: &str) {
    let echo = start(runtime, &["--listen", "[::]:0", "--trust", "::1", "--json"]);
    let port = echo.address.rsplit_once(':').unwrap().1;
    for host in ["127.0.0.1", "[::1]"] {
        let mut stream = TcpStream::connect(format!("{host}:{port}")).unwrap();
        stream.write_all(HEADER).unwrap();
        assert_eq!(echo.report()["source"], "192.0.2.1:56324", "{host}");
    }
    echo.stop();
}

fn stdout_closed(runtime: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("echo.sock");
    let mut child = program()
        .args(["echo", "--runtime", runtime, "--trust", "unix", "--json", "--listen"])
        .arg(format!("unix:{}", path.display()))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    until_exists(&path);
    // The server may be gone before the header is sent.
    let _ = UnixStream::connect(&path).and_then(|mut stream| stream.write_all(HEADER));
    assert_eq!(wait(&mut child).code(), Some(0));
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(stderr, format!("listening on unix:{}\n", path.display()));
    assert!(!path.exists());
}

fn until_exists(path: &Path) {
    let end = std::time::Instant::now() + PATIENCE;
    while !path.exists() {
        assert!(std::time::Instant::now() < end, "no socket");
        thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn errors_at_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let (code, stdout, stderr) = run(&["echo", "--listen", &addr, "--trust", "127.0.0.1"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(
        stderr.starts_with(&format!("error: can't listen on {addr}: Address already in use")),
        "{stderr}"
    );

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("precious");
    fs::write(&path, "text").unwrap();
    let listen = format!("unix:{}", path.display());
    let (code, _, stderr) = run(&["echo", "--listen", &listen, "--trust", "unix"]);
    assert_eq!(code, Some(1));
    assert_eq!(stderr, format!("error: can't listen on {listen}: there is a file that isn't a socket\n"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "text");
}

#[test]
fn usage_errors() {
    let listen = ["echo", "--listen", "127.0.0.1:0"];
    for (more, said) in [
        (&[][..], "--trust"),
        (&["--trust", "10.0.0.0/33"], "10.0.0.0/33"),
        (&["--trust", "anyone", "--listen", "127.0.0.1"], "--listen"),
        (&["--trust", "anyone", "--timeout", "0"], "--timeout"),
        (&["--trust", "anyone", "--timeout", "NaN"], "--timeout"),
        (&["--trust", "anyone", "--runtime", "other"], "--runtime"),
        (&["--trust", "anyone", "--require", "v3"], "--require"),
    ] {
        let (code, stdout, stderr) = run(&[&listen[..], more].concat());
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{more:?}: {stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
    for address in ["localhost:80", "unix:", "unix:@", "127.0.0.1"] {
        let (code, _, stderr) = run(&["echo", "--trust", "anyone", "--listen", address]);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains("--listen"), "{stderr}");
    }
}
