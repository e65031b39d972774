//! `realpeer demo`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use common::run;

#[test]
fn every_line_is_ok() {
    let (code, stdout, stderr) = run(&["demo"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert_eq!(stdout.lines().filter(|line| line.starts_with("ok ")).count(), 12, "{stdout}");
    assert!(stdout.is_ascii() && !stdout.contains('\x1b'), "{stdout}");
    for line in stdout.lines() {
        assert!(line.len() < 120 && line.trim_end() == line, "{line:?}");
        assert!(!line.starts_with("FAILED"), "{stdout}");
    }
    let shown =
        ["192.0.2.1:56324 -> 198.51.100.2:443", "[2001:db8::1]:56324", "LOCAL", "not served: peer refused"];
    for text in shown {
        assert!(stdout.contains(text), "{text} in {stdout}");
    }
}
