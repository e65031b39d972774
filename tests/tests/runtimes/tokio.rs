//! Tokio, with one thread and with several.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{io, net, os::unix::net as unix};

use ::tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use ::tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use ::tokio::runtime::Builder;
use realpeer::proto::Encoder;
use realpeer::tokio as adapter;
use realpeer::{AcceptError, Accepted, Acceptor, Endpoint, Established};

use crate::runtime::{Asynchronous, Runtime, Sockets};
use crate::script::Script;

pub struct CurrentThread;
pub struct MultiThread;
pub struct Tcp;
pub struct Unix;

macro_rules! runtime {
    ($name:ty, $builder:expr) => {
        impl Runtime for $name {
            type Tcp = Tcp;
            type Unix = Unix;

            fn run<T>(future: impl Future<Output = T>) -> T {
                $builder.enable_all().build().unwrap().block_on(future)
            }

            fn spawn<T: Send + 'static>(
                future: impl Future<Output = T> + Send + 'static,
            ) -> impl Future<Output = T> + Send {
                let task = ::tokio::spawn(future);
                async { task.await.unwrap() }
            }

            async fn sleep(time: Duration) {
                ::tokio::time::sleep(time).await;
            }

            async fn connect(addr: SocketAddr, header: Encoder<'_>, payload: &[u8]) -> io::Result<TcpStream> {
                adapter::connect(addr, header, payload).await
            }
        }

        impl Asynchronous for $name {
            async fn handshake_script(
                acceptor: &Acceptor,
                stream: &mut Script,
                peer: Endpoint,
            ) -> Result<Established, AcceptError> {
                adapter::handshake_stream(acceptor, stream, peer).await
            }

            async fn handshake_stream(
                acceptor: &Acceptor,
                stream: &mut TcpStream,
                peer: Endpoint,
            ) -> Result<Established, AcceptError> {
                adapter::handshake_stream(acceptor, stream, peer).await
            }

            async fn send_header_to_script(stream: &mut Script, header: Encoder<'_>) -> io::Result<()> {
                adapter::send_header(stream, header).await
            }
        }
    };
}

runtime!(CurrentThread, Builder::new_current_thread());
runtime!(MultiThread, Builder::new_multi_thread().worker_threads(2));

macro_rules! sockets {
    ($name:ty, $std_listener:ty, $std_stream:ty, $listener:ty, $stream:ty) => {
        impl Sockets for $name {
            type StdListener = $std_listener;
            type StdStream = $std_stream;
            type Stream = $stream;
            type Listener = adapter::Listener<$listener>;
            type Incoming = adapter::Incoming<$stream>;
            type Ready = adapter::ReadyListener<$listener>;

            fn stream(stream: $std_stream) -> $stream {
                stream.set_nonblocking(true).unwrap();
                <$stream>::from_std(stream).unwrap()
            }

            async fn read(stream: &mut $stream, buffer: &mut [u8]) -> io::Result<usize> {
                stream.read(buffer).await
            }

            async fn write_all(stream: &mut $stream, bytes: &[u8]) -> io::Result<()> {
                stream.write_all(bytes).await
            }

            async fn handshake(
                acceptor: &Acceptor,
                stream: &mut $stream,
                peer: Endpoint,
            ) -> Result<Established, AcceptError> {
                adapter::handshake(acceptor, stream, peer).await
            }

            async fn send_header(stream: &mut $stream, header: Encoder<'_>) -> io::Result<()> {
                adapter::send_header(stream, header).await
            }

            fn listener(inner: $std_listener, acceptor: Acceptor) -> Self::Listener {
                inner.set_nonblocking(true).unwrap();
                adapter::Listener::new(<$listener>::from_std(inner).unwrap(), acceptor)
            }

            async fn accept(listener: &Self::Listener) -> io::Result<Self::Incoming> {
                listener.accept().await
            }

            fn peer(incoming: &Self::Incoming) -> Endpoint {
                incoming.peer().clone()
            }

            async fn shake(incoming: &Self::Incoming) -> Result<Established, AcceptError> {
                incoming.handshake().await
            }

            fn into_stream(incoming: Self::Incoming) -> $stream {
                incoming.into_stream()
            }

            fn ready(inner: $std_listener, acceptor: Acceptor, max_pending: usize) -> Self::Ready {
                Self::listener(inner, acceptor).into_ready(max_pending)
            }

            async fn accept_ready(ready: &mut Self::Ready) -> io::Result<Accepted<$stream>> {
                ready.accept().await
            }

            fn pending(ready: &Self::Ready) -> usize {
                ready.pending()
            }
        }
    };
}

sockets!(Tcp, net::TcpListener, net::TcpStream, TcpListener, TcpStream);
sockets!(Unix, unix::UnixListener, unix::UnixStream, UnixListener, UnixStream);

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = ready!(self.poll_script(cx, buffer.initialize_unfilled()))?;
        buffer.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.keep(bytes)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
