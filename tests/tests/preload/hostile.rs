//! Hard times: no descriptors left, forks, process 1, a crowd, tools that watch memory.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::process::geteuid;

use super::server::{REALPEER, SERVER, Server, compile, compile_with, eventually, port, realpeer_run};

const V1: &[u8] = b"PROXY TCP4 203.0.113.7 192.0.2.1 40000 443\r\n";

/// Serves headers whole and in pieces.
pub fn serves(server: &Server, what: &str) {
    for cut in [0, 10, 27] {
        let mut client = server.connect();
        client.send(&V1[..cut]);
        if cut > 0 {
            thread::sleep(Duration::from_millis(3));
        }
        let seen = client.send(&V1[cut..]).seen().unwrap_or_else(|| panic!("{what}: closed, cut at {cut}"));
        assert_eq!(
            (&*seen.accept, &*seen.getpeername),
            ("203.0.113.7:40000/16", "203.0.113.7:40000/16"),
            "{what}"
        );
        client.echo(b"", b"payload");
    }
}

/// Starts the server by `realpeer run`, and that by a command line of its own.
fn start_by(launcher: &[&str], how: &str) -> Server {
    let port = port().to_string();
    let run = realpeer_run(&["--listen", &port, "--trust", "127.0.0.1"], &SERVER, &[how, &port]);
    let mut command = Command::new(launcher[0]);
    command.args(&launcher[1..]).arg(&*REALPEER).args(run.get_args());
    Server::spawn(command)
}

#[test]
fn no_descriptor_left_is_the_programs_own_error_and_passes() {
    let server = start_by(&["sh", "-c", "ulimit -n 12; exec \"$0\" \"$@\""], "lt+n");
    // The limit is the lot's too, so headers are complete when the server looks.
    let pid = rustix::process::Pid::from_child(&server.child);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let mut clients: Vec<_> = (0..20)
        .map(|_| {
            let mut client = server.connect();
            client.send(V1);
            client
        })
        .collect();
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    // As glibc says it, and musl.
    let said = ["Too many open files", "No file descriptors available"];
    eventually("accept fails", || {
        server.stdout_lines().iter().any(|line| said.iter().any(|said| line.contains(said)))
    });
    let served = clients.iter_mut().take(4).filter_map(super::server::Client::seen).count();
    assert_eq!(served, 4);
    drop(clients);
    serves_whole(&server);
}

fn serves_whole(server: &Server) {
    eventually("it serves again", || {
        let mut client = server.connect();
        client.send(V1).seen().is_some()
    });
}

#[test]
fn forks_in_the_middle_and_threads_in_accept_lose_nothing() {
    for how in ["fork", "fork+s", "threads", "threads+s"] {
        let server = start_by(&["env"], how);
        let address = server.addresses[0];
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(move || {
                    for round in 0..25 {
                        let stream = std::net::TcpStream::connect(address).unwrap();
                        stream.set_nodelay(true).unwrap();
                        let mut client = super::server::Client::new(stream);
                        let cut = round % V1.len();
                        client.send(&V1[..cut]);
                        if round % 2 == 0 {
                            thread::sleep(Duration::from_millis(1));
                        }
                        let seen = client.send(&V1[cut..]).seen().unwrap_or_else(|| panic!("{how}: closed"));
                        assert_eq!(seen.getpeername, "203.0.113.7:40000/16", "{how}");
                        client.echo(b"", b"payload");
                    }
                });
            }
        });
    }
}

/// A process that has exec'd, has been handed the socket, or has dup'd it sees the same peer.
#[test]
fn the_address_goes_where_the_socket_goes() {
    let travel = compile("travel");
    let port = port().to_string();
    let server = Server::spawn(realpeer_run(&["--listen", &port, "--trust", "127.0.0.1"], &travel, &[&port]));
    for cut in [0, 10] {
        let mut client = super::server::Client::new(
            std::net::TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap(),
        );
        client.send(&V1[..cut]);
        thread::sleep(Duration::from_millis(3));
        client.send(&V1[cut..]);
        let mut said = String::new();
        std::io::Read::read_to_string(&mut client.stream, &mut said).unwrap();
        assert_eq!(said, "dup 203.0.113.7:40000\nscm 203.0.113.7:40000\nexec 203.0.113.7:40000\n");
    }
    drop(server);
}

#[test]
fn as_process_1_it_stays_passes_signals_on_and_returns_the_status() {
    if !geteuid().is_root() {
        println!("not root: no process 1 to be");
        return;
    }
    let run = realpeer_run(
        &["--listen", "1", "--trust", "::1"],
        "/bin/sh".as_ref(),
        &["-c", "echo $$ $PPID; exit 7"],
    );
    let output = Command::new("unshare")
        .args(["--pid", "--fork"])
        .arg(&*REALPEER)
        .args(run.get_args())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        (said.as_str(), output.status.code()),
        ("2 1\n", Some(7)),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );

    let port = port().to_string();
    let run = realpeer_run(&["--listen", &port, "--trust", "127.0.0.1"], &SERVER, &["lt+n", &port]);
    let mut command = Command::new("unshare");
    command
        .args(["--pid", "--fork", "--kill-child=KILL"])
        .arg(&*REALPEER)
        .args(run.get_args())
        .process_group(0);
    let server = Server::spawn(command);
    serves(&server, "in a namespace of process ids");
    // The child of unshare is process 1; SIGTERM to it is passed on, and it returns what a shell would.
    let children =
        std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", server.child.id())).unwrap();
    let first: i32 = children.trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(first).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let mut server = server;
    assert_eq!(server.child.wait().unwrap().code(), Some(128 + 15));
}

/// Its `accept` and `getpeername` stand before ours, and look at what these have written.
#[test]
fn the_address_sanitizer_finds_nothing() {
    let sanitized = compile_with("server", &["-fsanitize=address", "-static-libasan"]);
    let port = port().to_string();
    let server = Server::spawn(realpeer_run(
        &["--listen", &port, "--trust", "127.0.0.1"],
        &sanitized,
        &["lt+n", &port],
    ));
    serves(&server, "address sanitizer");
    let mut bad = server.connect();
    assert_eq!(bad.send(b"GET / HTTP/1.0\r\n").seen(), None);
    assert!(server.line().contains("no PROXY header"));
    assert_eq!(server.unread_lines(), [""; 0]);
}

#[test]
fn valgrind_finds_nothing() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("no valgrind here; ./ci.sh preload installs it");
        return;
    }
    let port = port().to_string();
    let valgrind = std::path::Path::new("/usr/bin/valgrind");
    let arguments =
        ["--quiet", "--error-exitcode=9", "--track-fds=no", SERVER.to_str().unwrap(), "lt+n", &port];
    let mut server =
        Server::spawn(realpeer_run(&["--listen", &port, "--trust", "127.0.0.1"], valgrind, &arguments));
    serves(&server, "valgrind");
    let mut bad = server.connect();
    assert_eq!(bad.send(b"GET / HTTP/1.0\r\n").seen(), None);
    assert!(server.line().contains("no PROXY header"));
    assert_eq!(server.unread_lines(), [""; 0]);
    drop(server.child.kill());
}

/// Ten thousand where there are descriptors for them. The clients are in this process.
#[test]
fn thousands_of_unfinished_headers_cost_the_server_no_descriptor_and_a_good_client_nothing() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum.unwrap_or(1 << 20);
    let count = usize::try_from(limit).unwrap().saturating_sub(1500).min(if cfg!(feature = "load") {
        10_000
    } else {
        1_000
    });
    let mut raised = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    raised.current = raised.maximum;
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).unwrap();
    let port = port().to_string();
    let server = Server::run(&["--listen", &port, "--trust", "127.0.0.1"], &["lt+n", &port]);
    let (fds, lot) = (server.open_fds(), server.lot());
    let silent: Vec<_> = (0..count)
        .map(|_| {
            let mut client = server.connect();
            client.send(&V1[..10]);
            client
        })
        .collect();
    eventually("all are parked", || lot.open_fds() >= count && server.open_fds() == fds);
    let mut times: Vec<Duration> = (0..50)
        .map(|round| {
            let began = std::time::Instant::now();
            let mut client = server.connect();
            let cut = if round % 2 == 0 { 0 } else { 20 };
            client.send(&V1[..cut]).send(&V1[cut..]);
            assert!(client.seen().is_some());
            began.elapsed()
        })
        .collect();
    times.sort();
    assert!(times[25] < Duration::from_millis(200), "{:?}", times[25]);
    println!("{count} unfinished headers, a good client in {:?}, at most {:?}", times[25], times[49]);
    drop(silent);
    eventually("all are gone", || lot.open_fds() < 20);
}
