//! A stream that knows who is at its ends.

use std::fmt;
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use realpeer::tokio::Prefixed;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::RealPeer;

/// A stream of the bytes after the header that knows who is at its ends.
///
/// `I` is what tonic puts into the extensions of requests.
pub struct Connection<S, I = TcpConnectInfo> {
    stream: Prefixed<S>,
    peer: RealPeer,
    connect_info: PhantomData<fn() -> I>,
}

impl<S, I> Connection<S, I> {
    /// Creates a stream whose header has been read, as by an incoming connection of `realpeer::tokio`. The peer's
    /// [`taken_payload`](realpeer::Established::taken_payload) is read before it.
    pub fn new(stream: S, peer: RealPeer) -> Self {
        Self { stream: Prefixed::new(peer.taken_payload(), stream), peer, connect_info: PhantomData }
    }

    /// Returns the ends of the connection.
    pub fn peer(&self) -> &RealPeer {
        &self.peer
    }

    /// Returns the stream.
    pub fn stream(&self) -> &S {
        self.stream.get_ref()
    }

    /// Takes it apart: the stream, which is read from where it was left, and who is at its ends.
    pub fn into_parts(self) -> (Prefixed<S>, RealPeer) {
        (self.stream, self.peer)
    }

    /// Changes the stream, as for TLS or a limit of bandwidth of your own, and keeps who is at its ends.
    ///
    /// ```
    /// use realpeer::Established;
    /// use realpeer_tonic::{Connection, RealPeer};
    /// use tokio::io::BufStream;
    ///
    /// let peer = RealPeer::from(Established::without_header("192.0.2.1:56324".parse::<std::net::SocketAddr>()?));
    /// let (_client, stream) = tokio::io::duplex(64);
    /// let connection: Connection<_> = Connection::new(stream, peer).map(BufStream::new);
    /// assert_eq!(connection.peer().source().to_string(), "192.0.2.1:56324");
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn map<T>(self, change: impl FnOnce(Prefixed<S>) -> T) -> Connection<T, I> {
        let stream = Prefixed::new([], change(self.stream));
        Connection { stream, peer: self.peer, connect_info: PhantomData }
    }

    fn project(self: Pin<&mut Self>) -> Pin<&mut Prefixed<S>>
    where
        S: Unpin,
    {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl<S, I: From<RealPeer> + Clone + Send + Sync + 'static> Connected for Connection<S, I> {
    type ConnectInfo = I;

    fn connect_info(&self) -> I {
        self.peer.clone().into()
    }
}

impl<S: AsyncRead + Unpin, I> AsyncRead for Connection<S, I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.project().poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin, I> AsyncWrite for Connection<S, I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.project().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl<S: fmt::Debug, I> fmt::Debug for Connection<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("stream", &self.stream)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use realpeer::Established;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};

    use super::*;

    fn peer() -> RealPeer {
        Established::without_header(std::net::SocketAddr::from(([192, 0, 2, 1], 56324))).into()
    }

    #[tokio::test]
    async fn all_that_concerns_writing_goes_to_the_stream() {
        let (mut client, stream) = tokio::io::duplex(64);
        let mut connection: Connection<_> = Connection::new(BufWriter::new(stream), peer());
        assert_eq!(connection.write(b"zero ").await.unwrap(), 5);
        let slices = [IoSlice::new(b"one "), IoSlice::new(b"two")];
        assert_eq!(connection.write_vectored(&slices).await.unwrap(), 7);
        assert_eq!(connection.stream().buffer(), b"zero one two");
        connection.flush().await.unwrap();
        assert!(connection.stream().buffer().is_empty());
        connection.shutdown().await.unwrap();
        let mut all = String::new();
        client.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "zero one two");
        assert!(connection.is_write_vectored());
        let stdout: Connection<_> = Connection::new(tokio::io::stdout(), peer());
        assert!(!stdout.is_write_vectored(), "it takes one slice at a time");
    }

    #[test]
    fn it_says_what_it_is_made_of() {
        let (_client, stream) = tokio::io::duplex(64);
        let connection: Connection<_> = Connection::new(stream, peer());
        let says = format!("{connection:?}");
        assert!(says.starts_with("Connection { stream: Prefixed {"), "{says}");
        assert!(says.contains("192.0.2.1:56324") && says.ends_with(", .. }"), "{says}");
    }
}
