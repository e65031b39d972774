//! The system calls that only the hooks make.

use super::number::hooks as number;
use super::{EINTR, Errno, IPPROTO_TCP, SOL_SOCKET, call, get_option, set_option};

pub(crate) const SOCK_NONBLOCK: i32 = 0o4000;
pub(crate) const SOCK_CLOEXEC: i32 = 0o2_000_000;

const MSG_PEEK: usize = 2;
const MSG_DONTWAIT: usize = 0x40;
const MSG_NOSIGNAL: usize = 0x4000;
const MSG_CMSG_CLOEXEC: usize = 0x4000_0000;
const F_GETFL: usize = 3;
const F_SETFL: usize = 4;
const TCP_DEFER_ACCEPT: usize = 9;
const SO_PEERCRED: usize = 17;
const SO_DOMAIN: usize = 39;
const SCM_RIGHTS: i32 = 1;
const POLLIN: i16 = 1;

/// A `sockaddr` and its length.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub(crate) struct Name {
    bytes: [u8; 128],
    len: u32,
}

impl Name {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; 128], len: 128 }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len as usize).unwrap_or(&self.bytes)
    }
}

/// Makes a call that writes a socket's name.
fn with_name(number: usize, socket: i32, name: &mut Name, flags: i32) -> Result<usize, Errno> {
    name.len = 128;
    let (bytes, len) = (name.bytes.as_mut_ptr() as usize, (&raw mut name.len) as usize);
    // SAFETY: `bytes` has the room that `len` says.
    unsafe { call(number, [socket as usize, bytes, len, flags as usize, 0, 0]) }
}

pub(crate) fn accept4(listener: i32, peer: &mut Name, flags: i32) -> Result<i32, Errno> {
    with_name(number::ACCEPT4, listener, peer, flags).map(|socket| socket as i32)
}

pub(crate) fn getsockname(socket: i32, name: &mut Name) -> Result<(), Errno> {
    with_name(number::GETSOCKNAME, socket, name, 0).map(|_| ())
}

pub(crate) fn getpeername(socket: i32, name: &mut Name) -> Result<(), Errno> {
    with_name(number::GETPEERNAME, socket, name, 0).map(|_| ())
}

/// The call as the program made it.
///
/// # Safety
///
/// As with the function of the C library.
pub(crate) unsafe fn getpeername_raw(socket: i32, name: *mut u8, len: *mut u32) -> Result<(), Errno> {
    // SAFETY: the pointers are the program's; a wrong one is the kernel's to refuse.
    unsafe { call(number::GETPEERNAME, [socket as usize, name as usize, len as usize, 0, 0, 0]) }.map(|_| ())
}

/// The call as the program made it.
///
/// # Safety
///
/// As with the function of the C library.
pub(crate) unsafe fn getsockname_raw(socket: i32, name: *mut u8, len: *mut u32) -> Result<(), Errno> {
    // SAFETY: the pointers are the program's; a wrong one is the kernel's to refuse.
    unsafe { call(number::GETSOCKNAME, [socket as usize, name as usize, len as usize, 0, 0, 0]) }.map(|_| ())
}

/// The call as the program made it.
///
/// # Safety
///
/// As with the function of the C library.
pub(crate) unsafe fn accept4_raw(
    listener: i32,
    name: *mut u8,
    len: *mut u32,
    flags: i32,
) -> Result<i32, Errno> {
    let arguments = [listener as usize, name as usize, len as usize, flags as usize, 0, 0];
    // SAFETY: the pointers are the program's; a wrong one is the kernel's to refuse.
    unsafe { call(number::ACCEPT4, arguments) }.map(|socket| socket as i32)
}

pub(crate) fn close(fd: i32) {
    // SAFETY: nothing is read or written. Linux closes the descriptor even if it returns an error.
    let _ = unsafe { call(number::CLOSE, [fd as usize, 0, 0, 0, 0, 0]) };
}

fn receive(socket: i32, buffer: &mut [u8], flags: usize) -> Result<usize, Errno> {
    let arguments = [socket as usize, buffer.as_mut_ptr() as usize, buffer.len(), flags | MSG_DONTWAIT, 0, 0];
    loop {
        // SAFETY: the buffer has the room that is announced.
        match unsafe { call(number::RECVFROM, arguments) } {
            Err(EINTR) => {}
            answer => return answer,
        }
    }
}

/// Returns how many bytes there are, without taking or waiting.
pub(crate) fn peek(socket: i32, buffer: &mut [u8]) -> Result<usize, Errno> {
    receive(socket, buffer, MSG_PEEK)
}

pub(crate) fn take(socket: i32, buffer: &mut [u8]) -> Result<usize, Errno> {
    receive(socket, buffer, 0)
}

/// Waits until there is something to read or accept, or until the time is over.
pub(crate) fn readable_within(fd: i32, milliseconds: u32) -> bool {
    #[repr(C)]
    struct PollFd {
        fd: i32,
        events: i16,
        revents: i16,
    }
    let mut entry = PollFd { fd, events: POLLIN, revents: 0 };
    let mut time = [i64::from(milliseconds / 1000), i64::from(milliseconds % 1000) * 1_000_000];
    let arguments = [(&raw mut entry) as usize, 1, (&raw mut time) as usize, 0, 0, 0];
    loop {
        // SAFETY: one entry, and a `timespec`, which has two words; the signal mask is left alone.
        match unsafe { call(number::PPOLL, arguments) } {
            // The kernel has put into `time` what is left of it.
            Err(EINTR) => {}
            answer => return answer.is_ok_and(|ready| ready > 0),
        }
    }
}

fn status_flags(fd: i32) -> usize {
    // SAFETY: nothing is read or written.
    unsafe { call(number::FCNTL, [fd as usize, F_GETFL, 0, 0, 0, 0]) }.unwrap_or(0)
}

pub(crate) fn is_blocking(fd: i32) -> bool {
    status_flags(fd) & SOCK_NONBLOCK as usize == 0
}

pub(crate) fn set_nonblocking(fd: i32, nonblocking: bool) {
    let flags = status_flags(fd);
    let bit = SOCK_NONBLOCK as usize;
    let wanted = if nonblocking { flags | bit } else { flags & !bit };
    if wanted != flags {
        // SAFETY: nothing is read or written.
        let _ = unsafe { call(number::FCNTL, [fd as usize, F_SETFL, wanted, 0, 0, 0]) };
    }
}

pub(crate) fn clear_cloexec(fd: i32) {
    const F_SETFD: usize = 2;
    // SAFETY: nothing is read or written.
    let _ = unsafe { call(number::FCNTL, [fd as usize, F_SETFD, 0, 0, 0, 0]) };
}

fn number_option(socket: i32, level: usize, name: usize) -> Result<u32, Errno> {
    let mut value = 0u32;
    // SAFETY: there is room for four bytes.
    unsafe { get_option(socket, level, name, (&raw mut value).cast(), 4) }.map(|_| value)
}

/// Has the kernel keep connections back until their first bytes are there, unless it has been told already.
pub(crate) fn defer_accept(listener: i32, seconds: u32) {
    if number_option(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT) == Ok(0) {
        let _ = set_option(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds.to_ne_bytes());
    }
}

/// Returns `AF_INET`, `AF_INET6`, `AF_UNIX` or another.
pub(crate) fn family(socket: i32) -> Option<u16> {
    number_option(socket, SOL_SOCKET, SO_DOMAIN).ok().map(|family| family as u16)
}

/// Returns the user at the other end of a UNIX socket: the one who listened or connected.
pub(crate) fn peer_uid(socket: i32) -> Option<u32> {
    let mut credentials = [0u32; 3];
    // SAFETY: there is room for the three words of a `ucred`.
    unsafe { get_option(socket, SOL_SOCKET, SO_PEERCRED, (&raw mut credentials).cast(), 12) }.ok()?;
    let [_, uid, _] = credentials;
    Some(uid)
}

pub(crate) fn effective_uid() -> Option<u32> {
    // SAFETY: nothing is read or written.
    unsafe { call(number::GETEUID, [0; 6]) }.ok().map(|uid| uid as u32)
}

pub(crate) fn socket(family: u16, kind: i32) -> Result<i32, Errno> {
    let kind = (kind | SOCK_NONBLOCK | SOCK_CLOEXEC) as usize;
    // SAFETY: nothing is read or written.
    unsafe { call(number::SOCKET, [family.into(), kind, 0, 0, 0, 0]) }.map(|socket| socket as i32)
}

pub(crate) fn connect(socket: i32, address: &[u8]) -> Result<(), Errno> {
    let arguments = [socket as usize, address.as_ptr() as usize, address.len(), 0, 0, 0];
    // SAFETY: the kernel reads the bytes of `address`.
    unsafe { call(number::CONNECT, arguments) }.map(|_| ())
}

#[repr(C)]
struct Header {
    name: usize,
    name_len: u32,
    iov: *mut [usize; 2],
    iov_len: usize,
    control: *mut Control,
    control_len: usize,
    flags: i32,
}

#[repr(C)]
struct Control {
    len: usize,
    level: i32,
    kind: i32,
    fd: i32,
    pad: i32,
}

/// The length of a control message with one descriptor, without padding.
const CONTROL_LEN: usize = size_of::<Control>() - size_of::<i32>();

fn with_message(
    number: usize,
    socket: i32,
    iov: [usize; 2],
    control: Option<&mut Control>,
    flags: usize,
) -> Result<usize, Errno> {
    let mut iov = iov;
    let control_len = if control.is_some() { size_of::<Control>() } else { 0 };
    let control = control.map_or(core::ptr::null_mut(), |control| control);
    let mut header =
        Header { name: 0, name_len: 0, iov: &raw mut iov, iov_len: 1, control, control_len, flags: 0 };
    let arguments = [socket as usize, (&raw mut header) as usize, flags | MSG_DONTWAIT, 0, 0, 0];
    // SAFETY: the header describes memory that lives longer than the call.
    unsafe { call(number, arguments) }
}

pub(crate) fn send(socket: i32, message: &[u8], fd: Option<i32>) -> Result<(), Errno> {
    let mut control = Control {
        len: CONTROL_LEN,
        level: SOL_SOCKET as i32,
        kind: SCM_RIGHTS,
        fd: fd.unwrap_or(-1),
        pad: 0,
    };
    let iov = [message.as_ptr() as usize, message.len()];
    with_message(number::SENDMSG, socket, iov, fd.map(|_| &mut control), MSG_NOSIGNAL).map(|_| ())
}

/// Receives a message and returns the descriptor that is with it, close-on-exec.
pub(crate) fn receive_fd(socket: i32) -> Option<i32> {
    let mut message = [0u8; 8];
    let mut control = Control { len: 0, level: 0, kind: 0, fd: -1, pad: 0 };
    let iov = [message.as_mut_ptr() as usize, message.len()];
    let flags = MSG_CMSG_CLOEXEC;
    with_message(number::RECVMSG, socket, iov, Some(&mut control), flags).ok()?;
    let is_fd =
        control.len == CONTROL_LEN && control.kind == SCM_RIGHTS && control.level == SOL_SOCKET as i32;
    is_fd.then_some(control.fd).filter(|&fd| fd >= 0)
}

/// Maps a file where nothing is ever read or written, so that it has one more user until this process and those
/// forked from it have ended or called exec.
pub(crate) fn map_for_life(fd: i32) -> bool {
    const MAP_SHARED: usize = 1;
    const READ_AND_WRITE: usize = 3;
    // SAFETY: the kernel picks an address where nothing is, and nobody is told of it.
    unsafe { call(number::MMAP, [0, 4096, READ_AND_WRITE, MAP_SHARED, fd as usize, 0]) }.is_ok()
}

/// Returns device and inode of a file.
pub(crate) fn identity(fd: i32) -> Option<[u64; 2]> {
    let mut stat = [0u64; 32];
    // SAFETY: a `stat` has 144 bytes at most.
    unsafe { call(number::FSTAT, [fd as usize, stat.as_mut_ptr() as usize, 0, 0, 0, 0]) }.ok()?;
    let [device, inode, ..] = stat;
    Some([device, inode])
}

pub(crate) fn write(fd: i32, bytes: &[u8]) {
    // SAFETY: the kernel reads the bytes of `bytes`.
    let _ = unsafe { call(number::WRITE, [fd as usize, bytes.as_ptr() as usize, bytes.len(), 0, 0, 0]) };
}

/// Returns the seconds of a clock that only goes forward.
pub(crate) fn seconds() -> u64 {
    const CLOCK_MONOTONIC_COARSE: usize = 6;
    let mut time = [0u64; 2];
    // SAFETY: a `timespec` has two words.
    let _ = unsafe {
        call(number::CLOCK_GETTIME, [CLOCK_MONOTONIC_COARSE, time.as_mut_ptr() as usize, 0, 0, 0, 0])
    };
    let [seconds, _] = time;
    seconds
}

pub(crate) fn exit(status: i32) -> ! {
    loop {
        // SAFETY: the process ends.
        let _ = unsafe { call(number::EXIT_GROUP, [status as usize, 0, 0, 0, 0, 0]) };
    }
}
