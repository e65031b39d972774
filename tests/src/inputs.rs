//! Bytes to try decoders with: the vectors, mutated, and headers made of likely and unlikely parts.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::vectors::Vector;

/// The bytes of all vectors and captures.
pub static ROWS: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| Vector::all().iter().chain(&Vector::captures()).map(Vector::bytes).collect());

/// Bytes that mean something somewhere in a header.
pub const TELLING: &[u8] =
    b"\0\x01\x02\x03\x04\x05\x0c\x10\x11\x12\x20\x21\x22\x31\x80\xff \r\n.:%+09afFPQTU";

/// So many cases, or what `PROPTEST_CASES` says. What fails becomes a test with a name, not a line in a file of seeds.
pub fn cases(cases: u32) -> ProptestConfig {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { config } else { ProptestConfig { cases, ..config } }
}

/// Anything: mutated vectors, lines and binary headers put together from parts.
pub fn input() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => mutated(), 3 => line(), 3 => binary()]
}

/// A vector of at most 600 bytes with up to four changes: bytes changed, put in, left out, the end cut off.
pub fn mutated() -> impl Strategy<Value = Vec<u8>> {
    static SHORT: LazyLock<Vec<&[u8]>> =
        LazyLock::new(|| ROWS.iter().map(Vec::as_slice).filter(|bytes| bytes.len() <= 600).collect());
    (select(SHORT.as_slice()), vec(mutation(), 0..=4)).prop_map(|(bytes, mutations)| {
        let mut bytes = bytes.to_vec();
        for mutation in mutations {
            mutation.apply(&mut bytes);
        }
        bytes
    })
}

#[derive(Clone, Debug)]
enum Mutation {
    Change(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Truncate(Index),
}

impl Mutation {
    fn apply(self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Change(at, byte) => *at.get_mut(bytes) = byte,
            Self::Insert(at, byte) => bytes.insert(at.index(bytes.len()), byte),
            Self::Remove(at) => drop(bytes.remove(at.index(bytes.len()))),
            Self::Truncate(at) => bytes.truncate(at.index(bytes.len())),
        }
    }
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let byte = || prop_oneof![3 => select(TELLING), 1 => any::<u8>()];
    prop_oneof![
        4 => (any::<Index>(), byte()).prop_map(|(at, byte)| Mutation::Change(at, byte)),
        2 => (any::<Index>(), byte()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        2 => any::<Index>().prop_map(Mutation::Remove),
        1 => any::<Index>().prop_map(Mutation::Truncate),
    ]
}

/// A version 1 line, its fields mostly right, its addresses put together from parts.
pub fn line() -> impl Strategy<Value = Vec<u8>> {
    let part = select(&[
        ":", ":", ":", "::", "0", "1", "9", "25", "255", "256", "00", "ffff", "A", "10000", ".", ".",
        "1.2.3.4", "1.2.", "%", "/", "-", " ",
    ]);
    let soup = vec(part, 0..14).prop_map(|parts| parts.concat());
    let ipv6 = (any::<std::net::Ipv6Addr>(), any::<u8>()).prop_map(|(ip, zeros)| {
        let segments = ip.segments();
        let kept = std::array::from_fn::<u16, 8, _>(|i| if zeros >> i & 1 == 1 { 0 } else { segments[i] });
        std::net::Ipv6Addr::from(kept).to_string()
    });
    let ipv4 = any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string());
    let address =
        || prop_oneof![4 => soup.clone(), 2 => ipv6.clone(), 2 => ipv4.clone(), 1 => Just("::".into())];
    let port = || {
        prop_oneof![
            4 => any::<u16>().prop_map(|port| port.to_string()),
            1 => select(&["", "0", "00", "65535", "65536", "99999", "+1", "080"]).prop_map(String::from),
        ]
    };
    let protocol = select(&[
        "TCP4",
        "TCP6",
        "TCP6",
        "TCP6",
        "UNKNOWN",
        "UNKNOWN ",
        "UNKNOWN x y",
        "UDP4",
        "TCP5",
        "tcp4",
    ]);
    let end = select(&["\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n", " \r\n", ""]);
    let payload = select(&["", "", "\r\n", "GET /"]);
    (protocol, address(), address(), port(), port(), end, payload).prop_map(
        |(protocol, source, destination, source_port, destination_port, end, payload)| {
            let ports = format!("{source_port} {destination_port}{end}{payload}");
            format!("PROXY {protocol} {source} {destination} {ports}").into_bytes()
        },
    )
}

/// A version 2 header: any command and family byte, TLVs that mostly tile, a length that is mostly right.
pub fn binary() -> impl Strategy<Value = Vec<u8>> {
    let command = prop_oneof![6 => Just(0x21), 3 => Just(0x20), 1 => select(&[0x00, 0x11, 0x22, 0x2F, 0x31])];
    let family = prop_oneof![
        4 => Just(0x11),
        3 => Just(0x00),
        3 => select(&[0x01, 0x02, 0x10, 0x12, 0x20, 0x21, 0x22, 0x30, 0x31, 0x32, 0x13, 0x41, 0xFF]),
    ];
    let addresses = prop_oneof![7 => Just(true), 1 => Just(false)];
    let tlvs = vec(tlv(true), 0..5).prop_map(|tlvs| tlvs.concat());
    let off_by = prop_oneof![6 => Just(0i16), 2 => -4i16..=4, 1 => any::<i16>()];
    (command, family, addresses, tlvs, off_by).prop_map(|(command, family, addresses, tlvs, off_by)| {
        let addresses = match family {
            0x11 | 0x12 if addresses => 12,
            0x21 | 0x22 if addresses => 36,
            0x31 | 0x32 if addresses => 216,
            _ => 0,
        };
        let mut block = vec![0x2E; addresses];
        block.extend(tlvs);
        let len = (block.len() as u16).wrapping_add_signed(off_by).to_be_bytes();
        let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
        bytes.extend([command, family]);
        bytes.extend(len);
        bytes.extend(block);
        bytes
    })
}

/// The bytes of a TLV of a telling type; the length is sometimes wrong.
fn tlv(top: bool) -> BoxedStrategy<Vec<u8>> {
    let kind = prop_oneof![4 => select(&[0x03, 0x05, 0x20]), 2 => select(&[0x01, 0x04, 0x21, 0xE0]), 1 => any::<u8>()];
    let len = prop_oneof![3 => Just(4), 5 => 0usize..9, 1 => 126usize..131];
    let value = len.prop_map(|len| vec![3; len]);
    let off_by = prop_oneof![9 => Just(0i16), 1 => -3i16..=3];
    let tlv = |(kind, value, off_by): (u8, Vec<u8>, i16)| {
        let len = (value.len() as u16).wrapping_add_signed(off_by).to_be_bytes();
        [&[kind][..], &len, &value].concat()
    };
    let flat = (kind, value, off_by.clone()).prop_map(tlv);
    if !top {
        return flat.boxed();
    }
    let nested = vec(self::tlv(false), 0..3).prop_map(|tlvs| [vec![1, 0, 0, 0, 0], tlvs.concat()].concat());
    let ssl = (Just(0x20), nested, off_by).prop_map(tlv);
    prop_oneof![3 => flat, 1 => ssl].boxed()
}
