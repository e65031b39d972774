//! The echo server over UDP: a header for each datagram, and its payload back to the proxy.

use std::convert::Infallible;
use std::io;
use std::net::UdpSocket;

use realpeer::blocking::recv_from;
use realpeer::{Acceptor, Endpoint};

use super::Say;
use crate::report::Report;

pub(crate) fn serve(socket: &UdpSocket, acceptor: &Acceptor, mut say: impl Say) -> io::Result<Infallible> {
    let local = Endpoint::from(socket.local_addr()?);
    let mut buffer = vec![0; 65_535];
    loop {
        let (datagram, peer) = match recv_from(acceptor, socket, &mut buffer) {
            Ok(received) => received,
            Err(error) if is_passing(&error) => continue,
            Err(error) => return Err(error),
        };
        say(Report::datagram(&peer.into(), &local, &datagram))?;
        if let Ok(datagram) = datagram {
            // Datagrams may be lost: one that can't be sent is.
            let _ = socket.send_to(datagram.payload(), peer);
        }
    }
}

/// An earlier answer could not be delivered: that is no error of this socket.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable,
    };
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionReset | HostUnreachable | Interrupted | NetworkUnreachable
    )
}
