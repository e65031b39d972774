//! The registered types (sections 2.2 and 2.2.8) and those of vendors.

/// `PP2_TYPE_ALPN`: the protocol on top, as in RFC 7301.
pub const ALPN: u8 = 0x01;
/// `PP2_TYPE_AUTHORITY`: the host name the client asked for, UTF-8.
pub const AUTHORITY: u8 = 0x02;
/// `PP2_TYPE_CRC32C`: the checksum of the whole header.
pub const CRC32C: u8 = 0x03;
/// `PP2_TYPE_NOOP`: padding.
pub const NOOP: u8 = 0x04;
/// `PP2_TYPE_UNIQUE_ID`: at most 128 opaque bytes.
pub const UNIQUE_ID: u8 = 0x05;
/// `PP2_TYPE_SSL`: see [`Ssl`](crate::Ssl).
pub const SSL: u8 = 0x20;
/// `PP2_SUBTYPE_SSL_VERSION`, within SSL: US-ASCII.
pub const SSL_VERSION: u8 = 0x21;
/// `PP2_SUBTYPE_SSL_CN`, within SSL: the client certificate's common name, UTF-8.
pub const SSL_CN: u8 = 0x22;
/// `PP2_SUBTYPE_SSL_CIPHER`, within SSL: US-ASCII.
pub const SSL_CIPHER: u8 = 0x23;
/// `PP2_SUBTYPE_SSL_SIG_ALG`, within SSL: US-ASCII.
pub const SSL_SIG_ALG: u8 = 0x24;
/// `PP2_SUBTYPE_SSL_KEY_ALG`, within SSL: US-ASCII.
pub const SSL_KEY_ALG: u8 = 0x25;
/// `PP2_SUBTYPE_SSL_GROUP`, within SSL: US-ASCII.
pub const SSL_GROUP: u8 = 0x26;
/// `PP2_SUBTYPE_SSL_SIG_SCHEME`, within SSL: US-ASCII.
pub const SSL_SIG_SCHEME: u8 = 0x27;
/// `PP2_SUBTYPE_SSL_CLIENT_CERT`, within SSL: the client's certificate, DER.
pub const SSL_CLIENT_CERT: u8 = 0x28;
/// `PP2_TYPE_NETNS`: the name of the network namespace, US-ASCII.
pub const NETNS: u8 = 0x30;
/// Google Cloud: the Private Service Connect connection id.
pub const GCP: u8 = 0xE0;
/// AWS: the first byte of the value is a subtype, 1 for the VPC endpoint id.
pub const AWS: u8 = 0xEA;
/// Azure: the first byte of the value is a subtype, 1 for the Private Link id.
pub const AZURE: u8 = 0xEE;
