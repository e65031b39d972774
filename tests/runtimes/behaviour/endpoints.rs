//! Who is at the ends of a connection: by its header, or by its socket.

use std::io::Write;
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net as unix;

use realpeer::proto::{Addresses, Command, Encoder, Transport, UnixAddr, Version};
use realpeer::{AcceptError, Acceptor, Established, Trust};

use crate::client::{
    LOCAL, SOURCE, UnixPath, V1, V2, acceptor, connect, connect_and_send, connect_unix, connect_unix_from,
    endpoint, listener, listener_at, unix_name,
};
use crate::runtime::{Runtime, Way, read_exactly};

/// LOCAL, UNKNOWN and UNSPEC are accepted, with the real endpoints and the header there to be seen.
pub fn r31_r36_r39_real_ones_where_the_header_has_none<R: Runtime>() {
    // As a load balancer sends it: LOCAL, with the family of IPv4 and an address block all the same.
    let local_with_block = [&LOCAL[..12], b"\x20\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\0\x01\0\x02"].concat();
    let unspec = [&LOCAL[..12], b"\x21\0\0\0"].concat();
    let rows = [
        (LOCAL, Version::V2, Command::Local),
        (&local_with_block, Version::V2, Command::Local),
        (&unspec, Version::V2, Command::Proxy),
        (b"PROXY UNKNOWN\r\n", Version::V1, Command::Proxy),
        (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", Version::V1, Command::Proxy),
    ];
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor());
            for (header, version, command) in &rows {
                let client = connect_and_send(addr, header);
                let accepted = server.next().await;
                let established = accepted.result.unwrap();
                assert_eq!(established.source(), endpoint(&client).as_address(), "{way:?}");
                assert_eq!(established.destination(), Some(addr.into()), "{way:?}");
                assert_eq!(established.proxy(), Some(endpoint(&client).as_address()));
                assert_eq!(established.peer(), &endpoint(&client));
                assert_eq!(accepted.peer, endpoint(&client));
                assert_eq!(established.version(), Some(*version));
                let header = established.header().unwrap();
                assert_eq!((header.version(), header.command()), (*version, *command));
                assert_eq!(header.addresses(), Addresses::Unspec);
            }
        }
    });
}

pub fn endpoints_come_from_the_header<R: Runtime>() {
    let v6 = b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n";
    let rows = [
        (V1, Version::V1, SOURCE, "198.51.100.2:443"),
        (V2, Version::V2, SOURCE, "198.51.100.2:443"),
        (v6, Version::V1, "[2001:db8::1]:56324", "[2001:db8::2]:443"),
    ];
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor());
            for (header, version, source, destination) in rows {
                let client = connect_and_send(addr, header);
                let established = server.next().await.result.unwrap();
                assert_eq!(established.source().to_string(), source, "{way:?}");
                assert_eq!(established.destination().unwrap().to_string(), destination, "{way:?}");
                assert_eq!(established.proxy(), Some(endpoint(&client).as_address()));
                assert_eq!(established.peer(), &endpoint(&client));
                assert_eq!(established.version(), Some(version));
                assert_eq!(established.header().unwrap().transport(), Transport::Stream);
            }
        }
    });
}

pub fn unix_listener_at_a_path<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let path = UnixPath::new();
            let addr = unix::SocketAddr::from_pathname(&path).unwrap();
            unix_listener::<R>(way, &addr, &format!("unix:{}", path.as_ref().display())).await;
        }
    });
}

pub fn unix_listener_with_an_abstract_name<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let name = unix_name();
            let addr = unix::SocketAddr::from_abstract_name(&name).unwrap();
            unix_listener::<R>(way, &addr, &format!("unix:@{name}")).await;
        }
    });
}

/// The header speaks of IP addresses while the socket has none; LOCAL gives the names of the socket's ends.
async fn unix_listener<R: Runtime>(way: Way, addr: &unix::SocketAddr, name: &str) {
    let socket = unix::UnixListener::bind_addr(addr).unwrap();
    let mut server = way.server::<R::Unix>(socket, &Acceptor::new(Trust::unix()));

    let mut client = connect_unix(addr);
    client.write_all(&[V2, b"payload"].concat()).unwrap();
    let mut accepted = server.next().await;
    let established = accepted.result.unwrap();
    assert_eq!(established.source().to_string(), SOURCE, "{way:?}");
    assert_eq!(established.destination().unwrap().to_string(), "198.51.100.2:443");
    assert_eq!(established.proxy().unwrap().to_string(), "unix:");
    assert_eq!(read_exactly::<R::Unix>(&mut accepted.stream, 7).await, b"payload");

    let mut client = connect_unix(addr);
    client.write_all(LOCAL).unwrap();
    let established = server.next().await.result.unwrap();
    assert_eq!(established.source().to_string(), "unix:", "{way:?}");
    assert_eq!(established.destination().unwrap().to_string(), name, "{way:?}");

    let named = unix_name();
    let mut client = connect_unix_from(&named, addr);
    client.write_all(LOCAL).unwrap();
    let accepted = server.next().await;
    assert_eq!(accepted.peer.to_string(), format!("unix:@{named}"), "{way:?}");
    assert_eq!(accepted.result.unwrap().source().to_string(), format!("unix:@{named}"), "{way:?}");
}

pub fn unix_addresses_in_the_header<R: Runtime>() {
    let addresses = Addresses::Unix {
        source: UnixAddr::new(b"/run/client.sock").unwrap(),
        destination: UnixAddr::new(b"\0server").unwrap(),
    };
    let mut header = [0; 232];
    Encoder::new(Version::V2, addresses).encode(&mut header).unwrap();
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor());
            let _client = connect_and_send(addr, &header);
            let established = server.next().await.result.unwrap();
            assert_eq!(established.source().to_string(), "unix:/run/client.sock", "{way:?}");
            assert_eq!(established.destination().unwrap().to_string(), "unix:@server", "{way:?}");
        }
    });
}

/// IPv4 clients of an IPv6 socket have mapped addresses; networks of IPv4 hold them, or do not. The listener is at
/// a mapped address too, so that it stays on loopback.
pub fn dual_stack_listener_and_mapped_peers<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            for (at, trusted, believed) in mapped_peers() {
                let (socket, addr) = listener_at(at);
                let acceptor = Acceptor::new(trusted.parse::<Trust>().unwrap());
                let mut server = way.server::<R::Tcp>(socket, &acceptor);
                let to = SocketAddr::new(addr.ip().to_canonical(), addr.port());
                let mut client = connect(to);
                client.write_all(LOCAL).unwrap();
                let port = client.local_addr().unwrap().port();
                let accepted = server.next().await;
                let peer = SocketAddr::new(at.ip(), port);
                assert_eq!(accepted.peer, peer.into(), "{way:?}, {trusted}");
                match accepted.result {
                    Ok(established) => check_mapped(&established, peer, addr, believed),
                    Err(AcceptError::Refused { .. }) => assert!(!believed, "{way:?}, {trusted}"),
                    Err(error) => panic!("{way:?}, {trusted}: {error}"),
                }
            }
        }
    });
}

/// Where a socket is, whom it trusts, and whether that is a client at the same address.
pub fn mapped_peers() -> [(SocketAddr, &'static str, bool); 7] {
    let mapped: SocketAddr = "[::ffff:127.0.0.1]:0".parse().unwrap();
    let ipv6: SocketAddr = "[::1]:0".parse().unwrap();
    [
        (mapped, "127.0.0.0/8", true),
        (mapped, "127.0.0.1", true),
        (mapped, "::ffff:127.0.0.0/104", true),
        (mapped, "10.0.0.0/8", false),
        (mapped, "::/0", false),
        (ipv6, "::1", true),
        (ipv6, "127.0.0.0/8", false),
    ]
}

fn check_mapped(established: &Established, peer: SocketAddr, addr: SocketAddr, believed: bool) {
    assert!(believed);
    assert_eq!(established.source(), peer.into());
    assert_eq!(established.destination(), Some(addr.into()));
}
