//! TLVs: the list, its types, and what the values mean (sections 2.2.1 to 2.2.8).

use core::fmt;
use core::hash::{Hash, Hasher};

use crate::wire::MAX_UNIQUE_ID_LEN;
use crate::{EncodeError, Ssl, kind, tlv_rules};

/// One TLV: a type and the bytes of its value.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{kind, Tlv, TlvValue};
///
/// let tlv = Tlv::new(kind::AZURE, &[1, 0x44, 0x33, 0x22, 0x11]);
/// assert_eq!(tlv.decode(), TlvValue::AzurePrivateLinkId(0x1122_3344));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tlv<'a> {
    kind: u8,
    value: &'a [u8],
}

/// A run of TLVs, in the order in which they were sent.
///
/// If a type occurs more than once, the accessors return the first and the iterator returns all. Text accessors fail on
/// bytes that are not in the encoding that the specification names; [`get`](Self::get) returns the bytes.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{kind, Tlvs};
///
/// let tlvs = Tlvs::new(b"\x01\x00\x02h2\x02\x00\x0bexample.com").unwrap();
/// assert_eq!(tlvs.alpn(), Some(&b"h2"[..]));
/// assert_eq!(tlvs.authority(), Some(Ok("example.com")));
/// assert_eq!(tlvs.get(kind::UNIQUE_ID), None);
/// assert_eq!(tlvs.iter().count(), 2);
/// ```
#[derive(Clone, Copy, Default)]
pub struct Tlvs<'a> {
    bytes: &'a [u8],
    /// Whether an SSL TLV among these is known to be sound.
    ssl_checked: bool,
}

/// The meaning of a TLV at the top level, by its type.
///
/// A value that has not the shape its type asks for is [`TlvValue::Other`], with its bytes.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{kind, Tlv, TlvValue};
///
/// assert_eq!(Tlv::new(kind::ALPN, b"h2").decode(), TlvValue::Alpn(b"h2"));
/// assert_eq!(Tlv::new(0xF0, b"x").decode(), TlvValue::Other(b"x"));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlvValue<'a> {
    /// The protocol on top (section 2.2.1).
    Alpn(&'a [u8]),
    /// The host name the client asked for (section 2.2.2), UTF-8.
    Authority(&'a str),
    /// The checksum (section 2.2.3).
    Crc32c(u32),
    /// Padding (section 2.2.4), to be ignored.
    Noop,
    /// An opaque id of the connection (section 2.2.5), at most 128 bytes.
    UniqueId(&'a [u8]),
    /// What is known of the client's TLS connection (section 2.2.6).
    Ssl(Ssl<'a>),
    /// The name of the network namespace (section 2.2.7), US-ASCII.
    Netns(&'a str),
    /// AWS: the id of the VPC endpoint, US-ASCII, not empty.
    AwsVpcEndpointId(&'a str),
    /// Azure: the id of the Private Link endpoint.
    AzurePrivateLinkId(u32),
    /// Google Cloud: the id of the Private Service Connect connection.
    GcpPscConnectionId(u64),
    /// Any other type, or a value without the shape of its type.
    Other(&'a [u8]),
}

/// A value that is not text of the encoding that the specification names.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{TextError, Tlvs};
///
/// let tlvs = Tlvs::new(b"\x02\x00\x02a\xff").unwrap();
/// assert_eq!(tlvs.authority(), Some(Err(TextError::new(1))));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TextError {
    /// How many bytes of the value are good.
    pub valid_up_to: usize,
}

/// The iterator over [`Tlvs`].
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::Tlvs;
///
/// let tlvs = Tlvs::new(b"\x04\x00\x00\x04\x00\x01x").unwrap();
/// assert_eq!(tlvs.iter().map(|tlv| tlv.value().len()).sum::<usize>(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct TlvIter<'a>(&'a [u8]);

impl TextError {
    /// Creates an error of a value of which the first `valid_up_to` bytes are good.
    pub const fn new(valid_up_to: usize) -> Self {
        Self { valid_up_to }
    }
}

impl<'a> Tlv<'a> {
    /// Creates a TLV of the type `kind`, one of [`kind`] or any other.
    #[inline]
    pub const fn new(kind: u8, value: &'a [u8]) -> Self {
        Self { kind, value }
    }

    /// Creates an ALPN TLV: the protocol on top, such as `h2` (section 2.2.1).
    pub const fn alpn(protocol: &'a [u8]) -> Self {
        Self::new(kind::ALPN, protocol)
    }

    /// Creates an AUTHORITY TLV: the host name the client asked for, such as its SNI (section 2.2.2).
    pub const fn authority(host: &'a str) -> Self {
        Self::new(kind::AUTHORITY, host.as_bytes())
    }

    /// Creates a `UNIQUE_ID` TLV: an opaque id of the connection (section 2.2.5).
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] if it has more than 128 bytes.
    ///
    /// ```
    /// # mod realpeer { pub use realpeer_proto as proto; }
    /// use realpeer::proto::{EncodeError, Tlv};
    ///
    /// assert!(Tlv::unique_id(b"0123").is_ok());
    /// assert_eq!(Tlv::unique_id(&[0; 129]), Err(EncodeError::TooLong { len: 129 }));
    /// ```
    pub const fn unique_id(id: &'a [u8]) -> Result<Self, EncodeError> {
        if id.len() > MAX_UNIQUE_ID_LEN as usize {
            return Err(EncodeError::TooLong { len: id.len() });
        }
        Ok(Self::new(kind::UNIQUE_ID, id))
    }

    /// Creates an SSL TLV of a value that [`Ssl::encode`] has written (section 2.2.6).
    pub const fn ssl(value: &'a [u8]) -> Self {
        Self::new(kind::SSL, value)
    }

    /// Returns the type.
    #[inline]
    pub const fn kind(&self) -> u8 {
        self.kind
    }

    /// Returns the bytes of the value.
    #[inline]
    pub const fn value(&self) -> &'a [u8] {
        self.value
    }

    /// Decodes the value as at the top level of a header.
    pub fn decode(&self) -> TlvValue<'a> {
        self.decode_known().unwrap_or(TlvValue::Other(self.value))
    }

    fn decode_known(&self) -> Option<TlvValue<'a>> {
        let value = self.value;
        if !tlv_rules::rule(self.kind).is_none_or(|rule| rule.allows(value.len() as u32)) {
            return None;
        }
        Some(match self.kind {
            kind::ALPN => TlvValue::Alpn(value),
            kind::AUTHORITY => TlvValue::Authority(utf8(value).ok()?),
            kind::CRC32C => TlvValue::Crc32c(u32::from_be_bytes(value.try_into().ok()?)),
            kind::NOOP => TlvValue::Noop,
            kind::UNIQUE_ID => TlvValue::UniqueId(value),
            kind::SSL => TlvValue::Ssl(Ssl::new(value)?),
            kind::NETNS => TlvValue::Netns(ascii(value).ok()?),
            kind::AWS => match value {
                [1, id @ ..] if !id.is_empty() => TlvValue::AwsVpcEndpointId(ascii(id).ok()?),
                _ => return None,
            },
            kind::AZURE => match *value {
                [1, a, b, c, d] => TlvValue::AzurePrivateLinkId(u32::from_le_bytes([a, b, c, d])),
                _ => return None,
            },
            kind::GCP => TlvValue::GcpPscConnectionId(u64::from_be_bytes(value.try_into().ok()?)),
            _ => return None,
        })
    }
}

impl<'a> Tlvs<'a> {
    pub(crate) const NONE: Self = Self { bytes: &[], ssl_checked: true };

    /// Reads `bytes` as TLVs; `None` if they don't fill it exactly.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = TlvIter(bytes);
        while rest.next().is_some() {}
        rest.0.is_empty().then_some(Self::tiled(bytes))
    }

    /// The TLVs of a header in which they were checked, SSL and all.
    #[inline]
    pub(crate) const fn checked(bytes: &'a [u8]) -> Self {
        Self { bytes, ssl_checked: true }
    }

    /// TLVs of which no more is known than that they fill `bytes`.
    #[inline]
    pub(crate) const fn tiled(bytes: &'a [u8]) -> Self {
        Self { bytes, ssl_checked: false }
    }

    /// Returns the bytes as they were sent.
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns whether there are no TLVs.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns all of them, in order.
    #[inline]
    pub const fn iter(&self) -> TlvIter<'a> {
        TlvIter(self.bytes)
    }

    /// Returns the value of the first TLV of the type `kind`.
    #[inline]
    pub fn get(&self, kind: u8) -> Option<&'a [u8]> {
        self.iter().find(|tlv| tlv.kind == kind).map(|tlv| tlv.value)
    }

    /// Returns the ALPN: the protocol on top (section 2.2.1). RFC 7301 makes it opaque bytes, so it isn't text.
    #[inline]
    pub fn alpn(&self) -> Option<&'a [u8]> {
        self.get(kind::ALPN)
    }

    /// Returns the AUTHORITY: the host name the client asked for, such as its SNI (section 2.2.2).
    pub fn authority(&self) -> Option<Result<&'a str, TextError>> {
        self.get(kind::AUTHORITY).map(utf8)
    }

    /// Returns the CRC32C: the checksum as sent (section 2.2.3). In a decoded header it has been checked.
    pub fn crc32c(&self) -> Option<u32> {
        self.get(kind::CRC32C).and_then(|value| value.try_into().ok()).map(u32::from_be_bytes)
    }

    /// Returns the `UNIQUE_ID`: an opaque id of the connection (section 2.2.5).
    #[inline]
    pub fn unique_id(&self) -> Option<&'a [u8]> {
        self.get(kind::UNIQUE_ID)
    }

    /// Returns the SSL: what is known of the client's TLS connection (section 2.2.6).
    #[inline]
    pub fn ssl(&self) -> Option<Ssl<'a>> {
        let value = self.get(kind::SSL)?;
        if self.ssl_checked { Ssl::checked(value) } else { Ssl::new(value) }
    }

    /// Returns the NETNS: the name of the network namespace (section 2.2.7).
    pub fn netns(&self) -> Option<Result<&'a str, TextError>> {
        self.get(kind::NETNS).map(ascii)
    }

    /// Returns the AWS id of the VPC endpoint through which the client came (type 0xEA, subtype 1), the first that
    /// isn't empty.
    pub fn aws_vpc_endpoint_id(&self) -> Option<Result<&'a str, TextError>> {
        self.iter().find_map(|tlv| match (tlv.kind, tlv.value) {
            (kind::AWS, [1, id @ ..]) if !id.is_empty() => Some(ascii(id)),
            _ => None,
        })
    }

    /// Returns the Azure id of the Private Link endpoint (type 0xEE, subtype 1).
    pub fn azure_private_link_id(&self) -> Option<u32> {
        self.iter().find_map(|tlv| match tlv.decode() {
            TlvValue::AzurePrivateLinkId(id) => Some(id),
            _ => None,
        })
    }

    /// Returns the Google Cloud id of the Private Service Connect connection (type 0xE0).
    pub fn gcp_psc_connection_id(&self) -> Option<u64> {
        self.iter().find_map(|tlv| match tlv.decode() {
            TlvValue::GcpPscConnectionId(id) => Some(id),
            _ => None,
        })
    }
}

impl PartialEq for Tlvs<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Tlvs<'_> {}

impl Hash for Tlvs<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl<'a> IntoIterator for Tlvs<'a> {
    type Item = Tlv<'a>;
    type IntoIter = TlvIter<'a>;

    #[inline]
    fn into_iter(self) -> TlvIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Tlvs<'a> {
    type Item = Tlv<'a>;
    type IntoIter = TlvIter<'a>;

    #[inline]
    fn into_iter(self) -> TlvIter<'a> {
        self.iter()
    }
}

impl<'a> Iterator for TlvIter<'a> {
    type Item = Tlv<'a>;

    #[inline]
    fn next(&mut self) -> Option<Tlv<'a>> {
        let (&[kind, high, low], rest) = self.0.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        self.0 = rest;
        Some(Tlv { kind, value })
    }
}

impl core::iter::FusedIterator for TlvIter<'_> {}

impl fmt::Debug for Tlv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tlv({:#04x}, \"{}\")", self.kind, self.value.escape_ascii())
    }
}

impl fmt::Debug for Tlvs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "value is not valid text at byte {}", self.valid_up_to)
    }
}

impl core::error::Error for TextError {}

pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, TextError> {
    core::str::from_utf8(bytes).map_err(|error| TextError { valid_up_to: error.valid_up_to() })
}

pub(crate) fn ascii(bytes: &[u8]) -> Result<&str, TextError> {
    match bytes.iter().position(|byte| !byte.is_ascii()) {
        Some(valid_up_to) => Err(TextError { valid_up_to }),
        None => utf8(bytes),
    }
}
