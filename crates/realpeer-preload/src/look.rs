//! Classifies the first bytes of a connection.

use core::net::SocketAddr;

use realpeer_proto::{Address, Config, Error, Parsed, parse};

use crate::wire::Ring;

/// What the bytes that have arrived begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A complete header.
    Header {
        /// How many bytes it has.
        len: usize,
        /// Its source. None for LOCAL, UNKNOWN, UNSPEC and UNIX addresses: the socket's own addresses are shown then.
        source: Option<SocketAddr>,
        /// Its destination, or None as with the source.
        destination: Option<SocketAddr>,
    },
    /// The beginning of a header, or nothing yet.
    Unfinished,
    /// A ring: the lot has a connection for us.
    Ring(Ring),
    /// Something else.
    Bad(Error),
}

/// Returns what the first bytes of a connection begin with. `from_here` is whether this host has connected to itself:
/// no other connection can be a ring.
pub fn look(bytes: &[u8], config: &Config, from_here: bool) -> Seen {
    if from_here {
        if let Some(ring) = Ring::decode(bytes) {
            return Seen::Ring(ring);
        }
    }
    match parse(bytes, config) {
        Ok(Parsed::Complete { header, len }) => Seen::Header {
            len,
            source: header.source().and_then(inet),
            destination: header.destination().and_then(inet),
        },
        Ok(Parsed::Incomplete { .. }) => Seen::Unfinished,
        Err(error) => Seen::Bad(error),
    }
}

fn inet(address: Address<'_>) -> Option<SocketAddr> {
    address.socket_addr()
}
