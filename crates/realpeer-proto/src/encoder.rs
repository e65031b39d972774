//! Writing headers.

use core::fmt;
use core::net::SocketAddr;

use crate::write::{List, TLV_HEAD_LEN, Writer, be16, tlvs_len};
use crate::{
    Addresses, Command, Error, Header, MAX_HEADER_LEN, MixedFamilies, Ssl, Tlv, Tlvs, Transport, UnixAddr,
    Version, kind, v1, v2,
};

/// What is to be written as a header, in either version.
///
/// Send what it writes at once, with the first payload or before, in one write: receivers may refuse a header that
/// comes in pieces (sections 2 and 2.2). Nothing is added that was not asked for.
///
/// ```
/// use realpeer_proto::{kind, Encoder, Tlv, Version};
///
/// let source = "192.0.2.1:56324".parse()?;
/// let destination = "198.51.100.2:443".parse()?;
/// let mut buffer = [0; 107];
///
/// let len = Encoder::proxy(Version::V1, source, destination)?.encode(&mut buffer)?;
/// assert_eq!(&buffer[..len], b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n");
///
/// let tlvs = [Tlv::new(kind::AUTHORITY, b"example.com")];
/// let encoder = Encoder::proxy(Version::V2, source, destination)?.with_tlvs(&tlvs).with_crc32c();
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
    crc32c: bool,
    pad_to: usize,
}

/// Why a header can't be encoded.
///
/// ```
/// use realpeer_proto::{EncodeError, Encoder};
///
/// let error = Encoder::local().encode(&mut [0; 10]).unwrap_err();
/// assert_eq!(error, EncodeError::BufferTooSmall { needed: 16 });
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EncodeError {
    /// The buffer is too small.
    BufferTooSmall {
        /// The bytes needed.
        needed: usize,
    },
    /// More than 65,535 bytes would follow the first 16, or the value of a TLV would have more.
    TooLong {
        /// The bytes it would have.
        len: usize,
    },
    /// Source and destination are of different address families (R22).
    MixedFamilies,
    /// Version 1 knows TCP over IPv4 and IPv6, and UNKNOWN: no LOCAL, no UNIX sockets, no datagrams, no TLVs.
    NotInV1,
    /// The padding can't be: the header is longer already, or a NOOP TLV has more than the one or two bytes missing.
    Padding {
        /// The length without padding.
        len: usize,
    },
    /// A receiver would refuse the header for its TLVs.
    Invalid(Error),
}

impl<'a> Encoder<'a> {
    /// A header for a stream connection from `source` to `destination`, with the command PROXY.
    ///
    /// # Errors
    ///
    /// [`MixedFamilies`].
    #[inline]
    pub fn proxy(
        version: Version,
        source: SocketAddr,
        destination: SocketAddr,
    ) -> Result<Self, MixedFamilies> {
        Ok(Self::new(version, Addresses::try_from((source, destination))?))
    }

    /// The same with addresses of any kind. [`Addresses::Unspec`] becomes UNKNOWN in version 1, and in version 2
    /// PROXY with UNSPEC, which most receivers refuse: for a connection of the proxy's own, and where the endpoints
    /// can't be told, [`local`](Self::local) is what they take.
    #[inline]
    pub const fn new(version: Version, addresses: Addresses<'a>) -> Self {
        let transport = match addresses {
            Addresses::Unspec => Transport::Unspec,
            _ => Transport::Stream,
        };
        let tlvs = List::Each(&[]);
        Self { version, command: Command::Proxy, transport, addresses, tlvs, crc32c: false, pad_to: 0 }
    }

    /// A version 2 header with the command LOCAL: the connection is the proxy's own, as for a health check. It has
    /// no addresses (R51).
    pub const fn local() -> Self {
        Self { command: Command::Local, ..Self::new(Version::V2, Addresses::Unspec) }
    }

    /// Says that the addresses are those of datagrams, UDP or UNIX.
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

    /// The length of the header in bytes.
    ///
    /// # Errors
    ///
    /// All of [`EncodeError`] but [`BufferTooSmall`](EncodeError::BufferTooSmall) and
    /// [`Invalid`](EncodeError::Invalid).
    pub fn encoded_len(&self) -> Result<usize, EncodeError> {
        match self.version {
            Version::V1 => self.write_v1(&mut [0; v1::LONGEST]),
            Version::V2 => self.len_v2(),
        }
    }

    /// Writes the header to the front of `out` and says how many bytes it has.
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
        self.tlvs.is_empty() && !self.crc32c && self.pad_to == 0
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
        let mut line = [0; v1::LONGEST];
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

    fn write_v1(&self, line: &mut [u8; v1::LONGEST]) -> Result<usize, EncodeError> {
        let plain = self.command == Command::Proxy && self.transport != Transport::Dgram;
        if !plain || !self.tlvs.is_empty() || self.crc32c || self.pad_to > 0 {
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
        let fixed = v2::HEAD_LEN + usize::from(self.addresses_len()) + crc32c;
        let mut len = self.tlvs.len()?.saturating_add(fixed);
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
            Addresses::Inet { .. } => 12,
            Addresses::Inet6 { .. } => 36,
            Addresses::Unix { .. } => 216,
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
        let announced = be16(out.len() - v2::HEAD_LEN);
        if let Some(chunk) = out.first_chunk_mut::<LEN>() {
            let mut header = Writer { out: chunk, len: 0 };
            header.put(&v2::SIGNATURE);
            header.put(&[0x20 | self.command as u8, family | self.transport as u8]);
            header.put(&announced);
            block(&mut header);
        }
        LEN
    }

    /// Writes TLVs, padding and checksum behind what [`write_fixed`](Self::write_fixed) has written of `header`.
    #[inline(never)]
    fn write_tlvs(&self, header: &mut [u8]) -> Result<(), EncodeError> {
        let (len, addresses) = (header.len(), self.addresses_len());
        let mut block = Writer { out: header, len: v2::HEAD_LEN + usize::from(addresses) };
        if self.adds_crc32c() {
            block.tlv(kind::CRC32C, &[0; 4]);
        }
        match self.tlvs {
            List::Each(tlvs) => tlvs.iter().for_each(|tlv| block.tlv(tlv.kind(), tlv.value())),
            List::Run(tlvs) => block.put(tlvs.as_bytes()),
        }
        if block.len < len {
            let padding = len - block.len - TLV_HEAD_LEN;
            block.tlv_head(kind::NOOP, padding);
            block.zeros(padding);
        }
        v2::seal(header, addresses).map_err(EncodeError::Invalid)
    }

    fn adds_crc32c(&self) -> bool {
        self.crc32c && !self.tlvs.has_crc32c()
    }
}

impl<'a> From<Header<'a>> for Encoder<'a> {
    /// What is decoded from the encoded header equals it. A CRC32C among the TLVs is that of the encoded bytes: they are
    /// others where a LOCAL or UNSPEC header came with a family or addresses, which are not kept.
    fn from(header: Header<'a>) -> Self {
        Self {
            command: header.command(),
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

/// Writes the value of an SSL TLV (section 2.2.6).
pub(crate) fn ssl_value(
    client: u8,
    verify: u32,
    tlvs: &[Tlv<'_>],
    out: &mut [u8],
) -> Result<usize, EncodeError> {
    let needed = tlvs_len(tlvs)?.saturating_add(Ssl::FIXED_LEN);
    if needed > usize::from(u16::MAX) {
        return Err(EncodeError::TooLong { len: needed });
    }
    let out = out.get_mut(..needed).ok_or(EncodeError::BufferTooSmall { needed })?;
    let mut value = Writer { out, len: 0 };
    value.put(&[client]);
    value.put(&verify.to_be_bytes());
    for tlv in tlvs {
        value.tlv(tlv.kind(), tlv.value());
    }
    Ok(needed)
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferTooSmall { needed } => write!(f, "buffer too small: {needed} bytes are needed"),
            Self::TooLong { len } => write!(f, "{len} bytes are too long to be encoded"),
            Self::MixedFamilies => MixedFamilies.fmt(f),
            Self::NotInV1 => {
                f.write_str("version 1 has only TCP4, TCP6 and UNKNOWN, and no TLVs; use version 2")
            }
            Self::Padding { len } => {
                write!(f, "a header of {len} bytes can't be padded to the length asked for")
            }
            Self::Invalid(error) => write!(f, "a receiver would refuse the header: {error}"),
        }
    }
}

impl core::error::Error for EncodeError {}

impl From<MixedFamilies> for EncodeError {
    fn from(_: MixedFamilies) -> Self {
        Self::MixedFamilies
    }
}
