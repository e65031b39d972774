//! What acceptors say: why a connection was not accepted, what an error of `accept` means, and what they are.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is test code")]

use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::task::Poll;
use std::time::{Duration, Instant};

use realpeer_io::{
    AcceptError, AcceptFault, Acceptor, Endpoint, Established, HeaderStorage, Trust, UnixName,
};
use realpeer_proto::{ApiMisuse, Config, Error, HandshakeError, Storage, UnixAddr, parse};

/// The word for logs, the kind of error it is to std, and what it says.
#[test]
fn errors_have_a_word_a_kind_and_a_text() {
    let misuse = Error::ApiMisuse(ApiMisuse::ReceivedBeyondSlot { received: 2, slot: 1 });
    let signature = parse(b"GET", &Config::new()).unwrap_err();
    let truncated = Error::Truncated { received: 7 };
    let reset = AcceptError::from(io::Error::new(ErrorKind::ConnectionReset, "reset by peer"));
    let timed_out = {
        let acceptor = Acceptor::new(Trust::anyone()).with_timeout(Duration::ZERO);
        let mut accepting = acceptor.begin(peer(), Instant::now());
        let mut rest = &b"PROXY"[..];
        let mut read = |slot: &mut [u8]| match rest.read(slot).unwrap() {
            0 => Poll::Pending,
            n => Poll::Ready(Ok(n)),
        };
        assert!(accepting.poll_with(&mut read).is_pending());
        accepting.handle_timeout(Instant::now());
        let Poll::Ready(Err(error)) = accepting.poll_with(&mut read) else { panic!("it should be over") };
        error
    };
    let cases = [
        (refused(), "refused", ErrorKind::PermissionDenied),
        (AcceptError::Closed, "closed", ErrorKind::UnexpectedEof),
        (AcceptError::from(signature), "protocol", ErrorKind::InvalidData),
        (AcceptError::from(truncated), "protocol", ErrorKind::UnexpectedEof),
        (AcceptError::from(Error::OutOfMemory), "protocol", ErrorKind::OutOfMemory),
        (AcceptError::from(misuse), "protocol", ErrorKind::InvalidInput),
        (timed_out, "timeout", ErrorKind::TimedOut),
        (reset, "io", ErrorKind::ConnectionReset),
    ];
    let messages = [
        "127.0.0.1 is not a trusted proxy; trust it if it is one of yours".to_owned(),
        Error::Closed.to_string(),
        signature.to_string(),
        truncated.to_string(),
        Error::OutOfMemory.to_string(),
        misuse.to_string(),
        HandshakeError::<io::Error>::TimedOut { received: 5 }.to_string(),
        "connection failed before its header was complete: reset by peer".to_owned(),
    ];
    for ((error, word, kind), message) in cases.into_iter().zip(messages) {
        assert_eq!((error.kind(), error.to_string()), (word, message.clone()));
        let error = io::Error::from(error);
        assert_eq!((error.kind(), error.to_string()), (kind, message));
    }
}

/// As reporters such as anyhow print it: each text once.
#[test]
fn a_chain_of_sources_repeats_nothing() {
    let inner = io::Error::new(ErrorKind::InvalidData, "bad record");
    let outer = io::Error::other(AcceptError::from(inner));
    let errors: [Box<dyn std::error::Error>; 3] = [
        Box::new(AcceptError::from(Error::Truncated { received: 7 })),
        Box::new(AcceptError::from(io::Error::new(ErrorKind::ConnectionReset, "reset by peer"))),
        Box::new(AcceptError::from(outer)),
    ];
    for error in errors {
        let mut texts = vec![error.to_string()];
        let mut next = error.source();
        while let Some(source) = next {
            let text = source.to_string();
            assert!(texts.iter().all(|earlier| !earlier.contains(&text)), "{texts:?} and then {text:?}");
            texts.push(text);
            next = source.source();
        }
    }
}

#[test]
fn an_error_of_the_connection_keeps_its_number_and_its_kind() {
    for errno in [rustix::io::Errno::CONNRESET, rustix::io::Errno::HOSTUNREACH, rustix::io::Errno::TIMEDOUT] {
        let error = io::Error::from(errno);
        let (number, kind) = (error.raw_os_error(), error.kind());
        let error = io::Error::from(AcceptError::from(error));
        assert_eq!((error.raw_os_error(), error.kind()), (number, kind));
    }
}

fn refused() -> AcceptError {
    let mut accepting = Acceptor::new(Trust::unix()).begin(peer(), Instant::now());
    let Poll::Ready(Err(error)) = accepting.poll_with(|_| Poll::Pending) else { panic!("not refused") };
    error
}

fn peer() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 4711))
}

/// By the kind that std gives it, and by the number where std has none of its own. Those of Linux.
#[cfg(target_os = "linux")]
#[test]
fn what_each_error_of_accept_means() {
    use rustix::io::Errno;
    for (errors, meaning) in [
        (
            &[
                Errno::INTR,
                Errno::CONNABORTED,
                Errno::CONNRESET,
                Errno::NETDOWN,
                Errno::NETUNREACH,
                Errno::HOSTUNREACH,
                Errno::TIMEDOUT,
                Errno::PERM,
                Errno::PROTO,
                Errno::NOPROTOOPT,
                Errno::HOSTDOWN,
                Errno::OPNOTSUPP,
                Errno::NONET,
            ][..],
            AcceptFault::Connection,
        ),
        (&[Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::NOSPC], AcceptFault::Exhausted),
        (&[Errno::BADF, Errno::INVAL, Errno::NOTSOCK, Errno::FAULT], AcceptFault::Listener),
    ] {
        for errno in errors {
            let error = io::Error::from(*errno);
            assert_eq!(AcceptFault::of(&error), meaning, "{error:?}");
        }
    }
    assert_eq!(AcceptFault::of(&ErrorKind::OutOfMemory.into()), AcceptFault::Exhausted);
    assert_eq!(AcceptFault::of(&io::Error::other("no number")), AcceptFault::Listener);
}

/// Whether the socket need be asked: where the header has no destination, or there is none.
#[test]
fn has_destination_says_whether_the_header_has_one() {
    let peer: SocketAddr = "127.0.0.1:4711".parse().unwrap();
    for (header, has) in [
        (&b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"[..], true),
        (b"PROXY UNKNOWN\r\n", false),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", false),
    ] {
        let mut rest = header;
        let mut accepting = Acceptor::new(Trust::anyone()).begin(peer, Instant::now());
        let polled = accepting.poll_with(|slot| Poll::Ready(rest.read(slot)));
        let Poll::Ready(Ok(established)) = polled else { panic!("{polled:?}") };
        assert_eq!(established.has_destination(), has, "{}", header.escape_ascii());
        assert!(established.with_local(peer).has_destination());
    }
    assert!(!Established::without_header(peer).has_destination());
}

/// Enough for a log, and nothing of what a policy or a buffer holds.
#[test]
fn what_they_say_of_themselves() {
    let acceptor = Acceptor::new(Trust::unix());
    let debug = format!("{acceptor:?}");
    assert!(debug.starts_with("Acceptor { config: Config {"), "{debug}");
    assert!(debug.contains("counts: Counts { v1: 0") && debug.ends_with(", .. }"), "{debug}");

    let peer = Endpoint::from("[2001:db8::1]:4711".parse::<SocketAddr>().unwrap());
    assert_eq!(peer.to_string(), "[2001:db8::1]:4711");
    let debug = format!("{:?}", acceptor.begin(peer, Instant::now()));
    assert!(debug.starts_with("Accepting { peer: "), "{debug}");
    assert!(debug.contains("[2001:db8::1]:4711"), "{debug}");
    let addr = UnixAddr::new(b"/run/proxy\n").unwrap();
    assert_eq!(format!("{addr:?}"), "UnixAddr(unix:/run/proxy\\n)");
    let name = UnixName::from(addr);
    assert_eq!(format!("{name:?}"), "UnixName(unix:/run/proxy\\n)");
    assert_eq!(Endpoint::from(name).to_string(), "unix:/run/proxy\\n");
    let storage = HeaderStorage::default();
    assert_eq!(format!("{storage:?}"), format!("HeaderStorage({} bytes)", storage.bytes().len()));
}
