//! Sending: header and first payload in one segment or datagram, and nothing at all of what can't be encoded (R4, R5,
//! R9, R55).

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net as unix;
use std::thread;

use realpeer::proto::{Addresses, Config, EncodeError, Encoder, Parsed, Tlv, UnixAddr, Version, kind, parse};
use rustix::io::Errno;

use crate::client::{
    LOCAL, LONGEST_DATAGRAM, SOURCE, UnixPath, V1, V2, V2_DGRAM, acceptor, listener, udp, udp_at,
};
use crate::runtime::{Datagrams, Runtime, Sockets, Way, read_exactly, read_to_end};

const PAYLOAD: &[u8] = b"first payload";

fn header(version: Version) -> Encoder<'static> {
    let source = SocketAddr::from(([192, 0, 2, 1], 56324));
    let destination = SocketAddr::from(([198, 51, 100, 2], 443));
    Encoder::proxy(version, source, destination)
}

/// The receiver waits in its first read when the bytes come, so that it would see a header that comes by itself.
pub fn r4_header_and_payload_are_one_segment<R: Runtime>() {
    const ROUNDS: usize = 25;
    for (version, bytes) in [(Version::V1, V1), (Version::V2, V2)] {
        let (socket, addr) = listener();
        let receiver = thread::spawn(move || {
            let peek = || {
                let (stream, _) = socket.accept().unwrap();
                let mut seen = [0; 1000];
                let n = stream.peek(&mut seen).unwrap();
                seen[..n].to_vec()
            };
            (0..3 * ROUNDS).map(|_| peek()).collect::<Vec<_>>()
        });
        R::run(async {
            for _ in 0..ROUNDS {
                let _with_payload = R::connect(addr, header(version), PAYLOAD).await.unwrap();
                let [mut without, mut with] =
                    [(); 2].map(|()| R::Tcp::stream(TcpStream::connect(addr).unwrap()));
                R::Tcp::send_header(&mut without, header(version)).await.unwrap();
                R::Tcp::send_header_with_payload(&mut with, header(version), PAYLOAD).await.unwrap();
            }
        });
        let seen = receiver.join().unwrap();
        for three in seen.chunks(3) {
            assert_eq!(three[0], [bytes, PAYLOAD].concat());
            assert_eq!(three[1], bytes);
            assert_eq!(three[2], [bytes, PAYLOAD].concat());
        }
    }
}

/// A receiver is owed the header at once, whatever the sender writes it through (R4). The writer stays open meanwhile.
pub fn r4_a_header_is_flushed<R: Runtime>() {
    R::run(async {
        for (version, bytes) in [(Version::V1, V1), (Version::V2, V2)] {
            let (stream, mut receiver) = unix::UnixStream::pair().unwrap();
            let _writer =
                R::Unix::send_header_through_buffer(R::Unix::stream(stream), header(version)).await.unwrap();
            receiver.set_nonblocking(true).unwrap();
            let mut received = vec![0; bytes.len()];
            io::Read::read_exact(&mut receiver, &mut received).unwrap();
            assert_eq!(received, bytes);
        }
    });
}

/// Where the server speaks first, its client says nothing before: the header must not wait for a payload. Each client has a
/// connection of its own, with its own header (R14).
pub fn r14_clients_that_wait_for_the_greeting_have_a_connection_each<R: Runtime>() {
    const CLIENTS: [u16; 3] = [1001, 1002, 1003];
    let (socket, addr) = listener();
    let server = thread::spawn(move || {
        let greet = |_| {
            let (mut stream, _) = socket.accept().unwrap();
            let mut received = [0; V2.len()];
            io::Read::read_exact(&mut stream, &mut received).unwrap();
            let Ok(Parsed::Complete { header, .. }) = parse(&received, &Config::new()) else { panic!() };
            let greeting = format!("220 {}", header.source().unwrap());
            io::Write::write_all(&mut stream, greeting.as_bytes()).unwrap();
            stream
        };
        // All stay open until the last has been greeted.
        drop(CLIENTS.map(greet));
    });
    R::run(async {
        let mut streams = Vec::new();
        for port in CLIENTS {
            let source = SocketAddr::from(([192, 0, 2, 1], port));
            let header = Encoder::proxy(Version::V2, source, SocketAddr::from(([198, 51, 100, 2], 443)));
            let mut stream = R::connect(addr, header, b"").await.unwrap();
            let greeting = read_exactly::<R::Tcp>(&mut stream, "220 192.0.2.1:1001".len()).await;
            assert_eq!(String::from_utf8(greeting).unwrap(), format!("220 {source}"));
            streams.push(stream);
        }
    });
    server.join().unwrap();
}

/// The same runtime at both ends of a UNIX socket.
pub fn to_our_own_unix_listener<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let path = UnixPath::new();
            let socket = unix::UnixListener::bind(&path).unwrap();
            let mut server = way.server::<R::Unix>(socket, &acceptor());
            for version in [Version::V1, Version::V2] {
                drop(R::connect_unix(path.as_ref(), header(version), PAYLOAD).await.unwrap());
                let mut accepted = server.next().await;
                assert_eq!(accepted.result.unwrap().source().to_string(), SOURCE, "{way:?}");
                assert_eq!(read_to_end::<R::Unix>(&mut accepted.stream).await, PAYLOAD, "{way:?}");
            }
        }
    });
}

/// The same runtime at both ends.
pub fn to_our_own_listener<R: Runtime>() {
    let tlvs = [Tlv::new(kind::AUTHORITY, b"example.com")];
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor());
            let v2 = header(Version::V2).with_tlvs(&tlvs).with_crc32c();
            for sent in [header(Version::V1), v2, Encoder::local()] {
                drop(R::connect(addr, sent, PAYLOAD).await.unwrap());
                let mut accepted = server.next().await;
                let established = accepted.result.unwrap();
                let mut expected = [0; 200];
                let len = sent.encode(&mut expected).unwrap();
                let mut again = [0; 200];
                let received = Encoder::from(established.header().unwrap()).encode(&mut again).unwrap();
                assert_eq!(again[..received], expected[..len], "{way:?}");
                assert_eq!(read_to_end::<R::Tcp>(&mut accepted.stream).await, PAYLOAD, "{way:?}");
            }
        }
    });
}

pub fn what_cannot_be_encoded_is_not_sent<R: Runtime>() {
    let unix_name = UnixAddr::new(b"/run/app.sock").unwrap();
    let unix = Addresses::Unix { source: unix_name, destination: unix_name };
    let too_long = vec![0; 65_536];
    let long = [Tlv::new(kind::NOOP, &too_long)];
    let rows = [
        (Encoder::new(Version::V1, unix), EncodeError::NotInV1),
        (Encoder::local().with_tlvs(&long), EncodeError::TooLong { len: 65_536 }),
        (Encoder::local().with_padding_to(17), EncodeError::Padding { len: 16 }),
    ];
    let check = |error: io::Error, expected: EncodeError| {
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<EncodeError>());
        assert_eq!(cause, Some(&expected));
    };
    R::run(async {
        for (encoder, expected) in rows {
            let socket = TcpListener::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            let addr = socket.local_addr().unwrap();
            check(R::connect(addr, encoder, PAYLOAD).await.unwrap_err(), expected);
            // There was no connection even.
            assert_eq!(socket.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
            // Nobody listens there.
            check(R::connect_unix(UnixPath::new().as_ref(), encoder, PAYLOAD).await.unwrap_err(), expected);

            let (stream, mut receiver) = unix::UnixStream::pair().unwrap();
            let mut stream = R::Unix::stream(stream);
            check(R::Unix::send_header(&mut stream, encoder).await.unwrap_err(), expected);
            R::Unix::write_all(&mut stream, b"only this").await.unwrap();
            drop(stream);
            let mut received = Vec::new();
            io::Read::read_to_end(&mut receiver, &mut received).unwrap();
            assert_eq!(received, b"only this");
        }
    });
}

/// By the runtime under test, to a plain socket: the header says datagram though it was made for a stream.
pub fn r9_sent_in_one_datagram<R: Runtime>() {
    let v6 = [&V2_DGRAM[..13], b"\x22\0\x24", &[0x20; 16], &[0x21; 16], b"\xdc\x04\x01\xbb"].concat();
    let v6_addr = |octet: u8, port| SocketAddr::new([octet; 16].into(), port);
    let v6_header = Encoder::proxy(Version::V2, v6_addr(0x20, 56324), v6_addr(0x21, 443));
    let most = vec![b'x'; LONGEST_DATAGRAM - V2_DGRAM.len()];
    let rows: [(Encoder<'_>, &[u8], &[u8]); 5] = [
        (header(Version::V2), V2_DGRAM, PAYLOAD),
        (header(Version::V2).dgram(), V2_DGRAM, b""),
        (header(Version::V2), V2_DGRAM, &most),
        (v6_header, &v6, PAYLOAD),
        (Encoder::local(), LOCAL, PAYLOAD),
    ];
    R::run(async {
        for at in ["127.0.0.1:0", "[::1]:0"] {
            let at = at.parse().unwrap();
            let ((receiver, addr), (sender, sender_addr)) = (udp_at(at), udp_at(at));
            let sender = R::Udp::socket(sender);
            let mut buffer = vec![0; 65_535];
            for (header, bytes, payload) in rows {
                sender.send_to(header, payload, addr).await.unwrap();
                let (len, peer) = receiver.recv_from(&mut buffer).unwrap();
                assert!(buffer[..len] == [bytes, payload].concat(), "{header:?}");
                assert_eq!(peer, sender_addr);
            }
        }
    });
}

/// The same runtime at both ends, and a relay that passes on what it was told.
pub fn sent_to_our_own_receiver_and_on<R: Runtime>() {
    let tlvs = [Tlv::new(kind::AUTHORITY, b"example.com"), Tlv::new(kind::UNIQUE_ID, b"42")];
    R::run(async {
        for at in ["127.0.0.1:0", "[::1]:0"] {
            let socket = || udp_at(at.parse().unwrap());
            let ((sender, sender_addr), (relay, relay_addr), (last, last_addr)) =
                (socket(), socket(), socket());
            let [sender, relay, last] = [sender, relay, last].map(R::Udp::socket);
            let mut buffer = vec![0; 65_535];
            for header in
                [header(Version::V2), header(Version::V2).with_tlvs(&tlvs).with_crc32c(), Encoder::local()]
            {
                sender.send_to(header, PAYLOAD, relay_addr).await.unwrap();
                let mut first = [0; 100];
                let (outcome, peer) = relay.recv_from(&acceptor(), &mut first).await.unwrap();
                assert_eq!(peer, sender_addr);
                let datagram = outcome.unwrap();
                let received = datagram.header().unwrap();
                relay.send_to(received.into(), datagram.payload(), last_addr).await.unwrap();

                let (outcome, peer) = last.recv_from(&acceptor(), &mut buffer).await.unwrap();
                assert_eq!(peer, relay_addr);
                let datagram = outcome.unwrap();
                assert_eq!((datagram.header().unwrap(), datagram.payload()), (received, PAYLOAD));
            }
        }
    });
}

pub fn datagram_that_cannot_be_is_not_sent<R: Runtime>() {
    let too_much = vec![0; LONGEST_DATAGRAM - V2_DGRAM.len() + 1];
    let unknown = Encoder::new(Version::V1, Addresses::Unspec);
    let rows: [(Encoder<'_>, &[u8], _); 4] = [
        (header(Version::V1), PAYLOAD, io::ErrorKind::InvalidInput),
        (unknown, PAYLOAD, io::ErrorKind::InvalidInput),
        (Encoder::local().with_padding_to(17), PAYLOAD, io::ErrorKind::InvalidInput),
        (header(Version::V2), &too_much, io::Error::from(Errno::MSGSIZE).kind()),
    ];
    R::run(async {
        let ((receiver, addr), (sender, _)) = (udp(1), udp(1));
        let sender = R::Udp::socket(sender);
        for (header, payload, kind) in rows {
            let error = sender.send_to(header, payload, addr).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{header:?}");
            sender.send_to(Encoder::local(), b"", addr).await.unwrap();
            let mut buffer = [0; 100];
            let len = receiver.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..len], LOCAL, "{header:?}");
        }
    });
}
