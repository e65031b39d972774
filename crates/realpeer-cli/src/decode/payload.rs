//! Guesses the protocol of bytes: the payload after a header, or what was sent instead of one.

use realpeer_cli::forms::SIGNATURE;

/// Guesses from the first bytes what protocol they are.
pub(crate) fn guess(bytes: &[u8]) -> Option<&'static str> {
    const METHODS: [&str; 9] =
        ["GET ", "POST ", "PUT ", "HEAD ", "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ", "TRACE "];
    Some(match bytes {
        [0x16, 0x03, 0x00..=0x04, _, _, 0x01, ..] => "TLS (a ClientHello)",
        [0x14..=0x17, 0x03, 0x00..=0x04, ..] => "TLS",
        _ if bytes.starts_with(b"PROXY ") => "a PROXY header of version 1",
        _ if bytes.starts_with(&SIGNATURE) => "a PROXY header of version 2",
        _ if bytes.starts_with(b"PRI * HTTP/2.0") => "HTTP/2",
        _ if METHODS.iter().any(|method| bytes.starts_with(method.as_bytes())) => "HTTP",
        _ if bytes.starts_with(b"HTTP/1.") => "the answer of an HTTP server",
        _ if bytes.starts_with(b"SSH-") => "SSH",
        _ if starts_with_word(bytes, &["EHLO", "HELO", "LHLO"]) => "SMTP",
        _ if starts_with_word(bytes, &["USER", "AUTH", "CAPA"]) => "POP3 or FTP",
        [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f, ..] => "PostgreSQL (it asks for TLS)",
        [0, 0, _, _, 0, 3, 0, 0, ..] => "PostgreSQL (a startup message)",
        [b'*', b'1'..=b'9', ..] if bytes.windows(2).take(6).any(|pair| pair == b"\r\n") => "redis",
        [0x10, _, 0, 4, b'M', b'Q', b'T', b'T', ..] => "MQTT",
        [0x03, 0x00, 0x00, _, ..] => "RDP",
        [b'{', ..] if is_text(bytes) => "JSON",
        _ if !bytes.is_empty() && is_text(bytes) => "text",
        _ => return None,
    })
}

/// Returns whether the payload of a connection is another header.
pub(crate) fn is_second_header(payload: &[u8]) -> bool {
    payload.starts_with(b"PROXY ") || payload.starts_with(&SIGNATURE)
}

fn starts_with_word(bytes: &[u8], words: &[&str]) -> bool {
    let is = |word: &str| bytes.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
    words.iter().any(|word| is(word)) && matches!(bytes.get(4), Some(b' ' | b'\r') | None)
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_graphic() || b" \t\r\n".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::guess;

    #[test]
    fn first_bytes_tell_the_protocol() {
        for (bytes, protocol) in [
            (&b"\x16\x03\x01\x02\x00\x01\x00"[..], Some("TLS (a ClientHello)")),
            (b"\x15\x03\x03\x00\x02\x02\x28", Some("TLS")),
            (b"PROXY TCP4 ", Some("a PROXY header of version 1")),
            (b"\r\n\r\n\0\r\nQUIT\n\x20", Some("a PROXY header of version 2")),
            (b"GET / HTTP/1.1\r\n", Some("HTTP")),
            (b"PRI * HTTP/2.0\r\n", Some("HTTP/2")),
            (b"SSH-2.0-OpenSSH", Some("SSH")),
            (b"ehlo there", Some("SMTP")),
            (b"\0\0\0\x08\x04\xd2\x16\x2f", Some("PostgreSQL (it asks for TLS)")),
            (b"\0\0\0\x29\0\x03\0\0user", Some("PostgreSQL (a startup message)")),
            (b"*1\r\n$4\r\nPING\r\n", Some("redis")),
            (b"hello", Some("text")),
            (b"\xff\xfe", None),
            (b"", None),
        ] {
            assert_eq!(guess(bytes), protocol, "{}", bytes.escape_ascii());
        }
    }
}
