//! What a client of the server would send first, and what a good answer to it is.

/// What is sent after the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    /// Nothing: the server speaks first, or is only seen to wait.
    None,
    Http {
        path: String,
    },
    Tls,
    Postgres,
    Redis,
    Bytes(Vec<u8>),
}

/// What an answer is to the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quality {
    /// The payload was understood.
    Good,
    /// The server complains of what it read.
    Bad,
    /// It can't be told.
    Unknown,
}

impl Payload {
    /// The bytes, for a server of this name.
    pub(super) fn bytes(&self, host: &str) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Http { path } => format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: realpeer/{}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
                env!("CARGO_PKG_VERSION")
            )
            .into_bytes(),
            Self::Tls => client_hello(host),
            // SSLRequest: the answer is one byte, S or N.
            Self::Postgres => vec![0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f],
            Self::Redis => b"*1\r\n$4\r\nPING\r\n".to_vec(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }

    /// What the answer says of the payload.
    pub(super) fn quality(&self, answer: &[u8]) -> Quality {
        let good = match self {
            Self::Http { .. } => match http_status(answer) {
                // Bad request, request time-out, URI too long, header too large, not implemented, version.
                Some(400 | 408 | 414 | 431 | 501 | 505) => false,
                Some(_) => true,
                None => answer.starts_with(b"HTTP/"),
            },
            Self::Tls => answer.starts_with(&[0x16, 0x03]),
            Self::Postgres => matches!(answer, [b'S' | b'N', ..]) && answer.len() == 1,
            Self::Redis => {
                let says = |text: &[u8]| answer.starts_with(text);
                says(b"+PONG") || says(b"-NOAUTH") || says(b"-DENIED") || says(b"-LOADING")
            }
            Self::None | Self::Bytes(_) => return Quality::Unknown,
        };
        if good { Quality::Good } else { Quality::Bad }
    }

    /// The answer in a few words, by which two are taken for the same.
    pub(super) fn summary(answer: &[u8]) -> String {
        if let Some(status) = http_status(answer) {
            return format!("HTTP {status}");
        }
        match answer {
            [0x16, 0x03, ..] => return "TLS handshake".into(),
            [0x15, 0x03, _, _, _, _, alert, ..] => return format!("TLS alert {alert}"),
            _ => {}
        }
        let line = answer.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let line = if line.trim_ascii().is_empty() { answer.get(..16).unwrap_or(answer) } else { line };
        let start: String = String::from_utf8_lossy(line).trim_end().chars().take(40).collect();
        format!("{start:?}")
    }
}

fn http_status(answer: &[u8]) -> Option<u16> {
    let rest = answer.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    std::str::from_utf8(rest).ok()?.parse().ok()
}

/// Reads the text of --send.
pub(super) fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let mut chars = after.chars();
        match chars.next() {
            Some('r') => bytes.push(b'\r'),
            Some('n') => bytes.push(b'\n'),
            Some('t') => bytes.push(b'\t'),
            Some('0') => bytes.push(0),
            Some('\\') => bytes.push(b'\\'),
            Some('x') => {
                let digits = chars.as_str().get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                bytes.push(digits.ok_or("after \\x two hexadecimal digits are wanted")?);
                chars = chars.as_str().get(2..).unwrap_or_default().chars();
            }
            _ => return Err("after \\ only r, n, t, 0, \\ and xNN are understood".into()),
        }
        rest = chars.as_str();
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// A `ClientHello` that servers of TLS 1.2 and 1.3 answer with a `ServerHello` (RFC 8446, section 4.1.2).
fn client_hello(host: &str) -> Vec<u8> {
    let prefixed = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes(), bytes].concat();
    let extension = |kind: u16, body: &[u8]| [&kind.to_be_bytes(), &prefixed(body)[..]].concat();
    let mut extensions = Vec::new();
    // Addresses are no server names.
    if host.parse::<std::net::IpAddr>().is_err() && host.len() < 256 {
        let name = [&[0], &prefixed(host.as_bytes())[..]].concat();
        extensions.extend(extension(0x00, &prefixed(&name)));
    }
    // The base point of Curve25519 is a public key like any other: the handshake is not finished.
    let mut key = vec![0; 32];
    key.splice(..1, [9]);
    let share = [&[0x00, 0x1d], &prefixed(&key)[..]].concat();
    extensions.extend(extension(0x0a, &prefixed(&[0x00, 0x1d, 0x00, 0x17])));
    extensions.extend(extension(0x0b, &[1, 0]));
    let algorithms =
        [0x04, 0x03, 0x08, 0x04, 0x04, 0x01, 0x05, 0x03, 0x08, 0x05, 0x05, 0x01, 0x08, 0x06, 0x06, 0x01];
    extensions.extend(extension(0x0d, &prefixed(&algorithms)));
    extensions.extend(extension(0x2b, &[4, 0x03, 0x04, 0x03, 0x03]));
    extensions.extend(extension(0x33, &prefixed(&share)));
    let suites = [
        0x13, 0x01, 0x13, 0x02, 0x13, 0x03, 0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30, 0xcc, 0xa9, 0xcc,
        0xa8, 0xc0, 0x13, 0xc0, 0x14, 0x00, 0x9c, 0x00, 0x2f,
    ];
    let body =
        [&[0x03, 0x03][..], &[0x5a; 32], &[0], &prefixed(&suites), &[1, 0], &prefixed(&extensions)].concat();
    let handshake = [&[0x01, 0x00], &prefixed(&body)[..]].concat();
    [&[0x16, 0x03, 0x01], &prefixed(&handshake)[..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_unescaped() {
        assert_eq!(unescape(r"PING\r\n\x00\xfF\\é").unwrap(), b"PING\r\n\0\xff\\\xc3\xa9");
        for text in [r"\x1", r"\xzz", r"\q", "\\"] {
            assert!(unescape(text).is_err(), "{text}");
        }
    }

    #[test]
    fn answers_are_good_or_bad() {
        let http = Payload::Http { path: "/".into() };
        for (payload, answer, quality) in [
            (&http, &b"HTTP/1.1 404 Not Found\r\n"[..], Quality::Good),
            (&http, b"HTTP/1.1 400 Bad Request\r\n", Quality::Bad),
            (&http, b"hello", Quality::Bad),
            (&Payload::Tls, b"\x16\x03\x03\x00\x7a", Quality::Good),
            (&Payload::Tls, b"\x15\x03\x01\x00\x02\x02\x46", Quality::Bad),
            (&Payload::Redis, b"-ERR unknown command 'PROXY'", Quality::Bad),
            (&Payload::Redis, b"+PONG\r\n", Quality::Good),
            (&Payload::Postgres, b"N", Quality::Good),
            (&Payload::Postgres, b"E\0\0\0", Quality::Bad),
            (&Payload::None, b"220 hello", Quality::Unknown),
        ] {
            assert_eq!(payload.quality(answer), quality, "{}", answer.escape_ascii());
        }
    }
}
