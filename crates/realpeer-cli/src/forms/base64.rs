//! Base64, of either alphabet, with or without padding and line ends (RFC 4648).

use std::fmt;

/// What isn't base64 about a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base64Error {
    /// A character of no alphabet, or one after the padding.
    Character {
        /// Where, counted in characters from 1.
        at: usize,
        /// Which.
        found: char,
    },
    /// The number of characters leaves a rest that is no byte.
    Length,
}

/// Decodes `text`, white space ignored.
///
/// # Errors
///
/// [`Base64Error`].
pub fn decode(text: &str) -> Result<Vec<u8>, Base64Error> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count, mut padding) = (0u32, 0usize, 0usize);
    for (index, found) in text.chars().enumerate() {
        let value = match found {
            _ if found.is_ascii_whitespace() => continue,
            '=' if padding < 2 => {
                padding += 1;
                continue;
            }
            'A'..='Z' => u32::from(found) - u32::from('A'),
            'a'..='z' => u32::from(found) - u32::from('a') + 26,
            '0'..='9' => u32::from(found) - u32::from('0') + 52,
            '+' | '-' => 62,
            '/' | '_' => 63,
            _ => return Err(Base64Error::Character { at: index + 1, found }),
        };
        if padding > 0 {
            return Err(Base64Error::Character { at: index + 1, found });
        }
        bits = bits << 6 | value;
        count += 1;
        if count % 4 == 0 {
            bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
            bits = 0;
        }
    }
    match (count % 4, padding) {
        (0, 0) => {}
        (2, 0 | 2) => bytes.push((bits >> 4) as u8),
        (3, 0 | 1) => bytes.extend_from_slice(&((bits >> 2) as u16).to_be_bytes()),
        _ => return Err(Base64Error::Length),
    }
    Ok(bytes)
}

impl fmt::Display for Base64Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character { at, found } => write!(f, "{found:?} at character {at} is not base64"),
            Self::Length => f.write_str("not the right number of characters for base64"),
        }
    }
}

impl std::error::Error for Base64Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_with_and_without_padding() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zg", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v\nYmFy\r\n", b"foobar"),
            ("-_-_", b"\xfb\xff\xbf"),
            ("+/+/", b"\xfb\xff\xbf"),
        ] {
            assert_eq!(decode(text).as_deref(), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_base64_is_an_error() {
        assert_eq!(decode("Z"), Err(Base64Error::Length));
        assert_eq!(decode("Zg="), Err(Base64Error::Length));
        assert_eq!(decode("Zg===="), Err(Base64Error::Character { at: 5, found: '=' }));
        assert_eq!(decode("Zm=v"), Err(Base64Error::Character { at: 4, found: 'v' }));
        assert_eq!(decode("Zm9v!"), Err(Base64Error::Character { at: 5, found: '!' }));
    }
}
