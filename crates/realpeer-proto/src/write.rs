//! What the encoder writes with: bytes, TLVs, addresses and numbers as text.

use core::net::Ipv6Addr;

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

    pub(crate) fn tlv(&mut self, kind: u8, value: &[u8]) {
        self.tlv_head(kind, value.len());
        self.put(value);
    }

    pub(crate) fn tlv_head(&mut self, kind: u8, len: usize) {
        self.put(&[kind]);
        self.put(&be16(len));
    }

    pub(crate) fn ipv4(&mut self, octets: [u8; 4]) {
        for (index, octet) in octets.into_iter().enumerate() {
            if index > 0 {
                self.put(b".");
            }
            self.decimal(octet.into());
        }
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

    fn hex(&mut self, group: u16) {
        let digits = [group >> 12, group >> 8 & 0xF, group >> 4 & 0xF, group & 0xF];
        let skip = digits.iter().take(3).take_while(|&&digit| digit == 0).count();
        for &digit in digits.iter().skip(skip) {
            let digit = digit as u8;
            self.put(&[if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }]);
        }
    }

    pub(crate) fn decimal(&mut self, number: u16) {
        let mut digits = [0; 5];
        let mut rest = number;
        let mut start = digits.len();
        for (index, digit) in digits.iter_mut().enumerate().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            start = index;
            if rest == 0 {
                break;
            }
        }
        self.put(digits.get(start..).unwrap_or_default());
    }
}

/// A length that has been checked to fit.
pub(crate) fn be16(len: usize) -> [u8; 2] {
    u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes()
}
