//! The SSL TLV (section 2.2.6).

use crate::tlv::{ascii, utf8};
use crate::{TextError, Tlvs, kind};

/// The client's TLS connection, as the proxy reports it (section 2.2.6).
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{kind, Ssl, Tlv};
///
/// let mut value = [0; 64];
/// let subs = [Tlv::new(kind::SSL_VERSION, b"TLSv1.3"), Tlv::new(kind::SSL_CN, b"alice")];
/// let len = Ssl::encode(Ssl::CLIENT_SSL | Ssl::CLIENT_CERT_CONN, 0, &subs, &mut value)?;
///
/// let ssl = Ssl::new(&value[..len]).unwrap();
/// assert!(ssl.has_verified_client_certificate());
/// assert_eq!(ssl.version(), Some(Ok("TLSv1.3")));
/// assert_eq!(ssl.common_name(), Some(Ok("alice")));
/// # Ok::<(), realpeer::proto::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ssl<'a> {
    client: u8,
    verify: u32,
    tlvs: Tlvs<'a>,
}

impl<'a> Ssl<'a> {
    /// `PP2_CLIENT_SSL`: the client connected over TLS.
    pub const CLIENT_SSL: u8 = 0x01;
    /// `PP2_CLIENT_CERT_CONN`: the client gave a certificate on this connection.
    pub const CLIENT_CERT_CONN: u8 = 0x02;
    /// `PP2_CLIENT_CERT_SESS`: the client gave a certificate at least once in this TLS session.
    pub const CLIENT_CERT_SESS: u8 = 0x04;

    /// Reads the value of an SSL TLV; `None` if it is shorter than 5 bytes or the TLVs within do not fill it.
    #[inline]
    pub fn new(value: &'a [u8]) -> Option<Self> {
        let (&[client, a, b, c, d], rest) = value.split_first_chunk()?;
        Some(Self { client, verify: u32::from_be_bytes([a, b, c, d]), tlvs: Tlvs::new(rest)? })
    }

    /// The same of a value that was checked, which is not checked again.
    #[inline]
    pub(crate) fn checked(value: &'a [u8]) -> Option<Self> {
        let (&[client, a, b, c, d], rest) = value.split_first_chunk()?;
        Some(Self { client, verify: u32::from_be_bytes([a, b, c, d]), tlvs: Tlvs::tiled(rest) })
    }

    /// Returns the flags, [`CLIENT_SSL`](Self::CLIENT_SSL) and so on; unknown ones are kept.
    #[inline]
    pub const fn client(&self) -> u8 {
        self.client
    }

    /// Returns the result of verifying the client's certificate, 0 if it was good.
    ///
    /// By itself it says nothing: HAProxy sends 0 also when there was no certificate. See
    /// [`has_verified_client_certificate`](Self::has_verified_client_certificate).
    #[inline]
    pub const fn verify(&self) -> u32 {
        self.verify
    }

    /// Returns whether the client connected over TLS.
    pub const fn is_tls(&self) -> bool {
        self.client & Self::CLIENT_SSL != 0
    }

    /// Returns whether the client gave a certificate, on this connection or earlier in its TLS session, and the proxy
    /// verified it: [`CLIENT_SSL`](Self::CLIENT_SSL) and a certificate flag are set, and `verify` is 0.
    pub const fn has_verified_client_certificate(&self) -> bool {
        self.is_tls()
            && self.client & (Self::CLIENT_CERT_CONN | Self::CLIENT_CERT_SESS) != 0
            && self.verify == 0
    }

    /// Returns the TLVs within, in order.
    #[inline]
    pub const fn tlvs(&self) -> Tlvs<'a> {
        self.tlvs
    }

    /// Returns the TLS version, such as `TLSv1.3`.
    pub fn version(&self) -> Option<Result<&'a str, TextError>> {
        self.tlvs.get(kind::SSL_VERSION).map(ascii)
    }

    /// Returns the common name in the client's certificate.
    pub fn common_name(&self) -> Option<Result<&'a str, TextError>> {
        self.tlvs.get(kind::SSL_CN).map(utf8)
    }

    /// Returns the cipher, such as `ECDHE-RSA-AES128-GCM-SHA256`.
    pub fn cipher(&self) -> Option<Result<&'a str, TextError>> {
        self.tlvs.get(kind::SSL_CIPHER).map(ascii)
    }

    /// Returns the algorithm that signed the proxy's certificate, such as `RSA-SHA256`.
    pub fn signature_algorithm(&self) -> Option<Result<&'a str, TextError>> {
        self.tlvs.get(kind::SSL_SIG_ALG).map(ascii)
    }

    /// Returns the algorithm of the key in the proxy's certificate, such as `RSA2048`.
    pub fn key_algorithm(&self) -> Option<Result<&'a str, TextError>> {
        self.tlvs.get(kind::SSL_KEY_ALG).map(ascii)
    }

    /// Returns the group of the key exchange, such as `secp256r1`.
    pub fn group(&self) -> Option<Result<&'a str, TextError>> {
        self.tlvs.get(kind::SSL_GROUP).map(ascii)
    }

    /// Returns the scheme with which the proxy signed its handshake, such as `rsa_pss_rsae_sha256`.
    pub fn signature_scheme(&self) -> Option<Result<&'a str, TextError>> {
        self.tlvs.get(kind::SSL_SIG_SCHEME).map(ascii)
    }

    /// Returns the client's certificate, DER.
    pub fn client_certificate(&self) -> Option<&'a [u8]> {
        self.tlvs.get(kind::SSL_CLIENT_CERT)
    }
}
