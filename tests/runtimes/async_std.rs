//! Async-std.

use std::future::Future;
use std::{net, os::unix::net as unix};

use ::async_std::io::{BufReader, BufWriter, ReadExt, Write as AsyncWrite, WriteExt};
use ::async_std::net::{TcpStream, UdpSocket};
use ::async_std::os::unix::net::UnixStream;
use ::async_std::task;
use async_io::Async;
use realpeer::async_std as adapter;
use realpeer::{AcceptError, Acceptor, Endpoint, Established};

asynchronous_runtime! {
    AsyncStd,
    run: |future| task::block_on(future),
    spawn: |future| task::spawn(future),
    sleep: |time| task::sleep(time).await,
}

asynchronous_sockets! {
    Tcp,
    net::TcpListener => Async<net::TcpListener>: |listener| Async::new(listener).unwrap(),
    net::TcpStream => TcpStream: |stream| TcpStream::from(stream),
}

asynchronous_sockets! {
    Unix,
    unix::UnixListener => Async<unix::UnixListener>: |listener| Async::new(listener).unwrap(),
    unix::UnixStream => UnixStream: |stream| UnixStream::from(stream),
}

asynchronous_datagrams! { UdpSocket: |socket| UdpSocket::from(socket) }

async fn handshake_stream<S: ::async_std::io::Read + Unpin>(
    acceptor: &Acceptor,
    stream: &mut S,
    peer: Endpoint,
) -> Result<Established, AcceptError> {
    adapter::handshake_stream::<adapter::AsyncStd, _>(acceptor, stream, peer).await
}

async fn handshake_buf_read<S: ::async_std::io::BufRead + Unpin>(
    acceptor: &Acceptor,
    stream: &mut S,
    peer: Endpoint,
) -> Result<Established, AcceptError> {
    adapter::handshake_buf_read::<adapter::AsyncStd, _>(acceptor, stream, peer).await
}
