//! Headers that are complete when the connection is accepted, by the library alone.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use super::server::{Client, LIBRARY, SERVER, Seen, Server, port};

const V1: &[u8] = b"PROXY TCP4 203.0.113.7 192.0.2.1 40000 443\r\n";
const V1_IPV6: &[u8] = b"PROXY TCP6 2001:db8::7 2001:db8::8 40000 443\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\xc0\0\x02\x01\x9c\x40\x01\xbb";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// Connects while the server is stopped, so that the header is there when it accepts.
fn with_header<T>(server: &Server, header: &[u8], connect: impl FnOnce() -> Client<T>) -> Client<T>
where
    T: super::server::Stream,
{
    use rustix::process::{Pid, Signal, kill_process};
    let pid = Pid::from_child(&server.child);
    kill_process(pid, Signal::STOP).unwrap();
    let mut client = connect();
    client.send(header);
    thread::sleep(Duration::from_millis(5));
    kill_process(pid, Signal::CONT).unwrap();
    client
}

fn see(server: &Server, index: usize, header: &[u8]) -> Option<Seen> {
    let mut client = with_header(server, header, || server.connect_to(index));
    // It may be closed already.
    let _ = client.stream.write_all(b"after");
    let seen = client.seen();
    if seen.is_some() {
        client.echo(b"after", b"more");
    }
    seen
}

fn start(how: &str, variables: &[(&str, &str)]) -> Server {
    let (v4, v6) = (port().to_string(), format!("6:{}", port()));
    let listen = format!("{v4},{}", &v6[2..]);
    Server::hooked(&[how, &v4, &v6], &[&[("REALPEER_LISTEN", listen.as_str())], variables].concat())
}

#[test]
fn every_way_to_accept_shows_the_source() {
    for how in [
        "poll",
        "select",
        "lt",
        "poll+n",
        "select+n",
        "lt+n",
        "et+n",
        "oneshot+n",
        "exclusive+n",
        "lt+s",
        "et+n+s",
    ] {
        let server = start(how, &[]);
        for header in [V1, V2] {
            let seen = see(&server, 0, header).unwrap();
            assert_eq!(seen.accept, "203.0.113.7:40000/16", "{how}");
            assert_eq!(seen.getpeername, "203.0.113.7:40000/16", "{how}");
            assert_eq!(seen.getsockname, format!("{}/16", server.addresses[0]), "{how}");
            assert!(seen.rest.starts_with("errno=kept nonblock=0 cloexec=1"), "{how}: {}", seen.rest);
            let seen = see(&server, 1, header).unwrap();
            assert_eq!(seen.accept, "[::ffff:203.0.113.7]:40000/28", "{how}");
            assert_eq!(seen.getpeername, "[::ffff:203.0.113.7]:40000/28", "{how}");
        }
        assert_eq!(see(&server, 1, V1_IPV6).unwrap().accept, "[2001:db8::7]:40000/28", "{how}");
        let local = see(&server, 0, LOCAL).unwrap();
        assert!(
            local.accept.starts_with("127.0.0.1:") && local.accept == local.getpeername,
            "{how}: {local:?}"
        );
        assert_eq!(server.unread_lines(), [""; 0], "{how}");
    }
}

#[test]
fn an_ipv6_source_is_shown_on_an_ipv4_listener_only_where_there_is_room() {
    let server = start("poll", &[]);
    let seen = see(&server, 0, V1_IPV6).unwrap();
    assert_eq!(
        (seen.accept, seen.getpeername),
        ("[2001:db8::7]:40000/28".into(), "[2001:db8::7]:40000/28".into())
    );

    let server = start("poll+0", &[]);
    let seen = see(&server, 0, V1_IPV6).unwrap();
    assert_eq!((seen.accept, seen.getpeername), ("-".into(), "[2001:db8::7]:40000/28".into()));

    let server = start("poll+16", &[]);
    assert_eq!(see(&server, 0, V1_IPV6), None);
    assert!(server.line().contains("no room for an IPv6 source; let it listen on [::]"));
    assert_eq!(see(&server, 0, V1).unwrap().accept, "203.0.113.7:40000/16");
}

#[test]
fn bad_and_absent_headers_never_reach_the_program() {
    let server = start("lt+n", &[]);
    let fds = server.open_fds();
    assert_eq!(see(&server, 0, b"GET / HTTP/1.1\r\n"), None);
    assert!(server.line().contains("no PROXY header"));
    drop(server.connect());
    assert_eq!(see(&server, 0, V1).unwrap().accept, "203.0.113.7:40000/16");
    assert_eq!(server.unread_lines(), [""; 0], "a health check is not worth a line");
    thread::sleep(Duration::from_secs(1));
    assert_eq!(server.connect().send(&V1[..20]).seen(), None);
    assert!(server.line().contains("start the server with `realpeer run`"));
    for _ in 0..100 {
        if server.open_fds() == fds {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("{} descriptors instead of {fds}", server.open_fds());
}

/// HAProxy's checks are so: LOCAL by version 2, its own addresses by version 1, and a reset.
#[test]
fn a_check_with_a_header_never_reaches_the_program() {
    for how in ["lt+n", "poll"] {
        let server = start(how, &[]);
        let pid = rustix::process::Pid::from_child(&server.child);
        let fds = server.open_fds();
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
        for header in [LOCAL, V1] {
            let mut client = server.connect();
            client.send(header);
            rustix::net::sockopt::set_socket_linger(&client.stream, Some(Duration::ZERO)).unwrap();
        }
        let mut last = server.connect();
        last.send(V1);
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
        assert!(last.seen().is_some(), "{how}");
        last.echo(b"", b"payload");
        // What had reached the program would have been accepted before the last one.
        assert_eq!(server.stdout_lines(), [""; 0], "{how}");
        super::server::eventually("nothing is left", || server.open_fds() == fds);
        // Somebody who has said all and waits for an answer is a client.
        let mut client = with_header(&server, V1, || server.connect());
        client.stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(client.seen().is_some(), "{how}");
    }
}

#[test]
fn untrusted_peers_are_refused_or_left_to_the_program() {
    let server = start("lt+n", &[("REALPEER_TRUST", "192.0.2.1")]);
    assert_eq!(see(&server, 0, V1), None);
    assert!(server.line().contains("is not a trusted proxy; add it to REALPEER_TRUST"));

    let server = start("lt+n", &[("REALPEER_TRUST", "192.0.2.1"), ("REALPEER_UNTRUSTED", "bypass")]);
    // The server speaks first: nothing is waited for.
    let mut client = server.connect();
    assert!(client.seen().unwrap().accept.starts_with("127.0.0.1:"));
    client.echo(b"", V1);
}

#[test]
fn sockets_that_are_not_named_are_left_alone() {
    let server = Server::hooked(&["lt+n", "0"], &[("REALPEER_LISTEN", "1")]);
    let mut client = server.connect();
    assert!(client.seen().unwrap().accept.starts_with("127.0.0.1:"));
    client.echo(b"", V1);
}

#[test]
fn the_destination_is_shown_on_request() {
    let server = start("lt+n", &[("REALPEER_DESTINATION", "header")]);
    assert_eq!(see(&server, 0, V2).unwrap().getsockname, "192.0.2.1:443/16");
    assert_eq!(see(&server, 1, V1_IPV6).unwrap().getsockname, "[2001:db8::8]:443/28");
    assert_eq!(see(&server, 0, LOCAL).unwrap().getsockname, format!("{}/16", server.addresses[0]));
}

#[test]
fn unix_listeners_show_the_source_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let path = path.to_str().unwrap();
    let server = Server::hooked(&["lt+n", path], &[("REALPEER_LISTEN", path)]);
    for (header, accept) in [
        (V1, "203.0.113.7:40000/16"),
        (V2, "203.0.113.7:40000/16"),
        (V1_IPV6, "[2001:db8::7]:40000/28"),
        (LOCAL, "unix/2"),
    ] {
        let mut client = with_header(&server, header, || Client::new(UnixStream::connect(path).unwrap()));
        let seen = client.seen().unwrap();
        assert_eq!((seen.accept.as_str(), seen.getpeername.as_str()), (accept, accept));
        client.echo(b"", b"more");
    }
}

#[test]
fn a_program_that_is_misconfigured_ends_with_78_and_one_line() {
    for (name, value, part) in [
        ("REALPEER_TRUST", "", "REALPEER_TRUST is not set"),
        ("REALPEER_TRUST", "10.0.0.1/8", "REALPEER_TRUST: 10.0.0.1/8 has bits set after its prefix"),
        ("REALPEER_LISTEN", "", "REALPEER_LISTEN is not set"),
        ("REALPEER_TRUST", "\x1b[31m", "REALPEER_TRUST: ?[31m is neither an address"),
    ] {
        let output = std::process::Command::new(&*SERVER)
            .args(["lt", "0"])
            .env("LD_PRELOAD", &*LIBRARY)
            .envs([("REALPEER_TRUST", "::1"), ("REALPEER_LISTEN", "1"), (name, value)])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(78), 1), "{said}");
        assert!(said.starts_with(&format!("realpeer: {part}")), "{said}");
        assert!(output.stdout.is_empty());
    }
}
