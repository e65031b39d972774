//! CRC32C (RFC 4960, appendix B): by the processor's instruction with the feature `hardware-crc32c`, else by a table of
//! 64 bytes with `small-crc32c`, else by tables of 8 KiB.

#[cfg(feature = "hardware-crc32c")]
pub(crate) use ::crc32c::crc32c_append as append;
#[cfg(all(feature = "small-crc32c", not(feature = "hardware-crc32c")))]
pub(crate) use small::append;
#[cfg(not(any(feature = "hardware-crc32c", feature = "small-crc32c")))]
pub(crate) use tables::append;

#[cfg(any(test, not(feature = "hardware-crc32c")))]
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// The checksum of `header` with zeros in place of the four bytes at `at` (section 2.2.3).
pub(crate) fn checksum(header: &[u8], at: usize) -> u32 {
    let (before, rest) = header.split_at_checked(at).unwrap_or((header, &[]));
    let behind = rest.get(4..).unwrap_or_default();
    // Most headers fit here, and are then summed up in one go, which is faster than in three.
    let mut copy = [0; 136];
    if let Some(copy) = copy.get_mut(..header.len()) {
        copy.copy_from_slice(header);
        if let Some(value) = copy.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *value = [0; 4];
        }
        return append(0, copy);
    }
    append(append(append(0, before), &[0; 4]), behind)
}

/// Eight bytes at a step.
#[cfg(any(test, not(any(feature = "hardware-crc32c", feature = "small-crc32c"))))]
mod tables {
    use super::POLYNOMIAL;

    /// Table `k` has the effect of a byte on the checksum `k` bytes later.
    static TABLES: [[u32; 256]; 8] = tables();

    /// The checksum of what has the checksum `crc` and then `bytes`.
    pub(crate) fn append(crc: u32, bytes: &[u8]) -> u32 {
        let mut crc = !crc;
        let mut rest = bytes;
        while let Some((&[a, b, c, d, e, f, g, h], behind)) = rest.split_first_chunk() {
            rest = behind;
            let [a, b, c, d] = (crc ^ u32::from_le_bytes([a, b, c, d])).to_le_bytes();
            crc = TABLES[7][usize::from(a)]
                ^ TABLES[6][usize::from(b)]
                ^ TABLES[5][usize::from(c)]
                ^ TABLES[4][usize::from(d)]
                ^ TABLES[3][usize::from(e)]
                ^ TABLES[2][usize::from(f)]
                ^ TABLES[1][usize::from(g)]
                ^ TABLES[0][usize::from(h)];
        }
        for &byte in rest {
            crc = crc >> 8 ^ TABLES[0][usize::from(crc.to_le_bytes()[0] ^ byte)];
        }
        !crc
    }

    const fn tables() -> [[u32; 256]; 8] {
        let mut tables = [[0; 256]; 8];
        let mut byte = 0;
        while byte < 256 {
            #[expect(clippy::cast_possible_truncation, reason = "byte is below 256")]
            let mut crc = byte as u32;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
                bit += 1;
            }
            tables[0][byte] = crc;
            byte += 1;
        }
        let mut k = 1;
        while k < 8 {
            let mut byte = 0;
            while byte < 256 {
                let before = tables[k - 1][byte];
                tables[k][byte] = before >> 8 ^ tables[0][(before & 0xFF) as usize];
                byte += 1;
            }
            k += 1;
        }
        tables
    }
}

/// Four bits at a step.
#[cfg(any(test, all(feature = "small-crc32c", not(feature = "hardware-crc32c"))))]
mod small {
    use super::POLYNOMIAL;

    static TABLE: [u32; 16] = table();

    /// The checksum of what has the checksum `crc` and then `bytes`.
    pub(crate) fn append(crc: u32, bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!crc, |crc, &byte| step(step(crc ^ u32::from(byte))))
    }

    fn step(crc: u32) -> u32 {
        crc >> 4 ^ TABLE[(crc & 15) as usize]
    }

    const fn table() -> [u32; 16] {
        let mut table = [0; 16];
        let mut bit = 0;
        while bit < 4 {
            // What a bit does to the checksum when its four bits have been shifted out; the others add to it.
            let mut crc = 1 << bit;
            let mut step = 0;
            while step < 4 {
                crc = if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
                step += 1;
            }
            let mut other = 0;
            while other < 1 << bit {
                table[other | 1 << bit] = table[other] ^ crc;
                other += 1;
            }
            bit += 1;
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::small::append as by_small;
    use super::tables::append as by_tables;
    use super::{append, checksum};

    #[test]
    fn r64_known_checksums() {
        // RFC 3720, appendix B.4, and the usual check value.
        for (bytes, sum) in
            [(&b"123456789"[..], 0xE306_9283), (&[0; 32], 0x8A91_36AA), (&[0xFF; 32], 0x62A8_AB43), (b"", 0)]
        {
            assert_eq!([append(0, bytes), by_tables(0, bytes), by_small(0, bytes)], [sum; 3]);
        }
        assert_eq!(checksum(b"12345\xff\xff\xff\xff6789", 5), append(0, b"12345\0\0\0\x006789"));
    }

    #[test]
    fn r64_any_length_in_any_two_parts() {
        let bitwise = |bytes: &[u8]| {
            !bytes.iter().fold(!0, |crc: u32, &byte| {
                (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0x82F6_3B78 * (crc & 1)))
            })
        };
        let bytes: [u8; 67] = core::array::from_fn(|index| (index * index * 31 + 7) as u8);
        for end in 0..=bytes.len() {
            for split in 0..=end {
                let (first, second) = bytes[..end].split_at(split);
                let sum = bitwise(&bytes[..end]);
                assert_eq!(append(append(0, first), second), sum, "{split} of {end}");
                assert_eq!(by_tables(by_tables(0, first), second), sum, "{split} of {end}");
                assert_eq!(by_small(by_small(0, first), second), sum, "{split} of {end}");
            }
        }
    }
}
