use std::net::SocketAddr;

use realpeer_io::{AcceptError, Acceptor, Trust};
use realpeer_proto::{Address, Error, Parsed, parse, parse_datagram};

use super::settings;

/// A datagram is a header and what follows it, or is not whole.
pub fn datagram(data: &[u8]) {
    let Some((&first, bytes)) = data.split_first() else { return };
    let config = settings(first);
    let found = parse_datagram(bytes, &config);
    match parse(bytes, &config) {
        Ok(Parsed::Complete { header, len }) => assert_eq!(found, Ok((header, &bytes[len..]))),
        Ok(Parsed::Incomplete { .. }) => {
            let received = bytes.len() as u32;
            let expected = if received == 0 { Error::EmptyDatagram } else { Error::Truncated { received } };
            assert_eq!(found, Err(expected));
        }
        Err(error) => assert_eq!(found, Err(error)),
    }

    let peer = SocketAddr::from(([192, 0, 2, 1], 4711));
    let trusting = Acceptor::new(Trust::anyone()).with_config(config);
    match (trusting.datagram(peer, bytes), found) {
        (Ok(datagram), Ok((header, payload))) => {
            assert_eq!(datagram.header(), Some(header));
            assert_eq!(datagram.payload(), payload);
            assert_eq!(datagram.source(), header.source().unwrap_or(Address::Inet(peer)));
            assert_eq!(datagram.destination(), header.destination());
        }
        (Err(AcceptError::Protocol { error, .. }), Err(found)) => assert_eq!(error, found),
        other => panic!("{other:?}"),
    }
    let counts = trusting.counts();
    assert_eq!(counts.v1 + counts.v2 + counts.local + counts.unspec + counts.protocol, 1);
}
