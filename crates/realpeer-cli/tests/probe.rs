//! `realpeer probe`, on servers of these tests; `interop/probe.rs` of the tests package has real ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use common::golden::compare;
use common::{Echo, run};
use serde_json::Value;

/// Serves each connection with `serve` until the test ends; returns the address.
fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || listener.incoming().for_each(|stream| serve(stream.unwrap())));
    address
}

/// Status and what is said, as JSON.
fn probe(options: &[&str]) -> (i32, Value) {
    let (code, stdout, stderr) = run(&[&["probe", "--timeout", "0.3", "--json"], options].concat());
    assert_eq!(stderr, "");
    (code.unwrap(), serde_json::from_str(&stdout).unwrap())
}

fn read_some(mut stream: &TcpStream) -> Vec<u8> {
    let mut buffer = [0; 4096];
    let len = stream.read(&mut buffer).unwrap_or(0);
    buffer[..len].to_vec()
}

#[test]
fn a_server_that_wants_a_header() {
    let echo = Echo::echo(&["--listen", "127.0.0.1:0", "--trust", "127.0.0.1", "--timeout", "5"]);
    let (code, stdout, stderr) = run(&["probe", &echo.address, "--send", "hello", "--timeout", "0.5"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    compare("probe-echo", &stdout.replace(&echo.address, "127.0.0.1:9000"));
}

#[test]
fn a_server_that_trusts_others_only() {
    let echo = Echo::echo(&["--listen", "127.0.0.1:0", "--trust", "192.0.2.1"]);
    let (code, said) = probe(&[&echo.address, "--send", "hello"]);
    assert_eq!((code, &said["speaks"]), (3, &Value::Null));
    let conclusion = said["conclusion"].as_str().unwrap();
    assert!(conclusion.contains("add this machine's address to the proxies it trusts"), "{conclusion}");
}

#[test]
fn a_server_that_echoes_everything_reads_no_header() {
    let address = server(|mut stream| {
        let bytes = read_some(&stream);
        let _ = stream.write_all(&bytes);
    });
    let (code, said) = probe(&[&address, "--send", "hello"]);
    assert_eq!((code, &said["speaks"]), (1, &Value::Bool(false)), "{said}");
    // It must not be taken for one that believes the address: that came back with the header.
    let (_, stdout, _) = run(&["probe", &address, "--send", "hello", "--timeout", "0.3"]);
    assert!(!stdout.contains("It believes"), "{stdout}");
}

#[test]
fn a_server_that_answers_everything_alike_or_nothing_cannot_be_told() {
    let alike = server(|mut stream| {
        read_some(&stream);
        let _ = stream.write_all(b"welcome\r\n");
    });
    let (code, said) = probe(&[&alike, "--send", "hello"]);
    assert_eq!((code, &said["speaks"]), (3, &Value::Null), "{said}");
    let silent = server(|stream| {
        thread::spawn(move || {
            read_some(&stream);
            thread::sleep(std::time::Duration::from_secs(30));
            drop(stream);
        });
    });
    let (code, said) = probe(&[&silent]);
    assert_eq!(code, 3, "{said}");
    assert!(said["conclusion"].as_str().unwrap().contains("--http"), "{said}");
}

#[test]
fn an_answer_without_end_and_with_escapes_is_cut_and_harmless() {
    let address = server(|mut stream| {
        thread::spawn(move || while stream.write_all(b"\x1b[2J\xc2\x9b31m").is_ok() {});
    });
    let (_, stdout, stderr) = run(&["probe", &address, "--timeout", "0.3"]);
    assert_eq!(stderr, "");
    assert!(stdout.chars().all(|char| char == '\n' || char == ' ' || char.is_ascii_graphic()), "{stdout:?}");
}

#[test]
fn a_server_that_is_not_there() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (code, stdout, stderr) = run(&["probe", &address]);
    assert_eq!((code, stdout.as_str()), (Some(4), ""));
    assert!(
        stderr.starts_with(&format!("error: can't connect to {address}: Connection refused")),
        "{stderr}"
    );
    let (code, _, stderr) = run(&["probe", "localhost"]);
    assert_eq!(code, Some(4));
    assert!(stderr.contains("want HOST:PORT"), "{stderr}");
    assert_eq!(run(&["probe", "127.0.0.1:1", "--http", "--tls"]).0, Some(2));
}
