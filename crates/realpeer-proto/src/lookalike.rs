//! A guess at what bytes are that aren't a header.

use core::fmt;

use crate::Versions;

/// A guess at what bytes are that don't begin with an allowed signature, to help find the mistake. Only the bytes up to
/// the first that no header has there are examined, so it doesn't depend on how much has arrived.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{parse, Config, Lookalike};
///
/// let error = parse(b"\x16\x03\x01\x02\x00", &Config::new()).unwrap_err();
/// assert_eq!(error.lookalike(), Some(Lookalike::Tls));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lookalike {
    /// A version 1 header, where only version 2 is allowed.
    V1,
    /// A version 2 header, where only version 1 is allowed.
    V2,
    /// A TLS handshake.
    Tls,
    /// An HTTP request, of HTTP/2 too.
    Http,
    /// An SSH identification.
    Ssh,
}

impl Lookalike {
    /// Returns what bytes look like of which `found` at `offset` is the first that no allowed signature has there. So the
    /// first byte of an allowed signature is never `found` at 0.
    pub(crate) const fn of(offset: u8, found: u8) -> Option<Self> {
        // Before the offset stands what a signature begins with: nothing, `P`, `PR`, CR, CRLF and so on.
        match (offset, found) {
            (0, b'P') => Some(Self::V1),
            (0, b'\r') => Some(Self::V2),
            (0, 0x16) => Some(Self::Tls),
            (0, b'S') => Some(Self::Ssh),
            // GET, HEAD, DELETE, OPTIONS, CONNECT and TRACE, also after empty lines.
            (0 | 2 | 4, b'G' | b'H' | b'D' | b'C' | b'T')
            | (0 | 4, b'O')
            // POST, PUT, PATCH; PRI, with which HTTP/2 begins; PROPFIND.
            | (1, b'O' | b'U' | b'A')
            | (2, b'I')
            | (3, b'P') => Some(Self::Http),
            _ => None,
        }
    }
}

/// Writes the text of the error that there is no signature.
pub(crate) fn describe(
    f: &mut fmt::Formatter<'_>,
    allowed: Versions,
    offset: u8,
    found: u8,
    lookalike: Option<Lookalike>,
) -> fmt::Result {
    let version = match allowed {
        Versions::Any => "",
        Versions::V1 => " v1",
        Versions::V2 => " v2",
    };
    let found = Byte(found);
    match lookalike {
        Some(Lookalike::V1 | Lookalike::V2) => {
            let other = if lookalike == Some(Lookalike::V1) { "v1" } else { "v2" };
            write!(
                f,
                "no PROXY{version} header: {found} at offset {offset} is how a {other} header starts; \
                 change the proxy's version or accept both"
            )
        }
        Some(Lookalike::Tls) => write!(
            f,
            "no PROXY{version} header: {found} at offset {offset} looks like TLS; \
             is the proxy configured to send a header, and before TLS?"
        ),
        Some(Lookalike::Http | Lookalike::Ssh) => {
            let protocol = if lookalike == Some(Lookalike::Ssh) { "SSH" } else { "HTTP" };
            write!(
                f,
                "no PROXY{version} header: {found} at offset {offset} looks like {protocol}; \
                 is the proxy configured to send a header?"
            )
        }
        None => write!(
            f,
            "no PROXY{version} header: unexpected byte {found} at offset {offset}; \
             is the proxy configured to send a header?"
        ),
    }
}

/// A byte as a number, and if it has a name as that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Byte(pub(crate) u8);

impl fmt::Display for Byte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(byte) = *self;
        let name = match byte {
            0 => "NUL",
            b'\t' => "tab",
            b'\n' => "LF",
            b'\r' => "CR",
            b' ' => "space",
            b'!'..=b'~' => return write!(f, "{byte:#04x} '{}'", char::from(byte)),
            _ => return write!(f, "{byte:#04x}"),
        };
        write!(f, "{byte:#04x} {name}")
    }
}
