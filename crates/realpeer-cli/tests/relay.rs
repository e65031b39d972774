//! `realpeer relay`: headers in and out, both directions, UDP, UNIX sockets, and its end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::{Duration, Instant};

use common::headers::{V1, encode, inet, v2};
use common::{PATIENCE, Running, run};
use realpeer::proto::{Addresses, Encoder, Tlv, Version, kind};
use rustix::process::Signal;

/// A server that returns what it has read to its end, and then answers `answer`.
fn server(answer: &'static [u8]) -> (String, std::sync::mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, received) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, sender) = (stream.unwrap(), sender.clone());
            thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = stream.read_to_end(&mut bytes);
                let _ = stream.write_all(answer);
                let _ = sender.send(bytes);
            });
        }
    });
    (address, received)
}

fn relay(to: &str, options: &[&str]) -> Running {
    Running::start(&[&["relay", "--listen", "127.0.0.1:0", "--to", to], options].concat())
}

/// Sends these bytes, says that these are all, and reads the answer.
fn talk(relay: &Running, bytes: &[u8]) -> (Vec<u8>, String) {
    let mut stream = TcpStream::connect(&relay.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    // A reset if it was refused.
    let _ = stream.read_to_end(&mut answer);
    (answer, stream.local_addr().unwrap().to_string())
}

#[test]
fn headers_are_taken_off_changed_and_passed_on() {
    let (to, received) = server(b"answer");
    let with_tlv = v2(&[Tlv::new(kind::ALPN, b"h2")]);
    let plain_v2 = encode(&Encoder::new(Version::V2, inet()));
    for (out, came, sent) in [
        ("none", V1, &b""[..]),
        ("v1", &with_tlv, V1),
        ("v2", V1, &plain_v2),
        ("v2", &with_tlv, &with_tlv),
        ("same", &with_tlv, &with_tlv),
        ("same", V1, V1),
        ("v1", &encode(&Encoder::local()), b"PROXY UNKNOWN\r\n"),
        ("v2", b"PROXY UNKNOWN\r\n", &encode(&Encoder::local())),
    ] {
        let relay = relay(&to, &["--trust", "127.0.0.1", "--out", out]);
        // The answer comes after the end of what was sent: half-closed is not closed.
        let (answer, _) = talk(&relay, &[came, b"hello"].concat());
        assert_eq!(answer, b"answer", "{out}");
        assert_eq!(received.recv_timeout(PATIENCE).unwrap(), [sent, b"hello"].concat(), "{out}");
        relay.line();
        relay.stop();
    }
}

#[test]
fn without_trust_no_header_is_looked_for() {
    let (to, received) = server(b"answer");
    let relay = relay(&to, &["--out", "v1"]);
    let (answer, client) = talk(&relay, V1);
    assert_eq!(answer, b"answer");
    assert_eq!(relay.line(), format!("{client} without a header"));
    let (client, local) = (client.replace("127.0.0.1:", ""), relay.address.replace("127.0.0.1:", ""));
    let header = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {client} {local}\r\n");
    assert_eq!(received.recv_timeout(PATIENCE).unwrap(), [header.as_bytes(), V1].concat());
    relay.stop();
}

#[test]
fn a_line_shows_the_header_or_why_it_is_refused() {
    let (to, _received) = server(b"");
    let relay_ = relay(&to, &["--trust", "127.0.0.1"]);
    let (_, client) = talk(&relay_, V1);
    assert_eq!(relay_.line(), format!("192.0.2.1:56324 -> 198.51.100.2:443 through {client}, v1 PROXY"));
    let (answer, _) = talk(&relay_, b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(answer, b"");
    assert!(relay_.line().contains("not served: protocol: no PROXY header"));
    relay_.stop();
    let relay_ = relay(&to, &["--trust", "192.0.2.1"]);
    assert_eq!(talk(&relay_, V1).0, b"");
    assert!(relay_.line().contains("127.0.0.1 is not trusted"));
    relay_.stop();
}

#[test]
fn megabytes_pass_in_both_directions_at_once() {
    let echo = Running::echo(&["--listen", "127.0.0.1:0", "--trust", "127.0.0.1"]);
    let relay = relay(&echo.address, &["--out", "v2"]);
    let mut stream = TcpStream::connect(&relay.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let payload: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).collect();
    let (mut writer, sent) = (stream.try_clone().unwrap(), payload.clone());
    let writing = thread::spawn(move || {
        writer.write_all(&sent).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut echoed = Vec::new();
    stream.read_to_end(&mut echoed).unwrap();
    writing.join().unwrap();
    assert!(echoed == payload, "{} bytes of {}", echoed.len(), payload.len());
    assert!(echo.line().contains("v2 PROXY"));
}

#[test]
fn unix_sockets_on_both_sides() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let listener = UnixListener::bind(path("server")).unwrap();
    let (listen, to) =
        (format!("unix:{}", path("relay").display()), format!("unix:{}", path("server").display()));
    let relay = Running::start(&["relay", "--listen", &listen, "--to", &to, "--trust", "unix"]);
    let mut client = UnixStream::connect(path("relay")).unwrap();
    client.write_all(&[V1, b"hello"].concat()).unwrap();
    let (mut served, _) = listener.accept().unwrap();
    let mut bytes = vec![0; V1.len() + 5];
    served.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes, [V1, b"hello"].concat());
    drop((client, served));
    relay.line();
    relay.stop();
    assert!(!path("relay").exists());
}

#[test]
fn datagrams_and_their_answers() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let to = format!("udp:{}", server.local_addr().unwrap());
    let dgram = |addresses: Addresses<'_>| encode(&Encoder::new(Version::V2, addresses).dgram());
    let header = dgram(inet());
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let own = client.local_addr().unwrap();
    for (options, came, out) in [
        (&["--trust", "127.0.0.1"][..], &header[..], "same"),
        (&["--trust", "127.0.0.1"], &header, "none"),
        (&[], &[], "v2"),
    ] {
        let relay = Running::start(
            &[&["relay", "--listen", "udp:127.0.0.1:0", "--to", &to, "--out", out], options].concat(),
        );
        let address = relay.address.strip_prefix("udp:").unwrap();
        for query in [b"first", b"other"] {
            client.send_to(&[came, query].concat(), address).unwrap();
            let mut buffer = [0; 500];
            let (len, from) = server.recv_from(&mut buffer).unwrap();
            let sent = match out {
                "same" => header.clone(),
                "v2" => dgram(Addresses::new(own, address.parse().unwrap())),
                _ => Vec::new(),
            };
            assert_eq!(&buffer[..len], [&sent[..], query].concat(), "{out}");
            server.send_to(b"answer", from).unwrap();
            let (len, from) = client.recv_from(&mut buffer).unwrap();
            assert_eq!((&buffer[..len], from.to_string().as_str()), (&b"answer"[..], address));
        }
        // One line for all datagrams of a sender.
        relay.line();
        relay.stop();
    }
}

#[test]
fn connections_may_end_after_ctrl_c_but_not_forever() {
    let (to, received) = server(b"answer");
    let relay_ = relay(&to, &[]);
    let mut stream = TcpStream::connect(&relay_.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"hello").unwrap();
    relay_.line();
    relay_.signal(Signal::INT);
    thread::sleep(Duration::from_millis(200));
    stream.write_all(b", still there").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"answer");
    assert_eq!(received.recv_timeout(PATIENCE).unwrap(), b"hello, still there");
    relay_.ends_with(0);

    let relay_ = relay(&to, &["--drain", "0.3"]);
    let _open = TcpStream::connect(&relay_.address).unwrap();
    relay_.line();
    let began = Instant::now();
    relay_.signal(Signal::INT);
    relay_.ends_with(0);
    assert!(began.elapsed() >= Duration::from_millis(300));

    let relay_ = relay(&to, &["--drain", "600"]);
    let _open = TcpStream::connect(&relay_.address).unwrap();
    relay_.line();
    relay_.signal(Signal::INT);
    thread::sleep(Duration::from_millis(200));
    relay_.signal(Signal::INT);
    relay_.ends_with(0);
}

#[test]
fn connections_are_bounded() {
    let (to, _received) = server(b"");
    let relay = relay(&to, &["--max", "2"]);
    let open: Vec<_> = (0..3).map(|_| TcpStream::connect(&relay.address).unwrap()).collect();
    relay.line();
    relay.line();
    thread::sleep(Duration::from_millis(300));
    // The third waits until another ends.
    assert!(!relay.has_line());
    let third = open[2].local_addr().unwrap();
    drop(open);
    assert_eq!(relay.line(), format!("{third} without a header"));
}

#[test]
fn what_cannot_be_is_refused_at_the_start() {
    for (options, said) in [
        (["--listen", "udp:127.0.0.1:0", "--to", "127.0.0.1:1"], "datagrams go to datagrams"),
        (["--listen", "127.0.0.1:0", "--to", "udp:127.0.0.1:1"], "datagrams go to datagrams"),
    ] {
        let (code, _, stderr) = run(&[&["relay"], &options[..]].concat());
        assert_eq!(code, Some(1));
        assert!(stderr.contains(said), "{stderr}");
    }
    let (code, _, stderr) =
        run(&["relay", "--listen", "udp:127.0.0.1:0", "--to", "udp:127.0.0.1:1", "--out", "v1"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("version 1 has no datagrams"), "{stderr}");
    // No server there: said, and the relay goes on.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let relay = relay(&nobody, &[]);
    let (answer, _) = talk(&relay, b"hello");
    assert_eq!(answer, b"");
    relay.line();
    assert!(relay.complaint().contains(&format!("can't connect to {nobody}: ")));
}
