//! System calls, made by hand: no symbol has to be looked up, so the hooks work before and after anything else does.

use core::arch::asm;

/// The number of the system's error.
pub(crate) type Errno = i32;

#[cfg(feature = "hooks")]
pub(crate) const EINTR: Errno = 4;
#[cfg(feature = "hooks")]
pub(crate) const EAGAIN: Errno = 11;
#[cfg(feature = "hooks")]
pub(crate) const EINVAL: Errno = 22;

const SOL_SOCKET: usize = 1;
const SO_ATTACH_FILTER: usize = 26;
const SO_GET_FILTER: usize = SO_ATTACH_FILTER;
const IPPROTO_TCP: usize = 6;
const TCP_FASTOPEN_KEY: usize = 33;

#[cfg(target_arch = "x86_64")]
mod number {
    pub(super) const GETSOCKOPT: usize = 55;
    pub(super) const SETSOCKOPT: usize = 54;
    #[cfg(feature = "hooks")]
    pub(super) mod hooks {
        pub(crate) const WRITE: usize = 1;
        pub(crate) const CLOSE: usize = 3;
        pub(crate) const FSTAT: usize = 5;
        pub(crate) const MMAP: usize = 9;
        pub(crate) const SOCKET: usize = 41;
        pub(crate) const CONNECT: usize = 42;
        pub(crate) const SENDMSG: usize = 46;
        pub(crate) const RECVFROM: usize = 45;
        pub(crate) const RECVMSG: usize = 47;
        pub(crate) const GETSOCKNAME: usize = 51;
        pub(crate) const GETPEERNAME: usize = 52;
        pub(crate) const FCNTL: usize = 72;
        pub(crate) const GETEUID: usize = 107;
        pub(crate) const CLOCK_GETTIME: usize = 228;
        pub(crate) const EXIT_GROUP: usize = 231;
        pub(crate) const PPOLL: usize = 271;
        pub(crate) const ACCEPT4: usize = 288;
    }
}

#[cfg(target_arch = "aarch64")]
mod number {
    pub(super) const GETSOCKOPT: usize = 209;
    pub(super) const SETSOCKOPT: usize = 208;
    #[cfg(feature = "hooks")]
    pub(super) mod hooks {
        pub(crate) const WRITE: usize = 64;
        pub(crate) const CLOSE: usize = 57;
        pub(crate) const FSTAT: usize = 80;
        pub(crate) const MMAP: usize = 222;
        pub(crate) const SOCKET: usize = 198;
        pub(crate) const CONNECT: usize = 203;
        pub(crate) const SENDMSG: usize = 211;
        pub(crate) const RECVFROM: usize = 207;
        pub(crate) const RECVMSG: usize = 212;
        pub(crate) const GETSOCKNAME: usize = 204;
        pub(crate) const GETPEERNAME: usize = 205;
        pub(crate) const FCNTL: usize = 25;
        pub(crate) const GETEUID: usize = 175;
        pub(crate) const CLOCK_GETTIME: usize = 113;
        pub(crate) const EXIT_GROUP: usize = 94;
        pub(crate) const PPOLL: usize = 73;
        pub(crate) const ACCEPT4: usize = 242;
    }
}

/// Six arguments, the unused ones 0.
///
/// # Safety
///
/// The arguments must be ones that the system call may be given: pointers to what it reads and writes.
unsafe fn call(number: usize, arguments: [usize; 6]) -> Result<usize, Errno> {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    let answer: isize;
    // SAFETY: the registers are those of the kernel's calling convention, and all that it changes is named. What the
    // call does to memory is up to the caller.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => answer, in("rdi") first, in("rsi") second, in("rdx") third,
            in("r10") fourth, in("r8") fifth, in("r9") sixth, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") first as isize => answer, in("x1") second, in("x2") third, in("x3") fourth, in("x4") fifth,
            in("x5") sixth, options(nostack));
    }
    usize::try_from(answer).map_err(|_| answer.wrapping_neg() as Errno)
}

fn set_option(socket: i32, level: usize, name: usize, value: &[u8]) -> Result<(), Errno> {
    let arguments = [socket as usize, level, name, value.as_ptr() as usize, value.len(), 0];
    // SAFETY: the kernel reads as many bytes of `value` as it has. What those of a filter point to, `attach_filter`
    // vouches for.
    unsafe { call(number::SETSOCKOPT, arguments) }.map(|_| ())
}

/// Returns the length of the value, in the units of the option.
///
/// # Safety
///
/// `value` must have room for what the kernel writes when told that there is room for `len`.
unsafe fn get_option(
    socket: i32,
    level: usize,
    name: usize,
    value: *mut u8,
    mut len: u32,
) -> Result<usize, Errno> {
    let arguments = [socket as usize, level, name, value as usize, (&raw mut len) as usize, 0];
    // SAFETY: `value` has room by the caller's word, and `len` is ours.
    unsafe { call(number::GETSOCKOPT, arguments) }.map(|_| len as usize)
}

pub(crate) fn set_key(socket: i32, key: &[u8; 32]) -> Result<(), Errno> {
    set_option(socket, IPPROTO_TCP, TCP_FASTOPEN_KEY, key)
}

/// Returns the length of the key that was read.
pub(crate) fn key(socket: i32, key: &mut [u8; 32]) -> Option<usize> {
    // SAFETY: there is room for the 32 bytes that are announced.
    unsafe { get_option(socket, IPPROTO_TCP, TCP_FASTOPEN_KEY, key.as_mut_ptr(), 32) }.ok()
}

/// An instruction of a classic BPF filter.
#[repr(C)]
#[derive(Clone, Copy)]
struct Instruction {
    code: u16,
    jump_true: u8,
    jump_false: u8,
    word: u32,
}

/// Loads a constant, which changes nothing that matters: the word is what we want to keep.
const LOAD: u16 = 0;
/// Ends the filter, and lets as many bytes pass as its word says.
const RETURN: u16 = 6;
const WORDS: usize = 16;
type Filter = [Instruction; WORDS + 1];

/// Attaches a filter that lets everything pass and holds 64 bytes.
pub(crate) fn attach_filter(socket: i32, first: &[u8; 32], second: &[u8; 32]) -> Result<(), Errno> {
    #[repr(C)]
    struct Program {
        len: u16,
        padding: [u16; 3],
        filter: *const Instruction,
    }
    let mut filter: Filter =
        [Instruction { code: RETURN, jump_true: 0, jump_false: 0, word: u32::MAX }; WORDS + 1];
    let words = first.chunks_exact(4).chain(second.chunks_exact(4));
    for (instruction, word) in filter.iter_mut().zip(words) {
        let word = word.first_chunk().map_or(0, |word| u32::from_ne_bytes(*word));
        *instruction = Instruction { code: LOAD, word, ..*instruction };
    }
    let program = Program { len: filter.len() as u16, padding: [0; 3], filter: filter.as_ptr() };
    // SAFETY: the bytes of a live `Program`, which has no padding but the one that is named.
    let bytes = unsafe { core::slice::from_raw_parts((&raw const program).cast(), size_of::<Program>()) };
    set_option(socket, SOL_SOCKET, SO_ATTACH_FILTER, bytes)
}

/// Reads back what [`attach_filter`] has put on a socket, if that is what the socket's filter looks like.
pub(crate) fn filter(socket: i32, first: &mut [u8; 32], second: &mut [u8; 32]) -> Option<()> {
    let mut filter: Filter = [Instruction { code: 0, jump_true: 0, jump_false: 0, word: 0 }; WORDS + 1];
    let room = filter.as_mut_ptr().cast();
    // SAFETY: the option's length is in instructions; the kernel writes no more than are announced, or fails.
    let len = unsafe { get_option(socket, SOL_SOCKET, SO_GET_FILTER, room, filter.len() as u32) };
    if len != Ok(filter.len()) || filter.iter().take(WORDS).any(|instruction| instruction.code != LOAD) {
        return None;
    }
    let bytes = filter.iter().flat_map(|instruction| instruction.word.to_ne_bytes());
    for (to, from) in first.iter_mut().chain(second.iter_mut()).zip(bytes) {
        *to = from;
    }
    Some(())
}

#[cfg(feature = "hooks")]
pub(crate) use hooks::*;

#[cfg(feature = "hooks")]
mod hooks;
