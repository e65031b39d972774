//! Inputs to begin with, and words for the mutator, made from the vectors and captures.

use std::collections::BTreeSet;

use super::{Prefix, Target};
use crate::vectors::Vector;

/// The inputs that fuzzing a target begins with.
pub fn seeds(target: &Target) -> BTreeSet<Vec<u8>> {
    let rows: Vec<_> = Vector::all().into_iter().chain(Vector::captures()).collect();
    let short = rows.iter().map(Vector::bytes).filter(|bytes| bytes.len() <= 512);
    match target.prefix {
        Prefix::Settings => short.map(|bytes| [&[0][..], &bytes].concat()).collect(),
        // Polls and reads of a few kinds; what the numbers mean is up to `arbitrary`.
        Prefix::Script => short
            .enumerate()
            .map(|(index, bytes)| {
                let script: Vec<u8> = (0..24).map(|step| (index * 7 + step * 37) as u8).collect();
                [&[0, script.len() as u8][..], &script, &bytes].concat()
            })
            .collect(),
        Prefix::Tlvs => rows
            .iter()
            .filter_map(|row| row.tlvs.as_ref())
            .map(|tlvs| {
                tlvs.iter().fold(Vec::new(), |mut bytes, (kind, value)| {
                    let value = crate::vectors::unhex(value);
                    bytes.push(*kind);
                    bytes.extend((value.len() as u16).to_be_bytes());
                    bytes.extend(value);
                    bytes
                })
            })
            .filter(|bytes| (1..=512).contains(&bytes.len()))
            .collect(),
        Prefix::Files => short.enumerate().map(|(index, bytes)| file(index, &bytes)).collect(),
        Prefix::Other => (0..32u8).map(|seed| (0..96).map(|at| seed.wrapping_mul(at)).collect()).collect(),
    }
}

/// The bytes of a stream as people have them: a capture of two segments on one of several links, or digits.
fn file(index: usize, bytes: &[u8]) -> Vec<u8> {
    let hex = || bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x} "));
    match index % 8 {
        0 => return hex().into_bytes(),
        1 => return format!("00000000: {} ....", hex()).into_bytes(),
        _ => {}
    }
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let segment = |sequence: u8, flags: u8, payload: &[u8]| {
        let len = (40 + payload.len() as u16).to_be_bytes();
        let ip = [0x45, 0, len[0], len[1], 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        let tcp = [0x12, 0x34, 0, 80, 0, 0, 0, sequence, 0, 0, 0, 0, 0x50, flags, 1, 0, 0, 0, 0, 0];
        [&ip[..], &tcp, payload].concat()
    };
    let (link, before): (u32, &[u8]) = match index % 8 {
        2 => (0, &[2, 0, 0, 0]),
        3 => (101, &[]),
        4 => (113, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0]),
        5 => (1, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x81, 0, 0, 7, 8, 0]),
        _ => (1, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0]),
    };
    let mut file: Vec<u8> = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, link]
        .iter()
        .flat_map(|field: &u32| field.to_le_bytes())
        .collect();
    let start = 1 + first.len() as u8;
    for packet in [segment(0, 2, b""), segment(start, 16, second), segment(1, 16, first)] {
        let packet = [before, &packet].concat();
        let len = packet.len() as u32;
        file.extend([0, 0, len, len].iter().flat_map(|field: &u32| field.to_le_bytes()));
        file.extend(packet);
    }
    file
}

/// The dictionary, in libFuzzer's form.
pub fn dictionary() -> String {
    let words: &[&[u8]] = &[
        b"\r\n\r\n\0\r\nQUIT\n",
        b"PROXY TCP4 ",
        b"PROXY TCP6 ",
        b"PROXY UNKNOWN",
        b"\r\n",
        b"::",
        b"::ffff:",
        b"0.0.0.0",
        b"255.255.255.255",
        b"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        b" 65535",
        b" 0",
        b"\x20\x00\x00\x00",
        b"\x21\x00\x00\x00",
        b"\x21\x11\x00\x0c",
        b"\x21\x12\x00\x0c",
        b"\x21\x21\x00\x24",
        b"\x21\x22\x00\x24",
        b"\x21\x31\x00\xd8",
        b"\x21\x32\x00\xd8",
        b"\x01\x00\x02h2",
        b"\x02\x00\x00",
        b"\x03\x00\x04",
        b"\x04\x00\x00",
        b"\x05\x00\x80",
        b"\x05\x00\x81",
        b"\x20\x00\x05\x01\x00\x00\x00\x00",
        b"\x21\x00\x07TLSv1.3",
        b"\x22\x00\x01",
        b"\x28\x00\x01",
        b"\x30\x00\x01",
        b"\xe0\x00\x08",
        b"\xea\x00\x02\x01",
        b"\xee\x00\x05\x01",
    ];
    words.iter().fold(String::new(), |lines, word| {
        let escaped = word.iter().fold(String::new(), |text, byte| match byte {
            b' '..=b'~' if !b"\"\\".contains(byte) => text + std::str::from_utf8(&[*byte]).unwrap(),
            _ => format!("{text}\\x{byte:02x}"),
        });
        lines + &format!("\"{escaped}\"\n")
    })
}
