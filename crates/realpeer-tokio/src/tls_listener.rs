//! TLS behind the header, by the crate tls-listener.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use realpeer_io::{Endpoint, Established, Listen};
use tls_listener::{AsyncAccept, AsyncListener};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use crate::{EstablishedListener, Tokio};

impl<L> AsyncAccept for EstablishedListener<L>
where
    Tokio: Listen<L, Stream: AsyncRead + AsyncWrite>,
    L: Unpin,
{
    type Connection = <Tokio as Listen<L>>::Stream;
    type Address = Arc<Established>;
    type Error = io::Error;

    fn poll_accept(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Connection, Arc<Established>)>> {
        self.get_mut().poll_accept(cx)
    }
}

impl AsyncListener for EstablishedListener<TcpListener> {
    /// The listener's own address, in the form of a connection from there without a header.
    fn local_addr(&self) -> io::Result<Arc<Established>> {
        Ok(Arc::new(Established::without_header(self.inner().local_addr()?)))
    }
}

impl AsyncListener for EstablishedListener<UnixListener> {
    /// The listener's own address, in the form of a connection from there without a header.
    fn local_addr(&self) -> io::Result<Arc<Established>> {
        let addr = std::os::unix::net::SocketAddr::from(self.inner().local_addr()?);
        Ok(Arc::new(Established::without_header(Endpoint::from(addr))))
    }
}
