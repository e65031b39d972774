//! The servers that are Rust, without a header. Each has one thread for all, or one for each connection.

use std::io::{self, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use async_std::task;
use smol::io::{AsyncReadExt, AsyncWriteExt};

use super::{ASYNC_STD, HTTP, ONE_THREAD, SMOL, THREADS, TOKIO, header, http, ours, peers};

/// What a buffered reader has room for: as much as the peers read at a time.
pub(super) const BUFFER: usize = 256;

/// Serves on `socket` forever.
pub fn serve(name: &str, socket: TcpListener) -> io::Result<()> {
    let unknown = || io::Error::other(format!("no server {name}"));
    let (group, what) = name.split_once(": ").ok_or_else(unknown)?;
    match (group, what) {
        (THREADS, "bare") => threads(&socket, echo),
        (THREADS, "bare, buffered") => {
            threads(&socket, |stream| echo_buffered(BufReader::with_capacity(BUFFER, stream)))
        }
        (THREADS, "bare, peek and read") => threads(&socket, blind),
        (THREADS, "realpeer") => ours::threads(socket, false),
        (THREADS, "realpeer, buffered") => ours::threads(socket, true),
        (THREADS, "proxy-header") => threads(&socket, peers::proxy_header_std),
        (ONE_THREAD, "bare") => loop {
            echo(socket.accept()?.0)?;
        },
        (ONE_THREAD, "bare, peek and read") => loop {
            blind(socket.accept()?.0)?;
        },
        (ONE_THREAD, "realpeer, ready listener") => ours::one_thread(socket),
        (SMOL, what) => smol_server(what, socket),
        // Spawned, so that one thread does it all.
        (ASYNC_STD, "bare") => task::block_on(task::spawn(async {
            let listener = async_std::net::TcpListener::from(socket);
            loop {
                let (stream, _) = listener.accept().await?;
                task::spawn(echo_futures(stream));
            }
        })),
        (ASYNC_STD, "realpeer") => task::block_on(task::spawn(ours::async_std(socket))),
        (TOKIO, what) => tokio_server(what, socket),
        (HTTP, what) => http::serve(what, socket),
        _ => Err(unknown()),
    }
}

fn threads(socket: &TcpListener, serve: fn(TcpStream) -> io::Result<()>) -> io::Result<()> {
    loop {
        let (stream, _) = socket.accept()?;
        std::thread::spawn(move || serve(stream));
    }
}

fn smol_server(what: &str, socket: TcpListener) -> io::Result<()> {
    let executor = smol::LocalExecutor::new();
    let listener = smol::net::TcpListener::try_from(socket)?;
    smol::block_on(executor.run(async {
        match what {
            "realpeer" => ours::smol(listener, &executor, false).await,
            "realpeer, buffered" => ours::smol(listener, &executor, true).await,
            _ => loop {
                let (stream, _) = listener.accept().await?;
                match what {
                    "bare" => executor.spawn(echo_futures(stream)).detach(),
                    "bare, buffered" => {
                        let stream = smol::io::BufReader::with_capacity(BUFFER, stream);
                        executor.spawn(echo_futures_buffered(stream)).detach();
                    }
                    _ => executor.spawn(blind_smol(stream)).detach(),
                }
            },
        }
    }))
}

#[tokio::main(flavor = "current_thread")]
async fn tokio_server(what: &str, socket: TcpListener) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(socket)?;
    match what {
        "bare" => loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(echo_tokio(stream));
        },
        "bare, buffered" => loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(echo_tokio(tokio::io::BufReader::with_capacity(BUFFER, stream)));
        },
        "bare, peek and read" => loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(blind_tokio(stream));
        },
        "realpeer" => ours::tokio(listener).await,
        "realpeer, ready listener" => ours::tokio_ready(listener).await,
        "realpeer, buffered" => ours::tokio_buffered(listener).await,
        "proxy-protocol-rs" => peers::proxy_protocol_rs(listener).await,
        "proxy-header" => peers::proxy_header_tokio(listener).await,
        _ => Err(io::Error::other(format!("no server {what} on tokio"))),
    }
}

/// Of what has been peeked at, which is one of the two headers that are sent, the length.
fn len(peeked: &[u8]) -> usize {
    header(if peeked[0] == b'P' { 1 } else { 2 }).len()
}

/// The least that a header costs that is read from a socket without a byte of what follows: a peek, and a read of its
/// length.
fn blind(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 536];
    stream.peek(&mut buffer)?;
    let len = len(&buffer);
    stream.read_exact(&mut buffer[..len])?;
    echo(stream)
}

async fn blind_tokio(mut stream: tokio::net::TcpStream) -> io::Result<()> {
    use tokio::io::AsyncReadExt;
    let mut buffer = [0; 536];
    stream.peek(&mut buffer).await?;
    let len = len(&buffer);
    stream.read_exact(&mut buffer[..len]).await?;
    echo_tokio(stream).await
}

async fn blind_smol(mut stream: smol::net::TcpStream) -> io::Result<()> {
    let mut buffer = [0; 536];
    stream.peek(&mut buffer).await?;
    let len = len(&buffer);
    stream.read_exact(&mut buffer[..len]).await?;
    echo_futures(stream).await
}

pub(super) fn echo(mut stream: impl Read + Write) -> io::Result<()> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    stream.write_all(&byte)
}

pub(super) fn echo_buffered(mut stream: BufReader<TcpStream>) -> io::Result<()> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    stream.get_mut().write_all(&byte)
}

pub(super) async fn echo_tokio(
    mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
) -> io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut byte = [0];
    stream.read_exact(&mut byte).await?;
    stream.write_all(&byte).await
}

pub(super) async fn echo_futures(
    mut stream: impl smol::io::AsyncRead + smol::io::AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut byte = [0];
    stream.read_exact(&mut byte).await?;
    stream.write_all(&byte).await
}

pub(super) async fn echo_futures_buffered(
    mut stream: smol::io::BufReader<impl smol::io::AsyncRead + smol::io::AsyncWrite + Unpin>,
) -> io::Result<()> {
    let mut byte = [0];
    stream.read_exact(&mut byte).await?;
    stream.get_mut().write_all(&byte).await
}
