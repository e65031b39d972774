//! TLS behind the header, by the crate tls-listener.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{self, IncomingStream};
use realpeer::tokio::{Accepts, SendAccepts, Tokio};
use tls_listener::{AsyncAccept, AsyncListener, AsyncTls, TlsListener};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{Listener, RealPeer};

#[cfg_attr(docsrs, doc(cfg(feature = "tls-listener")))]
impl<L> AsyncAccept for Listener<L>
where
    Tokio: SendAccepts<L, Stream: AsyncRead + AsyncWrite>,
    L: Unpin,
{
    type Connection = <Tokio as Accepts<L>>::Stream;
    type Address = RealPeer;
    type Error = io::Error;

    fn poll_accept(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Connection, RealPeer)>> {
        self.get_mut().0.poll_accept(cx).map_ok(|(stream, established)| (stream, RealPeer::from(established)))
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "tls-listener")))]
impl<L> AsyncListener for Listener<L>
where
    Tokio: SendAccepts<L, Stream: AsyncRead + AsyncWrite>,
    L: AsFd + Unpin,
{
    fn local_addr(&self) -> io::Result<RealPeer> {
        self.0.local_addr().map(RealPeer::from)
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "tls-listener")))]
impl<L, T> Connected<IncomingStream<'_, TlsListener<Listener<L>, T>>> for RealPeer
where
    Tokio: SendAccepts<L, Stream: AsyncRead + AsyncWrite>,
    L: AsFd + Unpin,
    T: AsyncTls<<Tokio as Accepts<L>>::Stream>,
    TlsListener<Listener<L>, T>: serve::Listener<Addr = RealPeer>,
{
    fn connect_info(stream: IncomingStream<'_, TlsListener<Listener<L>, T>>) -> Self {
        stream.remote_addr().clone()
    }
}
