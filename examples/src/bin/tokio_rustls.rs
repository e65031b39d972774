//! TLS after the header: the proxy passes TLS on unopened, and puts its header before it.

use std::sync::Arc;

use anyhow::ensure;
use realpeer::tokio::{Incoming, Listener};
use realpeer::{Acceptor, Trust};
use realpeer_examples::{CLIENT, address, describe, header, tls};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let (tls_acceptor, tls_connector) = tls::both_ends(&[])?;
    let socket = TcpListener::bind(address().as_deref().unwrap_or("127.0.0.1:0")).await?;
    let addr = socket.local_addr()?;
    println!("listening on {addr}");
    let server = tokio::spawn(serve(socket, tls_acceptor));
    if address().is_some() {
        return server.await?;
    }

    let stream = realpeer::tokio::connect(addr, header(), b"").await?;
    let proxy = stream.local_addr()?;
    let mut stream = tls_connector.connect(tls::name()?, stream).await?;
    stream.write_all(b"who am I?\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    println!("{answer}");
    ensure!(answer == format!("{CLIENT} through {proxy}\n"));
    Ok(())
}

async fn serve(socket: TcpListener, tls: TlsAcceptor) -> anyhow::Result<()> {
    let listener = Listener::new(socket, Acceptor::new("127.0.0.0/8".parse::<Trust>()?));
    let tls = Arc::new(tls);
    loop {
        let incoming = listener.accept().await?;
        let tls = Arc::clone(&tls);
        tokio::spawn(async move {
            let peer = incoming.peer().clone();
            if let Err(error) = answer(incoming, &tls).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

/// Takes a line, and says who sent it.
async fn answer(mut incoming: Incoming<TcpStream>, tls: &TlsAcceptor) -> anyhow::Result<()> {
    let established = incoming.handshake().await?;
    // The stream has lost the header and nothing else, so TLS begins right here.
    let mut stream = BufStream::new(tls.accept(incoming.into_stream()).await?);
    stream.read_line(&mut String::new()).await?;
    stream.write_all(format!("{}\n", describe(&established)).as_bytes()).await?;
    stream.shutdown().await?;
    Ok(())
}
