//! The same servers with realpeer before them.

use std::io::{self, BufReader};
use std::net::TcpListener;

use realpeer_io::{Acceptor, Trust};

use super::serve::{BUFFER, echo, echo_buffered, echo_futures, echo_futures_buffered, echo_tokio};

pub fn acceptor() -> Acceptor {
    Acceptor::new("127.0.0.0/8".parse::<Trust>().expect("a network"))
}

pub(super) fn threads(socket: TcpListener, buffered: bool) -> io::Result<()> {
    let listener = realpeer_std::Listener::new(socket, acceptor());
    loop {
        let mut incoming = listener.accept()?;
        if buffered {
            let acceptor = listener.acceptor().clone();
            std::thread::spawn(move || {
                let peer = incoming.peer().clone();
                let mut stream = BufReader::with_capacity(BUFFER, incoming.into_stream());
                realpeer_std::handshake_buf_read(&acceptor, &mut stream, peer)?;
                echo_buffered(stream)
            });
        } else {
            std::thread::spawn(move || {
                incoming.handshake()?;
                echo(incoming.into_stream())
            });
        }
    }
}

pub(super) fn one_thread(socket: TcpListener) -> io::Result<()> {
    let mut listener = realpeer_std::Listener::new(socket, acceptor()).into_ready(1024)?;
    loop {
        let accepted = listener.accept()?;
        if accepted.result.is_ok() {
            echo(accepted.stream)?;
        }
    }
}

pub(super) async fn tokio(listener: tokio::net::TcpListener) -> io::Result<()> {
    let listener = realpeer_tokio::Listener::new(listener, acceptor());
    loop {
        let mut incoming = listener.accept().await?;
        tokio::spawn(async move {
            incoming.handshake().await?;
            echo_tokio(incoming.into_stream()).await
        });
    }
}

pub(super) async fn tokio_ready(listener: tokio::net::TcpListener) -> io::Result<()> {
    let mut listener = realpeer_tokio::Listener::new(listener, acceptor()).into_ready(1024);
    loop {
        let accepted = listener.accept().await?;
        if accepted.result.is_ok() {
            tokio::spawn(echo_tokio(accepted.stream));
        }
    }
}

pub(super) async fn tokio_buffered(listener: tokio::net::TcpListener) -> io::Result<()> {
    let acceptor = acceptor();
    loop {
        let (stream, peer) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let mut stream = tokio::io::BufReader::with_capacity(BUFFER, stream);
            realpeer_tokio::handshake_buf_read(&acceptor, &mut stream, peer).await?;
            echo_tokio(stream).await
        });
    }
}

pub(super) async fn smol(
    listener: smol::net::TcpListener,
    executor: &smol::LocalExecutor<'_>,
    buffered: bool,
) -> io::Result<()> {
    let listener = realpeer_smol::Listener::new(listener, acceptor());
    loop {
        let mut incoming = listener.accept().await?;
        if buffered {
            let acceptor = listener.acceptor().clone();
            let task = async move {
                let peer = incoming.peer().clone();
                let mut stream = smol::io::BufReader::with_capacity(BUFFER, incoming.into_stream());
                realpeer_smol::handshake_buf_read::<realpeer_smol::Smol, _>(&acceptor, &mut stream, peer)
                    .await?;
                echo_futures_buffered(stream).await
            };
            executor.spawn(task).detach();
        } else {
            let task = async move {
                incoming.handshake().await?;
                echo_futures(incoming.into_stream()).await
            };
            executor.spawn(task).detach();
        }
    }
}

pub(super) async fn async_std(socket: TcpListener) -> io::Result<()> {
    let listener = realpeer_async_std::Listener::new(async_io::Async::new(socket)?, acceptor());
    loop {
        let mut incoming = listener.accept().await?;
        async_std::task::spawn(async move {
            incoming.handshake().await?;
            echo_futures(incoming.into_stream()).await
        });
    }
}
