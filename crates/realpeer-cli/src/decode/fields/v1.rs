//! The fields of a version 1 line.

use super::{Cutter, Field};
use crate::text::Quoted;

const SECTION: &str = "2.1";

/// The names of what stands between the spaces.
const NAMES: [&str; 6] = ["keyword", "protocol", "source", "destination", "source port", "dest. port"];

pub(super) fn fields(bytes: &[u8]) -> Vec<Field> {
    let mut cutter = Cutter::new(bytes);
    let mut is_unknown = false;
    for name in NAMES {
        let rest = cutter.rest();
        let end = rest.iter().position(|byte| matches!(byte, b' ' | b'\r' | b'\n'));
        let word = &rest[..end.unwrap_or(rest.len())];
        // A space belongs to what stands before it.
        let space = usize::from(end.and_then(|end| rest.get(end)) == Some(&b' '));
        cutter.cut(word.len() + space, name, SECTION, |_| meaning(name, word));
        is_unknown |= name == "protocol" && word == b"UNKNOWN";
        if space == 0 || is_unknown {
            break;
        }
    }
    let rest = cutter.rest();
    let line = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n') && !is_unknown);
    let line = line.or_else(|| rest.windows(2).position(|pair| pair == b"\r\n")).unwrap_or(rest.len());
    let ignored = if is_unknown { "ignored up to the end of the line" } else { "" };
    cutter.cut(line, if is_unknown { "ignored" } else { "rest" }, SECTION, |_| ignored.into());
    if cutter.rest().starts_with(b"\n") {
        cutter.cut(1, "line end", SECTION, |_| "LF without CR".into());
    }
    cutter.cut(2, "line end", SECTION, |_| "CR LF".into());
    cutter.fields
}

fn meaning(name: &str, word: &[u8]) -> String {
    match (name, word) {
        ("keyword", b"PROXY") => "version 1, command PROXY".into(),
        ("protocol", b"TCP4") => "TCP4: TCP over IPv4".into(),
        ("protocol", b"TCP6") => "TCP6: TCP over IPv6".into(),
        ("protocol", b"UNKNOWN") => "UNKNOWN: no addresses".into(),
        _ => match std::str::from_utf8(word) {
            Ok(word) if word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:".contains(&byte)) => {
                word.into()
            }
            Ok(word) => Quoted(word).to_string(),
            Err(_) => format!("\"{}\"", word.escape_ascii()),
        },
    }
}
