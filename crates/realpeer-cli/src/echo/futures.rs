//! The echo server on runtimes whose streams have the traits of futures-io: a task for each connection.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;

use async_io::Async;
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use realpeer::{Acceptor, Finished, async_std, smol};

use super::Say;
use crate::listen::Socket;
use crate::report::Report;

pub(crate) fn serve_smol(
    socket: Socket,
    acceptor: Acceptor,
    max_pending: usize,
    say: impl Say,
) -> io::Result<Infallible> {
    let spawn = |task: Task| ::smol::spawn(task).detach();
    ::smol::block_on(async {
        match socket {
            Socket::Tcp(listener) => {
                let listener = smol::Listener::new(::smol::net::TcpListener::try_from(listener)?, acceptor);
                let mut listener = listener.into_ready(max_pending);
                accept(async || listener.accept().await, spawn, say).await
            }
            Socket::Udp(_) => Err(io::ErrorKind::Unsupported.into()),
            Socket::Unix(listener) => {
                let listener =
                    smol::Listener::new(::smol::net::unix::UnixListener::try_from(listener)?, acceptor);
                let mut listener = listener.into_ready(max_pending);
                accept(async || listener.accept().await, spawn, say).await
            }
        }
    })
}

pub(crate) fn serve_async_std(
    socket: Socket,
    acceptor: Acceptor,
    max_pending: usize,
    say: impl Say,
) -> io::Result<Infallible> {
    let spawn = |task: Task| drop(::async_std::task::spawn(task));
    ::async_std::task::block_on(async {
        match socket {
            Socket::Tcp(listener) => {
                let listener = async_std::Listener::new(Async::new(listener)?, acceptor);
                let mut listener = listener.into_ready(max_pending);
                accept(async || listener.accept().await, spawn, say).await
            }
            Socket::Udp(_) => Err(io::ErrorKind::Unsupported.into()),
            Socket::Unix(listener) => {
                let listener = async_std::Listener::new(Async::new(listener)?, acceptor);
                let mut listener = listener.into_ready(max_pending);
                accept(async || listener.accept().await, spawn, say).await
            }
        }
    })
}

type Task = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

async fn accept<S>(
    mut next: impl AsyncFnMut() -> io::Result<Finished<S>>,
    spawn: impl Fn(Task),
    mut say: impl Say,
) -> io::Result<Infallible>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    loop {
        let Finished { stream, peer, result, .. } = next().await?;
        say(Report::new(&peer, &result))?;
        if result.is_ok() {
            // What goes wrong with a connection ends that connection.
            spawn(Box::pin(echo(stream)));
        }
    }
}

/// Until the peer stops sending. The end of the stream then says the same to the peer.
async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n]).await?,
        }
    }
}
