//! The ends of a connection whose header has been read.

use std::net::IpAddr;

use realpeer_proto::{Address, Decoder, Header, Version};

use crate::{Endpoint, HeaderStorage};

/// The ends of a connection that has been accepted. It holds addresses; the socket stays the caller's.
///
/// Clones are cheap: they copy addresses and up to 128 bytes of header, and share longer headers. It is also what owns a
/// header: [`header`](Self::header) borrows from it, so keep the `Established`, or a clone, where the header is to be kept.
/// To keep an address alone, `Endpoint::from(established.source())` is one that borrows nothing.
///
/// ```
/// use std::time::Instant;
/// use realpeer::{Acceptor, Endpoint, Trust};
///
/// let proxy = Endpoint::from("127.0.0.1:4711".parse::<std::net::SocketAddr>()?);
/// let mut arriving = &b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"[..];
///
/// let mut accepting = Acceptor::new("127.0.0.0/8".parse::<Trust>()?).begin(proxy, Instant::now());
/// let polled = accepting.poll_with(|slot| std::task::Poll::Ready(std::io::Read::read(&mut arriving, slot)));
/// let std::task::Poll::Ready(Ok(established)) = polled else { panic!("{polled:?}") };
///
/// assert_eq!(established.source().to_string(), "192.0.2.1:56324");
/// assert_eq!(established.proxy().unwrap().to_string(), "127.0.0.1:4711");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Established {
    peer: Endpoint,
    local: Option<Endpoint>,
    decoder: Option<Decoder<HeaderStorage>>,
    taken_payload: Box<[u8]>,
    /// Whether the header has a destination.
    destined: bool,
}

impl Established {
    pub(crate) fn new(peer: Endpoint, decoder: Option<Decoder<HeaderStorage>>) -> Self {
        let header = decoder.as_ref().and_then(Decoder::header);
        let destined = header.is_some_and(|header| header.destination().is_some());
        Self { peer, local: None, decoder, taken_payload: Box::default(), destined }
    }

    /// Describes a connection from `peer` without a header. Acceptors make their own; this is for connections that
    /// bypass them, and for tests.
    ///
    /// ```
    /// use realpeer::Established;
    ///
    /// let direct = Established::without_header("192.0.2.1:56324".parse::<std::net::SocketAddr>()?);
    /// assert_eq!(direct.source().to_string(), "192.0.2.1:56324");
    /// assert!(direct.proxy().is_none() && direct.header().is_none());
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn without_header(peer: impl Into<Endpoint>) -> Self {
        Self::new(peer.into(), None)
    }

    /// A connection from which bytes were consumed before they turned out not to be a header.
    pub(crate) fn without_header_after(peer: Endpoint, taken_payload: &[u8]) -> Self {
        Self { taken_payload: taken_payload.into(), ..Self::without_header(peer) }
    }

    /// Returns bytes of payload that were consumed from the connection: read them before the connection. Only
    /// [`danger::DetectHeader`](crate::danger::DetectHeader) can cause any; without it there are none.
    ///
    /// `taken_payload() ++ what is left on the connection == all of the payload`
    pub fn taken_payload(&self) -> &[u8] {
        &self.taken_payload
    }

    /// Returns where the connection comes from: the header's source, or the socket's peer where there is no header, or
    /// one without addresses (LOCAL, UNKNOWN, UNSPEC).
    ///
    /// It may be an IPv4-mapped address, as the header or a dual-stack listener names it, which access lists for IPv4 miss.
    /// For these there is [`source_ip`](Self::source_ip), or `source().to_canonical()`.
    pub fn source(&self) -> Address<'_> {
        self.header().and_then(|header| header.source()).unwrap_or_else(|| self.peer.as_address())
    }

    /// Returns the IP address of [`source`](Self::source), or None for a UNIX socket. It is canonical: an IPv4-mapped
    /// address is returned as the IPv4 address it maps. Access lists and rate limiters want this one.
    ///
    /// ```
    /// use realpeer::{Endpoint, Established};
    ///
    /// let mapped = Established::without_header("[::ffff:192.0.2.1]:56324".parse::<Endpoint>()?);
    /// assert_eq!(mapped.source().to_string(), "[::ffff:192.0.2.1]:56324");
    /// assert_eq!(mapped.source_ip().unwrap().to_string(), "192.0.2.1");
    /// # Ok::<(), realpeer::ParseEndpointError>(())
    /// ```
    pub fn source_ip(&self) -> Option<IpAddr> {
        self.source().to_canonical().ip()
    }

    /// Returns where the connection was going: the header's destination, or else the socket's own address, where that
    /// is known (see [`with_local`](Self::with_local)).
    pub fn destination(&self) -> Option<Address<'_>> {
        let header = self.header().and_then(|header| header.destination());
        header.or_else(|| self.local.as_ref().map(Endpoint::as_address))
    }

    /// Returns the sender of the header, as the socket names it; `None` if no header was read.
    pub fn proxy(&self) -> Option<Address<'_>> {
        self.decoder.as_ref().map(|_| self.peer.as_address())
    }

    /// Returns the socket's peer, whatever the header says.
    pub fn peer(&self) -> &Endpoint {
        &self.peer
    }

    /// Returns the header with its command and TLVs; `None` if the policy said [`Bypass`](crate::Verdict::Bypass).
    pub fn header(&self) -> Option<Header<'_>> {
        self.decoder.as_ref().and_then(Decoder::header)
    }

    /// The bytes consumed from the connection: the header, or those that turned out not to be one.
    pub(crate) fn taken(&self) -> &[u8] {
        self.decoder.as_ref().map_or(&self.taken_payload, Decoder::as_bytes)
    }

    /// Returns the version of the header, if one was read.
    pub fn version(&self) -> Option<Version> {
        self.header().map(|header| header.version())
    }

    /// Adds the socket's own address, for [`destination`](Self::destination) where the header has none. The adapters do
    /// so for sockets; for other streams only the caller can.
    #[must_use]
    pub fn with_local(mut self, local: impl Into<Endpoint>) -> Self {
        self.local = Some(local.into());
        self
    }

    /// Returns whether the header has a destination, so that the socket's own address need not be asked for.
    pub fn has_destination(&self) -> bool {
        self.destined || self.local.is_some()
    }
}
