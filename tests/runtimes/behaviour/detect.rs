//! `danger::DetectHeader`: with a header or without, and no byte is lost at any cut (against R12, for roll-outs).

use std::io::Write;
use std::net::Shutdown;
use std::thread::{self, sleep};
use std::time::Duration;

use realpeer::danger::DetectHeader;
use realpeer::{AcceptError, Acceptor, Endpoint, Trust};

use crate::client::{SOURCE, V1, V2, acceptor, connect, endpoint, listener};
use crate::runtime::{Runtime, Sockets, Way, read_to_end};

fn detecting() -> DetectHeader<Trust> {
    DetectHeader::new(Trust::anyone())
}

/// Connections with a header and without, each cut within what is, or might have been, a signature. The second piece is
/// sent when the server has had the time to read the first.
pub fn r12_detection_loses_no_byte_at_any_cut<R: Runtime>() {
    let with_header = |header: &[u8]| [header, b"hello"].concat();
    let rows = [
        (with_header(V1), true),
        (with_header(V2), true),
        (b"POST / HTTP/1.1\r\n\r\n".to_vec(), false),
        (b"PROXYFOO / HTTP/1.1\r\n\r\n".to_vec(), false),
        (b"\r\n\r\n\0\r\nQUIX and more".to_vec(), false),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), false),
    ];
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let acceptor = Acceptor::new(detecting()).with_config(*acceptor().config());
            let mut server = way.server::<R::Tcp>(socket, &acceptor);
            for (bytes, has_header) in &rows {
                for cut in 0..14 {
                    let mut client = connect(addr);
                    let peer = endpoint(&client);
                    let sent = bytes.clone();
                    let sender = thread::spawn(move || {
                        client.write_all(&sent[..cut]).unwrap();
                        sleep(Duration::from_millis(10));
                        client.write_all(&sent[cut..]).unwrap();
                        client.shutdown(Shutdown::Write).unwrap();
                        client
                    });
                    let mut accepted = server.next().await;
                    let established = accepted.result.unwrap();
                    let rest = read_to_end::<R::Tcp>(&mut accepted.stream).await;
                    let payload = [established.taken_payload(), &rest].concat();
                    if *has_header {
                        assert_eq!(established.source().to_string(), SOURCE, "{way:?}, cut at {cut}");
                        assert_eq!(payload, b"hello", "{way:?}, cut at {cut}");
                    } else {
                        assert_eq!(established.source(), peer.as_address(), "{way:?}, cut at {cut}");
                        assert_eq!(&payload, bytes, "{way:?}, cut at {cut}");
                    }
                    sender.join().unwrap();
                }
            }
        }
    });
}

/// Of a peer that waits for the server to speak, nothing comes: it is served only where the caller says so.
pub fn r12_a_silent_peer_has_no_header_only_where_the_caller_says_so<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            for policy in [detecting(), detecting().silence_means_no_header()] {
                let silent_is_served = format!("{policy:?}").contains("silence_means_no_header: true");
                let acceptor = Acceptor::new(policy).with_timeout(Duration::from_millis(50));
                for sent in [&b""[..], b"P", b"\r\n\r\n"] {
                    let (socket, addr) = listener();
                    let mut server = way.server::<R::Tcp>(socket, &acceptor);
                    let mut client = connect(addr);
                    client.write_all(sent).unwrap();
                    let mut accepted = server.next().await;
                    match accepted.result {
                        Ok(established) => {
                            assert!(silent_is_served, "{way:?}, {} bytes", sent.len());
                            client.write_all(b"hello").unwrap();
                            client.shutdown(Shutdown::Write).unwrap();
                            let rest = read_to_end::<R::Tcp>(&mut accepted.stream).await;
                            let payload = [established.taken_payload(), &rest].concat();
                            assert_eq!(payload, [sent, b"hello"].concat(), "{way:?}");
                        }
                        Err(error) => {
                            assert_eq!((error.kind(), silent_is_served), ("timeout", false), "{way:?}");
                        }
                    }
                }
            }
        }
    });
}

/// Listeners for frameworks hand such connections out too, and reject none of them.
pub fn r12_an_established_listener_hands_on_what_was_taken<R: Runtime>() {
    R::run(async {
        for sent in [&b"POST / HTTP/1.1\r\n\r\n"[..], b"PROXYFOO / HTTP/1.1\r\n\r\n"] {
            for cut in [1, 2, 3, 5] {
                let (socket, addr) = listener();
                let acceptor = Acceptor::new(detecting()).with_config(*acceptor().config());
                let hook = |peer: &Endpoint, error: &AcceptError| panic!("{peer} rejected: {error}");
                let mut established = R::Tcp::established(socket, acceptor.clone(), hook);
                let mut client = connect(addr);
                let sender = thread::spawn(move || {
                    client.write_all(&sent[..cut]).unwrap();
                    sleep(Duration::from_millis(10));
                    client.write_all(&sent[cut..]).unwrap();
                    client.shutdown(Shutdown::Write).unwrap();
                    client
                });
                let (mut stream, accepted) = R::Tcp::accept_established(&mut established).await.unwrap();
                assert!(accepted.header().is_none());
                let rest = read_to_end::<R::Tcp>(&mut stream).await;
                assert_eq!([accepted.taken_payload(), &rest].concat(), sent, "cut at {cut}");
                assert_eq!(acceptor.counts().bypassed, 1);
                sender.join().unwrap();
            }
        }
    });
}
