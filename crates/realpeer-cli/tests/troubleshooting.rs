//! The outputs in docs/troubleshooting.md are those of the program. REALPEER_BLESS=1 writes them into the page.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::doc_markdown,
    reason = "this is test code"
)]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::{env, fs, thread};

use common::headers::{V1, encode, inet, v2};
use common::{PATIENCE, Running, run, run_with};
use realpeer::proto::{Addresses, Encoder, Version};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/troubleshooting.md");

/// The command as the page shows it, and what it prints.
fn shown(command: &str, output: &str) -> String {
    format!("$ {command}\n{}\n", output.trim_end())
}

fn decode(input: &[u8]) -> String {
    shown("realpeer decode header.bin", &run_with(&["decode"], input).1)
}

/// What `realpeer echo` prints of a connection that sends these bytes, broken into lines of 80.
fn echo(options: &[&str], bytes: &[u8], is_silent: bool) -> String {
    let echo = Running::echo(&[&["--listen", "127.0.0.1:0"], options].concat());
    let mut stream = TcpStream::connect(&echo.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    if !is_silent {
        stream.shutdown(Shutdown::Write).unwrap();
    }
    let _ = stream.read_to_end(&mut Vec::new());
    let line = echo.line();
    let client = stream.local_addr().unwrap().to_string();
    let command = "realpeer echo --listen 0.0.0.0:8080 --trust 10.0.0.2";
    shown(command, &folded(&line.replace(&client, "10.0.0.2:41000").replace(&echo.address, "10.0.0.5:8080")))
}

/// Long lines as a terminal would break them, at words.
fn folded(line: &str) -> String {
    let mut lines = vec![String::new()];
    for word in line.split(' ') {
        let last = lines.last_mut().unwrap();
        if last.len() + 1 + word.len() > 80 {
            lines.push(word.into());
        } else {
            *last += if last.is_empty() { "" } else { " " };
            *last += word;
        }
    }
    lines.join("\n")
}

/// Answers as a web server does that knows no headers.
fn probe_plain() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let len = stream.read(&mut request).unwrap_or(0);
            let status = if request[..len].starts_with(b"GET ") { "200 OK" } else { "400 Bad Request" };
            let _ = stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes());
        }
    });
    let (_, output, _) = run(&["probe", &address, "--http"]);
    shown("realpeer probe 10.0.0.5:80 --http", &output.replace(&address, "10.0.0.5:80"))
}

fn datagrams() -> String {
    let echo = Running::echo(&["--listen", "udp:127.0.0.1:0", "--trust", "127.0.0.1"]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = echo.address.strip_prefix("udp:").unwrap();
    let header = encode(&Encoder::new(Version::V2, inet()).dgram());
    socket.send_to(&[&header[..], b"first"].concat(), address).unwrap();
    let first = echo.line();
    socket.send_to(b"second", address).unwrap();
    let client = socket.local_addr().unwrap().to_string();
    let lines = [first, echo.line()].map(|line| folded(&line.replace(&client, "10.0.0.2:41000")));
    shown("realpeer echo --listen udp:0.0.0.0:53 --trust 10.0.0.2", &lines.join("\n"))
}

fn outputs() -> Vec<(&'static str, String)> {
    let trusted = ["--trust", "127.0.0.1"];
    let mapped =
        Addresses::new("[::ffff:192.0.2.1]:56324".parse().unwrap(), "[2001:db8::2]:443".parse().unwrap());
    let mut wrong = v2(&[]);
    wrong[31..35].reverse();
    vec![
        ("probe-plain", probe_plain()),
        ("echo-local", echo(&trusted, &encode(&Encoder::local()), false)),
        ("decode-tls", decode(b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03")),
        ("echo-timeout", echo(&["--trust", "127.0.0.1", "--timeout", "0.3"], b"", true)),
        ("echo-unknown", echo(&trusted, b"PROXY UNKNOWN\r\n", false)),
        ("decode-mapped", decode(&encode(&Encoder::new(Version::V2, mapped)))),
        ("echo-datagrams", datagrams()),
        (
            "echo-refused",
            echo(&["--trust", "192.0.2.9"], V1, true)
                .replace("127.0.0.1", "10.0.0.3")
                .replace("10.0.0.2:41000", "10.0.0.3:41000"),
        ),
        ("decode-port-0", decode(b"PROXY TCP4 192.0.2.1 198.51.100.2 0 443\r\n")),
        ("decode-twice", decode(&[&encode(&Encoder::new(Version::V2, inet())), V1].concat())),
        ("decode-crc32c", decode(&wrong)),
        (
            "echo-masqueraded",
            echo(&["--trust", "192.0.2.9"], V1, true)
                .replace("127.0.0.1", "172.17.0.1")
                .replace("10.0.0.2:41000", "172.17.0.1:41000"),
        ),
    ]
}

#[test]
fn the_page_shows_what_the_program_prints() {
    let page = fs::read_to_string(PAGE).unwrap();
    let mut right = page.clone();
    let outputs = outputs();
    for (name, output) in &outputs {
        let marker = format!("<!-- output: {name} -->\n```text\n");
        let start = right.find(&marker).unwrap_or_else(|| panic!("no {name} in the page")) + marker.len();
        let end = start + right[start..].find("```\n").unwrap();
        right.replace_range(start..end, output);
    }
    assert_eq!(page.matches("<!-- output: ").count(), outputs.len());
    assert_eq!(page.matches("\n## ").count(), 12);
    if env::var_os("REALPEER_BLESS").is_some() {
        fs::write(PAGE, right).unwrap();
    } else {
        assert_eq!(page, right, "if it is right now, run the test with REALPEER_BLESS=1");
    }
}
