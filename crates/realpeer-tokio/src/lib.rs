//! The tokio adapter of realpeer: the module `realpeer::tokio` of the facade, whose page has a quick start.
//!
//! Depend on the facade `realpeer`, with the feature `tokio`; the examples here are written for that.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(unix)]
mod listener;
mod prefixed;
mod send;
#[cfg(unix)]
mod udp;

use std::pin::Pin;
use std::task::{Poll, ready};

use realpeer_io::{AcceptError, Acceptor, Endpoint, Established, Runtime, drive};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

#[cfg(unix)]
pub use listener::{EstablishedListener, Incoming, Listener, ReadyListener, Socket, handshake};
pub use prefixed::Prefixed;
#[doc(no_inline)]
pub use realpeer_io::{Accepts, SendAccepts};
#[cfg(unix)]
pub use send::connect_unix;
pub use send::{connect, send_header, send_header_with_payload};
#[cfg(unix)]
pub use udp::{recv_from, send_to};

/// Reads the header of a stream of any kind that comes from `peer`, if the policy wants one. The stream stays the
/// caller's.
///
/// - On success exactly the header has been consumed from the stream.
/// - On failure [`AcceptError::taken`] are the bytes consumed, and those that follow them are still there.
///
/// For sockets there is [`handshake`], with fewer system calls. With TLS the header comes before the TLS handshake:
/// read it from the socket.
///
/// # Errors
///
/// [`AcceptError`]; the connection is then best closed.
///
/// # Cancel safety
///
/// If the future is dropped, what it had read of the header is lost, and another call would take the rest for the start:
/// close the connection. To wait for something else meanwhile, keep the future and poll it again. The deadline is the
/// acceptor's, so there is no need for a time-out around it.
///
/// # Panics
///
/// If the header has to be waited for and the runtime has no timers.
///
/// ```
/// use realpeer::{Acceptor, Trust};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (mut proxy, mut server) = tokio::io::duplex(64);
/// proxy.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello").await?;
///
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let peer: std::net::SocketAddr = "127.0.0.1:4711".parse()?;
/// let established = realpeer::tokio::handshake_stream(&acceptor, &mut server, peer).await?;
/// assert_eq!(established.source().to_string(), "192.0.2.1:56324");
///
/// let mut hello = [0; 5];
/// server.read_exact(&mut hello).await?;
/// assert_eq!(&hello, b"hello");
/// # Ok(())
/// # }
/// ```
pub async fn handshake_stream<S: AsyncRead + Unpin + ?Sized>(
    acceptor: &Acceptor,
    stream: &mut S,
    peer: impl Into<Endpoint>,
) -> Result<Established, AcceptError> {
    drive::<Tokio>(&mut acceptor.begin(peer, Instant::now()), |accepting, cx| {
        accepting.poll_with(|slot| {
            let mut slot = ReadBuf::new(slot);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut slot))?;
            Poll::Ready(Ok(slot.filled().len()))
        })
    })
    .await
}

/// Reads the header of a buffered reader of any kind that comes from `peer`, if the policy wants one. It fills the
/// buffer and takes nothing but the header out of it. On failure [`AcceptError::taken`] are the bytes consumed; those
/// that follow are still in the buffer or on the stream.
///
/// If you read the connection through that buffer for all its life, it is the better choice: a header costs no system
/// calls of its own. If the socket itself goes on to somebody else, to TLS, to `splice` or to another process, what has
/// been read ahead would be missing there: see [`handshake`].
///
/// A buffer without capacity is always empty, and so the peer seems to have left: [`AcceptError::Closed`].
///
/// # Errors
///
/// [`AcceptError`]; the connection is then best closed.
///
/// # Cancel safety
///
/// As with [`handshake_stream`]: if the future is dropped, close the connection.
///
/// # Panics
///
/// If the header has to be waited for and the runtime has no timers.
///
/// ```
/// use realpeer::{Acceptor, Trust};
/// use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (mut proxy, server) = tokio::io::duplex(64);
/// proxy.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello\n").await?;
///
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let peer: std::net::SocketAddr = "127.0.0.1:4711".parse()?;
/// let mut server = BufReader::new(server);
/// let established = realpeer::tokio::handshake_buf_read(&acceptor, &mut server, peer).await?;
/// assert_eq!(established.source().to_string(), "192.0.2.1:56324");
///
/// let mut hello = String::new();
/// server.read_line(&mut hello).await?;
/// assert_eq!(hello, "hello\n");
/// # Ok(())
/// # }
/// ```
pub async fn handshake_buf_read<S: AsyncBufRead + Unpin + ?Sized>(
    acceptor: &Acceptor,
    reader: &mut S,
    peer: impl Into<Endpoint>,
) -> Result<Established, AcceptError> {
    drive::<Tokio>(&mut acceptor.begin(peer, Instant::now()), |accepting, cx| {
        accepting.poll_buf_with(|hand_over| {
            let mut reader = Pin::new(&mut *reader);
            let taken = hand_over(ready!(reader.as_mut().poll_fill_buf(cx))?);
            reader.consume(taken);
            Poll::Ready(Ok(()))
        })
    })
    .await
}

/// Tokio as a runtime, which [`Listener`] and the other types name: its sockets, its clock, which tests may pause, and
/// its timers.
#[derive(Clone, Copy, Debug)]
pub enum Tokio {}

impl Runtime for Tokio {
    type Instant = Instant;
    type Sleep = Sleep;

    fn now() -> Instant {
        Instant::now()
    }

    fn sleep_until(at: Instant) -> Sleep {
        sleep_until(at)
    }
}
