//! What needs no server: settings, labels, messages, and the look at the first bytes.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use realpeer_io::{Endpoint, Policy, Verdict};
use realpeer_preload::label::Label;
use realpeer_preload::wire::{Message, Ring};
use realpeer_preload::{
    Family, Network, Peer, Seen, Settings, look, parse_ip, parse_socket_addr, parse_timeout,
};
use realpeer_proto::{Config, Parsed, parse};
use realpeer_tests::vectors::Vector;

fn settings(variables: &[(&str, &'static str)]) -> Result<Settings, String> {
    let get = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_bytes());
    Settings::from_env(get).map_err(|error| {
        format!("{} {} {}", error.variable, String::from_utf8_lossy(error.value), error.problem)
    })
}

fn inet(text: &str) -> Peer<'static> {
    Peer::Inet(text.parse().unwrap())
}

#[test]
fn look_agrees_with_the_parser_on_every_vector_at_every_length() {
    let config = Config::new();
    for vector in Vector::all().iter().chain(&Vector::captures()) {
        let bytes = vector.bytes();
        for len in 0..=bytes.len().min(600) {
            let bytes = &bytes[..len];
            let seen = look(bytes, &config, false);
            match parse(bytes, &config) {
                Ok(Parsed::Complete { header, len }) => {
                    let source = header.source().and_then(|address| address.socket_addr());
                    let destination = header.destination().and_then(|address| address.socket_addr());
                    assert_eq!(seen, Seen::Header { len, source, destination }, "{}", vector.id);
                }
                Ok(Parsed::Incomplete { .. }) => assert_eq!(seen, Seen::Unfinished, "{}", vector.id),
                Err(error) => assert_eq!(seen, Seen::Bad(error), "{}", vector.id),
            }
            // No header begins like a ring, so a connection of this host to itself makes no difference.
            assert_eq!(look(bytes, &config, true), seen, "{}", vector.id);
        }
    }
}

#[test]
fn a_ring_is_believed_only_from_this_host_and_only_in_one_piece() {
    let ring = Ring { lot: *b"0123456789abcdef", nonce: [7; 16] };
    let bytes = ring.encode();
    let config = Config::new();
    assert_eq!(look(&bytes, &config, true), Seen::Ring(ring));
    assert!(matches!(look(&bytes, &config, false), Seen::Bad(_)));
    for len in 1..bytes.len() {
        assert!(matches!(look(&bytes[..len], &config, true), Seen::Bad(_)), "{len}");
    }
    assert!(matches!(look(&[&bytes[..], b"x"].concat(), &config, true), Seen::Bad(_)));
    let other_name = Ring { lot: *b"0123456789abcde/", ..ring };
    assert!(matches!(look(&other_name.encode(), &config, true), Seen::Bad(_)));
}

#[test]
fn messages_are_decoded_as_they_were_encoded() {
    let messages = [
        Message::Park { token: [1; 16], destination: false },
        Message::Park { token: [2; 16], destination: true },
        Message::Fetch([3; 16]),
        Message::Taken([5; 16]),
        Message::Hello([4; 16]),
    ];
    for message in messages {
        let bytes = message.encode();
        assert_eq!(Message::decode(&bytes), Some(message));
        for at in 0..4 {
            let mut wrong = bytes;
            wrong[at] ^= 0x80;
            assert_eq!(Message::decode(&wrong), None);
        }
        assert_eq!(Message::decode(&bytes[1..]), None);
    }
}

#[test]
fn labels_are_decoded_as_they_were_encoded() {
    for (source, destination) in [
        ("203.0.113.7:40000", None),
        ("203.0.113.7:0", Some("192.0.2.1:443")),
        ("[2001:db8::7]:65535", Some("192.0.2.1:443")),
        ("[2001:db8::7]:1", None),
        ("0.0.0.0:1", None),
        ("[::]:1", None),
    ] {
        let label = Label::new(source.parse().unwrap(), destination.map(|text: &str| text.parse().unwrap()));
        assert_eq!(Label::decode(&label.encode()), Some(label));
    }
    let label = Label::new("203.0.113.7:1".parse().unwrap(), None);
    for at in 0..8 {
        let mut bytes = label.encode();
        bytes[at] ^= 1;
        assert_eq!(Label::decode(&bytes), None, "{at}");
    }
    assert_eq!(Label::decode(&[0; 32]), None);
    assert_eq!(Label::decode(&label.encode()[..31]), None);
}

#[test]
fn a_mapped_source_is_kept_as_the_ipv4_address_that_it_is() {
    let label = Label::new("[::ffff:203.0.113.7]:40000".parse().unwrap(), None);
    assert_eq!(label.source, "203.0.113.7:40000".parse().unwrap());
    assert_eq!(Label::decode(&label.encode()), Some(label));
}

#[test]
fn a_label_stays_with_an_accepted_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    let v4: SocketAddr = "203.0.113.7:40000".parse().unwrap();
    let v6: SocketAddr = "[2001:db8::7]:40000".parse().unwrap();
    for (source, destination) in
        [(v4, None), (v6, None), (v4, Some(v4)), (v6, Some(v4)), (v6, Some(v6)), (v4, Some(v6))]
    {
        let label = Label::new(source, destination);
        label.write(server.as_raw_fd(), false).unwrap();
        let copy = server.try_clone().unwrap();
        let read = Label::read(copy.as_raw_fd()).unwrap();
        assert_eq!(read.source, source);
        match destination {
            Some(SocketAddr::V6(_)) => assert_eq!(Label::read_filter(copy.as_raw_fd()), Some(label)),
            _ => assert_eq!(read, label),
        }
    }
    assert_eq!(Label::read(client.as_raw_fd()), None);
    // The connection is not harmed by it.
    std::io::Write::write_all(&mut &client, b"hello").unwrap();
    let mut bytes = [0; 5];
    std::io::Read::read_exact(&mut &server, &mut bytes).unwrap();
    assert_eq!(&bytes, b"hello");
}

#[test]
fn a_unix_socket_keeps_its_label_in_a_filter() {
    let (server, client) = UnixStream::pair().unwrap();
    let label =
        Label::new("[2001:db8::7]:40000".parse().unwrap(), Some("[2001:db8::8]:443".parse().unwrap()));
    assert_eq!(Label::read_filter(server.as_raw_fd()), None);
    label.write(server.as_raw_fd(), true).unwrap();
    assert_eq!(Label::read_filter(server.as_raw_fd()), Some(label));
    assert_eq!(Label::read_filter(client.as_raw_fd()), None);
    std::io::Write::write_all(&mut &client, b"hello").unwrap();
    let mut bytes = [0; 5];
    std::io::Read::read_exact(&mut &server, &mut bytes).unwrap();
}

#[test]
fn addresses_are_read_as_version_1_headers_write_them() {
    for text in
        ["127.0.0.1", "255.255.255.255", "::", "::1", "2001:db8::7", "::ffff:10.0.0.1", "1:2:3:4:5:6:7:8"]
    {
        assert_eq!(parse_ip(text.as_bytes()), text.parse::<IpAddr>().ok(), "{text}");
    }
    for text in [
        "",
        "127.0.0",
        "127.0.0.01",
        "127.0.0.1 ",
        "127.0.0.1 1",
        "fe80::1%lo",
        ":::",
        "localhost",
        "1::2::3",
    ] {
        assert_eq!(parse_ip(text.as_bytes()), None, "{text}");
    }
    assert_eq!(parse_ip(&[b'1'; 200]), None);
    let any: IpAddr = "::".parse().unwrap();
    for (text, address) in [
        ("6432", Some(SocketAddr::new(any, 6432))),
        ("*:6432", Some(SocketAddr::new(any, 6432))),
        ("10.0.0.1:80", Some("10.0.0.1:80".parse().unwrap())),
        ("[::1]:80", Some("[::1]:80".parse().unwrap())),
        ("::1:80", None),
        ("[10.0.0.1]:80", None),
        ("10.0.0.1", None),
        ("65536", None),
        ("+80", None),
        (":80", None),
    ] {
        assert_eq!(parse_socket_addr(text.as_bytes()), address, "{text}");
    }
}

#[test]
fn timeouts_have_units() {
    for (text, milliseconds) in [
        ("5", Some(5000)),
        ("5s", Some(5000)),
        ("250ms", Some(250)),
        ("2m", Some(120_000)),
        ("3600", Some(3_600_000)),
        ("3601", None),
        ("0", None),
        ("", None),
        ("s", None),
        ("-1s", None),
        ("1.5s", None),
        ("99999999999", None),
    ] {
        assert_eq!(parse_timeout(text.as_bytes()), milliseconds, "{text}");
    }
}

/// The library and realpeer-io decide alike about everybody.
#[test]
fn trust_is_what_it_is_everywhere_else() {
    let trusts = [
        "127.0.0.1",
        "10.0.0.0/8",
        "0.0.0.0/0",
        "::/0",
        "::1",
        "2001:db8::/32",
        "::ffff:10.0.0.0/104",
        "unix",
        "anyone",
    ];
    let peers = [
        "127.0.0.1:1",
        "10.1.2.3:1",
        "11.0.0.0:1",
        "[::1]:1",
        "[2001:db8:5::]:1",
        "[2001:db9::]:1",
        "[::ffff:10.2.3.4]:1",
        "[::]:1",
    ];
    for text in trusts {
        let ours = settings(&[("REALPEER_TRUST", text), ("REALPEER_LISTEN", "1")]).unwrap().trust;
        let theirs: realpeer_io::Trust = text.parse().unwrap();
        for peer in peers {
            let expected =
                theirs.verdict(&Endpoint::from(peer.parse::<SocketAddr>().unwrap())) == Verdict::Require;
            assert_eq!(ours.believes(inet(peer)), expected, "{text} {peer}");
        }
        let unix = theirs.verdict(&Endpoint::Unix(realpeer_io::UnixName::default())) == Verdict::Require;
        assert_eq!(ours.believes(Peer::Unix(b"")), unix, "{text}");
    }
    for text in [
        "10.0.0.0/33",
        "10.0.0.1/8",
        "010.0.0.0/8",
        "10.0.0.0/08",
        "10.0.0.0/",
        "/8",
        "::1/129",
        "::1/64",
        "local",
    ] {
        assert!(Network::parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn settings_that_are_missing_or_malformed_are_named() {
    let good = [("REALPEER_TRUST", "10.0.0.0/8, ::1 unix"), ("REALPEER_LISTEN", "6432,/run/s.sock,@name")];
    let read = settings(&good).unwrap();
    assert_eq!((read.timeout_ms, read.log, read.destination, read.lot.is_some()), (5000, true, false, false));
    for (name, value, part) in [
        ("REALPEER_TRUST", "", "is not set"),
        ("REALPEER_TRUST", "10.0.0.1/8", "REALPEER_TRUST 10.0.0.1/8 has bits set"),
        ("REALPEER_LISTEN", "", "is not set"),
        ("REALPEER_LISTEN", "run/s.sock", "REALPEER_LISTEN run/s.sock is no port"),
        ("REALPEER_LISTEN", "0", "is no port"),
        ("REALPEER_TIMEOUT", "fast", "is no time"),
        ("REALPEER_UNTRUSTED", "allow", "is neither refuse nor bypass"),
        ("REALPEER_LOG", "file", "is neither stderr nor off"),
        ("REALPEER_DESTINATION", "1", "is neither header nor socket"),
        ("REALPEER_LOT", "x", "are set by `realpeer run`"),
    ] {
        let error = settings(&[&[(name, value)], &good[..]].concat()).unwrap_err();
        assert!(error.contains(part) && error.starts_with(name), "{error}");
    }
    let many = "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1";
    let error = settings(&[("REALPEER_TRUST", "::1"), ("REALPEER_LISTEN", many)]).unwrap_err();
    assert!(error.contains("one too many"), "{error}");
}

#[test]
fn listeners_are_told_by_the_own_end_of_a_connection() {
    let read = settings(&[
        ("REALPEER_TRUST", "::1"),
        ("REALPEER_LISTEN", "6432,10.0.0.1:80,[::1]:81,0.0.0.0:82,/run/s.sock,@name"),
    ])
    .unwrap();
    for wanted in [
        "192.0.2.1:6432",
        "[::1]:6432",
        "[::ffff:192.0.2.1]:6432",
        "10.0.0.1:80",
        "[::ffff:10.0.0.1]:80",
        "[::1]:81",
        "192.0.2.1:82",
    ] {
        assert!(read.wants(inet(wanted)), "{wanted}");
    }
    for other in ["192.0.2.1:80", "127.0.0.1:81", "192.0.2.1:83"] {
        assert!(!read.wants(inet(other)), "{other}");
    }
    assert!(read.wants(Peer::Unix(b"/run/s.sock")) && read.wants(Peer::Unix(b"\0name")));
    assert!(
        !read.wants(Peer::Unix(b""))
            && !read.wants(Peer::Unix(b"name"))
            && !read.wants(Peer::Unix(b"/run/s.soc"))
    );
}

#[test]
fn names_are_written_in_the_form_of_the_socket() {
    let mut bytes = [0xFF; 28];
    let v4: SocketAddr = "203.0.113.7:258".parse().unwrap();
    let v6: SocketAddr = "[2001:db8::7]:258".parse().unwrap();
    for (family, address, shown, len) in [
        (Family::Inet, v4, v4, 16),
        (Family::Inet6, v4, "[::ffff:203.0.113.7]:258".parse().unwrap(), 28),
        (Family::Inet6, v6, v6, 28),
        (Family::Inet, v6, v6, 28),
        (Family::Unix, v4, v4, 16),
        (Family::Unix, v6, v6, 28),
    ] {
        assert_eq!(family.sockaddr(address, &mut bytes), len);
        assert_eq!(Peer::from_sockaddr(&bytes[..len]), Some(Peer::Inet(shown)));
    }
    assert_eq!(Peer::from_sockaddr(b"\x01\0/run/s.sock\0rubbish"), Some(Peer::Unix(b"/run/s.sock")));
    assert_eq!(Peer::from_sockaddr(b"\x01\0\0name\0"), Some(Peer::Unix(b"\0name\0")));
    assert_eq!(Peer::from_sockaddr(b"\x01\0"), Some(Peer::Unix(b"")));
    assert_eq!(Peer::from_sockaddr(b"\x02\0\0"), None);
}
