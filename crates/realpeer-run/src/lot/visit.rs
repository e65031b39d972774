//! Visits: connections to the lot's own socket. Every local process can connect, and gets nothing without a secret.

use std::collections::{HashMap, VecDeque};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Token};
use realpeer_preload::wire::{MESSAGE_LEN, Message, Secret};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, Shutdown, SocketFlags, accept_with, recvmsg, sendmsg, shutdown,
};

use super::Running;

/// Visitors of whom another message is expected. The library sends its messages at once.
#[derive(Default)]
pub(super) struct Visits {
    waiting: HashMap<Token, Visitor>,
    by_age: VecDeque<(Instant, Token)>,
    /// When to accept again, after no descriptor was left.
    again: Option<Instant>,
}

pub(super) struct Visitor {
    socket: OwnedFd,
    /// The connection they have been sent, until they say that it has arrived.
    holds: Option<Secret>,
}

const PATIENCE: Duration = Duration::from_secs(1);
const MAX_WAITING: usize = 128;
const PAUSE: Duration = Duration::from_millis(100);

impl Visits {
    pub(super) fn timeout(&self) -> Option<Instant> {
        self.by_age.front().map(|&(end, _)| end).into_iter().chain(self.again).min()
    }
}

impl Running {
    pub(super) fn expire_visits(&mut self, now: Instant) {
        if self.visits.again.is_some_and(|again| again <= now) {
            self.receive_visits();
        }
        while let Some(&(end, token)) = self.visits.by_age.front() {
            if end > now && self.visits.waiting.len() <= MAX_WAITING {
                break;
            }
            self.visits.by_age.pop_front();
            if let Some(visitor) = self.visits.waiting.remove(&token) {
                // From now on their messages fail to be sent. Those sent before are still read.
                let _ = shutdown(&visitor.socket, Shutdown::Read);
                if let Some(visitor) = self.receive(visitor) {
                    self.part(&visitor);
                }
            }
        }
    }

    pub(super) fn receive_visits(&mut self) {
        self.visits.again = None;
        loop {
            match accept_with(&self.lot.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok(socket) => {
                    if let Some(visitor) = self.receive(Visitor { socket, holds: None }) {
                        self.wait_for(visitor);
                    }
                }
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(Errno::AGAIN) => break,
                // No descriptor is left, and nothing will wake us when there is one.
                Err(_) => {
                    self.visits.again = Some(Instant::now() + PAUSE);
                    break;
                }
            }
        }
    }

    pub(super) fn visit_progress(&mut self, token: Token) {
        if let Some(visitor) = self.visits.waiting.remove(&token) {
            if let Some(visitor) = self.receive(visitor) {
                self.visits.waiting.insert(token, visitor);
            }
        }
    }

    /// Waits for a visitor's next message. If the wait can't be registered, the message is read when their time is up.
    fn wait_for(&mut self, visitor: Visitor) {
        let token = Token(self.new_token());
        let fd = visitor.socket.as_raw_fd();
        let _ = self.poll.registry().register(&mut SourceFd(&fd), token, Interest::READABLE);
        self.visits.waiting.insert(token, visitor);
        self.visits.by_age.push_back((Instant::now() + PATIENCE, token));
        self.expire_visits(Instant::now());
    }

    /// Ends a visit. A connection that was sent and not taken is rung again.
    fn part(&mut self, visitor: &Visitor) {
        if let Some(nonce) = visitor.holds {
            self.handed_back(nonce);
        }
    }

    /// Handles a visitor's messages. Returns the visitor if more are expected.
    fn receive(&mut self, mut visitor: Visitor) -> Option<Visitor> {
        loop {
            match self.receive_one(&mut visitor) {
                Next::Message => {}
                Next::Wait => return Some(visitor),
                Next::Part => {
                    self.part(&visitor);
                    return None;
                }
            }
        }
    }

    fn receive_one(&mut self, visitor: &mut Visitor) -> Next {
        let mut bytes = [0; MESSAGE_LEN + 1];
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut room);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let len = match recvmsg(&visitor.socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags) {
            Ok(received) => received.bytes,
            Err(Errno::AGAIN) => return Next::Wait,
            Err(Errno::INTR) => return Next::Message,
            Err(_) => return Next::Part,
        };
        let descriptor = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        match bytes.get(..len).and_then(Message::decode) {
            Some(Message::Park { token, destination }) if token == self.lot.token => {
                match descriptor {
                    Some(socket) => self.park(socket, destination),
                    None => self.lot.log.line(format_args!(
                        "a connection was closed: there is no descriptor for it; raise the limit of open files"
                    )),
                }
                Next::Part
            }
            Some(Message::Fetch(nonce)) if visitor.holds.is_none() => {
                let ready = self.ready.get_mut(&nonce).filter(|ready| !ready.handed_out);
                let answered = answer(&visitor.socket, ready.as_ref().map(|ready| ready.socket.as_fd()));
                match ready {
                    Some(ready) if answered => {
                        ready.handed_out = true;
                        visitor.holds = Some(nonce);
                        Next::Message
                    }
                    _ => Next::Part,
                }
            }
            Some(Message::Taken(nonce)) if visitor.holds == Some(nonce) => {
                visitor.holds = None;
                self.taken(&nonce);
                Next::Part
            }
            Some(Message::Hello(token)) if token == self.lot.token => {
                self.lot.life.hello();
                answer(&visitor.socket, Some(self.lot.life.file()));
                Next::Part
            }
            _ => Next::Part,
        }
    }
}

/// What to do with a visitor after a message.
enum Next {
    /// There may be another one.
    Message,
    Wait,
    Part,
}

/// Sends an answer, and returns whether that succeeded.
fn answer(visitor: &OwnedFd, descriptor: Option<BorrowedFd<'_>>) -> bool {
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut room);
    let descriptors = descriptor.map(|descriptor| [descriptor]);
    if let Some(descriptors) = &descriptors {
        control.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    let bytes = [u8::from(descriptor.is_some())];
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    sendmsg(visitor, &[IoSlice::new(&bytes)], &mut control, flags).is_ok()
}
