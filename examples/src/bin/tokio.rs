//! A server on tokio: connections are accepted at once, and their handshakes run in tasks of their own.

use anyhow::ensure;
use realpeer::proto::{Tlv, kind};
use realpeer::tokio::{Incoming, Listener};
use realpeer::{Acceptor, Trust};
use realpeer_examples::{CLIENT, address, describe, header};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let socket = TcpListener::bind(address().as_deref().unwrap_or("127.0.0.1:0")).await?;
    let addr = socket.local_addr()?;
    println!("listening on {addr}");
    let server = tokio::spawn(serve(socket));
    if address().is_some() {
        return server.await?;
    }

    let tlvs = [Tlv::new(kind::AUTHORITY, b"example.com")];
    let header = header().with_tlvs(&tlvs).with_crc32c();
    let mut stream = realpeer::tokio::connect(addr, header, b"who am I?\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    println!("{answer}");
    ensure!(answer == format!("{CLIENT} through {} for example.com\n", stream.local_addr()?));
    Ok(())
}

async fn serve(socket: TcpListener) -> anyhow::Result<()> {
    let listener = Listener::new(socket, Acceptor::new("127.0.0.0/8".parse::<Trust>()?));
    loop {
        let incoming = listener.accept().await?;
        tokio::spawn(async move {
            let peer = incoming.peer().clone();
            if let Err(error) = answer(incoming).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

/// Takes a line, and says who sent it, and for which name if the proxy says so.
async fn answer(mut incoming: Incoming<TcpStream>) -> anyhow::Result<()> {
    let established = incoming.handshake().await?;
    let authority = established.header().and_then(|header| header.tlvs().authority()).transpose()?;
    let authority = authority.map(|name| format!(" for {name}")).unwrap_or_default();

    let mut stream = BufStream::new(incoming.into_stream());
    stream.read_line(&mut String::new()).await?;
    stream.write_all(format!("{}{authority}\n", describe(&established)).as_bytes()).await?;
    stream.shutdown().await?;
    Ok(())
}
