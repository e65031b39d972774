//! What the standard library and rustix don't do: fork, close what was inherited, and two socket options.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use realpeer_preload::wire::Secret;
use rustix::process::{Resource, getrlimit, setrlimit};

/// Which of two processes this is.
pub(crate) enum Forked {
    Parent(libc::pid_t),
    Child,
}

/// Forks. This process must have one thread.
pub(crate) fn fork() -> io::Result<Forked> {
    // SAFETY: with one thread no lock is held in the child by a thread that it hasn't got.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        child => Ok(Forked::Parent(child)),
    }
}

/// Ends the process without running what it has registered for its end: that is the parent's.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: it does not return.
    unsafe { libc::_exit(status) }
}

/// Waits for a child.
pub(crate) fn wait_for(child: libc::pid_t) {
    // SAFETY: the status is not asked for.
    while unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) } == -1
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
}

/// Closes all descriptors from 3 on but `kept`.
pub(crate) fn close_all_but(mut kept: Vec<RawFd>) {
    kept.sort_unstable();
    let mut first = 3;
    for fd in kept {
        close_range(first, fd - 1);
        first = fd + 1;
    }
    close_range(first, RawFd::MAX);
}

fn close_range(first: RawFd, last: RawFd) {
    if first > last {
        return;
    }
    // SAFETY: nothing in this process uses them: what does is among those that are kept.
    if unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } == 0 {
        return;
    }
    // A kernel before 5.9.
    let most = getrlimit(Resource::Nofile).current.map_or(65_536, |most| most.min(65_536));
    for fd in first..=last.min(most as RawFd) {
        // SAFETY: as above.
        unsafe { libc::close(fd) };
    }
}

/// Names this process for `ps`.
pub(crate) fn set_name(name: &std::ffi::CStr) {
    // SAFETY: the kernel reads a string, of at most 16 bytes.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// Raises the limit of open files as far as it goes, and returns it.
pub(crate) fn raise_fd_limit() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    let most = getrlimit(Resource::Nofile).current;
    most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX))
}

/// Returns bytes that nobody can guess.
pub(crate) fn random() -> io::Result<Secret> {
    let mut bytes = Secret::default();
    let len = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    if len == bytes.len() { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Prepares a TCP socket for a ring.
pub(crate) fn prepare_ring(socket: &OwnedFd) -> io::Result<()> {
    // Its port is chosen when it connects, when more are free.
    set_option(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT)?;
    // The last packet of the connection's set-up waits for the first bytes and takes them along. Otherwise the server
    // may accept before they are there.
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT)
}

fn set_option(socket: &OwnedFd, level: i32, name: i32) -> io::Result<()> {
    let on: libc::c_int = 1;
    let value = std::ptr::from_ref(&on).cast();
    // SAFETY: the value is an int, and the kernel is told of its four bytes.
    let answer = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value, 4) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Puts `/dev/null` in their place, if there is one.
pub(crate) fn replace_stdin_and_stdout() {
    let Ok(null) = std::fs::File::options().read(true).write(true).open("/dev/null") else { return };
    for fd in [0, 1] {
        // SAFETY: nothing in this process uses stdin or stdout.
        unsafe { libc::dup2(null.as_raw_fd(), fd) };
    }
}
