//! A listener for frameworks: connections whose header has been read, and no others.

use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use realpeer_io::{Acceptor, Endpoint, Established, Listen, socket};

use crate::{ReadyListener, Tokio};

/// A [`ReadyListener`] that hands out established connections only, as frameworks want them.
///
/// Connections whose handshake fails are closed. [`Acceptor::counts`] says how many and why, and with the feature
/// `tracing` each is a debug event. With the feature `tls-listener` it is an `AsyncAccept` of that crate.
///
/// ```
/// use realpeer_io::{Acceptor, Trust};
/// use realpeer_tokio::EstablishedListener;
/// use tokio::io::AsyncWriteExt;
/// use tokio::net::{TcpListener, TcpStream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let addr = listener.local_addr()?;
/// let mut listener = EstablishedListener::new(listener, acceptor, 1024);
///
/// TcpStream::connect(addr).await?.write_all(b"GET / HTTP/1.1\r\n").await?; // no header
/// TcpStream::connect(addr).await?.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n").await?;
///
/// let (_stream, established) = listener.accept().await?;
/// assert_eq!(established.source().to_string(), "192.0.2.1:56324");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct EstablishedListener<L>(ReadyListener<L>)
where
    Tokio: Listen<L>;

impl<L> EstablishedListener<L>
where
    Tokio: Listen<L>,
{
    /// Accepts from `inner` as `acceptor` says, with at most `max_pending` handshakes at a time (at least one).
    pub fn new(inner: L, acceptor: Acceptor, max_pending: usize) -> Self {
        Self(ReadyListener::new(inner, acceptor, max_pending))
    }

    /// The next connection whose header has been read. Dropping the future loses no connection and no byte.
    ///
    /// # Errors
    ///
    /// Those of the listener itself that do not pass.
    pub async fn accept(&mut self) -> io::Result<(<Tokio as Listen<L>>::Stream, Arc<Established>)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// The same, to be polled.
    #[expect(clippy::type_complexity, reason = "a pair of a stream and who is at its ends")]
    pub fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(<Tokio as Listen<L>>::Stream, Arc<Established>)>> {
        loop {
            let accepted = ready!(self.0.poll_accept(cx))?;
            match accepted.outcome {
                Ok(established) => return Poll::Ready(Ok((accepted.stream, Arc::new(established)))),
                #[cfg(feature = "tracing")]
                Err(error) => {
                    tracing::debug!(peer = %accepted.peer, kind = error.kind(), %error, "connection closed");
                }
                #[cfg(not(feature = "tracing"))]
                Err(_) => {}
            }
        }
    }

    /// The listening socket.
    pub fn inner(&self) -> &L {
        self.0.inner()
    }

    /// What it accepts.
    pub fn acceptor(&self) -> &Acceptor {
        self.0.acceptor()
    }

    /// Its own address, for traits that give a listener's address in the form of a connection's: that of a connection
    /// from there without a header.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the socket is neither of IP nor of UNIX.
    pub fn local_addr(&self) -> io::Result<Arc<Established>>
    where
        L: AsFd,
    {
        let local: Endpoint = socket::local_endpoint(self.inner()).ok_or(io::ErrorKind::Unsupported)?;
        Ok(Arc::new(Established::without_header(local)))
    }
}
