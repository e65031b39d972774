//! `realpeer demo`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use common::run;

#[test]
fn every_line_is_as_it_should_be_and_fits_80_columns() {
    let (code, stdout, stderr) = run(&["demo"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.is_ascii() && !stdout.contains('\x1b'), "{stdout}");
    for line in stdout.lines() {
        assert!(line.len() <= 80 && line.trim_end() == line, "{line:?}");
    }
    let count = |label: &str| stdout.lines().filter(|line| line.trim_start().starts_with(label)).count();
    assert_eq!([count("really "), count("turned away "), count("FAILED")], [8, 4, 0], "{stdout}");
    let shown =
        ["192.0.2.1:56324 -> 198.51.100.2:443", "[2001:db8::1]:56324", "LOCAL", "127.0.0.2 is not trusted"];
    for text in shown {
        assert!(stdout.contains(text), "{text} in {stdout}");
    }
}

#[test]
fn a_line_is_never_broken_within_a_word() {
    let (_, stdout, _) = run(&["demo"]);
    let words = "SSL (client certificate verified, VERSION \"TLSv1.3\", CN \"alice\")";
    let stdout = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(stdout.contains(words), "{stdout}");
}
