//! Writes bytes, TLVs, addresses and numbers as text, for the encoder.

use core::net::Ipv6Addr;

use crate::wire::TLV_HEAD_LEN;
use crate::{EncodeError, Tlv, Tlvs};

/// TLVs one by one, or as a run of bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum List<'a> {
    Each(&'a [Tlv<'a>]),
    Run(Tlvs<'a>),
}

/// TLVs that were added one by one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Added<'a> {
    tlvs: [Tlv<'a>; MAX_ADDED],
    /// How many, or one more if there was no room for the last.
    len: u8,
    /// A bit for each that replaces the others of its type.
    replacing: u8,
}

/// Writes to the front of a slice whose length has been worked out before.
pub(crate) struct Writer<'a> {
    pub(crate) out: &'a mut [u8],
    /// The bytes written.
    pub(crate) len: usize,
}

impl Writer<'_> {
    #[inline(always)]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        if let Some(slot) = self.out.get_mut(self.len..).and_then(|rest| rest.get_mut(..bytes.len())) {
            slot.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    pub(crate) fn zeros(&mut self, len: usize) {
        if let Some(slot) = self.out.get_mut(self.len..).and_then(|rest| rest.get_mut(..len)) {
            slot.fill(0);
            self.len += len;
        }
    }

    #[inline(always)]
    pub(crate) fn tlv(&mut self, kind: u8, value: &[u8]) {
        self.tlv_head(kind, value.len());
        self.put(value);
    }

    #[inline(always)]
    pub(crate) fn tlv_head(&mut self, kind: u8, len: usize) {
        let [high, low] = be16(len);
        self.put(&[kind, high, low]);
    }

    #[inline(always)]
    pub(crate) fn ipv4(&mut self, octets: [u8; 4]) {
        for octet in octets {
            let [a, b, c, len] = OCTETS[usize::from(octet)];
            self.put_some([a, b, c, b'.'], len.into());
            self.put(b".");
        }
        // Drop the trailing dot.
        self.len -= 1;
    }

    /// Groups of hex digits without leading zeros, `::` for the first of the longest runs of two or more zeros
    /// (R21). Never with dotted IPv4 at the end: the grammar of the specification does not have it.
    pub(crate) fn ipv6(&mut self, ip: Ipv6Addr) {
        let groups = ip.segments();
        let (mut gap, mut gap_len, mut run) = (0, 1, 0);
        for (index, &group) in groups.iter().enumerate() {
            run = if group == 0 { run + 1 } else { 0 };
            if run > gap_len {
                (gap, gap_len) = (index + 1 - run, run);
            }
        }
        if gap_len < 2 {
            gap = groups.len();
        }
        for (index, &group) in groups.iter().enumerate() {
            if index == gap {
                self.put(b"::");
            }
            if (gap..gap + gap_len).contains(&index) {
                continue;
            }
            if index > 0 && index != gap + gap_len {
                self.put(b":");
            }
            self.hex(group);
        }
    }

    #[inline(always)]
    fn hex(&mut self, group: u16) {
        let digit = |shift: u32| HEX[usize::from(group >> shift & 0xF)];
        let skip = usize::from(group < 0x10) + usize::from(group < 0x100) + usize::from(group < 0x1000);
        let digits = u32::from_le_bytes([digit(12), digit(8), digit(4), digit(0)]) >> (8 * skip);
        self.put_some(digits.to_le_bytes(), 4 - skip);
    }

    #[inline(always)]
    pub(crate) fn decimal(&mut self, number: u16) {
        let digit = |unit: u16| b'0' + (number / unit % 10) as u8;
        let skip = usize::from(number < 10)
            + usize::from(number < 100)
            + usize::from(number < 1000)
            + usize::from(number < 10_000);
        let digits = [digit(10_000), digit(1000), digit(100), digit(10), digit(1), 0, 0, 0];
        self.put_some((u64::from_le_bytes(digits) >> (8 * skip)).to_le_bytes(), 5 - skip);
    }

    /// Writes `bytes`, the first `len` of which count. There must be room for all of them.
    #[inline(always)]
    fn put_some<const N: usize>(&mut self, bytes: [u8; N], len: usize) {
        if let Some(slot) = self.out.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut) {
            *slot = bytes;
            self.len += len;
        }
    }
}

impl<'a> List<'a> {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Each(tlvs) => tlvs.is_empty(),
            Self::Run(tlvs) => tlvs.is_empty(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Tlv<'a>> + use<'a> {
        let (each, run) = match *self {
            Self::Each(tlvs) => (tlvs, Tlvs::NONE),
            Self::Run(tlvs) => (&[][..], tlvs),
        };
        each.iter().copied().chain(run)
    }
}

const MAX_ADDED: usize = 4;

impl<'a> Added<'a> {
    pub(crate) const NONE: Self = Self { tlvs: [Tlv::new(0, &[]); MAX_ADDED], len: 0, replacing: 0 };

    pub(crate) const fn with(mut self, tlv: Tlv<'a>) -> Self {
        if (self.len as usize) < MAX_ADDED {
            self.tlvs[self.len as usize] = tlv;
        }
        self.len = if self.is_too_long() { self.len } else { self.len + 1 };
        self
    }

    pub(crate) const fn replacing(mut self, tlv: Tlv<'a>) -> Self {
        self.replacing |= 1 << self.len;
        self.with(tlv)
    }

    pub(crate) const fn is_too_long(&self) -> bool {
        self.len as usize > MAX_ADDED
    }

    /// Whether a TLV of the type `kind` that was given before these is left out.
    pub(crate) fn replaces(&self, kind: u8) -> bool {
        self.replaces_from(0, kind)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Tlv<'a>> + use<'a> {
        let all = self.tlvs.into_iter().take(self.len.into()).enumerate();
        all.filter(move |&(at, tlv)| !self.replaces_from(at + 1, tlv.kind())).map(|(_, tlv)| tlv)
    }

    fn replaces_from(&self, from: usize, kind: u8) -> bool {
        let tlvs = self.tlvs.iter().take(self.len.into()).enumerate().skip(from);
        tlvs.filter(|(at, _)| self.replacing >> at & 1 == 1).any(|(_, tlv)| tlv.kind() == kind)
    }
}

/// The bytes of TLVs one after the other.
pub(crate) fn tlvs_len<'a>(mut tlvs: impl Iterator<Item = Tlv<'a>>) -> Result<usize, EncodeError> {
    tlvs.try_fold(0usize, |sum, tlv| {
        let len = tlv.value().len();
        if len > usize::from(u16::MAX) {
            Err(EncodeError::TooLong { len })
        } else {
            Ok(sum.saturating_add(TLV_HEAD_LEN + len))
        }
    })
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The decimal digits of each number, and how many of them there are.
static OCTETS: [[u8; 4]; 256] = {
    let mut octets = [[0; 4]; 256];
    let mut number = 0;
    while number < 256 {
        let digits =
            [b'0' + (number / 100) as u8, b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8];
        octets[number] = match number {
            0..10 => [digits[2], 0, 0, 1],
            10..100 => [digits[1], digits[2], 0, 2],
            _ => [digits[0], digits[1], digits[2], 3],
        };
        number += 1;
    }
    octets
};

/// A length that has been checked to fit.
pub(crate) fn be16(len: usize) -> [u8; 2] {
    u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes()
}
