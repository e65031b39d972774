//! What the first bytes of a connection are.

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
        /// Its source. None for LOCAL, UNKNOWN, UNSPEC and UNIX addresses: the socket's own ends are meant, or the
        /// only ones that can be shown.
        source: Option<SocketAddr>,
        /// Its destination, likewise.
        destination: Option<SocketAddr>,
    },
    /// The beginning of a header, or nothing yet.
    Unfinished,
    /// The helper process, which has a connection for us.
    Ring(Ring),
    /// Something else.
    Bad(Error),
}

/// Says what `bytes`, the first of a connection, begin with. `from_here` tells connections of this host to itself:
/// no other can be a ring.
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
