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
        Prefix::Other => (0..32u8).map(|seed| (0..96).map(|at| seed.wrapping_mul(at)).collect()).collect(),
    }
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
