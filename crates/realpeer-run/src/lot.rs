//! The lot: where connections wait whose header was not complete when the server accepted them.
//!
//! The library parks them here, as descriptors. When a header is complete, the lot puts the label on the socket and
//! rings: it connects to the very listener that the connection came to. Whoever accepts the ring fetches the connection.

mod life;
mod ring;
mod visit;

use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};
use std::{cmp::Reverse, io};

use mio::unix::SourceFd;
use mio::{Events, Interest, Token};
use realpeer_io::socket::{local_endpoint, poll_recv};
use realpeer_io::{AcceptError, Acceptor, Endpoint, Finished, Pending, PendingToken, Trust};
use realpeer_preload::label::Label;
use realpeer_preload::wire::{LotName, Secret};
use rustix::net::getpeername;

pub(crate) use self::life::Life;
use self::ring::{Ring, Rings};
use self::visit::Visits;
use crate::log::Log;

/// What a lot is made of before it runs in a process of its own.
pub(crate) struct Lot {
    pub(crate) name: LotName,
    pub(crate) token: Secret,
    pub(crate) listener: OwnedFd,
    pub(crate) timeout: Duration,
    pub(crate) life: Life,
    pub(crate) log: Log,
}

/// A connection without a complete header.
struct Parked {
    socket: OwnedFd,
    /// Whether the label is to include the header's destination.
    destination: bool,
}

/// A connection that the server is to fetch.
struct Ready {
    socket: OwnedFd,
    target: Endpoint,
    peer: Endpoint,
    /// The pause before the next ring.
    pause: Duration,
    /// Whether it has been sent to a visitor who has not yet said that it arrived.
    handed_out: bool,
}

/// How long a connection waits for the server to fetch it, as it would have waited in the server's backlog.
const FETCH_WITHIN: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Descriptors for everything but parked connections.
const SPARE_FDS: usize = 512;

const LISTENER: Token = Token(usize::MAX);
const FIRST_PROCESS: Token = Token(usize::MAX - 1);
/// The pending set numbers its connections from 0; rings and visits are numbered from here.
const OURS: usize = usize::MAX / 2 + 1;

struct Running {
    lot: Lot,
    poll: mio::Poll,
    pending: Pending<Parked>,
    /// The limit on connections, those waiting for a header and those waiting to be fetched together.
    most: usize,
    ready: HashMap<Secret, Ready>,
    /// When they are given up, soonest first. Some have been fetched before.
    give_up: VecDeque<(Instant, Secret)>,
    /// When to ring again.
    again: BinaryHeap<Reverse<(Instant, Secret)>>,
    rings: Rings,
    visits: Visits,
    next_token: usize,
}

impl Lot {
    /// Runs until the program, and whatever it has started, has ended and nothing is parked.
    pub(crate) fn run(self) -> io::Result<()> {
        let poll = mio::Poll::new()?;
        let registry = poll.registry();
        registry.register(&mut SourceFd(&self.listener.as_raw_fd()), LISTENER, Interest::READABLE)?;
        registry.register(&mut SourceFd(&self.life.first_process()), FIRST_PROCESS, Interest::READABLE)?;
        let acceptor = Acceptor::new(Trust::anyone()).with_timeout(self.timeout);
        let most = crate::process::raise_fd_limit().saturating_sub(SPARE_FDS);
        let mut running = Running {
            pending: Pending::new(acceptor, most),
            most,
            lot: self,
            poll,
            ready: HashMap::new(),
            give_up: VecDeque::new(),
            again: BinaryHeap::new(),
            rings: Rings::default(),
            visits: Visits::default(),
            next_token: OURS,
        };
        let mut events = Events::with_capacity(256);
        while !running.is_over()? {
            running.turn(&mut events)?;
        }
        Ok(())
    }
}

impl Running {
    fn is_over(&mut self) -> io::Result<bool> {
        Ok(self.lot.life.is_over(&mut self.lot.log)? && self.pending.is_empty() && self.ready.is_empty())
    }

    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        let ends = [
            self.pending.poll_timeout(),
            self.give_up.front().map(|&(end, _)| end),
            self.again.peek().map(|Reverse((end, _))| *end),
            self.visits.timeout(),
            self.lot.life.timeout(),
        ];
        let timeout =
            ends.into_iter().flatten().min().map(|end| end.saturating_duration_since(Instant::now()));
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Err(_) => return Ok(()),
            Ok(()) => {}
        }
        for event in &*events {
            match event.token() {
                LISTENER => self.receive_visits(),
                FIRST_PROCESS => self.lot.life.first_process_ended(),
                Token(token) if token < OURS => self.read_on(token.into()),
                token if self.rings.contains(token) => self.ring_progress(token),
                token => self.visit_progress(token),
            }
        }
        self.expire();
        Ok(())
    }

    fn expire(&mut self) {
        let now = Instant::now();
        while let Some(token) = self.pending.expired(now) {
            self.read_on(token);
        }
        while let Some(&(end, nonce)) = self.give_up.front() {
            if end > now {
                break;
            }
            self.give_up.pop_front();
            if let Some(ready) = self.ready.remove(&nonce) {
                self.lot.log.line(format_args!(
                    "{}: closed: the server did not accept it in {FETCH_WITHIN:?}",
                    ready.peer
                ));
            }
        }
        while let Some(&Reverse((end, nonce))) = self.again.peek() {
            if end > now {
                break;
            }
            self.again.pop();
            if let Some(ready) = self.ready.get(&nonce) {
                let target = ready.target.clone();
                self.rings.enqueue(target.clone(), nonce);
                self.ring_next(&target);
            }
        }
        self.expire_visits(now);
    }

    /// Takes in a connection from the library.
    fn park(&mut self, socket: OwnedFd, destination: bool) {
        // It has no peer if it has been reset.
        let Some(peer) = endpoint_of_peer(&socket) else { return };
        if self.pending.len() + self.ready.len() >= self.most {
            let problem = "too many headers are incomplete; raise the limit of open files";
            return self.lot.log.line(format_args!("{peer}: closed: {problem}"));
        }
        let fd = socket.as_raw_fd();
        let token = self.pending.insert(Parked { socket, destination }, peer.clone(), Instant::now());
        let registered =
            self.poll.registry().register(&mut SourceFd(&fd), Token(token.into()), Interest::READABLE);
        if let Err(error) = registered {
            self.pending.remove(token);
            return self.lot.log.line(format_args!("{peer}: closed: can't wait for its header: {error}"));
        }
        self.read_on(token);
    }

    fn read_on(&mut self, token: PendingToken) {
        let finished = self.pending.poll(token, |parked, slot, mode| poll_recv(&parked.socket, slot, mode));
        let Some(Finished { stream: Parked { socket, destination }, peer, result, .. }) = finished else {
            return;
        };
        // The server will have a descriptor too, so closing ours would not remove it from epoll.
        let _ = self.poll.registry().deregister(&mut SourceFd(&socket.as_raw_fd()));
        let header = match result {
            Ok(established) => established,
            Err(AcceptError::Closed) => return,
            Err(error) => return self.lot.log.line(format_args!("{peer}: {error}")),
        };
        let nonce = crate::process::random();
        let (Some(target), Ok(nonce)) = (local_endpoint(&socket), nonce) else {
            return self.lot.log.line(format_args!("{peer}: closed: the server can't be told of it"));
        };
        let header = header.header();
        let end = |address: Option<realpeer_io::proto::Address<'_>>| {
            address.and_then(|address| address.socket_addr())
        };
        let source: Option<SocketAddr> = header.as_ref().and_then(|header| end(header.source()));
        if let Some(source) = source {
            let to = header.and_then(|header| end(header.destination())).filter(|_| destination);
            let unix = matches!(target, Endpoint::Unix(_));
            if let Err(error) = Label::new(source, to).write(socket.as_raw_fd(), unix) {
                let error = io::Error::from_raw_os_error(error);
                return self.lot.log.line(format_args!(
                    "{peer}: closed: its address can't be kept with the socket: {error}"
                ));
            }
        }
        self.give_up.push_back((Instant::now() + FETCH_WITHIN, nonce));
        self.rings.enqueue(target.clone(), nonce);
        let ready = Ready { socket, target: target.clone(), peer, pause: FIRST_PAUSE, handed_out: false };
        self.ready.insert(nonce, ready);
        self.ring_next(&target);
    }

    /// Rings for those that wait for it, a few at a time.
    fn ring_next(&mut self, target: &Endpoint) {
        while let Some(nonce) = self.rings.next(target, |nonce| waits(self.ready.get(nonce))) {
            let token = self.new_token();
            match Ring::connect(target, &self.lot.name, nonce, token) {
                Ok(ring) => {
                    let both = Interest::READABLE | Interest::WRITABLE;
                    let fd = ring.fd();
                    self.rings.insert(Token(token), target, ring);
                    if self.poll.registry().register(&mut SourceFd(&fd), Token(token), both).is_err() {
                        self.ring_failed(Token(token));
                    }
                }
                Err(_) => self.ring_later(nonce),
            }
        }
    }

    fn ring_progress(&mut self, token: Token) {
        if self.rings.get(token).is_some_and(|ring| ring.progress().is_err()) {
            self.ring_failed(token);
        }
    }

    /// Handles the end of a ring's connection, which may not have been fetched.
    fn ring_failed(&mut self, token: Token) {
        let Some((target, ring)) = self.rings.remove(token) else { return };
        self.ring_later(ring.nonce);
        self.ring_next(&target);
    }

    fn ring_later(&mut self, nonce: Secret) {
        if let Some(ready) = self.ready.get_mut(&nonce) {
            self.again.push(Reverse((Instant::now() + ready.pause, nonce)));
            ready.pause = (ready.pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Handles the end of a visit in which nobody said that the connection arrived.
    fn handed_back(&mut self, nonce: Secret) {
        if let Some(ready) = self.ready.get_mut(&nonce) {
            ready.handed_out = false;
            self.ring_later(nonce);
        }
    }

    fn taken(&mut self, nonce: &Secret) {
        if let Some(ready) = self.ready.remove(nonce) {
            self.rings.remove_by_nonce(nonce);
            self.ring_next(&ready.target);
        }
    }

    fn new_token(&mut self) -> usize {
        self.next_token = (self.next_token + 1).clamp(OURS, FIRST_PROCESS.0 - 1);
        self.next_token
    }
}

fn waits(ready: Option<&Ready>) -> bool {
    ready.is_some_and(|ready| !ready.handed_out)
}

fn endpoint_of_peer(socket: &OwnedFd) -> Option<Endpoint> {
    let name = getpeername(socket).ok()??;
    match SocketAddr::try_from(name) {
        Ok(address) => Some(address.into()),
        Err(_) => Some(Endpoint::Unix(realpeer_io::UnixName::default())),
    }
}
