//! HAProxy's health checks of `realpeer echo`: they are accepted quietly, and the server is UP.

use std::thread;
use std::time::Duration;

use realpeer_tests::harness::{Client, HaProxy, Program, Report, Runtime, eventually};
use realpeer_tests::on_each_runtime;
use rustix::process::Signal;

on_each_runtime!(
    v2_check_is_local,
    v2_check_is_local_if_forced,
    v2_check_with_crc32c,
    v1_check_has_haproxys_own_address,
    v1_check_has_haproxys_own_address_if_forced,
    bare_check_on_v1,
    bare_check_on_v2,
    bare_check_that_lingers,
    bare_check_says_nothing_without_json,
);

/// Without `port` or `addr` a check sends a header as soon as the server line has `send-proxy`.
fn v2_check_is_local(runtime: Runtime) {
    checked(runtime, "send-proxy-v2", "", &[], is_local, Some(3));
}

fn v2_check_is_local_if_forced(runtime: Runtime) {
    checked(runtime, "send-proxy-v2", "port PORT check-send-proxy", &[], is_local, Some(3));
}

fn v2_check_with_crc32c(runtime: Runtime) {
    let crc32c = |check: &Report, program: &str| {
        is_local(check, program);
        assert_eq!(check.tlv_types(), [0x03]);
    };
    checked(runtime, "send-proxy-v2 proxy-v2-options crc32c", "", &[], crc32c, Some(3));
}

/// Version 1 has no LOCAL: HAProxy sends its own connection's addresses.
fn v1_check_has_haproxys_own_address(runtime: Runtime) {
    checked(runtime, "send-proxy", "", &[], is_own_v1, Some(3));
}

fn v1_check_has_haproxys_own_address_if_forced(runtime: Runtime) {
    checked(runtime, "send-proxy", "port PORT check-send-proxy", &[], is_own_v1, Some(3));
}

/// HAProxy resets the connection before it is complete, if it is quick enough: then the program sees nothing of it.
fn bare_check_on_v1(runtime: Runtime) {
    checked(runtime, "send-proxy", "port PORT", &[], is_closed, None);
}

fn bare_check_on_v2(runtime: Runtime) {
    checked(runtime, "send-proxy-v2", "port PORT", &[], is_closed, None);
}

/// This one completes the connection and closes it: the program sees a peer that leaves without a byte.
fn bare_check_that_lingers(runtime: Runtime) {
    let settings = ["option tcp-check", "tcp-check connect linger"];
    checked(runtime, "send-proxy-v2", "port PORT", &settings, is_closed, Some(3));
}

fn bare_check_says_nothing_without_json(runtime: Runtime) {
    let program = Program::start_plain(runtime, &["--listen", "127.0.0.1:0", "--trust", "127.0.0.1/32"]);
    let settings = ["option tcp-check", "tcp-check connect linger"];
    let server = server_line(&program, "send-proxy", "port PORT");
    let haproxy = HaProxy::start(&program, "127.0.0.1", "", &settings, &server);
    wait_for_checks(&haproxy);
    let client = Client::connect(haproxy.address());
    client.echo();
    let line = program.line();
    assert!(line.contains(client.address()) && line.contains(haproxy.address()), "{line}");
    drop(client);
    haproxy.stop();
    program.stop();
}

/// HAProxy checks the server with the options `check` and finds it UP, while a client is served all the same. What
/// the program says of a check is as `is_check` wants it; `at_least` so many are waited for.
fn checked(
    runtime: Runtime,
    send: &str,
    check: &str,
    settings: &[&str],
    is_check: impl Fn(&Report, &str),
    at_least: Option<usize>,
) {
    let program = Program::start(runtime);
    let haproxy = HaProxy::start(&program, "127.0.0.1", "", settings, &server_line(&program, send, check));
    for _ in 0..at_least.unwrap_or(0) {
        is_check(&program.report(), program.address());
    }
    wait_for_checks(&haproxy);

    let client = Client::connect(haproxy.address());
    client.echo();
    let report = loop {
        let report = program.report();
        if report.source.as_deref() == Some(client.address()) {
            break report;
        }
        is_check(&report, program.address());
    };
    report.assert_header(if send.contains("v2") { 2 } else { 1 }, "PROXY");
    report.assert_served(client.address(), haproxy.address());
    let port = client.port();
    drop(client);
    assert_eq!(Some(&report.proxy), haproxy.served(Some(port)).own_address.as_ref());

    assert_up(&haproxy);
    haproxy.stop();
    let address = program.address().to_owned();
    for line in program.end_with(Signal::TERM) {
        is_check(&Report::read(&line), &address);
    }
}

/// One failed check is enough to be DOWN. PORT stands for the program's.
fn server_line(program: &Program, send: &str, check: &str) -> String {
    let port = program.address().rsplit_once(':').unwrap().1;
    format!("{send} check inter 50ms fall 1 {}", check.replace("PORT", port))
}

fn wait_for_checks(haproxy: &HaProxy) {
    eventually("the first check", || haproxy.statistic("check_status").contains('L').then_some(()));
    thread::sleep(Duration::from_millis(500)); // for some more
    assert_up(haproxy);
}

fn assert_up(haproxy: &HaProxy) {
    let statistics = ["status", "check_status", "chkfail", "chkdown"].map(|field| haproxy.statistic(field));
    // A star says that the next check is under way.
    let [status, check, failed, downs] = statistics.each_ref().map(|value| value.trim_start_matches("* "));
    assert_eq!((status, failed, downs), ("UP", "0", "0"), "{statistics:?}");
    assert!(["L4OK", "L7OK"].contains(&check), "{statistics:?}");
}

fn is_local(check: &Report, program: &str) {
    check.assert_header(2, "LOCAL");
    check.assert_served(&check.proxy, program);
}

fn is_own_v1(check: &Report, program: &str) {
    check.assert_header(1, "PROXY");
    check.assert_served(&check.proxy, program);
}

fn is_closed(check: &Report, _: &str) {
    check.assert_failure("closed");
}
