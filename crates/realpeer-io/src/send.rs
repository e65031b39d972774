//! Encodes the bytes that adapters send: a header, and the payload that goes out with it.

use std::io;

use realpeer_proto::{EncodeError, Encoder};

/// Encodes a header with `payload` after it, for one write: receivers may refuse a header that arrives in pieces.
///
/// # Errors
///
/// `InvalidInput` with the [`EncodeError`] if the header can't be encoded.
///
/// ```
/// use realpeer::header_and_payload;
/// use realpeer::proto::Encoder;
///
/// let bytes = header_and_payload(Encoder::local(), b"PING")?;
/// assert_eq!(bytes.len(), 16 + 4);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn header_and_payload<'a>(header: impl Into<Encoder<'a>>, payload: &[u8]) -> io::Result<Vec<u8>> {
    let encoder = header.into();
    let len = encoder.encoded_len().map_err(invalid)?;
    let mut bytes = Vec::with_capacity(len + payload.len());
    bytes.resize(len, 0);
    encoder.encode(&mut bytes).map_err(invalid)?;
    bytes.extend_from_slice(payload);
    Ok(bytes)
}

/// Encodes a datagram: a header whose addresses are those of datagrams, as by [`Encoder::dgram`], and `payload` after it.
/// Each datagram needs a header of its own.
///
/// # Errors
///
/// `InvalidInput` with the [`EncodeError`] if the header can't be encoded; [`EncodeError::NotInV1`] for every header of
/// version 1, UNKNOWN included, since that version has no datagrams.
///
/// ```
/// use realpeer::header_and_datagram;
/// use realpeer::proto::{Encoder, Version};
///
/// let (source, destination) = ("192.0.2.1:12345".parse()?, "198.51.100.2:53".parse()?);
/// let bytes = header_and_datagram(Encoder::proxy(Version::V2, source, destination), b"query")?;
/// assert_eq!(bytes[13], 0x12); // UDP over IPv4
/// assert!(header_and_datagram(Encoder::proxy(Version::V1, source, destination), b"query").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn header_and_datagram<'a>(header: impl Into<Encoder<'a>>, payload: &[u8]) -> io::Result<Vec<u8>> {
    let bytes = header_and_payload(header.into().dgram(), payload)?;
    // UNKNOWN has no addresses to be those of datagrams, so the encoder does not object.
    if bytes.starts_with(b"PROXY") { Err(invalid(EncodeError::NotInV1)) } else { Ok(bytes) }
}

fn invalid(error: EncodeError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}
