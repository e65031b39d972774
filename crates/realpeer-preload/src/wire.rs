//! What goes between the library and the helper process, the lot.
//!
//! A *ring* is a TCP or UNIX connection of the lot to the server, and its bytes say "fetch the connection NONCE at the
//! lot NAME". Parking, fetching and saying hello are each one message to the lot, over `SOCK_SEQPACKET` at an abstract
//! name, and one answer to the last two. The lot keeps a connection that it has handed out until a second message says
//! that it was taken: an answer can get lost, a connection must not.

use crate::addr::fill;

/// The name of a lot: 16 hex digits.
pub type LotName = [u8; 16];

/// A secret: the nonce of a connection, or the token of those who may park.
pub type Secret = [u8; 16];

/// A connection of the lot to the server: its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    /// The lot to ask. It can be that of another process with the same listener.
    pub lot: LotName,
    /// The connection to ask for.
    pub nonce: Secret,
}

/// A message to the lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Here is a connection with an unfinished header, as `SCM_RIGHTS`.
    Park {
        /// Who may park.
        token: Secret,
        /// Whether the destination is to be kept as well as the source.
        destination: bool,
    },
    /// Hand me the connection with this nonce. Answered with it, or with a message without it.
    Fetch(Secret),
    /// The connection with this nonce has arrived: it is mine now.
    Taken(Secret),
    /// A process has loaded the library. Answered with a file to map: the lot stays while one does.
    Hello(Secret),
}

/// The length of a ring. No header begins with its first byte.
pub const RING_LEN: usize = 40;
/// The length of a message.
pub const MESSAGE_LEN: usize = 20;
/// The beginning of the names from which UNIX listeners are rung. A ring adds something to make it unique.
pub const RING_NAME: &[u8] = b"\0realpeer-ring/";

const RING: [u8; 8] = *b"\x01rpring1";
const LOT_NAME: &[u8] = b"\0realpeer-lot/";
const VERSION: u8 = 1;

impl Ring {
    /// Encodes the ring.
    pub fn encode(&self) -> [u8; RING_LEN] {
        let mut bytes = [0; RING_LEN];
        fill(&mut bytes, &[&RING, &self.lot, &self.nonce]);
        bytes
    }

    /// Decodes a ring; anything else, also a part of one or more than one, is None.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; RING_LEN] = bytes.try_into().ok()?;
        let (magic, rest) = bytes.split_first_chunk()?;
        let (lot, nonce) = rest.split_first_chunk()?;
        let ring = Self { lot: *lot, nonce: *nonce.first_chunk()? };
        (*magic == RING && lot.iter().all(u8::is_ascii_hexdigit)).then_some(ring)
    }
}

impl Message {
    /// Encodes the message.
    pub fn encode(&self) -> [u8; MESSAGE_LEN] {
        let (kind, flags, secret) = match self {
            Self::Park { token, destination } => (b'P', u8::from(*destination), token),
            Self::Fetch(nonce) => (b'F', 0, nonce),
            Self::Taken(nonce) => (b'T', 0, nonce),
            Self::Hello(token) => (b'H', 0, token),
        };
        let mut bytes = [0; MESSAGE_LEN];
        fill(&mut bytes, &[&[VERSION, kind, flags, 0], secret]);
        bytes
    }

    /// Decodes a message; anything else is None.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; MESSAGE_LEN] = bytes.try_into().ok()?;
        let (&[version, kind, flags, 0], rest) = bytes.split_first_chunk()? else { return None };
        let secret = *rest.first_chunk()?;
        match (version, kind, flags) {
            (VERSION, b'P', 0 | 1) => Some(Self::Park { token: secret, destination: flags == 1 }),
            (VERSION, b'F', 0) => Some(Self::Fetch(secret)),
            (VERSION, b'T', 0) => Some(Self::Taken(secret)),
            (VERSION, b'H', 0) => Some(Self::Hello(secret)),
            _ => None,
        }
    }
}

/// Writes the abstract address of a lot, and returns its length.
pub fn lot_address(name: &LotName, out: &mut [u8; 32]) -> usize {
    fill(out, &[LOT_NAME, name]);
    LOT_NAME.len() + name.len()
}

/// Reads hex digits, two for each byte of the result.
pub fn unhex(text: &[u8]) -> Option<Secret> {
    let mut bytes = Secret::default();
    let (pairs, rest) = (text.chunks_exact(2), text.chunks_exact(2).remainder());
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = *pair else { return None };
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(byte.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    }
}
