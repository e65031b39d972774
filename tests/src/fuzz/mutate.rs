use std::net::{Ipv4Addr, Ipv6Addr};

use super::Prefix;

/// libFuzzer's own mutation: changes `data`, of which the first so many bytes count, to at most so many, and says how
/// many count then.
pub(super) type Blind<'a> = &'a dyn Fn(&mut [u8], usize, usize) -> usize;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const CRC32C: u8 = 3;
const SSL: u8 = 0x20;

/// Changes an input, often so that a header remains one: its lengths and its CRC32C are put right again. The result
/// depends on `seed` and `blind` only. Says how many bytes count then, at most `max_size`.
pub fn mutate(
    data: &mut [u8],
    size: usize,
    max_size: usize,
    seed: u32,
    prefix: Prefix,
    blind: Blind<'_>,
) -> usize {
    let mut random = Random(u64::from(seed) << 1 | 1);
    let at = match prefix {
        Prefix::Settings => 1,
        Prefix::Script => 2 + usize::from(data[..size].get(1).copied().unwrap_or(0)),
        Prefix::Tlvs => 0,
        Prefix::Files | Prefix::Other => usize::MAX,
    };
    if at > size || random.below(4) == 0 {
        return blind(data, size, max_size);
    }
    let bytes = &data[at..size];
    let changed = match (prefix, bytes.first()) {
        (Prefix::Tlvs, _) => {
            let (mut tlvs, _) = tile(bytes);
            change_tlvs(&mut tlvs, &mut random, blind);
            join(&tlvs)
        }
        (_, Some(b'P')) => line(bytes, &mut random, blind),
        _ => Binary::read(bytes).changed(&mut random, blind),
    };
    if at + changed.len() > max_size {
        return blind(data, size, max_size);
    }
    data[at..at + changed.len()].copy_from_slice(&changed);
    at + changed.len()
}

/// A line of version 1 with one field changed.
fn line(bytes: &[u8], random: &mut Random, blind: Blind<'_>) -> Vec<u8> {
    let (line, rest) = match bytes.windows(2).position(|pair| pair == b"\r\n") {
        Some(end) => bytes.split_at(end),
        None => (bytes, &b"\r\n"[..]),
    };
    let mut fields: Vec<Vec<u8>> = line.split(|&byte| byte == b' ').map(<[u8]>::to_vec).collect();
    let index = random.below(fields.len());
    let field = &mut fields[index];
    *field = match (random.below(3), index) {
        (0, _) => changed(field, 48, blind),
        (_, 0) => b"PROXY".to_vec(),
        (_, 1) => random.one_of(&[&b"TCP4"[..], b"TCP6", b"UNKNOWN"]).to_vec(),
        (_, 2 | 3) => address(random).into_bytes(),
        _ => port(random).into_bytes(),
    };
    [&fields.join(&b' ')[..], rest].concat()
}

fn address(random: &mut Random) -> String {
    let v4 = Ipv4Addr::from(random.next());
    match random.below(8) {
        0..3 => v4.to_string(),
        3 => v4.to_ipv6_mapped().to_string(),
        4 => format!("{:x}:{:x}:3:4:5:6:{v4}", random.next() >> 16, random.next() >> 24),
        5 => random
            .one_of(&["::", "::1", "1::", "1:2:3:4:5:6:7:8", "1::3:4:5:6:7:8", "::2:3:4:5:6:7:8"])
            .into(),
        _ => {
            let zeros = random.next();
            let groups = [(); 8].map(|()| random.next() as u16 & 0xFFF);
            let groups: [u16; 8] =
                std::array::from_fn(|index| if zeros >> index & 1 == 1 { 0 } else { groups[index] });
            Ipv6Addr::from(groups).to_string()
        }
    }
}

fn port(random: &mut Random) -> String {
    match random.below(4) {
        0 => random.one_of(&["0", "65535", "65536", "00", "01", "9", "99999"]).into(),
        _ => (random.next() as u16).to_string(),
    }
}

/// A version 2 header in parts, and what follows it.
struct Binary {
    command: u8,
    family: u8,
    addresses: Vec<u8>,
    tlvs: Vec<(u8, Vec<u8>)>,
    /// What follows the last TLV and isn't one.
    stray: Vec<u8>,
    payload: Vec<u8>,
}

impl Binary {
    /// Whatever the bytes are, as much of a header as can be found in them.
    fn read(bytes: &[u8]) -> Self {
        let byte = |at: usize| bytes.get(at).copied();
        let (command, family) = (byte(12).unwrap_or(0x21), byte(13).unwrap_or(0x11));
        let len = usize::from(byte(14).unwrap_or(0)) << 8 | usize::from(byte(15).unwrap_or(0));
        let rest = bytes.get(16..).unwrap_or_default();
        let (block, payload) = rest.split_at(len.min(rest.len()));
        let (addresses, tlvs) = block.split_at(address_len(command, family).min(block.len()));
        let (tlvs, stray) = tile(tlvs);
        Self { command, family, addresses: addresses.into(), tlvs, stray, payload: payload.into() }
    }

    fn changed(mut self, random: &mut Random, blind: Blind<'_>) -> Vec<u8> {
        match random.below(8) {
            0 => {
                let len = self.addresses.len();
                self.addresses = changed(&self.addresses, len, blind);
            }
            1 => {
                self.command = random.one_of(&[0x20, 0x21, 0x21, 0x22, 0x11]);
                self.family = random.one_of(&[0x00, 0x10, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32, 0x01, 0x13]);
            }
            2 => self.stray = changed(&self.stray, 8, blind),
            3 => self.payload = changed(&self.payload, 16, blind),
            _ => change_tlvs(&mut self.tlvs, random, blind),
        }
        if random.below(4) > 0 {
            self.stray.clear();
        }
        if random.below(8) > 0 {
            self.addresses.resize(address_len(self.command, self.family), random.next() as u8);
        }
        let mut bytes = self.bytes();
        match random.below(16) {
            0 => {
                let at = 14 + random.below(2);
                bytes[at] = random.next() as u8;
            }
            1 => bytes.truncate(random.below(bytes.len())),
            _ => {}
        }
        bytes
    }

    /// The header with its length and its checksum.
    fn bytes(&self) -> Vec<u8> {
        let tlvs = join(&self.tlvs);
        let block = [&self.addresses[..], &tlvs, &self.stray].concat();
        let len = (block.len() as u16).to_be_bytes();
        let mut header = [SIGNATURE, &[self.command, self.family], &len, &block].concat();
        let mut at = 16 + self.addresses.len();
        for (kind, value) in &self.tlvs {
            at += 3;
            if *kind == CRC32C && value.len() == 4 {
                header[at..at + 4].fill(0);
                let sum = crc32c(&header).to_be_bytes();
                header[at..at + 4].copy_from_slice(&sum);
            }
            at += value.len();
        }
        [header, self.payload.clone()].concat()
    }
}

fn address_len(command: u8, family: u8) -> usize {
    match (family >> 4, family & 0xF) {
        _ if command == 0x20 => 0,
        (1, 1..) => 12,
        (2, 1..) => 36,
        (3, 1..) => 216,
        _ => 0,
    }
}

fn change_tlvs(tlvs: &mut Vec<(u8, Vec<u8>)>, random: &mut Random, blind: Blind<'_>) {
    let index = random.below(tlvs.len() + 1);
    if index == tlvs.len() || random.below(3) == 0 {
        let kind = random.one_of(&[1, 2, 3, 3, 4, 5, 0x20, 0x21, 0x22, 0x28, 0x30, 0xE0, 0xEA, 0xEE]);
        let len = random.one_of(&[0, 1, 3, 4, 4, 5, 5, 8, 8, 9, 127, 128, 129, 255, 256]);
        tlvs.insert(index, (kind, vec![random.one_of(&[0, 1, 3, b'a', 0xFF]); len]));
        return;
    }
    match random.below(6) {
        0 => drop(tlvs.remove(index)),
        1 => {
            let other = random.below(tlvs.len());
            tlvs.swap(index, other);
        }
        2 => tlvs.insert(index, tlvs[index].clone()),
        3 => {
            let within = tlvs.split_off(index);
            let flags = [random.below(8) as u8, 0, 0, 0, random.below(2) as u8];
            tlvs.push((SSL, [&flags[..], &join(&within)].concat()));
        }
        4 => tlvs[index].0 = random.next() as u8,
        _ => {
            let value = &mut tlvs[index].1;
            *value = changed(value, value.len() + 16, blind);
        }
    }
}

/// As many TLVs as there are, and what is left.
fn tile(mut bytes: &[u8]) -> (Vec<(u8, Vec<u8>)>, Vec<u8>) {
    let mut tlvs = Vec::new();
    while let Some((&[kind, high, low], rest)) = bytes.split_first_chunk() {
        let Some((value, rest)) = rest.split_at_checked(usize::from(high) << 8 | usize::from(low)) else {
            break;
        };
        tlvs.push((kind, value.to_vec()));
        bytes = rest;
    }
    (tlvs, bytes.to_vec())
}

fn join(tlvs: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, value) in tlvs {
        bytes.push(*kind);
        bytes.extend((value.len() as u16).to_be_bytes());
        bytes.extend(value);
    }
    bytes
}

fn changed(bytes: &[u8], most: usize, blind: Blind<'_>) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let size = bytes.len().min(most);
    bytes.resize(most, 0);
    if most > 0 {
        let size = blind(&mut bytes, size, most);
        bytes.truncate(size);
    }
    bytes
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0x82F6_3B78 } else { 0 })
    })
}

/// Numbers that follow from a seed (a linear congruence, its upper half).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    fn below(&mut self, bound: usize) -> usize {
        self.next() as usize % bound.max(1)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

#[cfg(test)]
mod tests {
    use realpeer_proto::{Config, Parsed, parse};

    use super::*;
    use crate::vectors::Vector;

    /// Bytes set at random places, as libFuzzer might.
    fn blind(data: &mut [u8], size: usize, max_size: usize) -> usize {
        let size = size.max(1).min(max_size);
        data[size / 2] = data[size / 2].wrapping_add(1);
        size
    }

    #[test]
    fn checksum() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    }

    /// The point of it: most of what comes out of a header is a header again, and not the same.
    #[test]
    fn most_headers_stay_headers() {
        let config = Config::new();
        let is_header = |bytes: &[u8]| matches!(parse(bytes, &config), Ok(Parsed::Complete { .. }));
        let (mut same, mut good, mut all) = (0, 0, 0);
        for bytes in Vector::all().iter().map(Vector::bytes).filter(|bytes| is_header(bytes)) {
            for seed in 0..64 {
                let mut data = [&[0][..], &bytes].concat();
                let size = data.len();
                data.resize(8192, 0);
                let size = mutate(&mut data, size, 8192, seed, Prefix::Settings, &blind);
                same += usize::from(data[1..size] == bytes);
                good += usize::from(is_header(&data[1..size]));
                all += 1;
            }
        }
        assert!(good * 10 > all * 6 && same * 4 < all, "{good} headers, {same} the same, of {all}");
    }
}
