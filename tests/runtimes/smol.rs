//! Smol.

use std::future::Future;
use std::{net, os::unix::net as unix};

use ::smol::io::{AsyncBufRead, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter};
use ::smol::net::unix::{UnixListener, UnixStream};
use ::smol::net::{TcpListener, TcpStream, UdpSocket};
use realpeer::smol as adapter;
use realpeer::{AcceptError, Acceptor, Endpoint, Established};

asynchronous_runtime! {
    Smol,
    run: |future| ::smol::block_on(future),
    spawn: |task| ::smol::spawn(task),
    sleep: |time| ::smol::Timer::after(time).await,
}

asynchronous_sockets! {
    Tcp,
    net::TcpListener => TcpListener: |listener| TcpListener::try_from(listener).unwrap(),
    net::TcpStream => TcpStream: |stream| TcpStream::try_from(stream).unwrap(),
}

asynchronous_sockets! {
    Unix,
    unix::UnixListener => UnixListener: |listener| UnixListener::try_from(listener).unwrap(),
    unix::UnixStream => UnixStream: |stream| UnixStream::try_from(stream).unwrap(),
}

asynchronous_datagrams! { UdpSocket: |socket| UdpSocket::try_from(socket).unwrap() }

async fn handshake_stream<S: AsyncRead + Unpin>(
    acceptor: &Acceptor,
    stream: &mut S,
    peer: Endpoint,
) -> Result<Established, AcceptError> {
    adapter::handshake_stream::<adapter::Smol, _>(acceptor, stream, peer).await
}

async fn handshake_buf_read<S: AsyncBufRead + Unpin>(
    acceptor: &Acceptor,
    stream: &mut S,
    peer: Endpoint,
) -> Result<Established, AcceptError> {
    adapter::handshake_buf_read::<adapter::Smol, _>(acceptor, stream, peer).await
}
