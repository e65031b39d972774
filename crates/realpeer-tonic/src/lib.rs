//! The PROXY protocol for tonic: `Request::remote_addr()` is who is really at the other end of a call that came
//! through a proxy.
//!
//! ```no_run
//! # use tonic::{body::Body, codegen::{http, Service}, server::NamedService};
//! # async fn serve<S>(greeter: S) -> Result<(), Box<dyn std::error::Error>>
//! # where
//! #     S: Service<http::Request<Body>, Response = http::Response<Body>, Error = std::convert::Infallible>,
//! #     S: NamedService + Clone + Send + Sync + 'static,
//! #     S::Future: Send,
//! # {
//! use realpeer::{Acceptor, Trust};
//! use realpeer_tonic::Incoming;
//! use tokio::net::TcpListener;
//! use tonic::transport::Server;
//!
//! let acceptor = Acceptor::new("10.0.0.0/8".parse::<Trust>()?);
//! let incoming = Incoming::new(TcpListener::bind("0.0.0.0:50051").await?, acceptor, 1024);
//! Server::builder().add_service(greeter).serve_with_incoming(incoming).await?;
//! # Ok(())
//! # }
//! ```
//!
//! `Request::remote_addr()` is then the client; nothing else is needed. For the proxy, the TLVs and UNIX addresses, ask
//! for the whole [`RealPeer`] in the extensions of requests, and have an interceptor for `remote_addr()`:
//!
//! ```no_run
//! # use tonic::{body::Body, codegen::{http, Service}, server::NamedService};
//! # use realpeer::{Acceptor, Trust};
//! # use tokio::net::TcpListener;
//! # use tonic::transport::Server;
//! # async fn serve<S>(greeter: S) -> Result<(), Box<dyn std::error::Error>>
//! # where
//! #     S: Service<http::Request<Body>, Response = http::Response<Body>, Error = std::convert::Infallible>,
//! #     S: NamedService + Clone + Send + Sync + 'static,
//! #     S::Future: Send,
//! # {
//! # let acceptor = Acceptor::new("10.0.0.0/8".parse::<Trust>()?);
//! use realpeer_tonic::{Incoming, RealPeer};
//! use tonic::service::InterceptorLayer;
//!
//! let incoming = Incoming::new(TcpListener::bind("0.0.0.0:50051").await?, acceptor, 1024);
//! Server::builder()
//!     .layer(InterceptorLayer::new(realpeer_tonic::remote_addr))
//!     .add_service(greeter)
//!     .serve_with_incoming(incoming.with_connect_info::<RealPeer>())
//!     .await?;
//! # Ok(())
//! # }
//!
//! fn authority(request: &tonic::Request<()>) -> Option<&str> {
//!     let peer = request.extensions().get::<realpeer_tonic::RealPeer>()?;
//!     peer.header()?.tlvs().authority()?.ok()
//! }
//! ```
//!
//! # Which of these do I want?
//!
//! | you want | use |
//! |---|---|
//! | the client's address in a call | [`Incoming`], and `Request::remote_addr()` |
//! | the proxy's address, the header or its TLVs too | [`Incoming::with_connect_info`], and [`RealPeer`] in the extensions |
//! | `Request::remote_addr()` as well then | the interceptor [`remote_addr()`] |
//! | UNIX sockets | [`Incoming`] over tokio's `UnixListener` |
//! | a stream for tonic from a connection that you accepted yourself | [`Connection`] |
//!
//! With tonic's own TLS the header comes before TLS, as it should. `Request::peer_certs()` works with the first form
//! only; with the second, the certificates are in the extension `TlsConnectInfo<RealPeer>`.

#![cfg(unix)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod connection;

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use realpeer::tokio::{Accepts, EstablishedListener, SendAccepts, Tokio};
use realpeer::{Acceptor, Endpoint, Established};
use tonic::transport::server::TcpConnectInfo;
use tonic::{Request, Status};

pub use connection::Connection;

/// The ends of the connection that a call came on, as [`Established`] reports them. Clones are cheap.
///
/// With [`Incoming::with_connect_info`] it is in the extensions of requests.
#[derive(Clone, Debug)]
pub struct RealPeer(Arc<Established>);

/// A stream of connections from trusted proxies, whose header has been read, for `Router::serve_with_incoming`.
///
/// It reads the headers of up to `max_pending` connections at a time, so that a silent peer delays nobody. Connections
/// that are refused or whose header is broken, cut off or late are closed, and [`Acceptor::counts`] counts them. Each is
/// a debug event of `tracing`, but a warning if a trusted peer sent a broken header or none; to hear of them by a hook,
/// make it from an [`EstablishedListener`] that has one. If the listening socket itself fails, that is an error event,
/// and the stream ends, and with it the server, once its connections have.
///
/// `I` is what tonic puts into the extensions of requests.
pub struct Incoming<L, I = TcpConnectInfo>
where
    Tokio: SendAccepts<L>,
{
    listener: EstablishedListener<L>,
    /// The listening socket is of no more use.
    ended: bool,
    connect_info: PhantomData<fn() -> I>,
}

impl<L> Incoming<L>
where
    Tokio: SendAccepts<L>,
{
    /// Creates a listener that accepts from `inner` with `acceptor`, with at most `max_pending` handshakes at a time
    /// (at least one).
    pub fn new(inner: L, acceptor: Acceptor, max_pending: usize) -> Self {
        EstablishedListener::new(inner, acceptor, max_pending).into()
    }
}

impl<L, I> Incoming<L, I>
where
    Tokio: SendAccepts<L>,
{
    /// Puts something else into the extensions of requests: [`RealPeer`], or a type of your own that is made from it.
    pub fn with_connect_info<J: From<RealPeer>>(self) -> Incoming<L, J> {
        Incoming { listener: self.listener, ended: self.ended, connect_info: PhantomData }
    }

    /// Returns the listening socket.
    pub fn inner(&self) -> &L {
        self.listener.inner()
    }

    /// Returns the acceptor, whose [`counts`](Acceptor::counts) are those of the listener.
    pub fn acceptor(&self) -> &Acceptor {
        self.listener.acceptor()
    }

    /// Returns how many handshakes are pending.
    pub fn pending(&self) -> usize {
        self.listener.pending()
    }
}

/// Makes `Request::remote_addr()` and `Request::local_addr()` return the source and destination of the [`RealPeer`] in
/// the extensions, as an interceptor. Without one it does nothing.
///
/// ```
/// use realpeer::Established;
/// use realpeer_tonic::{RealPeer, remote_addr};
/// use tonic::Request;
///
/// let source: std::net::SocketAddr = "192.0.2.1:56324".parse()?;
/// let mut request = Request::new(());
/// request.extensions_mut().insert(RealPeer::from(Established::without_header(source)));
/// assert_eq!(remote_addr(request)?.remote_addr(), Some(source));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// None.
pub fn remote_addr(mut request: Request<()>) -> Result<Request<()>, Status> {
    if let Some(peer) = request.extensions().get::<RealPeer>().cloned() {
        request.extensions_mut().insert(TcpConnectInfo::from(peer));
    }
    Ok(request)
}

/// Returns the address of the client that a call came from, canonical, so that `::ffff:192.0.2.1` and `192.0.2.1` are one:
/// what rate limiters and access lists want. It works with whatever [`Incoming`] puts into the extensions.
///
/// `None` if the client has no IP address, as over a UNIX socket without a header; and with tonic's own TLS and
/// [`RealPeer`], which is then in the extension `TlsConnectInfo<RealPeer>`.
///
/// ```
/// use std::net::SocketAddr;
/// use realpeer_tonic::source_addr;
/// use tonic::{Request, Response, Status};
///
/// async fn whoami(request: Request<()>) -> Result<Response<String>, Status> {
///     let source = source_addr(&request).ok_or_else(|| Status::unauthenticated("who are you?"))?;
///     Ok(Response::new(source.to_string()))
/// }
/// # drop(whoami);
/// ```
pub fn source_addr<T>(request: &Request<T>) -> Option<SocketAddr> {
    let addr = match request.extensions().get::<RealPeer>() {
        Some(peer) => peer.source().socket_addr(),
        None => request.remote_addr(),
    };
    addr.and_then(|addr| Endpoint::from(addr).to_canonical().socket_addr())
}

impl<L> From<EstablishedListener<L>> for Incoming<L>
where
    Tokio: SendAccepts<L>,
{
    fn from(listener: EstablishedListener<L>) -> Self {
        Self { listener, ended: false, connect_info: PhantomData }
    }
}

impl<L, I> Stream for Incoming<L, I>
where
    Tokio: SendAccepts<L>,
    L: Unpin,
{
    type Item = io::Result<Connection<<Tokio as Accepts<L>>::Stream, I>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        match ready!(this.listener.poll_accept(cx)) {
            Ok((stream, established)) => Poll::Ready(Some(Ok(Connection::new(stream, established.into())))),
            // Tonic ignores errors and asks again, forever.
            Err(error) => {
                tracing::error!(%error, "accepting failed: the server ends");
                this.ended = true;
                Poll::Ready(None)
            }
        }
    }
}

impl<L, I> fmt::Debug for Incoming<L, I>
where
    Tokio: SendAccepts<L>,
    L: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Incoming").field(&self.listener).finish()
    }
}

impl Deref for RealPeer {
    type Target = Established;

    fn deref(&self) -> &Established {
        &self.0
    }
}

impl From<Established> for RealPeer {
    fn from(established: Established) -> Self {
        Self(Arc::new(established))
    }
}

impl From<Arc<Established>> for RealPeer {
    fn from(established: Arc<Established>) -> Self {
        Self(established)
    }
}

impl From<RealPeer> for TcpConnectInfo {
    /// Source and destination, where they are IP addresses.
    fn from(peer: RealPeer) -> Self {
        Self {
            local_addr: peer.destination().and_then(|destination| destination.socket_addr()),
            remote_addr: peer.source().socket_addr(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::UdpSocket;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use realpeer::Trust;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Tonic passes over errors of the stream and asks again, without a pause.
    #[tokio::test]
    async fn a_dead_listening_socket_ends_the_stream() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(socket.local_addr().unwrap()).unwrap();
        socket.send(b"so that it is readable").unwrap();
        socket.set_nonblocking(true).unwrap();
        let socket = TcpListener::from_std(OwnedFd::from(socket).into()).unwrap();
        let mut incoming = Incoming::new(socket, Acceptor::new(Trust::anyone()), 8);
        for _ in 0..3 {
            assert!(poll_fn(|cx| Pin::new(&mut incoming).poll_next(cx)).await.is_none());
        }
    }

    #[tokio::test]
    async fn pending_counts_the_peers_whose_header_is_awaited() {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = socket.local_addr().unwrap();
        let mut incoming = Incoming::new(socket, Acceptor::new(Trust::anyone()), 8);
        assert_eq!(incoming.pending(), 0);
        let mut silent = Vec::new();
        for _ in 0..3 {
            silent.push(TcpStream::connect(addr).await.unwrap());
        }
        // Nobody is ready, so this only makes it accept.
        let next = poll_fn(|cx| Pin::new(&mut incoming).poll_next(cx));
        assert!(tokio::time::timeout(Duration::from_millis(200), next).await.is_err());
        assert_eq!(incoming.pending(), 3);
    }

    #[tokio::test]
    async fn the_socket_and_the_acceptor_can_be_had() {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = socket.local_addr().unwrap();
        let acceptor = Acceptor::new(Trust::anyone()).with_timeout(Duration::from_secs(7));
        let incoming = Incoming::new(socket, acceptor, 8);
        assert_eq!(incoming.inner().local_addr().unwrap(), addr);
        assert_eq!(incoming.acceptor().config().timeout(), Duration::from_secs(7));
        let says = format!("{incoming:?}");
        assert!(says.starts_with("Incoming(EstablishedListener {"), "{says}");
    }

    #[test]
    fn a_shared_peer_is_the_same_one() {
        let peer = Arc::new(Established::without_header(SocketAddr::from(([192, 0, 2, 1], 56324))));
        assert_eq!(RealPeer::from(peer.clone()).source(), peer.source());
    }
}
