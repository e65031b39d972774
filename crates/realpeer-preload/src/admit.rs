//! Accepts a connection and decides what becomes of it, before the program knows of it.

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

/// What the program has room for in its buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    NotAsked,
    Bytes(usize),
}

/// Headers this long are read here, longer ones by the lot.
const PEEK: usize = 536;

/// Accepts until there is a connection for the program, or the kernel has an error for it.
pub(crate) fn accept(settings: &Settings, listener: i32, room: Room, flags: i32) -> Result<Admitted, Errno> {
    loop {
        let mut peer = Name::new();
        let socket = sys::accept4(listener, &mut peer, flags)?;
        if let Some(admitted) = admit(settings, listener, socket, &peer, room, flags) {
            return Ok(admitted);
        }
        // It polled before and expects a connection. To wait for the next one could block it for ever.
        if sys::is_blocking(listener) && !sys::readable_within(listener, 0) {
            return Err(EINTR);
        }
    }
}

/// Returns the connection as the program shall have it. Otherwise it has been closed, or parked.
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
        // A health check, or a peer that is gone.
        _ => return closed(socket),
    };
    match look(bytes, &Config::new(), from_here) {
        Seen::Ring(ring) => {
            // Fetched before the ring is closed, or the lot would ring again.
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

/// A connection of this host to itself, to which alone a ring is believed.
fn may_ring(socket: i32, peer: Peer<'_>, local: Peer<'_>) -> bool {
    match (peer, local) {
        (Peer::Inet(peer), Peer::Inet(local)) => mapped(peer.ip()) == mapped(local.ip()),
        (Peer::Unix(name), _) if name.starts_with(RING_NAME) => {
            // Nothing carries its bytes along with the connection, but they are under way.
            sys::peer_uid(socket).is_some_and(crate::hooks::is_ours) && sys::readable_within(socket, 100)
        }
        _ => false,
    }
}

/// HAProxy's checks are a header and a reset: nothing that a program need know of, and to many it would look like a
/// fault, since `getpeername` fails then. A peer that has only ended its side is a client.
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
    // From now on the kernel shall wait for the first bytes. But who must not send a header may send nothing at all.
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
    /// Returns whether an address of `needed` bytes may be shown on a socket of this family. A name that is cut off is
    /// what the program asked for, unless it is longer than its sockets' own ones: it would take the part for the whole.
    pub(crate) fn holds(self, family: Family, needed: usize) -> bool {
        let Self::Bytes(room) = self else { return true };
        match family {
            Family::Inet => needed <= 16 || needed <= room,
            Family::Inet6 => true,
            Family::Unix => needed <= room,
        }
    }
}
