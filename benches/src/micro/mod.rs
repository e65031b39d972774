//! The core: one header at a time, ours and every peer's.
//!
//! A [`Case`] is one library at one [`Row`]. Its result is checked when it is made, so nothing wrong is ever timed.

mod foreign;
pub mod inputs;
mod ours;
mod peers;
mod row;
mod used;
mod yardstick;

use std::hint::black_box;
use std::net::SocketAddr;

pub use row::{Kind, Row};

/// The name under which our own figures stand.
pub const OURS: &str = "realpeer";
/// The name under which the figures of an older realpeer stand, if there is one to compare with.
pub const BEFORE: &str = "realpeer before";
/// The name under which the compiled C stands.
pub const YARDSTICK: &str = "C yardstick";
/// The name under which safe Rust stands that does just what a row asks for.
pub const BY_HAND: &str = "by hand";

pub struct Case {
    pub row: Row,
    pub library: &'static str,
    repeat: Box<dyn FnMut(u64)>,
}

/// What a decoded header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub alpn: Option<Vec<u8>>,
    pub unique_id: Option<Vec<u8>>,
    /// The value of the last TLV within the SSL TLV.
    pub last_of_ssl: Option<Vec<u8>>,
}

impl Seen {
    /// Without TLVs.
    fn addresses(source: SocketAddr, destination: SocketAddr) -> Self {
        Self { source, destination, alpn: None, unique_id: None, last_of_ssl: None }
    }
}

impl Case {
    /// Does it `times` times.
    pub fn repeat(&mut self, times: u64) {
        (self.repeat)(times);
    }

    /// Decoding: `decode` is what is timed, `seen` is the result.
    fn decode<T: 'static>(
        row: Row,
        library: &'static str,
        decode: impl Fn(&'static [u8]) -> T + 'static,
        seen: impl Fn(&T) -> Seen,
    ) -> Self {
        let bytes = row.bytes();
        assert_eq!(seen(&decode(bytes)), row.expected(), "{library}: {}", row.name());
        let repeat = Box::new(move |times| {
            for _ in 0..times {
                black_box(&decode(black_box(bytes)));
            }
        });
        Self { row, library, repeat }
    }

    /// Encoding, from two addresses to bytes. What it writes must be what is expected, or decode to that.
    fn encode<T: AsRef<[u8]>>(
        row: Row,
        library: &'static str,
        encode: impl Fn(SocketAddr, SocketAddr) -> T + 'static,
    ) -> Self {
        let Seen { source, destination, .. } = row.expected();
        Self::check_encoded(row, library, encode(source, destination).as_ref());
        let repeat = Box::new(move |times| {
            for _ in 0..times {
                black_box(&encode(black_box(source), black_box(destination)));
            }
        });
        Self { row, library, repeat }
    }

    /// Encoding into a buffer that is there.
    fn encode_into(
        row: Row,
        library: &'static str,
        encode: impl Fn(SocketAddr, SocketAddr, &mut [u8]) -> usize + 'static,
    ) -> Self {
        let Seen { source, destination, .. } = row.expected();
        let mut buffer = [0; 536];
        let len = encode(source, destination, &mut buffer);
        Self::check_encoded(row, library, &buffer[..len]);
        let repeat = Box::new(move |times| {
            for _ in 0..times {
                black_box(encode(black_box(source), black_box(destination), black_box(&mut buffer)));
            }
        });
        Self { row, library, repeat }
    }

    fn check_encoded(row: Row, library: &str, encoded: &[u8]) {
        if matches!(row, Row::EncodeV2Tlvs | Row::UsedEncodeV2Tlvs) {
            assert_eq!(ours::seen(encoded), row.expected(), "{library}: {}", row.name());
            assert_eq!(encoded.len(), row.bytes().len(), "{library}: {}", row.name());
        } else {
            assert_eq!(encoded, row.bytes(), "{library}: {}", row.name());
        }
    }
}

/// Every case there is, by row; ours is the first of each row.
pub fn cases() -> Vec<Case> {
    let mut cases = ours::cases();
    cases.extend(used::cases());
    cases.extend(yardstick::cases());
    cases.extend(foreign::cases());
    cases.extend(peers::cases());
    cases.sort_by_key(|case| case.row);
    cases
}
