//! The encoder: writes headers.

mod ssl;
mod writer;

use core::net::SocketAddr;

use self::writer::{Added, List, Writer, be16, tlvs_len};
use crate::parse::seal;
use crate::wire::{HEAD_LEN, INET_LEN, INET6_LEN, LONGEST_LINE, SIGNATURE, TLV_HEAD_LEN, UNIX_LEN};
use crate::{
    Addresses, Command, EncodeError, Header, MAX_HEADER_LEN, Tlv, Tlvs, Transport, UnixAddr, Version, kind,
};

/// A header to be written, in either version.
///
/// Send what it writes at once, with the first payload or before, in one write: receivers may refuse a header that
/// comes in pieces (sections 2 and 2.2). Nothing is added that was not asked for.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{kind, Encoder, Tlv, Version};
///
/// let source = "192.0.2.1:56324".parse()?;
/// let destination = "198.51.100.2:443".parse()?;
/// let mut buffer = [0; 107];
///
/// let len = Encoder::proxy(Version::V1, source, destination).encode(&mut buffer)?;
/// assert_eq!(&buffer[..len], b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n");
///
/// let tlvs = [Tlv::new(kind::AUTHORITY, b"example.com")];
/// let encoder = Encoder::proxy(Version::V2, source, destination).with_tlvs(&tlvs).with_crc32c();
/// assert_eq!(encoder.encode(&mut buffer)?, 16 + 12 + 7 + 14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is written before encode is called"]
#[derive(Clone, Copy, Debug)]
pub struct Encoder<'a> {
    version: Version,
    command: Command,
    transport: Transport,
    addresses: Addresses<'a>,
    tlvs: List<'a>,
    /// None for most, which then need not be written to memory.
    added: Option<Added<'a>>,
    crc32c: bool,
    pad_to: usize,
}

impl<'a> Encoder<'a> {
    /// Creates a header for a stream connection from `source` to `destination`, with the command PROXY.
    ///
    /// Whatever the two addresses are, they become a pair that receivers understand: see [`Addresses::new`].
    #[inline]
    pub const fn proxy(version: Version, source: SocketAddr, destination: SocketAddr) -> Self {
        Self::new(version, Addresses::new(source, destination))
    }

    /// Creates a header for a stream connection with addresses of any kind.
    ///
    /// [`Addresses::Unspec`], where the endpoints can't be told, becomes what receivers read: UNKNOWN in version 1, and
    /// LOCAL in version 2, since most refuse PROXY with UNSPEC.
    #[inline]
    pub const fn new(version: Version, addresses: Addresses<'a>) -> Self {
        let transport = match addresses {
            Addresses::Unspec => Transport::Unspec,
            _ => Transport::Stream,
        };
        let command = Command::Proxy;
        let (tlvs, added) = (List::Each(&[]), None);
        Self { version, command, transport, addresses, tlvs, added, crc32c: false, pad_to: 0 }
            .with_version(version)
    }

    /// Creates a header that passes on a received one: its version, addresses and TLVs, in order.
    ///
    /// - LOCAL, and PROXY with UNSPEC: LOCAL with family 0 and no addresses, then the TLVs.
    /// - UNKNOWN: UNKNOWN; LOCAL if [`with_version`](Self::with_version) makes it version 2.
    /// - A CRC32C among the TLVs becomes that of the new header.
    ///
    /// Don't send it unless the received one came from a proxy that you trust.
    ///
    /// ```
    /// # mod realpeer { pub use realpeer_proto as proto; }
    /// use realpeer::proto::{parse, Config, Encoder, Parsed, Tlv, Version};
    ///
    /// let received = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
    /// let Parsed::Complete { header, .. } = parse(received, &Config::new())? else { panic!("incomplete") };
    ///
    /// let onward = Encoder::forward(&header).with_version(Version::V2).with_tlv(Tlv::authority("example.com"));
    /// assert_eq!(onward.encode(&mut [0; 536])?, 16 + 12 + 3 + 11);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn forward(header: &Header<'a>) -> Self {
        Self::from(*header)
    }

    /// Creates a version 2 header with the command PROXY and no addresses (UNSPEC), which most receivers refuse. It is
    /// for tests of receivers.
    pub const fn proxy_unspec() -> Self {
        Self { command: Command::Proxy, ..Self::new(Version::V2, Addresses::Unspec) }
    }

    /// Writes the header in `version` instead. Without addresses it becomes UNKNOWN in version 1 and LOCAL in version
    /// 2. Whatever version 1 doesn't have is [`EncodeError::NotInV1`].
    #[inline]
    pub const fn with_version(mut self, version: Version) -> Self {
        self.version = version;
        if matches!(self.addresses, Addresses::Unspec) {
            self.command = match version {
                Version::V1 => Command::Proxy,
                Version::V2 => Command::Local,
            };
        }
        self
    }

    /// Creates a version 2 header with the command LOCAL: the connection is the proxy's own, as for a health check. It
    /// has no addresses.
    pub const fn local() -> Self {
        Self::new(Version::V2, Addresses::Unspec)
    }

    /// Marks the addresses as those of datagrams, UDP or UNIX.
    pub const fn dgram(mut self) -> Self {
        if !matches!(self.addresses, Addresses::Unspec) {
            self.transport = Transport::Dgram;
        }
        self
    }

    /// Adds these TLVs, in this order, in place of any given before. The value of a CRC32C must have 4 bytes, which
    /// are ignored: the checksum is put there.
    pub const fn with_tlvs(mut self, tlvs: &'a [Tlv<'a>]) -> Self {
        self.tlvs = List::Each(tlvs);
        self
    }

    /// Adds these TLVs, which stand one after the other already, in place of any given before. As with
    /// [`with_tlvs`](Self::with_tlvs), the checksum is put into a CRC32C among them.
    pub const fn with_tlv_block(mut self, tlvs: Tlvs<'a>) -> Self {
        self.tlvs = List::Run(tlvs);
        self
    }

    /// Adds a TLV after all others. Up to four can be added or replaced; for more use [`with_tlvs`](Self::with_tlvs).
    #[inline]
    pub const fn with_tlv(mut self, tlv: Tlv<'a>) -> Self {
        self.added = Some(self.added().with(tlv));
        self
    }

    /// Adds a TLV after all others, and leaves out those of its type that were given by
    /// [`with_tlvs`](Self::with_tlvs) or received.
    #[inline]
    pub const fn replace_tlv(mut self, tlv: Tlv<'a>) -> Self {
        self.added = Some(self.added().replacing(tlv));
        self
    }

    /// Puts a CRC32C before the other TLVs, unless there is one among them (section 2.2.3).
    pub const fn with_crc32c(mut self) -> Self {
        self.crc32c = true;
        self
    }

    /// Fills the header up to `len` bytes in all with a NOOP TLV at its end (section 2.2.4).
    pub const fn with_padding_to(mut self, len: usize) -> Self {
        self.pad_to = len;
        self
    }

    /// Returns the length of the header in bytes.
    ///
    /// # Errors
    ///
    /// All of [`EncodeError`] but [`BufferTooSmall`](EncodeError::BufferTooSmall) and
    /// [`Invalid`](EncodeError::Invalid).
    pub fn encoded_len(&self) -> Result<usize, EncodeError> {
        match self.version {
            Version::V1 => self.write_v1(&mut [0; LONGEST_LINE]),
            Version::V2 => self.len_v2(),
        }
    }

    /// Writes the header to the front of `out` and returns how many bytes it has.
    ///
    /// # Errors
    ///
    /// [`EncodeError`]; what `out` then holds is unspecified and no header. [`encoded_len`](Self::encoded_len)
    /// tells how large `out` must be; 536 bytes do for most headers, 107 for all of version 1.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        // Most headers are of this kind. What is written is taken from the caller's registers; the rest is out of line,
        // and gets a copy so that `self` need not be in memory.
        if self.version == Version::V2 && self.is_plain() {
            if let Some(len) = self.encode_inet_or_inet6(out) {
                return Ok(len);
            }
        }
        (*self).encode_others(out)
    }

    #[inline(never)]
    fn encode_others(self, out: &mut [u8]) -> Result<usize, EncodeError> {
        match self.version {
            Version::V1 => self.encode_v1(out),
            Version::V2 => self.encode_v2(out),
        }
    }

    /// Whether there are neither TLVs nor padding.
    #[inline]
    fn is_plain(&self) -> bool {
        self.tlvs.is_empty() && self.added.is_none() && !self.crc32c && self.pad_to == 0
    }

    /// Writes a plain header of version 2, if it has such addresses and there is room.
    #[inline]
    fn encode_inet_or_inet6(&self, out: &mut [u8]) -> Option<usize> {
        let len = match self.addresses {
            Addresses::Inet { .. } => 28,
            Addresses::Inet6 { .. } => 52,
            Addresses::Unspec | Addresses::Unix { .. } => return None,
        };
        let out = out.get_mut(..len)?;
        Some(self.write_fixed(out))
    }

    fn encode_v1(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        if let Some(out) = out.first_chunk_mut() {
            return self.write_v1(out);
        }
        let mut line = [0; LONGEST_LINE];
        let needed = self.write_v1(&mut line)?;
        let out = out.get_mut(..needed).ok_or(EncodeError::BufferTooSmall { needed })?;
        out.copy_from_slice(line.get(..needed).unwrap_or_default());
        Ok(needed)
    }

    fn encode_v2(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let needed = self.len_v2()?;
        let out = out.get_mut(..needed).ok_or(EncodeError::BufferTooSmall { needed })?;
        if self.write_fixed(out) != needed {
            self.write_tlvs(out)?;
        }
        Ok(needed)
    }

    fn write_v1(&self, line: &mut [u8; LONGEST_LINE]) -> Result<usize, EncodeError> {
        let plain = self.command == Command::Proxy && self.transport != Transport::Dgram;
        if !plain || !self.is_plain() {
            return Err(EncodeError::NotInV1);
        }
        let mut line = Writer { out: line, len: 0 };
        let ports = match self.addresses {
            Addresses::Unspec => {
                line.put(b"PROXY UNKNOWN\r\n");
                return Ok(line.len);
            }
            Addresses::Inet { source, destination } => {
                line.put(b"PROXY TCP4 ");
                line.ipv4(source.ip().octets());
                line.put(b" ");
                line.ipv4(destination.ip().octets());
                [source.port(), destination.port()]
            }
            Addresses::Inet6 { source, destination } => {
                line.put(b"PROXY TCP6 ");
                line.ipv6(*source.ip());
                line.put(b" ");
                line.ipv6(*destination.ip());
                [source.port(), destination.port()]
            }
            Addresses::Unix { .. } => return Err(EncodeError::NotInV1),
        };
        for port in ports {
            line.put(b" ");
            line.decimal(port);
        }
        line.put(b"\r\n");
        Ok(line.len)
    }

    /// The length of a version 2 header, padding and all.
    #[inline(always)]
    fn len_v2(&self) -> Result<usize, EncodeError> {
        let crc32c = if self.adds_crc32c() { CRC32C_LEN } else { 0 };
        let fixed = HEAD_LEN + usize::from(self.addresses_len()) + crc32c;
        let mut len = self.tlvs_len()?.saturating_add(fixed);
        if self.pad_to > 0 && self.pad_to != len {
            if self.pad_to < len.saturating_add(TLV_HEAD_LEN) {
                return Err(EncodeError::Padding { len });
            }
            len = self.pad_to;
        }
        if len > MAX_HEADER_LEN { Err(EncodeError::TooLong { len }) } else { Ok(len) }
    }

    #[inline(always)]
    fn addresses_len(&self) -> u16 {
        match self.addresses {
            Addresses::Unspec => 0,
            Addresses::Inet { .. } => INET_LEN,
            Addresses::Inet6 { .. } => INET6_LEN,
            Addresses::Unix { .. } => UNIX_LEN,
        }
    }

    /// Writes the fixed part and the addresses to the front of `out`, and says how many bytes they have.
    #[inline(always)]
    fn write_fixed(&self, out: &mut [u8]) -> usize {
        match self.addresses {
            Addresses::Unspec => self.write_chunk::<16>(out, 0, |_| {}),
            Addresses::Inet { source, destination } => self.write_chunk::<28>(out, 0x10, |block| {
                block.put(&source.ip().octets());
                block.put(&destination.ip().octets());
                block.put(&source.port().to_be_bytes());
                block.put(&destination.port().to_be_bytes());
            }),
            Addresses::Inet6 { source, destination } => self.write_chunk::<52>(out, 0x20, |block| {
                block.put(&source.ip().octets());
                block.put(&destination.ip().octets());
                block.put(&source.port().to_be_bytes());
                block.put(&destination.port().to_be_bytes());
            }),
            Addresses::Unix { source, destination } => self.write_chunk::<232>(out, 0x30, |block| {
                for name in [source.as_bytes(), destination.as_bytes()] {
                    block.put(name);
                    block.zeros(UnixAddr::MAX_LEN - name.len());
                }
            }),
        }
    }

    /// The same, with `block` to write the addresses: `LEN` bytes in all, for which there is room in `out`.
    #[inline(always)]
    fn write_chunk<const LEN: usize>(
        &self,
        out: &mut [u8],
        family: u8,
        block: impl FnOnce(&mut Writer<'_>),
    ) -> usize {
        let announced = be16(out.len() - HEAD_LEN);
        if let Some(chunk) = out.first_chunk_mut::<LEN>() {
            let mut header = Writer { out: chunk, len: 0 };
            header.put(&SIGNATURE);
            header.put(&[0x20 | self.command as u8, family | self.transport as u8]);
            header.put(&announced);
            block(&mut header);
        }
        LEN
    }

    /// Writes TLVs, padding and checksum after what [`write_fixed`](Self::write_fixed) has written of `header`.
    #[inline(never)]
    fn write_tlvs(&self, header: &mut [u8]) -> Result<(), EncodeError> {
        let (len, addresses) = (header.len(), self.addresses_len());
        let mut block = Writer { out: header, len: HEAD_LEN + usize::from(addresses) };
        if self.adds_crc32c() {
            block.tlv(kind::CRC32C, &[0; 4]);
        }
        match self.tlvs {
            List::Run(tlvs) if self.added.is_none() => block.put(tlvs.as_bytes()),
            List::Each(tlvs) if self.added.is_none() => {
                for tlv in tlvs {
                    block.tlv(tlv.kind(), tlv.value());
                }
            }
            _ => self.tlvs().for_each(|tlv| block.tlv(tlv.kind(), tlv.value())),
        }
        if block.len < len {
            let padding = len - block.len - TLV_HEAD_LEN;
            block.tlv_head(kind::NOOP, padding);
            block.zeros(padding);
        }
        seal(header, addresses).map_err(EncodeError::Invalid)
    }

    fn adds_crc32c(&self) -> bool {
        self.crc32c && !self.tlvs().any(|tlv| tlv.kind() == kind::CRC32C)
    }

    fn tlvs_len(&self) -> Result<usize, EncodeError> {
        match self.tlvs {
            List::Run(tlvs) if self.added.is_none() => Ok(tlvs.as_bytes().len()),
            List::Each(tlvs) if self.added.is_none() => tlvs_len(tlvs.iter().copied()),
            _ if self.added.is_some_and(|added| added.is_too_long()) => Err(EncodeError::TooManyTlvs),
            _ => tlvs_len(self.tlvs()),
        }
    }

    const fn added(&self) -> Added<'a> {
        match self.added {
            Some(added) => added,
            None => Added::NONE,
        }
    }

    /// All TLVs but those that are added by themselves.
    fn tlvs(&self) -> impl Iterator<Item = Tlv<'a>> {
        let added = self.added.as_ref();
        let given = self.tlvs.iter().filter(move |tlv| added.is_none_or(|added| !added.replaces(tlv.kind())));
        given.chain(added.into_iter().flat_map(|added| added.iter()))
    }
}

impl<'a> From<Header<'a>> for Encoder<'a> {
    /// As [`Encoder::forward`]. What is decoded from the encoded header equals it, but PROXY with UNSPEC becomes LOCAL, and
    /// a CRC32C that of the encoded bytes.
    fn from(header: Header<'a>) -> Self {
        Self {
            transport: header.transport(),
            tlvs: List::Run(header.tlvs()),
            ..Self::new(header.version(), header.addresses())
        }
    }
}

impl<'a> From<&Header<'a>> for Encoder<'a> {
    fn from(header: &Header<'a>) -> Self {
        Self::from(*header)
    }
}

impl<'a> From<&Encoder<'a>> for Encoder<'a> {
    fn from(encoder: &Encoder<'a>) -> Self {
        *encoder
    }
}

/// The length of a TLV with a checksum.
const CRC32C_LEN: usize = TLV_HEAD_LEN + 4;
