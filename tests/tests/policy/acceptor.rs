//! What acceptors say: why a connection was not accepted, what an error of `accept` means, and what they are.

use std::error::Error as _;
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::task::Poll;
use std::time::{Duration, Instant};

use realpeer_io::{
    AcceptError, AcceptFault, Acceptor, Endpoint, Established, HeaderStorage, Pending, PendingToken,
    Rejections, Trust, UnixName, Verdict, policy_fn,
};
use realpeer_proto::{
    ApiMisuse, Config, Decoder, Encoder, Error, HandshakeError, ReadMode, Storage, UnixAddr, parse,
};
use realpeer_tests::outer::Outer;

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
    let outermost = io::Error::other(Outer(io::Error::other("the cause")));
    assert_eq!(AcceptError::from(outermost).source().unwrap().to_string(), "the cause");
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
        let source = if has { "192.0.2.1" } else { "127.0.0.1" };
        assert_eq!(established.source_ip().unwrap().to_string(), source);
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
    assert_eq!(format!("{:?}", policy_fn(|_: &Endpoint| Verdict::Refuse)), "PolicyFn { .. }");
    let rejections = Rejections::to(|_, _| {});
    assert_eq!(format!("{rejections:?}"), "Rejections { hook: true, .. }");
    let pending = Pending::<(), Instant>::new(acceptor, 7);
    let debug = format!("{pending:?}");
    assert!(debug.starts_with("Pending { acceptor: Acceptor {"), "{debug}");
    assert!(debug.ends_with("pending: 0, max: 7, .. }"), "{debug}");
    let storage = HeaderStorage::default();
    assert_eq!(format!("{storage:?}"), format!("HeaderStorage({} bytes)", storage.bytes().len()));
}

/// A loop that polls when a connection is readable or due would otherwise keep such a peer forever.
#[test]
fn the_outcome_of_a_refused_or_bypassed_peer_is_due_at_once() {
    for verdict in [Verdict::Refuse, Verdict::Bypass] {
        let acceptor = Acceptor::new(policy_fn(move |_| verdict));
        let now = Instant::now();
        for mut accepting in [acceptor.begin(peer(), now), acceptor.accepted(peer(), now)] {
            assert_eq!(accepting.poll_timeout(), Some(now));
            accepting.handle_timeout(now);
            assert_eq!(accepting.poll_timeout(), Some(now));
            let Poll::Ready(outcome) = accepting.poll_with(|_| panic!("it must not be read from")) else {
                panic!("it is not ready");
            };
            assert_eq!(outcome.is_ok(), verdict == Verdict::Bypass);
            assert_eq!(accepting.poll_timeout(), None);
        }
        let counts = acceptor.counts();
        assert_eq!(counts.refused + counts.bypassed, 2);
    }
}

#[test]
fn an_outcome_is_given_again_and_counted_once() {
    let acceptor = Acceptor::new(Trust::anyone());
    for stream in [&b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello"[..], b"GET / HTTP/1.1\r\n", b""] {
        let mut rest = stream;
        let mut accepting = acceptor.begin(peer(), Instant::now());
        assert!(accepting.result().is_none());
        let mut outcomes = (0..3).map(|_| {
            let polled = accepting.poll_with(|slot| Poll::Ready(rest.read(slot)));
            let Poll::Ready(outcome) = polled else { panic!("{polled:?}") };
            assert_eq!(accepting.result().map(Result::is_ok), Some(outcome.is_ok()));
            (outcome.map(|established| established.source().to_string()).map_err(|e| e.kind()), rest)
        });
        let first = outcomes.next().unwrap();
        assert!(outcomes.all(|again| again == first));
    }
    let counts = acceptor.counts();
    assert_eq!((counts.v1, counts.protocol, counts.closed), (1, 1, 1));
}

/// Neither ends the connection, and one that would block is waited for: until the deadline.
#[test]
fn reads_that_are_interrupted_or_would_block_are_no_errors() {
    let acceptor = Acceptor::new(Trust::anyone());
    let now = Instant::now();
    let mut reads = vec![
        Err(ErrorKind::WouldBlock),
        Ok(&b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"[..]),
        Err(ErrorKind::Interrupted),
        Err(ErrorKind::WouldBlock),
        Err(ErrorKind::Interrupted),
    ];
    let mut header = &b""[..];
    let mut read = |slot: &mut [u8]| {
        if header.is_empty() {
            header = reads.pop().unwrap_or(Err(ErrorKind::WouldBlock))?;
        }
        header.read(slot)
    };
    let mut accepting = acceptor.begin(peer(), now);
    assert!(accepting.poll_with(|slot| Poll::Ready(read(slot))).is_pending());
    assert!(matches!(accepting.poll_with(|slot| Poll::Ready(read(slot))), Poll::Ready(Ok(_))));

    let mut accepting = acceptor.begin(peer(), now);
    let mut block = |_: &mut [u8]| Poll::Ready(Err(ErrorKind::WouldBlock.into()));
    assert!(accepting.poll_with(&mut block).is_pending());
    accepting.handle_timeout(now + Duration::from_secs(60));
    let polled = accepting.poll_with(&mut block);
    assert!(matches!(polled, Poll::Ready(Err(AcceptError::TimedOut { received: 0, .. }))), "{polled:?}");
}

/// Of three, one is complete in time, one when it is looked at too late, and one never.
#[test]
fn a_pending_set_ends_each_connection_once_and_in_time() {
    let header = &b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"[..];
    let acceptor = Acceptor::new(Trust::anyone()).with_timeout(Duration::from_secs(3));
    let start = Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    let read = |stream: &mut &[u8], slot: &mut [u8], mode| {
        let n = slot.len().min(stream.len());
        slot[..n].copy_from_slice(&stream[..n]);
        if mode == ReadMode::Take {
            *stream = &stream[n..];
        }
        if n == 0 { Poll::Pending } else { Poll::Ready(Ok(n)) }
    };
    let mut pending = Pending::new(acceptor, 3);
    assert_eq!(pending.poll_timeout(), None);
    assert!(pending.is_empty());
    let tokens: Vec<_> = (0..3)
        .map(|n| {
            assert!(!pending.is_full());
            pending.insert(&b""[..], peer(), after(n))
        })
        .collect();
    assert!(pending.is_full() && !pending.is_empty());
    assert_eq!(pending.len(), 3);
    assert!(tokens.iter().all(|token| PendingToken::from(usize::from(*token)) == *token));
    assert_ne!(usize::from(tokens[1]), usize::from(tokens[2]));
    assert!(tokens.iter().all(|token| pending.poll(*token, read).is_none()));
    assert_eq!(pending.poll_timeout(), Some(after(3)));

    let (stream, accepting) = pending.remove(tokens[1]).unwrap();
    assert!(stream.is_empty() && accepting.result().is_none());
    assert!(pending.poll(tokens[1], read).is_none() && pending.get(tokens[1]).is_none());
    let replaced = pending.insert(header, peer(), after(2));
    let finished = pending.poll(replaced, read).unwrap();
    assert_eq!(finished.result.unwrap().source().to_string(), "192.0.2.1:56324");
    assert!(pending.poll(replaced, read).is_none());

    assert_eq!(pending.expired(after(2)), None);
    assert_eq!(pending.expired(after(4)), Some(tokens[0]));
    assert_eq!(pending.expired(after(4)), None);
    let finished = pending.poll(tokens[0], read).unwrap();
    assert_eq!(finished.result.unwrap_err().kind(), "timeout");
    assert_eq!(pending.poll_timeout(), Some(after(5)));
    let failed = pending.fail(tokens[2], ErrorKind::OutOfMemory.into()).unwrap();
    assert_eq!(failed.result.unwrap_err().kind(), "io");
    assert!(pending.is_empty());
    assert_eq!(pending.poll_timeout(), None);

    for stream in [&b"one"[..], b"two"] {
        pending.insert(stream, peer(), after(6));
    }
    let mut drained: Vec<_> = pending.drain().map(|(stream, _)| stream).collect();
    drained.sort_unstable();
    assert_eq!(drained, [b"one", b"two"]);
    assert!(pending.is_empty());
    assert_eq!(pending.poll_timeout(), None);
}

#[test]
fn a_pending_set_has_refused_peers_due_at_once() {
    let policy = |peer: &Endpoint| if peer.port() == Some(1) { Verdict::Refuse } else { Verdict::Require };
    let mut pending = Pending::new(Acceptor::new(policy_fn(policy)), 8);
    let now = Instant::now();
    let silent = pending.insert((), peer(), now);
    let refused = pending.insert((), SocketAddr::from(([127, 0, 0, 1], 1)), now);
    assert_eq!(pending.poll_timeout(), Some(now));
    assert_eq!(pending.expired(now), Some(refused));
    assert_eq!(pending.expired(now), None);
    let finished = pending.poll(refused, |(), _, _| panic!("it must not be read from")).unwrap();
    assert_eq!(finished.result.unwrap_err().kind(), "refused");
    assert!(pending.get(silent).is_some());
}

#[test]
fn storage_has_room_for_its_limit_and_no_more() {
    let mut storage = HeaderStorage::with_limit(300);
    assert!(!storage.grow(301));
    assert!(storage.grow(300));
    assert_eq!(storage.bytes().len(), 300);
}

/// A byte at a time: the storage doubles, and stops at the limit.
#[test]
fn storage_doubles_up_to_its_limit() {
    let config = Config::new().with_max_header_len(4096);
    let mut header = vec![0; 4096];
    Encoder::local().with_padding_to(4096).encode(&mut header).unwrap();
    let allocated = allocation_counter::measure(|| {
        let mut decoder = Decoder::with_storage(&config, HeaderStorage::with_limit(4096));
        for byte in &header {
            assert_eq!(decoder.push(&[*byte]), 1);
        }
        assert!(decoder.header().is_some());
    });
    // 256 to 4,096 are five steps, each the bytes and what counts who shares them.
    assert_eq!(allocated.count_total, 10);
    assert!(allocated.bytes_total < 3 * 4096, "{}", allocated.bytes_total);
}
