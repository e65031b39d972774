//! Text that others chose, made safe for a terminal and for whoever reads our lines.
//!
//! A client can choose a server name, an ALPN, the name of its UNIX socket and, through them, try to forge a part of
//! our output or to send escape sequences. All text from headers is printed through this file.

use std::borrow::Cow;
use std::fmt;
use std::io;

use serde::Serialize;
use serde_json::ser::Formatter;

/// Shows text between quotation marks, all that can't be printed escaped: control characters, U+007F to U+009F,
/// characters that change the direction of text, and quotation marks themselves.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Returns the text as it is if it can't be taken for anything else than one word, and [`Quoted`] otherwise.
pub(crate) fn word(text: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"[]:./@_-+%".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) { text.into() } else { Quoted(text).to_string().into() }
}

/// Returns the text with all that can't be printed escaped, without quotation marks: for sentences.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_printable) {
        return text.into();
    }
    let escape =
        |char: char| if is_printable(char) { char.to_string() } else { char.escape_debug().to_string() };
    text.chars().map(escape).collect::<String>().into()
}

/// Returns the bytes as text if all of it can be printed.
pub(crate) fn as_printable(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| text.chars().all(is_printable))
}

fn is_printable(char: char) -> bool {
    matches!(char, '"' | '\'' | '\\') || char.escape_debug().len() == 1
}

/// Bytes in lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Returns the count with `one` if it is 1 and with `many` otherwise, as in "2 bytes".
pub(crate) fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Breaks the text into lines of at most `width` characters, at spaces, or anywhere in words that are longer.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if !line.is_empty() && line.chars().count() + 1 + word.len() > width {
            lines.push(std::mem::take(&mut line));
        }
        while word.len() > width {
            let rest = word.split_off(width);
            lines.push(word.into_iter().collect());
            word = rest;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word);
    }
    lines.push(line);
    lines
}

/// Serializes to one line of JSON in which every character that can't be printed is escaped.
///
/// # Errors
///
/// Those of `value`.
pub(crate) fn json_line(value: &impl Serialize) -> serde_json::Result<String> {
    let mut line = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut line, Escaping))?;
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// `serde_json` writes U+007F and beyond as they are; terminals obey some of them.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        escape_json(out, text)
    }

    /// An `id` of `decode --jsonl`. Outside of strings only white space can be a control character.
    fn write_raw_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        escape_json(out, &text.replace(['\t', '\r', '\n'], " "))
    }
}

fn escape_json<W: ?Sized + io::Write>(out: &mut W, text: &str) -> io::Result<()> {
    let mut rest = text;
    while let Some(at) = rest.find(|char: char| !is_printable(char)) {
        let (before, after) = rest.split_at(at);
        out.write_all(before.as_bytes())?;
        let mut chars = after.chars();
        if let Some(char) = chars.next() {
            for unit in char.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
        }
        rest = chars.as_str();
    }
    out.write_all(rest.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_own_quotation() {
        assert_eq!(Quoted("a\", b").to_string(), r#""a\", b""#);
        assert_eq!(Quoted("\\\u{1b}[2J\u{85}\u{202e}").to_string(), r#""\\\u{1b}[2J\u{85}\u{202e}""#);
    }

    #[test]
    fn only_what_looks_like_one_word_stands_without_quotation_marks() {
        assert_eq!(word("unix:/run/client"), "unix:/run/client");
        assert_eq!(word("[2001:db8::1]:443"), "[2001:db8::1]:443");
        assert_eq!(word("unix:/a -> 192.0.2.1:80"), "\"unix:/a -> 192.0.2.1:80\"");
        assert_eq!(word(""), "\"\"");
    }

    #[test]
    fn json_holds_no_control_or_bidi_character_and_reads_back_the_same() {
        let text: String = (0..=0x2fff).chain(0xe0000..0xe0080).filter_map(char::from_u32).collect();
        let line = json_line(&text).unwrap();
        assert!(line.chars().all(|char| !char.is_control()), "{line}");
        for char in
            ['\u{7f}', '\u{9b}', '\u{61c}', '\u{200e}', '\u{202e}', '\u{2066}', '\u{2028}', '\u{e0001}']
        {
            assert!(!line.contains(char), "{char:?}");
        }
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }

    #[test]
    fn sentences_keep_their_quotation_marks() {
        assert_eq!(printable("it's \"é\"\r\u{9b}"), "it's \"é\"\\r\\u{9b}");
    }

    #[test]
    fn lines_are_broken_at_spaces() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("fits", 4), ["fits"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap("a much-too-long b", 6), ["a", "much-t", "oo-lon", "g b"]);
    }
}
