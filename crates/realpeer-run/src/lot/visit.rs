//! Visits: what comes to the lot's own socket. Anybody on this host may come, and gets nothing without a secret.

use std::collections::{HashMap, VecDeque};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Token};
use realpeer_preload::wire::{MESSAGE_LEN, Message};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, accept_with, recvmsg, sendmsg,
};

use super::Running;

/// Visitors who have not said what they want. The library says so at once.
#[derive(Default)]
pub(super) struct Visits {
    silent: HashMap<Token, OwnedFd>,
    by_age: VecDeque<(Instant, Token)>,
}

const PATIENCE: Duration = Duration::from_secs(1);
const MAX_SILENT: usize = 128;

impl Visits {
    pub(super) fn timeout(&self) -> Option<Instant> {
        self.by_age.front().map(|&(end, _)| end)
    }

    pub(super) fn expire(&mut self, now: Instant) {
        while let Some(&(end, token)) = self.by_age.front() {
            if end > now && self.silent.len() <= MAX_SILENT {
                break;
            }
            self.by_age.pop_front();
            self.silent.remove(&token);
        }
    }
}

impl Running {
    pub(super) fn receive_visits(&mut self) {
        loop {
            match accept_with(&self.lot.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok(visitor) => {
                    if let Some(visitor) = self.receive(visitor) {
                        self.wait_for(visitor);
                    }
                }
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                // Nobody else is there; or there is no descriptor for them, and then the next one wakes us.
                Err(_) => break,
            }
        }
    }

    pub(super) fn visit_progress(&mut self, token: Token) {
        if let Some(visitor) = self.visits.silent.remove(&token) {
            if let Some(visitor) = self.receive(visitor) {
                self.visits.silent.insert(token, visitor);
            }
        }
    }

    fn wait_for(&mut self, visitor: OwnedFd) {
        let token = Token(self.new_token());
        let fd = visitor.as_raw_fd();
        if self.poll.registry().register(&mut SourceFd(&fd), token, Interest::READABLE).is_ok() {
            self.visits.silent.insert(token, visitor);
            self.visits.by_age.push_back((Instant::now() + PATIENCE, token));
            self.visits.expire(Instant::now());
        }
    }

    /// Does what a visitor wants, or returns them if they have not said so yet.
    fn receive(&mut self, visitor: OwnedFd) -> Option<OwnedFd> {
        let mut bytes = [0; MESSAGE_LEN + 1];
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut room);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let len = match recvmsg(&visitor, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags) {
            Ok(received) => received.bytes,
            Err(Errno::AGAIN | Errno::INTR) => return Some(visitor),
            Err(_) => return None,
        };
        let descriptor = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        match bytes.get(..len).and_then(Message::decode) {
            Some(Message::Park { token, destination }) if token == self.lot.token => {
                if let Some(socket) = descriptor {
                    self.park(socket, destination);
                }
            }
            Some(Message::Fetch(nonce)) => {
                let ready = self.ready.get(&nonce).map(|ready| ready.socket.as_fd());
                if answer(&visitor, ready) {
                    self.fetched(&nonce);
                }
            }
            Some(Message::Hello(token)) if token == self.lot.token => {
                self.lot.life.hello();
                answer(&visitor, Some(self.lot.life.file()));
            }
            _ => {}
        }
        None
    }
}

/// Returns whether it could be sent.
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
