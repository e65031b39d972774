//! The help, what is made of it, and what is different on a terminal.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::process::Stdio;
use std::thread;

use common::headers::V1;
use common::{program, run, wait};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// The subcommands that `--help` lists, without clap's `help`: a new one is tested like the others.
fn subcommands() -> Vec<String> {
    let (_, help, _) = run(&["--help"]);
    let list =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = list.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names: Vec<_> = names.filter(|name| !["", "help"].contains(name)).map(String::from).collect();
    assert!(names.contains(&"decode".into()) && names.contains(&"man".into()), "{names:?}");
    names
}

/// What the program writes to a terminal, and its exit status.
fn on_terminal(arguments: &[&str], no_color: bool) -> (Option<i32>, String) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let terminal = OpenOptions::new().read(true).write(true).open(name).unwrap();
    let mut command = program();
    command.args(arguments).env_remove("NO_COLOR").env("TERM", "xterm");
    if no_color {
        command.env("NO_COLOR", "1");
    }
    let mut child =
        command.stdin(Stdio::null()).stdout(terminal.try_clone().unwrap()).stderr(terminal).spawn().unwrap();
    // It holds the other end too.
    drop(command);
    let mut master = File::from(master);
    let reading = thread::spawn(move || {
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
        // The end of a terminal is an error.
        while let Ok(len @ 1..) = master.read(&mut buffer) {
            bytes.extend_from_slice(&buffer[..len]);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let code = wait(&mut child).code();
    (code, reading.join().unwrap())
}

#[test]
fn colours_are_for_terminals_and_never_with_no_color() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("header");
    std::fs::write(&file, V1).unwrap();
    let decode = ["decode", file.to_str().unwrap()];
    let (code, output) = on_terminal(&decode, false);
    assert_eq!(code, Some(0));
    assert!(output.contains("\x1b[1mv1 PROXY TCP4") && output.contains("\x1b[0m"), "{output:?}");
    assert!(!on_terminal(&decode, true).1.contains('\x1b'));
    assert!(!run(&decode).1.contains('\x1b'));
}

#[test]
fn bytes_go_to_a_terminal_only_by_force() {
    let (code, output) = on_terminal(&["encode", "--local"], false);
    assert_eq!(code, Some(1));
    assert!(output.contains("use --hex, pipe it somewhere, or --force it"), "{output:?}");
    assert_eq!(on_terminal(&["encode", "--local", "--hex"], false).0, Some(0));
    let (code, output) = on_terminal(&["encode", "--local", "--force"], false);
    assert_eq!(code, Some(0));
    assert!(output.contains("QUIT"), "{output:?}");
}

#[test]
fn the_help_alone_tells_why_an_address_is_wrong() {
    let (code, help, _) = run(&["--help"]);
    assert_eq!(code, Some(0));
    for text in [
        "Which address is wrong, and why:",
        "realpeer probe SERVER:8080 --http",
        "realpeer decode --listen 0.0.0.0:8080",
        "`send-proxy-v2` at the end of its `server` line",
        "`listen 80 proxy_protocol;`",
        "::ffff:192.0.2.1",
        "Examples:",
    ] {
        assert!(help.contains(text), "{text} in {help}");
    }
}

#[test]
fn every_help_fits_80_columns() {
    let names = subcommands();
    let of_subcommands = names.iter().map(|name| vec![name.as_str(), "--help"]);
    for name in of_subcommands.chain([vec!["--help"], vec!["-h"]]) {
        let (code, help, stderr) = run(&name);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{name:?}");
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{name:?}: {line}");
        }
    }
}

#[test]
fn what_is_for_tests_is_out_of_sight() {
    for arguments in [["echo", "--help"], ["decode", "--help"]] {
        let (_, help, _) = run(&arguments);
        assert!(!help.contains("--runtime") && !help.contains("--split"), "{help}");
    }
}

#[test]
fn completions_and_man_pages() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, script, _) = run(&["completions", shell]);
        assert_eq!(code, Some(0), "{shell}");
        assert!(script.contains("realpeer") && script.contains("decode"), "{shell}");
    }
    let (code, page, _) = run(&["man"]);
    assert_eq!(code, Some(0));
    assert!(page.contains(".TH realpeer 1"), "{page}");
    for name in subcommands() {
        let (code, page, _) = run(&["man", &name]);
        assert_eq!(code, Some(0), "{name}");
        assert!(page.contains(&format!(".TH realpeer-{name} 1")), "{page}");
    }
    let (code, _, stderr) = run(&["man", "other"]);
    assert_eq!((code, stderr.as_str()), (Some(1), "error: there is no subcommand \"other\"\n"));
}
