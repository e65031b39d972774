//! Endpoints: what they are made from and turned into, and that every byte of a UNIX name counts.

use std::collections::BTreeSet;
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, TcpListener, TcpStream, UdpSocket,
};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net as unix;

use proptest::prelude::*;
use realpeer_io::socket::peer_user;
use realpeer_io::{Endpoint, UnixName};
use realpeer_proto::{Address, UnixAddr};

fn unix_name(name: &[u8]) -> Endpoint {
    UnixName::new(name).unwrap().into()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn unix_names_are_read_from_what_they_are_printed_as(
        name in prop::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(b'@'), Just(b'\\')], 0..=108),
    ) {
        let endpoint = unix_name(&name);
        prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint.clone()));
        prop_assert!(endpoint.to_string().bytes().all(|byte| matches!(byte, b' '..=b'~')));
    }

    #[test]
    fn two_names_are_printed_alike_only_if_they_are_one(
        one in "[@\0\\\\x40n]{0,4}",
        other in "[@\0\\\\x40n]{0,4}",
    ) {
        let [first, second] = [&one, &other].map(|name| unix_name(name.as_bytes()));
        prop_assert_eq!(first == second, one == other);
        prop_assert_eq!(first.to_string() == second.to_string(), one == other);
    }

    #[test]
    fn socket_addresses_are_read_from_what_they_are_printed_as(ip in any::<IpAddr>(), port in any::<u16>()) {
        let endpoint = Endpoint::from((ip, port));
        prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint.clone()));
        prop_assert_eq!(endpoint.ip(), Some(ip.to_canonical()));
        prop_assert_eq!(endpoint.port(), Some(port));
        prop_assert_eq!(endpoint.socket_addr(), Some(SocketAddr::new(ip, port)));
        prop_assert_eq!(endpoint.clone().try_into(), Ok(SocketAddr::new(ip, port)));
        prop_assert_eq!(endpoint.to_canonical().ip(), endpoint.ip());
        prop_assert_eq!(endpoint.to_canonical().socket_addr(), Some(SocketAddr::new(ip.to_canonical(), port)));
    }
}

#[test]
fn a_path_and_an_abstract_name_never_print_alike() {
    for (name, text) in [
        (&b"\0proxy"[..], "unix:@proxy"),
        (b"@proxy", "unix:\\x40proxy"),
        (b"\0@proxy", "unix:@@proxy"),
        (b"\0proxy\0", "unix:@proxy\\x00"),
        (b"/run/@proxy", "unix:/run/@proxy"),
        (b"", "unix:"),
        (b"\0", "unix:@"),
        (b"@", "unix:\\x40"),
    ] {
        assert_eq!(unix_name(name).to_string(), text);
        assert_eq!(text.parse(), Ok(unix_name(name)));
    }
}

#[test]
fn a_name_is_a_path_or_abstract_or_neither() {
    for (bytes, path, abstract_name) in [
        (&b"/run/proxy"[..], Some(&b"/run/proxy"[..]), None),
        (b"\0proxy", None, Some(&b"proxy"[..])),
        (b"", None, None),
    ] {
        let name = UnixName::new(bytes).unwrap();
        assert_eq!((name.as_pathname(), name.as_abstract_name()), (path, abstract_name), "{name:?}");
    }
}

/// The kernel knows two sockets, and so does a policy.
#[test]
fn abstract_names_are_told_apart_by_every_byte() {
    let [one, other] = [&b"proxy"[..], b"proxy\0"].map(|name| {
        let addr = unix::SocketAddr::from_abstract_name(name).unwrap();
        let endpoint = Endpoint::from(addr);
        assert_eq!(endpoint.unix_name().unwrap().as_abstract_name(), Some(name));
        endpoint
    });
    assert_ne!(one, other);
    assert_ne!(one.as_address(), other.as_address());
    assert_ne!(one.to_string(), other.to_string());
}

/// In a header names are padded, so NULs at the end are not part of the name.
#[test]
fn names_in_headers_are_cut_and_names_of_sockets_are_not() {
    assert_eq!(UnixAddr::new(b"\0proxy\0\0"), UnixAddr::new(b"\0proxy"));
    assert_eq!(UnixAddr::exact(b"\0proxy\0\0").unwrap().as_bytes(), b"\0proxy\0\0");
    assert_eq!(UnixAddr::exact(&[b'/'; 109]), None);
    assert_eq!(UnixName::new(&[b'/'; 109]), None);
    assert_eq!(UnixName::new(&[0; 108]).unwrap().as_addr().as_bytes(), [0; 108]);
}

#[test]
fn texts_that_are_no_endpoint() {
    for text in [
        "",
        "unix",
        "Unix:",
        "192.0.2.1",
        "192.0.2.1:",
        "192.0.2.1:65536",
        "010.0.0.1:80",
        "localhost:80",
        ":80",
        "unix:\\",
        "unix:\\x4",
        "unix:\\x+1",
        "unix:\\xgg",
        "unix:\\u{40}",
        "unix:a\n",
        "unix:\u{e9}",
        &format!("unix:{}", "x".repeat(109)),
    ] {
        let error = text.parse::<Endpoint>().unwrap_err();
        assert!(error.to_string().starts_with(&format!("{text:?} is neither an address")), "{error}");
    }
}

#[test]
fn endpoints_are_made_from_every_form_of_address() {
    let expected = Endpoint::Inet("192.0.2.1:443".parse().unwrap());
    let v4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 443);
    for endpoint in [
        Endpoint::from(v4),
        Endpoint::from(SocketAddr::from(v4)),
        Endpoint::from((*v4.ip(), 443)),
        Endpoint::from((IpAddr::from(*v4.ip()), 443)),
        Endpoint::from(Address::Inet(v4.into())),
        "192.0.2.1:443".parse().unwrap(),
    ] {
        assert_eq!(endpoint, expected);
    }
    let v6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 443, 0, 0);
    assert_eq!(Endpoint::from(v6), Endpoint::from((Ipv6Addr::LOCALHOST, 443)));

    let unix = unix_name(b"/run/proxy");
    assert_eq!(Endpoint::from(Address::Unix(UnixAddr::new(b"/run/proxy").unwrap())), unix);
    assert_eq!(Endpoint::from(unix::SocketAddr::from_pathname("/run/proxy").unwrap()), unix);
    assert_eq!((unix.ip(), unix.port(), unix.socket_addr()), (None, None, None));
    let error = SocketAddr::try_from(unix).unwrap_err();
    assert_eq!(error.to_string(), "unix:/run/proxy is a UNIX socket and has no IP address");
}

/// Whatever the caller thinks of the peer, the socket knows.
#[test]
fn a_socket_is_asked_for_its_peer() {
    for at in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(at).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, peer) = listener.accept().unwrap();
        assert_eq!(Endpoint::of_peer(&stream).unwrap(), peer.into());
        assert_eq!(Endpoint::of_peer(&client).unwrap(), listener.local_addr().unwrap().into());
    }
    let (one, _other) = unix::UnixStream::pair().unwrap();
    assert_eq!(Endpoint::of_peer(&one).unwrap(), UnixName::default().into());

    // To the byte.
    let name = format!("realpeer-peer-{}\0", std::process::id());
    let addr = unix::SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = unix::UnixListener::bind_addr(&addr).unwrap();
    let client = unix::UnixStream::connect_addr(&addr).unwrap();
    let peer = Endpoint::of_peer(&client).unwrap();
    assert_eq!(peer.unix_name().unwrap().as_abstract_name(), Some(name.as_bytes()));

    let unconnected = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_eq!(Endpoint::of_peer(&unconnected).unwrap_err().kind(), std::io::ErrorKind::NotConnected);
}

#[test]
fn the_kernel_knows_the_user_at_the_other_end_of_a_unix_socket() {
    let (one, other) = unix::UnixStream::pair().unwrap();
    let me = rustix::process::geteuid().as_raw();
    assert_eq!([peer_user(&one).unwrap(), peer_user(&other).unwrap()], [me; 2]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert_eq!(peer_user(&client).unwrap(), u32::MAX, "nobody");
}

#[test]
fn tokios_unix_addresses_are_endpoints() {
    let runtime = ::tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let name = format!("realpeer-endpoint-{}", std::process::id());
        let addr = unix::SocketAddr::from_abstract_name(&name).unwrap();
        let listener = unix::UnixListener::bind_addr(&addr).unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = ::tokio::net::UnixListener::from_std(listener).unwrap();
        assert_eq!(Endpoint::from(listener.local_addr().unwrap()).to_string(), format!("unix:@{name}"));
    });
}

#[test]
fn endpoints_can_be_sorted_and_kept_in_sets() {
    let texts = ["unix:/run/b", "[::1]:1", "192.0.2.1:2", "unix:", "192.0.2.1:1", "unix:/run/b"];
    let sorted: BTreeSet<Endpoint> = texts.iter().map(|text| text.parse().unwrap()).collect();
    let printed: Vec<_> = sorted.iter().map(Endpoint::to_string).collect();
    assert_eq!(printed, ["192.0.2.1:1", "192.0.2.1:2", "[::1]:1", "unix:", "unix:/run/b"]);
}
