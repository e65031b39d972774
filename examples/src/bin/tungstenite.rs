//! Web sockets on tokio-tungstenite: the header, then the opening handshake on the same stream.

use anyhow::{Context, ensure};
use futures_util::{SinkExt, StreamExt};
use realpeer::tokio::{Incoming, Listener};
use realpeer::{Acceptor, Trust};
use realpeer_examples::{CLIENT, address, describe, header};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, client_async};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let socket = TcpListener::bind(address().as_deref().unwrap_or("127.0.0.1:0")).await?;
    let addr = socket.local_addr()?;
    println!("listening on {addr}");
    let server = tokio::spawn(serve(socket));
    if address().is_some() {
        return server.await?;
    }

    let stream = realpeer::tokio::connect(addr, header(), b"").await?;
    let proxy = stream.local_addr()?;
    let (mut socket, _) = client_async("ws://localhost/", stream).await?;
    let answer = socket.next().await.context("closed")??.into_text()?;
    println!("{answer}");
    ensure!(answer.as_str() == format!("{CLIENT} through {proxy}"));
    socket.close(None).await?;
    Ok(())
}

async fn serve(socket: TcpListener) -> anyhow::Result<()> {
    let listener = Listener::new(socket, Acceptor::new("127.0.0.0/8".parse::<Trust>()?));
    loop {
        let incoming = listener.accept().await?;
        tokio::spawn(async move {
            let peer = incoming.peer().clone();
            if let Err(error) = greet(incoming).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

/// Says who is there, and then echoes.
async fn greet(mut incoming: Incoming<TcpStream>) -> anyhow::Result<()> {
    let established = incoming.handshake().await?;
    let mut socket = accept_async(incoming.into_stream()).await?;
    socket.send(Message::text(describe(&established))).await?;
    while let Some(message) = socket.next().await.transpose()? {
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}
