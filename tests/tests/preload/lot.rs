//! The lot itself: who gets something from it, and when it ends.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::server::{SERVER, Server, compile, eventually, port, realpeer_run};

const V1: &[u8] = b"PROXY TCP4 203.0.113.7 192.0.2.1 40000 443\r\n";

fn start(how: &str, options: &[&str]) -> Server {
    let port = port().to_string();
    Server::run(&[&["--listen", &port, "--trust", "127.0.0.1"][..], options].concat(), &[how, &port])
}

fn split_header_is_served(server: &Server) {
    let mut client = server.connect();
    client.send(&V1[..20]);
    thread::sleep(Duration::from_millis(3));
    assert_eq!(client.send(&V1[20..]).seen().unwrap().accept, "203.0.113.7:40000/16");
    client.echo(b"", b"payload");
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number.try_into().unwrap()).unwrap()
}

/// Shows that a user who isn't the server's can do no harm. Only root can become another user.
#[test]
fn a_stranger_gets_nothing_from_the_lot_nor_through_a_forged_ring() {
    if !geteuid().is_root() {
        println!("not root, so there is no stranger to be");
        return;
    }
    let stranger = compile("stranger");
    let server = start("lt+n", &[]);
    let lot = server.lot();
    let before = lot.open_fds();
    // One connection that would be worth stealing.
    let mut waiting = server.connect();
    waiting.send(&V1[..20]);
    let output = Command::new(stranger)
        .args([&lot.name, &server.addresses[0].port().to_string()])
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "nothing\n");
    assert_eq!(waiting.send(&V1[20..]).seen().unwrap().accept, "203.0.113.7:40000/16");
    split_header_is_served(&server);
    drop(waiting);
    eventually("the lot keeps nothing of it", || lot.open_fds() <= before);
}

#[test]
fn whole_headers_are_served_without_the_lot_and_others_refused_with_a_line() {
    let server = start("lt+n", &[]);
    let lot = server.lot();
    split_header_is_served(&server);
    kill_process(pid(lot.pid), Signal::KILL).unwrap();
    eventually("it is gone", || !lot.is_there());
    // The kernel holds the connection back until its first bytes are there.
    let mut client = server.connect();
    assert_eq!(client.send(V1).seen().unwrap().accept, "203.0.113.7:40000/16");
    let mut client = server.connect();
    assert_eq!(client.send(&V1[..20]).seen(), None);
    assert!(server.line().contains("the process that waits for it is gone or full"));
}

#[test]
fn a_lot_that_is_stopped_delays_only_what_it_holds() {
    let server = start("lt+n", &[]);
    let lot = server.lot();
    split_header_is_served(&server);
    kill_process(pid(lot.pid), Signal::STOP).unwrap();
    let mut parked: Vec<_> = (0..50)
        .map(|_| {
            let mut client = server.connect();
            client.send(&V1[..20]);
            client
        })
        .collect();
    let began = Instant::now();
    assert!(server.connect().send(V1).seen().is_some());
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    kill_process(pid(lot.pid), Signal::CONT).unwrap();
    for client in &mut parked {
        assert_eq!(client.send(&V1[20..]).seen().unwrap().accept, "203.0.113.7:40000/16");
    }
}

#[test]
fn the_lot_ends_with_the_program_and_not_before() {
    for signal in [Signal::TERM, Signal::KILL] {
        let server = start("lt+n", &[]);
        let lot = server.lot();
        split_header_is_served(&server);
        thread::sleep(Duration::from_millis(100));
        assert!(lot.is_there());
        kill_process(pid(server.child.id()), signal).unwrap();
        eventually("the lot ends", || !lot.is_there());
    }
}

#[test]
fn the_lot_outlives_a_process_that_goes_to_the_background() {
    let directory = tempfile::tempdir().unwrap();
    let port = port().to_string();
    let pid_file = directory.path().join("pid");
    // The shell forks the server and ends, as a daemon does.
    let script =
        format!("{} lt+n {port} >/dev/null 2>&1 & echo $! >{}", SERVER.display(), pid_file.display());
    let mut command =
        realpeer_run(&["--listen", &port, "--trust", "127.0.0.1"], "/bin/sh".as_ref(), &["-c", &script]);
    assert!(command.status().unwrap().success());
    let daemon: u32 = std::fs::read_to_string(pid_file).unwrap().trim().parse().unwrap();
    let address: std::net::SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
    eventually("it listens", || std::net::TcpStream::connect(address).is_ok());
    thread::sleep(Duration::from_secs(2));
    let mut client = super::server::Client::new(std::net::TcpStream::connect(address).unwrap());
    client.send(&V1[..20]);
    thread::sleep(Duration::from_millis(3));
    let seen = client.send(&V1[20..]).seen();
    let lot = super::server::lot_of(daemon);
    kill_process(pid(daemon), Signal::KILL).unwrap();
    assert_eq!(seen.unwrap().accept, "203.0.113.7:40000/16");
    eventually("the lot ends", || !lot.is_there());
}

#[test]
fn a_stop_of_everything_at_once_is_quick_but_waits_for_the_program() {
    let server = start("lt+n", &[]);
    let lot = server.lot();
    // As systemd does: everybody gets the signal. The program takes its time.
    kill_process(pid(lot.pid), Signal::TERM).unwrap();
    thread::sleep(Duration::from_millis(300));
    assert!(lot.is_there());
    split_header_is_served(&server);
    let began = Instant::now();
    kill_process(pid(server.child.id()), Signal::TERM).unwrap();
    eventually("the lot ends", || !lot.is_there());
    assert!(began.elapsed() < Duration::from_millis(800), "{:?}", began.elapsed());
}

#[test]
fn the_lot_holds_nothing_of_the_program() {
    let port = port().to_string();
    let file = tempfile::tempfile().unwrap();
    let mut command = realpeer_run(&["--listen", &port, "--trust", "127.0.0.1"], &SERVER, &["lt+n", &port]);
    let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
    // The descriptor is inherited, as those of socket activation are.
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
    command.env("LISTEN_FDS", "1");
    let server = Server::spawn(command);
    let links = |pid: u32| -> Vec<String> {
        let fds = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        fds.map(|fd| std::fs::read_link(fd.unwrap().path()).unwrap().display().to_string()).collect()
    };
    let own = std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap().display().to_string();
    assert!(links(server.child.id()).contains(&own), "the program has inherited it");
    let lot = server.lot();
    assert!(!links(lot.pid).contains(&own), "{:?}", links(lot.pid));
    assert_eq!(std::fs::read_link(format!("/proc/{}/cwd", lot.pid)).unwrap(), std::path::Path::new("/"));
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", lot.pid)).unwrap();
    let parent: u32 = stat.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
    assert_ne!(parent, server.child.id(), "the program has no child that it does not know");
}
