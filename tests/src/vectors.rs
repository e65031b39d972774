//! The conformance vectors and the headers of real senders; `tests/data/README.md` says what the fields mean.

use std::collections::{BTreeMap, HashSet};

use realpeer_proto::{Address, Addresses, Header, Transport, Version};
use serde::Deserialize;

/// One row of `vectors.jsonl` or `captures.jsonl`.
#[derive(Clone, Debug, Deserialize)]
pub struct Vector {
    /// The row's name.
    pub id: String,
    /// The bytes, in hex.
    hex: String,
    /// What must come of them.
    pub expect: Expect,
    /// What the header says, if there is one.
    #[serde(flatten)]
    pub fields: Fields,
    /// The length of the header.
    pub header_len: Option<usize>,
    /// The TLVs' types and values in hex, or `None` where they are not to be compared.
    pub tlvs: Option<Vec<(u8, String)>>,
    /// What the row tests.
    pub why: String,
    /// `must` or `choice`.
    pub strictness: String,
    /// Other outcomes that can be defended. They are for the reader.
    #[serde(rename = "alt")]
    _alt: Option<serde_json::Value>,
    /// Misspelt keys; the fields they were meant for would be null.
    #[serde(flatten)]
    unknown: BTreeMap<String, serde_json::Value>,
}

/// What must come of a row's bytes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    /// They begin with a header.
    Accept,
    /// No header can begin with them.
    Reject,
    /// They are the beginning of a header.
    Incomplete,
}

/// What a header says, in the words of the vectors.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Fields {
    /// 1 or 2.
    pub version: Option<u8>,
    /// `local` or `proxy`.
    pub command: Option<String>,
    /// `inet`, `inet6`, `unix` or `unspec`.
    pub family: Option<String>,
    /// `stream`, `dgram` or `unspec`.
    pub transport: Option<String>,
    /// The source.
    pub src: Option<String>,
    /// The destination.
    pub dst: Option<String>,
}

impl Vector {
    /// The vectors written from the specification.
    pub fn all() -> Vec<Self> {
        read(include_str!("../data/vectors.jsonl"))
    }

    /// The headers of real senders.
    pub fn captures() -> Vec<Self> {
        read(include_str!("../data/captures.jsonl"))
    }

    /// The row's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        unhex(&self.hex)
    }

    /// Panics unless `header` is the one that the row expects.
    pub fn assert_header(&self, header: &Header<'_>) {
        assert_eq!(Fields::of(header), self.fields, "{}: {}", self.id, self.why);
        if let Some(tlvs) = &self.tlvs {
            let found: Vec<_> = header.tlvs().iter().map(|tlv| (tlv.kind(), hex(tlv.value()))).collect();
            assert_eq!(&found, tlvs, "{}: {}", self.id, self.why);
        }
    }
}

impl Fields {
    /// The fields of a header.
    pub fn of(header: &Header<'_>) -> Self {
        Self {
            version: Some(match header.version() {
                Version::V1 => 1,
                Version::V2 => 2,
            }),
            command: Some(header.command().to_string().to_lowercase()),
            family: Some(
                match header.addresses() {
                    Addresses::Unspec => "unspec",
                    Addresses::Inet { .. } => "inet",
                    Addresses::Inet6 { .. } => "inet6",
                    Addresses::Unix { .. } => "unix",
                }
                .into(),
            ),
            transport: Some(
                match header.transport() {
                    Transport::Unspec => "unspec",
                    Transport::Stream => "stream",
                    Transport::Dgram => "dgram",
                }
                .into(),
            ),
            src: header.source().map(address),
            dst: header.destination().map(address),
        }
    }
}

/// An address in the words of the vectors.
fn address(address: Address<'_>) -> String {
    match address {
        Address::Inet(addr) => addr.to_string(),
        Address::Unix(name) => format!("unix:{}", hex(name.as_bytes())),
    }
}

/// Bytes as hex.
pub fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
    digits.map(|digit| char::from_digit(digit.into(), 16).expect("below 16")).collect()
}

/// Hex as bytes.
pub fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().map(|c| c.to_digit(16).expect("hex") as u8).collect();
    assert!(digits.len() % 2 == 0, "hex of odd length");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn read(lines: &str) -> Vec<Vector> {
    let rows: Vec<Vector> = lines.lines().map(|line| serde_json::from_str(line).expect("a vector")).collect();
    let mut ids = HashSet::new();
    for row in &rows {
        assert!(row.unknown.is_empty(), "{}: unknown keys {:?}", row.id, row.unknown);
        assert!(ids.insert(&row.id), "{}: there is another row of this name", row.id);
    }
    rows
}
