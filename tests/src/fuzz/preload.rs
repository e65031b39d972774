use std::net::{IpAddr, SocketAddr};

use realpeer_preload::label::Label;
use realpeer_preload::wire::{Message, Ring};
use realpeer_preload::{Family, Peer, Seen, Settings, look, parse_ip};
use realpeer_proto::{Parsed, parse};

/// What the library for `LD_PRELOAD` makes of bytes that others wrote: the start of a connection, a variable of the
/// environment, a socket's name, a label, a message. It agrees with the parser, and whatever it decodes it would encode
/// so again.
pub fn preload(data: &[u8]) {
    let Some((&settings, bytes)) = data.split_first() else { return };
    let config = super::settings(settings);
    let seen = look(bytes, &config, true);
    match (seen, parse(bytes, &config)) {
        (Seen::Ring(ring), answer) => {
            assert_eq!(ring.encode(), bytes);
            assert!(answer.is_err(), "what is a ring is no header");
        }
        (Seen::Header { len, source, destination }, Ok(Parsed::Complete { header, len: expected })) => {
            assert_eq!(len, expected);
            assert_eq!(source, header.source().and_then(|address| address.socket_addr()));
            assert_eq!(destination, header.destination().and_then(|address| address.socket_addr()));
            let label = source.map(|source| Label::new(source, None));
            assert_eq!(label.and_then(|label| Label::decode(&label.encode())), label);
        }
        (Seen::Unfinished, Ok(Parsed::Incomplete { .. })) => {}
        (Seen::Bad(error), Err(expected)) => assert_eq!(error, expected),
        (seen, answer) => panic!("{seen:?}, but {answer:?}"),
    }
    if !matches!(seen, Seen::Ring(_)) {
        assert_eq!(look(bytes, &config, false), seen, "only a ring depends on where it comes from");
    }
    assert!(Ring::decode(bytes).is_none_or(|ring| ring.encode() == bytes));
    assert!(Message::decode(bytes).is_none_or(|message| message.encode() == bytes));
    if let Some(label) = Label::decode(bytes) {
        assert_eq!(Label::decode(&label.encode()), Some(label));
    }
    name(bytes);
    environment(bytes);
}

fn name(bytes: &[u8]) {
    if let (Some(Peer::Inet(address)), Some(family)) =
        (Peer::from_sockaddr(bytes), Family::of_sockaddr(bytes))
    {
        let mut written = [0; 28];
        let len = family.sockaddr(address, &mut written);
        assert_eq!(Peer::from_sockaddr(&written[..len]), Some(Peer::Inet(address)));
    }
    if let Some(ip) = parse_ip(bytes) {
        assert_eq!(std::str::from_utf8(bytes).unwrap().parse::<IpAddr>(), Ok(ip));
    }
}

fn environment(bytes: &[u8]) {
    let trust = Settings::from_env(|name| match name {
        "REALPEER_TRUST" => Some(bytes),
        "REALPEER_LISTEN" => Some(b"1"),
        _ => None,
    });
    let loopback: SocketAddr = ([127, 0, 0, 1], 1).into();
    match trust {
        Ok(settings) => _ = settings.trust.believes(Peer::Inet(loopback)),
        Err(error) => assert_eq!(error.variable, "REALPEER_TRUST"),
    }
    for variable in ["REALPEER_LISTEN", "REALPEER_TIMEOUT", "REALPEER_LOT"] {
        let read = Settings::from_env(|name| match name {
            "REALPEER_TRUST" => Some(&b"127.0.0.1"[..]),
            name if name == variable => Some(bytes),
            "REALPEER_LISTEN" => Some(b"1"),
            _ => None,
        });
        match read {
            Ok(settings) => _ = settings.wants(Peer::Inet(loopback)),
            Err(error) => assert_eq!(error.variable, variable),
        }
    }
}
