//! What a runtime has to say of itself for the suite, and both ways of accepting.

use std::any::Any;
use std::future::Future;
use std::net::{self, SocketAddr};
use std::os::fd::AsFd;
use std::os::unix::net as unix;
use std::path::Path;
use std::time::Duration;
use std::{fmt, io};

use realpeer::proto::Encoder;
use realpeer::{AcceptError, Acceptor, Datagram, Endpoint, Established, Finished};

use crate::script::Script;

/// A runtime, or none. Blocking ones have futures too, which block when polled and are then ready.
pub trait Runtime: 'static {
    /// Its TCP sockets.
    type Tcp: Sockets<StdListener = net::TcpListener, StdStream = net::TcpStream>;

    /// Its UNIX sockets.
    type Unix: Sockets<StdListener = unix::UnixListener, StdStream = unix::UnixStream>;

    /// Its UDP sockets.
    type Udp: Datagrams;

    /// Runs the future on this thread.
    fn run<T>(future: impl Future<Output = T>) -> T;

    /// Runs the future beside this one. Its panic is that of whoever awaits it.
    fn spawn<T: Send + 'static>(
        future: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send;

    /// Waits for a while.
    fn sleep(time: Duration) -> impl Future<Output = ()> + Send;

    /// The adapter's `connect`.
    fn connect(
        addr: SocketAddr,
        header: Encoder<'_>,
        payload: &[u8],
    ) -> impl Future<Output = io::Result<<Self::Tcp as Sockets>::Stream>> + Send;

    /// The adapter's `connect_unix`.
    fn connect_unix(
        path: &Path,
        header: Encoder<'_>,
        payload: &[u8],
    ) -> impl Future<Output = io::Result<<Self::Unix as Sockets>::Stream>> + Send;
}

/// The sockets of a runtime, TCP or UNIX, and what its adapter does with them.
pub trait Sockets: Sized + 'static {
    /// The listener of std that one of the runtime's is made of.
    type StdListener;
    /// The stream of std that one of the runtime's is made of.
    type StdStream;
    /// The runtime's stream.
    type Stream: AsFd + Send + fmt::Debug + 'static;
    /// The adapter's listener.
    type Listener: Send + Sync + 'static;
    /// The adapter's connection of which nothing has been read.
    type Incoming: Send + 'static;
    /// The adapter's listener that runs the handshakes itself.
    type Ready: Send + 'static;
    /// The adapter's listener for frameworks.
    type Established: Send + 'static;

    fn stream(stream: Self::StdStream) -> Self::Stream;
    fn read(stream: &mut Self::Stream, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;
    fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send;

    fn handshake(
        acceptor: &Acceptor,
        stream: &mut Self::Stream,
        peer: Endpoint,
    ) -> impl Future<Output = Result<Established, AcceptError>> + Send;
    fn send_header(
        stream: &mut Self::Stream,
        header: Encoder<'_>,
    ) -> impl Future<Output = io::Result<()>> + Send;
    fn send_header_with_payload(
        stream: &mut Self::Stream,
        header: Encoder<'_>,
        payload: &[u8],
    ) -> impl Future<Output = io::Result<()>> + Send;

    /// The adapter's `send_header`, to a writer that keeps bytes back until it is flushed, through a pointer where
    /// writers can be. What is returned keeps it alive.
    fn send_header_through_buffer(
        stream: Self::Stream,
        header: Encoder<'_>,
    ) -> impl Future<Output = io::Result<Box<dyn Any + Send>>> + Send;

    fn listener(inner: Self::StdListener, acceptor: Acceptor) -> Self::Listener;
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Incoming>> + Send;
    fn peer(incoming: &Self::Incoming) -> Endpoint;
    fn shake(incoming: &mut Self::Incoming) -> impl Future<Output = Result<Established, AcceptError>> + Send;
    fn taken(incoming: &Self::Incoming) -> Vec<u8>;
    fn into_stream(incoming: Self::Incoming) -> Self::Stream;

    fn ready(inner: Self::StdListener, acceptor: Acceptor, max_pending: usize) -> Self::Ready;
    fn accept_ready(
        ready: &mut Self::Ready,
    ) -> impl Future<Output = io::Result<Finished<Self::Stream>>> + Send;
    fn drain(ready: &mut Self::Ready) -> impl Future<Output = Option<Finished<Self::Stream>>> + Send;
    fn pending(ready: &Self::Ready) -> usize;

    fn established(
        inner: Self::StdListener,
        acceptor: Acceptor,
        hook: impl FnMut(&Endpoint, &AcceptError) + Send + 'static,
    ) -> Self::Established;
    fn accept_established(
        listener: &mut Self::Established,
    ) -> impl Future<Output = io::Result<(Self::Stream, Established)>> + Send;
    fn drain_established(
        listener: &mut Self::Established,
    ) -> impl Future<Output = Option<(Self::Stream, Established)>> + Send;
    fn pending_established(listener: &Self::Established) -> usize;
}

/// Sockets that can be read through a buffer which the adapter reads headers from.
pub trait Buffering: Sockets {
    /// The runtime's buffered reader over a stream.
    type Buffered: Send + 'static;

    fn buffered(stream: Self::Stream, capacity: usize) -> Self::Buffered;
    #[cfg(feature = "load")]
    fn unbuffered(stream: Self::Buffered) -> Self::Stream;
    fn read_buffered(
        stream: &mut Self::Buffered,
        buffer: &mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send;
    fn handshake_buffered(
        acceptor: &Acceptor,
        stream: &mut Self::Buffered,
        peer: Endpoint,
    ) -> impl Future<Output = Result<Established, AcceptError>> + Send;
}

/// The UDP sockets of a runtime, and what its adapter does with them.
pub trait Datagrams: Sized + Send + Sync + 'static {
    fn socket(socket: net::UdpSocket) -> Self;
    fn recv_from<'a>(
        &self,
        acceptor: &Acceptor,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<Received<'a>>> + Send;
    fn send_to(
        &self,
        header: Encoder<'_>,
        payload: &[u8],
        to: SocketAddr,
    ) -> impl Future<Output = io::Result<()>> + Send;
}

/// What a datagram says, and the socket's peer.
pub type Received<'a> = (Result<Datagram<'a>, AcceptError>, SocketAddr);

/// An asynchronous runtime: its futures can be polled once and dropped.
pub trait Asynchronous: Runtime {}

/// An asynchronous runtime whose adapter reads headers from any stream that can be polled.
pub trait AnyStream: Asynchronous {
    /// The adapter's `handshake_stream` on a stream that is no socket.
    fn handshake_script(
        acceptor: &Acceptor,
        stream: &mut Script,
        peer: Endpoint,
    ) -> impl Future<Output = Result<Established, AcceptError>> + Send;

    /// The adapter's `handshake_stream` on one that is a socket.
    fn handshake_stream(
        acceptor: &Acceptor,
        stream: &mut <Self::Tcp as Sockets>::Stream,
        peer: Endpoint,
    ) -> impl Future<Output = Result<Established, AcceptError>> + Send;

    /// The adapter's `handshake_buf_read` on a stream that is no socket, with room for `capacity` bytes, and which bytes
    /// of it have not been taken.
    fn handshake_script_buffered(
        acceptor: &Acceptor,
        stream: Script,
        capacity: usize,
        peer: Endpoint,
    ) -> impl Future<Output = (Result<Established, AcceptError>, Vec<u8>)> + Send;

    /// The adapter's `send_header` on a stream that is no socket.
    fn send_header_to_script(
        stream: &mut Script,
        header: Encoder<'_>,
    ) -> impl Future<Output = io::Result<()>> + Send;
}

/// A connection of a runtime's, of which nothing has been read.
pub type IncomingOf<R> = <<R as Runtime>::Tcp as Sockets>::Incoming;

/// A stream of a runtime's.
pub type TcpStreamOf<R> = <<R as Runtime>::Tcp as Sockets>::Stream;

/// Both ways of accepting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `Listener::accept`, then `Incoming::handshake`.
    Listener,
    /// `ReadyListener::accept`.
    Ready,
}

/// A listener of a runtime, used one way or the other.
pub enum Server<S: Sockets> {
    Listener(S::Listener),
    Ready(S::Ready),
}

impl Way {
    pub const BOTH: [Self; 2] = [Self::Listener, Self::Ready];

    pub fn server<S: Sockets>(self, inner: S::StdListener, acceptor: &Acceptor) -> Server<S> {
        match self {
            Self::Listener => Server::Listener(S::listener(inner, acceptor.clone())),
            Self::Ready => Server::Ready(S::ready(inner, acceptor.clone(), 64)),
        }
    }
}

impl<S: Sockets> Server<S> {
    /// The next connection, with its handshake done; a `Listener`'s, one after the other.
    pub async fn next(&mut self) -> Finished<S::Stream> {
        match self {
            Self::Listener(listener) => {
                let mut incoming = S::accept(listener).await.unwrap();
                let result = S::shake(&mut incoming).await;
                let peer = S::peer(&incoming);
                Finished::new(S::into_stream(incoming), peer, result)
            }
            Self::Ready(ready) => S::accept_ready(ready).await.unwrap(),
        }
    }
}

/// All that comes until the peer closes its side.
pub async fn read_to_end<S: Sockets>(stream: &mut S::Stream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match S::read(stream, &mut buffer).await.unwrap() {
            0 => return all,
            n => all.extend_from_slice(&buffer[..n]),
        }
    }
}

/// The same through a buffered reader.
pub async fn read_to_end_buffered<S: Buffering>(stream: &mut S::Buffered) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match S::read_buffered(stream, &mut buffer).await.unwrap() {
            0 => return all,
            n => all.extend_from_slice(&buffer[..n]),
        }
    }
}

/// The next `len` bytes.
pub async fn read_exactly<S: Sockets>(stream: &mut S::Stream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while filled < len {
        match S::read(stream, &mut bytes[filled..]).await.unwrap() {
            0 => panic!("the stream ended after {filled} of {len} bytes"),
            n => filled += n,
        }
    }
    bytes
}
