//! Connections that end before their header does, and what is said and counted of each.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::{self, sleep};
use std::time::Duration;

use realpeer::proto::{Addresses, Config, Encoder, Error, Tlv, UnixAddr, Version, Versions, kind};
use realpeer::{AcceptError, Acceptor, Counts, Verdict, policy_fn};

use rustix::net::{SendFlags, send};

use crate::client::{
    HALF_CLOSE, LOCAL, Leave, RESET, V1, V2, acceptor, connect_and_send, connect_from, host, listener,
};
use crate::harness::cpu_time;
use crate::runtime::{Runtime, Server, Sockets, Way, read_exactly};

/// When the peer leaves: before the server looks, and while it waits.
const WAITS: [Duration; 2] = [Duration::ZERO, Duration::from_millis(20)];

pub fn r57_half_close_in_the_header<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor());
            for wait in WAITS {
                for sent in [&V1[..1], &V1[..20], &V1[..44], &V2[..12], &V2[..16], &V2[..27]] {
                    match error_of_one_that_leaves(&mut server, addr, sent, wait, HALF_CLOSE).await {
                        AcceptError::Protocol { error: Error::Truncated { received }, .. } => {
                            assert_eq!(received as usize, sent.len(), "{way:?}");
                        }
                        error => panic!("{way:?}, {wait:?}: {error:?}"),
                    }
                }
            }
        }
    });
}

pub fn reset_in_the_header<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor());
            for wait in WAITS {
                for sent in [&V1[..1], &V1[..20], &V2[..16], &V2[..27]] {
                    match error_of_one_that_leaves(&mut server, addr, sent, wait, RESET).await {
                        AcceptError::Io { error, .. } => {
                            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{way:?}");
                        }
                        error => panic!("{way:?}, {wait:?}: {error:?}"),
                    }
                }
            }
        }
    });
}

/// Headers of every shape and of many lengths, each cut off after each of its bytes, by a reset and by an end.
pub fn r57_cut_off_at_every_byte<R: Runtime>() {
    let headers = headers_of_every_shape();
    R::run(async {
        for way in Way::BOTH {
            let acceptor = acceptor();
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor);
            let mut expected = Counts::default();
            for header in &headers {
                for len in 0..=header.len() {
                    for (leave, is_reset) in [(RESET, true), (HALF_CLOSE, false)] {
                        let _client = leave(connect_and_send(addr, &header[..len]));
                        match server.next().await.result {
                            // What was sent before the connection ended counts.
                            Ok(established) if len == header.len() => {
                                assert!(established.header().is_some());
                            }
                            Err(AcceptError::Closed) if len == 0 => expected.closed += 1,
                            Err(AcceptError::Io { error, .. }) if is_reset && len > 0 => {
                                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                                expected.io += 1;
                            }
                            Err(AcceptError::Protocol { error: Error::Truncated { received }, .. })
                                if !is_reset =>
                            {
                                assert_eq!(received as usize, len);
                                expected.protocol += 1;
                            }
                            outcome => panic!("{way:?}, {len} of {header:?}: {outcome:?}"),
                        }
                    }
                }
            }
            let counts = acceptor.counts();
            let found = [counts.v1, counts.v2, counts.local, counts.unspec];
            assert_eq!(found.iter().sum::<u64>(), 2 * headers.len() as u64);
            [expected.v1, expected.v2, expected.local, expected.unspec] = found;
            assert_eq!(counts, expected);
        }
    });
}

fn headers_of_every_shape() -> Vec<Vec<u8>> {
    let ipv6 = || ("[2001:db8::1]:56324".parse().unwrap(), "[2001:db8::2]:443".parse().unwrap());
    let path = |path: &'static str| UnixAddr::new(path.as_bytes()).unwrap();
    let unix = Addresses::Unix { source: path("/run/proxy"), destination: path("/run/server") };
    let tlvs = [Tlv::new(kind::AUTHORITY, b"example.org"), Tlv::new(kind::ALPN, b"h2")];
    let encoded = |encoder: Encoder<'_>| {
        let mut bytes = vec![0; encoder.encoded_len().unwrap()];
        encoder.encode(&mut bytes).unwrap();
        bytes
    };
    let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(107 - 16));
    vec![
        V1.into(),
        b"PROXY UNKNOWN\r\n".into(),
        longest.into(),
        encoded(Encoder::proxy(Version::V1, ipv6().0, ipv6().1)),
        LOCAL.into(),
        V2.into(),
        encoded(Encoder::proxy(Version::V2, ipv6().0, ipv6().1).with_tlvs(&tlvs).with_crc32c()),
        encoded(Encoder::new(Version::V2, unix)),
        // Longer than what there is room for without the heap.
        encoded(Encoder::local().with_padding_to(600)),
    ]
}

/// A byte of urgent data is no part of the stream, wherever in the header it comes. Alone it makes nobody spin.
pub fn urgent_data<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor());
            for header in [V1, V2] {
                for len in 0..=header.len() {
                    let mut client = connect_and_send(addr, &header[..len]);
                    send(&client, b"!", SendFlags::OOB).unwrap();
                    client.write_all(&[&header[len..], b"good day"].concat()).unwrap();
                    let mut accepted = server.next().await;
                    assert!(accepted.result.is_ok(), "{way:?}, {len}: {:?}", accepted.result);
                    assert_eq!(read_exactly::<R::Tcp>(&mut accepted.stream, 8).await, b"good day", "{len}");
                }
            }

            let time = Duration::from_millis(300);
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor().with_timeout(time));
            let client = connect_and_send(addr, &V1[..9]);
            send(&client, b"!", SendFlags::OOB).unwrap();
            let before = cpu_time();
            match server.next().await.result {
                Err(AcceptError::TimedOut { received, .. }) => assert_eq!(received, 9, "{way:?}"),
                outcome => panic!("{way:?}: {outcome:?}"),
            }
            let spent = cpu_time().saturating_sub(before);
            assert!(spent < time / 3, "{way:?}: {spent:?} of processor time within {time:?}");
        }
    });
}

/// Bare health checks: quiet, however they close.
pub fn leaving_without_a_byte<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let acceptor = acceptor();
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor);
            for wait in WAITS {
                for leave in [HALF_CLOSE, RESET] {
                    let error = error_of_one_that_leaves(&mut server, addr, b"", wait, leave).await;
                    assert!(matches!(error, AcceptError::Closed), "{way:?}, {wait:?}: {error:?}");
                }
            }
            assert_eq!(acceptor.counts().closed, 4);
        }
    });
}

pub fn r3_versions_and_lengths_not_allowed<R: Runtime>() {
    let mut long = [0; 101];
    Encoder::local().with_padding_to(101).encode(&mut long).unwrap();
    R::run(async {
        for way in Way::BOTH {
            for (config, good, bad) in [
                (Config::new().with_versions(Versions::V1), V1, V2),
                (Config::new().with_versions(Versions::V2), V2, V1),
                (Config::new().with_max_header_len(100), V2, &long),
            ] {
                let (socket, addr) = listener();
                let mut server = way.server::<R::Tcp>(socket, &acceptor().with_config(config));
                let _bad = connect_and_send(addr, bad);
                match (server.next().await.result.unwrap_err(), config.max_header_len()) {
                    (
                        AcceptError::Protocol { error: Error::TooLong { at_least: 101, limit: 100 }, .. },
                        100,
                    )
                    | (AcceptError::Protocol { error: Error::Signature { offset: 0, .. }, .. }, 4096) => {}
                    (error, _) => panic!("{way:?}: {error:?}"),
                }
                let _good = connect_and_send(addr, good);
                server.next().await.result.unwrap();
            }
        }
    });
}

/// One connection of each kind: the word for it, the kind of its `io::Error`, the count.
pub fn kinds_and_counts<R: Runtime>() {
    type Client = fn(SocketAddr) -> Option<TcpStream>;
    let rows: [(Client, _); 12] = [
        (|addr| Some(connect_and_send(addr, V1)), None),
        (|addr| Some(connect_and_send(addr, b"PROXY UNKNOWN\r\n")), None),
        (|addr| Some(connect_and_send(addr, V2)), None),
        (|addr| Some(connect_and_send(addr, LOCAL)), None),
        (|addr| Some(connect_from(3, addr)), None),
        (|addr| Some(connect_from(2, addr)), Some(("refused", io::ErrorKind::PermissionDenied))),
        (|addr| HALF_CLOSE(connect_and_send(addr, b"")), Some(("closed", io::ErrorKind::UnexpectedEof))),
        (|addr| RESET(connect_and_send(addr, b"")), Some(("closed", io::ErrorKind::UnexpectedEof))),
        (
            |addr| HALF_CLOSE(connect_and_send(addr, &V2[..9])),
            Some(("protocol", io::ErrorKind::UnexpectedEof)),
        ),
        (|addr| Some(connect_and_send(addr, b"GET /")), Some(("protocol", io::ErrorKind::InvalidData))),
        (|addr| Some(connect_and_send(addr, &V1[..9])), Some(("timeout", io::ErrorKind::TimedOut))),
        (|addr| RESET(connect_and_send(addr, &V1[..9])), Some(("io", io::ErrorKind::ConnectionReset))),
    ];
    let policy = policy_fn(|peer| match host(peer) {
        Some(2) => Verdict::Refuse,
        Some(3) => Verdict::Bypass,
        _ => Verdict::Require,
    });
    R::run(async {
        for way in Way::BOTH {
            let acceptor = Acceptor::new(policy).with_timeout(Duration::from_millis(200));
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor);
            for (client, expected) in rows {
                let _client = client(addr);
                let found = server.next().await.result.err();
                let found = found.map(|error| (error.kind(), io::Error::from(error).kind()));
                assert_eq!(found, expected, "{way:?}");
            }

            let counts = acceptor.counts();
            assert_eq!((counts.v1, counts.v2, counts.local, counts.unspec), (1, 1, 1, 1), "{way:?}");
            assert_eq!((counts.bypassed, counts.refused, counts.closed), (1, 1, 2), "{way:?}");
            assert_eq!((counts.protocol, counts.timeout, counts.io), (2, 1, 1), "{way:?}");
            // Clones count together.
            assert_eq!(acceptor.clone().counts(), counts);
        }
    });
}

/// What the server makes of a peer that sends some bytes and leaves.
async fn error_of_one_that_leaves<S: Sockets<StdStream = TcpStream>>(
    server: &mut Server<S>,
    addr: SocketAddr,
    sent: &'static [u8],
    wait: Duration,
    leave: Leave,
) -> AcceptError {
    let client = move || {
        let client = connect_and_send(addr, sent);
        sleep(wait);
        leave(client)
    };
    if wait.is_zero() {
        let _client = client();
        return server.next().await.result.unwrap_err();
    }
    let client = thread::spawn(client);
    let error = server.next().await.result.unwrap_err();
    drop(client.join().unwrap());
    error
}
