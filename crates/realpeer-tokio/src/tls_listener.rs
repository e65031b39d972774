//! TLS behind the header, by the crate tls-listener.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use realpeer_io::{Established, Listen};
use tls_listener::{AsyncAccept, AsyncListener};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{EstablishedListener, Tokio};

#[cfg_attr(docsrs, doc(cfg(feature = "tls-listener")))]
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

#[cfg_attr(docsrs, doc(cfg(feature = "tls-listener")))]
impl<L> AsyncListener for EstablishedListener<L>
where
    Tokio: Listen<L, Stream: AsyncRead + AsyncWrite>,
    L: AsFd + Unpin,
{
    fn local_addr(&self) -> io::Result<Arc<Established>> {
        self.local_addr()
    }
}
