//! The library's side of the lot: park, fetch, hello. It waits only for an answer, at most [`ANSWER_MS`].

use crate::addr::{AF_UNIX, fill};
use crate::settings::Settings;
use crate::sys;
use crate::wire::{LotName, Message, Ring, Secret, lot_address};

/// The outcome of parking a connection.
pub(crate) enum Parked {
    Yes,
    /// The lot is gone or full.
    No,
    /// There is no lot.
    NoLot,
}

const ANSWER_MS: u32 = 200;

/// Hands a connection to the lot. The caller still has its own descriptor to close.
pub(crate) fn park(settings: &Settings, socket: i32) -> Parked {
    let Some((name, token)) = &settings.lot else { return Parked::NoLot };
    let Some(lot) = connect(name) else { return Parked::No };
    let message = Message::Park { token: *token, destination: settings.destination };
    let sent = sys::send(lot, &message.encode(), Some(socket));
    sys::close(lot);
    if sent.is_ok() { Parked::Yes } else { Parked::No }
}

/// Fetches the connection that a ring is about, if its lot is one of ours.
pub(crate) fn fetch(ring: &Ring) -> Option<i32> {
    let lot = connect(&ring.lot)?;
    let socket = ask(lot, &Message::Fetch(ring.nonce)).filter(|&socket| {
        let told = sys::send(lot, &Message::Taken(ring.nonce).encode(), None).is_ok();
        if !told {
            // The lot has given up on us and will ring again. No two processes may have the same connection.
            sys::close(socket);
        }
        told
    });
    sys::close(lot);
    socket
}

/// Tells the lot that the library is loaded here, and keeps it alive for as long as this process lives.
pub(crate) fn hello(name: &LotName, token: Secret) {
    // If the lot seals its file before it is mapped here, it has a new one.
    for _ in 0..2 {
        let Some(lot) = connect(name) else { return };
        let file = ask(lot, &Message::Hello(token));
        sys::close(lot);
        let Some(file) = file else { return };
        let mapped = sys::map_for_life(file);
        sys::close(file);
        if mapped {
            return;
        }
    }
}

fn ask(lot: i32, message: &Message) -> Option<i32> {
    sys::send(lot, &message.encode(), None).ok()?;
    if sys::readable_within(lot, ANSWER_MS) { sys::receive_fd(lot) } else { None }
}

/// Connects to a lot, unless another user runs it. Fails rather than waits if its queue is full.
fn connect(name: &LotName) -> Option<i32> {
    const SOCK_SEQPACKET: i32 = 5;
    let mut path = [0; 32];
    let path_len = lot_address(name, &mut path);
    let mut address = [0; 34];
    fill(&mut address, &[&AF_UNIX.to_ne_bytes(), &path]);
    let lot = sys::socket(AF_UNIX, SOCK_SEQPACKET).ok()?;
    let connected = sys::connect(lot, address.get(..2 + path_len).unwrap_or_default()).is_ok();
    if connected && sys::peer_uid(lot).is_some_and(crate::hooks::is_ours) {
        return Some(lot);
    }
    sys::close(lot);
    None
}
