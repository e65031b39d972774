//! Hexadecimal dumps in the shapes that programs write: bare digits, spaces, colons, commas, `0x`, `\x`, C arrays, and
//! the tables of xxd, hexdump -C, od, Wireshark and tcpdump -x, with offsets and a column of text.

use std::fmt;

/// The bytes of a dump.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dump {
    /// One run of bytes, or one for each packet where offsets began anew.
    pub runs: Vec<Vec<u8>>,
}

/// What in a text is not a hexadecimal dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HexError {
    /// The line, counted from 1; 0 if there was no digit at all.
    pub line: usize,
    /// What was found there.
    pub found: String,
}

/// Reads a dump.
///
/// Tables are known by the offset at the start of the first line: a colon after it, or 0. The lines of tcpdump
/// between packets are skipped.
///
/// # Errors
///
/// [`HexError`] for the first line that can't be read.
pub fn parse(text: &str) -> Result<Dump, HexError> {
    let lines: Vec<&str> = text.lines().collect();
    // od counts in octal digits unless it is told otherwise.
    let table = [16, 8].map(|radix| is_table(&lines, radix).then(|| parse_table(&lines, radix)));
    let dump = match table {
        [Some(Ok(dump)), _] | [_, Some(Ok(dump))] => dump,
        [Some(error), _] | [None, Some(error)] => error?,
        [None, None] => parse_plain(&lines)?,
    };
    if dump.runs.iter().all(Vec::is_empty) {
        return Err(HexError { line: 0, found: String::new() });
    }
    Ok(dump)
}

/// Returns whether the line begins with an offset and a colon, as those of xxd and tcpdump do.
#[must_use]
pub fn is_dump_line(line: &str) -> bool {
    offset(line, 16).is_some_and(|offset| offset.colon)
}

/// An offset at the start of a line.
#[derive(Clone, Copy, Debug)]
struct Offset<'a> {
    value: usize,
    colon: bool,
    rest: &'a str,
}

/// The offset of a line, or what looks like one: 4 to 16 digits, then a colon or white space.
fn offset(line: &str, radix: u32) -> Option<Offset<'_>> {
    let line = line.trim_start();
    let line = line.strip_prefix("0x").unwrap_or(line);
    let end = line.find(|char: char| !char.is_ascii_hexdigit()).unwrap_or(line.len());
    let (digits, rest) = line.split_at_checked(end)?;
    if !(4..=16).contains(&digits.len()) {
        return None;
    }
    let value = usize::try_from(u64::from_str_radix(digits, radix).ok()?).ok()?;
    let colon = rest.strip_prefix(':').filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
    match colon {
        Some(rest) => Some(Offset { value, colon: true, rest }),
        None if rest.is_empty() || rest.starts_with([' ', '\t']) => {
            Some(Offset { value, colon: false, rest })
        }
        None => None,
    }
}

/// It is a table if there are colons; without them, if the first line starts with 0 and the second counts up.
fn is_table(lines: &[&str], radix: u32) -> bool {
    if lines.iter().any(|line| offset(line, radix).is_some_and(|offset| offset.colon)) {
        return true;
    }
    let mut offsets = lines.iter().filter(|line| !line.trim().is_empty()).map(|line| offset(line, radix));
    let Some(Some(Offset { value: 0, rest, .. })) = offsets.next() else { return false };
    match offsets.next() {
        Some(Some(second)) => {
            // A dump of 0 bytes in groups would not count up.
            second.value > 0 && second.value <= rest.len()
        }
        // In a single line, digits in another width than the offset's.
        _ => rest.split_whitespace().next().is_some_and(|word| word.len() == 2),
    }
}

/// How many bytes a line has where the next line does not tell.
const USUAL_WIDTH: usize = 16;

fn parse_table(lines: &[&str], radix: u32) -> Result<Dump, HexError> {
    let offsets: Vec<_> = lines.iter().map(|line| offset(line, radix)).collect();
    let colons = offsets.iter().flatten().any(|offset| offset.colon);
    let counts = |offset: &Offset<'_>| !colons || offset.colon;
    let mut runs: Vec<Vec<u8>> = Vec::new();
    let mut width = USUAL_WIDTH;
    for (index, at) in offsets.iter().enumerate() {
        let Some(at) = at.as_ref().filter(|offset| counts(offset)) else {
            match lines.get(index).map(|line| line.trim()) {
                // Between packets tcpdump writes its own lines; hexdump marks repeated lines.
                Some("") | None => continue,
                Some(_) if colons => continue,
                Some(line) => return Err(HexError { line: index + 1, found: short(line) }),
            }
        };
        if at.value == 0 || runs.is_empty() {
            runs.push(Vec::new());
        }
        let next = offsets.get(index + 1).and_then(Option::as_ref).filter(|offset| counts(offset));
        let known = next.and_then(|next| next.value.checked_sub(at.value)).filter(|&width| width > 0);
        width = known.unwrap_or(width.max(USUAL_WIDTH));
        let bytes = row(at.rest, width, known.is_some())
            .map_err(|found| HexError { line: index + 1, found: short(found) })?;
        if let Some(run) = runs.last_mut() {
            run.extend_from_slice(&bytes);
        }
    }
    Ok(Dump { runs })
}

/// The bytes of a line, at most `width`, without the column of text after them. In a row that is known to be full all
/// of them must be there.
fn row(text: &str, width: usize, full: bool) -> Result<Vec<u8>, &str> {
    let text = text.trim_start();
    let text = text.split_once('|').map_or(text, |(digits, _)| digits);
    let mut bytes = Vec::new();
    let mut rest = text;
    while bytes.len() < width {
        let trimmed = rest.trim_start_matches([' ', '\t']);
        let gap = rest.len() - trimmed.len();
        let end = trimmed.find([' ', '\t']).unwrap_or(trimmed.len());
        let (word, after) = trimmed.split_at_checked(end).unwrap_or((trimmed, ""));
        if word.is_empty() {
            break;
        }
        // A wide gap stands before the text; hexdump has one of two spaces in the middle of 16 bytes.
        let before_text = gap > 2 || gap == 2 && bytes.len() != 8;
        if !full && before_text && !bytes.is_empty() {
            break;
        }
        match pairs(word) {
            Some(more) if bytes.len() + more.len() <= width => bytes.extend(more),
            _ if full || bytes.is_empty() => return Err(word),
            _ => break,
        }
        rest = after;
    }
    Ok(bytes)
}

/// The bytes of an even number of digits.
fn pairs(word: &str) -> Option<Vec<u8>> {
    if word.len() % 2 == 1 {
        return None;
    }
    word.as_bytes().chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

fn parse_plain(lines: &[&str]) -> Result<Dump, HexError> {
    let mut bytes = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let error = |found: &str| HexError { line: index + 1, found: short(found) };
        let separators = |char: char| char.is_ascii_whitespace() || ",;:-{}[]()\"'".contains(char);
        for word in line.split(separators).filter(|word| !word.is_empty()) {
            bytes.extend(plain_word(word).ok_or_else(|| error(word))?);
        }
    }
    Ok(Dump { runs: vec![bytes] })
}

/// `0d0a`, `0x0d0a`, `0xd`, `\x0d\x0a`.
fn plain_word(word: &str) -> Option<Vec<u8>> {
    if let Some(escapes) = word.strip_prefix("\\x") {
        let bytes = escapes.split("\\x").map(|pair| (pair.len() == 2).then(|| pairs(pair)).flatten());
        return bytes.map(|byte| byte?.first().copied()).collect();
    }
    let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    match digits {
        Some(one) if one.len() == 1 => digit(*one.as_bytes().first()?).map(|byte| vec![byte]),
        Some("") => None,
        Some(digits) => pairs(digits),
        None => pairs(word),
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

fn short(text: &str) -> String {
    text.chars().take(20).collect()
}

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str("there is no hexadecimal digit"),
            line => write!(f, "line {line}: {:?} is not a pair of hexadecimal digits", self.found),
        }
    }
}

impl std::error::Error for HexError {}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

    fn bytes(text: &str) -> Vec<u8> {
        parse(text).unwrap_or_else(|error| panic!("{error} in {text}")).runs.concat()
    }

    #[test]
    fn digits_without_offsets() {
        for text in [
            "0d0a0d0a000d0a515549540a20000000",
            "0D0A 0D0A 000D 0A51 5549 540A 2000 0000\n",
            "0d 0a 0d 0a 00 0d 0a 51\r\n55 49 54 0a 20 00 00 00\r\n",
            "0d:0a:0d:0a:00:0d:0a:51:55:49:54:0a:20:00:00:00",
            "0x0d, 0xa, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x20, 0x0, 0x0, 0x00",
            "{ 0x0d0a0d0a, 0x000d0a51, 0x5549540a, 0x20000000 };",
            "\"\\x0d\\x0a\\x0d\\x0a\\x00\\x0d\\x0a\\x51\\x55\\x49\\x54\\x0a\" \"\\x20\\x00\\x00\\x00\"",
            "0x0d0a0d0a000d0a515549540a20000000",
        ] {
            assert_eq!(bytes(text), LOCAL, "{text}");
        }
    }

    #[test]
    fn tables_of_xxd_hexdump_od_and_wireshark() {
        for text in [
            "00000000: 0d0a 0d0a 000d 0a51 5549 540a 2000 0000  .......QUIT. ...\n",
            "00000000: 0d 0a 0d 0a 00 0d 0a 51  ab cd .Q\n00000008: 55 49 54 0a 20 00 00 00  UIT. ...\n",
            "00000000: 0d0a0d0a 000d0a51 5549540a 20000000  .......QUIT. ...\n",
            "00000000  0d 0a 0d 0a 00 0d 0a 51  55 49 54 0a 20 00 00 00  |.......QUIT. ...|\n00000010\n",
            "0000000 0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a 20 00 00 00\n0000010\n",
            "0000000 0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a\n0000014 20 00 00 00\n0000020\n",
            "0000   0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a 20 00 00 00   .......QUIT. ...",
            "00000000: 0d0a 0d0a 000d 0a51  .......Q\n00000008: 5549 540a 2000 0000  UIT. ...\n",
        ] {
            assert_eq!(bytes(text), LOCAL, "{text}");
        }
    }

    #[test]
    fn the_column_of_text_is_no_data_even_if_it_looks_like_some() {
        let text = "00000000: 5052 4f58 5920 5443 5034 2066 6163 6520  PROXY TCP4 face \n\
                    00000010: 6162 6364                                abcd\n";
        assert_eq!(bytes(text), b"PROXY TCP4 face abcd");
    }

    #[test]
    fn a_run_for_each_packet_of_tcpdump() {
        let text = "12:00:00.1 IP 127.0.0.1.1 > 127.0.0.1.2: Flags [S]\n\
                    \t0x0000:  4500 0001 beef                           E.....\n\
                    12:00:00.2 IP 127.0.0.1.1 > 127.0.0.1.2: Flags [P.]\n\
                    \t0x0000:  4500 0002 0003 0004 0005 0006 0007 0008\n\
                    \t0x0010:  dead\n";
        let runs = parse(text).unwrap().runs;
        assert_eq!(runs.len(), 2);
        assert_eq!(runs[0], [0x45, 0, 0, 1, 0xbe, 0xef]);
        assert_eq!(runs[1].len(), 18);
    }

    #[test]
    fn an_error_names_the_line() {
        let cases = [
            ("0d0\n", 1, "0d0"),
            ("0d\nxy\n", 2, "xy"),
            ("", 0, ""),
            ("00000000: zz", 1, "zz"),
            ("0x", 1, "0x"),
        ];
        for (text, line, found) in cases {
            assert_eq!(parse(text), Err(HexError { line, found: found.into() }), "{text:?}");
        }
    }
}
