//! A server on hyper: the header first, then HTTP on the same stream.

use std::convert::Infallible;

use anyhow::ensure;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use realpeer::tokio::Listener;
use realpeer::{Acceptor, Trust};
use realpeer_examples::{CLIENT, address, describe, header};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let socket = TcpListener::bind(address().as_deref().unwrap_or("127.0.0.1:0")).await?;
    let addr = socket.local_addr()?;
    println!("listening on {addr}");
    let server = tokio::spawn(serve(socket));
    if address().is_some() {
        return server.await?;
    }

    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut stream = realpeer::tokio::connect(addr, header(), request).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    println!("{answer}");
    ensure!(answer.ends_with(&format!("{CLIENT} through {}\n", stream.local_addr()?)));
    Ok(())
}

async fn serve(socket: TcpListener) -> anyhow::Result<()> {
    let listener = Listener::new(socket, Acceptor::new("127.0.0.0/8".parse::<Trust>()?));
    loop {
        let mut incoming = listener.accept().await?;
        // From here on it is this connection's own task, so that a silent peer delays nobody.
        tokio::spawn(async move {
            let established = match incoming.handshake().await {
                Ok(established) => established,
                Err(error) => return eprintln!("{}: {error}", incoming.peer()),
            };
            let answer = |_: Request<Incoming>| async { whoami(describe(&established)) };
            let stream = TokioIo::new(incoming.into_stream());
            if let Err(error) = http1::Builder::new().serve_connection(stream, service_fn(answer)).await {
                eprintln!("{}: {error}", established.source());
            }
        });
    }
}

#[expect(clippy::unnecessary_wraps, reason = "hyper wants a result")]
fn whoami(peer: String) -> Result<Response<String>, Infallible> {
    Ok(Response::new(peer + "\n"))
}
