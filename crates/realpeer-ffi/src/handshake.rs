//! Handshakes: a descriptor in, an established connection out.

use core::ffi::{c_int, c_void};
use core::fmt;
use core::mem::{MaybeUninit, size_of};
use core::ops::Add;
use core::task::Poll;
use core::time::Duration;

use libc::{sockaddr, sockaddr_storage, socklen_t};
use realpeer_proto as proto;
use realpeer_proto::{HandshakeError, ReadMode};

use crate::address::Endpoint;
use crate::memory::{Buffer, Filled, Tenant, is_writable, place, prepare, tenant_mut};
use crate::network::Ip;
use crate::{Config, Error, Header, Status, Verdict, address, config, error, header, trust};

/// The size of a `struct realpeer_handshake` in bytes.
pub const REALPEER_HANDSHAKE_SIZE: usize = 512;

/// An accepted connection whose header is being read: trust decision, decoder and deadline.
///
/// It lives in the caller's memory, needs no cleanup, and may be moved with `memcpy`. Copies of a handshake share its
/// buffer, so use only one of them. Use it from one thread at a time.
#[repr(C)]
#[derive(Debug)]
pub struct Handshake {
    opaque: [u64; 64],
}

const _: () = assert!(size_of::<Handshake>() == REALPEER_HANDSHAKE_SIZE);

/// The endpoints of a connection.
#[repr(C)]
#[allow(missing_debug_implementations, reason = "C fills it, and it may not be initialised")]
pub struct Established {
    /// 1 if there was a header; 0 if the peer was bypassed.
    pub has_header: u32,
    /// 1 if `source` and `destination` are from the header; 0 if they are the connection's own, because there was no header
    /// or it names no addresses (LOCAL, UNKNOWN, UNSPEC).
    pub from_header: u32,
    /// The length of `source`.
    pub source_len: socklen_t,
    /// The length of `destination`; 0 if it is the socket's own address and the system does not report it.
    pub destination_len: socklen_t,
    /// The source of the connection. Only the first `source_len` bytes are written. A UNIX socket name may fill `sun_path`
    /// without a terminating NUL, and may contain NULs.
    pub source: sockaddr_storage,
    /// The destination of the connection. Only the first `destination_len` bytes are written.
    pub destination: sockaddr_storage,
}

// SAFETY: it is made of numbers.
unsafe impl Filled for Established {
    const FIRST_VERSION: usize = size_of::<Self>();
}

/// What lives in a [`Handshake`].
struct Receiving {
    handshake: proto::Handshake<Millis, Buffer>,
    verdict: Verdict,
    /// The error that the last run failed with.
    failed: Option<HandshakeError<Errno>>,
    peer_len: socklen_t,
    peer: MaybeUninit<sockaddr_storage>,
}

impl Tenant for Receiving {
    type Memory = Handshake;
    const TAG: u64 = u64::from_le_bytes(*b"rpHands1");
}

/// Initialises `handshake` for a connection that `accept` returned: looks up its peer in the trust list, and starts the
/// deadline.
///
/// `size` is `sizeof *handshake`. `config->trust` is required: there is no default for whom to trust. `peer` is what
/// `accept` wrote; it is copied. The handshake keeps the header in `buffer`: leave that in place and untouched for as
/// long as you use the handshake or its header. `now_ms` is the time in milliseconds by any clock that never goes
/// backwards, such as `realpeer_now_ms`.
///
/// Returns `REALPEER_STATUS_DONE` or `REALPEER_STATUS_ARGUMENT`. For an untrusted peer too: `realpeer_handshake_run`
/// reports it. Thread-safe; does not change `errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_handshake_init(
    handshake: *mut Handshake,
    size: usize,
    config: *const Config,
    peer: *const sockaddr,
    peer_len: socklen_t,
    buffer: *mut c_void,
    buffer_len: usize,
    now_ms: u64,
) -> Status {
    // SAFETY: the caller's contract.
    let (wishes, buffer) = unsafe { (config::read(config), Buffer::new(buffer, buffer_len)) };
    let (Some(wishes), Some(buffer)) = (wishes, buffer) else { return Status::Argument };
    // SAFETY: the caller's contract.
    if peer.is_null() || !unsafe { trust::is_initialised(wishes.trust) } {
        return Status::Argument;
    }
    let mut receiving = Receiving {
        handshake: proto::Handshake::with_storage(&wishes.config, Millis(now_ms), buffer),
        // SAFETY: the caller's contract.
        verdict: unsafe { trust::realpeer_trust_verdict(wishes.trust, peer, peer_len) },
        failed: None,
        peer_len: 0,
        peer: MaybeUninit::uninit(),
    };
    // SAFETY: the caller's contract, and the storage is of our own.
    receiving.peer_len = unsafe { address::copy(receiving.peer.as_mut_ptr(), peer, peer_len) };
    // SAFETY: the caller's contract.
    unsafe { place(handshake, size, receiving) }
}

/// Continues to read the header from the socket `fd`. Never blocks, even if the socket is in blocking mode. `size` is
/// `sizeof *established`.
///
/// Only the header is taken from the socket: the function peeks, then reads exactly the bytes of the header. It reads
/// nothing from a refused or bypassed peer. `fd` stays open, on success and on failure.
///
/// Returns
/// - `REALPEER_STATUS_DONE`: `established` is filled, and the next byte from `fd` is payload. This is final;
/// - `REALPEER_STATUS_NEED_DATA`: call again when `fd` is readable (level- or edge-triggered), but no later than the time
///   that `realpeer_handshake_deadline` returns;
/// - `REALPEER_STATUS_IO`: `recv` failed; `errno` is the reason;
/// - another error: close the connection. `realpeer_handshake_error` has the details.
///
/// `errno` is meaningful only after `REALPEER_STATUS_IO`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_handshake_run(
    handshake: *mut Handshake,
    fd: c_int,
    now_ms: u64,
    established: *mut Established,
    size: usize,
) -> Status {
    // SAFETY: the caller's contract.
    let (receiving, writable) = unsafe { (tenant_mut::<Receiving>(handshake), prepare(established, size)) };
    let (Some(receiving), true) = (receiving, writable) else { return Status::Argument };
    let header = match receiving.verdict {
        Verdict::Refuse => return Status::Refused,
        Verdict::Bypass => None,
        Verdict::Require => {
            let status = receiving.poll(fd, now_ms);
            if status != Status::Done {
                return status;
            }
            receiving.handshake.header()
        }
    };
    // SAFETY: it can be written, as was just checked.
    unsafe { receiving.establish(fd, header, established) };
    Status::Done
}

/// Returns when to call `realpeer_handshake_run` if nothing arrives, by the clock of `now_ms`. It stays the same until
/// the handshake has ended, and is `UINT64_MAX` from then on.
///
/// Does not change `errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_handshake_deadline(handshake: *mut Handshake) -> u64 {
    // SAFETY: the caller's contract.
    match unsafe { tenant_mut::<Receiving>(handshake) } {
        Some(receiving) if receiving.verdict == Verdict::Require => {
            receiving.handshake.poll_timeout().map_or(u64::MAX, |Millis(deadline)| deadline)
        }
        _ => u64::MAX,
    }
}

/// Fills `header` once the handshake is done, for its TLVs. `size` is `sizeof *header`. `header->tlvs` points into the
/// handshake's buffer.
///
/// Returns `REALPEER_STATUS_DONE`, or `REALPEER_STATUS_NOT_FOUND` if there is no header: the handshake is not done, or
/// the peer was bypassed. Does not change `errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_handshake_header(
    handshake: *mut Handshake,
    header: *mut Header,
    size: usize,
) -> Status {
    // SAFETY: the caller's contract.
    let Some(receiving) = (unsafe { tenant_mut::<Receiving>(handshake) }) else { return Status::Argument };
    match receiving.handshake.header() {
        // SAFETY: the caller's contract.
        Some(found) => unsafe {
            header::fill(header, size, &found, receiving.handshake.decoder().as_bytes().len())
        },
        None => Status::NotFound,
    }
}

/// Writes to `bytes` and `len` what has been read from the socket so far. On success that is the header. After an error,
/// these bytes followed by what is still in the socket are everything that the peer sent.
///
/// The bytes are part of the handshake's buffer, and valid until the next call with the handshake.
///
/// Returns `REALPEER_STATUS_DONE` or `REALPEER_STATUS_ARGUMENT`. Does not change `errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_handshake_taken(
    handshake: *mut Handshake,
    bytes: *mut *const c_void,
    len: *mut usize,
) -> Status {
    // SAFETY: the caller's contract.
    let receiving = unsafe { tenant_mut::<Receiving>(handshake) };
    let (Some(receiving), true, true) = (receiving, is_writable(bytes), is_writable(len)) else {
        return Status::Argument;
    };
    let taken = receiving.handshake.taken();
    // SAFETY: the caller's contract.
    unsafe {
        bytes.write(taken.as_ptr().cast());
        len.write(taken.len());
    }
    Status::Done
}

/// Fills `error` with the error that `realpeer_handshake_run` failed with. `size` is `sizeof *error`.
///
/// Returns `REALPEER_STATUS_DONE`, or `REALPEER_STATUS_NOT_FOUND` if it has not failed. Does not change `errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_handshake_error(
    handshake: *mut Handshake,
    error: *mut Error,
    size: usize,
) -> Status {
    // SAFETY: the caller's contract.
    let Some(receiving) = (unsafe { tenant_mut::<Receiving>(handshake) }) else { return Status::Argument };
    if receiving.verdict == Verdict::Refuse {
        // SAFETY: the caller's contract.
        return unsafe { error::fill(error, size, Status::Refused, 0, &Refused(receiving.peer())) };
    }
    let Some(failed) = &receiving.failed else { return Status::NotFound };
    let (status, offset) = outcome(failed);
    // SAFETY: the caller's contract.
    unsafe { error::fill(error, size, status, offset, failed) }
}

/// Returns the time of `CLOCK_MONOTONIC` in milliseconds. Thread-safe; does not change `errno`.
#[unsafe(no_mangle)]
pub extern "C" fn realpeer_now_ms() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the struct can be written.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    // Neither is ever negative.
    let (seconds, nanoseconds) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
    seconds.saturating_mul(1000).saturating_add(nanoseconds / 1_000_000)
}

impl Receiving {
    fn peer(&self) -> Option<Endpoint<'_>> {
        // SAFETY: as many bytes were copied there.
        unsafe { address::read(self.peer.as_ptr().cast(), self.peer_len) }
    }

    fn poll(&mut self, fd: c_int, now_ms: u64) -> Status {
        self.handshake.handle_timeout(Millis(now_ms));
        let mut scratch = [0; 536];
        match self.handshake.poll_peek_with(&mut scratch, |slot, mode| recv(fd, slot, mode)) {
            Poll::Pending => Status::NeedData,
            Poll::Ready(Ok(())) => {
                self.failed = None;
                Status::Done
            }
            Poll::Ready(Err(failed)) => {
                self.failed = Some(failed);
                outcome(&failed).0
            }
        }
    }

    /// # Safety
    ///
    /// `out` can be written.
    unsafe fn establish(&self, fd: c_int, header: Option<proto::Header<'_>>, out: *mut Established) {
        let source = header.and_then(|header| header.source());
        let destination = header.and_then(|header| header.destination());
        // SAFETY: it can be written. It is not read, and no reference to it is made: it may not be initialised.
        unsafe {
            (&raw mut (*out).has_header).write(header.is_some().into());
            (&raw mut (*out).from_header).write(source.is_some().into());
            let room = &raw mut (*out).source;
            (&raw mut (*out).source_len).write(match source {
                Some(_) => address::write(room, source),
                None => address::copy(room, self.peer.as_ptr().cast(), self.peer_len),
            });
            let room = &raw mut (*out).destination;
            (&raw mut (*out).destination_len).write(match destination {
                Some(_) => address::write(room, destination),
                None => own_address(fd, room),
            });
        }
    }
}

/// Writes the socket's own address, and returns its length; 0 if the system does not report it.
///
/// # Safety
///
/// `out` points to a `sockaddr_storage` that may be written.
unsafe fn own_address(fd: c_int, out: *mut sockaddr_storage) -> socklen_t {
    let mut len = size_of::<sockaddr_storage>() as socklen_t;
    // SAFETY: there are as many bytes.
    let status = unsafe { libc::getsockname(fd, out.cast(), &raw mut len) };
    if status == 0 { len.min(size_of::<sockaddr_storage>() as socklen_t) } else { 0 }
}

/// Calls `recv` without blocking: pending if nothing has arrived.
fn recv(fd: c_int, slot: &mut [u8], mode: ReadMode) -> Poll<Result<usize, Errno>> {
    let flags = match mode {
        ReadMode::Peek => libc::MSG_DONTWAIT | libc::MSG_PEEK,
        ReadMode::Take => libc::MSG_DONTWAIT,
    };
    loop {
        // SAFETY: the slot can be written.
        let n = unsafe { libc::recv(fd, slot.as_mut_ptr().cast(), slot.len(), flags) };
        if let Ok(n) = usize::try_from(n) {
            return Poll::Ready(Ok(n));
        }
        match Errno::last() {
            Errno(libc::EINTR) => {}
            #[allow(unreachable_patterns, reason = "on some systems they are two")]
            Errno(libc::EAGAIN | libc::EWOULDBLOCK) => return Poll::Pending,
            error => return Poll::Ready(Err(error)),
        }
    }
}

fn outcome(failed: &HandshakeError<Errno>) -> (Status, u32) {
    match failed {
        HandshakeError::Protocol(error) => error::of(error),
        HandshakeError::Io(_) => (Status::Io, 0),
        HandshakeError::TimedOut { received } => (Status::TimedOut, *received as u32),
    }
}

/// The text for a peer that is refused.
struct Refused<'a>(Option<Endpoint<'a>>);

impl fmt::Display for Refused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Endpoint::Inet(peer)) => {
                let ip = Ip(peer.ip().to_canonical());
                write!(f, "{ip} is not a trusted proxy; add it to the trust list if it is one")
            }
            Some(Endpoint::Unix(_)) => {
                f.write_str("UNIX peers are not trusted; add unix to the trust list to trust them")
            }
            None => f.write_str("the peer is not a trusted proxy: its address is neither IP nor UNIX"),
        }
    }
}

/// A time in milliseconds.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
struct Millis(u64);

impl Add<Duration> for Millis {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_millis() as u64))
    }
}

/// A number of `errno`.
#[derive(Clone, Copy)]
struct Errno(c_int);

impl Errno {
    fn last() -> Self {
        // SAFETY: the C library's own, of this thread.
        Self(unsafe { *errno_location() })
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reading from the socket failed with errno {}", self.0)
    }
}

#[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
use libc::__errno as errno_location;
#[cfg(not(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "android",
    target_os = "netbsd",
    target_os = "openbsd"
)))]
use libc::__errno_location as errno_location;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
use libc::__error as errno_location;
