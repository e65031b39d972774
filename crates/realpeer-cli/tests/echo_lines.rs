//! What `realpeer echo` prints: nothing that a client can forge, reasons, remedies; and datagrams.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use common::echo::{HEADER, connect, start, start_tcp, talk, tlv, v2};
use common::{Echo, PATIENCE, program, wait};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

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
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
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
fn nohup_keeps_the_server() {
    let arguments = ["-c", "trap '' HUP; exec \"$0\" echo --listen 127.0.0.1:0 --trust 127.0.0.1"];
    let mut child = Command::new("sh")
        .args(arguments)
        .arg(env!("CARGO_BIN_EXE_realpeer"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut ready = String::new();
    std::io::BufRead::read_line(&mut stderr, &mut ready).unwrap();
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    let mut stream = TcpStream::connect(ready.trim().strip_prefix("listening on ").unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&[HEADER, b"hello"].concat()).unwrap();
    let mut echoed = [0; 5];
    stream.read_exact(&mut echoed).unwrap();
    assert_eq!(&echoed, b"hello");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(wait(&mut child).code(), Some(0));
}
