//! Sending headers.

use std::io;

use realpeer_proto::Encoder;

/// The header with `payload` behind it, for one write: receivers may refuse a header that comes in pieces (R4, R55).
///
/// # Errors
///
/// `InvalidInput` with the [`EncodeError`](realpeer_proto::EncodeError) if the header can't be encoded.
///
/// ```
/// use realpeer_io::header_and_payload;
/// use realpeer_proto::Encoder;
///
/// let bytes = header_and_payload(&Encoder::local(), b"PING")?;
/// assert_eq!(bytes.len(), 16 + 4);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn header_and_payload(encoder: &Encoder<'_>, payload: &[u8]) -> io::Result<Vec<u8>> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
    let len = encoder.encoded_len().map_err(invalid)?;
    let mut bytes = Vec::with_capacity(len + payload.len());
    bytes.resize(len, 0);
    encoder.encode(&mut bytes).map_err(invalid)?;
    bytes.extend_from_slice(payload);
    Ok(bytes)
}
