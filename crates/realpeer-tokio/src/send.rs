//! Sending headers on streams.

use std::future::Future;
use std::io;

use realpeer_io::header_and_payload;
use realpeer_io::proto::Encoder;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, ToSocketAddrs};

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
/// use realpeer::proto::{Encoder, Version};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut sent = Vec::new();
/// let encoder = Encoder::proxy(Version::V1, "192.0.2.1:56324".parse()?, "198.51.100.2:443".parse()?);
/// realpeer::tokio::send_header(&mut sent, encoder).await?;
/// assert_eq!(sent, b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n");
/// # Ok(())
/// # }
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
/// use realpeer::proto::Encoder;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut sent = Vec::new();
/// realpeer::tokio::send_header_with_payload(&mut sent, Encoder::local(), b"PING").await?;
/// assert!(sent.ends_with(b"PING"));
/// # Ok(())
/// # }
/// ```
pub async fn send_header_with_payload<'a, S: AsyncWrite + Unpin + ?Sized>(
    stream: &mut S,
    header: impl Into<Encoder<'a>>,
    payload: &[u8],
) -> io::Result<()> {
    let bytes = header_and_payload(header, payload)?;
    stream.write_all(&bytes).await?;
    stream.flush().await
}

/// Connects to a receiver of headers and sends it `header` with `payload` after it, in one write. If the header can't be
/// encoded, no connection is made.
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
/// use realpeer::proto::Encoder;
/// use tokio::io::AsyncReadExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let stream = realpeer::tokio::connect(server.local_addr()?, Encoder::local(), b"PING").await?;
/// drop(stream);
///
/// let mut received = Vec::new();
/// server.accept().await?.0.read_to_end(&mut received).await?;
/// assert!(received.ends_with(b"PING"));
/// # Ok(())
/// # }
/// ```
pub async fn connect<'a>(
    addr: impl ToSocketAddrs,
    header: impl Into<Encoder<'a>>,
    payload: &[u8],
) -> io::Result<TcpStream> {
    connect_with(TcpStream::connect(addr), header, payload).await
}

/// Connects to a UNIX socket at `path`, otherwise as [`connect`].
///
/// # Errors
///
/// `InvalidInput` if the header can't be encoded, and those of connecting and writing.
#[cfg(unix)]
pub async fn connect_unix<'a>(
    path: impl AsRef<std::path::Path>,
    header: impl Into<Encoder<'a>>,
    payload: &[u8],
) -> io::Result<tokio::net::UnixStream> {
    connect_with(tokio::net::UnixStream::connect(path), header, payload).await
}

/// Before it has been polled, `connecting` does nothing.
async fn connect_with<'a, S: AsyncWrite + Unpin>(
    connecting: impl Future<Output = io::Result<S>>,
    header: impl Into<Encoder<'a>>,
    payload: &[u8],
) -> io::Result<S> {
    let bytes = header_and_payload(header, payload)?;
    let mut stream = connecting.await?;
    stream.write_all(&bytes).await?;
    Ok(stream)
}
