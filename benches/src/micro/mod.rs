//! The core: one header at a time, ours and every peer's.
//!
//! A [`Case`] is one library at one [`Row`]. Its result is checked when it is made, so nothing wrong is ever timed.

pub mod inputs;
mod ours;
mod peers;
mod yardstick;

use std::hint::black_box;
use std::net::SocketAddr;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    V1Tcp4,
    V1Tcp6,
    V2Tcp4,
    V2TlvsUnchecked,
    V2TlvsChecked,
    V2Ssl,
    EncodeV1,
    EncodeV2,
    EncodeV2Tlvs,
    DecoderV1Whole,
    DecoderV1Bytes,
    DecoderV2Whole,
    DecoderV2Bytes,
}

/// The name under which our own figures stand.
pub const OURS: &str = "realpeer";
/// The name under which the compiled C stands.
pub const YARDSTICK: &str = "C yardstick";

pub struct Case {
    pub row: Row,
    pub library: &'static str,
    repeat: Box<dyn FnMut(u64)>,
}

/// What a decoded header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub alpn: Option<Vec<u8>>,
    pub unique_id: Option<Vec<u8>>,
    /// The value of the last TLV within the SSL TLV.
    pub last_of_ssl: Option<Vec<u8>>,
}

impl Row {
    pub const ALL: [Self; 13] = [
        Self::V1Tcp4,
        Self::V1Tcp6,
        Self::V2Tcp4,
        Self::V2TlvsUnchecked,
        Self::V2TlvsChecked,
        Self::V2Ssl,
        Self::EncodeV1,
        Self::EncodeV2,
        Self::EncodeV2Tlvs,
        Self::DecoderV1Whole,
        Self::DecoderV1Bytes,
        Self::DecoderV2Whole,
        Self::DecoderV2Bytes,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::V1Tcp4 => "decode v1 TCP4",
            Self::V1Tcp6 => "decode v1 TCP6, full length",
            Self::V2Tcp4 => "decode v2 TCP4, 28 bytes",
            Self::V2TlvsUnchecked => "decode v2 TCP6 + TLVs, CRC unchecked",
            Self::V2TlvsChecked => "decode v2 TCP6 + TLVs, CRC checked",
            Self::V2Ssl => "decode v2 TCP4 + SSL, walked",
            Self::EncodeV1 => "encode v1 TCP4",
            Self::EncodeV2 => "encode v2 TCP4",
            Self::EncodeV2Tlvs => "encode v2 TCP6 + TLVs + CRC",
            Self::DecoderV1Whole => "Decoder, v1 TCP4, whole",
            Self::DecoderV1Bytes => "Decoder, v1 TCP4, byte by byte",
            Self::DecoderV2Whole => "Decoder, v2 TCP4, whole",
            Self::DecoderV2Bytes => "Decoder, v2 TCP4, byte by byte",
        }
    }

    /// The bytes that are decoded, or that come of encoding unless the order of TLVs is the library's own.
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::V1Tcp4 | Self::EncodeV1 | Self::DecoderV1Whole | Self::DecoderV1Bytes => inputs::v1_tcp4(),
            Self::V1Tcp6 => inputs::v1_tcp6(),
            Self::V2Tcp4 | Self::EncodeV2 | Self::DecoderV2Whole | Self::DecoderV2Bytes => inputs::v2_tcp4(),
            Self::V2TlvsUnchecked | Self::V2TlvsChecked | Self::EncodeV2Tlvs => inputs::v2_tlvs(),
            Self::V2Ssl => inputs::v2_ssl(),
        }
    }

    fn expected(self) -> Seen {
        let (source, destination) = match self {
            Self::V1Tcp6 | Self::V2TlvsUnchecked | Self::V2TlvsChecked | Self::EncodeV2Tlvs => inputs::ipv6(),
            _ => inputs::ipv4(),
        };
        let tlvs = matches!(self, Self::V2TlvsUnchecked | Self::V2TlvsChecked | Self::EncodeV2Tlvs);
        Seen {
            source,
            destination,
            alpn: tlvs.then(|| inputs::ALPN.to_vec()),
            unique_id: tlvs.then(|| inputs::UNIQUE_ID.to_vec()),
            last_of_ssl: (self == Self::V2Ssl).then(|| inputs::KEY_ALG.to_vec()),
        }
    }
}

impl Seen {
    /// Without TLVs.
    fn addresses(source: SocketAddr, destination: SocketAddr) -> Self {
        Self { source, destination, alpn: None, unique_id: None, last_of_ssl: None }
    }
}

impl Case {
    /// Does it `times` times.
    pub fn repeat(&mut self, times: u64) {
        (self.repeat)(times);
    }

    /// Decoding: `decode` is what is timed, `seen` says what came of it.
    fn decode<T: 'static>(
        row: Row,
        library: &'static str,
        decode: impl Fn(&'static [u8]) -> T + 'static,
        seen: impl Fn(&T) -> Seen,
    ) -> Self {
        let bytes = row.bytes();
        assert_eq!(seen(&decode(bytes)), row.expected(), "{library}: {}", row.name());
        let repeat = Box::new(move |times| {
            for _ in 0..times {
                black_box(&decode(black_box(bytes)));
            }
        });
        Self { row, library, repeat }
    }

    /// Encoding, from two addresses to bytes. What it writes must be what is expected, or decode to that.
    fn encode<T: AsRef<[u8]>>(
        row: Row,
        library: &'static str,
        encode: impl Fn(SocketAddr, SocketAddr) -> T + 'static,
    ) -> Self {
        let Seen { source, destination, .. } = row.expected();
        Self::check_encoded(row, library, encode(source, destination).as_ref());
        let repeat = Box::new(move |times| {
            for _ in 0..times {
                black_box(&encode(black_box(source), black_box(destination)));
            }
        });
        Self { row, library, repeat }
    }

    /// Encoding into a buffer that is there.
    fn encode_into(
        row: Row,
        library: &'static str,
        encode: impl Fn(SocketAddr, SocketAddr, &mut [u8]) -> usize + 'static,
    ) -> Self {
        let Seen { source, destination, .. } = row.expected();
        let mut buffer = [0; 536];
        let len = encode(source, destination, &mut buffer);
        Self::check_encoded(row, library, &buffer[..len]);
        let repeat = Box::new(move |times| {
            for _ in 0..times {
                black_box(encode(black_box(source), black_box(destination), black_box(&mut buffer)));
            }
        });
        Self { row, library, repeat }
    }

    fn check_encoded(row: Row, library: &str, encoded: &[u8]) {
        if row == Row::EncodeV2Tlvs {
            assert_eq!(ours::seen(encoded), row.expected(), "{library}: {}", row.name());
            assert_eq!(encoded.len(), row.bytes().len(), "{library}: {}", row.name());
        } else {
            assert_eq!(encoded, row.bytes(), "{library}: {}", row.name());
        }
    }
}

/// Every case there is, by row; ours is the first of each row.
pub fn cases() -> Vec<Case> {
    let mut cases = ours::cases();
    cases.extend(yardstick::cases());
    cases.extend(peers::cases());
    cases.sort_by_key(|case| case.row);
    cases
}
