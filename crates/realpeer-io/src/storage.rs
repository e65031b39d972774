//! Where an adapter keeps a header: within, and on the heap once it is long.

use std::fmt;

use realpeer_proto::{MAX_HEADER_LEN, Storage};

/// Room for 536 bytes within, which nearly every header fits, and for more on the heap as they come.
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

#[expect(clippy::large_enum_variant, reason = "not to be on the heap is what it is for")]
#[derive(Clone)]
enum Room {
    Inline([u8; 536]),
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
        Self(Room::Inline([0; 536]))
    }
}

impl fmt::Debug for HeaderStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderStorage({} bytes)", self.bytes().len())
    }
}
