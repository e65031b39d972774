//! Storage for the bytes of a header that is not complete yet.

/// Storage in which a [`Decoder`](crate::Decoder) keeps the bytes of a header until it is complete.
///
/// Arrays and borrowed slices are storage of a fixed size, and so is what [`FixedStorage`] wraps. Storage that grows on the
/// heap by what has arrived is a type of its own, such as realpeer-io's `HeaderStorage`.
///
/// A header that is longer than the storage can become is rejected as soon as that is certain, with
/// [`Error::StorageTooSmall`](crate::Error::StorageTooSmall).
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{Config, Decoder, FixedStorage};
///
/// let config = Config::new();
/// let mut buffer = [0; 4096];
/// let borrowed = Decoder::with_storage(&config, &mut buffer[..]);
/// let on_the_heap = Decoder::with_storage(&config, FixedStorage(vec![0; config.max_header_len()]));
/// # drop((borrowed, on_the_heap));
/// ```
///
/// A `Vec` alone isn't storage, since its capacity isn't part of its slice:
///
/// ```compile_fail
/// # mod realpeer { pub use realpeer_proto as proto; }
/// # use realpeer::proto::{Config, Decoder};
/// let decoder = Decoder::with_storage(&Config::new(), Vec::with_capacity(4096));
/// ```
pub trait Storage {
    /// The bytes there is room for now.
    fn bytes(&self) -> &[u8];

    /// The same, to write to.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// The most bytes there could be room for; it never changes.
    fn max_len(&self) -> usize;

    /// Makes room for at least `len` bytes, keeping those written. False if that can't be.
    fn grow(&mut self, len: usize) -> bool;
}

/// Storage of a fixed size in anything that is a slice of bytes: `vec![0; 4096]`, a boxed slice, a type of your own.
///
/// It has room for the bytes that the slice has, whatever its capacity.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{FixedStorage, Storage};
///
/// assert_eq!(FixedStorage(vec![0; 4096]).max_len(), 4096);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct FixedStorage<T>(pub T);

impl Storage for [u8] {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }

    fn max_len(&self) -> usize {
        self.len()
    }

    fn grow(&mut self, len: usize) -> bool {
        len <= self.len()
    }
}

impl<const N: usize> Storage for [u8; N] {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }

    fn max_len(&self) -> usize {
        N
    }

    fn grow(&mut self, len: usize) -> bool {
        len <= N
    }
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Storage for FixedStorage<T> {
    fn bytes(&self) -> &[u8] {
        self.0.as_ref()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_mut()
    }

    fn max_len(&self) -> usize {
        self.0.as_ref().len()
    }

    fn grow(&mut self, len: usize) -> bool {
        len <= self.max_len()
    }
}

impl<S: Storage + ?Sized> Storage for &mut S {
    fn bytes(&self) -> &[u8] {
        (**self).bytes()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        (**self).bytes_mut()
    }

    fn max_len(&self) -> usize {
        (**self).max_len()
    }

    fn grow(&mut self, len: usize) -> bool {
        (**self).grow(len)
    }
}
