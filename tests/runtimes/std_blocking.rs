//! Blocking sockets of std: futures that block when they are polled, and tasks that are threads.

use std::any::Any;
use std::future::Future;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::resume_unwind;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use realpeer::blocking::{self, EstablishedListener, Incoming, Listener, ReadyListener};
use realpeer::proto::Encoder;
use realpeer::{AcceptError, Acceptor, Endpoint, Established, Finished};

use crate::runtime::{Buffering, Datagrams, Received, Runtime, Sockets};

pub struct StdBlocking;
pub struct Tcp;
pub struct Unix;

impl Runtime for StdBlocking {
    type Tcp = Tcp;
    type Unix = Unix;
    type Udp = UdpSocket;

    fn run<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => unreachable!("blocking futures are ready at once"),
        }
    }

    fn spawn<T: Send + 'static>(
        future: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        let thread = thread::spawn(|| Self::run(future));
        async { thread.join().unwrap_or_else(|panic| resume_unwind(panic)) }
    }

    async fn sleep(time: Duration) {
        thread::sleep(time);
    }

    async fn connect(addr: SocketAddr, header: Encoder<'_>, payload: &[u8]) -> io::Result<TcpStream> {
        blocking::connect(addr, header, payload)
    }

    async fn connect_unix(path: &Path, header: Encoder<'_>, payload: &[u8]) -> io::Result<UnixStream> {
        blocking::connect_unix(path, header, payload)
    }
}

macro_rules! sockets {
    ($name:ty, $listener:ty, $stream:ty) => {
        impl Sockets for $name {
            type StdListener = $listener;
            type StdStream = $stream;
            type Stream = $stream;
            type Listener = Listener<$listener>;
            type Incoming = Incoming<$stream>;
            type Ready = ReadyListener<$listener>;
            type Established = EstablishedListener<$listener>;

            fn stream(stream: $stream) -> $stream {
                stream
            }

            async fn read(stream: &mut $stream, buffer: &mut [u8]) -> io::Result<usize> {
                stream.read(buffer)
            }

            async fn write_all(stream: &mut $stream, bytes: &[u8]) -> io::Result<()> {
                stream.write_all(bytes)
            }

            async fn handshake(
                acceptor: &Acceptor,
                stream: &mut $stream,
                peer: Endpoint,
            ) -> Result<Established, AcceptError> {
                blocking::handshake(acceptor, stream, peer)
            }

            async fn send_header(stream: &mut $stream, header: Encoder<'_>) -> io::Result<()> {
                blocking::send_header(stream, header)
            }

            async fn send_header_with_payload(
                stream: &mut $stream,
                header: Encoder<'_>,
                payload: &[u8],
            ) -> io::Result<()> {
                blocking::send_header_with_payload(stream, header, payload)
            }

            async fn send_header_through_buffer(
                stream: $stream,
                header: Encoder<'_>,
            ) -> io::Result<Box<dyn Any + Send>> {
                let mut writer = Box::new(BufWriter::new(stream));
                let behind_a_pointer: &mut (dyn Write + Send) = &mut *writer;
                blocking::send_header(behind_a_pointer, header)?;
                Ok(writer)
            }

            fn listener(inner: $listener, acceptor: Acceptor) -> Self::Listener {
                Listener::new(inner, acceptor)
            }

            async fn accept(listener: &Self::Listener) -> io::Result<Self::Incoming> {
                listener.accept()
            }

            fn peer(incoming: &Self::Incoming) -> Endpoint {
                incoming.peer().clone()
            }

            async fn shake(incoming: &mut Self::Incoming) -> Result<Established, AcceptError> {
                incoming.handshake()
            }

            fn taken(incoming: &Self::Incoming) -> Vec<u8> {
                incoming.taken().to_vec()
            }

            fn into_stream(incoming: Self::Incoming) -> $stream {
                incoming.into_stream()
            }

            fn ready(inner: $listener, acceptor: Acceptor, max_pending: usize) -> Self::Ready {
                Listener::new(inner, acceptor).into_ready(max_pending).unwrap()
            }

            async fn accept_ready(ready: &mut Self::Ready) -> io::Result<Finished<$stream>> {
                ready.accept()
            }

            async fn drain(ready: &mut Self::Ready) -> Option<Finished<$stream>> {
                ready.drain().unwrap()
            }

            fn pending(ready: &Self::Ready) -> usize {
                ready.pending()
            }

            fn established(
                inner: $listener,
                acceptor: Acceptor,
                hook: impl FnMut(&Endpoint, &AcceptError) + Send + 'static,
            ) -> Self::Established {
                EstablishedListener::from(Self::ready(inner, acceptor, 64)).on_reject(hook)
            }

            async fn accept_established(
                listener: &mut Self::Established,
            ) -> io::Result<($stream, Established)> {
                listener.accept()
            }

            async fn drain_established(listener: &mut Self::Established) -> Option<($stream, Established)> {
                listener.drain().unwrap()
            }

            fn pending_established(listener: &Self::Established) -> usize {
                listener.pending()
            }
        }

        impl Buffering for $name {
            type Buffered = BufReader<$stream>;

            fn buffered(stream: $stream, capacity: usize) -> BufReader<$stream> {
                BufReader::with_capacity(capacity, stream)
            }

            #[cfg(feature = "load")]
            fn unbuffered(stream: BufReader<$stream>) -> $stream {
                stream.into_inner()
            }

            async fn read_buffered(stream: &mut BufReader<$stream>, buffer: &mut [u8]) -> io::Result<usize> {
                stream.read(buffer)
            }

            async fn handshake_buffered(
                acceptor: &Acceptor,
                stream: &mut BufReader<$stream>,
                peer: Endpoint,
            ) -> Result<Established, AcceptError> {
                blocking::handshake_buf_read(acceptor, stream, peer)
            }
        }
    };
}

impl Datagrams for UdpSocket {
    fn socket(socket: UdpSocket) -> Self {
        socket
    }

    async fn recv_from<'a>(&self, acceptor: &Acceptor, buffer: &'a mut [u8]) -> io::Result<Received<'a>> {
        blocking::recv_from(acceptor, self, buffer)
    }

    async fn send_to(&self, header: Encoder<'_>, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        blocking::send_to(self, header, payload, to)
    }
}

sockets!(Tcp, TcpListener, TcpStream);
sockets!(Unix, UnixListener, UnixStream);
