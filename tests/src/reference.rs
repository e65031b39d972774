//! A second decoder of PROXY headers, written from the specification alone and slow on purpose. Differential
//! tests hold the real decoder against it.
//!
//! Version 1 is a grammar, followed along all its ways at once: what is left to match tells what is missing.
//! Version 2 tries every value for each byte that has not arrived.
//! R-numbers are those of the specification checklist. "Ours" marks what the specification leaves open.

use std::net::{IpAddr, SocketAddr};
use std::ops::{Range, RangeInclusive};
use std::sync::LazyLock;

/// What the receiver is set to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Text headers (section 2.1).
    pub v1: bool,
    /// Binary headers (section 2.2).
    pub v2: bool,
    /// The longest header in bytes; v1 never goes beyond 107.
    pub max_header_len: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self { v1: true, v2: true, max_header_len: 16 + 65_535 }
    }
}

/// What the bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// They begin with a header.
    Accept(Decoded),
    /// Neither they nor any continuation of them begin with a header.
    Reject,
    /// Some continuation of them is a header. (A wrong checksum tells only when the whole header is here.)
    Incomplete {
        /// A lower bound on the bytes missing. v1: exactly the fewest with which it can be a header.
        /// v2: those missing of the first 16, then those missing of the length announced.
        at_least: usize,
    },
}

/// A header, in the words of the conformance data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// 1 or 2.
    pub version: u8,
    /// `local` or `proxy`.
    pub command: &'static str,
    /// `inet`, `inet6`, `unix` or `unspec`.
    pub family: &'static str,
    /// `stream`, `dgram` or `unspec`.
    pub transport: &'static str,
    /// As [`SocketAddr`] prints it, or `unix:` and the path in hex without trailing NULs.
    pub src: Option<String>,
    /// Like `src`.
    pub dst: Option<String>,
    /// The header's bytes; what follows is payload.
    pub header_len: usize,
    /// Type and value, in order, the CRC32C's too.
    pub tlvs: Vec<(u8, Vec<u8>)>,
}

/// Decodes the header at the start of `input`.
pub fn decode(input: &[u8], rules: &Rules) -> Outcome {
    let text = if rules.v1 { decode_v1(input, rules.max_header_len) } else { Outcome::Reject };
    let binary = if rules.v2 { decode_v2(input, rules.max_header_len) } else { Outcome::Reject };
    match (text, binary) {
        (Outcome::Incomplete { at_least: a }, Outcome::Incomplete { at_least: b }) => {
            Outcome::Incomplete { at_least: a.min(b) }
        }
        (Outcome::Reject, outcome) | (outcome, _) => outcome, // R58: they differ in the first byte
    }
}

// Version 1, section 2.1

/// A grammar.
#[derive(Debug, Clone)]
enum Grammar {
    /// One of these bytes.
    Byte(&'static str),
    /// All of them, one after the other.
    Seq(Vec<Grammar>),
    /// One of them, and the length of the shortest text that any of them matches.
    OneOf(Vec<Grammar>, usize),
    /// Any number of any bytes.
    Anything,
}
use Grammar::{Anything, Byte, OneOf, Seq};

const DIGIT: Grammar = Byte("0123456789");

fn text(literal: &'static str) -> Grammar {
    Seq((0..literal.len()).map(|i| Byte(&literal[i..=i])).collect())
}

fn one_of(options: impl IntoIterator<Item = Grammar>) -> Grammar {
    let options: Vec<_> = options.into_iter().collect();
    let shortest = options.iter().map(shortest).min().unwrap_or(0);
    OneOf(options, shortest)
}

fn maybe(part: Grammar) -> Grammar {
    one_of([text(""), part])
}

fn joined(part: &Grammar, count: usize, separator: &'static str) -> Grammar {
    Seq((0..count).map(|i| Seq(vec![text(if i == 0 { "" } else { separator }), part.clone()])).collect())
}

/// R15: `PROXY` SP protocol SP source SP destination SP port SP port CRLF.
static LINE: LazyLock<Grammar> = LazyLock::new(|| {
    let digits = |count| Seq(vec![DIGIT; count]);

    // R20: 0..255 without heading zeros; four of them with single dots.
    let octet = one_of([
        DIGIT,
        Seq(vec![Byte("123456789"), DIGIT]),
        Seq(vec![text("1"), digits(2)]),
        Seq(vec![text("2"), Byte("01234"), DIGIT]),
        Seq(vec![text("25"), Byte("012345")]),
    ]);
    let ipv4 = joined(&octet, 4, ".");

    // R21, and ours: groups of one to four digits; `::` once, for one group or more; a dotted tail for the
    // last two groups.
    let hex = || Byte("0123456789abcdefABCDEF");
    let group = Seq(vec![hex(), maybe(Seq(vec![hex(), maybe(Seq(vec![hex(), maybe(hex())]))]))]);
    let groups = |count| joined(&group, count, ":");
    let dotted_after =
        |count| Seq(vec![groups(count), text(if count == 0 { "" } else { ":" }), ipv4.clone()]);
    let mut forms = vec![groups(8), dotted_after(6)];
    for left in 0..=7 {
        let right = (0..=7).filter(|right| left + right <= 7).map(groups);
        let dotted_right = (0..=5).filter(|right| left + right + 2 <= 7).map(dotted_after);
        forms.push(Seq(vec![groups(left), text("::"), one_of(right.chain(dotted_right))]));
    }
    let ipv6 = one_of(forms);

    // R23: 0..65535 without heading zeros.
    let port = one_of([
        DIGIT,
        Seq(vec![Byte("123456789"), DIGIT, maybe(Seq(vec![DIGIT, maybe(DIGIT)]))]),
        Seq(vec![Byte("12345"), digits(4)]),
        Seq(vec![text("6"), Byte("01234"), digits(3)]),
        Seq(vec![text("65"), Byte("01234"), digits(2)]),
        Seq(vec![text("655"), Byte("012"), DIGIT]),
        Seq(vec![text("6553"), Byte("012345")]),
    ]);

    // R16, R19, R22: the protocol dictates the form of both addresses; one space between fields.
    let endpoints = |address: Grammar| {
        Seq(vec![address.clone(), text(" "), address, text(" "), port.clone(), text(" "), port.clone()])
    };
    // R17 and ours: what follows UNKNOWN and a space is ignored up to the first CRLF.
    let protocol = one_of([
        Seq(vec![text("TCP4 "), endpoints(ipv4)]),
        Seq(vec![text("TCP6 "), endpoints(ipv6)]),
        Seq(vec![text("UNKNOWN"), maybe(Seq(vec![text(" "), Anything]))]),
    ]);
    // R24, R29.
    Seq(vec![text("PROXY "), protocol, text("\r\n")])
});

fn decode_v1(input: &[u8], max_header_len: usize) -> Outcome {
    let limit = max_header_len.min(107); // R27
    // Each way through the grammar is the list of what is left to match, what comes next at its end.
    let mut ways: Vec<Vec<&Grammar>> = vec![vec![&*LINE]];
    for (at, &byte) in input.iter().enumerate() {
        let mut after = Vec::new();
        for way in ways {
            step(way, byte, &mut after);
        }
        if after.iter().any(Vec::is_empty) {
            let line = &input[..=at];
            return if line.len() <= limit { Outcome::Accept(read_v1(line)) } else { Outcome::Reject };
        }
        ways = after;
    }
    let fewest = |way: &Vec<&Grammar>| way.iter().map(|part| shortest(part)).sum();
    match ways.iter().map(fewest).min() {
        Some(at_least) if input.len() + at_least <= limit => Outcome::Incomplete { at_least },
        _ => Outcome::Reject, // R30, and no way is left
    }
}

/// Puts into `after` every way that is left of this `way` when `byte` has been matched.
fn step<'g>(mut way: Vec<&'g Grammar>, byte: u8, after: &mut Vec<Vec<&'g Grammar>>) {
    let Some(next) = way.pop() else { return };
    match next {
        Byte(set) if set.as_bytes().contains(&byte) => after.push(way),
        Byte(_) => {}
        Seq(parts) => {
            way.extend(parts.iter().rev());
            step(way, byte, after);
        }
        OneOf(options, _) => {
            for option in options {
                let mut way = way.clone();
                way.push(option);
                step(way, byte, after);
            }
        }
        Anything => {
            step(way.clone(), byte, after); // it ended before this byte
            way.push(next); // or goes on after it
            after.push(way);
        }
    }
}

/// The length of the shortest text that matches.
fn shortest(grammar: &Grammar) -> usize {
    match grammar {
        Byte(..) => 1,
        Seq(parts) => parts.iter().map(shortest).sum(),
        OneOf(_, shortest) => *shortest,
        Anything => 0,
    }
}

/// The meaning of a line that the grammar matched. The standard library reads the numbers.
fn read_v1(line: &[u8]) -> Decoded {
    let line_text = String::from_utf8_lossy(&line[..line.len() - 2]);
    let fields: Vec<&str> = line_text.split(' ').collect();
    let endpoint = |ip: usize, port: usize| match (fields[ip].parse::<IpAddr>(), fields[port].parse()) {
        (Ok(ip), Ok(port)) => Some(SocketAddr::new(ip, port).to_string()),
        _ => unreachable!("the grammar takes what std does not: {line_text:?}"),
    };
    let (family, transport, src, dst) = match fields[1] {
        "TCP4" => ("inet", "stream", endpoint(2, 4), endpoint(3, 5)),
        "TCP6" => ("inet6", "stream", endpoint(2, 4), endpoint(3, 5)),
        _ => ("unspec", "unspec", None, None), // R31
    };
    let header_len = line.len();
    Decoded { version: 1, command: "proxy", family, transport, src, dst, header_len, tlvs: Vec::new() }
}

// Version 2, section 2.2

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n"; // R34
const CRC32C: u8 = 0x03;
const UNIQUE_ID: u8 = 0x05;
const SSL: u8 = 0x20;

/// How many bytes of addresses stand at byte 16, by the command and the 14th byte: none when the block is
/// skipped, `None` when no header has these two bytes.
fn address_len(version_command: u8, family_transport: u8) -> Option<usize> {
    match (version_command, family_transport >> 4, family_transport & 0x0F) {
        // R36: LOCAL, whatever the family. R39, R44; ours: UNSPEC in either nibble is accepted.
        (0x20, _, _) | (0x21, 0, 0..=2) | (0x21, 0..=3, 0) => Some(0),
        (0x21, 1, 1 | 2) => Some(2 * 4 + 2 * 2),  // R40, R45
        (0x21, 2, 1 | 2) => Some(2 * 16 + 2 * 2), // R41, R45
        (0x21, 3, 1 | 2) => Some(2 * 108),        // R42
        _ => None,                                // R35, R38, R43, R46
    }
}

fn decode_v2(input: &[u8], max_header_len: usize) -> Outcome {
    if !v2_possible(input, max_header_len) {
        return Outcome::Reject;
    }
    if input.len() < 16 {
        return Outcome::Incomplete { at_least: 16 - input.len() };
    }
    let end = 16 + usize::from(u16::from_be_bytes(array(input, 14))); // R50
    let Some(header) = input.get(..end) else {
        return Outcome::Incomplete { at_least: end - input.len() };
    };
    read_v2(header).map_or(Outcome::Reject, Outcome::Accept)
}

/// Whether some continuation of `input` is a header. Of a CRC32C only the length and number are judged here.
fn v2_possible(input: &[u8], max_header_len: usize) -> bool {
    let possible = |version_command, family_transport| {
        let Some(addresses) = address_len(version_command, family_transport) else { return false };
        let fits = |&len: &usize| addresses <= len && 16 + len <= max_header_len;
        lengths(input, 14).filter(fits).any(|len| block_possible(input, addresses, 16 + len))
    };
    max_header_len >= 16
        && input.iter().zip(SIGNATURE).all(|(byte, expected)| byte == expected)
        && choices(input, 12).any(|command| choices(input, 13).any(|family| possible(command, family)))
}

/// The values that the byte at `at` can have: the one that has arrived, else all.
fn choices(input: &[u8], at: usize) -> RangeInclusive<u8> {
    input.get(at).map_or(0..=255, |&byte| byte..=byte)
}

/// The values that the two-byte length at `at` can have.
fn lengths(input: &[u8], at: usize) -> impl Iterator<Item = usize> {
    let low = choices(input, at + 1);
    choices(input, at)
        .flat_map(move |high| low.clone().map(move |low| u16::from_be_bytes([high, low]).into()))
}

fn block_possible(input: &[u8], addresses: usize, end: usize) -> bool {
    if addresses > 0 {
        return can_tile(input, 16 + addresses, end, false);
    }
    // R36, and ours: a skipped block can hold anything.
    true
}

/// R60: whether the bytes from `at` to `end`, those that have arrived and any for the others, are whole TLVs
/// that obey the rules of their types. Inside SSL types have no rules.
fn can_tile(input: &[u8], mut at: usize, end: usize, inside_ssl: bool) -> bool {
    let mut crc_seen = false;
    while at < end {
        if end - at < 3 {
            return false;
        }
        let Some(&kind) = input.get(at) else { return true }; // one NOOP can take up all that is left
        let value = at + 3;
        let fits = |len: usize| {
            let allowed = match kind {
                _ if inside_ssl => true,
                CRC32C => len == 4 && !crc_seen, // R64; ours: at most once
                UNIQUE_ID => len <= 128,         // R67
                SSL => len >= 5 && value + len <= end && can_tile(input, value + 5, value + len, true), // R68
                _ => true,                       // R61
            };
            allowed && value + len <= end && !matches!(end - (value + len), 1 | 2)
        };
        let Some(len) = lengths(input, at + 1).find(|&len| fits(len)) else { return false };
        if input.len() < value {
            return true; // then so is all that follows
        }
        crc_seen |= kind == CRC32C;
        at = value + len;
    }
    true
}

/// Where the TLVs from `at` to `end` are, if it is certain that they tile. Their values may not be here yet.
fn tiling(input: &[u8], mut at: usize, end: usize) -> Option<Vec<(u8, Range<usize>)>> {
    let mut tlvs = Vec::new();
    while at < end {
        let &[kind, high, low] = input.get(at..at + 3)? else { return None };
        let value = at + 3;
        at = value + usize::from(u16::from_be_bytes([high, low]));
        tlvs.push((kind, value..at));
    }
    (at == end).then_some(tlvs)
}

/// The meaning of a whole header that is possible, or nothing if its checksum is wrong.
fn read_v2(header: &[u8]) -> Option<Decoded> {
    let command = if header[12] == 0x20 { "local" } else { "proxy" };
    let addresses_len = address_len(header[12], header[13])?;
    let (family, transport, src, dst) = if addresses_len == 0 {
        ("unspec", "unspec", None, None) // R36, R39
    } else {
        let (family, src, dst) = addresses(header[13] >> 4, &header[16..]);
        let transport = if header[13] & 0x0F == 1 { "stream" } else { "dgram" };
        (family, transport, Some(src), Some(dst))
    };
    let mut tlvs = tiling(header, 16 + addresses_len, header.len()).unwrap_or_default();
    // R65: store aside, replace with zeros, calculate over the whole header, compare.
    let crcs: Vec<_> =
        tlvs.iter().filter(|(kind, _)| *kind == CRC32C).map(|(_, value)| value.clone()).collect();
    let right = crcs.len() <= 1
        && crcs.into_iter().all(|value| {
            let mut zeroed = header.to_vec();
            zeroed[value.clone()].fill(0);
            value.len() == 4 && crc32c(&zeroed) == u32::from_be_bytes(array(header, value.start))
        });
    if !right && addresses_len > 0 {
        return None;
    }
    if !right {
        tlvs.clear(); // R36: then the block is something else, such as addresses that look like TLVs
    }
    let tlvs = tlvs.into_iter().map(|(kind, value)| (kind, header[value].to_vec())).collect();
    Some(Decoded { version: 2, command, family, transport, src, dst, header_len: header.len(), tlvs })
}

/// R54: source address, destination address, source port, destination port.
fn addresses(family: u8, block: &[u8]) -> (&'static str, String, String) {
    let endpoint = |ip, at| SocketAddr::new(ip, u16::from_be_bytes(array(block, at))).to_string();
    let ipv4 = |at| IpAddr::from(array::<4>(block, at));
    let ipv6 = |at| IpAddr::from(array::<16>(block, at));
    let unix = |at| {
        let path = &block[at..at + 108];
        let used = path.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        path[..used].iter().fold("unix:".to_owned(), |hex, byte| format!("{hex}{byte:02x}"))
    };
    match family {
        1 => ("inet", endpoint(ipv4(0), 8), endpoint(ipv4(4), 10)),
        2 => ("inet6", endpoint(ipv6(0), 32), endpoint(ipv6(16), 34)),
        _ => ("unix", unix(0), unix(108)),
    }
}

/// RFC 4960, appendix B: polynomial 0x1EDC6F41, bits reflected.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
        }
    }
    !crc
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `reject`, `needs` and how many bytes, or the header's length and source.
    fn read(input: impl AsRef<[u8]>, max_header_len: usize) -> String {
        match decode(input.as_ref(), &Rules { max_header_len, ..Rules::default() }) {
            Outcome::Accept(header) => format!("{} {}", header.header_len, header.src.unwrap_or_default()),
            Outcome::Reject => "reject".into(),
            Outcome::Incomplete { at_least } => format!("needs {at_least}"),
        }
    }

    fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let len = u16::try_from(block.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &len[..], block].concat()
    }

    #[test]
    fn r15_to_r23_fields() {
        assert_eq!(read("PROXY TCP4 192.0.2.1 192.0.2.2 80 443\r\nGET /", 107), "39 192.0.2.1:80");
        assert_eq!(read("PROXY TCP6 2001:DB8:0:00::1 ::2 0 65535\r\n", 107), "41 [2001:db8::1]:0");
        for ip in "1:2:3:4:5:6:7:8 1:2:3:4:5:6:7:: 1:2:3:4:5::1.2.3.4 1:2:3:4:5:6:1.2.3.4".split(' ') {
            assert_eq!(read(format!("PROXY TCP6 {ip} "), 107), "needs 8", "{ip}");
        }
        for ip in "1:2:3:4:5:6:7 1:2:3:4:5:6:7::8 1::2::3 :1:: 1:2:3:4:5:6::1.2.3.4 ::%1".split(' ') {
            assert_eq!(read(format!("PROXY TCP6 {ip} "), 107), "reject", "{ip}");
        }
        for ip in "01.2.3.4 256.1.1.1 1.2.3 1.2.3.4.5 ::1".split(' ') {
            assert_eq!(read(format!("PROXY TCP4 {ip} "), 107), "reject", "{ip}");
        }
        for port in "65536 00 +1".split(' ') {
            assert_eq!(read(format!("PROXY TCP4 1.2.3.4 1.2.3.4 {port} "), 107), "reject", "{port}");
        }
    }

    #[test]
    fn r17_r26_r27_r29_line_ends_and_lengths() {
        let longest = format!("PROXY UNKNOWN {:91}\r\n", "");
        for (input, max_header_len, expected) in [
            ("", 999, "needs 15"),
            ("", 14, "reject"),
            ("PROXY UNKNOWN\r\n\r\n", 107, "15 "),
            ("PROXY UNKNOWN a\rb\nc\r\r\n", 107, "22 "),
            ("PROXY UNKNOWNX", 107, "reject"),
            ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", 107, "reject"),
            ("PROXY TCP4 ", 107, "needs 21"), // 1.2.3.4 1.2.3.4 1 2
            ("PROXY TCP6 1:2:3:4:5:6:7", 35, "needs 11"), // :: :: 1 2
            ("PROXY TCP6 1:2:3:4:5:6:7", 34, "reject"),
            (&longest, 999, "107 "),
            (&longest[..105], 999, "needs 2"),
            (&longest.replace('\r', " ")[..106], 999, "reject"),
        ] {
            assert_eq!(read(input, max_header_len), expected, "{input}");
        }
    }

    #[test]
    fn r34_to_r54_first_bytes_and_addresses() {
        let whole = v2(0x21, 0x11, &[192, 0, 2, 1, 192, 0, 2, 2, 0, 80, 1, 187]);
        assert_eq!(read([&whole[..], b"payload"].concat(), 28), "28 192.0.2.1:80");
        assert_eq!((read("\r", 28), read(&whole[..16], 28)), ("needs 15".into(), "needs 12".into()));
        assert_eq!((read(&whole[..13], 27), read(&whole[..14], 27)), ("needs 3".into(), "reject".into()));
        // R35, R38, R43, R46, R50 (shorter than the addresses), R60 (one stray byte).
        for head in ["\x11", "\x22", "\x21\x40", "\x21\x03", "\x21\x11\0\x0B", "\x21\x11\0\x0D"] {
            assert_eq!(read([SIGNATURE, head.as_bytes()].concat(), 999), "reject", "{head:?}");
        }
        assert_eq!(read(v2(0x21, 0x31, &[&b"\0a"[..], &[0; 214]].concat()), 999), "232 unix:0061");
    }

    #[test]
    fn r60_to_r68_tlvs_are_rejected_at_the_first_impossible_byte() {
        let check = |tlvs: &[u8], at: usize| {
            let whole = v2(0x21, 0x11, &[&[0; 12], tlvs].concat());
            assert!(read(&whole[..28 + at - 1], 999).starts_with("needs"), "{tlvs:?}");
            assert_eq!(read(&whole[..28 + at], 999), "reject", "{tlvs:?}");
        };
        check(&[4, 0, 2, 9], 3); // too long
        check(&[4, 1, 0, 9], 2); // too long
        check(&[4, 0, 0, 9], 3); // one stray byte
        check(&[CRC32C, 0, 1, 9], 1); // no room for four bytes
        check(&[CRC32C, 0, 4, 0, 0, 0, 0, CRC32C, 0, 4, 0, 0, 0, 0], 8); // the second
        check(&[&[UNIQUE_ID, 0][..], &[129; 130]].concat(), 3); // over 128
        check(&[SSL; 7], 1); // no room for five bytes
        check(&[SSL; 10], 1); // one or two stray bytes, inside or behind
        check(&[SSL, 0, 8, 0, 0, 0, 0, 0, 4, 0, 1], 11); // a sub-TLV too long
        // These are good: 128 bytes of UNIQUE_ID, SSL with an empty sub-TLV of the CRC32C's type.
        for tlv in
            [&[&[UNIQUE_ID, 0][..], &[128; 129]].concat()[..], &[SSL, 0, 8, 0, 0, 0, 0, 0, CRC32C, 0, 0]]
        {
            let expected = format!("{} 0.0.0.0:0", 28 + tlv.len());
            assert_eq!(read(v2(0x21, 0x11, &[&[0; 12], tlv].concat()), 999), expected);
        }
    }

    #[test]
    fn r36_r39_r65_skipped_blocks_and_checksum() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        let crc = [CRC32C, 0, 4, 0xA9, 0xB8, 0x7E, 0x8F, b'x'];
        assert_eq!(read(v2(0x20, 0x00, &crc[..7]), 999), "23 ");
        assert_eq!(read(v2(0x20, 0xFF, &crc[..7]), 999), "23 ");
        assert_eq!(read(v2(0x21, 0x11, &[&[0; 12][..], &crc[..7]].concat()), 999), "reject");
        assert_eq!(read(v2(0x20, 0xFF, &crc), 999), "24 ");
        assert_eq!(read(v2(0x20, 0x00, &[CRC32C, 0, 5, 0, 0, 0, 0]), 999), "23 ");
        assert_eq!(read(v2(0x20, 0x00, &[&crc[..7], &crc[..7]].concat()), 999), "30 ");
        assert_eq!(read(v2(0x21, 0x10, &[CRC32C, 0, 3, 0, 0, 0]), 999), "22 ");
        assert_eq!(read(&v2(0x21, 0x10, &[CRC32C, 0, 3, 0, 0, 0, 0])[..22], 999), "needs 1");
    }
}
