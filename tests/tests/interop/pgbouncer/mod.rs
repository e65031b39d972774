//! An unmodified PgBouncer between HAProxy and PostgreSQL, by `realpeer run`: it knows who its clients are.

#![allow(clippy::doc_markdown, reason = "PostgreSQL, PgBouncer and their settings are named often")]

mod client;
mod stack;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use realpeer_tests::harness::{Certificates, connect_from, eventually, v1, v2};
use rustix::process::Signal;

use self::client::Session;
use self::stack::{ALL, Options, PROXY, Stack, Version, one, postgres_program};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77));
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 78));

/// What a query ends with if it is cancelled.
const CANCELLED: &str = "canceling statement due to user request";

/// A test of each with every version.
macro_rules! with_every_version {
    ($($name:ident),+ $(,)?) => {
        mod usual {
            $(#[test]
            fn $name() {
                super::$name(super::Version::Usual);
            })+
        }

        mod trixie {
            $(#[test]
            fn $name() {
                super::$name(super::Version::Trixie);
            })+
        }
    };
}

with_every_version! {
    console_log_and_postgresql_show_the_clients_address_and_port,
    rules_decide_by_the_clients_address,
    rules_are_read_again_on_sighup,
    a_query_can_be_cancelled,
    headers_in_pieces_cut_anywhere_and_of_both_families_log_in,
    strays_leave_no_line_and_disturb_nobody,
    tls_goes_through,
    an_online_restart_keeps_clients_and_addresses,
    two_processes_share_the_port,
    sigterm_ends_it_and_the_lot,
}

fn log_in(to: SocketAddr, from: IpAddr) -> Result<Session, String> {
    Session::open(to, from, "postgres", "postgres")
}

/// Asks for what takes too long, and waits until PostgreSQL is at it.
fn begin_to_sleep(stack: &Stack, session: &mut Session) {
    session.begin("SELECT pg_sleep(300)");
    eventually("PostgreSQL sleeps", || is_asleep(stack).then_some(()));
}

fn is_asleep(stack: &Stack) -> bool {
    const COUNT: &str =
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(300)'";
    stack.postgres().value(COUNT) != "0"
}

/// The clients that PgBouncer's console shows, as address and port.
fn show_clients(to: SocketAddr) -> Vec<(String, String)> {
    let mut console = Session::open(to, CLIENT, "admin", "pgbouncer").unwrap();
    console.columns("SHOW CLIENTS", ["addr", "port"]).into_iter().map(|[ip, port]| (ip, port)).collect()
}

fn console_log_and_postgresql_show_the_clients_address_and_port(version: Version) {
    let stack = Stack::start(one(version));
    for frontend in stack.frontends {
        let mut session = log_in(frontend, CLIENT).unwrap();
        let (ip, port) = (session.address().ip().to_string(), session.address().port().to_string());
        assert!(show_clients(frontend).contains(&(ip.clone(), port.clone())));
        let line = format!("postgres/postgres@{ip}:{port} login attempt: db=postgres user=postgres");
        eventually("the line in the log", || stack.log(0).contains(&line).then_some(()));
        let name = session.value("SELECT current_setting('application_name')");
        assert_eq!(name, format!("test - {ip}:{port}"));
    }
    let proxy = format!("@{PROXY}:");
    assert!(!stack.log(0).contains(&proxy), "{}", stack.log(0));
}

fn rules_decide_by_the_clients_address(version: Version) {
    let rules = format!("host all all 127.0.0.78/32 reject\n{ALL}");
    let stack = Stack::start(Options { rules: &rules, ..one(version) });
    for frontend in stack.frontends {
        assert!(log_in(frontend, CLIENT).is_ok());
        assert_eq!(log_in(frontend, OTHER).err().as_deref(), Some("login rejected"));
    }
    // Who comes past the proxy is nobody, whatever is claimed.
    let header = v2("127.0.0.77:1".parse().unwrap(), stack.bouncer, &[]);
    let direct = Session::open_on(connect_from(OTHER, stack.bouncer), &[&header], "postgres", "postgres");
    assert!(direct.is_err());
}

fn rules_are_read_again_on_sighup(version: Version) {
    let mut stack = Stack::start(one(version));
    assert!(log_in(stack.frontends[1], OTHER).is_ok());
    stack.write("hba", &format!("host all all 127.0.0.78/32 reject\n{ALL}"));
    stack.bouncers[0].signal(Signal::HUP);
    eventually("the rules hold", || log_in(stack.frontends[1], OTHER).is_err().then_some(()));
    let mut session = log_in(stack.frontends[1], CLIENT).unwrap();
    assert_eq!(session.value("SELECT 1"), "1");
    assert_eq!(stack.bouncers[0].ended(), None);
}

fn a_query_can_be_cancelled(version: Version) {
    let stack = Stack::start(one(version));
    let mut session = log_in(stack.frontends[1], CLIENT).unwrap();
    begin_to_sleep(&stack, &mut session);
    session.cancel(stack.frontends[1]);
    assert_eq!(session.answer().unwrap_err(), CANCELLED);
    assert_eq!(session.value("SELECT 2"), "2");
}

fn headers_in_pieces_cut_anywhere_and_of_both_families_log_in(version: Version) {
    let stack = Stack::start(one(version));
    let v4: [SocketAddr; 2] = ["203.0.113.7:40000".parse().unwrap(), "192.0.2.1:443".parse().unwrap()];
    let v6: [SocketAddr; 2] = ["[2001:db8::7]:40000".parse().unwrap(), "[2001:db8::8]:443".parse().unwrap()];
    for ([source, destination], shown) in [(v4, "203.0.113.7:40000"), (v6, "[2001:db8::7]:40000")] {
        for header in [v1(source, destination), v2(source, destination, &[])] {
            for cut in [1, 5, 10, 16, 27] {
                let stream = connect_from(PROXY.parse().unwrap(), stack.bouncer);
                let pieces: [&[u8]; 2] = [&header[..cut], &header[cut..]];
                let mut session = Session::open_on(stream, &pieces, "postgres", "postgres").unwrap();
                let name = session.value("SELECT current_setting('application_name')");
                assert_eq!(name, format!("test - {shown}"), "cut at {cut}");
            }
        }
    }
}

fn strays_leave_no_line_and_disturb_nobody(version: Version) {
    let stack = Stack::start(one(version));
    let mut session = log_in(stack.frontends[0], CLIENT).unwrap();
    let before = stack.log(0);
    // HAProxy's checks go on all the time.
    thread::sleep(Duration::from_millis(600));
    let proxy = || connect_from(PROXY.parse().unwrap(), stack.bouncer);
    let mut silent = proxy();
    for bytes in [
        &b""[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01\0",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 x 1\r\n",
    ] {
        for mut stream in [proxy(), connect_from(OTHER, stack.bouncer)] {
            // Closed before or after: the end comes as it may.
            let _ = stream.write_all(bytes);
            drop(stream);
        }
    }
    let began = Instant::now();
    let mut good = log_in(stack.frontends[1], CLIENT).unwrap();
    assert!(began.elapsed() < Duration::from_millis(900), "accepting paused: {:?}", began.elapsed());
    assert_eq!((good.value("SELECT 1"), session.value("SELECT 1")), ("1".into(), "1".into()));
    // The silent one is closed at its deadline.
    silent.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert!(matches!(silent.read(&mut [0]), Ok(0) | Err(_)));
    let after = stack.log(0);
    let new: Vec<&str> = after[before.len()..].lines().filter(|line| !line.contains("127.0.0.77")).collect();
    let expected = |line: &&str| !line.contains("LOG S-"); // connections of its own to PostgreSQL
    assert_eq!(new.into_iter().filter(expected).collect::<Vec<_>>(), [""; 0]);
}

fn tls_goes_through(version: Version) {
    let certificates = Certificates::make();
    let pem = certificates.server();
    let stack_dir = tempfile::tempdir().unwrap();
    let copy = stack_dir.path().join("server.pem");
    fs::copy(pem, &copy).unwrap();
    for path in [stack_dir.path(), &copy] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(path, mode).unwrap();
    }
    let path = copy.display();
    let settings = format!(
        "client_tls_sslmode = require\nclient_tls_key_file = {path}\nclient_tls_cert_file = {path}\n"
    );
    let stack = Stack::start(Options { settings: &settings, ..one(version) });
    for frontend in stack.frontends {
        let url = format!("postgres://postgres@{frontend}/postgres?sslmode=require&application_name=test");
        let output = Command::new(postgres_program("psql"))
            .args([&url, "-XAtc", "SELECT current_setting('application_name')"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(said.starts_with("test - 127.") && !said.contains(PROXY), "{said}{errors}");
        assert!(log_in(frontend, CLIENT).is_err(), "without TLS");
    }
    assert!(stack.log(0).contains("tls=TLS"), "{}", stack.log(0));
}

fn an_online_restart_keeps_clients_and_addresses(version: Version) {
    let mut stack = Stack::start(one(version));
    let mut kept = log_in(stack.frontends[1], CLIENT).unwrap();
    assert_eq!(kept.value("SELECT 1"), "1");
    let address = kept.address();
    let next = stack.start_bouncer(0, &["-R"]);
    eventually("the old process ends", || stack.bouncers[0].ended());
    stack.bouncers[0] = next;
    assert_eq!(kept.value("SELECT 2"), "2");
    let clients = show_clients(stack.frontends[1]);
    assert!(clients.contains(&(address.ip().to_string(), address.port().to_string())), "{clients:?}");
    // New ones, with headers whole and in pieces.
    let mut session = log_in(stack.frontends[0], CLIENT).unwrap();
    let name = session.value("SELECT current_setting('application_name')");
    assert_eq!(name, format!("test - {}", session.address()));
    let header = v2("203.0.113.7:40000".parse().unwrap(), stack.bouncer, &[]);
    let stream = connect_from(PROXY.parse().unwrap(), stack.bouncer);
    let mut session =
        Session::open_on(stream, &[&header[..10], &header[10..]], "postgres", "postgres").unwrap();
    assert_eq!(session.value("SELECT current_setting('application_name')"), "test - 203.0.113.7:40000");
}

fn two_processes_share_the_port(version: Version) {
    let stack = Stack::start(Options { bouncers: 2, ..one(version) });
    let header = v2("203.0.113.7:40000".parse().unwrap(), stack.bouncer, &[]);
    for round in 0..60 {
        let mut session = if round % 3 == 0 {
            let stream = connect_from(PROXY.parse().unwrap(), stack.bouncer);
            Session::open_on(stream, &[&header[..10], &header[10..]], "postgres", "postgres").unwrap()
        } else {
            log_in(stack.frontends[round % 2], CLIENT).unwrap()
        };
        let expected =
            if round % 3 == 0 { "203.0.113.7:40000".into() } else { session.address().to_string() };
        assert_eq!(session.value("SELECT current_setting('application_name')"), format!("test - {expected}"));
    }
    for number in 0..2 {
        let count = stack.log(number).matches("login attempt").count();
        assert!(count > 5, "PgBouncer {number} has had {count} of 60");
    }
}

/// A cancel request comes on a connection of its own, which either process may accept. Headers are complete and in pieces.
#[test]
fn a_cancel_request_reaches_the_process_that_has_the_session() {
    let stack = Stack::start(Options { bouncers: 2, ..one(Version::Trixie) });
    let mut seen = BTreeSet::new();
    for round in 0..400 {
        let mut session = log_in(stack.frontends[1], CLIENT).unwrap();
        begin_to_sleep(&stack, &mut session);
        let split = round % 2 == 1;
        let request = if split {
            let source = SocketAddr::from(([203, 0, 113, 7], 40_000 + round));
            let header = v2(source, stack.bouncer, &[]);
            let stream = connect_from(PROXY.parse().unwrap(), stack.bouncer);
            session.cancel_on(stream, &[&header[..10], &header[10..]]);
            source
        } else {
            session.cancel(stack.frontends[1])
        };
        assert_eq!(session.answer().unwrap_err(), CANCELLED);
        let has = stack.who_logged(&format!("@{} login attempt", session.address()));
        let accepted =
            stack.who_logged(&format!("@{request} closing because: successfully sent cancel request"));
        let forwarded = format!("peer-{}@unix:", has + 1);
        assert!(has == accepted || stack.log(accepted).contains(&forwarded), "{forwarded}");
        seen.insert((split, has, accepted));
        if seen.len() == 8 {
            return;
        }
    }
    panic!("whether split, which has the session, and which accepted the request: {seen:?}");
}

/// What peers are for.
#[test]
fn without_peers_a_cancel_request_to_another_process_is_lost() {
    let stack = Stack::start(Options { bouncers: 2, ..one(Version::Usual) });
    let mut session = log_in(stack.frontends[1], CLIENT).unwrap();
    let has = stack.who_logged(&format!("@{} login attempt", session.address()));
    for _ in 0..200 {
        begin_to_sleep(&stack, &mut session);
        let request = session.cancel(stack.frontends[1]);
        if stack.who_logged(&format!("@{request} closing because: ")) != has {
            assert!(
                stack.log(1 - has).contains(&format!("@{request} closing because: failed cancel request"))
            );
            assert!(is_asleep(&stack));
            return;
        }
        assert_eq!(session.answer().unwrap_err(), CANCELLED);
    }
    panic!("none of 200 requests was accepted by the other process");
}

fn sigterm_ends_it_and_the_lot(version: Version) {
    let mut stack = Stack::start(one(version));
    let name = fs::read(format!("/proc/{}/environ", stack.bouncers[0].id())).unwrap();
    let name = String::from_utf8_lossy(&name).into_owned();
    let lot = name.split('\0').find_map(|entry| entry.strip_prefix("REALPEER_LOT=")).unwrap();
    let there = || fs::read_to_string("/proc/net/unix").unwrap().contains(&format!("@realpeer-lot/{lot}"));
    assert!(there());
    let status = stack.bouncers[0].end_with(Signal::TERM);
    assert!(status.success() || status.code() == Some(1), "{status}");
    eventually("the lot ends", || (!there()).then_some(()));
}
