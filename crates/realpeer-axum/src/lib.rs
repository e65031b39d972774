//! The PROXY protocol for axum: who is really at the other end of a request that came through a proxy.
//!
//! ```no_run
//! use axum::Router;
//! use axum::extract::ConnectInfo;
//! use axum::routing::get;
//! use realpeer::{Acceptor, Trust};
//! use realpeer_axum::{Listener, RealPeer};
//! use tokio::net::TcpListener;
//!
//! async fn whoami(ConnectInfo(peer): ConnectInfo<RealPeer>) -> String {
//!     match peer.proxy() {
//!         Some(proxy) => format!("{} through {proxy}", peer.source()),
//!         None => peer.source().to_string(),
//!     }
//! }
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let acceptor = Acceptor::new("10.0.0.0/8".parse::<Trust>()?);
//! let listener = Listener::new(TcpListener::bind("0.0.0.0:8080").await?, acceptor, 1024);
//! let app = Router::new().route("/", get(whoami));
//! axum::serve(listener, app.into_make_service_with_connect_info::<RealPeer>()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The listener reads the headers of up to 1,024 connections at a time, and hands axum whichever is complete first: a load
//! balancer that stays silent delays nobody.
//!
//! # Which of these do I want?
//!
//! | you want | use |
//! |---|---|
//! | the client's address in a handler | `ConnectInfo<RealPeer>`, with [`RealPeer`] in `into_make_service_with_connect_info` |
//! | the proxy's address, the header or its TLVs too | the same [`RealPeer`]: it is an [`Established`] |
//! | middleware of other crates, such as rate limiters, that looks for a `ConnectInfo<SocketAddr>` | [`insert_socket_addr`] |
//! | UNIX sockets | [`Listener`] over tokio's `UnixListener` |
//! | TLS after the header | the feature `tls-listener` |
//! | tests of handlers | `axum::extract::connect_info::MockConnectInfo`, with a `RealPeer` made from an `Established` |
//!
//! # TLS
//!
//! With the feature `tls-listener`, the listener is also an `AsyncAccept` of the tls-listener crate, so that a `TlsListener`
//! over it reads the header before TLS, and can be served in the same way. Its handlers take the same
//! `ConnectInfo<RealPeer>`. For HTTP/2 switch on the feature `http2` of axum and offer `h2` by ALPN. Note that tls-listener
//! bounds how long a TLS handshake may take, but not how many there are at a time. Served by `axum::serve`, a TLS handshake
//! that fails is logged without the client's address: to get it, call `TlsListener::accept` in a loop of your own, whose
//! error has the `RealPeer`.

#![cfg(unix)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod connect_info;
#[cfg(feature = "tls-listener")]
mod tls_listener;

use std::io;
use std::ops::Deref;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{self, IncomingStream};
use realpeer::tokio::{Accepts, EstablishedListener, Prefixed, SendAccepts, Tokio};
use realpeer::{Acceptor, Established};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

pub use connect_info::insert_socket_addr;

/// The ends of the connection that a request came on, as [`Established`] reports them. Clones are cheap.
///
/// Handlers get it as `ConnectInfo<RealPeer>`.
///
/// ```
/// use realpeer::Established;
/// use realpeer_axum::RealPeer;
///
/// let direct = RealPeer::from(Established::without_header("192.0.2.1:56324".parse::<std::net::SocketAddr>()?));
/// assert_eq!(direct.source().to_string(), "192.0.2.1:56324");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RealPeer(Arc<Established>);

/// A listener to serve axum's services on: connections from trusted proxies, whose header has been read.
///
/// It reads the headers of up to `max_pending` connections at a time, so that a silent peer delays nobody. Connections
/// that are refused or whose header is broken, cut off or late are closed, and [`Acceptor::counts`] counts them. Each is
/// a debug event of `tracing`, but a warning if a trusted peer sent a broken header or none; to hear of them by a hook,
/// make the listener from an [`EstablishedListener`] that has one. If the listening socket itself fails, that is an
/// error event, and accepting is tried again after a second.
///
/// Streams are [`Prefixed`], with the bytes before them that
/// [`danger::DetectHeader`](realpeer::danger::DetectHeader) may have taken; `get_ref` returns the socket, as for
/// `set_nodelay`.
///
/// ```
/// use axum::extract::ConnectInfo;
/// use axum::{Router, routing::get};
/// use realpeer::proto::{Encoder, Version};
/// use realpeer::{Acceptor, Trust};
/// use realpeer_axum::{Listener, RealPeer};
/// use tokio::io::AsyncReadExt;
/// use tokio::net::TcpListener;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = TcpListener::bind("127.0.0.1:0").await?;
/// let addr = socket.local_addr()?;
/// let listener = Listener::new(socket, Acceptor::new("127.0.0.1".parse::<Trust>()?), 1024);
/// let whoami = |ConnectInfo(peer): ConnectInfo<RealPeer>| async move { peer.source().to_string() };
/// let app = Router::new().route("/", get(whoami));
/// tokio::spawn(async { axum::serve(listener, app.into_make_service_with_connect_info::<RealPeer>()).await });
///
/// let header = Encoder::proxy(Version::V2, "192.0.2.1:56324".parse()?, "198.51.100.2:80".parse()?);
/// let request = b"GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n";
/// let mut answer = String::new();
/// realpeer::tokio::connect(addr, header, request).await?.read_to_string(&mut answer).await?;
/// assert!(answer.ends_with("192.0.2.1:56324"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Listener<L>(EstablishedListener<L>)
where
    Tokio: SendAccepts<L>;

impl<L> Listener<L>
where
    Tokio: SendAccepts<L>,
{
    /// Creates a listener that accepts from `inner` with `acceptor`, with at most `max_pending` handshakes at a time
    /// (at least one).
    pub fn new(inner: L, acceptor: Acceptor, max_pending: usize) -> Self {
        Self(EstablishedListener::new(inner, acceptor, max_pending))
    }

    /// Returns the listening socket.
    pub fn inner(&self) -> &L {
        self.0.inner()
    }

    /// Returns the acceptor, whose [`counts`](Acceptor::counts) are those of the listener.
    pub fn acceptor(&self) -> &Acceptor {
        self.0.acceptor()
    }

    /// Returns how many handshakes are pending.
    pub fn pending(&self) -> usize {
        self.0.pending()
    }
}

impl<L> From<EstablishedListener<L>> for Listener<L>
where
    Tokio: SendAccepts<L>,
{
    fn from(listener: EstablishedListener<L>) -> Self {
        Self(listener)
    }
}

impl<L> serve::Listener for Listener<L>
where
    Tokio: SendAccepts<L, Stream: AsyncRead + AsyncWrite + Unpin>,
    L: AsFd + Send + 'static,
{
    type Io = Prefixed<<Tokio as Accepts<L>>::Stream>;
    type Addr = RealPeer;

    async fn accept(&mut self) -> (Self::Io, RealPeer) {
        loop {
            match self.0.accept().await {
                Ok((stream, established)) => return with_taken_payload(stream, established),
                Err(error) => {
                    tracing::error!(%error, "accepting failed");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Its own address, as that of a connection from there without a header.
    fn local_addr(&self) -> io::Result<RealPeer> {
        self.0.local_addr().map(RealPeer::from)
    }
}

/// The stream with all of its payload, and who is at its ends.
fn with_taken_payload<S>(stream: S, established: Established) -> (Prefixed<S>, RealPeer) {
    (Prefixed::new(established.taken_payload(), stream), established.into())
}

impl<L> Connected<IncomingStream<'_, Listener<L>>> for RealPeer
where
    Tokio: SendAccepts<L, Stream: AsyncRead + AsyncWrite + Unpin>,
    L: AsFd + Send + 'static,
{
    fn connect_info(stream: IncomingStream<'_, Listener<L>>) -> Self {
        stream.remote_addr().clone()
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
