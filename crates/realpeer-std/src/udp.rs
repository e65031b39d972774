//! Datagrams.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};

use realpeer_io::proto::Encoder;
use realpeer_io::socket::recv_datagram;
use realpeer_io::{AcceptError, Acceptor, Datagram, header_and_datagram};

/// Receives a datagram and returns it with the socket's peer, to which an answer goes. Each datagram has its own
/// header. It waits as the socket's mode and its time-out say.
///
/// `buffer` has to hold the whole datagram, header and payload; 65,535 bytes do for any.
///
/// # Errors
///
/// The outer result has those of the socket. The inner one has what is wrong with this one datagram, which is lost; the
/// next may be good: [`AcceptError::Refused`], [`Protocol`](AcceptError::Protocol), [`Oversize`](AcceptError::Oversize)
/// and, on a socket with `UDP_GRO`, [`Joined`](AcceptError::Joined).
///
/// ```
/// use std::net::UdpSocket;
/// use realpeer::{Acceptor, Trust};
/// use realpeer::proto::{Encoder, Version};
///
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let (server, proxy) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
/// let encoder = Encoder::proxy(Version::V2, "192.0.2.1:12345".parse()?, "198.51.100.2:53".parse()?);
/// realpeer::blocking::send_to(&proxy, encoder, b"query", server.local_addr()?)?;
///
/// let mut buffer = vec![0; 65_535];
/// let (datagram, peer) = realpeer::blocking::recv_from(&acceptor, &server, &mut buffer)?;
/// let datagram = datagram?;
/// assert_eq!(datagram.source().to_string(), "192.0.2.1:12345");
/// assert_eq!((datagram.payload(), peer), (&b"query"[..], proxy.local_addr()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn recv_from<'a>(
    acceptor: &Acceptor,
    socket: &UdpSocket,
    buffer: &'a mut [u8],
) -> io::Result<(Result<Datagram<'a>, AcceptError>, SocketAddr)> {
    let received = recv_datagram(socket, buffer)?;
    Ok(received.read(acceptor, buffer))
}

/// Sends `header` with `payload` after it to `to`, in one datagram. The header's addresses become those of
/// datagrams, as by [`Encoder::dgram`]; send each datagram with its header. To send on a connected socket, send what
/// [`header_and_datagram`] returns.
///
/// # Errors
///
/// `InvalidInput` if the header can't be encoded, as every header of version 1, which has no datagrams; and those of
/// the socket, as for a datagram that is too large.
///
/// ```
/// use std::net::UdpSocket;
/// use realpeer::proto::Encoder;
///
/// let (server, proxy) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
/// realpeer::blocking::send_to(&proxy, Encoder::local(), b"ping", server.local_addr()?)?;
///
/// let mut datagram = [0; 100];
/// let len = server.recv(&mut datagram)?;
/// assert!(datagram[..len].ends_with(b"ping"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn send_to<'a>(
    socket: &UdpSocket,
    header: impl Into<Encoder<'a>>,
    payload: &[u8],
    to: impl ToSocketAddrs,
) -> io::Result<()> {
    let datagram = header_and_datagram(header, payload)?;
    socket.send_to(&datagram, to).map(|_| ())
}
