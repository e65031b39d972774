//! An adapter for compio, whole: it awaits that a socket is readable and then peeks at it, so that a future that is dropped
//! has given no buffer away. Its listeners are not `Send`, nor are its futures.

use std::future::Future;
use std::io;
use std::net::{self, SocketAddr};
use std::os::unix::net as unix;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use ::compio::buf::IntoInner;
use ::compio::io::{AsyncWrite, AsyncWriteExt};
use ::compio::net::{PollFd, TcpStream, UnixStream};
use ::compio::time::{sleep, sleep_until};
use realpeer::proto::Encoder;
use realpeer::{AcceptError, Accepting, Acceptor, Endpoint, Established};
use realpeer_io::socket::{SocketListener, accept_readable, drive_readable, recv_from_readable};
use realpeer_io::{
    Accepts, Handshakes, LocalPending, Runtime, finish, header_and_datagram, header_and_payload,
};

use crate::runtime::Received;

pub enum Compio {}

pub type UdpSocket = PollFd<net::UdpSocket>;
pub type Listener<L> = realpeer_io::Listener<Compio, Rc<PollFd<L>>>;
pub type Incoming<S> = realpeer_io::Incoming<Compio, S>;
pub type ReadyListener<L> = realpeer_io::ReadyListener<Compio, Rc<PollFd<L>>>;
pub type EstablishedListener<L> = realpeer_io::EstablishedListener<Compio, Rc<PollFd<L>>>;

pub fn listener<L: SocketListener>(inner: L, acceptor: Acceptor) -> io::Result<Listener<L>>
where
    Compio: Accepts<Rc<PollFd<L>>>,
{
    inner.set_nonblocking(true)?;
    Ok(Listener::new(Rc::new(PollFd::new(inner)?), acceptor))
}

pub fn udp_socket(socket: net::UdpSocket) -> io::Result<UdpSocket> {
    socket.set_nonblocking(true)?;
    PollFd::new(socket)
}

pub async fn handshake<S>(
    acceptor: &Acceptor,
    stream: &mut S,
    peer: Endpoint,
) -> Result<Established, AcceptError>
where
    Compio: Handshakes<S, Instant = Instant>,
{
    Compio::handshake(&mut acceptor.begin(peer, Instant::now()), stream).await
}

pub async fn send_header_with_payload(
    stream: &mut impl AsyncWrite,
    header: Encoder<'_>,
    payload: &[u8],
) -> io::Result<()> {
    stream.write_all(header_and_payload(header, payload)?).await.0?;
    stream.flush().await
}

pub async fn connect<S: AsyncWrite>(
    connecting: impl Future<Output = io::Result<S>>,
    header: Encoder<'_>,
    payload: &[u8],
) -> io::Result<S> {
    let bytes = header_and_payload(header, payload)?;
    let mut stream = connecting.await?;
    stream.write_all(bytes).await.0?;
    Ok(stream)
}

pub async fn recv_from<'a>(
    acceptor: &Acceptor,
    socket: &UdpSocket,
    buffer: &'a mut [u8],
) -> io::Result<Received<'a>> {
    recv_from_readable::<Compio>(acceptor, socket, buffer, async || socket.read_ready().await).await
}

pub async fn send_to(
    socket: &UdpSocket,
    header: Encoder<'_>,
    payload: &[u8],
    to: SocketAddr,
) -> io::Result<()> {
    let datagram = header_and_datagram(header, payload)?;
    loop {
        match socket.send_to(&datagram, to) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.write_ready().await?,
            sent => return sent.map(|_| ()),
        }
    }
}

impl Runtime for Compio {
    type Instant = Instant;
    type Sleep = Pin<Box<dyn Future<Output = ()>>>;

    fn now() -> Instant {
        Instant::now()
    }

    fn sleep_until(at: Instant) -> Self::Sleep {
        Box::pin(sleep_until(at))
    }
}

/// A future that accepts, which the listener keeps.
type Accept<S> = Pin<Box<dyn Future<Output = io::Result<(S, Endpoint)>>>>;

macro_rules! sockets {
    ($stream:ty, $listener:ty) => {
        impl Handshakes<$stream> for Compio {
            async fn handshake(
                accepting: &mut Accepting<Instant>,
                stream: &mut $stream,
            ) -> Result<Established, AcceptError> {
                let socket = match PollFd::new(stream.clone()) {
                    Ok(socket) => socket,
                    Err(error) => return accepting.fail(error),
                };
                let result =
                    drive_readable::<Self>(accepting, &socket, async || socket.read_ready().await).await;
                if let Err(waiting) = socket.into_inner().try_unwrap() {
                    // The deadline cut a wait short, which keeps the connection open until the kernel has been told.
                    // `take` would wait for that, but leaks the socket where this future is dropped meanwhile.
                    drop(waiting);
                    sleep(Duration::from_millis(1)).await;
                }
                result
            }
        }

        impl Accepts<Rc<PollFd<$listener>>> for Compio {
            type Stream = $stream;
            type Accept = Option<Accept<$stream>>;
            type Pending = LocalPending<$stream>;

            async fn accept(listener: &Rc<PollFd<$listener>>) -> io::Result<($stream, Endpoint)> {
                let socket: &$listener = listener;
                let (stream, peer) = accept_readable(socket, async || listener.accept_ready().await).await?;
                Ok((<$stream>::from_std(stream)?, peer))
            }

            fn poll_accept(
                listener: &Rc<PollFd<$listener>>,
                accept: &mut Self::Accept,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<($stream, Endpoint)>> {
                let listener = listener.clone();
                let future = accept.get_or_insert_with(|| {
                    Box::pin(async move {
                        // Even if a connection is there: only while a task waits does the thread look for events.
                        listener.accept_ready().await?;
                        Self::accept(&listener).await
                    })
                });
                let polled = future.as_mut().poll(cx);
                if polled.is_ready() {
                    *accept = None;
                }
                polled
            }

            fn pend(stream: $stream, accepting: Accepting<Instant>) -> Self::Pending {
                Box::pin(finish::<Self, _>(stream, accepting))
            }
        }
    };
}

sockets!(TcpStream, net::TcpListener);
sockets!(UnixStream, unix::UnixListener);
