//! What the library must not change: a program gets the same answers with it as without.

use std::collections::BTreeMap;
use std::process::Command;

use super::server::{LIBRARY, compile, port, strace_is_here};

const V1: &str = "PROXY TCP4 203.0.113.7 192.0.2.1 40000 443\r\n";

/// What the library adds to the environment; the program's own clients send the header.
fn variables(port: &str) -> Vec<(&'static str, String)> {
    vec![
        ("LD_PRELOAD", LIBRARY.display().to_string()),
        ("REALPEER_LISTEN", port.to_owned()),
        ("REALPEER_TRUST", "127.0.0.1".to_owned()),
        ("HEADER", V1.to_owned()),
    ]
}

/// Time limits, listeners that another thread closes or shuts down, signals, wrong arguments.
#[test]
fn rare_events_have_the_same_outcome_as_without_the_library() {
    let said = |hooked: bool| {
        let port = port().to_string();
        let mut command = Command::new("timeout");
        command.args(["30", "env"]);
        if hooked {
            command.args(variables(&port).iter().map(|(name, value)| format!("{name}={value}")));
        }
        let output =
            command.arg(compile("edges")).arg(&port).stdin(std::process::Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{} {output:?}", if hooked { "hooked" } else { "bare" });
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        String::from_utf8(output.stdout).unwrap()
    };
    let bare = said(false);
    assert!(bare.lines().count() >= 20, "{bare}");
    assert_eq!(said(true), bare);
}

/// docs/unmodified-servers.md has these numbers.
#[test]
fn an_accept_costs_five_system_calls_more_and_getpeername_two() {
    if !strace_is_here() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("strace");
    let calls = |hooked: bool, connections: i32| {
        let port = port().to_string();
        let mut command = Command::new("timeout");
        command.args(["60", "strace", "-f", "-o"]).arg(&log);
        if hooked {
            // For the program, not for strace.
            command.args(
                variables(&port).iter().flat_map(|(name, value)| ["-E".into(), format!("{name}={value}")]),
            );
        }
        let status = command.arg(compile("edges")).args([&port, &connections.to_string()]).status().unwrap();
        assert!(status.success());
        let mut calls = BTreeMap::new();
        for line in std::fs::read_to_string(&log).unwrap().lines() {
            let Some((call, _)) = line.split_whitespace().nth(1).and_then(|call| call.split_once('(')) else {
                continue;
            };
            // They are one and the same.
            let call = if call == "accept" { "accept4" } else { call };
            *calls.entry(call.to_owned()).or_insert(0) += 1;
        }
        calls
    };
    // What the start costs is in both.
    let per_connection = |hooked: bool| -> BTreeMap<String, i32> {
        let (few, many) = (calls(hooked, 10), calls(hooked, 20));
        many.iter().map(|(call, count)| (call.clone(), count - few.get(call).unwrap_or(&0))).collect()
    };
    let (bare, hooked) = (per_connection(false), per_connection(true));
    let more: Vec<(&str, i32)> = hooked
        .iter()
        .map(|(call, count)| (&**call, count - bare.get(call).unwrap_or(&0)))
        .filter(|&(_, count)| count != 0)
        .collect();
    // accept: the own end, a look, the label, the header taken, a last look. getpeername: the label, the family. The
    // client writes the header.
    let expected =
        [("getsockname", 10), ("getsockopt", 20), ("recvfrom", 30), ("setsockopt", 10), ("write", 10)];
    assert_eq!(more, expected);
}
