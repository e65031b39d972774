//! `realpeer decode --jsonl`: the vectors of the repository, and lines that are not valid input.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};

use common::{program, run, wait};
use serde_json::{Value, json};

/// Starts `realpeer decode --jsonl` with these options, everything piped.
fn start(options: &[&str], stdin: impl Into<Stdio>) -> Child {
    let mut command = program();
    command.args(["decode", "--jsonl"]).args(options);
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The lines that come out for `input`, and the exit status.
fn decode(options: &[&str], input: &str) -> (Vec<Value>, Option<i32>) {
    let mut child = start(options, Stdio::piped());
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    finish(child)
}

fn finish(mut child: Child) -> (Vec<Value>, Option<i32>) {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    let status = wait(&mut child);
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(stderr, "");
    (lines, status.code())
}

/// All rows of a file give what they expect.
fn check(file: &str, split: &str) -> usize {
    let path = format!("{}/../../tests/data/{file}", env!("CARGO_MANIFEST_DIR"));
    let rows = BufReader::new(File::open(&path).unwrap()).lines();
    let rows: Vec<Value> = rows.map(|row| serde_json::from_str(&row.unwrap()).unwrap()).collect();
    let (lines, code) = finish(start(&["--split", split], File::open(&path).unwrap()));
    assert_eq!(code, Some(0));
    assert_eq!(lines.len(), rows.len());
    for (row, line) in rows.iter().zip(&lines) {
        assert_eq!(line["id"], row["id"]);
        let accepted = row["expect"] == "accept";
        assert_eq!(line["status"], row["expect"], "{line} for {row}");
        for key in ["version", "command", "family", "transport", "src", "dst", "header_len"] {
            assert_eq!(line[key], row[key], "{key}: {line} for {row}");
        }
        if !accepted || !row["tlvs"].is_null() {
            assert_eq!(line["tlvs"], row["tlvs"], "{line} for {row}");
        }
        assert_eq!(line["error"].is_string(), row["expect"] == "reject", "{line}");
        assert_eq!(line["error"].is_null(), row["expect"] != "reject", "{line}");
    }
    rows.len()
}

#[test]
fn vectors_whole_and_split() {
    for split in ["whole", "bytes", "7"] {
        assert!(check("vectors.jsonl", split) > 300);
    }
}

#[test]
fn captures_whole_and_split() {
    for split in ["whole", "bytes", "7"] {
        assert!(check("captures.jsonl", split) > 100);
    }
}

#[test]
fn longest_header_and_any_id() {
    let hex = format!("0d0a0d0a000d0a515549540a2111ffffc0000201c6336402dc0401bb04fff0{}", "00".repeat(65520));
    let input = json!({"id": {"row": 1}, "hex": hex}).to_string();
    for split in ["whole", "bytes", "4096"] {
        let (lines, code) = decode(&["--split", split], &input);
        assert_eq!(code, Some(0));
        assert_eq!(lines[0]["id"], json!({"row": 1}));
        assert_eq!(lines[0]["status"], "accept");
        assert_eq!(lines[0]["header_len"], 65551);
        assert_eq!(lines[0]["src"], "192.0.2.1:56324");
        assert_eq!(lines[0]["tlvs"][0][1].as_str().map(str::len), Some(2 * 65520));
    }
}

#[test]
fn every_line_has_all_keys_in_order() {
    let mut child = start(&[], Stdio::piped());
    let input = "{\"id\":\"a\",\"hex\":\"50524F585920554E4B4E4F574E0D0A\"}\n{\"id\":\"b\",\"hex\":\"47\"}\n";
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(wait(&mut child).success());
    let expected = "{\"id\":\"a\",\"status\":\"accept\",\"version\":1,\"command\":\"proxy\",\"family\":\"unspec\",\
         \"transport\":\"unspec\",\"src\":null,\"dst\":null,\"header_len\":15,\"tlvs\":[],\"error\":null}\n\
         {\"id\":\"b\",\"status\":\"reject\",\"version\":null,\"command\":null,\"family\":null,\
         \"transport\":null,\"src\":null,\"dst\":null,\"header_len\":null,\"tlvs\":null,\"error\":\"no PROXY \
         header: 0x47 'G' at offset 0 looks like HTTP; is the proxy configured to send a header?\"}\n";
    assert_eq!(output, expected);
}

#[test]
fn bad_lines_are_named_and_the_rest_goes_on() {
    let input = concat!(
        "not json\n",
        "{\"id\":\"no-hex\"}\n",
        "{\"hex\":\"50\"}\n",
        "{\"id\":\"odd\",\"hex\":\"505\"}\n",
        "\n",
        "{\"id\":\"no-digit\",\"hex\":\"5x\"}\n",
        "[1]\n",
        "{\"id\":\"good\",\"hex\":\"50\"}", // and no newline at the end
    );
    let (lines, code) = decode(&[], input);
    assert_eq!(code, Some(1));
    let ids: Vec<_> = lines.iter().map(|line| line["id"].clone()).collect();
    assert_eq!(json!(ids), json!([null, "no-hex", null, "odd", "no-digit", null, "good"]));
    let statuses: Vec<_> = lines.iter().map(|line| line["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, [["invalid"; 6].as_slice(), &["incomplete"]].concat());
    for (line, number) in lines.iter().zip([1, 2, 3, 4, 6, 7]) {
        let error = line["error"].as_str().unwrap();
        assert!(error.starts_with(&format!("line {number}: ")), "{error}");
    }
    assert!(lines[6]["error"].is_null());
}

#[test]
fn ids_are_returned_as_they_are_written() {
    let ids = [
        "12345678901234567890123",
        "-0.10e+05",
        "{\"z\":1,\"a\":[1.0,2],\"m\":{\"y\":null,\"b\":0}}",
        "\"\\u00e9\\/\"",
        "[]",
    ];
    for id in ids {
        let mut child = start(&[], Stdio::piped());
        child.stdin.take().unwrap().write_all(format!("{{\"hex\":\"50\",\"id\":{id}}}").as_bytes()).unwrap();
        let mut output = String::new();
        child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        assert!(wait(&mut child).success());
        assert!(output.starts_with(&format!("{{\"id\":{id},\"status\":\"incomplete\"")), "{id}: {output}");
    }
}

#[test]
fn no_character_that_a_terminal_obeys_comes_out() {
    let mut child = start(&[], Stdio::piped());
    let id = "\"a\u{7f}\u{85}\u{9b}2J\u{202e}\u{2066}b\"";
    let input =
        format!("{{\"id\":{{\"x\":\r{id}}},\"hex\":\"50\"}}\n{{\"id\":{id},\"hex\":\"\u{9b}\"}}\n{{\"\u{9b}");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert_eq!(wait(&mut child).code(), Some(1));
    assert_eq!(output.lines().count(), 3);
    assert!(output.replace('\n', "").bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{output:?}");
    let first: Value = serde_json::from_str(output.lines().next().unwrap()).unwrap();
    assert_eq!(first["id"]["x"], "a\u{7f}\u{85}\u{9b}2J\u{202e}\u{2066}b");
}

#[test]
fn a_line_without_end_takes_no_memory() {
    let mut child = start(&[], Stdio::piped());
    let mut stdin = child.stdin.take().unwrap();
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..200 {
        stdin.write_all(&piece).unwrap();
    }
    let memory = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    stdin.write_all(b"\n{\"id\":1,\"hex\":\"50\"}\n").unwrap();
    drop(stdin);
    let (lines, code) = finish(child);
    assert_eq!(code, Some(1));
    assert_eq!(lines[0]["error"], "line 1: longer than 1 MiB, so it is skipped");
    assert_eq!(lines[1]["status"], "incomplete");
    if let Ok(memory) = memory {
        let peak = memory.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(kib < 32 * 1024, "{kib} KiB");
    }
}

#[test]
fn line_in_line_out() {
    let mut child = start(&[], Stdio::piped());
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for id in ["first", "second"] {
        writeln!(stdin, "{}", json!({"id": id, "hex": "0d"})).unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.contains(id), "{line}");
    }
    drop(stdin);
    assert!(wait(&mut child).success());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = start(&[], Stdio::piped());
    drop(child.stdout.take());
    // It may end before it has read all.
    let _ = child.stdin.take().unwrap().write_all(&b"{\"id\":1,\"hex\":\"50\"}\n".repeat(10_000));
    assert_eq!(wait(&mut child).code(), Some(0));
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(stderr, "");
}

#[test]
fn usage_errors() {
    for arguments in [
        &["decode", "--jsonl", "--json"][..],
        &["decode", "--jsonl", "--split", "0"],
        &["decode", "--jsonl", "--split", "x"],
    ] {
        let (code, stdout, stderr) = run(arguments);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}: {stderr}");
    }
}

#[test]
fn help_has_the_schema() {
    let (code, stdout, _) = run(&["decode", "--help"]);
    assert_eq!(code, Some(0));
    for key in
        ["id", "hex", "status", "version", "command", "family", "src, dst", "header_len", "tlvs", "error"]
    {
        assert!(stdout.contains(&format!("\n  {key} ")), "{key} in {stdout}");
    }
}
