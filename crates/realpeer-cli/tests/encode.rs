//! `realpeer encode`, and its headers as `realpeer decode` reads them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::process::Stdio;

use common::headers::{V1, encode, inet, unix};
use common::{program, run, run_with};
use realpeer::proto::{Encoder, Version};
use serde_json::{Value, json};

/// The bytes on stdout.
fn bytes(options: &[&str]) -> Vec<u8> {
    let output = program().arg("encode").args(options).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{options:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// What `realpeer decode --json` says of it.
fn decoded(options: &[&str]) -> Value {
    let (code, stdout, stderr) = run_with(&["decode", "--json"], &bytes(options));
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    serde_json::from_str(&stdout).unwrap()
}

const ENDS: [&str; 4] = ["--src", "192.0.2.1:56324", "--dst", "198.51.100.2:443"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&ENDS[..], more].concat()
}

#[test]
fn both_versions_are_what_the_library_writes() {
    assert_eq!(bytes(&with(&["--version", "1"])), V1);
    assert_eq!(bytes(&ENDS), encode(&Encoder::new(Version::V2, inet())));
    assert_eq!(bytes(&["--local"]), encode(&Encoder::local()));
    assert_eq!(bytes(&["--unknown", "--version", "1"]), b"PROXY UNKNOWN\r\n");
    assert_eq!(bytes(&["--unknown"]), b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0");
    let names = ["--src", "unix:/run/client", "--dst", "unix:@server", "--datagram"];
    assert_eq!(bytes(&names), encode(&Encoder::new(Version::V2, unix()).dgram()));
}

#[test]
fn what_is_encoded_is_decoded() {
    let protocol = |options: &[&str]| decoded(options)["protocol"].clone();
    assert_eq!(protocol(&ENDS), "TCP4");
    assert_eq!(protocol(&with(&["--datagram"])), "UDP4");
    assert_eq!(protocol(&["--src", "[2001:db8::1]:1", "--dst", "[2001:db8::2]:2"]), "TCP6");
    let mixed = decoded(&["--src", "192.0.2.1:1", "--dst", "[2001:db8::2]:2"]);
    assert_eq!((&mixed["protocol"], &mixed["source"]), (&json!("TCP6"), &json!("[::ffff:192.0.2.1]:1")));
    let unnamed = decoded(&["--src", "unix:", "--dst", "unix:/b"]);
    assert_eq!((&unnamed["source"], &unnamed["destination"]), (&json!("unix:"), &json!("unix:/b")));
    assert_eq!(decoded(&with(&["--pad", "100"]))["header_len"], 100);
    assert_eq!(decoded(&with(&["--crc32c", "--tlv", "alpn=h2"]))["tlvs"][0]["name"], "CRC32C");
}

#[test]
fn every_tlv_by_name_or_number() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("client.der");
    std::fs::write(&file, [0x30, 0x00]).unwrap();
    let cert = format!("ssl.cert=@{}", file.display());
    let mut options = with(&[]);
    for tlv in [
        "alpn=h2",
        "authority=example.com",
        "ssl.version=TLSv1.3",
        "unique-id=a=b",
        "netns=blue",
        "noop=2",
        "aws=vpce-1",
        "azure=16909060",
        "gcp=4294967298",
        "0xE1=00ff",
        "153=",
        "crc32c=",
        "ssl.cn=alice",
        "ssl.client=tls,cert",
        "ssl.verify=3",
        "ssl.0x99=ab",
        &cert,
    ] {
        options.extend(["--tlv", tlv]);
    }
    let report = decoded(&options);
    let tlvs = report["tlvs"].as_array().unwrap();
    let pairs: Vec<_> = tlvs.iter().map(|tlv| (tlv["type"].as_u64().unwrap(), &tlv["hex"])).collect();
    assert_eq!(pairs[0], (1, &json!("6832")));
    assert_eq!(pairs[3], (5, &json!("613d62")));
    assert_eq!(pairs[5], (4, &json!("0000")));
    assert_eq!(tlvs[6]["text"], "vpce-1");
    assert_eq!((&tlvs[7]["value"], &tlvs[8]["value"]), (&json!(0x0102_0304), &json!(0x1_0000_0002_u64)));
    assert_eq!((pairs[9], pairs[10]), ((0xe1, &json!("00ff")), (153, &json!(""))));
    assert_eq!(pairs[11].0, 3);
    let ssl = &tlvs[2];
    assert_eq!((&ssl["client"], &ssl["verify"], &ssl["verified"]), (&json!(3), &json!(3), &json!(false)));
    let within: Vec<_> = ssl["tlvs"].as_array().unwrap().iter().map(|tlv| &tlv["hex"]).collect();
    assert_eq!(within, [&json!("544c5376312e33"), &json!("616c696365"), &json!("ab"), &json!("3000")]);
    assert_eq!(pairs.len(), 12);
}

#[test]
fn a_payload_follows_the_header() {
    let (code, stdout, _) =
        run_with(&[&["encode"], &with(&["--hex", "--payload", "-"])[..]].concat(), b"hello");
    assert_eq!(code, Some(0));
    assert!(
        stdout.ends_with("68656c6c6f\n") && stdout.starts_with("0d0a0d0a000d0a515549540a2111000c"),
        "{stdout}"
    );
}

#[test]
fn what_no_receiver_would_take_is_refused() {
    let long = format!("unique-id={}", "x".repeat(129));
    for (options, said) in [
        (vec![], "give --src and --dst, or --local, or --unknown"),
        (vec!["--local", "--version", "1"], "version 1 has no LOCAL"),
        (with(&["--version", "1", "--tlv", "alpn=h2"]), "version 1 has only"),
        (with(&["--version", "1", "--crc32c"]), "version 1 has only"),
        (with(&["--pad", "20"]), "can't be padded"),
        (with(&["--tlv", &long]), "128"),
        (vec!["--src", "unix:/a", "--dst", "192.0.2.1:1"], "must both be"),
        (with(&["--payload", "/nonexistent"]), "can't read the payload from /nonexistent"),
    ] {
        let (code, stdout, stderr) = run(&[&["encode"], &options[..]].concat());
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{options:?}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(said), "{options:?}: {stderr}");
    }
    for tlv in [
        "alpn",
        "other=x",
        "0x100=",
        "0xe1=xyz",
        "azure=-1",
        "ssl.client=x",
        "crc32c=1",
        "ssl.other=1",
        "alpn=@/none",
    ] {
        let (code, stdout, stderr) = run(&[&["encode", "--tlv", tlv], &ENDS[..]].concat());
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{tlv}: {stderr}");
    }
    for options in
        [&["--src", "192.0.2.1:1"][..], &["--local", "--unknown"], &["--src", "localhost:1", "--dst", "x"]]
    {
        assert_eq!(run(&[&["encode"], options].concat()).0, Some(2), "{options:?}");
    }
}
