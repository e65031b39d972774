//! Clients that speak to `realpeer echo` without a proxy between: what a proxy would never send, or not like that.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use realpeer_tests::harness::{Program, Runtime, connect_from, payload, reset, tlv, until_closed, v1, v2};
use realpeer_tests::on_each_runtime;
use rustix::process::Signal;

on_each_runtime!(
    an_untrusted_peer_is_refused,
    an_untrusted_peer_is_refused_before_it_speaks,
    an_untrusted_unix_peer_is_refused,
    a_mapped_peer_is_trusted_as_ipv4,
    v1_byte_by_byte,
    v2_byte_by_byte,
    header_and_payload_in_one_segment,
    the_longest_v2_header,
    a_drip_does_not_outlive_the_deadline,
    the_deadline_is_over_with_the_header,
    require_v2_refuses_v1,
    require_v1_refuses_v2,
    garbage,
    a_header_cut_short,
    a_reset_in_the_header,
    a_reset_without_a_byte,
    sigterm_and_sigint_end_it_with_clients_connected,
);

const TRUSTED: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const UNTRUSTED: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const HEADER_SOURCE: &str = "192.0.2.10:51000";
const HEADER_DESTINATION: &str = "192.0.2.20:443";

fn an_untrusted_peer_is_refused(runtime: Runtime) {
    let program = Program::start(runtime);
    for header in [some_v1(), some_v2(&[])] {
        let mut client = connect_from(UNTRUSTED, to(&program));
        // It may be gone already.
        let _ = client.write_all(&header).and_then(|()| client.write_all(b"let me in"));
        assert_eq!(until_closed(&client), b"");
        let report = program.report();
        report.assert_failure("refused");
        assert_eq!(report.proxy, own_address(&client));
    }
    // Nobody else is harmed.
    let mut client = connect(&program);
    client.write_all(&some_v2(&[])).unwrap();
    expect_served(&program, &mut client, 2);
    drop(client);
    program.stop();
}

fn an_untrusted_peer_is_refused_before_it_speaks(runtime: Runtime) {
    let program = Program::start(runtime);
    let client = connect_from(UNTRUSTED, to(&program));
    program.report().assert_failure("refused");
    assert_eq!(until_closed(&client), b"");
    program.stop();
}

fn an_untrusted_unix_peer_is_refused(runtime: Runtime) {
    let dir = tempfile::Builder::new().prefix("realpeer-").tempdir().unwrap();
    let path = dir.path().join("echo.sock");
    let listen = format!("unix:{}", path.display());
    let program = Program::start_with(runtime, &["--listen", &listen, "--trust", "0.0.0.0/0"]);
    let client = UnixStream::connect(&path).unwrap();
    let report = program.report();
    report.assert_failure("refused");
    assert_eq!(report.proxy, "unix:");
    drop(client);
    program.stop();
}

/// A listener for both families sees IPv4 peers as mapped addresses; an IPv4 network is meant all the same.
fn a_mapped_peer_is_trusted_as_ipv4(runtime: Runtime) {
    let program = Program::start_with(runtime, &["--listen", "[::]:0", "--trust", "127.0.0.1/32"]);
    let port = to(&program).port();
    let mut client = connect_from(TRUSTED, SocketAddr::new(TRUSTED, port));
    client.write_all(&some_v2(&[])).unwrap();
    let report = program.report();
    report.assert_served(HEADER_SOURCE, HEADER_DESTINATION);
    assert_eq!(report.proxy, format!("[::ffff:127.0.0.1]:{}", client.local_addr().unwrap().port()));

    let stranger = connect_from(UNTRUSTED, SocketAddr::new(TRUSTED, port));
    program.report().assert_failure("refused");
    assert_eq!(until_closed(&stranger), b"");
    drop(client);
    program.stop();
}

fn v1_byte_by_byte(runtime: Runtime) {
    byte_by_byte(runtime, &some_v1(), 1);
}

fn v2_byte_by_byte(runtime: Runtime) {
    byte_by_byte(runtime, &some_v2(&tlv(0x05, b"unique")), 2);
}

fn byte_by_byte(runtime: Runtime, header: &[u8], version: u8) {
    let program = Program::start(runtime);
    let mut client = connect(&program);
    for byte in header {
        client.write_all(&[*byte]).unwrap();
        thread::sleep(Duration::from_millis(5)); // a segment of its own
    }
    expect_served(&program, &mut client, version);
    drop(client);
    program.stop();
}

fn header_and_payload_in_one_segment(runtime: Runtime) {
    let program = Program::start(runtime);
    for (header, version) in [(some_v1(), 1), (some_v2(&[]), 2), (some_v2(&tlv(0x04, &[0; 300])), 2)] {
        let mut client = connect(&program);
        // Another header is nothing but payload.
        let payload = [&some_v2(&[])[..], b"the first request\r\n"].concat();
        client.write_all(&[&header[..], &payload].concat()).unwrap();
        let mut echo = vec![0; payload.len()];
        client.read_exact(&mut echo).unwrap();
        assert_eq!(echo, payload);
        expect_served(&program, &mut client, version);
    }
    program.stop();
}

/// 4,096 bytes are taken unless set otherwise. One more, and it is refused as soon as that is clear.
fn the_longest_v2_header(runtime: Runtime) {
    let program = Program::start(runtime);
    let value: Vec<u8> = (0..65_551 - 28 - 3 - 3 - 5).map(|i: u32| (i % 253) as u8).collect();
    let tlvs = [tlv(0xEF, &value), tlv(0x05, b"seven")].concat();
    let header = some_v2(&tlvs);
    assert_eq!(header.len(), 65_551);
    for pieces in [65_551, 10_000, 1000] {
        let mut client = connect(&program);
        for piece in header.chunks(pieces) {
            client.write_all(piece).unwrap();
            thread::sleep(Duration::from_millis(2));
        }
        let report = expect_served(&program, &mut client, 2);
        assert_eq!(report.tlv_types(), [0xEF, 0x05]);
        assert_eq!((report.tlv(0xEF), report.tlv(0x05)), (value.clone(), b"seven".to_vec()));
    }
    program.stop();
}

/// Each byte comes well within the time-out, and yet the header does not.
fn a_drip_does_not_outlive_the_deadline(runtime: Runtime) {
    let program = Program::start_with(
        runtime,
        &["--listen", "127.0.0.1:0", "--trust", "127.0.0.1/32", "--timeout", "1"],
    );
    let mut client = connect(&program);
    client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let header = some_v2(&tlv(0x04, &[0; 100]));
    let mut sent = 0;
    for byte in &header[..60] {
        if client.write_all(&[*byte]).is_err() {
            break;
        }
        sent += 1;
        // Waits for 300 ms, or until the program has closed.
        match client.read(&mut [0; 1]) {
            Ok(0) => break,
            Ok(_) => panic!("an echo without a header"),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(sent < 60, "18 seconds of a drip, and still connected");
    program.report().assert_failure("timeout");
    program.stop();
}

fn the_deadline_is_over_with_the_header(runtime: Runtime) {
    let program = Program::start_with(
        runtime,
        &["--listen", "127.0.0.1:0", "--trust", "127.0.0.1/32", "--timeout", "1"],
    );
    let mut client = connect(&program);
    client.write_all(&some_v1()).unwrap();
    thread::sleep(Duration::from_millis(1500));
    expect_served(&program, &mut client, 1);
    drop(client);
    program.stop();
}

fn require_v2_refuses_v1(runtime: Runtime) {
    require(runtime, "v2", &some_v2(&[]), 2, &some_v1());
}

fn require_v1_refuses_v2(runtime: Runtime) {
    require(runtime, "v1", &some_v1(), 1, &some_v2(&[]));
}

fn require(runtime: Runtime, version: &str, good: &[u8], number: u8, bad: &[u8]) {
    let program = Program::start_with(
        runtime,
        &["--listen", "127.0.0.1:0", "--trust", "127.0.0.1/32", "--require", version],
    );
    let mut client = connect(&program);
    client.write_all(bad).unwrap();
    program.report().assert_failure("protocol");
    assert_eq!(until_closed(&client), b"");
    let mut client = connect(&program);
    client.write_all(good).unwrap();
    expect_served(&program, &mut client, number);
    drop(client);
    program.stop();
}

fn garbage(runtime: Runtime) {
    let program = Program::start(runtime);
    // The first byte tells; so does the last of the signature.
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\r\n\r\n\0\r\nQUIT\r", b"PROXY TCP5 ", b"\0"] {
        let mut client = connect(&program);
        client.write_all(garbage).unwrap();
        let report = program.report();
        report.assert_failure("protocol");
        assert_eq!(report.proxy, own_address(&client));
        assert_eq!(until_closed(&client), b"");
    }
    program.stop();
}

fn a_header_cut_short(runtime: Runtime) {
    let program = Program::start(runtime);
    for header in [some_v1(), some_v2(&[])] {
        for len in [1, 5, 13, header.len() - 1] {
            let mut client = connect(&program);
            client.write_all(&header[..len]).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            program.report().assert_failure("protocol");
            assert_eq!(until_closed(&client), b"");
        }
    }
    program.stop();
}

fn a_reset_in_the_header(runtime: Runtime) {
    let program = Program::start(runtime);
    let mut client = connect(&program);
    client.write_all(&some_v2(&[])[..20]).unwrap();
    thread::sleep(Duration::from_millis(100)); // it is read
    reset(client);
    program.report().assert_failure("io");
    program.stop();
}

/// What a health check looks like that is over before it is accepted.
fn a_reset_without_a_byte(runtime: Runtime) {
    let program = Program::start(runtime);
    for _ in 0..20 {
        reset(connect(&program));
        program.report().assert_failure("closed");
    }
    program.stop();
}

fn sigterm_and_sigint_end_it_with_clients_connected(runtime: Runtime) {
    for signal in [Signal::TERM, Signal::INT] {
        let program = Program::start(runtime);
        let silent = connect(&program);
        let mut served = connect(&program);
        served.write_all(&some_v1()).unwrap();
        expect_served(&program, &mut served, 1);
        program.end_with(signal);
        assert_eq!(until_closed(&silent), b"");
        assert_eq!(until_closed(&served), b"");
    }
}

/// The header has arrived: the program says whose the connection is, and serves it.
#[track_caller]
fn expect_served(program: &Program, client: &mut TcpStream, version: u8) -> realpeer_tests::harness::Report {
    let report = program.report();
    report.assert_served(HEADER_SOURCE, HEADER_DESTINATION);
    report.assert_header(version, "PROXY");
    assert_eq!(report.proxy, own_address(client));
    let sent = &payload()[..5000];
    client.write_all(sent).unwrap();
    let mut echo = vec![0; sent.len()];
    client.read_exact(&mut echo).unwrap();
    assert!(echo == sent, "the echo differs");
    report
}

fn to(program: &Program) -> SocketAddr {
    program.address().parse().unwrap()
}

fn connect(program: &Program) -> TcpStream {
    connect_from(TRUSTED, to(program))
}

fn own_address(client: &TcpStream) -> String {
    client.local_addr().unwrap().to_string()
}

fn some_v1() -> Vec<u8> {
    v1(HEADER_SOURCE.parse().unwrap(), HEADER_DESTINATION.parse().unwrap())
}

fn some_v2(tlvs: &[u8]) -> Vec<u8> {
    v2(HEADER_SOURCE.parse().unwrap(), HEADER_DESTINATION.parse().unwrap(), tlvs)
}
