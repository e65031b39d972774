//! What connections cost `realpeer echo`: silent ones cost only themselves, and failed ones leave nothing behind.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpStream};

use realpeer_tests::harness::{Program, Runtime, connect_from, eventually, reset, until_closed, v2};
use realpeer_tests::on_each_runtime;

on_each_runtime!(
    silent_peers_cost_only_themselves,
    no_fd_is_left_by_served,
    no_fd_is_left_by_refused,
    no_fd_is_left_by_garbage,
    no_fd_is_left_by_truncated,
    no_fd_is_left_by_reset,
    no_fd_is_left_by_closed,
    no_fd_is_left_by_timeout,
);

const SILENT: usize = 500;
const OF_EACH_KIND: usize = 200;

const TRUSTED: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const UNTRUSTED: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// The order of events is what counts: all are connected, none is reported, a good one comes, is served and
/// reported first; then the silent ones fail, each at its deadline.
fn silent_peers_cost_only_themselves(runtime: Runtime) {
    let program = start(runtime, "8");
    let before = after_one(&program);

    let silent: Vec<TcpStream> = (0..SILENT).map(|_| connect(&program, TRUSTED)).collect();
    eventually("all are accepted", || (program.process().open_fds() >= before + SILENT).then_some(()));
    let ticks = program.process().cpu_ticks();

    let mut good = connect(&program, TRUSTED);
    serve(&mut good);
    // The order on stdout says that none of the others was reported before it.
    program.report().assert_served("192.0.2.10:51000", "192.0.2.20:443");
    assert!(program.process().open_fds() > before + SILENT, "all are still connected");
    drop(good);

    // The first of them has waited for its whole deadline, the program for nothing but the clock.
    let first = program.report();
    let ticks = program.process().cpu_ticks() - ticks;
    assert!(ticks < 20, "{SILENT} silent connections took {ticks} ticks of processor time");

    first.assert_failure("timeout");
    for _ in 1..SILENT {
        program.report().assert_failure("timeout");
    }
    for client in &silent {
        assert_eq!(until_closed(client), b"");
    }
    expect_fds(&program, before);
    program.stop();
}

/// To compare with: this is how it looks when all is well.
fn no_fd_is_left_by_served(runtime: Runtime) {
    let program = start(runtime, "30");
    let before = after_one(&program);
    for _ in 0..OF_EACH_KIND {
        let mut client = connect(&program, TRUSTED);
        serve(&mut client);
        drop(client);
        assert_eq!(program.report().error, None);
    }
    expect_fds(&program, before);
    program.stop();
}

fn no_fd_is_left_by_refused(runtime: Runtime) {
    failures(runtime, "30", "refused", UNTRUSTED, |mut client| {
        // It may be gone already.
        let _ = client.write_all(&header());
        Some(client)
    });
}

fn no_fd_is_left_by_garbage(runtime: Runtime) {
    failures(runtime, "30", "protocol", TRUSTED, |mut client| {
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        Some(client)
    });
}

fn no_fd_is_left_by_truncated(runtime: Runtime) {
    failures(runtime, "30", "protocol", TRUSTED, |mut client| {
        client.write_all(&header()[..20]).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        Some(client)
    });
}

fn no_fd_is_left_by_reset(runtime: Runtime) {
    failures(runtime, "30", "io", TRUSTED, |mut client| {
        client.write_all(&header()[..20]).unwrap();
        reset(client);
        None
    });
}

fn no_fd_is_left_by_closed(runtime: Runtime) {
    failures(runtime, "30", "closed", TRUSTED, |client| {
        client.shutdown(Shutdown::Write).unwrap();
        Some(client)
    });
}

fn no_fd_is_left_by_timeout(runtime: Runtime) {
    failures(runtime, "1", "timeout", TRUSTED, |mut client| {
        client.write_all(&header()[..20]).unwrap();
        Some(client)
    });
}

/// Many connections that fail in the same way, at the same time. The clients stay open, so that it is the program
/// that must close.
fn failures(
    runtime: Runtime,
    timeout: &str,
    kind: &str,
    from: IpAddr,
    mut fail: impl FnMut(TcpStream) -> Option<TcpStream>,
) {
    let program = start(runtime, timeout);
    let before = after_one(&program);
    let clients: Vec<TcpStream> = (0..OF_EACH_KIND).filter_map(|_| fail(connect(&program, from))).collect();
    for _ in 0..OF_EACH_KIND {
        program.report().assert_failure(kind);
    }
    expect_fds(&program, before);
    for client in &clients {
        assert_eq!(until_closed(client), b"");
    }
    program.stop();
}

fn start(runtime: Runtime, timeout: &str) -> Program {
    let options = ["--listen", "127.0.0.1:0", "--trust", "127.0.0.1/32", "--timeout", timeout];
    Program::start_with(runtime, &options)
}

/// How many fds the program has open after it has served one connection: by then it has all that it needs.
fn after_one(program: &Program) -> usize {
    let mut client = connect(program, TRUSTED);
    serve(&mut client);
    assert_eq!(program.report().error, None);
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(until_closed(&client), b"");
    program.process().open_fds()
}

fn expect_fds(program: &Program, count: usize) {
    let fds = || program.process().open_fds();
    eventually(&format!("{} fds are {count}, as before", fds()), || (fds() == count).then_some(()));
}

fn connect(program: &Program, from: IpAddr) -> TcpStream {
    connect_from(from, program.address().parse().unwrap())
}

/// Sends a header and a line, and reads the line back.
fn serve(client: &mut TcpStream) {
    client.write_all(&[&header()[..], b"good day\n"].concat()).unwrap();
    let mut echo = [0; 9];
    client.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"good day\n");
}

fn header() -> Vec<u8> {
    v2("192.0.2.10:51000".parse().unwrap(), "192.0.2.20:443".parse().unwrap(), &[])
}
