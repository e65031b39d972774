//! Streams that are no sockets, or are treated as if they were none. Asynchronous runtimes only.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use realpeer::proto::{Addresses, Encoder, Error, UnixAddr, Version};
use realpeer::{AcceptError, Acceptor, Endpoint, Finished, Verdict, policy_fn};
use realpeer_tests::vectors::Expect;

use super::vectors::{all_rows, check_outcome, each_row, every_header, with_payload};
use crate::client::{LOCAL, SOURCE, V1, V2, acceptor};
use crate::runtime::{AnyStream, Sockets};
use crate::script::Script;

/// In odd fragments with pauses, byte by byte, and whole; what is not header is not read.
pub fn every_row<R: AnyStream>() {
    R::run(async {
        let acceptor = every_header();
        let rows = all_rows();
        for (seed, row) in (0..).zip(&rows) {
            let bytes = with_payload(row);
            for mut stream in Script::each_way(&bytes, seed) {
                let outcome = R::handshake_script(&acceptor, &mut stream, peer()).await;
                check_outcome(row, &outcome);
                if let Some(len) = row.header_len.filter(|_| outcome.is_ok()) {
                    assert_eq!(stream.unread(), &bytes[len..], "{}", row.id);
                }
            }
        }
        let counts = acceptor.counts();
        let accepted = rows.iter().filter(|row| row.expect == Expect::Accept).count() as u64;
        assert_eq!(counts.v1 + counts.v2 + counts.local + counts.unspec, 3 * accepted);
    });
}

pub fn every_row_over_tcp<R: AnyStream>() {
    each_row::<R, _>(|rows, acceptor, incoming, _| async move {
        let peer = R::Tcp::peer(&incoming);
        let mut stream = R::Tcp::into_stream(incoming);
        let outcome = R::handshake_stream(&acceptor, &mut stream, peer.clone()).await;
        rows.check::<R>(Finished::new(stream, peer, outcome)).await;
    });
}

pub fn deadline<R: AnyStream>() {
    R::run(async {
        let acceptor = acceptor().with_timeout(Duration::from_millis(200));
        for sent in [&b""[..], b"P", &V1[..44], &V2[..27]] {
            let mut stream =
                if sent.is_empty() { Script::default().never() } else { Script::short_reads(sent).never() };
            match R::handshake_script(&acceptor, &mut stream, peer()).await {
                Err(AcceptError::TimedOut { received, .. }) => assert_eq!(received, sent.len()),
                outcome => panic!("{outcome:?}"),
            }
        }
    });
}

pub fn errors<R: AnyStream>() {
    R::run(async {
        let broken = |sent: &[u8], kind| Script::short_reads(sent).later().error(kind);
        let reset = io::ErrorKind::ConnectionReset;

        let acceptor = acceptor();
        match R::handshake_script(&acceptor, &mut broken(b"PROXY", reset), peer()).await {
            Err(AcceptError::Io { error, .. }) => assert_eq!(error.kind(), reset),
            outcome => panic!("{outcome:?}"),
        }
        match R::handshake_script(&acceptor, &mut broken(b"", io::ErrorKind::Other), peer()).await {
            Err(AcceptError::Io { error, .. }) => assert_eq!(error.kind(), io::ErrorKind::Other),
            outcome => panic!("{outcome:?}"),
        }
        for mut stream in [broken(b"", reset), Script::default()] {
            match R::handshake_script(&acceptor, &mut stream, peer()).await {
                Err(AcceptError::Closed) => {}
                outcome => panic!("{outcome:?}"),
            }
        }
        match R::handshake_script(&acceptor, &mut Script::short_reads(&V2[..13]), peer()).await {
            Err(AcceptError::Protocol { error: Error::Truncated { received: 13 }, .. }) => {}
            outcome => panic!("{outcome:?}"),
        }

        // There is no socket to ask for its own address.
        let established =
            R::handshake_script(&acceptor, &mut Script::short_reads(LOCAL), peer()).await.unwrap();
        assert_eq!(established.source(), peer().as_address());
        assert_eq!(established.destination(), None);
        let established = R::handshake_script(&acceptor, &mut Script::short_reads(V1), peer()).await.unwrap();
        assert_eq!(established.source().to_string(), SOURCE);

        for verdict in [Verdict::Refuse, Verdict::Bypass] {
            let acceptor = Acceptor::new(policy_fn(move |_| verdict));
            let mut stream = Script::default().bytes(V1).never();
            let outcome = R::handshake_script(&acceptor, &mut stream, peer()).await;
            assert_eq!(outcome.is_ok(), verdict == Verdict::Bypass);
            assert_eq!(stream.unread(), V1);
        }
    });
}

pub fn r4_sent_in_one_write<R: AnyStream>() {
    R::run(async {
        for version in [Version::V1, Version::V2] {
            let mut stream = Script::default();
            let header = Encoder::proxy(
                version,
                SocketAddr::from(([192, 0, 2, 1], 56324)),
                SocketAddr::from(([198, 51, 100, 2], 443)),
            );
            R::send_header_to_script(&mut stream, header).await.unwrap();
            assert_eq!(stream.writes, [if version == Version::V1 { V1 } else { V2 }]);
        }

        let name = UnixAddr::new(b"/run/app.sock").unwrap();
        let unix = Encoder::new(Version::V1, Addresses::Unix { source: name, destination: name });
        let mut stream = Script::default();
        let error = R::send_header_to_script(&mut stream, unix).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(stream.writes.is_empty());
    });
}

pub fn peer() -> Endpoint {
    SocketAddr::from(([127, 0, 0, 1], 4711)).into()
}
