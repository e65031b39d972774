//! The same servers with realpeer before them.

use std::io;
use std::net::{TcpListener, TcpStream};

use realpeer_io::{Acceptor, Trust};
use realpeer_proto::{Config, Decoder, Event};
use tokio::io::AsyncBufReadExt;

use super::serve::{echo_futures, echo_tokio};

pub fn acceptor() -> Acceptor {
    Acceptor::new("127.0.0.0/8".parse::<Trust>().expect("a network"))
}

pub(super) fn std(socket: TcpListener, echo: fn(TcpStream) -> io::Result<()>) -> io::Result<()> {
    let listener = realpeer_std::Listener::new(socket, acceptor());
    loop {
        let incoming = listener.accept()?;
        std::thread::spawn(
            move || {
                if incoming.handshake().is_ok() { echo(incoming.into_stream()) } else { Ok(()) }
            },
        );
    }
}

pub(super) async fn tokio(listener: tokio::net::TcpListener) -> io::Result<()> {
    let listener = realpeer_tokio::Listener::new(listener, acceptor());
    loop {
        let incoming = listener.accept().await?;
        tokio::spawn(async move {
            if incoming.handshake().await.is_ok() { echo_tokio(incoming.into_stream()).await } else { Ok(()) }
        });
    }
}

pub(super) async fn tokio_ready(listener: tokio::net::TcpListener) -> io::Result<()> {
    let mut listener = realpeer_tokio::Listener::new(listener, acceptor()).into_ready(1024);
    loop {
        let accepted = listener.accept().await?;
        if accepted.outcome.is_ok() {
            tokio::spawn(echo_tokio(accepted.stream));
        }
    }
}

/// For a server that reads through a buffer anyway: what has come is pushed, what is header is consumed, and the rest
/// stays in the buffer.
pub(super) async fn over_read(stream: tokio::net::TcpStream) -> io::Result<()> {
    let mut stream = tokio::io::BufStream::with_capacity(1024, 1024, stream);
    let mut decoder = Decoder::new(&Config::new());
    loop {
        let received = stream.fill_buf().await?;
        if received.is_empty() {
            decoder.push_eof();
        }
        let taken = decoder.push(received);
        stream.consume(taken);
        match decoder.next_event() {
            Ok(Event::Header(_)) => break,
            Ok(Event::NeedData { .. }) => {}
            Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }
    echo_tokio(&mut stream).await?;
    tokio::io::AsyncWriteExt::flush(&mut stream).await
}

pub(super) async fn smol(
    listener: smol::net::TcpListener,
    executor: &smol::LocalExecutor<'_>,
) -> io::Result<()> {
    let listener = realpeer_smol::Listener::new(listener, acceptor());
    loop {
        let incoming = listener.accept().await?;
        executor
            .spawn(async move {
                let outcome = incoming.handshake().await;
                if outcome.is_ok() { echo_futures(incoming.into_stream()).await } else { Ok(()) }
            })
            .detach();
    }
}

pub(super) async fn async_std(socket: TcpListener) -> io::Result<()> {
    let listener = realpeer_async_std::Listener::new(async_io::Async::new(socket)?, acceptor());
    loop {
        let incoming = listener.accept().await?;
        async_std::task::spawn(async move {
            let outcome = incoming.handshake().await;
            if outcome.is_ok() { echo_futures(incoming.into_stream()).await } else { Ok(()) }
        });
    }
}
