//! Storage for the headers of adapters: inline while they are short, on the heap once they are long.

use std::fmt;
use std::sync::Arc;

use realpeer_proto::{MAX_HEADER_LEN, Storage};

/// Storage for 128 bytes inline, and for more on the heap as they arrive: every header of version 1 fits inline, and
/// most of version 2.
///
/// On the heap it doubles, up to its limit, so a header that comes a byte at a time costs a handful of allocations.
/// Clones share what is on the heap.
///
/// ```
/// use realpeer::HeaderStorage;
/// use realpeer::proto::{Config, Decoder};
///
/// let decoder = Decoder::with_storage(&Config::new(), HeaderStorage::default());
/// # drop(decoder);
/// ```
#[derive(Clone)]
pub struct HeaderStorage {
    room: Room,
    limit: usize,
}

const INLINE: usize = 128;

#[derive(Clone)]
enum Room {
    Inline([u8; INLINE]),
    Heap(Arc<Vec<u8>>),
}

impl HeaderStorage {
    /// Creates storage that never grows beyond `limit` bytes, or 128 if that is more.
    pub fn with_limit(limit: usize) -> Self {
        Self { room: Room::Inline([0; INLINE]), limit: limit.max(INLINE) }
    }
}

impl Storage for HeaderStorage {
    fn bytes(&self) -> &[u8] {
        match &self.room {
            Room::Inline(bytes) => bytes,
            Room::Heap(bytes) => bytes,
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.room {
            Room::Inline(bytes) => bytes,
            Room::Heap(bytes) => Arc::<Vec<u8>>::make_mut(bytes),
        }
    }

    fn max_len(&self) -> usize {
        self.limit
    }

    fn grow(&mut self, len: usize) -> bool {
        if len > self.limit {
            return false;
        }
        let len = len.max((2 * self.bytes().len()).min(self.limit));
        let mut grown = Vec::new();
        if grown.try_reserve_exact(len).is_err() {
            return false;
        }
        grown.extend_from_slice(self.bytes());
        grown.resize(len.max(grown.len()), 0);
        self.room = Room::Heap(Arc::new(grown));
        true
    }
}

impl Default for HeaderStorage {
    fn default() -> Self {
        Self::with_limit(MAX_HEADER_LEN)
    }
}

impl fmt::Debug for HeaderStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderStorage({} bytes)", self.bytes().len())
    }
}
