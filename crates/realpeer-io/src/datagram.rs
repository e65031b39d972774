//! Datagrams: header and payload in one, each parsed independently.

use realpeer_proto::{Address, Header, parse_datagram};

use crate::danger::has_signature;
use crate::{AcceptError, Acceptor, Endpoint, Verdict};

/// A datagram that has been read: its header, its payload and who sent it. See [`Acceptor::datagram`].
///
/// ```
/// use realpeer::{Acceptor, Trust};
///
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\x30\x39\0\x35query";
/// let proxy: std::net::SocketAddr = "127.0.0.1:4711".parse()?;
///
/// let datagram = acceptor.datagram(proxy, bytes)?;
/// assert_eq!(datagram.source().to_string(), "192.0.2.1:12345");
/// assert_eq!(datagram.payload(), b"query");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Datagram<'a> {
    peer: Endpoint,
    header: Option<Header<'a>>,
    payload: &'a [u8],
}

/// How the bytes in a buffer relate to the datagram that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    /// The buffer was too small.
    Cut,
    /// There may be several.
    Unknown,
}

impl Acceptor {
    /// Reads a datagram that came from `peer`: asks the policy, and reads the header if there is to be one.
    ///
    /// An answer goes to [`Datagram::peer`], which is the proxy. Whether it carries a header, too, is a matter of the
    /// proxy's: the specification does not say.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Refused`], and [`AcceptError::Protocol`] if the header is broken or not whole.
    pub fn datagram<'a>(
        &self,
        peer: impl Into<Endpoint>,
        bytes: &'a [u8],
    ) -> Result<Datagram<'a>, AcceptError> {
        self.datagram_of(peer.into(), bytes, Extent::Whole)
    }

    /// Reads what a buffer holds after a datagram was received into it.
    pub(crate) fn datagram_of<'a>(
        &self,
        peer: Endpoint,
        bytes: &'a [u8],
        extent: Extent,
    ) -> Result<Datagram<'a>, AcceptError> {
        let read = match self.verdict(&peer) {
            Verdict::Refuse => Err(AcceptError::Refused { peer: peer.clone() }),
            _ if extent == Extent::Cut => Err(AcceptError::Oversize { buffer: bytes.len() }),
            _ if extent == Extent::Unknown => Err(AcceptError::Joined),
            // A datagram is complete: what begins with no signature has no header.
            Verdict::Detect(_) if !has_signature(bytes) => Ok((None, bytes)),
            Verdict::Require | Verdict::Detect(_) => parse_datagram(bytes, self.config())
                .map(|(header, payload)| (Some(header), payload))
                .map_err(AcceptError::from),
            Verdict::Bypass => Ok((None, bytes)),
        };
        self.count(read.as_ref().map(|(header, _)| *header));
        let (header, payload) = read?;
        Ok(Datagram { peer, header, payload })
    }
}

impl<'a> Datagram<'a> {
    /// Returns where the datagram comes from: the header's source, or the socket's peer if it has no source.
    pub fn source(&self) -> Address<'_> {
        self.header.and_then(|header| header.source()).unwrap_or_else(|| self.peer.as_address())
    }

    /// Returns where the datagram was going, if the header says so.
    pub fn destination(&self) -> Option<Address<'a>> {
        self.header.and_then(|header| header.destination())
    }

    /// Returns the socket's peer, to which an answer goes.
    pub fn peer(&self) -> &Endpoint {
        &self.peer
    }

    /// Returns the header; `None` if the policy said [`Bypass`](Verdict::Bypass).
    pub fn header(&self) -> Option<Header<'a>> {
        self.header
    }

    /// Returns the payload: all that follows the header.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }
}
