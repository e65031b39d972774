//! The echo server on tokio: a task for each connection.

use std::convert::Infallible;
use std::io;

use realpeer::tokio::Listener;
use realpeer::{Acceptor, Finished};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

use super::Say;
use crate::listen::Socket;
use crate::report::Report;

pub(crate) fn serve(
    socket: Socket,
    acceptor: Acceptor,
    max_pending: usize,
    say: impl Say,
) -> io::Result<Infallible> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        match socket {
            Socket::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                let listener = Listener::new(TcpListener::from_std(listener)?, acceptor);
                let mut listener = listener.into_ready(max_pending);
                accept(async || listener.accept().await, say).await
            }
            Socket::Udp(_) => Err(io::ErrorKind::Unsupported.into()),
            Socket::Unix(listener) => {
                listener.set_nonblocking(true)?;
                let listener = Listener::new(UnixListener::from_std(listener)?, acceptor);
                let mut listener = listener.into_ready(max_pending);
                accept(async || listener.accept().await, say).await
            }
        }
    })
}

async fn accept<S>(
    mut next: impl AsyncFnMut() -> io::Result<Finished<S>>,
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
            tokio::spawn(echo(stream));
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
