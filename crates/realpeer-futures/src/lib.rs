//! The adapter of realpeer for streams of futures-io: the module `realpeer::futures` of the facade, whose page has a quick
//! start.
//!
//! Depend on the facade `realpeer`, with the feature `futures-io` or `async-io`; the examples here are written for that.
//! Clock and timers are the runtime's, named with a [`Runtime`]. The feature `async-io` has one, and functions for sockets;
//! `realpeer-smol` and `realpeer-async-std` are that with their runtimes' types.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod send;
#[cfg(all(feature = "async-io", unix))]
mod sockets;

use std::pin::Pin;
use std::task::{Poll, ready};

use futures_io::{AsyncBufRead, AsyncRead};
use realpeer_io::{AcceptError, Acceptor, Endpoint, Established, Runtime, drive};

pub use send::{connect, send_header, send_header_with_payload};
#[cfg(all(feature = "async-io", unix))]
#[cfg_attr(docsrs, doc(cfg(feature = "async-io")))]
pub use sockets::{AsyncIo, handshake, handshake_on, poll_accept, recv_from, send_to};

/// Reads the header of a stream that comes from `peer`, if the policy wants one. The stream stays the caller's.
///
/// - On success exactly the header has been consumed from the stream.
/// - On failure [`AcceptError::taken`] are the bytes consumed, and those that follow them are still there.
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
/// ```
/// use std::time::{Duration, Instant};
/// use futures_lite::future::{Pending, block_on, pending};
/// use futures_lite::io::{AsyncReadExt, Cursor};
/// use realpeer::futures::Runtime;
/// use realpeer::futures::handshake_stream; // or that of realpeer::smol or realpeer::async_std
/// use realpeer::{AcceptError, Acceptor, Trust};
///
/// /// A runtime's timers; these never go off.
/// struct NoTimer;
///
/// impl Runtime for NoTimer {
///     type Instant = Instant;
///     type Sleep = Pending<()>;
///
///     fn now() -> Instant {
///         Instant::now()
///     }
///
///     fn sleep_until(_: Instant) -> Pending<()> {
///         pending()
///     }
/// }
///
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let peer: std::net::SocketAddr = "127.0.0.1:4711".parse()?;
/// let mut stream = Cursor::new(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello");
///
/// block_on(async {
///     let established = handshake_stream::<NoTimer, _>(&acceptor, &mut stream, peer).await?;
///     assert_eq!(established.source().to_string(), "192.0.2.1:56324");
///
///     let mut hello = [0; 5];
///     stream.read_exact(&mut hello).await?;
///     assert_eq!(&hello, b"hello");
///     Ok::<(), AcceptError>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn handshake_stream<R: Runtime, S: AsyncRead + Unpin + ?Sized>(
    acceptor: &Acceptor,
    stream: &mut S,
    peer: impl Into<Endpoint>,
) -> Result<Established, AcceptError> {
    drive::<R>(&mut acceptor.begin(peer, R::now()), |accepting, cx| {
        accepting.poll_with(|slot| Pin::new(&mut *stream).poll_read(cx, slot))
    })
    .await
}

/// Reads the header of a buffered reader that comes from `peer`, if the policy wants one. It fills the buffer and takes
/// nothing but the header out of it. On failure [`AcceptError::taken`] are the bytes consumed; those that follow are
/// still in the buffer or on the stream.
///
/// If you read the connection through that buffer for all its life, it is the better choice: a header costs no system
/// calls of its own. If the stream itself goes on to somebody else, such as TLS, what has been read ahead would be missing
/// there.
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
/// ```
/// use futures_lite::future::block_on;
/// use futures_lite::io::{AsyncBufReadExt, BufReader, Cursor};
/// use realpeer::futures::{AsyncIo, handshake_buf_read}; // or those of realpeer::smol or realpeer::async_std
/// use realpeer::{AcceptError, Acceptor, Trust};
///
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let peer: std::net::SocketAddr = "127.0.0.1:4711".parse()?;
/// let stream = Cursor::new(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello\n");
/// let mut stream = BufReader::new(stream);
///
/// block_on(async {
///     let established = handshake_buf_read::<AsyncIo, _>(&acceptor, &mut stream, peer).await?;
///     assert_eq!(established.source().to_string(), "192.0.2.1:56324");
///
///     let mut hello = String::new();
///     stream.read_line(&mut hello).await?;
///     assert_eq!(hello, "hello\n");
///     Ok::<(), AcceptError>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn handshake_buf_read<R: Runtime, S: AsyncBufRead + Unpin + ?Sized>(
    acceptor: &Acceptor,
    reader: &mut S,
    peer: impl Into<Endpoint>,
) -> Result<Established, AcceptError> {
    drive::<R>(&mut acceptor.begin(peer, R::now()), |accepting, cx| {
        accepting.poll_buf_with(|hand_over| {
            let mut reader = Pin::new(&mut *reader);
            let taken = hand_over(ready!(reader.as_mut().poll_fill_buf(cx))?);
            reader.consume(taken);
            Poll::Ready(Ok(()))
        })
    })
    .await
}
