//! Turns what C hands in into references, or into `None`.

use core::ffi::c_void;
use core::mem::{align_of, size_of};
use core::slice;

use realpeer_proto::Storage;

use crate::Status;

/// No struct of ours will ever be as large: a size beyond it is none.
pub(crate) const MAX_STRUCT: usize = 4096;

/// An object of ours in memory of the caller's: what it is, then itself.
#[repr(C)]
pub(crate) struct Tagged<T> {
    tag: u64,
    value: T,
}

/// What can live in the caller's memory. `Memory` is the type that C declares.
pub(crate) trait Tenant: Sized {
    /// The type that C declares, an array of words.
    type Memory;
    /// Tells an object of this type from memory that never was one.
    const TAG: u64;
    /// Fails to compile if the object does not fit its memory.
    const FITS: () = assert!(
        size_of::<Tagged<Self>>() <= size_of::<Self::Memory>()
            && align_of::<Tagged<Self>>() <= align_of::<Self::Memory>()
    );
}

/// Puts `value` into `memory`, of which the caller says that it has `size` bytes.
///
/// # Safety
///
/// `memory` is null or points to `size` bytes that may be written.
pub(crate) unsafe fn place<T: Tenant>(memory: *mut T::Memory, size: usize, value: T) -> Status {
    let () = T::FITS;
    if memory.is_null() || !memory.is_aligned() || size < size_of::<Tagged<T>>() {
        return Status::Argument;
    }
    // SAFETY: there is room for the object, as the size says, and the memory's alignment is at least the object's.
    unsafe { memory.cast::<Tagged<T>>().write(Tagged { tag: T::TAG, value }) };
    Status::Done
}

/// The object in `memory`, if one was placed there.
///
/// # Safety
///
/// `memory` is null or points to a `T::Memory` that nobody else uses for as long as `'a`.
pub(crate) unsafe fn tenant_mut<'a, T: Tenant>(memory: *mut T::Memory) -> Option<&'a mut T> {
    // SAFETY: passed on.
    unsafe { is_tenant::<T>(memory) }.then(|| {
        // SAFETY: the tag says that there is an object, and nobody else uses it.
        unsafe { &mut (*memory.cast::<Tagged<T>>()).value }
    })
}

/// The object in `memory`, if one was placed there, to be looked at.
///
/// # Safety
///
/// `memory` is null or points to a `T::Memory` that nobody changes for as long as `'a`.
pub(crate) unsafe fn tenant<'a, T: Tenant>(memory: *const T::Memory) -> Option<&'a T> {
    // SAFETY: passed on.
    unsafe { is_tenant::<T>(memory) }.then(|| {
        // SAFETY: the tag says that there is an object, and nobody changes it.
        unsafe { &(*memory.cast::<Tagged<T>>()).value }
    })
}

/// # Safety
///
/// As [`tenant`].
unsafe fn is_tenant<T: Tenant>(memory: *const T::Memory) -> bool {
    // SAFETY: it is neither null nor misaligned, and its first word is the tag or something that is not.
    !memory.is_null() && memory.is_aligned() && unsafe { memory.cast::<u64>().read() } == T::TAG
}

/// Whether `pointer` can be written through.
#[inline]
pub(crate) fn is_writable<T>(pointer: *mut T) -> bool {
    !pointer.is_null() && pointer.is_aligned()
}

/// Writes `value`, unless the caller does not want to know.
///
/// # Safety
///
/// `pointer` is null or points to a `T` that may be written.
pub(crate) unsafe fn write_if_wanted<T>(pointer: *mut T, value: T) {
    if is_writable(pointer) {
        // SAFETY: it is neither null nor misaligned.
        unsafe { pointer.write(value) };
    }
}

/// `len` bytes from `pointer` on, which may be null if there are none.
///
/// # Safety
///
/// `pointer` is null or points to `len` bytes that nobody changes for as long as `'a`.
#[inline]
pub(crate) unsafe fn bytes<'a>(pointer: *const c_void, len: usize) -> Option<&'a [u8]> {
    if len > isize::MAX as usize || pointer.is_null() {
        return (len == 0).then_some(&[]);
    }
    // SAFETY: there are as many bytes, and not more than a slice can have.
    Some(unsafe { slice::from_raw_parts(pointer.cast(), len) })
}

/// The caller's buffer as storage of a decoder. It is not looked at before it has been written, so it need not be
/// initialised.
pub(crate) struct Buffer {
    start: *mut u8,
    /// How many bytes have been written.
    written: usize,
    len: usize,
}

impl Buffer {
    /// # Safety
    ///
    /// `start` is null or points to `len` bytes that nobody else changes as long as the buffer is in use.
    pub(crate) unsafe fn new(start: *mut c_void, len: usize) -> Option<Self> {
        let fits = !start.is_null() && isize::try_from(len).is_ok();
        fits.then_some(Self { start: start.cast(), written: 0, len })
    }
}

impl Storage for Buffer {
    fn bytes(&self) -> &[u8] {
        // SAFETY: as many bytes have been written.
        unsafe { slice::from_raw_parts(self.start, self.written) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as many bytes have been written, and nobody else uses them.
        unsafe { slice::from_raw_parts_mut(self.start, self.written) }
    }

    fn max_len(&self) -> usize {
        self.len
    }

    fn grow(&mut self, len: usize) -> bool {
        if len > self.len {
            return false;
        }
        if len > self.written {
            // SAFETY: they are within the buffer, since `written < len <= self.len`.
            unsafe { self.start.add(self.written).write_bytes(0, len - self.written) };
            self.written = len;
        }
        true
    }
}

/// A struct that callers fill, and state the size of in its first field.
///
/// # Safety
///
/// It begins with that field, a `usize`, and all bits are valid in it.
pub(crate) unsafe trait HasSize: Sized {
    /// The size of the struct in its first version, which callers may have been compiled with.
    const FIRST_VERSION: usize;
}

/// Returns the struct that a caller has filled if its size is ours.
///
/// # Safety
///
/// `pointer` is null or points to as many bytes as the first field states, which nobody changes for as long as `'a`.
#[inline(always)]
pub(crate) unsafe fn current<'a, T: HasSize>(pointer: *const T) -> Option<&'a T> {
    // SAFETY: every version begins with its size.
    let is_current = !pointer.is_null()
        && pointer.is_aligned()
        && unsafe { pointer.cast::<usize>().read() } == size_of::<T>();
    // SAFETY: it has the size, and is aligned.
    is_current.then(|| unsafe { &*pointer })
}

/// Returns the struct that a caller has filled if its size is one of ours, or a larger one with only zeros beyond ours.
///
/// # Safety
///
/// As [`current`].
pub(crate) unsafe fn known<'a, T: HasSize>(pointer: *const T) -> Option<&'a T> {
    // Once a struct has grown, the fields that an older caller does not have are not to be read.
    const { assert!(T::FIRST_VERSION == size_of::<T>()) };
    if pointer.is_null() || !pointer.is_aligned() {
        return None;
    }
    // SAFETY: every version begins with its size.
    let size = unsafe { pointer.cast::<usize>().read() };
    if !(T::FIRST_VERSION..=MAX_STRUCT).contains(&size) {
        return None;
    }
    // SAFETY: the caller states that there are as many bytes.
    let newer =
        unsafe { slice::from_raw_parts(pointer.cast::<u8>().add(size_of::<T>()), size - size_of::<T>()) };
    // SAFETY: it has the size of this version at least, and is aligned.
    newer.iter().all(|&byte| byte == 0).then(|| unsafe { &*pointer })
}

/// A struct that callers declare, and hand in to be filled together with its size.
///
/// # Safety
///
/// All bits are valid in it.
pub(crate) unsafe trait Filled: Sized {
    /// The size of the struct in its first version, with which callers may have been compiled.
    const FIRST_VERSION: usize;
}

/// Whether `out` points to a struct of `size` bytes that can be filled. What a newer caller has beyond ours becomes zeros.
///
/// # Safety
///
/// `out` is null or points to `size` bytes that may be written.
#[inline]
pub(crate) unsafe fn prepare<T: Filled>(out: *mut T, size: usize) -> bool {
    // SAFETY: passed on.
    is_ours(out, size) || is_writable(out) && unsafe { clear_newer(out, size) }
}

/// Whether `out` can be filled, and nothing else is to be done.
#[inline(always)]
pub(crate) fn is_ours<T: Filled>(out: *mut T, size: usize) -> bool {
    // Once a struct has grown, the fields that an older caller does not have are not to be written.
    const { assert!(T::FIRST_VERSION == size_of::<T>()) };
    is_writable(out) && size == size_of::<T>()
}

/// # Safety
///
/// As [`prepare`]; `out` is not null.
#[cold]
#[inline(never)]
unsafe fn clear_newer<T: Filled>(out: *mut T, size: usize) -> bool {
    if !(T::FIRST_VERSION..=MAX_STRUCT).contains(&size) {
        return false;
    }
    // SAFETY: the caller says that there are as many bytes, which is more than the struct has.
    unsafe { out.cast::<u8>().add(size_of::<T>()).write_bytes(0, size - size_of::<T>()) };
    true
}
