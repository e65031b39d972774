//! HAProxy in TCP mode in front of `realpeer echo`, without TLS.
//!
//! Each case sends a payload through and back, and holds what the program says against three others: the client's
//! own address, the frontend's, and the address that HAProxy's log has of its own end.

use std::os::unix::fs::FileTypeExt;

use realpeer_tests::harness::{Client, HaProxy, Program, Report, Runtime, python_client};
use realpeer_tests::on_each_runtime;

on_each_runtime!(
    v1_ipv4,
    v1_ipv6,
    v1_ipv6_to_ipv6,
    v1_unix_client_is_unknown,
    v1_mapped,
    v2_ipv4,
    v2_ipv6,
    v2_ipv6_to_ipv6,
    v2_unix_client_is_local,
    v2_mapped,
    v2_crc32c,
    v2_unique_id,
    v2_crc32c_of_a_unix_client,
    v1_to_a_unix_socket,
    v2_to_a_unix_socket,
    python_client_through_v1,
    python_client_through_v2,
    many_clients_are_not_mixed_up,
);

const TCP: &[&str] = &["--listen", "127.0.0.1:0", "--trust", "127.0.0.1/32"];
const TCP6: &[&str] = &["--listen", "[::1]:0", "--trust", "::1/128"];

fn v1_ipv4(runtime: Runtime) {
    let report = through(runtime, TCP, "127.0.0.1", &[], "send-proxy");
    report.assert_header(1, "PROXY");
    assert_eq!(report.tlvs, Some(vec![]));
}

fn v1_ipv6(runtime: Runtime) {
    let report = through(runtime, TCP, "::1", &[], "send-proxy");
    report.assert_header(1, "PROXY");
}

fn v1_ipv6_to_ipv6(runtime: Runtime) {
    let report = through(runtime, TCP6, "::1", &[], "send-proxy");
    report.assert_header(1, "PROXY");
}

fn v2_ipv4(runtime: Runtime) {
    let report = through(runtime, TCP, "127.0.0.1", &[], "send-proxy-v2");
    report.assert_header(2, "PROXY");
    assert_eq!(report.tlvs, Some(vec![]));
}

fn v2_ipv6(runtime: Runtime) {
    let report = through(runtime, TCP, "::1", &[], "send-proxy-v2");
    report.assert_header(2, "PROXY");
    assert_eq!(report.tlvs, Some(vec![]));
}

fn v2_ipv6_to_ipv6(runtime: Runtime) {
    let report = through(runtime, TCP6, "::1", &[], "send-proxy-v2");
    report.assert_header(2, "PROXY");
}

fn v2_crc32c(runtime: Runtime) {
    let report = through(runtime, TCP, "127.0.0.1", &[], "send-proxy-v2 proxy-v2-options crc32c");
    report.assert_header(2, "PROXY");
    assert_eq!(report.tlv_types(), [0x03]);
    assert_eq!(report.tlv(0x03).len(), 4);
}

fn v2_unique_id(runtime: Runtime) {
    let report = through(
        runtime,
        TCP,
        "127.0.0.1",
        &["unique-id-format %ci:%cp->%fi:%fp"],
        "send-proxy-v2 proxy-v2-options unique-id",
    );
    report.assert_header(2, "PROXY");
    assert_eq!(report.tlv_types(), [0x05]);
    let (source, destination) = (report.source.clone().unwrap(), report.destination.clone().unwrap());
    assert_eq!(String::from_utf8(report.tlv(0x05)).unwrap(), format!("{source}->{destination}"));
}

/// A listener for both families gives IPv4 clients as mapped addresses, and so does HAProxy's header.
fn v1_mapped(runtime: Runtime) {
    through_mapped(runtime, "send-proxy").assert_header(1, "PROXY");
}

fn v2_mapped(runtime: Runtime) {
    through_mapped(runtime, "send-proxy-v2").assert_header(2, "PROXY");
}

/// HAProxy has no address of such a client, and says UNKNOWN: who it really is remains HAProxy.
fn v1_unix_client_is_unknown(runtime: Runtime) {
    from_unix_client(runtime, "send-proxy").assert_header(1, "PROXY");
}

fn v2_unix_client_is_local(runtime: Runtime) {
    let report = from_unix_client(runtime, "send-proxy-v2");
    report.assert_header(2, "LOCAL");
    assert_eq!(report.tlvs, Some(vec![]));
}

fn v2_crc32c_of_a_unix_client(runtime: Runtime) {
    let report = from_unix_client(runtime, "send-proxy-v2 proxy-v2-options crc32c");
    report.assert_header(2, "LOCAL");
    assert_eq!(report.tlv_types(), [0x03]);
}

fn v1_to_a_unix_socket(runtime: Runtime) {
    to_a_unix_socket(runtime, "send-proxy").assert_header(1, "PROXY");
}

fn v2_to_a_unix_socket(runtime: Runtime) {
    to_a_unix_socket(runtime, "send-proxy-v2").assert_header(2, "PROXY");
}

fn python_client_through_v1(runtime: Runtime) {
    with_python_client(runtime, "127.0.0.1", "send-proxy").assert_header(1, "PROXY");
}

fn python_client_through_v2(runtime: Runtime) {
    with_python_client(runtime, "::1", "send-proxy-v2").assert_header(2, "PROXY");
}

fn many_clients_are_not_mixed_up(runtime: Runtime) {
    let program = Program::start(runtime);
    let haproxy = HaProxy::start(&program, "127.0.0.1", "", &[], "send-proxy-v2");
    let clients: Vec<Client> = (0..50).map(|_| Client::connect(haproxy.address())).collect();
    for client in clients.iter().rev() {
        client.echo();
    }
    let mut sources: Vec<String> = clients.iter().map(|_| program.report().source.unwrap()).collect();
    let mut expected: Vec<String> = clients.iter().map(|client| client.address().to_owned()).collect();
    sources.sort();
    expected.sort();
    assert_eq!(sources, expected);
    drop(clients);
    haproxy.stop();
    program.stop();
}

/// One client through HAProxy on `host`; all but the header's own contents is checked here.
fn through(runtime: Runtime, listen: &[&str], host: &str, settings: &[&str], server: &str) -> Report {
    let program = Program::start_with(runtime, listen);
    let haproxy = HaProxy::start(&program, host, "", settings, server);
    let client = Client::connect(haproxy.address());
    client.echo();
    let report = program.report();
    report.assert_served(client.address(), haproxy.address());
    let port = client.port();
    drop(client);
    assert_eq!(Some(&report.proxy), haproxy.served(Some(port)).own_address.as_ref());
    assert_ne!(Some(&report.proxy), report.source.as_ref());
    haproxy.stop();
    program.stop();
    report
}

fn through_mapped(runtime: Runtime, server: &str) -> Report {
    let program = Program::start(runtime);
    let haproxy = HaProxy::start(&program, "::", "v4v6", &[], server);
    let front = format!("127.0.0.1:{}", haproxy.port());
    let client = Client::connect(&front);
    client.echo();
    let report = program.report();
    let mapped = |ip: &dyn std::fmt::Display, port: u16| format!("[::ffff:{ip}]:{port}");
    report.assert_served(&mapped(&client.ip(), client.port()), &mapped(&"127.0.0.1", haproxy.port()));
    let port = client.port();
    drop(client);
    assert_eq!(Some(&report.proxy), haproxy.served(Some(port)).own_address.as_ref());
    haproxy.stop();
    program.stop();
    report
}

fn from_unix_client(runtime: Runtime, server: &str) -> Report {
    let program = Program::start(runtime);
    let haproxy = HaProxy::start_on_unix_socket(&program, server);
    let client = Client::connect(haproxy.address());
    client.echo();
    let report = program.report();
    drop(client);
    let own_address = haproxy.served(None).own_address.unwrap();
    assert_eq!(report.proxy, own_address);
    report.assert_served(&own_address, program.address());
    haproxy.stop();
    program.stop();
    report
}

fn to_a_unix_socket(runtime: Runtime, server: &str) -> Report {
    let dir = tempfile::Builder::new().prefix("realpeer-").tempdir().unwrap();
    let path = dir.path().join("echo.sock");
    let listen = format!("unix:{}", path.display());
    let program = Program::start_with(runtime, &["--listen", &listen, "--trust", "unix"]);
    assert_eq!(program.address(), listen);
    assert!(path.metadata().unwrap().file_type().is_socket());
    let haproxy = HaProxy::start(&program, "127.0.0.1", "", &[], server);
    let client = Client::connect(haproxy.address());
    client.echo();
    let report = program.report();
    report.assert_served(client.address(), haproxy.address());
    // HAProxy's socket has no name.
    assert_eq!(report.proxy, "unix:");
    let port = client.port();
    drop(client);
    assert_eq!(haproxy.served(Some(port)).own_address, None);
    haproxy.stop();
    program.stop();
    report
}

fn with_python_client(runtime: Runtime, host: &str, server: &str) -> Report {
    let program = Program::start(runtime);
    let haproxy = HaProxy::start(&program, host, "", &[], server);
    let line = "good day, who am I?";
    let client = python_client(haproxy.address(), line, &[]);
    assert_eq!(client.echo, line);
    assert_eq!(client.tls, None);
    let report = program.report();
    report.assert_served(&client.address, haproxy.address());
    let port = client.address.rsplit_once(':').unwrap().1.parse().unwrap();
    assert_eq!(Some(&report.proxy), haproxy.served(Some(port)).own_address.as_ref());
    haproxy.stop();
    program.stop();
    report
}
