//! The convenience: a descriptor in, an established connection out.

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
use crate::memory::{Buffer, Tenant, Versioned, is_writable, place, prepare, tenant_mut};
use crate::network::Ip;
use crate::{Config, Error, Header, Status, Verdict, address, config, error, header, trust};

/// The size of a `struct realpeer_handshake` in bytes.
pub const REALPEER_HANDSHAKE_SIZE: usize = 512;

/// A connection that has been accepted and whose header is being read: policy, decoder and deadline.
///
/// It lives in the caller's memory, needs no release, and may be moved with `memcpy`. Two copies of one handshake share
/// its buffer, so only one may be used. One thread at a time may use it.
#[repr(C)]
#[derive(Debug)]
pub struct Handshake {
    opaque: [u64; 64],
}

const _: () = assert!(size_of::<Handshake>() == REALPEER_HANDSHAKE_SIZE);

/// Who is at the ends of a connection. Set `size` before it is filled.
#[repr(C)]
#[allow(missing_debug_implementations, reason = "C fills it, and it may not be initialised")]
pub struct Established {
    /// `sizeof(struct realpeer_established)`, set by the caller.
    pub size: usize,
    /// 1 if there was a header; 0 if the policy bypassed the peer.
    pub has_header: u32,
    /// 1 if `source` and `destination` are the header's; 0 if they are the connection's own, since there was no header
    /// or it names none: LOCAL, UNKNOWN, UNSPEC.
    pub from_header: u32,
    /// How many bytes of `source` are filled.
    pub source_len: socklen_t,
    /// How many bytes of `destination` are filled; 0 if the system doesn't tell the socket's own address.
    pub destination_len: socklen_t,
    /// Where the connection came from. Only `source_len` bytes are written. The name of a UNIX socket may fill
    /// `sun_path` without a NUL at its end, and may hold a NUL anywhere.
    pub source: sockaddr_storage,
    /// Where the connection was going. Only `destination_len` bytes are written.
    pub destination: sockaddr_storage,
}

// SAFETY: it begins with its size, and is made of numbers.
unsafe impl Versioned for Established {
    const FIRST_VERSION: usize = size_of::<Self>();
}

/// What lives in a [`Handshake`].
struct Receiving {
    handshake: proto::Handshake<Millis, Buffer>,
    verdict: Verdict,
    /// Why it failed when it was last run.
    failed: Option<HandshakeError<Errno>>,
    peer_len: socklen_t,
    peer: MaybeUninit<sockaddr_storage>,
}

impl Tenant for Receiving {
    type Memory = Handshake;
    const TAG: u64 = u64::from_le_bytes(*b"rpHands1");
}

/// Begins with a connection that `accept` returned: asks the policy about its peer, and starts the clock.
///
/// `size` is `sizeof *handshake`. `config->trust` must say whom to believe: there is no default. `peer` is what `accept`
/// wrote, and is copied. Headers are kept in `buffer`, as `realpeer_decoder_init` does: it must stay where it is, and
/// belong to the handshake, for as long as handshake or header are in use. `now_ms` is the time in milliseconds by any
/// clock that never goes back, such as `realpeer_now_ms`.
///
/// Returns `REALPEER_STATUS_DONE`, or `REALPEER_STATUS_ARGUMENT`. That the peer is refused, `realpeer_handshake_run`
/// reports. Thread-safe; `errno` is left alone.
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

/// Reads on from the socket `fd`, and never waits, whether the socket is in non-blocking mode or not.
///
/// Nothing but the header is taken out of the socket: it peeks, then reads exactly the bytes of the header. Of a peer
/// that is refused or bypassed nothing is read. `fd` stays the caller's, whatever comes of it.
///
/// Returns
/// - `REALPEER_STATUS_DONE`: `established` is filled, and what `fd` has now is payload. So it remains;
/// - `REALPEER_STATUS_NEED_DATA`: call again when `fd` is readable (level- or edge-triggered), and at the time that
///   `realpeer_handshake_deadline` returns at the latest;
/// - `REALPEER_STATUS_IO`: `recv` failed with `errno`;
/// - another error: the connection is best closed. `realpeer_handshake_error` says more.
///
/// `errno` has no meaning after anything but `REALPEER_STATUS_IO`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_handshake_run(
    handshake: *mut Handshake,
    fd: c_int,
    now_ms: u64,
    established: *mut Established,
) -> Status {
    // SAFETY: the caller's contract.
    let (receiving, writable) = unsafe { (tenant_mut::<Receiving>(handshake), prepare(established)) };
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

/// Returns the time, by the clock that `now_ms` is of, at which `realpeer_handshake_run` must be called if nothing
/// arrives; `UINT64_MAX` once the handshake has ended. Until then it never changes.
///
/// `errno` is left alone.
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

/// Fills `header` once the handshake is done, to get at its TLVs. `header->tlvs` points into the handshake's buffer.
///
/// Returns `REALPEER_STATUS_DONE`, or `REALPEER_STATUS_NOT_FOUND` if there is no header: the handshake is not done, or
/// the policy bypassed the peer. `errno` is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_handshake_header(handshake: *mut Handshake, header: *mut Header) -> Status {
    // SAFETY: the caller's contract.
    let Some(receiving) = (unsafe { tenant_mut::<Receiving>(handshake) }) else { return Status::Argument };
    match receiving.handshake.header() {
        // SAFETY: the caller's contract.
        Some(found) => unsafe {
            header::fill(header, &found, receiving.handshake.decoder().as_bytes().len())
        },
        None => Status::NotFound,
    }
}

/// Writes to `bytes` and `len` what has been read from the socket so far, for whoever goes on with the connection after an
/// error: those bytes and what the socket still has are everything that the peer sent. After success they are the header.
///
/// They are part of the handshake's buffer, and good until the next call with the handshake.
///
/// Returns `REALPEER_STATUS_DONE` or `REALPEER_STATUS_ARGUMENT`. `errno` is left alone.
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

/// Fills `error` with why `realpeer_handshake_run` failed.
///
/// Returns `REALPEER_STATUS_DONE` if it did, and `REALPEER_STATUS_NOT_FOUND` if there is nothing wrong. `errno` is left
/// alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_handshake_error(handshake: *mut Handshake, error: *mut Error) -> Status {
    // SAFETY: the caller's contract.
    let Some(receiving) = (unsafe { tenant_mut::<Receiving>(handshake) }) else { return Status::Argument };
    if receiving.verdict == Verdict::Refuse {
        // SAFETY: the caller's contract.
        return unsafe { error::fill(error, Status::Refused, 0, &Refused(receiving.peer())) };
    }
    let Some(failed) = &receiving.failed else { return Status::NotFound };
    let (status, offset) = outcome(failed);
    // SAFETY: the caller's contract.
    unsafe { error::fill(error, status, offset, failed) }
}

/// Returns the time of `CLOCK_MONOTONIC` in milliseconds. Thread-safe; `errno` is left alone.
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

/// The socket's own address; 0 if the system doesn't tell.
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

/// One `recv` that never waits: pending if nothing has arrived.
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

/// A peer that the policy does not let in.
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
