//! Sending headers on streams.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};

use futures_io::AsyncWrite;
use realpeer_io::header_and_payload;
use realpeer_io::proto::Encoder;

/// Sends a header, in one write, and flushes the stream.
///
/// A header speaks for everything that follows on its connection. Send it once, before anything else, and never on a
/// connection that carries several clients, such as one of a pool: there the carried protocol has to name them, as
/// HTTP does with `Forwarded`.
///
/// # Errors
///
/// `InvalidInput` if the header can't be encoded, and those of the stream.
///
/// # Cancel safety
///
/// If the future is dropped, part of the header may have been sent: close the connection.
///
/// ```
/// use futures_lite::future::block_on;
/// use realpeer::futures::send_header; // or that of realpeer::smol or realpeer::async_std
/// use realpeer::proto::{Encoder, Version};
///
/// let mut sent = Vec::new();
/// let encoder = Encoder::proxy(Version::V1, "192.0.2.1:56324".parse()?, "198.51.100.2:443".parse()?);
/// block_on(send_header(&mut sent, encoder))?;
/// assert_eq!(sent, b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn send_header<'a, S: AsyncWrite + Unpin + ?Sized>(
    stream: &mut S,
    header: impl Into<Encoder<'a>>,
) -> io::Result<()> {
    send_header_with_payload(stream, header, &[]).await
}

/// Sends a header with `payload` after it, in one write, and flushes the stream. On which connections, and what a
/// dropped future leaves, see [`send_header`].
///
/// # Errors
///
/// `InvalidInput` if the header can't be encoded, and those of the stream.
///
/// ```
/// use futures_lite::future::block_on;
/// use realpeer::futures::send_header_with_payload; // or that of realpeer::smol or realpeer::async_std
/// use realpeer::proto::Encoder;
///
/// let mut sent = Vec::new();
/// block_on(send_header_with_payload(&mut sent, Encoder::local(), b"PING"))?;
/// assert!(sent.ends_with(b"PING"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn send_header_with_payload<'a, S: AsyncWrite + Unpin + ?Sized>(
    stream: &mut S,
    header: impl Into<Encoder<'a>>,
    payload: &[u8],
) -> io::Result<()> {
    let bytes = header_and_payload(header, payload)?;
    write_all(stream, &bytes).await
}

/// Connects to a receiver of headers, as `connecting` does, and sends it `header` with `payload` after it, in one
/// write. If the header can't be encoded, `connecting` is not even polled.
///
/// Open a new connection for each client: all that follows the header belongs to that client. Don't wait for the
/// client's first bytes, since in many protocols the server speaks first; `payload` is for bytes that are there
/// already.
///
/// # Errors
///
/// `InvalidInput` if the header can't be encoded, and those of connecting and writing.
///
/// ```
/// use futures_lite::future::block_on;
/// use realpeer::proto::Encoder;
///
/// let connecting = async { Ok(Vec::new()) }; // a runtime's TcpStream::connect(addr)
/// let stream = block_on(realpeer::futures::connect(connecting, Encoder::local(), b"PING"))?;
/// assert!(stream.ends_with(b"PING"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn connect<'a, S: AsyncWrite + Unpin>(
    connecting: impl Future<Output = io::Result<S>>,
    header: impl Into<Encoder<'a>>,
    payload: &[u8],
) -> io::Result<S> {
    let bytes = header_and_payload(header, payload)?;
    let mut stream = connecting.await?;
    write_all(&mut stream, &bytes).await?;
    Ok(stream)
}

async fn write_all<S: AsyncWrite + Unpin + ?Sized>(stream: &mut S, mut rest: &[u8]) -> io::Result<()> {
    poll_fn(|cx| {
        while !rest.is_empty() {
            match ready!(Pin::new(&mut *stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => rest = rest.get(n..).unwrap_or_default(),
            }
        }
        Pin::new(&mut *stream).poll_flush(cx)
    })
    .await
}
