//! A connection has one handshake and one deadline, however often it is asked for and dropped.

use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use realpeer::AcceptError;
use realpeer::proto::{Encoder, Tlv, Version, kind};

use super::cancel::poll_once;
use crate::client::{LOCAL, SOURCE, V1, V2, acceptor, connect, connect_and_send, listener};
use crate::runtime::{Asynchronous, Runtime, Sockets, read_to_end};

/// A second header is payload, of the client's making; so is what follows a failure.
pub fn a_second_handshake_gives_the_same_and_reads_nothing<R: Runtime>() {
    R::run(async {
        let acceptor = acceptor();
        let (socket, addr) = listener();
        let listener = R::Tcp::listener(socket, acceptor.clone());
        let forged = b"PROXY TCP4 203.0.113.9 198.51.100.2 1 2\r\n";
        for first in [V1, V2, LOCAL] {
            let client = connect_and_send(addr, &[first, forged].concat());
            client.shutdown(Shutdown::Write).unwrap();
            let mut incoming = R::Tcp::accept(&listener).await.unwrap();
            let source = R::Tcp::shake(&mut incoming).await.unwrap().source().to_string();
            for _ in 0..3 {
                let again = R::Tcp::shake(&mut incoming).await.unwrap();
                assert_eq!(again.source().to_string(), source);
                assert!(again.destination().is_some(), "the socket is asked each time");
            }
            assert_eq!(R::Tcp::taken(&incoming), first);
            assert_eq!(read_to_end::<R::Tcp>(&mut R::Tcp::into_stream(incoming)).await, forged);
        }

        let client = connect_and_send(addr, &[b"GET / HTTP/1.1\r\n", V1].concat());
        client.shutdown(Shutdown::Write).unwrap();
        let mut incoming = R::Tcp::accept(&listener).await.unwrap();
        for _ in 0..3 {
            assert_eq!(R::Tcp::shake(&mut incoming).await.unwrap_err().kind(), "protocol");
        }
        let counts = acceptor.counts();
        assert_eq!((counts.v1, counts.v2, counts.local, counts.protocol), (1, 1, 1, 1));
    });
}

/// The server is slow to ask for the handshake, and the peer says nothing.
pub fn the_deadline_counts_from_the_accept<R: Runtime>() {
    const TIMEOUT: Duration = Duration::from_secs(1);
    R::run(async {
        let (socket, addr) = listener();
        let listener = R::Tcp::listener(socket, acceptor().with_timeout(TIMEOUT));
        let _silent = connect(addr);
        let mut incoming = R::Tcp::accept(&listener).await.unwrap();
        R::sleep(TIMEOUT + Duration::from_millis(50)).await;
        let before = Instant::now();
        assert_eq!(R::Tcp::shake(&mut incoming).await.unwrap_err().kind(), "timeout");
        assert!(before.elapsed() < TIMEOUT, "it waited for another {:?}", before.elapsed());

        // What has arrived meanwhile counts.
        let _client = connect_and_send(addr, V1);
        let mut incoming = R::Tcp::accept(&listener).await.unwrap();
        R::sleep(TIMEOUT + Duration::from_millis(50)).await;
        assert_eq!(R::Tcp::shake(&mut incoming).await.unwrap().source().to_string(), SOURCE);
    });
}

/// In two segments, split everywhere, the first call dropped in between.
pub fn a_dropped_handshake_is_resumed<R: Asynchronous>() {
    R::run(async {
        let (socket, addr) = listener();
        let listener = R::Tcp::listener(socket, acceptor());
        for header in [V1, V2] {
            for cut in 1..header.len() {
                let mut client = connect_and_send(addr, &header[..cut]);
                let mut incoming = R::Tcp::accept(&listener).await.unwrap();
                drop_until_taken::<R>(&mut incoming, cut).await;
                client.write_all(&[&header[cut..], b"payload"].concat()).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
                let established = R::Tcp::shake(&mut incoming).await.unwrap();
                assert_eq!(established.source().to_string(), SOURCE, "cut at {cut}");
                let mut stream = R::Tcp::into_stream(incoming);
                assert_eq!(read_to_end::<R::Tcp>(&mut stream).await, b"payload", "cut at {cut}");
            }
        }
    });
}

/// The client's name for the server, which is in the header, reads like a header. A call that began there would believe
/// it.
pub fn a_dropped_handshake_believes_no_later_header<R: Asynchronous>() {
    let name = b"PROXY TCP4 203.0.113.9 198.51.100.2 1 2\r\n";
    let tlvs = [Tlv::new(kind::AUTHORITY, name)];
    let (source, destination) = (SOURCE.parse().unwrap(), "198.51.100.2:443".parse().unwrap());
    let encoder = Encoder::proxy(Version::V2, source, destination).with_tlvs(&tlvs);
    let mut header = vec![0; encoder.encoded_len().unwrap()];
    encoder.encode(&mut header).unwrap();
    let cut = header.len() - name.len();
    R::run(async {
        let (socket, addr) = listener();
        let listener = R::Tcp::listener(socket, acceptor());
        let mut client = connect_and_send(addr, &header[..cut]);
        let mut incoming = R::Tcp::accept(&listener).await.unwrap();
        drop_until_taken::<R>(&mut incoming, cut).await;
        client.write_all(name).unwrap();
        let established = R::Tcp::shake(&mut incoming).await.unwrap();
        assert_eq!(established.source().to_string(), SOURCE);
        assert_eq!(established.header().unwrap().tlvs().iter().next().unwrap().value(), name);
    });
}

/// Each call waits for less than the deadline.
pub fn a_handshake_dropped_again_and_again_ends_in_time<R: Asynchronous>() {
    const TIMEOUT: Duration = Duration::from_millis(300);
    R::run(async {
        let (socket, addr) = listener();
        let listener = R::Tcp::listener(socket, acceptor().with_timeout(TIMEOUT));
        let _silent = connect_and_send(addr, &V1[..10]);
        let mut incoming = R::Tcp::accept(&listener).await.unwrap();
        let before = Instant::now();
        let error = loop {
            if let Some(outcome) = poll_once(R::Tcp::shake(&mut incoming)).await {
                break outcome.unwrap_err();
            }
            assert!(before.elapsed() < 20 * TIMEOUT, "it goes on forever");
            R::sleep(TIMEOUT / 6).await;
        };
        assert!(matches!(error, AcceptError::TimedOut { received: 10, .. }), "{error:?}");
    });
}

/// Polls the handshake and drops it, until it has taken so many bytes.
async fn drop_until_taken<R: Asynchronous>(incoming: &mut <R::Tcp as Sockets>::Incoming, len: usize) {
    let before = Instant::now();
    while R::Tcp::taken(incoming).len() < len {
        assert!(poll_once(R::Tcp::shake(incoming)).await.is_none());
        assert!(before.elapsed() < Duration::from_secs(60));
        R::sleep(Duration::from_micros(100)).await;
    }
}
