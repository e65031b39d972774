//! Accepts a connection and decides what to do with it, before the program sees it.

use realpeer_proto::Config;

use crate::addr::{Family, Peer, mapped};
use crate::label::Label;
use crate::log::log;
use crate::look::{Seen, look};
use crate::lot::{self, Parked};
use crate::settings::{Settings, Untrusted};
use crate::sys::{self, EAGAIN, EINTR, Errno, Name, SOCK_CLOEXEC, SOCK_NONBLOCK};
use crate::wire::{RING_NAME, Ring};

/// A connection for the program.
pub(crate) struct Admitted {
    pub(crate) socket: i32,
    pub(crate) peer: Shown,
}

/// The `sockaddr` that the program is shown as its peer.
pub(crate) enum Shown {
    Kernel(Name),
    Ours([u8; 28], usize),
}

/// How much room the program's buffer for the address has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    NotAsked,
    Bytes(usize),
}

/// Headers up to this length are read here, longer ones by the lot.
const PEEK: usize = 536;

/// Accepts until there is a connection for the program, or the kernel returns an error.
pub(crate) fn accept(settings: &Settings, listener: i32, room: Room, flags: i32) -> Result<Admitted, Errno> {
    loop {
        let mut peer = Name::new();
        let socket = sys::accept4(listener, &mut peer, flags)?;
        if let Some(admitted) = admit(settings, listener, socket, &peer, room, flags) {
            return Ok(admitted);
        }
        // The program may have polled first, and then doesn't expect to block until the next connection.
        if sys::is_blocking(listener) && !sys::readable_within(listener, 0) {
            return Err(EINTR);
        }
    }
}

/// Returns the connection as the program is to see it, or None if it was closed or parked.
fn admit(
    settings: &Settings,
    listener: i32,
    socket: i32,
    name: &Name,
    room: Room,
    flags: i32,
) -> Option<Admitted> {
    let as_it_is = Admitted { socket, peer: Shown::Kernel(*name) };
    let mut local = Name::new();
    let known = sys::getsockname(socket, &mut local).ok().and_then(|()| Peer::from_sockaddr(local.bytes()));
    let (Some(local), Some(peer), Some(family)) =
        (known, Peer::from_sockaddr(name.bytes()), Family::of_sockaddr(name.bytes()))
    else {
        return Some(as_it_is);
    };
    if !settings.wants(local) {
        return Some(as_it_is);
    }
    let trusted = settings.trust.believes(peer);
    let from_here = may_ring(socket, peer, local);
    if !trusted && !from_here {
        return strange(settings, as_it_is, peer);
    }
    let mut buffer = [0; PEEK];
    let bytes = match sys::peek(socket, &mut buffer) {
        Err(EAGAIN) => &[],
        Ok(len @ 1..) => buffer.get(..len).unwrap_or_default(),
        // A health check, or the peer has gone.
        _ => return closed(socket),
    };
    match look(bytes, &Config::new(), from_here) {
        Seen::Ring(ring) => {
            // Fetch before closing the ring: the lot rings again if that is closed first.
            let fetched = fetch(&ring, family, room, flags);
            sys::close(socket);
            fetched
        }
        _ if !trusted => strange(settings, as_it_is, peer),
        Seen::Header { len, source, destination } => {
            let destination = destination.filter(|_| settings.destination);
            let label = source.map(|source| Label::new(source, destination));
            if let Some(label) = &label {
                let mut bytes = [0; 28];
                let needed = family.sockaddr(label.source, &mut bytes);
                if !room.holds(family, needed) {
                    no_room(peer);
                    return closed(socket);
                }
                if label.write(socket, family == Family::Unix).is_err() {
                    complain(peer, b": closed: its address can't be kept with the socket");
                    return closed(socket);
                }
            }
            let taken = sys::take(socket, buffer.get_mut(..len).unwrap_or_default());
            if taken != Ok(len) || is_reset(socket) {
                return closed(socket);
            }
            Some(label.map_or(as_it_is, |label| Admitted { socket, peer: Shown::label(&label, family) }))
        }
        Seen::Unfinished => {
            park(settings, listener, socket, peer, family);
            closed(socket)
        }
        Seen::Bad(error) => {
            log(|line| {
                line.peer(peer).text(b": ").display(&error);
            });
            closed(socket)
        }
    }
}

/// Returns whether this is a connection of this host to itself: only such a connection can be a ring.
fn may_ring(socket: i32, peer: Peer<'_>, local: Peer<'_>) -> bool {
    match (peer, local) {
        (Peer::Inet(peer), Peer::Inet(local)) => mapped(peer.ip()) == mapped(local.ip()),
        (Peer::Unix(name), _) if name.starts_with(RING_NAME) => {
            // On a UNIX socket the bytes arrive after the connection, but they are on their way.
            sys::peer_uid(socket).is_some_and(crate::hooks::is_ours) && sys::readable_within(socket, 100)
        }
        _ => false,
    }
}

/// Returns whether the peer has reset the connection. HAProxy's checks are a header and a reset. A program that was
/// given one would often report an error, since `getpeername` fails. A peer that has only ended its side is a client.
fn is_reset(socket: i32) -> bool {
    !matches!(sys::peek(socket, &mut [0]), Ok(_) | Err(EAGAIN))
}

fn strange(settings: &Settings, as_it_is: Admitted, peer: Peer<'_>) -> Option<Admitted> {
    match settings.untrusted {
        Untrusted::Bypass => Some(as_it_is),
        Untrusted::Refuse => {
            complain(peer, b": refused: it is not a trusted proxy; add it to REALPEER_TRUST");
            closed(as_it_is.socket)
        }
    }
}

fn fetch(ring: &Ring, family: Family, room: Room, flags: i32) -> Option<Admitted> {
    let socket = lot::fetch(ring)?;
    let mut name = Name::new();
    if sys::getpeername(socket, &mut name).is_err() {
        return closed(socket);
    }
    sys::set_nonblocking(socket, flags & SOCK_NONBLOCK != 0);
    if flags & SOCK_CLOEXEC == 0 {
        sys::clear_cloexec(socket);
    }
    let label = if family == Family::Unix { Label::read_filter(socket) } else { Label::read(socket) };
    if is_reset(socket) {
        return closed(socket);
    }
    let shown = label.map_or(Shown::Kernel(name), |label| Shown::label(&label, family));
    if !room.holds(family, shown.bytes().len()) && matches!(shown, Shown::Ours(..)) {
        if let Some(peer) = Peer::from_sockaddr(name.bytes()) {
            no_room(peer);
        }
        return closed(socket);
    }
    Some(Admitted { socket, peer: shown })
}

fn park(settings: &Settings, listener: i32, socket: i32, peer: Peer<'_>, family: Family) {
    // From now on the kernel waits for the first bytes. Not with bypass: clients without a header may wait for ours.
    if family != Family::Unix && settings.untrusted == Untrusted::Refuse {
        sys::defer_accept(listener, settings.timeout_ms.div_ceil(1000));
    }
    let problem: &[u8] = match lot::park(settings, socket) {
        Parked::Yes => return,
        Parked::NoLot => b": closed: its header is not complete; start the server with `realpeer run`, which can wait for it",
        Parked::No => b": closed: its header is not complete, and the process that waits for it is gone or full",
    };
    complain(peer, problem);
}

fn no_room(peer: Peer<'_>) {
    complain(peer, b": closed: the program has no room for an IPv6 source; let it listen on [::]");
}

fn complain(peer: Peer<'_>, problem: &[u8]) {
    log(|line| {
        line.peer(peer).text(problem);
    });
}

fn closed(socket: i32) -> Option<Admitted> {
    sys::close(socket);
    None
}

impl Shown {
    fn label(label: &Label, family: Family) -> Self {
        let mut bytes = [0; 28];
        let len = family.sockaddr(label.source, &mut bytes);
        Self::Ours(bytes, len)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Kernel(name) => name.bytes(),
            Self::Ours(bytes, len) => bytes.get(..*len).unwrap_or(bytes),
        }
    }
}

impl Room {
    /// Returns whether an address of `needed` bytes may be shown on a socket of this family. A program
    /// may ask for less than its sockets' own addresses have. It can't be given a part of a longer one: it would take
    /// that for a complete address.
    pub(crate) fn holds(self, family: Family, needed: usize) -> bool {
        let Self::Bytes(room) = self else { return true };
        match family {
            Family::Inet => needed <= 16 || needed <= room,
            Family::Inet6 => true,
            Family::Unix => needed <= room,
        }
    }
}
