//! Writes the value of an SSL TLV.

use super::writer::{Writer, tlvs_len};
use crate::wire::SSL_HEAD_LEN;
use crate::{EncodeError, Ssl, Tlv};

impl Ssl<'_> {
    /// Writes the value of an SSL TLV into `out` and returns how many bytes it has.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BufferTooSmall`] if `out` is, and [`EncodeError::TooLong`] if the value would have more
    /// than 65,535 bytes. What `out` then holds is unspecified.
    pub fn encode(client: u8, verify: u32, tlvs: &[Tlv<'_>], out: &mut [u8]) -> Result<usize, EncodeError> {
        let needed = tlvs_len(tlvs.iter().copied())?.saturating_add(SSL_HEAD_LEN.into());
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
}
