//! `realpeer echo`, on each runtime.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::{fs, path::Path};

use common::{Echo, PATIENCE, program, run, wait};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde_json::{Value, json};

const HEADER: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";

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

fn start(runtime: &str, options: &[&str]) -> Echo {
    Echo::echo(&[&["--runtime", runtime, "--trust", "127.0.0.1"], options].concat())
}

fn start_tcp(runtime: &str, options: &[&str]) -> Echo {
    start(runtime, &[&["--listen", "127.0.0.1:0"], options].concat())
}

fn connect(echo: &Echo) -> TcpStream {
    let stream = TcpStream::connect(&echo.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends these bytes and says that these are all; gives what comes back, and the client's address.
fn talk(echo: &Echo, bytes: &[u8]) -> (Vec<u8>, String) {
    let mut stream = connect(echo);
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut echoed = Vec::new();
    stream.read_to_end(&mut echoed).unwrap();
    (echoed, stream.local_addr().unwrap().to_string())
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind, 0, u8::try_from(value.len()).unwrap()], value].concat()
}

/// A version 2 header from 192.0.2.1:56324 to 198.51.100.2:443.
fn v2(tlvs: &[u8]) -> Vec<u8> {
    let length = u16::try_from(12 + tlvs.len()).unwrap().to_be_bytes();
    let addresses = [192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 0x01, 0xbb];
    [b"\r\n\r\n\0\r\nQUIT\n\x21\x11", &length[..], &addresses, tlvs].concat()
}

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

/// A line for a person about a connection that sends these bytes, with the client's own address as CLIENT.
fn line_about(echo: &Echo, bytes: &[u8]) -> String {
    let (_, client) = talk(echo, bytes);
    echo.line().replace(&client, "CLIENT").replace(&echo.address, "SERVER")
}

#[test]
fn a_client_cannot_forge_a_part_of_a_line() {
    let echo = start_tcp("std", &[]);
    let forged = b"example.com, SSL (client certificate verified, VERSION \"TLSv1.3\", CN \"alice\")";
    assert_eq!(
        line_about(&echo, &v2(&tlv(2, forged))),
        r#"192.0.2.1:56324 -> 198.51.100.2:443 through CLIENT, v2 PROXY, AUTHORITY "example.com, SSL (client certificate verified, VERSION \"TLSv1.3\", CN \"alice\")""#
    );
    let mut unix = [b"\r\n\r\n\0\r\nQUIT\n\x21\x31\x00\xd8".as_slice(), &[0; 216]].concat();
    let name = b"/a -> 192.0.2.9:80 through 10.0.0.1:1, v1 PROXY\n";
    unix[16..16 + name.len()].copy_from_slice(name);
    unix[124..127].copy_from_slice(b"\0ok");
    let line = line_about(&echo, &unix);
    assert!(line.starts_with("\"unix:/a -> 192.0.2.9:80 through 10.0.0.1:1, v1 PROXY"), "{line}");
    assert!(line.ends_with("\" -> unix:@ok through CLIENT, v2 PROXY"), "{line}");
    echo.stop();
}

#[test]
fn json_holds_no_character_that_a_terminal_obeys() {
    let echo = start_tcp("std", &["--json"]);
    let text = "\u{7f}\u{80}\u{9b}\u{9f}\u{61c}\u{200e}\u{202a}\u{202e}\u{2066}\u{2069}";
    talk(&echo, &v2(&tlv(2, text.as_bytes())));
    let line = echo.line();
    assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{line:?}");
    let report: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(report["tlvs"][0]["text"], text);
    echo.stop();
}

#[test]
fn a_header_without_addresses_is_shown_as_such() {
    let echo = start_tcp("std", &[]);
    assert_eq!(
        line_about(&echo, b"PROXY UNKNOWN\r\n"),
        "CLIENT -> SERVER, v1 PROXY UNKNOWN: no addresses in the header, so those of the socket count: the proxy can't \
         tell its client, or the connection is its own"
    );
    assert_eq!(
        line_about(&echo, b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0"),
        "CLIENT -> SERVER, v2 PROXY UNSPEC: no addresses in the header, so those of the socket count: the client came \
         by something else than IPv4, IPv6 or a UNIX socket, or the connection is the proxy's own"
    );
    assert_eq!(
        line_about(&echo, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"),
        "CLIENT -> SERVER, v2 LOCAL UNSPEC: no addresses in the header, so those of the socket count: the connection is \
         the proxy's own, as for a health check"
    );
    echo.stop();
    let echo = start_tcp("std", &["--json"]);
    for (bytes, protocol) in
        [(&b"PROXY UNKNOWN\r\n"[..], "UNKNOWN"), (b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0", "UNSPEC")]
    {
        talk(&echo, bytes);
        assert_eq!(echo.report()["protocol"], protocol);
    }
    echo.stop();
}

#[test]
fn a_failure_says_what_to_change() {
    let echo = Echo::echo(&["--listen", "127.0.0.1:0", "--trust", "10.0.0.0/8,192.0.2.1"]);
    let stream = connect(&echo);
    let client = stream.local_addr().unwrap();
    assert_eq!(
        echo.line(),
        format!(
            "{client} not served: refused: 127.0.0.1 is not trusted; if it is your proxy add --trust 127.0.0.1"
        )
    );
    echo.stop();
    let echo = start_tcp("std", &["--timeout", "0.2"]);
    let _silent = connect(&echo);
    assert!(echo.line().contains("an AWS NLB holds it back"));
    echo.stop();
}

#[test]
fn whom_to_trust_can_be_a_list() {
    let echo = Echo::echo(&["--listen", "127.0.0.1:0", "--trust", "192.0.2.1,127.0.0.0/8,unix"]);
    assert_eq!(talk(&echo, &[HEADER, b"hello"].concat()).0, b"hello");
    echo.line();
    echo.stop();
}

#[test]
fn a_stopped_reader_of_stdout_stops_no_connection() {
    let mut child = program()
        .args(["echo", "--listen", "127.0.0.1:0", "--trust", "127.0.0.1"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut ready = String::new();
    std::io::BufRead::read_line(&mut stderr, &mut ready).unwrap();
    let address = ready.trim().strip_prefix("listening on ").unwrap();
    // Lines of 3,000 bytes: a pipe holds 64 KiB, and 1,024 lines wait.
    let header = v2(&tlv(2, &[b'x'; 200]).repeat(14));
    for _ in 0..1300 {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&[&header[..], b"hello"].concat()).unwrap();
        let mut echoed = [0; 5];
        stream.read_exact(&mut echoed).unwrap();
        assert_eq!(&echoed, b"hello");
    }
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with('(') {
        line.clear();
        assert_ne!(std::io::BufRead::read_line(&mut stdout, &mut line).unwrap(), 0);
    }
    assert!(line.ends_with("lines lost: the reader of stdout is too slow)\n"), "{line}");
    child.kill().unwrap();
    wait(&mut child);
}

#[test]
fn sighup_removes_the_socket_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("echo.sock");
    let listen = format!("unix:{}", path.display());
    let echo = start("std", &["--listen", &listen]);
    echo.end_with(Signal::HUP);
    assert!(!path.exists());
}

#[test]
fn datagrams_are_echoed_without_their_header() {
    let echo = Echo::echo(&["--listen", "udp:127.0.0.1:0", "--trust", "127.0.0.1", "--json"]);
    let address = echo.address.strip_prefix("udp:").unwrap();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut header = v2(b"");
    header[13] = 0x12;
    socket.send_to(&[&header[..], b"query"].concat(), address).unwrap();
    let mut answer = [0; 100];
    let (len, from) = socket.recv_from(&mut answer).unwrap();
    assert_eq!((&answer[..len], from.to_string().as_str()), (&b"query"[..], address));
    let report = echo.report();
    assert_eq!((&report["source"], &report["protocol"]), (&json!("192.0.2.1:56324"), &json!("UDP4")));

    socket.send_to(b"no header", address).unwrap();
    assert_eq!(echo.report()["error"]["kind"], "protocol");
    let stranger = std::net::UdpSocket::bind("127.0.0.2:0").unwrap();
    stranger.send_to(&header, address).unwrap();
    assert_eq!(echo.report()["error"]["message"], "127.0.0.2 is not trusted");
    echo.stop();
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
