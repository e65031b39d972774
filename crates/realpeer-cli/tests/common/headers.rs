//! Headers for the tests, good and bad.

use realpeer::proto::{Addresses, Encoder, Ssl, Tlv, UnixAddr, Version, kind};

/// The line that most examples begin with.
pub(crate) const V1: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";

/// What `encoder` writes.
pub(crate) fn encode(encoder: &Encoder<'_>) -> Vec<u8> {
    let mut bytes = vec![0; encoder.encoded_len().unwrap()];
    encoder.encode(&mut bytes).unwrap();
    bytes
}

pub(crate) fn inet() -> Addresses<'static> {
    Addresses::from(("192.0.2.1:56324".parse().unwrap(), "198.51.100.2:443".parse().unwrap()))
}

pub(crate) fn inet6() -> Addresses<'static> {
    Addresses::from(("[2001:db8::1]:56324".parse().unwrap(), "[2001:db8::2]:443".parse().unwrap()))
}

pub(crate) fn unix() -> Addresses<'static> {
    let name = |name| UnixAddr::new(name).unwrap();
    Addresses::Unix { source: name(b"/run/client"), destination: name(b"\0server") }
}

/// A v2 header over IPv4 with these TLVs and a checksum.
pub(crate) fn v2(tlvs: &[Tlv<'_>]) -> Vec<u8> {
    encode(&Encoder::new(Version::V2, inet()).with_tlvs(tlvs).with_crc32c())
}

/// A v2 header with a TLV of every kind, SSL with a client certificate among them.
pub(crate) fn everything() -> Vec<u8> {
    let certificate =
        realpeer_cli::forms::base64::decode(include_str!("../client-certificate.base64")).unwrap();
    let within = [
        Tlv::new(kind::SSL_VERSION, b"TLSv1.3"),
        Tlv::new(kind::SSL_CIPHER, b"TLS_AES_128_GCM_SHA256"),
        Tlv::new(kind::SSL_CN, b"alice"),
        Tlv::new(kind::SSL_CLIENT_CERT, &certificate),
    ];
    let mut ssl = [0; 1000];
    let len = Ssl::encode(Ssl::CLIENT_SSL | Ssl::CLIENT_CERT_CONN, 0, &within, &mut ssl).unwrap();
    v2(&[
        Tlv::new(kind::ALPN, b"h2"),
        Tlv::new(kind::AUTHORITY, b"example.com"),
        Tlv::new(kind::UNIQUE_ID, b"\x00\x01\x02"),
        Tlv::new(kind::SSL, &ssl[..len]),
        Tlv::new(kind::NETNS, b"blue"),
        Tlv::new(kind::AWS, b"\x01vpce-08d2bf15fac5001c9"),
        Tlv::new(kind::AZURE, b"\x01\x04\x03\x02\x01"),
        Tlv::new(kind::GCP, b"\0\0\0\x01\0\0\0\x02"),
        Tlv::new(0xE1, b"somebody's own"),
        Tlv::new(0x99, &[0xff; 100]),
        Tlv::new(kind::NOOP, &[0; 3]),
    ])
}
