//! The forms in which bytes are handed over as text, told apart by themselves.

pub mod base64;
pub mod hex;

use std::fmt;

/// A form of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The bytes themselves.
    Raw,
    /// Hexadecimal digits, in any shape that [`hex::parse`] reads.
    Hex,
    /// Base64.
    Base64,
    /// A pcap or pcapng file.
    Capture,
}

/// The first bytes of every v2 header.
pub const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Tells in which form the bytes of `input` are. Text that could be anything is raw.
#[must_use]
pub fn detect(input: &[u8]) -> Form {
    if is_capture(input) {
        return Form::Capture;
    }
    if begins_like_a_header(input) || !is_text(input) {
        return Form::Raw;
    }
    let text = String::from_utf8_lossy(input);
    if hex::parse(&text).is_ok() {
        Form::Hex
    } else if base64::decode(&text).is_ok_and(|bytes| begins_like_a_header(&bytes)) {
        Form::Base64
    } else if text.lines().any(hex::is_dump_line) {
        // A dump with something wrong in it: whoever reads it as hex is told what.
        Form::Hex
    } else {
        Form::Raw
    }
}

/// Returns whether the bytes start like a pcap or pcapng file.
#[must_use]
pub fn is_capture(input: &[u8]) -> bool {
    const MAGIC: [[u8; 4]; 5] = [
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x0a, 0x0d, 0x0d, 0x0a],
    ];
    MAGIC.iter().any(|magic| input.starts_with(magic))
}

/// Returns whether the bytes start like a header of either version, as far as there are any: at least 5 must match.
#[must_use]
pub fn begins_like_a_header(input: &[u8]) -> bool {
    input.starts_with(b"PROXY") || input.get(..5).is_some_and(|start| SIGNATURE.starts_with(start))
}

fn is_text(input: &[u8]) -> bool {
    let text = std::str::from_utf8(input);
    text.is_ok_and(|text| text.chars().all(|char| !char.is_control() || matches!(char, '\t' | '\r' | '\n')))
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw bytes",
            Self::Hex => "hexadecimal digits",
            Self::Base64 => "base64",
            Self::Capture => "a capture file",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_apart() {
        let cases: [(&[u8], Form); 12] = [
            (b"PROXY UNKNOWN\r\n", Form::Raw),
            (b"PROXY TCP4 face beef\n", Form::Raw),
            (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", Form::Raw),
            (b"GET / HTTP/1.1\r\n\r\n", Form::Raw),
            (b"", Form::Raw),
            (b"0d0a0d0a000d0a515549540a2000000000", Form::Hex),
            (b"00000000: 0d0a 0d0a 000d 0a51 5549 540a 2000 0000  ....\n", Form::Hex),
            (b"00000000: 0d0a 0dZZ\n", Form::Hex),
            (b"DQoNCgANClFVSVQKIAAAAA==\n", Form::Base64),
            (b"UFJPWFkgVU5LTk9XTg0K", Form::Base64),
            (b"\xd4\xc3\xb2\xa1\x02\0\x04\0", Form::Capture),
            (b"\n\r\r\n\x1c\0\0\0", Form::Capture),
        ];
        for (input, form) in cases {
            assert_eq!(detect(input), form, "{}", input.escape_ascii());
        }
    }
}
