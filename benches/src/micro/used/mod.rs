//! The core as it is used: bytes in, `?`, both addresses as `SocketAddr`, every TLV seen; or addresses in, bytes out.
//!
//! Every library is called the same way: through a pointer to a function that the loop can't see into, as a server's
//! own function would be.

#[cfg(before)]
mod before;
mod by_hand;
mod now;
mod peers;
mod stream;

use std::fmt::Debug;
use std::hint::black_box;
use std::net::SocketAddr;

use super::{Case, Row};

/// What a program has of a header in the end.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    /// How many TLVs were seen, those within an SSL TLV among them.
    pub tlvs: usize,
}

/// A new buffer with a header in it.
pub struct Fresh {
    pub buffer: [u8; 128],
    pub len: usize,
}

/// Sees a TLV: it has to be there, as whatever the library makes of it.
fn see<T>(tlv: &T) {
    black_box(tlv);
}

impl Case {
    fn used<E: Debug + 'static>(
        row: Row,
        library: &'static str,
        decode: fn(&'static [u8]) -> Result<Used, E>,
    ) -> Self {
        let bytes = row.bytes();
        let Used { source, destination, tlvs } = decode(bytes).unwrap();
        let seen = row.expected();
        assert_eq!(
            (source, destination, tlvs),
            (seen.source, seen.destination, row.tlvs()),
            "{library}: {}",
            row.name()
        );
        let repeat = Box::new(move |times| {
            let decode = black_box(decode);
            for _ in 0..times {
                black_box(&decode(black_box(bytes)));
            }
        });
        Self { row, library, repeat }
    }

    fn used_encode<E: Debug + 'static>(
        row: Row,
        library: &'static str,
        encode: fn(SocketAddr, SocketAddr, &mut [u8]) -> Result<usize, E>,
    ) -> Self {
        let seen = row.expected();
        let mut buffer = [0; 536];
        let len = encode(seen.source, seen.destination, &mut buffer).unwrap();
        Self::check_encoded(row, library, &buffer[..len]);
        let repeat = Box::new(move |times| {
            let encode = black_box(encode);
            for _ in 0..times {
                black_box(&encode(
                    black_box(seen.source),
                    black_box(seen.destination),
                    black_box(&mut buffer),
                ));
            }
        });
        Self { row, library, repeat }
    }

    fn used_fresh<T: AsRef<[u8]> + 'static, E: Debug + 'static>(
        row: Row,
        library: &'static str,
        encode: fn(SocketAddr, SocketAddr) -> Result<T, E>,
    ) -> Self {
        let seen = row.expected();
        Self::check_encoded(row, library, encode(seen.source, seen.destination).unwrap().as_ref());
        let repeat = Box::new(move |times| {
            let encode = black_box(encode);
            for _ in 0..times {
                black_box(&encode(black_box(seen.source), black_box(seen.destination)));
            }
        });
        Self { row, library, repeat }
    }
}

impl AsRef<[u8]> for Fresh {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = now::ours::cases();
    cases.extend(stream::cases());
    #[cfg(before)]
    cases.extend(before::ours::cases());
    cases.extend(by_hand::cases());
    cases.extend(peers::cases());
    cases
}
