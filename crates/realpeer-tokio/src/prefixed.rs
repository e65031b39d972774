//! A stream together with bytes that were read from it before.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that returns the bytes already read from it first, then reads on. Writes go straight to it.
///
/// `Prefixed::new(established.taken_payload(), stream)` reads all of the payload, also where
/// [`danger::DetectHeader`](realpeer_io::danger::DetectHeader) has taken some of it to look for a header. Without any
/// such bytes it costs a comparison a read.
///
/// ```
/// use realpeer::danger::DetectHeader;
/// use realpeer::tokio::{Prefixed, handshake_stream};
/// use realpeer::{Acceptor, Trust};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (mut client, mut stream) = tokio::io::duplex(64);
/// client.write_all(b"PUT /upload").await?;
/// drop(client);
///
/// let acceptor = Acceptor::new(DetectHeader::new("127.0.0.1".parse::<Trust>()?));
/// let peer: std::net::SocketAddr = "127.0.0.1:4711".parse()?;
/// let established = handshake_stream(&acceptor, &mut stream, peer).await?;
///
/// let mut payload = String::new();
/// Prefixed::new(established.taken_payload(), stream).read_to_string(&mut payload).await?;
/// assert_eq!(payload, "PUT /upload");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Prefixed<S> {
    prefix: Box<[u8]>,
    read: usize,
    stream: S,
}

impl<S> Prefixed<S> {
    /// Puts `prefix` before what is still to be read from `stream`.
    pub fn new(prefix: impl Into<Box<[u8]>>, stream: S) -> Self {
        Self { prefix: prefix.into(), read: 0, stream }
    }

    /// Returns the bytes that are read before the stream is.
    pub fn prefix(&self) -> &[u8] {
        self.prefix.get(self.read..).unwrap_or_default()
    }

    /// Returns the stream. Reading from it passes over the [`prefix`](Self::prefix).
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Returns the stream. Reading from it passes over the [`prefix`](Self::prefix).
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Takes it apart: the bytes that have not been read, and the stream that follows them.
    pub fn into_parts(self) -> (Vec<u8>, S) {
        (self.prefix().to_vec(), self.stream)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let prefix = this.prefix();
        if prefix.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let n = prefix.len().min(buf.remaining());
        buf.put_slice(prefix.get(..n).unwrap_or_default());
        this.read += n;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn the_prefix_is_read_first_in_pieces_of_any_size_and_writes_pass_it() {
        let (mut client, stream) = tokio::io::duplex(64);
        client.write_all(b" three").await.unwrap();
        let mut prefixed = Prefixed::new(&b"one two"[..], stream);
        prefixed.write_all(b"answer").await.unwrap();
        let mut answer = [0; 6];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"answer");

        let mut four = [0; 4];
        prefixed.read_exact(&mut four).await.unwrap();
        assert_eq!((&four, prefixed.prefix()), (b"one ", &b"two"[..]));
        // A read goes no further than the prefix: the stream may have nothing yet.
        let mut rest = [0; 64];
        assert_eq!(prefixed.read(&mut rest).await.unwrap(), 3);
        assert_eq!(prefixed.read(&mut rest).await.unwrap(), 6);
        assert_eq!(rest[..6], *b" three");

        client.write_all(b"!").await.unwrap();
        let (unread, mut stream) = Prefixed::new(&b"ab"[..], prefixed.into_parts().1).into_parts();
        assert_eq!((unread, stream.read_u8().await.unwrap()), (b"ab".to_vec(), b'!'));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn all_that_concerns_writing_goes_to_the_stream() {
        let (mut client, stream) = tokio::io::duplex(64);
        let mut prefixed = Prefixed::new(*b"prefix", BufWriter::new(stream));
        let slices = [IoSlice::new(b"one "), IoSlice::new(b"two")];
        assert_eq!(prefixed.write_vectored(&slices).await.unwrap(), 7);
        assert_eq!(prefixed.get_ref().buffer(), b"one two");
        prefixed.flush().await.unwrap();
        assert!(prefixed.get_ref().buffer().is_empty());
        prefixed.shutdown().await.unwrap();
        let mut all = String::new();
        client.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "one two");
        // Standard output takes one slice at a time.
        assert!(prefixed.is_write_vectored());
        assert!(!Prefixed::new(*b"prefix", tokio::io::stdout()).is_write_vectored());
    }
}
