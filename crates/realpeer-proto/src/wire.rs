//! The protocol's constants, for everything that reads and writes headers. Facts only: rules are in `parse`.

/// The first five bytes of a version 1 line (R58).
pub(crate) const PROXY: &[u8; 5] = b"PROXY";
/// What a version 1 line begins with, up to its first address or its end (section 2.1).
pub(crate) const TCP4: &[u8; 11] = b"PROXY TCP4 ";
pub(crate) const TCP6: &[u8; 11] = b"PROXY TCP6 ";
pub(crate) const UNKNOWN: &[u8; 13] = b"PROXY UNKNOWN";
/// The length of `PROXY UNKNOWN` with its CRLF.
pub(crate) const SHORTEST_LINE: usize = 15;
/// The longest version 1 line, with its CRLF (R25, R27).
pub(crate) const LONGEST_LINE: usize = 107;

/// The first twelve bytes of a version 2 header.
pub(crate) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and transport, length: the part of a version 2 header that all have.
pub(crate) const HEAD_LEN: usize = 16;
/// The thirteenth byte, version and command.
pub(crate) const LOCAL_COMMAND: u8 = 0x20;
pub(crate) const PROXY_COMMAND: u8 = 0x21;
/// The lengths of the addresses and ports (R40 to R42).
pub(crate) const INET_LEN: u16 = 12;
pub(crate) const INET6_LEN: u16 = 36;
pub(crate) const UNIX_LEN: u16 = 216;
/// The type and the length before a TLV's value.
pub(crate) const TLV_HEAD_LEN: usize = 3;
/// The longest `UNIQUE_ID` (section 2.2.5).
pub(crate) const MAX_UNIQUE_ID_LEN: u16 = 128;
/// The bytes of an SSL TLV before the TLVs within: one of flags, four of verification result (section 2.2.6).
pub(crate) const SSL_HEAD_LEN: u16 = 5;
