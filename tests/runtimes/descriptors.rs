//! File descriptors sent over a UNIX socket (`SCM_RIGHTS`): those that come with the header are closed, those that come
//! after it are there.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use realpeer::{Acceptor, Endpoint, Trust, blocking};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

const V1: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";

/// Sends bytes, and the writing end of a pipe with them. Returns the reading end.
fn send_with_descriptor(socket: &UnixStream, bytes: &[u8]) -> File {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let mut space = [MaybeUninit::uninit(); 64];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [writer.as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    let sent = sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::empty()).unwrap();
    assert_eq!(sent, bytes.len());
    reader.into()
}

/// Receives bytes, and the descriptors with them.
fn receive(socket: &UnixStream) -> (Vec<u8>, Vec<OwnedFd>) {
    let (mut bytes, mut space) = ([0; 100], [MaybeUninit::uninit(); 64]);
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received =
        recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::CMSG_CLOEXEC).unwrap();
    let descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    let descriptors = descriptors.flatten().collect();
    (bytes[..received.bytes].to_vec(), descriptors)
}

fn handshake(server: &UnixStream) {
    let acceptor = Acceptor::new(Trust::unix());
    let peer = Endpoint::of_peer(server).unwrap();
    let established = blocking::handshake(&acceptor, server, peer).unwrap();
    assert_eq!(established.source().to_string(), "192.0.2.1:56324");
}

/// Whether nobody has the writing end any more.
fn is_closed(mut reader: File) -> bool {
    reader.read(&mut [0]).unwrap() == 0
}

#[test]
fn descriptors_sent_after_the_header_are_kept() {
    let (client, server) = UnixStream::pair().unwrap();
    std::io::Write::write_all(&mut &client, V1).unwrap();
    let _reader = send_with_descriptor(&client, b"payload");
    handshake(&server);
    let (bytes, descriptors) = receive(&server);
    assert_eq!((bytes, descriptors.len()), (b"payload".to_vec(), 1));
}

/// The kernel gives them to whoever reads the first of the bytes that they were sent with, which reads no descriptors.
#[test]
fn descriptors_sent_with_the_header_are_closed_and_not_leaked() {
    let (client, server) = UnixStream::pair().unwrap();
    let reader = send_with_descriptor(&client, &[V1, b"payload"].concat());
    handshake(&server);
    let (bytes, descriptors) = receive(&server);
    assert_eq!((bytes, descriptors.len()), (b"payload".to_vec(), 0));
    assert!(is_closed(reader));
}
