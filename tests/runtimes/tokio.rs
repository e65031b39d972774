//! Tokio, with one thread and with several.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{io, net, os::unix::net as unix};

use ::tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter, ReadBuf};
use ::tokio::net::{TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream};
use ::tokio::runtime::Builder;
use realpeer::tokio::{self as adapter, handshake_buf_read, handshake_stream};

use crate::script::Script;

asynchronous_runtime! {
    CurrentThread,
    run: |future| Builder::new_current_thread().enable_all().build().unwrap().block_on(future),
    spawn: |task| join(::tokio::spawn(task)),
    sleep: |time| ::tokio::time::sleep(time).await,
}

asynchronous_runtime! {
    MultiThread,
    run: |future| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future),
    spawn: |task| join(::tokio::spawn(task)),
    sleep: |time| ::tokio::time::sleep(time).await,
}

asynchronous_sockets! {
    Tcp,
    net::TcpListener => TcpListener: |listener| TcpListener::from_std(listener).unwrap(),
    net::TcpStream => TcpStream: |stream| TcpStream::from_std(stream).unwrap(),
}

asynchronous_sockets! {
    Unix,
    unix::UnixListener => UnixListener: |listener| UnixListener::from_std(listener).unwrap(),
    unix::UnixStream => UnixStream: |stream| UnixStream::from_std(stream).unwrap(),
}

asynchronous_datagrams! { UdpSocket: |socket| UdpSocket::from_std(socket).unwrap() }

async fn join<T>(task: ::tokio::task::JoinHandle<T>) -> T {
    task.await.unwrap()
}

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
