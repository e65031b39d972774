//! Rings: connections of the lot to the server, which ask it to fetch.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use mio::Token;
use realpeer_io::Endpoint;
use realpeer_preload::wire::{self, LotName, RING_NAME, Secret};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, bind, connect, recv, send,
    socket_with,
};

/// More would overflow a short backlog, and what the kernel drops then it sends again only after a second.
const AT_ONCE: usize = 4;

/// One ring.
pub(super) struct Ring {
    socket: OwnedFd,
    pub(super) nonce: Secret,
    bytes: [u8; wire::RING_LEN],
    sent: Cell<bool>,
}

/// All rings, and what waits for one, by the listener that they go to.
#[derive(Default)]
pub(super) struct Rings {
    by_token: HashMap<Token, (Endpoint, Ring)>,
    by_nonce: HashMap<Secret, Token>,
    targets: HashMap<Endpoint, Target>,
}

#[derive(Default)]
struct Target {
    under_way: usize,
    queue: VecDeque<Secret>,
}

impl Ring {
    /// Begins to connect to the listener that a connection to `target` came to.
    pub(super) fn connect(
        target: &Endpoint,
        lot: &LotName,
        nonce: Secret,
        number: usize,
    ) -> io::Result<Self> {
        let family = match target {
            Endpoint::Inet(SocketAddr::V4(_)) => AddressFamily::INET,
            Endpoint::Inet(SocketAddr::V6(_)) => AddressFamily::INET6,
            Endpoint::Unix(_) => AddressFamily::UNIX,
            _ => return Err(io::ErrorKind::Unsupported.into()),
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(family, SocketType::STREAM, flags, None)?;
        let connected = match target {
            Endpoint::Inet(address) => {
                let mut own = *address;
                own.set_port(0);
                crate::process::prepare_ring(&socket)?;
                // The server believes a ring only if it comes from its own address.
                bind(&socket, &own)?;
                connect(&socket, address)
            }
            Endpoint::Unix(name) => {
                let own = [RING_NAME, lot, format!("/{number}").as_bytes()].concat();
                bind(&socket, &SocketAddrUnix::new_abstract_name(own.get(1..).unwrap_or_default())?)?;
                let name = name.as_addr();
                let address = match (name.as_pathname(), name.as_abstract_name()) {
                    (Some(path), _) => SocketAddrUnix::new(path)?,
                    (_, Some(name)) => SocketAddrUnix::new_abstract_name(name)?,
                    _ => return Err(io::ErrorKind::AddrNotAvailable.into()),
                };
                connect(&socket, &address)
            }
            _ => return Err(io::ErrorKind::Unsupported.into()),
        };
        match connected {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let bytes = wire::Ring { lot: *lot, nonce }.encode();
        let ring = Self { socket, nonce, bytes, sent: false.into() };
        ring.progress()?;
        Ok(ring)
    }

    pub(super) fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Sends the bytes once it is connected. An error says that the ring is over.
    pub(super) fn progress(&self) -> io::Result<()> {
        if !self.sent.get() {
            match send(&self.socket, &self.bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(_) => self.sent.set(true),
                // Not connected yet.
                Err(Errno::AGAIN | Errno::NOTCONN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        match recv(&self.socket, &mut [0; 64][..], RecvFlags::DONTWAIT) {
            Err(Errno::AGAIN) => Ok(()),
            Err(error) => Err(error.into()),
            // The server has closed it, or took it for a client and speaks.
            Ok(_) => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

impl Rings {
    pub(super) fn contains(&self, token: Token) -> bool {
        self.by_token.contains_key(&token)
    }

    pub(super) fn get(&self, token: Token) -> Option<&Ring> {
        self.by_token.get(&token).map(|(_, ring)| ring)
    }

    /// Has a connection wait for its turn.
    pub(super) fn enqueue(&mut self, target: Endpoint, nonce: Secret) {
        self.targets.entry(target).or_default().queue.push_back(nonce);
    }

    /// Returns whose turn it is, unless enough rings are under way to this listener.
    pub(super) fn next(&mut self, target: &Endpoint, waits: impl Fn(&Secret) -> bool) -> Option<Secret> {
        let waiting = self.targets.get_mut(target)?;
        while waiting.under_way < AT_ONCE {
            match waiting.queue.pop_front() {
                Some(nonce) if waits(&nonce) && !self.by_nonce.contains_key(&nonce) => return Some(nonce),
                Some(_) => {}
                None => break,
            }
        }
        if waiting.under_way == 0 {
            self.targets.remove(target);
        }
        None
    }

    pub(super) fn insert(&mut self, token: Token, target: &Endpoint, ring: Ring) {
        self.targets.entry(target.clone()).or_default().under_way += 1;
        self.by_nonce.insert(ring.nonce, token);
        self.by_token.insert(token, (target.clone(), ring));
    }

    pub(super) fn remove(&mut self, token: Token) -> Option<(Endpoint, Ring)> {
        let (target, ring) = self.by_token.remove(&token)?;
        self.by_nonce.remove(&ring.nonce);
        if let Some(waiting) = self.targets.get_mut(&target) {
            waiting.under_way = waiting.under_way.saturating_sub(1);
        }
        Some((target, ring))
    }

    pub(super) fn remove_by_nonce(&mut self, nonce: &Secret) {
        if let Some(&token) = self.by_nonce.get(nonce) {
            self.remove(token);
        }
    }
}
