//! The PROXY protocol for the blocking sockets of std. UNIX only.
//!
//! ```no_run
//! use std::net::TcpListener;
//! use realpeer_io::{Acceptor, Trust};
//!
//! let acceptor = Acceptor::new("10.0.0.0/8".parse::<Trust>()?);
//! let listener = realpeer_std::Listener::new(TcpListener::bind("0.0.0.0:8080")?, acceptor);
//! loop {
//!     let incoming = listener.accept()?; // returns at once: no byte has been read
//!     std::thread::spawn(move || {
//!         match incoming.handshake() {
//!             Ok(established) => println!("{} through {}", established.source(), incoming.peer()),
//!             Err(error) => eprintln!("{}: {error}", incoming.peer()),
//!         }
//!         let stream = incoming.into_stream();
//!     });
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Sockets may be in blocking or non-blocking mode and stay so; their time-outs are neither used nor changed. The
//! header is peeked at and then read off exactly: with the whole header here, that is two system calls.

#![cfg(unix)]
#![forbid(unsafe_code)]

mod listener;
mod ready;
mod udp;

use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::task::Poll;
use std::time::Instant;

use realpeer_io::proto::Encoder;
use realpeer_io::socket::{poll_recv, wait_readable, with_local};
use realpeer_io::{AcceptError, Acceptor, Endpoint, Established, header_and_payload};

pub use listener::{Incoming, Listener, SocketListener};
pub use ready::ReadyListener;
pub use udp::{recv_from, send_to};

/// Reads the header off a connection from `peer`, a stream socket. Whatever comes of it, the socket is the caller's
/// and has lost no byte but those of the header.
///
/// It waits for the peer until the [deadline](Acceptor::with_timeout) at the longest.
///
/// # Errors
///
/// [`AcceptError`]; the connection is then best closed.
///
/// ```
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
/// use realpeer_io::{Acceptor, Trust, UnixName};
///
/// let (mut proxy, mut server) = UnixStream::pair()?;
/// proxy.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello")?;
///
/// let acceptor = Acceptor::new(Trust::unix());
/// let established = realpeer_std::handshake(&acceptor, &server, UnixName::default())?;
/// assert_eq!(established.source().to_string(), "192.0.2.1:56324");
///
/// let mut hello = [0; 5];
/// server.read_exact(&mut hello)?;
/// assert_eq!(&hello, b"hello");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn handshake(
    acceptor: &Acceptor,
    stream: &impl AsFd,
    peer: impl Into<Endpoint>,
) -> Result<Established, AcceptError> {
    let mut receiving = acceptor.begin(peer, Instant::now());
    loop {
        if let Poll::Ready(outcome) = receiving.poll_peek_with(|slot, mode| poll_recv(stream, slot, mode)) {
            return outcome.map(|established| with_local(established, stream));
        }
        if let Some(deadline) = receiving.poll_timeout() {
            let now = Instant::now();
            receiving.handle_timeout(now);
            wait_readable(stream, deadline.saturating_duration_since(now))?;
        }
    }
}

/// Sends a header, in one write.
///
/// # Errors
///
/// `InvalidInput` if the header can't be encoded, and those of the stream.
///
/// ```
/// use realpeer_io::proto::{Encoder, Version};
///
/// let mut sent = Vec::new();
/// let encoder = Encoder::proxy(Version::V1, "192.0.2.1:56324".parse()?, "198.51.100.2:443".parse()?)?;
/// realpeer_std::send_header(&mut sent, encoder)?;
/// assert_eq!(sent, b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn send_header<'a>(stream: &mut impl Write, header: impl Into<Encoder<'a>>) -> io::Result<()> {
    stream.write_all(&header_and_payload(&header.into(), &[])?)
}

/// Connects to a receiver of headers and sends it `header` with `payload` behind it, in one write.
///
/// # Errors
///
/// `InvalidInput` if the header can't be encoded, and those of connecting and writing.
///
/// ```
/// use std::io::Read;
/// use realpeer_io::proto::Encoder;
///
/// let server = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let stream = realpeer_std::connect(server.local_addr()?, Encoder::local(), b"PING")?;
/// drop(stream);
///
/// let mut received = Vec::new();
/// server.accept()?.0.read_to_end(&mut received)?;
/// assert!(received.ends_with(b"PING"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn connect<'a>(
    addr: impl ToSocketAddrs,
    header: impl Into<Encoder<'a>>,
    payload: &[u8],
) -> io::Result<TcpStream> {
    let bytes = header_and_payload(&header.into(), payload)?;
    let mut stream = TcpStream::connect(addr)?;
    stream.write_all(&bytes)?;
    Ok(stream)
}
