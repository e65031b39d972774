//! The bytes after the header: all of them, in order, and nothing of the header.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread::{self, sleep};
use std::time::Duration;

use realpeer::AcceptError;
use realpeer::proto::{Encoder, Error, MAX_HEADER_LEN};

use crate::client::{LOCAL, SOURCE, V1, V2, acceptor, connect, connect_and_send, listener};
use crate::runtime::{Runtime, Sockets, Way, read_exactly, read_to_end};

pub fn one_segment_with_the_header<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor());
            for header in [V1, V2, LOCAL] {
                for payload in [&b"h"[..], b"\r\n", b"\0", b"GET / HTTP/1.1\r\n\r\n", &[b'x'; 2000]] {
                    let client = connect_and_send(addr, &[header, payload].concat());
                    client.shutdown(Shutdown::Write).unwrap();
                    let mut accepted = server.next().await;
                    accepted.result.unwrap();
                    assert_eq!(read_to_end::<R::Tcp>(&mut accepted.stream).await, payload, "{way:?}");
                }
            }
        }
    });
}

pub fn a_megabyte_behind_the_header<R: Runtime>() {
    let payload: Vec<u8> = (0..1_048_576u32).map(|n| (n % 251) as u8).collect();
    R::run(async {
        for way in Way::BOTH {
            for header in [V1, V2] {
                let (socket, addr) = listener();
                let mut server = way.server::<R::Tcp>(socket, &acceptor());
                let sent = [header, &payload].concat();
                let client = thread::spawn(move || {
                    let mut client = connect(addr);
                    client.write_all(&sent).unwrap();
                    let mut echo = vec![0; sent.len() - header.len()];
                    client.read_exact(&mut echo).unwrap();
                    echo
                });
                let mut accepted = server.next().await;
                accepted.result.unwrap();
                let received = read_exactly::<R::Tcp>(&mut accepted.stream, payload.len()).await;
                assert!(received == payload, "{way:?}: the payload has changed on its way in");
                R::Tcp::write_all(&mut accepted.stream, &received).await.unwrap();
                assert!(client.join().unwrap() == payload, "{way:?}: the payload has changed on its way out");
            }
        }
    });
}

pub fn r5_a_second_header_is_payload<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor());
            for (first, second) in [(V1, V2), (V2, V1), (V1, V1), (V2, V2), (LOCAL, V2)] {
                let client = connect_and_send(addr, &[first, second].concat());
                client.shutdown(Shutdown::Write).unwrap();
                let mut accepted = server.next().await;
                let header_says = accepted.result.unwrap().header().unwrap().source().is_some();
                assert_eq!(header_says, first != LOCAL);
                assert_eq!(read_to_end::<R::Tcp>(&mut accepted.stream).await, second, "{way:?}");
            }
        }
    });
}

pub fn long_headers<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor().with_max_header_len(MAX_HEADER_LEN));
            // Around the room that adapters have within, and the most that there can be.
            for len in [535, 536, 537, 1072, 1073, 4096, 4097, MAX_HEADER_LEN] {
                let mut bytes = vec![0; len];
                Encoder::local().with_padding_to(len).encode(&mut bytes).unwrap();
                bytes.extend_from_slice(b"payload");
                let client = thread::spawn(move || {
                    let client = connect_and_send(addr, &bytes);
                    client.shutdown(Shutdown::Write).unwrap();
                    client
                });
                let mut accepted = server.next().await;
                let established = accepted.result.unwrap();
                let noop = established.header().unwrap().tlvs().iter().next().unwrap();
                assert_eq!(noop.value().len(), len - 16 - 3);
                assert_eq!(read_to_end::<R::Tcp>(&mut accepted.stream).await, b"payload", "{way:?}, {len}");
                client.join().unwrap();
            }
        }
    });
}

/// Bytes that no header begins with are still there for whoever wants to answer them, whether they were there first
/// or the server had to wait for them.
pub fn what_is_no_header_is_left_unread<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor());
            for wait in [Duration::ZERO, Duration::from_millis(50)] {
                let request = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
                let mut client = connect(addr);
                let sender = thread::spawn(move || {
                    sleep(wait);
                    client.write_all(request).unwrap();
                    client.shutdown(Shutdown::Write).unwrap();
                    client
                });
                let mut accepted = server.next().await;
                match accepted.result {
                    Err(AcceptError::Protocol {
                        error: Error::Signature { offset: 0, found: b'G', .. },
                        ..
                    }) => {}
                    outcome => panic!("{way:?}: {outcome:?}"),
                }
                assert_eq!(read_to_end::<R::Tcp>(&mut accepted.stream).await, request, "{way:?}, {wait:?}");
                sender.join().unwrap();
            }

            // The next one is not harmed by it.
            let _client = connect_and_send(addr, V1);
            assert_eq!(server.next().await.result.unwrap().source().to_string(), SOURCE);
        }
    });
}
