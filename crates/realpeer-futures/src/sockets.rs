//! Sockets on async-io.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use async_io::Async;
use futures_io::AsyncRead;
use realpeer_io::socket::{poll_recv, with_local};
use realpeer_io::{AcceptError, Acceptor, Endpoint, Established, Timer, receive};

/// The clock of std and the timers of async-io.
#[derive(Clone, Copy, Debug)]
pub enum AsyncIoTimer {}

/// A listening socket of std, TCP or UNIX.
pub trait StdListener: AsFd {
    /// A connection.
    type Stream;

    /// Accepts a connection.
    ///
    /// # Errors
    ///
    /// Those of `accept`.
    fn accept_socket(&self) -> io::Result<(Self::Stream, Endpoint)>;
}

/// Reads the header off a connection from `peer`, a stream socket. Whatever comes of it, the socket is the caller's
/// and has lost no byte but those of the header.
///
/// It waits for the peer until the [deadline](Acceptor::with_timeout) at the longest. A header that is here already
/// is peeked at and then read off exactly, with two system calls; one that is not is read as it comes.
///
/// # Errors
///
/// [`AcceptError`]; the connection is then best closed.
pub async fn handshake<S: AsyncRead + AsFd + Unpin>(
    acceptor: &Acceptor,
    stream: &mut S,
    peer: impl Into<Endpoint>,
) -> Result<Established, AcceptError> {
    let receiving = acceptor.begin(peer, Instant::now());
    let established = receive::<AsyncIoTimer>(receiving, |receiving, cx| {
        if let Poll::Ready(outcome) = receiving.poll_peek_with(|slot, mode| poll_recv(&*stream, slot, mode)) {
            return Poll::Ready(outcome);
        }
        // Only the stream itself can wake the task.
        receiving.poll_with(|slot| Pin::new(&mut *stream).poll_read(cx, slot))
    });
    Ok(with_local(established.await?, &*stream))
}

/// Accepts a connection.
///
/// # Errors
///
/// Those of `accept`.
pub fn poll_accept<L: StdListener>(
    listener: &Async<L>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<(L::Stream, Endpoint)>> {
    loop {
        match listener.get_ref().accept_socket() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(listener.poll_readable(cx))?,
            accepted => return Poll::Ready(accepted),
        }
    }
}

impl Timer for AsyncIoTimer {
    type Instant = Instant;
    type Sleep = async_io::Timer;

    fn now() -> Instant {
        Instant::now()
    }

    fn sleep_until(at: Instant) -> async_io::Timer {
        async_io::Timer::at(at)
    }
}

impl StdListener for TcpListener {
    type Stream = TcpStream;

    fn accept_socket(&self) -> io::Result<(TcpStream, Endpoint)> {
        self.accept().map(|(stream, peer)| (stream, peer.into()))
    }
}

impl StdListener for UnixListener {
    type Stream = UnixStream;

    fn accept_socket(&self) -> io::Result<(UnixStream, Endpoint)> {
        self.accept().map(|(stream, peer)| (stream, peer.into()))
    }
}
