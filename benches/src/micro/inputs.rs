//! The headers, put together by hand: no library under test has a part in them.

use std::net::SocketAddr;
use std::sync::LazyLock;

pub const ALPN: &[u8] = b"h2";
pub const UNIQUE_ID: &[u8] = b"0123456789abcdef";
pub const KEY_ALG: &[u8] = b"RSA2048";

const V1_TCP4: &[u8] = b"PROXY TCP4 203.0.113.77 198.51.100.22 56324 443\r\n";
const V1_TCP6: &[u8] = b"PROXY TCP6 2001:0db8:85a3:08d3:1319:8a2e:0370:7344 \
    2001:0db8:1234:5678:9abc:def0:1357:2468 56324 65535\r\n";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

static V2_TCP4: LazyLock<Vec<u8>> = LazyLock::new(|| v2(0x11, inet(), &[]));
static V2_TCP6: LazyLock<Vec<u8>> = LazyLock::new(|| v2(0x21, inet6(), &[]));
static V2_TLVS: LazyLock<Vec<u8>> = LazyLock::new(|| with_tlvs(UNIQUE_ID));
static V2_SSL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut ssl = vec![7, 0, 0, 0, 0];
    for (kind, value) in
        [(0x21, &b"TLSv1.3"[..]), (0x22, b"alice"), (0x23, b"TLS_AES_128_GCM_SHA256"), (0x24, b"RSA-SHA256")]
    {
        ssl.extend(tlv(kind, value));
    }
    ssl.extend(tlv(0x25, KEY_ALG));
    v2(0x11, inet(), &tlv(0x20, &ssl))
});

pub fn v1_tcp4() -> &'static [u8] {
    V1_TCP4
}

/// 104 bytes: every group of both addresses and both ports at full length.
pub fn v1_tcp6() -> &'static [u8] {
    V1_TCP6
}

pub fn v2_tcp4() -> &'static [u8] {
    &V2_TCP4
}

pub fn v2_tcp6() -> &'static [u8] {
    &V2_TCP6
}

/// TCP6, ALPN, `UNIQUE_ID`, CRC32C.
pub fn v2_tlvs() -> &'static [u8] {
    &V2_TLVS
}

/// TCP4, SSL with five TLVs within.
pub fn v2_ssl() -> &'static [u8] {
    &V2_SSL
}

pub fn ipv4() -> (SocketAddr, SocketAddr) {
    (([203, 0, 113, 77], 56324).into(), ([198, 51, 100, 22], 443).into())
}

pub fn ipv6() -> (SocketAddr, SocketAddr) {
    let source = [0x2001, 0x0db8, 0x85a3, 0x08d3, 0x1319, 0x8a2e, 0x0370, 0x7344];
    let destination = [0x2001, 0x0db8, 0x1234, 0x5678, 0x9abc, 0xdef0, 0x1357, 0x2468];
    ((source, 56324).into(), (destination, 65535).into())
}

pub fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind][..], &len, value].concat()
}

/// A version 2 header with the command PROXY.
pub fn v2(family: u8, addresses: Vec<u8>, tlvs: &[u8]) -> Vec<u8> {
    let len = u16::try_from(addresses.len() + tlvs.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[0x21, family], &len, &addresses, tlvs].concat()
}

fn with_tlvs(unique_id: &[u8]) -> Vec<u8> {
    let tlvs = [tlv(0x01, ALPN), tlv(0x05, unique_id), tlv(0x03, &[0; 4])].concat();
    let mut header = v2(0x21, inet6(), &tlvs);
    let sum = crc32c::crc32c(&header).to_be_bytes();
    let at = header.len() - 4;
    header[at..].copy_from_slice(&sum);
    header
}

/// The address block of [`ipv6`].
fn inet6() -> Vec<u8> {
    let (source, destination) = ipv6();
    let mut block = Vec::new();
    for address in [source, destination] {
        let SocketAddr::V6(address) = address else { unreachable!() };
        block.extend(address.ip().octets());
    }
    block.extend(source.port().to_be_bytes());
    block.extend(destination.port().to_be_bytes());
    block
}

/// The address block of [`ipv4`].
pub fn inet() -> Vec<u8> {
    let (source, destination) = ipv4();
    let mut block = Vec::new();
    for address in [source, destination] {
        let SocketAddr::V4(address) = address else { unreachable!() };
        block.extend(address.ip().octets());
    }
    block.extend(source.port().to_be_bytes());
    block.extend(destination.port().to_be_bytes());
    block
}
