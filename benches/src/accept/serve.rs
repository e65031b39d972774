//! The servers that are Rust. Each has one thread for all, or one for each connection.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use async_std::task;
use smol::io::{AsyncReadExt, AsyncWriteExt};

use super::ours;

/// Serves on `socket` for ever.
pub fn serve(name: &str, socket: TcpListener) -> io::Result<()> {
    match name {
        "std threads, bare" => loop {
            let (stream, _) = socket.accept()?;
            std::thread::spawn(move || echo(stream));
        },
        "std threads, realpeer" => ours::std(socket, echo),
        "smol, bare" | "smol, realpeer" => {
            let executor = smol::LocalExecutor::new();
            let listener = smol::net::TcpListener::try_from(socket)?;
            let bare = name.ends_with("bare");
            smol::block_on(executor.run(async {
                if !bare {
                    return ours::smol(listener, &executor).await;
                }
                loop {
                    let (stream, _) = listener.accept().await?;
                    executor.spawn(echo_futures(stream)).detach();
                }
            }))
        }
        // Spawned, so that one thread does it all.
        "async-std, bare" => task::block_on(task::spawn(async {
            let listener = async_std::net::TcpListener::from(socket);
            loop {
                let (stream, _) = listener.accept().await?;
                task::spawn(echo_futures(stream));
            }
        })),
        "async-std, realpeer" => task::block_on(task::spawn(ours::async_std(socket))),
        _ => serve_tokio(name, socket),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn serve_tokio(name: &str, socket: TcpListener) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(socket)?;
    match name {
        "tokio, bare" => loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(echo_tokio(stream));
        },
        "tokio, realpeer" => ours::tokio(listener).await,
        "tokio, realpeer, ready listener" => ours::tokio_ready(listener).await,
        "tokio, realpeer core, over-reading" => loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(async {
                let _ = tokio::time::timeout(Duration::from_secs(5), ours::over_read(stream)).await;
            });
        },
        "tokio, proxy-protocol-rs" => {
            let listener = proxy_protocol_rs::ProxyProtocolListener::new(listener, Default::default());
            loop {
                if let Ok(stream) = listener.accept().await {
                    tokio::spawn(async move {
                        assert!(stream.proxy_info().is_some());
                        echo_tokio(stream).await
                    });
                }
            }
        }
        _ => Err(io::Error::other(format!("no server {name}"))),
    }
}

fn echo(mut stream: std::net::TcpStream) -> io::Result<()> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    stream.write_all(&byte)
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
