//! Headers that arrive in pieces, or never, through a server that `realpeer run` has started.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use realpeer_proto::{Config, Parsed, parse};
use realpeer_tests::vectors::{Expect, Vector};

use super::server::{Client, Seen, Server, Stream, eventually, port};

const V1: &[u8] = b"PROXY TCP4 203.0.113.7 192.0.2.1 40000 443\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\xc0\0\x02\x01\x9c\x40\x01\xbb";

/// A server on an IPv4 and an IPv6 port.
fn start(how: &str, options: &[&str]) -> Server {
    let (v4, v6) = (port().to_string(), format!("6:{}", port()));
    let listen = format!("{v4},{}", &v6[2..]);
    let all = [&["--listen", &listen, "--trust", "127.0.0.0/8,::1"][..], options].concat();
    Server::run(&all, &[how, &v4, &v6])
}

/// Sends the pieces with a pause between, and reads what the server says.
fn in_pieces<S: Stream>(client: &mut Client<S>, pieces: &[&[u8]]) -> Option<Seen> {
    for (index, piece) in pieces.iter().enumerate() {
        if index > 0 {
            thread::sleep(Duration::from_millis(3));
        }
        client.send(piece);
    }
    client.seen()
}

#[test]
fn every_way_to_accept_shows_the_source_of_a_header_in_pieces() {
    for how in [
        "block",
        "fork",
        "threads",
        "poll",
        "select",
        "lt",
        "poll+n",
        "lt+n",
        "et+n",
        "oneshot+n",
        "exclusive+n",
        "lt+s",
        "et+n+s",
        "block+s",
        "threads+0",
    ] {
        let server = start(how, &[]);
        for (header, cut) in [(V1, 10), (V1, 27), (V2, 10), (V2, 27), (V2, 13)] {
            let mut client = server.connect();
            let seen = in_pieces(&mut client, &[&header[..cut], &header[cut..]])
                .unwrap_or_else(|| panic!("{how} closed a header cut at {cut}"));
            let accept = if how.ends_with("+0") { "-" } else { "203.0.113.7:40000/16" };
            assert_eq!((&*seen.accept, &*seen.getpeername), (accept, "203.0.113.7:40000/16"), "{how}");
            assert!(seen.rest.starts_with("errno=kept nonblock=0 cloexec=1"), "{how}: {}", seen.rest);
            client.echo(b"", b"payload");
        }
        if !["block", "fork", "block+s"].contains(&how) {
            let seen = in_pieces(&mut server.connect_to(1), &[&V1[..10], &V1[10..]]).unwrap();
            assert_eq!(seen.getpeername, "[::ffff:203.0.113.7]:40000/28", "{how}");
        }
    }
}

#[test]
fn a_header_byte_by_byte_with_payload_behind_it() {
    let server = start("lt+n", &[]);
    for header in [V1, V2] {
        let mut client = server.connect();
        let bytes = [header, b"payload"].concat();
        let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
        let seen = in_pieces(&mut client, &pieces).unwrap();
        assert_eq!(seen.accept, "203.0.113.7:40000/16");
        client.echo(b"payload", b" and more");
    }
}

#[test]
fn a_header_of_4000_bytes_is_read() {
    let server = start("lt+n", &[]);
    let mut header = V2.to_vec();
    header[14..16].copy_from_slice(&(12u16 + 3 + 3900).to_be_bytes());
    header.extend([0x04, (3900u16 >> 8) as u8, 3900u16 as u8]);
    header.resize(header.len() + 3900, 0);
    let mut client = server.connect();
    assert_eq!(in_pieces(&mut client, &[&header, b"payload"]).unwrap().accept, "203.0.113.7:40000/16");
    client.echo(b"payload", b"");
}

/// The server's answer is what the vector says, wherever it is cut.
#[test]
fn every_vector_at_every_split_reaches_the_server_as_it_should() {
    let server = start("lt+n", &["--quiet"]);
    let vectors: Vec<Vector> = Vector::all().into_iter().chain(Vector::captures()).collect();
    let (address, next) = (server.addresses[0], std::sync::atomic::AtomicUsize::new(0));
    let tried = std::sync::atomic::AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                while let Some(vector) = vectors.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                {
                    // Long ones are cut where the parser has something to decide, and at a few places more.
                    let len = vector.bytes().len();
                    for cut in (0..len).filter(|&cut| cut <= 64 || cut + 4 >= len || cut % 61 == 0) {
                        tried.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        try_vector(address, vector, cut);
                    }
                }
            });
        }
    });
    assert!(tried.into_inner() > 5_000);
}

fn try_vector(server: SocketAddr, vector: &Vector, cut: usize) {
    let bytes = vector.bytes();
    let mut client = Client::new(TcpStream::connect(server).unwrap());
    client.stream.set_nodelay(true).unwrap();
    let own = client.stream.local_addr().unwrap();
    let (first, second) = bytes.split_at(cut);
    let write = |bytes: &[u8]| std::io::Write::write_all(&mut &client.stream, bytes);
    let _ = write(first);
    if cut % 3 == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    // A bad start is closed before the rest comes.
    let sent = write(second);
    client.stream.end_quietly();
    let seen = client.seen();
    let name = format!("{} cut at {cut}", vector.id);
    match (parse(&bytes, &Config::new()), vector.expect) {
        (Ok(Parsed::Complete { header, len }), _) => {
            sent.unwrap();
            let source = header.source().and_then(|source| source.socket_addr()).unwrap_or(own);
            let source = SocketAddr::new(source.ip().to_canonical(), source.port());
            let seen = seen.unwrap_or_else(|| panic!("{name}: closed"));
            let shown = seen.accept.split('/').next().unwrap().parse::<SocketAddr>();
            assert_eq!(shown, Ok(source), "{name}");
            assert_eq!(seen.accept, seen.getpeername, "{name}");
            let mut echo = Vec::new();
            std::io::Read::read_to_end(&mut client.stream, &mut echo).unwrap();
            assert_eq!(echo, &bytes[len..], "{name}");
        }
        (_, Expect::Accept) if vector.header_len <= Some(4096) => panic!("{name}: refused"),
        _ => assert_eq!(seen, None, "{name}"),
    }
}

#[test]
fn silent_and_dripping_peers_are_closed_at_the_deadline_and_delay_nobody() {
    thread::scope(|scope| {
        for how in ["lt+n", "poll", "threads"] {
            scope.spawn(move || silent_and_dripping_peers(how));
        }
    });
}

fn silent_and_dripping_peers(how: &str) {
    let server = start(how, &["--timeout", "3s"]);
    let fds = server.open_fds();
    let began = Instant::now();
    let mut silent: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for client in &mut silent {
        client.send(&V1[..5]);
    }
    eventually("all are parked", || server.open_fds() == fds);
    let mut good = server.connect();
    assert!(in_pieces(&mut good, &[&V2[..20], &V2[20..]]).is_some());
    assert!(began.elapsed() < Duration::from_millis(2500), "{how}: a good one took {:?}", began.elapsed());
    // A byte now and then does not move the deadline.
    let mut dripping = server.connect();
    for byte in V1.chunks(1) {
        thread::sleep(Duration::from_millis(100));
        if std::io::Write::write_all(&mut dripping.stream, byte).is_err() {
            break;
        }
    }
    assert_eq!(dripping.seen(), None, "{how}");
    for mut client in silent {
        assert_eq!(client.seen(), None, "{how}");
    }
    assert!(began.elapsed() > Duration::from_secs(3));
    let line = server.line();
    assert!(line.contains("5 bytes"), "{how}: {line}");
}

#[test]
fn peers_that_leave_in_the_middle_disturb_nobody() {
    let server = start("lt+n", &[]);
    for round in 0..40 {
        let mut client = server.connect();
        client.send(&V1[..round]);
        if round % 2 == 0 {
            rustix::net::sockopt::set_socket_linger(&client.stream, Some(Duration::ZERO)).unwrap();
        }
    }
    let mut good = server.connect();
    assert!(in_pieces(&mut good, &[&V1[..20], &V1[20..]]).is_some());
    good.echo(b"", b"payload");
    let fds = server.open_fds();
    assert!(fds < 12, "{fds} descriptors");
}

#[test]
fn health_checks_and_bad_headers_in_pieces_leave_the_program_alone() {
    let server = start("lt+n", &[]);
    drop(server.connect());
    assert_eq!(in_pieces(&mut server.connect(), &[b"PRO", b"POSE /"]), None);
    assert!(server.line().contains("no PROXY header"));
    assert_eq!(server.unread_lines(), [""; 0]);
}

#[test]
fn a_hundred_split_headers_fit_through_a_backlog_of_five() {
    let port = port().to_string();
    let mut command = super::server::realpeer_run(
        &["--listen", &port, "--trust", "127.0.0.1"],
        &super::server::SERVER,
        &["lt+n", &port],
    );
    command.env("BACKLOG", "5");
    let server = Server::spawn(command);
    let lot = server.lot();
    let before = lot.open_fds();
    // Each waits until the one before is parked, or the kernel would hold back the connections themselves.
    let mut clients: Vec<_> = (1..=100)
        .map(|count| {
            let mut client = server.connect();
            client.send(&V1[..30]);
            eventually("it is parked", || lot.open_fds() == before + count);
            client
        })
        .collect();
    let began = Instant::now();
    for client in &mut clients {
        client.send(&V1[30..]);
    }
    for client in &mut clients {
        assert_eq!(client.seen().unwrap().accept, "203.0.113.7:40000/16");
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn addresses_of_this_host_other_than_the_first_can_be_rung() {
    let port = port();
    let v6 = format!("6:{port}");
    let server = Server::run(&["--listen", &port.to_string(), "--trust", "127.0.0.0/8,::1"], &["lt+n", &v6]);
    let address: IpAddr = Ipv4Addr::new(127, 0, 0, 5).into();
    for _ in 0..10 {
        let mut client = Client::new(TcpStream::connect((address, port)).unwrap());
        let seen = in_pieces(&mut client, &[&V1[..10], &V1[10..]]).unwrap();
        assert_eq!(seen.getsockname, format!("[::ffff:127.0.0.5]:{port}/28"));
        assert_eq!(seen.accept, "[::ffff:203.0.113.7]:40000/28");
    }
    let mut client = server.connect();
    assert_eq!(
        in_pieces(&mut client, &[&V2[..10], &V2[10..]]).unwrap().accept,
        "[::ffff:203.0.113.7]:40000/28"
    );
}

#[test]
fn unix_listeners_are_rung_by_their_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let path = path.to_str().unwrap();
    for how in ["lt+n", "block"] {
        let _ = std::fs::remove_file(path);
        let server = Server::run(&["--listen", path, "--trust", "unix"], &[how, path]);
        for cut in 1..V2.len() {
            let mut client = Client::new(UnixStream::connect(path).unwrap());
            let seen = in_pieces(&mut client, &[&V2[..cut], &V2[cut..]]).unwrap();
            assert_eq!(
                (&*seen.accept, &*seen.getpeername),
                ("203.0.113.7:40000/16", "203.0.113.7:40000/16"),
                "{how} {cut}"
            );
            client.echo(b"", b"payload");
        }
        assert_eq!(server.unread_lines(), [""; 0], "{how}");
    }
}

#[test]
fn siblings_on_one_port_serve_each_others_rings() {
    let port = port().to_string();
    let start = || {
        let mut command = super::server::realpeer_run(
            &["--listen", &port, "--trust", "127.0.0.1"],
            &super::server::SERVER,
            &["lt+n", &port],
        );
        command.env("REUSEPORT", "1");
        Server::spawn(command)
    };
    let servers = [start(), start()];
    let mut served = std::collections::HashMap::new();
    for _ in 0..100 {
        let mut client = servers[0].connect();
        let seen = in_pieces(&mut client, &[&V1[..10], &V1[10..]]).unwrap();
        assert_eq!(seen.accept, "203.0.113.7:40000/16");
        *served.entry(seen.rest).or_insert(0) += 1;
    }
    assert_eq!(served.len(), 2, "{served:?}");
}

#[test]
fn bypassed_peers_are_greeted_at_once() {
    let port = port().to_string();
    let options = ["--listen", &port, "--trust", "127.0.0.9", "--untrusted", "bypass"];
    let server = Server::run(&options, &["lt+n", &port]);
    // An unfinished header of a trusted one has the kernel hold nobody else back.
    let from = |ip: [u8; 4]| {
        use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&socket, &SocketAddr::from((ip, 0))).unwrap();
        connect(&socket, &server.addresses[0]).unwrap();
        Client::new(TcpStream::from(socket))
    };
    let mut trusted = from([127, 0, 0, 9]);
    assert_eq!(in_pieces(&mut trusted, &[&V1[..10], &V1[10..]]).unwrap().accept, "203.0.113.7:40000/16");
    let began = Instant::now();
    let mut stranger = from([127, 0, 0, 1]);
    assert!(stranger.seen().unwrap().accept.starts_with("127.0.0.1:"));
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    stranger.echo(b"", V1);
}
