//! Nothing but the traits of futures-io: an executor that only blocks, tasks that are threads, and an adapter that is
//! written here with what realpeer gives for that: a timer, reading the header, accepting.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::{io, net, os::unix::net as unix};

use async_io::Async;
use futures_lite::future::block_on;
use futures_lite::io::{BufReader, BufWriter};
use futures_lite::{AsyncBufRead, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use realpeer::{AcceptError, Acceptor, Endpoint, Established};

use crate::script::Script;

type UdpSocket = Async<net::UdpSocket>;

asynchronous_runtime! {
    FuturesIo,
    run: |future| block_on(future),
    spawn: |task| {
        let thread = thread::spawn(|| block_on(task));
        async { thread.join().unwrap_or_else(|panic| resume_unwind(panic)) }
    },
    sleep: |time| async_io::Timer::after(time).await,
}

asynchronous_sockets! {
    Tcp,
    net::TcpListener => Async<net::TcpListener>: |listener| Async::new(listener).unwrap(),
    net::TcpStream => Async<net::TcpStream>: |stream| Async::new(stream).unwrap(),
}

asynchronous_sockets! {
    Unix,
    unix::UnixListener => Async<unix::UnixListener>: |listener| Async::new(listener).unwrap(),
    unix::UnixStream => Async<unix::UnixStream>: |stream| Async::new(stream).unwrap(),
}

asynchronous_datagrams! { UdpSocket: |socket| Async::new(socket).unwrap() }

async fn handshake_stream<S: AsyncRead + Unpin>(
    acceptor: &Acceptor,
    stream: &mut S,
    peer: Endpoint,
) -> Result<Established, AcceptError> {
    realpeer::futures::handshake_stream::<adapter::Bare, _>(acceptor, stream, peer).await
}

async fn handshake_buf_read<S: AsyncBufRead + Unpin>(
    acceptor: &Acceptor,
    stream: &mut S,
    peer: Endpoint,
) -> Result<Established, AcceptError> {
    realpeer::futures::handshake_buf_read::<adapter::Bare, _>(acceptor, stream, peer).await
}

/// What somebody writes who has an own runtime: sockets that are read slot by slot, without a peek.
mod adapter {
    use std::io::{self, Read};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::os::fd::AsFd;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::Path;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};
    use std::time::Instant;

    use async_io::{Async, IoSafe, Timer};
    use futures_lite::AsyncRead;
    use realpeer::futures::{Accepts, Handshakes, Runtime, SendPending, finish};
    use realpeer::proto::Encoder;
    use realpeer::{AcceptError, Accepting, Acceptor, Endpoint, Established};
    use realpeer_io::{drive, socket};

    pub use realpeer::futures::{recv_from, send_header, send_header_with_payload, send_to};

    pub enum Bare {}

    pub type Listener<L> = realpeer_io::Listener<Bare, L>;
    pub type Incoming<S> = realpeer_io::Incoming<Bare, S>;
    pub type ReadyListener<L> = realpeer_io::ReadyListener<Bare, L>;
    pub type EstablishedListener<L> = realpeer_io::EstablishedListener<Bare, L>;

    impl Runtime for Bare {
        type Instant = Instant;
        type Sleep = Timer;

        fn now() -> Instant {
            Instant::now()
        }

        fn sleep_until(at: Instant) -> Timer {
            Timer::at(at)
        }
    }

    pub async fn handshake<T: AsFd + IoSafe + Send + Sync>(
        acceptor: &Acceptor,
        stream: &Async<T>,
        peer: Endpoint,
    ) -> Result<Established, AcceptError>
    where
        for<'a> &'a T: Read,
    {
        handshake_on(&mut acceptor.begin(peer, Bare::now()), stream).await
    }

    async fn handshake_on<T: AsFd + IoSafe + Send + Sync>(
        accepting: &mut Accepting<Instant>,
        mut stream: &Async<T>,
    ) -> Result<Established, AcceptError>
    where
        for<'a> &'a T: Read,
    {
        let established = drive::<Bare>(accepting, |accepting, cx| {
            accepting.poll_with(|slot| Pin::new(&mut stream).poll_read(cx, slot))
        });
        Ok(socket::with_local(established.await?, stream))
    }

    pub async fn connect(
        addr: SocketAddr,
        header: Encoder<'_>,
        payload: &[u8],
    ) -> io::Result<Async<TcpStream>> {
        realpeer::futures::connect(Async::<TcpStream>::connect(addr), header, payload).await
    }

    pub async fn connect_unix(
        path: &Path,
        header: Encoder<'_>,
        payload: &[u8],
    ) -> io::Result<Async<UnixStream>> {
        realpeer::futures::connect(Async::<UnixStream>::connect(path), header, payload).await
    }

    macro_rules! sockets {
        ($stream:ty, $listener:ty) => {
            impl Handshakes<Async<$stream>> for Bare {
                async fn handshake(
                    accepting: &mut Accepting<Instant>,
                    stream: &mut Async<$stream>,
                ) -> Result<Established, AcceptError> {
                    handshake_on(accepting, stream).await
                }
            }

            impl Accepts<Async<$listener>> for Bare {
                type Stream = Async<$stream>;
                type Accept = ();
                type Pending = SendPending<Async<$stream>>;

                async fn accept(listener: &Async<$listener>) -> io::Result<(Async<$stream>, Endpoint)> {
                    let (stream, peer) = listener.accept().await?;
                    Ok((stream, peer.into()))
                }

                fn poll_accept(
                    listener: &Async<$listener>,
                    (): &mut (),
                    cx: &mut Context<'_>,
                ) -> Poll<io::Result<(Async<$stream>, Endpoint)>> {
                    loop {
                        match listener.get_ref().accept() {
                            Ok((stream, peer)) => return Poll::Ready(Ok((Async::new(stream)?, peer.into()))),
                            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                                ready!(listener.poll_readable(cx))?;
                            }
                            Err(error) => return Poll::Ready(Err(error)),
                        }
                    }
                }

                fn pend(
                    stream: Async<$stream>,
                    accepting: Accepting<Instant>,
                ) -> SendPending<Async<$stream>> {
                    Box::pin(finish::<Self, _>(stream, accepting))
                }
            }
        };
    }

    sockets!(TcpStream, TcpListener);
    sockets!(UnixStream, UnixListener);
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_script(cx, buffer)
    }
}

impl AsyncWrite for Script {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.keep(bytes)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
