//! A server of HTTP, with a header before it and without.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;

use http_body_util::Full;
use hyper::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::ours;

#[tokio::main(flavor = "current_thread")]
pub(super) async fn serve(what: &str, socket: TcpListener) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(socket)?;
    if what == "hyper" {
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(answer(stream));
        }
    }
    let listener = realpeer_tokio::Listener::new(listener, ours::acceptor());
    loop {
        let mut incoming = listener.accept().await?;
        tokio::spawn(async move {
            incoming.handshake().await.map_err(io::Error::from)?;
            answer(incoming.into_stream()).await
        });
    }
}

async fn answer(stream: tokio::net::TcpStream) -> io::Result<()> {
    let service = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::new(&b"x"[..]))) });
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.map_err(io::Error::other)
}
