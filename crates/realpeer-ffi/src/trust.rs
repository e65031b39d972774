//! The list of trusted proxies.

use core::ffi::{CStr, c_char};
use core::fmt::{self, Write as _};
use core::mem::size_of;

use libc::{sockaddr, socklen_t};

use crate::address::{self, Endpoint};
use crate::memory::{Tenant, place, tenant, tenant_mut};
use crate::network::{Net, NetError};
use crate::{Error, Status, Verdict, error};

/// The size of a `struct realpeer_trust` in bytes.
pub const REALPEER_TRUST_SIZE: usize = 64;
/// The size of a `struct realpeer_network` in bytes.
pub const REALPEER_NETWORK_SIZE: usize = 32;

/// A list of trusted proxies. All other peers are refused, unless `realpeer_trust_otherwise` changes that.
///
/// It lives in the caller's memory and needs no cleanup. Once it is filled, any number of threads may use it at the same
/// time. Copies share their networks.
#[repr(C)]
#[derive(Debug)]
pub struct Trust {
    opaque: [u64; 8],
}

/// Space for one network of a trust list. Its contents are private.
#[repr(C)]
#[derive(Debug)]
pub struct Network {
    opaque: [u64; 4],
}

const _: () =
    assert!(size_of::<Trust>() == REALPEER_TRUST_SIZE && size_of::<Network>() == REALPEER_NETWORK_SIZE);
const _: () = assert!(size_of::<Net>() <= size_of::<Network>() && align_of::<Net>() <= align_of::<Network>());

/// What lives in a [`Trust`].
pub(crate) struct List {
    networks: *mut Network,
    capacity: usize,
    used: usize,
    unix: bool,
    anyone: bool,
    otherwise: Verdict,
}

impl Tenant for List {
    type Memory = Trust;
    const TAG: u64 = u64::from_le_bytes(*b"rpTrust1");
}

/// Initialises `trust` as an empty list, overwriting whatever it held. An empty list trusts nobody.
///
/// `size` is `sizeof *trust`. `networks` has space for `capacity` networks: leave it in place and untouched for as long as
/// you use the list. It may be NULL if `capacity` is 0.
///
/// Returns `REALPEER_STATUS_DONE` or `REALPEER_STATUS_ARGUMENT`. Thread-safe; does not change `errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_trust_init(
    trust: *mut Trust,
    size: usize,
    networks: *mut Network,
    capacity: usize,
) -> Status {
    if !networks.is_aligned()
        || networks.is_null() && capacity > 0
        || capacity > isize::MAX as usize / REALPEER_NETWORK_SIZE
    {
        return Status::Argument;
    }
    let list = List { networks, capacity, used: 0, unix: false, anyone: false, otherwise: Verdict::Refuse };
    // SAFETY: the caller's contract.
    unsafe { place(trust, size, list) }
}

/// Trusts the peers that `text` names: an address (`192.0.2.1`), a network (`10.0.0.0/8`, `2001:db8::/32`), `unix` for
/// UNIX sockets, `anyone`, `nobody`, or several of these separated by commas. Use `anyone` only if nothing but the proxy
/// can reach the server: a trusted peer can claim any address.
///
/// An IPv4-mapped address counts as the IPv4 address, in the list and for peers. A network with bits set beyond its
/// prefix is rejected.
///
/// Returns
/// - `REALPEER_STATUS_DONE`;
/// - `REALPEER_STATUS_NOT_A_NETWORK`: `error` has the part of the text that is wrong, and why;
/// - `REALPEER_STATUS_NO_SPACE` if the list has no space for all the networks.
///
/// On failure the list does not change. `error` may be NULL; `error_size` is `sizeof *error`. Keeps no pointer to `text`.
/// No other thread may use the list during the call. Does not change `errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_trust_add(
    trust: *mut Trust,
    text: *const c_char,
    error: *mut Error,
    error_size: usize,
) -> Status {
    // SAFETY: the caller's contract.
    let Some(list) = (unsafe { tenant_mut::<List>(trust) }) else { return Status::Argument };
    if text.is_null() {
        return Status::Argument;
    }
    // SAFETY: the caller's contract: it ends in a NUL.
    let text = unsafe { CStr::from_ptr(text) }.to_bytes();
    let parts = || text.split(|&byte| byte == b',');
    let mut room = list.capacity - list.used;
    for part in parts() {
        match Part::read(part) {
            Ok(Part::Network(_)) => match room.checked_sub(1) {
                Some(left) => room = left,
                None => return Status::NoSpace,
            },
            Ok(_) => {}
            // SAFETY: the caller's contract.
            Err(wrong) => return unsafe { refuse(error, error_size, &Wrong { part, wrong }) },
        }
    }
    for part in parts().filter_map(|part| Part::read(part).ok()) {
        match part {
            Part::Network(net) => {
                // SAFETY: there is room, as just counted, and for one as large as this.
                unsafe { list.networks.add(list.used).cast::<Net>().write(net) };
                list.used += 1;
            }
            Part::Unix => list.unix = true,
            Part::Anyone => list.anyone = true,
            Part::Nobody => {}
        }
    }
    Status::Done
}

/// Sets what to do with peers that are not trusted. `verdict` is `REALPEER_VERDICT_REFUSE`, the default, or
/// `REALPEER_VERDICT_BYPASS`: serve them under their own address, without reading a header.
///
/// Returns `REALPEER_STATUS_DONE` or `REALPEER_STATUS_ARGUMENT`. No other thread may use the list during the call. Does not
/// change `errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_trust_otherwise(trust: *mut Trust, verdict: u32) -> Status {
    // SAFETY: the caller's contract.
    let Some(list) = (unsafe { tenant_mut::<List>(trust) }) else { return Status::Argument };
    list.otherwise = match verdict {
        0 => Verdict::Refuse,
        2 => Verdict::Bypass,
        _ => return Status::Argument,
    };
    Status::Done
}

/// Returns what to do with a connection or datagram from `peer`, the address that `accept`, `getpeername` or `recvfrom`
/// wrote.
///
/// A wrong argument, or an address that is not IPv4, IPv6 or UNIX, is refused. Thread-safe; does not change `errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpeer_trust_verdict(
    trust: *const Trust,
    peer: *const sockaddr,
    peer_len: socklen_t,
) -> Verdict {
    // SAFETY: the caller's contract.
    let (Some(list), Some(peer)) = (unsafe { (tenant::<List>(trust), address::read(peer, peer_len)) }) else {
        return Verdict::Refuse;
    };
    if list.believes(peer) { Verdict::Require } else { list.otherwise }
}

/// Returns whether `trust` has been initialised.
///
/// # Safety
///
/// As [`realpeer_trust_verdict`].
pub(crate) unsafe fn is_initialised(trust: *const Trust) -> bool {
    // SAFETY: passed on.
    unsafe { tenant::<List>(trust) }.is_some()
}

impl List {
    fn believes(&self, peer: Endpoint<'_>) -> bool {
        self.anyone
            || match peer {
                Endpoint::Unix(_) => self.unix,
                Endpoint::Inet(peer) => self.nets().any(|net| net.contains(peer.ip())),
            }
    }

    fn nets(&self) -> impl Iterator<Item = &Net> {
        (0..self.used).map(|at| {
            // SAFETY: as many have been written, and nobody else changes them.
            unsafe { &*self.networks.add(at).cast::<Net>() }
        })
    }
}

enum Part {
    Network(Net),
    Unix,
    Anyone,
    Nobody,
}

impl Part {
    fn read(text: &[u8]) -> Result<Self, NetError> {
        match trim(text) {
            b"unix" => Ok(Self::Unix),
            b"anyone" => Ok(Self::Anyone),
            b"nobody" => Ok(Self::Nobody),
            text => Net::parse(text).map(Self::Network),
        }
    }
}

/// A part of the text that is not valid, and why.
struct Wrong<'a> {
    part: &'a [u8],
    wrong: NetError,
}

impl fmt::Display for Wrong<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("'")?;
        for &byte in trim(self.part) {
            f.write_char(if byte.is_ascii_graphic() { byte.into() } else { '?' })?;
        }
        match self.wrong {
            NetError::HostBits(net) => {
                write!(f, "' has bits set beyond its prefix; write {net} for the network")
            }
            NetError::Syntax => {
                f.write_str("' is neither an address, nor a network such as 10.0.0.0/8, nor unix, nor anyone")
            }
        }
    }
}

/// The text without the spaces around it.
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = text {
        text = rest;
    }
    text
}

/// # Safety
///
/// As [`error::fill`].
#[cold]
unsafe fn refuse(error: *mut Error, size: usize, text: &dyn fmt::Display) -> Status {
    // SAFETY: passed on.
    if !error.is_null() && unsafe { error::fill(error, size, Status::NotANetwork, 0, text) } != Status::Done {
        return Status::Argument;
    }
    Status::NotANetwork
}
