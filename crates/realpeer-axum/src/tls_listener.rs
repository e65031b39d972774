//! TLS after the header, with the tls-listener crate.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{self, IncomingStream};
use realpeer::tokio::{Accepts, Prefixed, SendAccepts, Tokio};
use tls_listener::{AsyncAccept, AsyncListener, AsyncTls, TlsListener};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{Listener, RealPeer, with_taken_payload};

#[cfg_attr(docsrs, doc(cfg(feature = "tls-listener")))]
impl<L> AsyncAccept for Listener<L>
where
    Tokio: SendAccepts<L, Stream: AsyncRead + AsyncWrite + Unpin>,
    L: Unpin,
{
    type Connection = Prefixed<<Tokio as Accepts<L>>::Stream>;
    type Address = RealPeer;
    type Error = io::Error;

    fn poll_accept(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Connection, RealPeer)>> {
        self.get_mut()
            .0
            .poll_accept(cx)
            .map_ok(|(stream, established)| with_taken_payload(stream, established))
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "tls-listener")))]
impl<L> AsyncListener for Listener<L>
where
    Tokio: SendAccepts<L, Stream: AsyncRead + AsyncWrite + Unpin>,
    L: AsFd + Unpin,
{
    fn local_addr(&self) -> io::Result<RealPeer> {
        self.0.local_addr().map(RealPeer::from)
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "tls-listener")))]
impl<L, T> Connected<IncomingStream<'_, TlsListener<Listener<L>, T>>> for RealPeer
where
    Tokio: SendAccepts<L, Stream: AsyncRead + AsyncWrite + Unpin>,
    L: AsFd + Unpin,
    T: AsyncTls<Prefixed<<Tokio as Accepts<L>>::Stream>>,
    TlsListener<Listener<L>, T>: serve::Listener<Addr = RealPeer>,
{
    fn connect_info(stream: IncomingStream<'_, TlsListener<Listener<L>, T>>) -> Self {
        stream.remote_addr().clone()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};

    use realpeer::proto::{Encoder, Version};
    use realpeer::{Acceptor, Trust};
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// In the place of TLS, nothing.
    #[derive(Clone)]
    struct Plain;

    impl AsyncTls<Prefixed<TcpStream>> for Plain {
        type Stream = Prefixed<TcpStream>;
        type Error = io::Error;
        type AcceptFuture = Ready<io::Result<Prefixed<TcpStream>>>;

        fn accept(&self, stream: Prefixed<TcpStream>) -> Self::AcceptFuture {
            ready(Ok(stream))
        }
    }

    #[tokio::test]
    async fn tls_begins_after_the_header() {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = socket.local_addr().unwrap();
        let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>().unwrap());
        let mut listener = TlsListener::new(Plain, Listener::new(socket, acceptor, 2));
        assert_eq!(listener.local_addr().unwrap().source().socket_addr(), Some(addr));

        let (source, destination) = ("192.0.2.1:56324".parse().unwrap(), "198.51.100.2:443".parse().unwrap());
        let header = Encoder::proxy(Version::V2, source, destination);
        let no_header = TcpStream::connect(addr).await.unwrap();
        drop(no_header);
        let client = realpeer::tokio::connect(addr, header, b"client hello").await.unwrap();

        // A handshake that failed is no error of the listener's.
        let (mut stream, established) = listener.accept().await.unwrap();
        assert_eq!(established.source().socket_addr(), Some(source));
        assert_eq!(established.proxy().unwrap().socket_addr(), client.local_addr().ok());
        let mut hello = [0; 12];
        stream.read_exact(&mut hello).await.unwrap();
        assert_eq!(&hello, b"client hello");
    }
}
