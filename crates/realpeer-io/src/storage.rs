//! Where an adapter keeps a header: within, and on the heap once it is long.

use std::fmt;

use realpeer_proto::{MAX_HEADER_LEN, Storage};

/// Room for 128 bytes within, and for more on the heap as they come: every header of version 1 fits, and most of
/// version 2. It is kept for as long as the connection, and moved about before.
///
/// ```
/// use realpeer_io::HeaderStorage;
/// use realpeer_proto::{Config, Decoder};
///
/// let decoder = Decoder::with_storage(&Config::new(), HeaderStorage::default());
/// # drop(decoder);
/// ```
#[derive(Clone)]
pub struct HeaderStorage(Room);

const INLINE: usize = 128;

#[derive(Clone)]
enum Room {
    Inline([u8; INLINE]),
    Heap(Vec<u8>),
}

impl Storage for HeaderStorage {
    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Room::Inline(bytes) => bytes,
            Room::Heap(bytes) => bytes,
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Room::Inline(bytes) => bytes,
            Room::Heap(bytes) => bytes,
        }
    }

    fn max_len(&self) -> usize {
        MAX_HEADER_LEN
    }

    fn grow(&mut self, len: usize) -> bool {
        let mut grown = Vec::new();
        if grown.try_reserve_exact(len).is_err() {
            return false;
        }
        grown.extend_from_slice(self.bytes());
        grown.resize(len.max(grown.len()), 0);
        self.0 = Room::Heap(grown);
        true
    }
}

impl Default for HeaderStorage {
    fn default() -> Self {
        Self(Room::Inline([0; INLINE]))
    }
}

impl fmt::Debug for HeaderStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderStorage({} bytes)", self.bytes().len())
    }
}
