//! The lot's visitors: whatever happens to one, no connection is lost.

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use realpeer_preload::wire::{LotName, Message, RING_LEN, Ring, Secret, lot_address, unhex};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketType, connect, recvmsg, sendmsg, socket,
};
use rustix::process::{Pid, Signal, kill_process};

use super::server::{
    Client, Lot, PATIENCE, REALPEER, SERVER, Server, eventually, port, realpeer_run, variable_of,
};

const V1: &[u8] = b"PROXY TCP4 203.0.113.7 192.0.2.1 40000 443\r\n";

fn start() -> Server {
    let port = port().to_string();
    Server::run(&["--listen", &port, "--trust", "127.0.0.1"], &["lt+n", &port])
}

/// The library's side of a visit to the lot.
struct Visitor(OwnedFd);

impl Visitor {
    fn new(lot: &Lot) -> Self {
        let mut name = [0; 32];
        let len = lot_address(&lot_name(lot), &mut name);
        let visitor = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
        connect(&visitor, &SocketAddrUnix::new_abstract_name(&name[1..len]).unwrap()).unwrap();
        Self(visitor)
    }

    fn say(&self, message: &Message, descriptor: Option<BorrowedFd<'_>>) {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut room);
        let descriptors = descriptor.map(|descriptor| [descriptor]);
        if let Some(descriptors) = &descriptors {
            control.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        sendmsg(&self.0, &[IoSlice::new(&message.encode())], &mut control, SendFlags::NOSIGNAL).unwrap();
    }

    fn answer(&self) -> Option<OwnedFd> {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut room);
        recvmsg(&self.0, &mut [IoSliceMut::new(&mut [0; 8])], &mut control, RecvFlags::empty()).unwrap();
        control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        })
    }
}

fn lot_name(lot: &Lot) -> LotName {
    lot.name.as_bytes().try_into().unwrap()
}

/// A listener to which the lot rings, in place of the server's.
struct Rung(TcpListener);

impl Rung {
    fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        rustix::net::sockopt::set_socket_timeout(
            &listener,
            rustix::net::sockopt::Timeout::Recv,
            Some(PATIENCE),
        )
        .unwrap();
        Self(listener)
    }

    /// A connection that has sent half a header: the client's end, and the server's.
    fn half_a_header(&self) -> (Client<TcpStream>, TcpStream) {
        let mut client = Client::new(TcpStream::connect(self.0.local_addr().unwrap()).unwrap());
        client.stream.set_nodelay(true).unwrap();
        client.send(&V1[..20]);
        (client, self.0.accept().unwrap().0)
    }

    /// Waits until the lot rings, and returns its connection and what it is about.
    fn ring(&self) -> (TcpStream, Secret) {
        let (mut ring, _) = self.0.accept().unwrap();
        let mut bytes = [0; RING_LEN];
        ring.read_exact(&mut bytes).unwrap();
        (ring, Ring::decode(&bytes).unwrap().nonce)
    }
}

fn park(server: &Server, visitor: &Visitor, socket: &TcpStream) {
    let token = unhex(variable_of(server.child.id(), "REALPEER_TOKEN=").as_bytes()).unwrap();
    visitor.say(&Message::Park { token, destination: false }, Some(socket.as_fd()));
}

#[test]
fn a_connection_is_rung_again_until_somebody_says_that_it_has_arrived() {
    let server = start();
    let lot = server.lot();
    let before = lot.open_fds();
    let rung = Rung::new();
    let (mut client, socket) = rung.half_a_header();
    park(&server, &Visitor::new(&lot), &socket);
    drop(socket);
    client.send(&V1[20..]);

    let (ring, nonce) = rung.ring();
    let hasty = Visitor::new(&lot);
    hasty.say(&Message::Fetch(nonce), None);
    // The answer is there, and is lost with whoever had no more time to look at it.
    eventually("the answer", || {
        let mut entry = [rustix::event::PollFd::new(&hasty.0, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut entry, Some(&rustix::time::Timespec::default())).unwrap() == 1
    });
    drop((hasty, ring));

    let (ring, again) = rung.ring();
    assert_eq!(nonce, again);
    let dying = Visitor::new(&lot);
    dying.say(&Message::Fetch(nonce), None);
    assert!(dying.answer().is_some());
    let late = Visitor::new(&lot);
    late.say(&Message::Fetch(nonce), None);
    assert!(late.answer().is_none(), "two have the same connection");
    drop((dying, late, ring));

    let (ring, again) = rung.ring();
    assert_eq!(nonce, again);
    let visitor = Visitor::new(&lot);
    visitor.say(&Message::Fetch(nonce), None);
    let mut socket = TcpStream::from(visitor.answer().unwrap());
    visitor.say(&Message::Taken(nonce), None);
    drop((visitor, ring));
    // The first visit, which says hello, may have been counted.
    eventually("the lot keeps nothing of it", || lot.open_fds() <= before);
    client.send(b"payload");
    let mut payload = [0; 7];
    socket.read_exact(&mut payload).unwrap();
    socket.write_all(b"answer\n").unwrap();
    assert_eq!(&payload, b"payload");
}

/// Silent visitors, of whom there may be any number, make the lot part with the oldest.
#[test]
fn what_a_visitor_has_said_counts_even_if_the_lot_parts_with_them() {
    let server = start();
    let lot = server.lot();
    let before = lot.open_fds();
    let rung = Rung::new();
    let (mut client, socket) = rung.half_a_header();
    let visitor = Visitor::new(&lot);
    eventually("the visitor is let in", || lot.open_fds() == before + 1);
    let pid = Pid::from_raw(lot.pid.try_into().unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let silent: Vec<Visitor> = (0..200).map(|_| Visitor::new(&lot)).collect();
    park(&server, &visitor, &socket);
    drop(socket);
    drop(visitor);
    kill_process(pid, Signal::CONT).unwrap();
    client.send(&V1[20..]);
    rung.ring();
    drop(silent);
}

/// The answer to a fetch brings a descriptor, and there has to be room for it.
#[test]
fn a_connection_waits_until_the_program_has_a_descriptor_for_it() {
    let port = port().to_string();
    let run = realpeer_run(&["--listen", &port, "--trust", "127.0.0.1"], &SERVER, &["lt+n", &port]);
    let mut command = std::process::Command::new("sh");
    // The lot raises the soft limit for itself.
    command.args(["-c", "ulimit -S -n 12; exec \"$0\" \"$@\""]).arg(&*REALPEER).args(run.get_args());
    let server = Server::spawn(command);
    let lot = server.lot();
    let lots = lot.open_fds();
    let mut waiting = server.connect();
    waiting.send(&V1[..20]);
    eventually("it is parked", || lot.open_fds() > lots);
    let mut others = Vec::new();
    // Those that were inherited can be above the limit.
    let below_the_limit = || {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", server.child.id())).unwrap();
        fds.filter(|fd| fd.as_ref().unwrap().file_name().to_str().unwrap().parse::<u32>().unwrap() < 12)
            .count()
    };
    // Room for the ring and the visit to the lot, and for nothing more.
    while below_the_limit() < 10 {
        let mut other = server.connect();
        other.send(V1);
        assert!(other.seen().is_some());
        others.push(other);
    }
    waiting.send(&V1[20..]);
    std::thread::sleep(std::time::Duration::from_millis(300));
    others.clear();
    assert_eq!(waiting.seen().unwrap().accept, "203.0.113.7:40000/16");
    waiting.echo(b"", b"payload");
}
