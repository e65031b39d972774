//! A server on tokio: connections are accepted at once, and shaken hands with in tasks of their own.

use anyhow::{Context, ensure};
use realpeer::proto::{Encoder, Tlv, Version, kind};
use realpeer::tokio::{Incoming, Listener};
use realpeer::{Acceptor, Trust};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let acceptor = Acceptor::new("127.0.0.0/8".parse::<Trust>()?);
    let listener = Listener::new(TcpListener::bind("127.0.0.1:0").await?, acceptor);
    let addr = listener.inner().local_addr()?;

    let client = tokio::spawn(async move {
        let tlvs = [Tlv::new(kind::AUTHORITY, b"example.com")];
        let encoder =
            Encoder::proxy(Version::V2, "[2001:db8::1]:56324".parse()?, "[2001:db8::2]:443".parse()?)?
                .with_tlvs(&tlvs)
                .with_crc32c();
        let mut stream = realpeer::tokio::connect(addr, encoder, b"hello").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    });

    // A server would go on for ever; this one serves a single connection.
    let incoming = listener.accept().await?;
    tokio::spawn(serve(incoming)).await??;

    let answer = client.await??;
    println!("the client got: {answer}");
    ensure!(answer == "hello to [2001:db8::1]:56324 for example.com");
    Ok(())
}

async fn serve(incoming: Incoming<TcpStream>) -> anyhow::Result<()> {
    let established = incoming.handshake().await.with_context(|| incoming.peer().to_string())?;
    let source = established.source();
    let authority = established.header().and_then(|header| header.tlvs().authority()).transpose()?;
    println!("{source} through {}, for {authority:?}", incoming.peer());

    let mut stream = incoming.into_stream();
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).await?;
    let answer =
        format!("{} to {source} for {}", String::from_utf8_lossy(&hello), authority.unwrap_or("nobody"));
    stream.write_all(answer.as_bytes()).await?;
    Ok(())
}
