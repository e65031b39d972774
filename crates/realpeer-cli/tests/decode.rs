//! `realpeer decode`: every form of input, what is shown of headers good and bad, and exit statuses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};

use common::golden::{compare, compare_any_width};
use common::headers::{V1, encode, everything, inet, inet6, unix, v2};
use common::{Running, run, run_with};
use realpeer::proto::{Encoder, Tlv, Version, kind};
use serde_json::Value;

/// Status, stdout and stderr for these bytes on stdin.
fn decode(options: &[&str], input: &[u8]) -> (i32, String, String) {
    let (code, stdout, stderr) = run_with(&[&["decode"], options].concat(), input);
    (code.unwrap(), stdout, stderr)
}

/// Compares what is printed of `input` with the file NAME, and checks the exit status.
fn golden(name: &str, options: &[&str], input: &[u8], status: i32) {
    let (code, stdout, stderr) = decode(options, input);
    assert_eq!((code, stderr.as_str()), (status, ""), "{name}: {stdout}");
    compare(name, &stdout);
}

fn with_payload(header: &[u8], payload: &[u8]) -> Vec<u8> {
    [header, payload].concat()
}

const CLIENT_HELLO: &[u8] = b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03";

#[test]
fn good_headers() {
    golden("decode-v1", &[], &with_payload(V1, b"GET / HTTP/1.1\r\n\r\n"), 0);
    golden("decode-v1-unknown", &[], b"PROXY UNKNOWN ffff::1 whatever\r\n", 0);
    golden("decode-v2", &[], &with_payload(&encode(&Encoder::new(Version::V2, inet())), CLIENT_HELLO), 0);
    golden("decode-v2-inet6", &[], &encode(&Encoder::new(Version::V2, inet6())), 0);
    golden("decode-v2-unix", &[], &encode(&Encoder::new(Version::V2, unix()).dgram()), 0);
    golden("decode-v2-local", &[], &encode(&Encoder::local()), 0);
    golden(
        "decode-v2-local-ignored",
        &[],
        b"\r\n\r\n\0\r\nQUIT\n\x20\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\0\x50\0\x51",
        0,
    );
    golden("decode-two-headers", &[], &with_payload(&v2(&[]), V1), 0);
}

#[test]
fn every_tlv_has_a_meaning() {
    let name = if cfg!(feature = "x509") { "decode-everything-x509" } else { "decode-everything" };
    golden(name, &["--sections"], &everything(), 0);
}

#[test]
fn full_shows_every_byte_of_a_long_value() {
    let input = v2(&[Tlv::new(0x99, &[0xab; 100])]);
    let count = |options: &[&str]| decode(options, &input).1.matches("ab").count();
    assert_eq!((count(&[]), count(&["--full"])), (24, 100));
}

/// A v2 header with one byte changed.
fn changed(at: usize, to: u8) -> Vec<u8> {
    let mut bytes = with_payload(&v2(&[Tlv::new(kind::ALPN, b"h2")]), b"hello");
    bytes[at] = to;
    bytes
}

#[test]
fn broken_headers_are_shown_up_to_the_broken_byte() {
    for (name, input) in [
        ("no-header-tls", CLIENT_HELLO.to_vec()),
        ("no-header-http", b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n".to_vec()),
        ("v1-lf", b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n".to_vec()),
        ("v1-leading-zero", b"PROXY TCP4 192.0.2.1 198.51.100.2 056324 443\r\n".to_vec()),
        ("v1-port", b"PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n".to_vec()),
        ("v1-family", b"PROXY TCP4 2001:db8::1 198.51.100.2 56324 443\r\n".to_vec()),
        ("v1-lower-case", b"proxy TCP4 192.0.2.1 198.51.100.2 56324 443\r\n".to_vec()),
        ("v1-two-spaces", b"PROXY  TCP4 192.0.2.1 198.51.100.2 56324 443\r\n".to_vec()),
        ("v2-version", changed(12, 0x11)),
        ("v2-command", changed(12, 0x22)),
        ("v2-family", changed(13, 0x41)),
        ("v2-transport", changed(13, 0x13)),
        ("v2-length", changed(15, 11)),
        ("v2-stray", changed(15, 13)),
        ("v2-crc32c", changed(37, 0)),
        ("v2-overrun", changed(37, 9)),
    ] {
        golden(&format!("decode-broken-{name}"), &[], &input, 1);
    }
}

#[test]
fn the_cause_of_a_wrong_checksum_is_found() {
    let good = v2(&[Tlv::new(kind::ALPN, b"h2")]);
    let right = u32::from_be_bytes(good[31..35].try_into().unwrap());
    let mut zeroed = good.clone();
    zeroed[31..35].fill(0);
    // From Python's zlib.
    let crc32 = crc32(&zeroed);
    for (value, cause) in [
        (right.swap_bytes(), "big-endian"),
        (crc32, "CRC-32 as in zip"),
        (!right, "final inversion"),
        (0, "not filled in"),
        (right ^ 1, "was changed after it was computed"),
    ] {
        let mut input = good.clone();
        input[31..35].copy_from_slice(&value.to_be_bytes());
        let (code, stdout, _) = decode(&[], &input);
        assert_eq!(code, 1);
        let stdout = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            stdout.contains(cause) && stdout.contains(&format!("should be {right:#010x}")),
            "{cause}: {stdout}"
        );
    }
}

/// CRC-32 by its definition: the polynomial 0x04c11db7, over reflected bytes.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        for bit in 0..8 {
            let set = (crc >> 31) ^ u32::from(byte >> bit & 1);
            crc = crc << 1 ^ if set == 1 { 0x04c1_1db7 } else { 0 };
        }
    }
    !crc.reverse_bits()
}

#[test]
fn incomplete_headers_say_how_much_is_missing() {
    golden("decode-incomplete-v1", &[], &V1[..20], 3);
    golden("decode-incomplete-v2", &[], &v2(&[])[..30], 3);
    golden("decode-nothing", &[], b"", 3);
}

fn digits(bytes: &[u8], before: &str) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{before}{byte:02x}"))
}

#[test]
fn every_form_of_input_shows_the_same() {
    let bytes = with_payload(&v2(&[]), b"hello");
    let hex = digits(&bytes, "");
    let spaced = digits(&bytes, ",\n0x");
    let xxd = bytes.chunks(16).enumerate().fold(String::new(), |text, (row, bytes)| {
        text + &format!("{:08x}: {:48}  some text\n", 16 * row, digits(bytes, " "))
    });
    let expected = decode(&[], &bytes);
    assert_eq!(expected.0, 0);
    for text in [&hex, &spaced, &xxd] {
        assert_eq!(decode(&[], text.as_bytes()), expected, "{text}");
    }
    assert_eq!(decode(&["--as", "hex"], hex.as_bytes()), expected);
    // Python's base64.b64encode.
    let base64 = "DQoNCgANClFVSVQKIREAE8AAAgHGM2QC3AQBuwMABCDslUloZWxsbw==\n";
    assert_eq!(decode(&[], base64.as_bytes()), expected);
    assert_eq!(decode(&["--as", "base64"], base64.replace('=', "").as_bytes()), expected);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("header");
    std::fs::write(&path, &bytes).unwrap();
    let (code, stdout, _) = run(&["decode", path.to_str().unwrap()]);
    assert_eq!((code, stdout), (Some(0), expected.1));
}

#[test]
fn json_has_all_keys_in_order() {
    let input = with_payload(&v2(&[Tlv::new(kind::ALPN, b"h2")]), b"GET / HTTP/1.1\r\n");
    let (code, stdout, _) = decode(&["--json"], &input);
    assert_eq!(code, 0);
    compare_any_width("decode-json", &stdout);
    let (code, stdout, _) = decode(&["--json"], b"PROXY TCP4 192.0.2.1 x");
    assert_eq!(code, 1);
    compare_any_width("decode-json-rejected", &stdout);
}

/// A packet of IPv4 from 10.0.0.1 with a segment to 10.0.0.2:8080.
fn segment(port: u16, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(40 + payload.len()).unwrap().to_be_bytes();
    let port = port.to_be_bytes();
    let number = sequence.to_be_bytes();
    [
        &[0x45, 0, len[0], len[1], 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2][..],
        &[port[0], port[1], 0x1f, 0x90],
        &number,
        &[0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0],
        payload,
    ]
    .concat()
}

fn pcap(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file: Vec<u8> = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 101]
        .iter()
        .flat_map(|field| field.to_le_bytes())
        .collect();
    for packet in packets {
        let len = u32::try_from(packet.len()).unwrap();
        file.extend([0, 0, len, len].iter().flat_map(|field: &u32| field.to_le_bytes()));
        file.extend(packet);
    }
    file
}

fn capture() -> Vec<u8> {
    pcap(&[
        segment(1001, 0, 2, b""),
        segment(1002, 0, 2, b""),
        segment(1001, 21, 16, &V1[20..]),
        segment(1001, 1, 16, &V1[..20]),
        segment(1002, 1, 16, CLIENT_HELLO),
        segment(1003, 0, 2, b""),
        segment(1003, 1, 16, b"PROXY TCP5"),
    ])
}

#[test]
fn captures_show_every_stream_that_begins_with_a_header() {
    let (code, stdout, stderr) = decode(&[], &capture());
    assert_eq!(
        (code, stderr.as_str()),
        (1, "3 streams and datagrams, 2 with a header; --all shows the others\n")
    );
    compare("decode-capture", &stdout);
    let (_, stdout, stderr) = decode(&["--all", "--json"], &capture());
    assert_eq!(stderr, "3 streams and datagrams\n");
    let lines: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let statuses: Vec<_> = lines.iter().map(|line| line["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["accept", "reject", "reject"]);
    assert_eq!(lines[0]["connection"]["from"], "10.0.0.1:1001");
    let none = decode(&[], &pcap(&[segment(1, 1, 16, CLIENT_HELLO)]));
    assert_eq!((none.0, none.1.as_str()), (1, ""));
    assert_eq!(none.2, "1 stream or datagram, none begins with a header; --all shows how they begin\n");
}

#[test]
fn packets_that_tcpdump_prints_are_packets() {
    let dump = |packet: &[u8]| {
        packet.chunks(16).enumerate().fold(
            "12:00:00 IP a > b: Flags [P.]\n".to_owned(),
            |text, (row, bytes)| {
                let digits = bytes.chunks(2).fold(String::new(), |text, pair| text + " " + &digits(pair, ""));
                text + &format!("\t0x{:04x}: {digits}\n", 16 * row)
            },
        )
    };
    let text = dump(&segment(1001, 0, 2, b"")) + &dump(&segment(1001, 1, 24, V1));
    let (code, stdout, _) = decode(&[], text.as_bytes());
    assert_eq!(code, 0, "{stdout}");
    assert!(
        stdout.starts_with("tcp 10.0.0.1:1001 -> 10.0.0.2:8080\nv1 PROXY TCP4: 192.0.2.1:56324"),
        "{stdout}"
    );
}

#[test]
fn broken_captures_are_a_clear_error_and_show_what_came_before() {
    let mut file = capture();
    file.extend([0; 8]);
    file.extend([0xff; 8]);
    file.extend(vec![0; 16 << 20]);
    let (code, stdout, stderr) = decode(&[], &file);
    assert_eq!(code, 4);
    assert!(stdout.contains("192.0.2.1:56324"), "{stdout}");
    assert!(
        stderr.starts_with("error: can't read stdin: ") && stderr.contains("the file is damaged"),
        "{stderr}"
    );
    let cut = capture();
    let (_, _, stderr) = decode(&[], &cut[..cut.len() - 3]);
    assert!(stderr.contains("the capture ends within a packet"), "{stderr}");
    let (code, _, stderr) = decode(&["--as", "pcap"], b"GET / HTTP/1.1");
    assert_eq!(
        (code, stderr.as_str()),
        (4, "error: can't read stdin: it is neither a pcap nor a pcapng file\n")
    );
    let (code, _, stderr) = decode(&["--as", "hex"], b"0d0a\nxy\n");
    assert_eq!(code, 4);
    assert_eq!(stderr, "error: can't read stdin: line 2: \"xy\" is not a pair of hexadecimal digits\n");
    let (code, _, stderr) = run(&["decode", "/nonexistent/\u{9b}31m"]);
    assert_eq!(code, Some(4));
    assert!(stderr.starts_with("error: can't open /nonexistent/\\u{9b}31m: "), "{stderr}");
}

#[test]
fn no_byte_of_the_input_reaches_the_terminal() {
    let hostile = "\u{1b}[2J\u{9b}31m\u{202e}\u{7f}\r\n";
    let tlvs = [Tlv::new(kind::AUTHORITY, hostile.as_bytes()), Tlv::new(kind::ALPN, b"\x1b]0;x\x07\xff")];
    for input in [
        with_payload(&v2(&tlvs), hostile.as_bytes()),
        with_payload(b"PROXY UNKNOWN ", hostile.as_bytes()),
        with_payload(b"PROXY TCP4 ", hostile.as_bytes()),
        hostile.as_bytes().to_vec(),
        b"00000000: \x1b[2J\n".to_vec(),
    ] {
        for options in [&[][..], &["--json"], &["--as", "hex"], &["--as", "base64"]] {
            let (_, stdout, stderr) = decode(options, &input);
            for char in (stdout + &stderr).replace('\n', "").chars() {
                assert!(char.is_ascii_graphic() || char == ' ', "{char:?} for {options:?}");
            }
        }
    }
}

#[test]
fn endless_input_takes_bounded_memory() {
    let zeros = std::fs::File::open("/dev/zero").unwrap();
    let mut child = common::program()
        .args(["decode", "--json"])
        .stdin(zeros)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(common::wait(&mut child).code(), Some(1));
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(stderr, "note: only the first 16 MiB were read\n");
}

#[test]
fn listening_shows_what_comes_and_answers_nothing() {
    let server =
        Running::start(&["decode", "--listen", "127.0.0.1:0", "--count", "4", "--timeout", "0.3", "--json"]);
    let send = |bytes: &[u8], end: bool| {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.write_all(bytes).unwrap();
        if end {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        let mut answer = Vec::new();
        // It may be reset: there can be bytes that were not read.
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(answer, b"");
        server.report()
    };
    let report = send(&with_payload(V1, CLIENT_HELLO), false);
    assert_eq!((&report["status"], &report["payload"]), (&"accept".into(), &"TLS (a ClientHello)".into()));
    assert_eq!(send(V1, true)["payload_len"], 0);
    assert_eq!(send(b"", true)["status"], "incomplete");
    assert_eq!(send(b"PROXY TCP4 ", false)["status"], "incomplete");
    server.ends_with(3);
}

#[test]
fn listening_on_udp_shows_each_datagram() {
    let server = Running::start(&["decode", "--listen", "udp:127.0.0.1:0", "--count", "2", "--json"]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = server.address.strip_prefix("udp:").unwrap();
    let header = encode(&Encoder::new(Version::V2, inet()).dgram());
    socket.send_to(&with_payload(&header, b"query"), address).unwrap();
    let report = server.report();
    assert_eq!((&report["protocol"], &report["payload_len"]), (&"UDP4".into(), &5.into()));
    socket.send_to(b"x", address).unwrap();
    assert_eq!(server.report()["status"], "reject");
    server.ends_with(1);
}

#[test]
fn usage_errors_and_help() {
    for arguments in [
        &["decode", "--as", "other"][..],
        &["decode", "--split", "bytes"],
        &["decode", "--count", "1"],
        &["decode", "--listen", "127.0.0.1:0", "file"],
    ] {
        let (code, stdout, stderr) = run(arguments);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}: {stderr}");
    }
    let (_, help, _) = run(&["decode", "--help"]);
    for line in
        ["  0  accepted", "  1  rejected", "  2  usage", "  3  incomplete", "  4  the input can't be read"]
    {
        assert!(help.contains(line), "{line}");
    }
}
