//! Compio: a thread to each runtime, and futures that stay on it.

use std::any::Any;
use std::future::Future;
use std::io;
use std::net::{self, SocketAddr};
use std::os::unix::net as unix;
use std::panic::resume_unwind;
use std::path::Path;
use std::time::Duration;

use ::compio::BufResult;
use ::compio::io::{AsyncRead, AsyncWriteExt, BufWriter};
use ::compio::net::{TcpStream, UnixStream};
use ::compio::runtime::Runtime;
use realpeer::proto::Encoder;
use realpeer::{AcceptError, Acceptor, Endpoint, Established, Finished};
use send_wrapper::SendWrapper;

use crate::runtime::{Asynchronous, Datagrams, Received, Sockets, TcpStreamOf};

mod adapter;

pub struct Compio;
pub struct Tcp;
pub struct Unix;

/// A future of compio's, or a value that holds some, for a suite that also runs where they have to be `Send`: this one
/// panics if it gets to another thread.
type Local<T> = SendWrapper<T>;

fn local<T>(value: T) -> Local<T> {
    SendWrapper::new(value)
}

impl crate::runtime::Runtime for Compio {
    type Tcp = Tcp;
    type Unix = Unix;
    type Udp = Local<adapter::UdpSocket>;

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = Runtime::new().unwrap();
        let result = runtime.block_on(future);
        // compio frees a cancelled operation only when the kernel has answered, and not when the runtime is dropped.
        runtime.block_on(::compio::time::sleep(Duration::from_millis(1)));
        result
    }

    fn spawn<T: Send + 'static>(
        future: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        let task = ::compio::runtime::spawn(future);
        local(async { task.await.unwrap_or_else(|panic| resume_unwind(panic)) })
    }

    fn sleep(time: Duration) -> impl Future<Output = ()> + Send {
        local(::compio::time::sleep(time))
    }

    fn connect(
        addr: SocketAddr,
        header: Encoder<'_>,
        payload: &[u8],
    ) -> impl Future<Output = io::Result<TcpStreamOf<Self>>> + Send {
        local(adapter::connect(TcpStream::connect(addr), header, payload))
    }

    fn connect_unix(
        path: &Path,
        header: Encoder<'_>,
        payload: &[u8],
    ) -> impl Future<Output = io::Result<UnixStream>> + Send {
        local(adapter::connect(UnixStream::connect(path), header, payload))
    }
}

impl Asynchronous for Compio {}

macro_rules! sockets {
    ($name:ident, $std_listener:ty, $std_stream:ty => $stream:ty) => {
        impl Sockets for $name {
            type StdListener = $std_listener;
            type StdStream = $std_stream;
            type Stream = $stream;
            type Listener = Local<adapter::Listener<$std_listener>>;
            type Incoming = adapter::Incoming<$stream>;
            type Ready = Local<adapter::ReadyListener<$std_listener>>;
            type Established = Local<adapter::EstablishedListener<$std_listener>>;

            fn stream(stream: $std_stream) -> $stream {
                <$stream>::from_std(stream).unwrap()
            }

            fn read(
                stream: &mut $stream,
                buffer: &mut [u8],
            ) -> impl Future<Output = io::Result<usize>> + Send {
                local(async {
                    let BufResult(read, bytes) = stream.read(Vec::with_capacity(buffer.len())).await;
                    buffer[..bytes.len()].copy_from_slice(&bytes);
                    read
                })
            }

            fn write_all(stream: &mut $stream, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send {
                local(async { stream.write_all(bytes.to_vec()).await.0 })
            }

            fn handshake(
                acceptor: &Acceptor,
                stream: &mut $stream,
                peer: Endpoint,
            ) -> impl Future<Output = Result<Established, AcceptError>> + Send {
                local(adapter::handshake(acceptor, stream, peer))
            }

            fn send_header(
                stream: &mut $stream,
                header: Encoder<'_>,
            ) -> impl Future<Output = io::Result<()>> + Send {
                local(adapter::send_header_with_payload(stream, header, b""))
            }

            fn send_header_with_payload(
                stream: &mut $stream,
                header: Encoder<'_>,
                payload: &[u8],
            ) -> impl Future<Output = io::Result<()>> + Send {
                local(adapter::send_header_with_payload(stream, header, payload))
            }

            fn send_header_through_buffer(
                stream: $stream,
                header: Encoder<'_>,
            ) -> impl Future<Output = io::Result<Box<dyn Any + Send>>> + Send {
                local(async move {
                    let mut writer = BufWriter::new(stream);
                    adapter::send_header_with_payload(&mut writer, header, b"").await?;
                    Ok(Box::new(local(writer)) as Box<dyn Any + Send>)
                })
            }

            fn listener(inner: $std_listener, acceptor: Acceptor) -> Self::Listener {
                local(adapter::listener(inner, acceptor).unwrap())
            }

            fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Incoming>> + Send {
                local(listener.accept())
            }

            fn peer(incoming: &Self::Incoming) -> Endpoint {
                incoming.peer().clone()
            }

            fn shake(
                incoming: &mut Self::Incoming,
            ) -> impl Future<Output = Result<Established, AcceptError>> + Send {
                local(incoming.handshake())
            }

            fn taken(incoming: &Self::Incoming) -> Vec<u8> {
                incoming.taken().to_vec()
            }

            fn into_stream(incoming: Self::Incoming) -> $stream {
                incoming.into_stream()
            }

            fn ready(inner: $std_listener, acceptor: Acceptor, max_pending: usize) -> Self::Ready {
                local(adapter::listener(inner, acceptor).unwrap().into_ready(max_pending))
            }

            fn accept_ready(
                ready: &mut Self::Ready,
            ) -> impl Future<Output = io::Result<Finished<$stream>>> + Send {
                local(ready.accept())
            }

            fn drain(ready: &mut Self::Ready) -> impl Future<Output = Option<Finished<$stream>>> + Send {
                local(ready.drain())
            }

            fn pending(ready: &Self::Ready) -> usize {
                ready.pending()
            }

            fn established(
                inner: $std_listener,
                acceptor: Acceptor,
                hook: impl FnMut(&Endpoint, &AcceptError) + Send + 'static,
            ) -> Self::Established {
                let ready = adapter::listener(inner, acceptor).unwrap().into_ready(64);
                local(adapter::EstablishedListener::from(ready).on_reject(hook))
            }

            fn accept_established(
                listener: &mut Self::Established,
            ) -> impl Future<Output = io::Result<($stream, Established)>> + Send {
                local(listener.accept())
            }

            fn drain_established(
                listener: &mut Self::Established,
            ) -> impl Future<Output = Option<($stream, Established)>> + Send {
                local(listener.drain())
            }

            fn pending_established(listener: &Self::Established) -> usize {
                listener.pending()
            }
        }
    };
}

sockets!(Tcp, net::TcpListener, net::TcpStream => TcpStream);
sockets!(Unix, unix::UnixListener, unix::UnixStream => UnixStream);

impl Datagrams for Local<adapter::UdpSocket> {
    fn socket(socket: net::UdpSocket) -> Self {
        local(adapter::udp_socket(socket).unwrap())
    }

    fn recv_from<'a>(
        &self,
        acceptor: &Acceptor,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<Received<'a>>> + Send {
        local(adapter::recv_from(acceptor, self, buffer))
    }

    fn send_to(
        &self,
        header: Encoder<'_>,
        payload: &[u8],
        to: SocketAddr,
    ) -> impl Future<Output = io::Result<()>> + Send {
        local(adapter::send_to(self, header, payload, to))
    }
}
