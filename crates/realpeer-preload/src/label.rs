//! The label: 32 bytes that the kernel stores with a socket for us.
//!
//! An accepted TCP socket has it as its `TCP_FASTOPEN_KEY`, an option without any effect on an established connection.
//! The label stays with the socket through `dup`, `fork`, `exec` and `SCM_RIGHTS`, and is freed with it, so no table is
//! needed. UNIX sockets don't have that option, and an IPv6 destination doesn't fit in it beside an IPv6 source: their
//! labels are constants in a packet filter that lets everything pass.

use core::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use crate::addr::fill;
use crate::sys;

/// The bytes of a label.
pub type Bytes = [u8; 32];

/// The addresses in a label. IPv4-mapped ones are stored as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where the connection comes from.
    pub source: SocketAddr,
    /// Where it was going, if that was to be kept.
    pub destination: Option<SocketAddr>,
}

/// The start of every label, which tells it from a real key.
const TAG: [u8; 4] = *b"rpl1";
const V4: u8 = 4;
const V6: u8 = 6;

impl Label {
    /// Makes the label of a connection from `source` to `destination`.
    pub fn new(source: SocketAddr, destination: Option<SocketAddr>) -> Self {
        Self { source: canonical(source), destination: destination.map(canonical) }
    }

    /// Encodes the source, and the destination if that is IPv4: an IPv6 one has no room beside the source.
    pub fn encode(&self) -> Bytes {
        let mut bytes = encode(self.source);
        if let Some(SocketAddr::V4(destination)) = self.destination {
            let (_, room) = bytes.split_at_mut(26);
            fill(room, &[&destination.ip().octets(), &destination.port().to_be_bytes()]);
        }
        bytes
    }

    /// Decodes what [`encode`](Self::encode) wrote. Anything else is None.
    ///
    /// `decode(&label.encode()) == Some(label)` unless the destination is IPv6
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &Bytes = bytes.try_into().ok()?;
        let (ip, port) = (bytes.get(26..30)?.first_chunk::<4>()?, bytes.get(30..)?.first_chunk()?);
        let destination = SocketAddrV4::new(Ipv4Addr::from(*ip), u16::from_be_bytes(*port));
        let known = !destination.ip().is_unspecified() || destination.port() != 0;
        Some(Self { source: decode(bytes)?, destination: known.then_some(SocketAddr::V4(destination)) })
    }

    /// Puts the label on a socket.
    ///
    /// # Errors
    ///
    /// The number of the system's error.
    pub fn write(&self, socket: i32, unix: bool) -> Result<(), i32> {
        let bytes = self.encode();
        let rest = match self.destination {
            Some(destination @ SocketAddr::V6(_)) => Some(encode(destination)),
            _ => None,
        };
        if unix || rest.is_some() {
            sys::attach_filter(socket, &bytes, &rest.unwrap_or_default())?;
        }
        if unix { Ok(()) } else { sys::set_key(socket, &bytes) }
    }

    /// Returns the label of a TCP socket, or None if it has none. The destination is missing if it is IPv6.
    pub fn read(socket: i32) -> Option<Self> {
        let mut bytes = Bytes::default();
        sys::key(socket, &mut bytes).filter(|&len| len == bytes.len()).and_then(|_| Self::decode(&bytes))
    }

    /// Returns the label that is in the filter of a socket of any kind, or None if it has none.
    pub fn read_filter(socket: i32) -> Option<Self> {
        let (mut bytes, mut rest) = (Bytes::default(), Bytes::default());
        sys::filter(socket, &mut bytes, &mut rest)?;
        let mut label = Self::decode(&bytes)?;
        label.destination = label.destination.or_else(|| decode(&rest));
        Some(label)
    }
}

fn encode(address: SocketAddr) -> Bytes {
    let mut bytes = Bytes::default();
    let (kind, ip) = match address.ip() {
        IpAddr::V4(ip) => (V4, ip.to_ipv6_mapped()),
        IpAddr::V6(ip) => (V6, ip),
    };
    fill(&mut bytes, &[&TAG, &[kind, 0, 0, 0], &ip.octets(), &address.port().to_be_bytes()]);
    bytes
}

fn decode(bytes: &Bytes) -> Option<SocketAddr> {
    let (tag, rest) = bytes.split_first_chunk()?;
    let (&[kind, 0, 0, 0], rest) = rest.split_first_chunk()? else { return None };
    let (ip, rest) = rest.split_first_chunk::<16>()?;
    let address = SocketAddr::from((*ip, u16::from_be_bytes(*rest.first_chunk()?)));
    match (*tag == TAG, kind, canonical(address)) {
        (true, V4, address @ SocketAddr::V4(_)) | (true, V6, address @ SocketAddr::V6(_)) => Some(address),
        _ => None,
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
