//! The adapter of realpeer for the blocking sockets of std: the module `realpeer::blocking` of the facade, whose page has a
//! quick start. UNIX only.
//!
//! Depend on the facade `realpeer`; the examples here are written for that.

#![cfg(unix)]
#![forbid(unsafe_code)]

mod established;
mod listener;
mod ready;
mod send;
mod udp;

use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Poll, ready};
use std::time::Instant;

use realpeer_io::proto::ReadMode;
use realpeer_io::socket::{poll_recv, wait_readable, with_local};
use realpeer_io::{AcceptError, Accepting, Acceptor, Endpoint, Established};

pub use established::EstablishedListener;
pub use listener::{Incoming, Listener};
pub use ready::{ReadyListener, Waker};
pub use realpeer_io::socket::SocketListener;
pub use send::{connect, connect_unix, send_header, send_header_with_payload};
pub use udp::{recv_from, send_to};

/// Reads the header of a connection from `peer`, a stream socket, if the policy wants one. The socket stays the caller's.
///
/// `peer` is what accepting returned with the socket. For one that came otherwise, as by inheritance, ask it:
/// [`Endpoint::of_peer`]. It is an argument because accepting has returned it already, at no cost, and so that tests, and
/// sockets handed over by another program, can name the peer that counts.
///
/// It waits for the peer until the [deadline](Acceptor::with_timeout) at the longest, which counts from the call.
///
/// - On success exactly the header has been consumed from the connection.
/// - On failure [`AcceptError::taken`] are the bytes consumed, and those that follow them are still there.
///
/// # Errors
///
/// [`AcceptError`]; the connection is then best closed.
///
/// ```
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
/// use realpeer::{Acceptor, Trust, UnixName};
///
/// let (mut proxy, mut server) = UnixStream::pair()?;
/// proxy.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello")?;
///
/// let acceptor = Acceptor::new(Trust::unix());
/// let established = realpeer::blocking::handshake(&acceptor, &server, UnixName::default())?;
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
    drive(&mut acceptor.begin(peer, Instant::now()), stream)
}

/// Reads the header of a buffered connection from `peer`, a stream socket, until the
/// [deadline](Acceptor::with_timeout) at the longest. It fills the buffer and takes nothing but the header out of it.
/// What is taken on failure is [`AcceptError::taken`]; the bytes that follow are still in the buffer or on the connection.
///
/// If you read the connection through that buffer for all its life, it is the better choice: a header costs one system
/// call, which asks whether there is something to be read. If the socket itself goes on to somebody else, what has been
/// read ahead would be missing there: see [`handshake`]. Nobody else may read from the socket meanwhile, or the deadline
/// may pass unnoticed.
///
/// The buffer must have a capacity.
///
/// # Errors
///
/// [`AcceptError`]; the connection is then best closed.
///
/// ```
/// use std::io::{BufRead, BufReader, Write};
/// use std::os::unix::net::UnixStream;
/// use realpeer::{Acceptor, Trust, UnixName};
///
/// let (mut proxy, server) = UnixStream::pair()?;
/// proxy.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello\n")?;
///
/// let acceptor = Acceptor::new(Trust::unix());
/// let mut server = BufReader::new(server);
/// let established = realpeer::blocking::handshake_buf_read(&acceptor, &mut server, UnixName::default())?;
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
    let mut accepting = acceptor.begin(peer, Instant::now());
    if reader.capacity() == 0 {
        let message = "the buffer has no capacity: nothing can be read through it";
        return accepting.fail(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    drive_with(
        &mut accepting,
        reader,
        |reader| reader.get_ref().as_fd(),
        |accepting, reader| {
            accepting.poll_buf_with(|hand_over| {
                let taken = hand_over(ready!(poll_fill(reader))?);
                reader.consume(taken);
                Poll::Ready(Ok(()))
            })
        },
    )
}

/// Runs a handshake to its end on a socket.
fn drive<S: AsFd>(accepting: &mut Accepting<Instant>, stream: &S) -> Result<Established, AcceptError> {
    drive_with(accepting, &mut &*stream, AsFd::as_fd, |accepting, stream| {
        accepting.poll_peek_with(|slot, mode| poll_recv(*stream, slot, mode))
    })
}

/// Runs a handshake to its end: waits for `socket(stream)` whenever `poll`, which polls `accepting` with the stream's
/// reads, is pending.
fn drive_with<S>(
    accepting: &mut Accepting<Instant>,
    stream: &mut S,
    socket: impl Fn(&S) -> BorrowedFd<'_>,
    mut poll: impl FnMut(&mut Accepting<Instant>, &mut S) -> Poll<Result<Established, AcceptError>>,
) -> Result<Established, AcceptError> {
    loop {
        if let Poll::Ready(result) = poll(accepting, stream) {
            return result.map(|established| with_local(established, socket(stream)));
        }
        if let Some(deadline) = accepting.poll_timeout() {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Err(error) = wait_readable(socket(stream), left) {
                return accepting.fail(error);
            }
            accepting.handle_timeout(Instant::now());
        }
    }
}

/// Returns what is in the buffer, or else what has arrived. Blocking sockets are only read from if there is something.
fn poll_fill<S: Read + AsFd>(reader: &mut BufReader<S>) -> Poll<io::Result<&[u8]>> {
    if reader.buffer().is_empty() {
        // This consumes an error from the socket, so it is the answer.
        ready!(poll_recv(reader.get_ref(), &mut [0], ReadMode::Peek))?;
    }
    Poll::Ready(reader.fill_buf())
}
