//! What acceptors say: why a connection was not accepted, what an error of `accept` means, and what they are.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is test code")]

use std::error::Error as _;
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Instant;

use realpeer_io::{
    AcceptError, AcceptFault, Acceptor, Endpoint, Established, HeaderStorage, Trust, UnixName,
};
use realpeer_proto::{ApiMisuse, Config, Error, Storage, UnixAddr, parse};

/// The word for logs, the kind of error it is to std, what it says, and whether it comes from another.
#[test]
fn what_each_error_is_and_says() {
    let misuse = Error::ApiMisuse(ApiMisuse::ReceivedBeyondSlot { received: 2, slot: 1 });
    let signature = parse(b"GET", &Config::new()).unwrap_err();
    let truncated = Error::Truncated { received: 7 };
    let reset = AcceptError::from(io::Error::new(ErrorKind::ConnectionReset, "reset by peer"));
    let no_header =
        "no PROXY header: unexpected byte 0x47 at offset 0; is the proxy set to send one?".to_owned();
    let cases = [
        (AcceptError::Refused, "refused", ErrorKind::PermissionDenied, false),
        (AcceptError::Closed, "closed", ErrorKind::UnexpectedEof, false),
        (AcceptError::Protocol(signature), "protocol", ErrorKind::InvalidData, true),
        (AcceptError::Protocol(truncated), "protocol", ErrorKind::UnexpectedEof, true),
        (AcceptError::Protocol(Error::OutOfMemory), "protocol", ErrorKind::OutOfMemory, true),
        (AcceptError::Protocol(misuse), "protocol", ErrorKind::InvalidInput, true),
        (AcceptError::TimedOut { received: 5 }, "timeout", ErrorKind::TimedOut, false),
        (reset, "io", ErrorKind::ConnectionReset, true),
    ];
    let messages = [
        "peer refused: it is not among the trusted proxies".to_owned(),
        Error::Closed.to_string(),
        no_header,
        truncated.to_string(),
        Error::OutOfMemory.to_string(),
        misuse.to_string(),
        "no complete PROXY header in time, only 5 bytes".to_owned(),
        "connection failed before its header was complete: reset by peer".to_owned(),
    ];
    for ((error, word, kind, has_source), message) in cases.into_iter().zip(messages) {
        assert_eq!((error.kind(), error.to_string()), (word, message.clone()));
        let source = error.source().map(ToString::to_string);
        assert_eq!(source.is_some(), has_source, "{error:?}");
        assert!(source.is_none_or(|source| message.ends_with(&source)), "{error:?}");
        let error = io::Error::from(error);
        assert_eq!((error.kind(), error.to_string()), (kind, message));
    }
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
            ][..],
            AcceptFault::Connection,
        ),
        (&[Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM], AcceptFault::Exhausted),
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
        let mut receiving = Acceptor::new(Trust::anyone()).begin(peer, Instant::now());
        let polled = receiving.poll_with(|slot| Poll::Ready(rest.read(slot)));
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
    assert!(debug.starts_with("Receiving { shared: Shared { counts: Counts { v1: 0"), "{debug}");
    assert!(debug.contains("[2001:db8::1]:4711"), "{debug}");
    let addr = UnixAddr::new(b"/run/proxy\n").unwrap();
    assert_eq!(format!("{addr:?}"), "UnixAddr(unix:/run/proxy\\n)");
    let name = UnixName::from(addr);
    assert_eq!(format!("{name:?}"), "UnixName(unix:/run/proxy\\n)");
    assert_eq!(Endpoint::from(name).to_string(), "unix:/run/proxy\\n");
    let storage = HeaderStorage::default();
    assert_eq!(format!("{storage:?}"), format!("HeaderStorage({} bytes)", storage.bytes().len()));
}
