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

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::task::Poll;
use std::time::{Duration, Instant};

use realpeer_io::proto::Encoder;
use realpeer_io::socket::{poll_recv, wait_readable, with_local};
use realpeer_io::{AcceptError, Acceptor, Endpoint, Established, Receiving, header_and_payload};

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
    receive(acceptor, peer, &mut &*stream, AsFd::as_fd, |receiving, stream| {
        receiving.poll_peek_with(|slot, mode| poll_recv(*stream, slot, mode))
    })
}

/// Reads the header off a buffered connection from `peer`, a stream socket, until the
/// [deadline](Acceptor::with_timeout) at the longest. It fills the buffer and takes nothing but the header out of it;
/// bytes that can't be a header are left there.
///
/// A header costs one system call more than none, which asks whether there is something to be read. It is the better
/// choice where the connection is read through that buffer for all its life. Where the socket itself goes on to
/// somebody else, what has been read ahead would be missing there: see [`handshake`]. Nobody else may read from the
/// socket meanwhile, or the deadline may pass unnoticed.
///
/// # Errors
///
/// [`AcceptError`]; the connection is then best closed.
///
/// ```
/// use std::io::{BufRead, BufReader, Write};
/// use std::os::unix::net::UnixStream;
/// use realpeer_io::{Acceptor, Trust, UnixName};
///
/// let (mut proxy, server) = UnixStream::pair()?;
/// proxy.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello\n")?;
///
/// let acceptor = Acceptor::new(Trust::unix());
/// let mut server = BufReader::new(server);
/// let established = realpeer_std::handshake_buf_read(&acceptor, &mut server, UnixName::default())?;
/// assert_eq!(established.source().to_string(), "192.0.2.1:56324");
///
/// let mut hello = String::new();
/// server.read_line(&mut hello)?;
/// assert_eq!(hello, "hello\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn handshake_buf_read<S: Read + AsFd>(
    acceptor: &Acceptor,
    reader: &mut BufReader<S>,
    peer: impl Into<Endpoint>,
) -> Result<Established, AcceptError> {
    receive(
        acceptor,
        peer,
        reader,
        |reader| reader.get_ref().as_fd(),
        |receiving, reader| receiving.poll_buf_with(reader, poll_fill, BufRead::consume),
    )
}

/// Waits for `socket(stream)` whenever `poll`, which polls the receiving with the stream's reads, is pending.
fn receive<S>(
    acceptor: &Acceptor,
    peer: impl Into<Endpoint>,
    stream: &mut S,
    socket: impl Fn(&S) -> BorrowedFd<'_>,
    mut poll: impl FnMut(&mut Receiving<Instant>, &mut S) -> Poll<Result<Established, AcceptError>>,
) -> Result<Established, AcceptError> {
    let mut receiving = acceptor.begin(peer, Instant::now());
    loop {
        if let Poll::Ready(outcome) = poll(&mut receiving, stream) {
            return outcome.map(|established| with_local(established, socket(stream)));
        }
        if let Some(deadline) = receiving.poll_timeout() {
            let now = Instant::now();
            receiving.handle_timeout(now);
            wait_readable(socket(stream), deadline.saturating_duration_since(now))?;
        }
    }
}

/// What is in the buffer, or else what has come. Blocking sockets are only read from if there is something.
fn poll_fill<S: Read + AsFd>(reader: &mut BufReader<S>) -> Poll<io::Result<&[u8]>> {
    if reader.buffer().is_empty() && !wait_readable(reader.get_ref(), Duration::ZERO)? {
        return Poll::Pending;
    }
    while let Err(error) = reader.fill_buf() {
        match error.kind() {
            io::ErrorKind::Interrupted => {}
            io::ErrorKind::WouldBlock => return Poll::Pending,
            _ => return Poll::Ready(Err(error)),
        }
    }
    Poll::Ready(reader.fill_buf())
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
