//! `realpeer run`: what it checks, what it starts, and what it says.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use rustix::process::{Signal, geteuid, kill_process};

use super::server::{LIBRARY, REALPEER, SERVER, Server, copy, port, realpeer_run, strace_is_here};

fn output(options: &[&str], program: &Path, arguments: &[&str]) -> Output {
    realpeer_run(options, program, arguments).output().unwrap()
}

/// The one line that says why the program was not started.
fn refused(output: &Output) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(78), 1), "{said}");
    assert!(output.stdout.is_empty());
    said
}

const GOOD: [&str; 4] = ["--listen", "6432", "--trust", "10.0.0.0/8"];

#[test]
fn the_program_has_our_process_id_its_own_name_and_status() {
    let script = "echo $$ $0 $LD_PRELOAD; exit 7";
    let child = realpeer_run(&GOOD, "/bin/sh".as_ref(), &["-c", script])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, format!("{id} /bin/sh {}\n", LIBRARY.display()));
    assert_eq!(output.status.code(), Some(7));
}

#[test]
fn a_signal_ends_the_program_as_it_would_without_us() {
    let port = port().to_string();
    let mut server = Server::run(&["--listen", &port, "--trust", "127.0.0.1"], &["lt+n", &port]);
    kill_process(rustix::process::Pid::from_child(&server.child), Signal::TERM).unwrap();
    let status = server.child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15));
}

#[test]
fn what_is_misconfigured_is_named_with_its_option() {
    for (options, part) in [
        (["--listen", "0", "--trust", "::1"], "--listen: \"0\" is no port"),
        (["--listen", "run/sock", "--trust", "::1"], "--listen: \"run/sock\" is no port"),
        (["--listen", "1", "--trust", "10.0.0.1/8"], "--trust: \"10.0.0.1/8\" has bits set after its prefix"),
    ] {
        let said = refused(&output(&options, "/bin/true".as_ref(), &[]));
        assert!(said.starts_with(&format!("error: {part}")), "{said}");
    }
    let said = refused(&output(&[&GOOD[..], &["--timeout", "soon"]].concat(), "/bin/true".as_ref(), &[]));
    assert!(said.starts_with("error: --timeout: \"soon\" is no time"), "{said}");
}

#[test]
fn what_the_library_can_not_be_loaded_into_is_not_started() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let script = |name: &str, text: &str| {
        fs::write(at(name), text).unwrap();
        fs::set_permissions(at(name), fs::Permissions::from_mode(0o755)).unwrap();
        at(name)
    };
    // Statically linked.
    fs::write(at("main.c"), "int main(void) { return 0; }").unwrap();
    let built = Command::new("cc")
        .args(["-static", "-nostdlib", "-Wl,-emain", "-o"])
        .arg(at("static"))
        .arg(at("main.c"))
        .status();
    assert!(built.unwrap().success());
    assert!(refused(&output(&GOOD, &at("static"), &[])).contains("static is linked statically"));
    // Go's programs are so too, and have a section by which they are known.
    let go = "__attribute__((section(\".go.buildinfo\"))) char info[16] = {1}; int main(void) { return 0; }";
    fs::write(at("go.c"), go).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-static", "-nostdlib", "-Wl,-emain", "-o"]).arg(at("go")).arg(at("go.c"));
    assert!(compiler.status().unwrap().success());
    let explain = [&GOOD[..], &["--explain"]].concat();
    for options in [&GOOD[..], &explain] {
        assert!(refused(&output(options, &at("go"), &[])).contains("go is a Go program"));
    }
    // Started by a script, it is no better.
    let by_script = script("script", &format!("#!{} -x\n", at("static").display()));
    assert!(refused(&output(&GOOD, &by_script, &[])).contains("static is linked statically"));
    let by_env = script("by-env", "#!/usr/bin/env -S no-such-program\n");
    assert!(refused(&output(&GOOD, &by_env, &[])).contains("no-such-program: no such program in PATH"));
    symlink(at("loop"), at("endless")).unwrap();
    let endless = script("loop", &format!("#!{}\n", at("endless").display()));
    assert!(refused(&output(&GOOD, &endless, &[])).contains("too many scripts"));
    let rubbish = script("rubbish", "rubbish");
    assert!(refused(&output(&GOOD, &rubbish, &[])).contains("neither a script nor a 64-bit program"));
    let narrow = script("narrow", &format!("\x7fELF\x01\x01{}", "\0".repeat(60)));
    assert!(refused(&output(&GOOD, &narrow, &[])).contains("neither a script nor a 64-bit program"));
    assert!(
        refused(&output(&GOOD, "/no/such/program".as_ref(), &[]))
            .contains("no such program, or not executable")
    );
    assert!(refused(&output(&GOOD, directory.path(), &[])).contains("no such program, or not executable"));
}

/// Only root can make such a program belong to somebody else.
#[test]
fn programs_with_more_rights_than_their_user_are_not_started() {
    if !geteuid().is_root() {
        println!("not root: such programs can't be made");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let at = |name: &str| directory.path().join(name);
    for (program, name) in
        [(&*REALPEER, "realpeer"), (&*SERVER, "setuid"), (&*SERVER, "capable"), (&*LIBRARY, "library")]
    {
        copy(program, &at(name));
    }
    fs::set_permissions(at("setuid"), fs::Permissions::from_mode(0o4755)).unwrap();
    // cap_net_bind_service=ep, as setcap writes it.
    let capability = [1u32 << 25 | 1, 1 << 10, 0, 0, 0].map(u32::to_le_bytes).concat();
    let set = rustix::fs::setxattr(
        &*at("capable"),
        "security.capability",
        &capability[..20],
        rustix::fs::XattrFlags::empty(),
    );
    let as_nobody = |program: &str| {
        let mut command = Command::new(at("realpeer"));
        command.arg("run").arg("--library").arg(at("library")).args(GOOD).arg("--").arg(at(program));
        command.uid(65534).gid(65534).output().unwrap()
    };
    assert!(refused(&as_nobody("setuid")).contains("is setuid or setgid"));
    set.unwrap();
    assert!(refused(&as_nobody("capable")).contains("has file capabilities"));
}

#[test]
fn a_library_that_is_missing_or_wrong_is_named() {
    let run = |library: &str| {
        let mut command = Command::new(&*REALPEER);
        command.args(["run", "--library", library]).args(GOOD).args(["--", "/bin/true"]);
        refused(&command.output().unwrap())
    };
    assert!(run("/no/such/library").contains("the library /no/such/library: No such file"));
    assert!(run("/etc/passwd").contains("is for another processor"));
    let directory = tempfile::tempdir().unwrap();
    let spaced = directory.path().join("a b.so");
    copy(&LIBRARY, &spaced);
    assert!(run(spaced.to_str().unwrap()).contains("has a space or a colon in it"));
    let output = Command::new(&*REALPEER).arg("run").args(GOOD).args(["--", "/bin/true"]).output().unwrap();
    let said = refused(&output);
    assert!(said.contains("../lib/realpeer/librealpeer_preload.so") && said.contains("--library"), "{said}");
}

#[test]
fn the_library_is_found_where_it_is_installed() {
    let prefix = tempfile::tempdir().unwrap();
    let at = |name: &str| prefix.path().join(name);
    fs::create_dir_all(at("bin")).unwrap();
    fs::create_dir_all(at("lib/realpeer")).unwrap();
    copy(&REALPEER, &at("bin/realpeer"));
    copy(&LIBRARY, &at("lib/realpeer/librealpeer_preload.so"));
    let output = Command::new(at("bin/realpeer"))
        .args(["run", "--explain"])
        .args(GOOD)
        .arg("--")
        .arg(&*SERVER)
        .env("LD_PRELOAD", "/first.so")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let library = at("lib/realpeer/librealpeer_preload.so").canonicalize().unwrap();
    for part in [
        &format!("library    {}", library.display()),
        &format!("sets       LD_PRELOAD=/first.so:{}", library.display()),
        &format!("program    {}", SERVER.display()),
        "label      stays with sockets here",
        "trusts     10.0.0.0/8: all others are closed",
        "this one becomes the program",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn a_program_that_has_not_loaded_the_library_is_ended_with_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let output = with_mute_library(&directory).output().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(15));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("the program has not loaded the library"), "{said}");
}

/// strace holds it up between exec and its first instruction, as a slow disk would.
#[test]
fn a_program_that_takes_long_to_load_is_not_ended() {
    if !strace_is_here() {
        return;
    }
    let run = realpeer_run(&GOOD, Path::new("/usr/bin/sleep"), &["1"]);
    let began = std::time::Instant::now();
    let output = Command::new("strace")
        .args(["-o", "/dev/null", "-e", "inject=execve:delay_exit=5000000"])
        .arg(run.get_program())
        .args(run.get_args())
        .output()
        .unwrap();
    assert!(began.elapsed() > std::time::Duration::from_secs(5), "it was not held up: {output:?}");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

/// A library stands in for ours that says no hello, as if the loader had ignored it.
fn with_mute_library(directory: &tempfile::TempDir) -> Command {
    let source = directory.path().join("mute.c");
    let library = directory.path().join("mute.so");
    fs::write(&source, "int realpeer_mute;").unwrap();
    assert!(
        Command::new("cc").args(["-shared", "-o"]).arg(&library).arg(&source).status().unwrap().success()
    );
    let mut command = Command::new(&*REALPEER);
    command.args(["run", "--library"]).arg(library).args(GOOD).args(["--", "/usr/bin/sleep", "60"]);
    command
}
