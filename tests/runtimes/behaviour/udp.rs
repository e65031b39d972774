//! Datagrams: header and payload in one, each read independently, and a bad one does not affect the others (R9 to R11).

use std::collections::HashSet;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use realpeer::proto::{Addresses, Error, Transport, parse};
use realpeer::{AcceptError, Acceptor, Trust, Verdict, policy_fn};
use realpeer_tests::vectors::{Expect, Vector};
use rustix::io::Errno;
use rustix::net::sockopt::set_ip_recvtos;

use super::endpoints::mapped_peers;
use super::vectors::{PAYLOAD, all_rows, every_header, with_payload};
use crate::client::{LOCAL, LONGEST_DATAGRAM, SOURCE, V1, V2_DGRAM, acceptor, host, udp, udp_at};
use crate::runtime::{Datagrams, Received, Runtime};

/// A receiver, and a client that is its proxy.
struct Pair<R: Runtime> {
    receiver: R::Udp,
    addr: SocketAddr,
    client: UdpSocket,
    buffer: Vec<u8>,
}

pub fn r9_every_row_with_payload_in_one_datagram<R: Runtime>() {
    R::run(async {
        let acceptor = every_header();
        let mut pair = Pair::<R>::new();
        let mut received = Vec::new();
        for row in all_rows() {
            let bytes = with_payload(&row);
            if bytes.len() > LONGEST_DATAGRAM {
                let error = pair.client.send_to(&bytes, pair.addr).unwrap_err();
                assert_eq!(error.raw_os_error(), Some(Errno::MSGSIZE.raw_os_error()), "{}", row.id);
                continue;
            }
            let client = pair.client.local_addr().unwrap();
            let (outcome, peer) = pair.exchange(&acceptor, &bytes).await;
            assert_eq!(peer, client);
            match (row.expect, outcome) {
                (Expect::Accept, Ok(datagram)) => {
                    row.assert_header(&datagram.header().unwrap());
                    assert_eq!(datagram.payload(), &bytes[row.header_len.unwrap()..], "{}", row.id);
                }
                (Expect::Reject, Err(AcceptError::Protocol { error, .. })) => {
                    assert_eq!(parse(&bytes, acceptor.config()), Err(error), "{}", row.id);
                }
                (
                    Expect::Incomplete,
                    Err(AcceptError::Protocol { error: Error::Truncated { received }, .. }),
                ) => {
                    assert_eq!(received as usize, bytes.len(), "{}", row.id);
                }
                (Expect::Incomplete, Err(AcceptError::Protocol { error: Error::EmptyDatagram, .. })) => {
                    assert!(bytes.is_empty(), "{}", row.id);
                }
                (_, outcome) => panic!("{}: {outcome:?}, {}", row.id, row.why),
            }
            received.push(row);
        }
        let is = |expect| move |row: &&Vector| row.expect == expect;
        let accepted = received.iter().filter(is(Expect::Accept)).count() as u64;
        let counts = acceptor.counts();
        assert_eq!(counts.v1 + counts.v2 + counts.local + counts.unspec, accepted);
        assert_eq!(counts.protocol, received.len() as u64 - accepted);
        assert!(received.len() > 400, "{}", received.len());
    });
}

/// Neither half is taken, nor is one remembered for the other.
pub fn r10_a_header_split_over_datagrams_is_refused<R: Runtime>() {
    R::run(async {
        let acceptor = acceptor();
        let mut pair = Pair::<R>::new();
        for header in [V1, V2_DGRAM] {
            for cut in 0..header.len() {
                let (first, second) = header.split_at(cut);
                match pair.exchange(&acceptor, first).await.0 {
                    Err(AcceptError::Protocol { error: Error::Truncated { received }, .. }) => {
                        assert_eq!(received as usize, cut);
                    }
                    Err(AcceptError::Protocol { error: Error::EmptyDatagram, .. }) => assert_eq!(cut, 0),
                    outcome => panic!("{cut}: {outcome:?}"),
                }
                if cut > 0 {
                    let outcome = pair.exchange(&acceptor, &[second, PAYLOAD].concat()).await.0;
                    assert!(matches!(outcome, Err(AcceptError::Protocol { .. })), "{cut}: {outcome:?}");
                }
            }
            let outcome = pair.exchange(&acceptor, header).await.0;
            assert_eq!(outcome.unwrap().source().to_string(), SOURCE);
        }
    });
}

/// Good ones and bad ones of the same peer, many of them waiting at once. Nothing is carried over: not a header for
/// one that has none, not an error for one that is good.
pub fn r11_each_datagram_is_parsed_afresh<R: Runtime>() {
    R::run(async {
        let acceptor = acceptor();
        let mut pair = Pair::<R>::new();
        for round in 0..5u16 {
            let mut expected = Vec::new();
            for n in 0..10 {
                let port = 10 * round + n;
                let good =
                    [&V2_DGRAM[..24], &port.to_be_bytes(), &V2_DGRAM[26..], &port.to_be_bytes()].concat();
                for bytes in [&good, &good[..27], b"no header", LOCAL, b""] {
                    pair.client.send_to(bytes, pair.addr).unwrap();
                }
                let client = pair.client.local_addr().unwrap();
                expected.push(format!("192.0.2.1:{port} {:?}", port.to_be_bytes()));
                expected.push(format!("{client} []"));
                expected.extend(["protocol"; 3].map(str::to_owned));
            }
            let mut found = Vec::new();
            for _ in 0..expected.len() {
                found.push(match pair.receive(&acceptor).await.0 {
                    Ok(datagram) => format!("{} {:?}", datagram.source(), datagram.payload()),
                    Err(error) => error.kind().to_owned(),
                });
            }
            found.sort();
            expected.sort();
            assert_eq!(found, expected);
        }
    });
}

pub fn payload_of_a_datagram<R: Runtime>() {
    R::run(async {
        let acceptor = acceptor();
        let mut pair = Pair::<R>::new();
        let long: Vec<u8> = (0..LONGEST_DATAGRAM - 45).map(|n| (n % 251) as u8).collect();
        for header in [V1, V2_DGRAM, LOCAL] {
            // A second header, too, is payload (R5).
            for payload in [&b""[..], b"\0", b"\r\n", V1, V2_DGRAM, &long] {
                let outcome = pair.exchange(&acceptor, &[header, payload].concat()).await.0;
                assert!(outcome.unwrap().payload() == payload, "{header:?}: {} bytes", payload.len());
            }
        }
    });
}

/// It is not taken for a shorter one. One that just fills the buffer is complete.
pub fn datagram_larger_than_the_buffer<R: Runtime>() {
    let policy = policy_fn(|peer| match host(peer) {
        Some(2) => Verdict::Refuse,
        Some(3) => Verdict::Bypass,
        _ => Verdict::Require,
    });
    R::run(async {
        let acceptor = Acceptor::new(policy);
        let bytes = [V2_DGRAM, b"payload"].concat();
        for from in [1, 2, 3] {
            let mut pair = Pair::<R>::from_host(from);
            for len in [0, 1, 27, 28, 34, 35, 36] {
                pair.buffer = vec![0; len];
                match pair.exchange(&acceptor, &bytes).await.0 {
                    Err(AcceptError::Refused { .. }) => assert_eq!(from, 2),
                    Err(AcceptError::Oversize { buffer, .. }) => {
                        assert_eq!((buffer, buffer < bytes.len(), from != 2), (len, true, true));
                    }
                    Ok(datagram) => {
                        assert!(len >= bytes.len() && from != 2);
                        assert_eq!(datagram.payload(), if from == 1 { b"payload" } else { &bytes[..] });
                    }
                    outcome => panic!("{from}, {len}: {outcome:?}"),
                }
                // What did not fit is gone, and not the beginning of the next one.
                pair.buffer = vec![0; 100];
                let next = pair.exchange(&acceptor, LOCAL).await.0;
                assert_eq!(next.is_ok(), from != 2, "{from}, {len}");
            }
        }
        assert_eq!((acceptor.counts().oversize, acceptor.counts().refused), (10, 14));
    });
}

/// With `UDP_GRO` the kernel may join datagrams, as here those that one call has sent, and tells their lengths in a control
/// message.
pub fn r11_datagrams_that_may_have_been_joined_are_refused<R: Runtime>() {
    R::run(async {
        let acceptor = acceptor();
        let ((socket, addr), (client, _)) = (udp(1), udp(1));
        setsockopt(&socket, sockopt::UdpGroSegment, &true).unwrap();
        setsockopt(&client, sockopt::UdpGsoSegment, &i32::try_from(V2_DGRAM.len()).unwrap()).unwrap();
        let option = socket.try_clone().unwrap();
        let receiver = R::Udp::socket(socket);
        let mut buffer = vec![0; 1000];
        client.send_to(&[V2_DGRAM, V2_DGRAM].concat(), addr).unwrap();
        let error = receiver.recv_from(&acceptor, &mut buffer).await.unwrap().0.unwrap_err();
        assert_eq!((error.kind(), acceptor.counts().joined), ("joined", 1));
        assert!(error.to_string().contains("UDP_GRO"), "{error}");

        // One alone is good, and with the option off they arrive one by one.
        client.send_to(V2_DGRAM, addr).unwrap();
        setsockopt(&option, sockopt::UdpGroSegment, &false).unwrap();
        client.send_to(&[V2_DGRAM, V2_DGRAM].concat(), addr).unwrap();
        for _ in 0..3 {
            let outcome = receiver.recv_from(&acceptor, &mut buffer).await.unwrap().0;
            assert_eq!(outcome.unwrap().source().to_string(), SOURCE);
        }
        assert_eq!(acceptor.counts().v2, 3);
    });
}

/// Time stamps, the type of service and the like say nothing of how many datagrams there are.
pub fn other_control_messages_do_no_harm<R: Runtime>() {
    R::run(async {
        let acceptor = acceptor();
        let ((socket, addr), (client, _)) = (udp(1), udp(1));
        set_ip_recvtos(&socket, true).unwrap();
        setsockopt(&socket, sockopt::ReceiveTimestamp, &true).unwrap();
        let receiver = R::Udp::socket(socket);
        let mut buffer = vec![0; 1000];
        client.send_to(&[V2_DGRAM, b"query"].concat(), addr).unwrap();
        let datagram = receiver.recv_from(&acceptor, &mut buffer).await.unwrap().0.unwrap();
        assert_eq!((datagram.source().to_string().as_str(), datagram.payload()), (SOURCE, &b"query"[..]));
    });
}

/// The header's; or those of the socket, where the header has none, or the policy wants none.
pub fn endpoints_of_a_datagram<R: Runtime>() {
    let unspec = [&LOCAL[..12], b"\x21\0\0\0"].concat();
    let bypass = policy_fn(|peer| if host(peer) == Some(3) { Verdict::Bypass } else { Verdict::Require });
    R::run(async {
        let acceptor = Acceptor::new(bypass);
        let mut pair = Pair::<R>::new();
        let client = pair.client.local_addr().unwrap();
        for (header, transport) in [(V1, Transport::Stream), (V2_DGRAM, Transport::Dgram)] {
            let datagram = pair.exchange(&acceptor, header).await.0.unwrap();
            assert_eq!(datagram.source().to_string(), SOURCE);
            assert_eq!(datagram.destination().unwrap().to_string(), "198.51.100.2:443");
            assert_eq!(datagram.header().unwrap().transport(), transport);
            assert_eq!(datagram.peer(), &client.into());
        }
        for header in [LOCAL, &unspec, b"PROXY UNKNOWN\r\n"] {
            let datagram = pair.exchange(&acceptor, header).await.0.unwrap();
            assert_eq!(datagram.source(), client.into());
            assert_eq!(datagram.destination(), None);
            assert_eq!(datagram.header().unwrap().addresses(), Addresses::Unspec);
        }

        let mut pair = Pair::<R>::from_host(3);
        let client = pair.client.local_addr().unwrap();
        for bytes in [V1, V2_DGRAM, b"", b"\r", b"query"] {
            let datagram = pair.exchange(&acceptor, bytes).await.0.unwrap();
            assert_eq!((datagram.source(), datagram.payload()), (client.into(), bytes));
            assert_eq!((datagram.header(), datagram.destination()), (None, None));
        }
    });
}

/// As with listeners: what is trusted is an IPv4 network, what the socket says are mapped addresses.
pub fn dual_stack_socket_and_mapped_peers<R: Runtime>() {
    R::run(async {
        for (at, trusted, believed) in mapped_peers() {
            let acceptor = Acceptor::new(trusted.parse::<Trust>().unwrap());
            let mut pair = Pair::<R>::at(at, SocketAddr::new(at.ip().to_canonical(), 0));
            let expected = SocketAddr::new(at.ip(), pair.client.local_addr().unwrap().port());
            let (outcome, peer) = pair.exchange(&acceptor, LOCAL).await;
            assert_eq!(peer, expected, "{trusted}");
            match outcome {
                Ok(datagram) => assert_eq!((datagram.source(), believed), (expected.into(), true)),
                Err(AcceptError::Refused { .. }) => assert!(!believed, "{at}, {trusted}"),
                outcome => panic!("{at}, {trusted}: {outcome:?}"),
            }
        }
    });
}

pub fn policy_is_asked_once_a_datagram<R: Runtime>() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let acceptor = {
        let asked = asked.clone();
        Acceptor::new(policy_fn(move |peer| {
            asked.lock().unwrap().push(peer.clone());
            Verdict::Require
        }))
    };
    R::run(async {
        let mut expected = Vec::new();
        for bytes in [V2_DGRAM, b"no header", b"", LOCAL] {
            let mut pair = Pair::<R>::new();
            let _ = pair.exchange(&acceptor, bytes).await;
            expected.push(pair.client.local_addr().unwrap().into());
            assert_eq!(*asked.lock().unwrap(), expected);
        }
    });
}

pub fn kinds_and_counts_of_datagrams<R: Runtime>() {
    let policy = policy_fn(|peer| match host(peer) {
        Some(2) => Verdict::Refuse,
        Some(3) => Verdict::Bypass,
        _ => Verdict::Require,
    });
    let rows: [(_, &[u8], _); 7] = [
        (1, V1, None),
        (1, V2_DGRAM, None),
        (1, LOCAL, None),
        (3, b"query", None),
        (2, V2_DGRAM, Some(("refused", io::ErrorKind::PermissionDenied))),
        (1, b"query", Some(("protocol", io::ErrorKind::InvalidData))),
        (1, &V2_DGRAM[..20], Some(("protocol", io::ErrorKind::UnexpectedEof))),
    ];
    R::run(async {
        let acceptor = Acceptor::new(policy);
        let found = |error: AcceptError| (error.kind(), io::Error::from(error).kind());
        for (from, bytes, expected) in rows {
            let mut pair = Pair::<R>::from_host(from);
            assert_eq!(pair.exchange(&acceptor, bytes).await.0.err().map(found), expected);
        }
        let mut pair = Pair::<R>::new();
        pair.buffer.truncate(V2_DGRAM.len());
        let error = pair.exchange(&acceptor, &[V2_DGRAM, b"x"].concat()).await.0.unwrap_err();
        assert_eq!(error.to_string(), "datagram larger than the buffer of 28 bytes: its end is lost");
        assert_eq!(found(error), ("oversize", io::ErrorKind::InvalidData));

        let counts = acceptor.counts();
        assert_eq!((counts.v1, counts.v2, counts.local), (1, 1, 1));
        assert_eq!((counts.bypassed, counts.refused, counts.protocol, counts.oversize), (1, 1, 2, 1));
        assert_eq!((counts.closed, counts.timeout, counts.io), (0, 0, 0));
    });
}

/// A socket that is connected to where nobody receives hears of it. A datagram that comes later is as good as any.
pub fn errors_of_the_socket_are_not_a_datagrams<R: Runtime>() {
    R::run(async {
        // It takes datagrams of a third one only; to others its port is closed.
        let (deaf, addr) = udp(1);
        let (_third, third_addr) = udp(1);
        deaf.connect(third_addr).unwrap();

        let (socket, own_addr) = udp(1);
        socket.connect(addr).unwrap();
        socket.send(b"is anybody there?").unwrap();
        let receiver = R::Udp::socket(socket);
        let mut buffer = vec![0; 100];
        let error = receiver.recv_from(&acceptor(), &mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);

        deaf.connect(own_addr).unwrap();
        deaf.send(V2_DGRAM).unwrap();
        let (outcome, peer) = receiver.recv_from(&acceptor(), &mut buffer).await.unwrap();
        assert_eq!((outcome.unwrap().source().to_string().as_str(), peer), (SOURCE, addr));
    });
}

/// Four tasks wait at one socket; four datagrams come; each gets one.
pub fn several_may_receive_at_once<R: Runtime>() {
    R::run(async {
        let Pair { receiver, addr, client, .. } = Pair::<R>::new();
        let receiver = Arc::new(receiver);
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let receiver = receiver.clone();
                R::spawn(async move {
                    let mut buffer = [0; 100];
                    let (outcome, _) = receiver.recv_from(&acceptor(), &mut buffer).await.unwrap();
                    outcome.unwrap().payload().to_vec()
                })
            })
            .collect();
        // Let all of them get there.
        R::sleep(Duration::from_millis(100)).await;
        for n in 0..4 {
            client.send_to(&[V2_DGRAM, &[n]].concat(), addr).unwrap();
        }
        let mut received = HashSet::new();
        for task in tasks {
            received.insert(task.await);
        }
        assert_eq!(received, (0..4).map(|n| vec![n]).collect());
    });
}

impl<R: Runtime> Pair<R> {
    fn new() -> Self {
        Self::from_host(1)
    }

    /// The client is at 127.0.0.`host`.
    fn from_host(host: u8) -> Self {
        Self::at(([127, 0, 0, 1], 0).into(), ([127, 0, 0, host], 0).into())
    }

    fn at(receiver: SocketAddr, client: SocketAddr) -> Self {
        let ((receiver, addr), (client, _)) = (udp_at(receiver), udp_at(client));
        let addr = SocketAddr::new(addr.ip().to_canonical(), addr.port());
        Self { receiver: R::Udp::socket(receiver), addr, client, buffer: vec![0; 65_535] }
    }

    /// Sends those bytes in a datagram and receives it.
    async fn exchange(&mut self, acceptor: &Acceptor, bytes: &[u8]) -> Received<'_> {
        self.client.send_to(bytes, self.addr).unwrap();
        self.receive(acceptor).await
    }

    async fn receive(&mut self, acceptor: &Acceptor) -> Received<'_> {
        self.receiver.recv_from(acceptor, &mut self.buffer).await.unwrap()
    }
}
