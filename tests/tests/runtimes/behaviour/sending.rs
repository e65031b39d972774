//! Sending: header and first payload in one segment, and nothing at all of what can't be encoded (R4, R5, R55).

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net as unix;
use std::thread;

use realpeer::proto::{Addresses, EncodeError, Encoder, Tlv, UnixAddr, Version, kind};

use crate::client::{V1, V2, acceptor, listener};
use crate::runtime::{Runtime, Sockets, Way, read_to_end};

const PAYLOAD: &[u8] = b"first payload";

fn header(version: Version) -> Encoder<'static> {
    let source = SocketAddr::from(([192, 0, 2, 1], 56324));
    let destination = SocketAddr::from(([198, 51, 100, 2], 443));
    Encoder::proxy(version, source, destination).unwrap()
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
            (0..2 * ROUNDS).map(|_| peek()).collect::<Vec<_>>()
        });
        R::run(async {
            for _ in 0..ROUNDS {
                let _with_payload = R::connect(addr, header(version), PAYLOAD).await.unwrap();
                let without = std::net::TcpStream::connect(addr).unwrap();
                let mut without = R::Tcp::stream(without);
                R::Tcp::send_header(&mut without, header(version)).await.unwrap();
            }
        });
        let seen = receiver.join().unwrap();
        for pair in seen.chunks(2) {
            assert_eq!(pair[0], [bytes, PAYLOAD].concat());
            assert_eq!(pair[1], bytes);
        }
    }
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
                let established = accepted.outcome.unwrap();
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
