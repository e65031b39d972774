//! What is measured.

use super::{Seen, inputs};

/// What is measured: first what a program does with a header, then single calls looked at in place, then calls from C.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    UsedV1Tcp4,
    UsedV1Tcp6,
    UsedV2Tcp4,
    UsedV2Tlvs,
    UsedV2TlvsChecked,
    UsedV2Ssl,
    UsedEncodeV1,
    UsedEncodeV2,
    UsedEncodeV2Fresh,
    UsedEncodeV2Tlvs,
    UsedDecoderV1,
    UsedDecoderV2,
    UsedHandshake,
    UsedStream,
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
    CCallV2Tcp4,
    CCallV2Tcp6,
    CUseV2Tcp4,
    CUseV2Tcp4Config,
    CUseV2Tcp6,
}

/// The tables that rows are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All that a program does with a header.
    AsUsed,
    /// A single call, whose result is looked at in place.
    InPlace,
    /// The C ABI.
    FromC,
}

impl Row {
    pub const ALL: [Self; 32] = [
        Self::UsedV1Tcp4,
        Self::UsedV1Tcp6,
        Self::UsedV2Tcp4,
        Self::UsedV2Tlvs,
        Self::UsedV2TlvsChecked,
        Self::UsedV2Ssl,
        Self::UsedEncodeV1,
        Self::UsedEncodeV2,
        Self::UsedEncodeV2Fresh,
        Self::UsedEncodeV2Tlvs,
        Self::UsedDecoderV1,
        Self::UsedDecoderV2,
        Self::UsedHandshake,
        Self::UsedStream,
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
        Self::CCallV2Tcp4,
        Self::CCallV2Tcp6,
        Self::CUseV2Tcp4,
        Self::CUseV2Tcp4Config,
        Self::CUseV2Tcp6,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::UsedV1Tcp4 => "use v1 TCP4",
            Self::UsedV1Tcp6 => "use v1 TCP6, full length",
            Self::UsedV2Tcp4 => "use v2 TCP4, 28 bytes",
            Self::UsedV2Tlvs => "use v2 TCP6 + 3 TLVs, CRC unchecked",
            Self::UsedV2TlvsChecked => "use v2 TCP6 + 3 TLVs, CRC checked",
            Self::UsedV2Ssl => "use v2 TCP4 + SSL with 5 TLVs",
            Self::UsedEncodeV1 => "write v1 TCP4 into a buffer",
            Self::UsedEncodeV2 => "write v2 TCP4 into a buffer",
            Self::UsedEncodeV2Fresh => "write v2 TCP4 into a new buffer",
            Self::UsedEncodeV2Tlvs => "write v2 TCP6 + 3 TLVs with CRC",
            Self::UsedDecoderV1 => "Decoder made, fed, asked: v1 TCP4",
            Self::UsedDecoderV2 => "Decoder made, fed, asked: v2 TCP4",
            Self::UsedHandshake => "Handshake in memory: v2 TCP4",
            Self::UsedStream => "tokio stream in memory: v2 TCP4",
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
            Self::CCallV2Tcp4 => "call from C, v2 TCP4",
            Self::CCallV2Tcp6 => "call from C, v2 TCP6",
            Self::CUseV2Tcp4 => "use from C, v2 TCP4",
            Self::CUseV2Tcp4Config => "use from C, v2 TCP4, with a config",
            Self::CUseV2Tcp6 => "use from C, v2 TCP6",
        }
    }

    pub fn kind(self) -> Kind {
        match self {
            _ if self < Self::V1Tcp4 => Kind::AsUsed,
            _ if self < Self::CCallV2Tcp4 => Kind::InPlace,
            _ => Kind::FromC,
        }
    }

    /// The bytes that are decoded, or that come of encoding unless the order of TLVs is the library's own.
    pub(super) fn bytes(self) -> &'static [u8] {
        match self {
            Self::UsedV1Tcp4
            | Self::UsedEncodeV1
            | Self::UsedDecoderV1
            | Self::V1Tcp4
            | Self::EncodeV1
            | Self::DecoderV1Whole
            | Self::DecoderV1Bytes => inputs::v1_tcp4(),
            Self::UsedV1Tcp6 | Self::V1Tcp6 => inputs::v1_tcp6(),
            Self::UsedV2Tcp4
            | Self::UsedEncodeV2
            | Self::UsedEncodeV2Fresh
            | Self::UsedDecoderV2
            | Self::UsedHandshake
            | Self::UsedStream
            | Self::V2Tcp4
            | Self::EncodeV2
            | Self::DecoderV2Whole
            | Self::DecoderV2Bytes
            | Self::CCallV2Tcp4
            | Self::CUseV2Tcp4
            | Self::CUseV2Tcp4Config => inputs::v2_tcp4(),
            Self::CCallV2Tcp6 | Self::CUseV2Tcp6 => inputs::v2_tcp6(),
            Self::UsedV2Ssl | Self::V2Ssl => inputs::v2_ssl(),
            _ => inputs::v2_tlvs(),
        }
    }

    pub(super) fn expected(self) -> Seen {
        let tlvs = self.bytes() == inputs::v2_tlvs();
        let is_ipv6 = tlvs || [inputs::v1_tcp6(), inputs::v2_tcp6()].contains(&self.bytes());
        let (source, destination) = if is_ipv6 { inputs::ipv6() } else { inputs::ipv4() };
        Seen {
            source,
            destination,
            alpn: tlvs.then(|| inputs::ALPN.to_vec()),
            unique_id: tlvs.then(|| inputs::UNIQUE_ID.to_vec()),
            last_of_ssl: (self.bytes() == inputs::v2_ssl()).then(|| inputs::KEY_ALG.to_vec()),
        }
    }

    /// How many TLVs there are, those within an SSL TLV among them.
    pub(super) fn tlvs(self) -> usize {
        match self.bytes() {
            bytes if bytes == inputs::v2_tlvs() => 3,
            bytes if bytes == inputs::v2_ssl() => 6,
            _ => 0,
        }
    }
}
