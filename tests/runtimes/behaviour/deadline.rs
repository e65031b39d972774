//! The deadline: for the whole header, and for nothing but the header (R8).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use realpeer::AcceptError;
use realpeer::proto::Encoder;

use crate::client::{SOURCE, V1, V2, acceptor, connect, connect_and_send, endpoint, is_closed, listener};
use crate::runtime::{Runtime, Sockets, Way, read_exactly};

const SHORT: Duration = Duration::from_millis(300);

/// A byte comes long before each read would be given up; the header would take 8 seconds and then be accepted.
pub fn a_drip_does_not_outlive_it<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor().with_timeout(SHORT));
            let client = thread::spawn(move || {
                let mut header = [0; 400];
                Encoder::local().with_padding_to(400).encode(&mut header).unwrap();
                let mut client = connect_and_send(addr, &header[..1]);
                let mut sent = 1;
                while sent < header.len() && client.write_all(&header[sent..=sent]).is_ok() {
                    sent += 1;
                    sleep(Duration::from_millis(20));
                }
                sent
            });
            let accepted = server.next().await;
            let received = match &accepted.result {
                Err(AcceptError::TimedOut { received, .. }) => *received,
                outcome => panic!("{way:?}: {outcome:?}"),
            };
            drop(accepted);
            let sent = client.join().unwrap();
            assert!((1..=sent).contains(&received), "{way:?}: {received} received, {sent} sent");
        }
    });
}

pub fn silence_is_ended<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor().with_timeout(SHORT / 3));
            for sent in [&b""[..], b"P", &V1[..40], &V2[..16], &V2[..27]] {
                let mut client = connect_and_send(addr, sent);
                let accepted = server.next().await;
                match accepted.result {
                    Err(AcceptError::TimedOut { received, .. }) => {
                        assert_eq!(received, sent.len(), "{way:?}");
                    }
                    outcome => panic!("{way:?}: {outcome:?}"),
                }
                drop(accepted.stream);
                assert!(is_closed(&mut client));
            }
        }
    });
}

/// A connection idles for three times the deadline and is as good as ever, in both directions.
pub fn is_over_with_the_header<R: Runtime>() {
    R::run(async {
        for way in Way::BOTH {
            let (socket, addr) = listener();
            let mut server = way.server::<R::Tcp>(socket, &acceptor().with_timeout(SHORT));
            let client = thread::spawn(move || {
                let mut client = connect_and_send(addr, &V1[..20]);
                // So that the handshake has to wait, and to set its timer.
                sleep(SHORT / 6);
                client.write_all(&V1[20..]).unwrap();
                sleep(3 * SHORT);
                client.write_all(b"ping").unwrap();
                let mut pong = [0; 4];
                client.read_exact(&mut pong).unwrap();
                assert_eq!(&pong, b"pong");
                assert!(is_closed(&mut client));
            });
            let mut accepted = server.next().await;
            accepted.result.unwrap();
            assert_eq!(read_exactly::<R::Tcp>(&mut accepted.stream, 4).await, b"ping", "{way:?}");
            R::Tcp::write_all(&mut accepted.stream, b"pong").await.unwrap();
            drop(accepted.stream);
            client.join().unwrap();
        }
    });
}

/// The server is busy with something else for longer than the deadline, and the header has arrived meanwhile.
pub fn what_came_in_time_counts_however_late_it_is_looked_at<R: Runtime>() {
    R::run(async {
        let (socket, addr) = listener();
        let mut ready = R::Tcp::ready(socket, acceptor().with_timeout(SHORT), 8);
        let mut slow = connect(addr);
        let quick = connect_and_send(addr, V1);
        let accepted = R::Tcp::accept_ready(&mut ready).await.unwrap();
        assert_eq!(accepted.peer, endpoint(&quick));
        assert_eq!(R::Tcp::pending(&ready), 1);

        slow.write_all(V1).unwrap();
        sleep(2 * SHORT);
        let accepted = R::Tcp::accept_ready(&mut ready).await.unwrap();
        assert_eq!(accepted.peer, endpoint(&slow));
        assert_eq!(accepted.result.unwrap().source().to_string(), SOURCE);
    });
}

/// With `SO_RCVLOWAT` set to more than a header is long, nobody says that it is there.
pub fn a_header_below_the_low_water_mark_is_found_at_the_deadline<R: Runtime>() {
    R::run(async {
        let (socket, addr) = listener();
        let mut client = connect(addr);
        let (stream, peer) = socket.accept().unwrap();
        set_low_water_mark(&stream);
        let sender = thread::spawn(move || {
            sleep(SHORT / 3);
            client.write_all(V1).unwrap();
            client
        });
        let before = Instant::now();
        let mut stream = R::Tcp::stream(stream);
        let acceptor = acceptor().with_timeout(SHORT);
        let established = R::Tcp::handshake(&acceptor, &mut stream, peer.into()).await.unwrap();
        assert_eq!(established.source().to_string(), SOURCE);
        assert!(before.elapsed() >= SHORT, "after {:?}", before.elapsed());
        drop(sender.join().unwrap());
    });
}

/// Sets `SO_RCVLOWAT` to 1,000 bytes. No crate that is here can, without unsafe code, and Perl is wherever Git is.
fn set_low_water_mark(stream: &TcpStream) {
    let script = r#"setsockopt(STDIN, SOL_SOCKET, SO_RCVLOWAT, pack("i", 1000)) or die "$!""#;
    let stdin = OwnedFd::from(stream.try_clone().unwrap());
    let status = Command::new("perl").args(["-MSocket", "-e", script]).stdin(stdin).status().unwrap();
    assert!(status.success(), "{status}");
}
