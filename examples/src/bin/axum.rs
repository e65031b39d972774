//! axum with TLS and HTTP/2: header, TLS, ALPN, and then handlers that know their client.

use anyhow::{Context, ensure};
use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::{Request, Version};
use axum::routing::get;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use realpeer::{Acceptor, Trust};
use realpeer_axum::{Listener, RealPeer};
use realpeer_examples::{CLIENT, address, describe, header, tls};
use tls_listener::TlsListener;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let (tls_acceptor, tls_connector) = tls::both_ends(&["h2", "http/1.1"])?;
    let socket = TcpListener::bind(address().as_deref().unwrap_or("127.0.0.1:0")).await?;
    let addr = socket.local_addr()?;
    println!("listening on {addr}");
    let server = tokio::spawn(serve(socket, tls_acceptor));
    if address().is_some() {
        return server.await?;
    }

    let stream = realpeer::tokio::connect(addr, header(), b"").await?;
    let proxy = stream.local_addr()?;
    let stream = tls_connector.connect(tls::name()?, stream).await?;
    ensure!(stream.get_ref().1.alpn_protocol() == Some(b"h2".as_slice()));
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get("https://localhost/").body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?.into_body().collect().await?.to_bytes();
    let answer = std::str::from_utf8(&answer).context("not text")?;
    println!("{answer}");
    ensure!(answer == format!("{CLIENT} through {proxy} with HTTP/2.0\n"));
    Ok(())
}

async fn serve(socket: TcpListener, tls: TlsAcceptor) -> anyhow::Result<()> {
    let acceptor = Acceptor::new("127.0.0.0/8".parse::<Trust>()?);
    let listener = TlsListener::new(tls, Listener::new(socket, acceptor, 1024));
    let app = Router::new().route("/", get(whoami));
    axum::serve(listener, app.into_make_service_with_connect_info::<RealPeer>()).await?;
    Ok(())
}

async fn whoami(ConnectInfo(peer): ConnectInfo<RealPeer>, version: Version) -> String {
    format!("{} with {version:?}\n", describe(&peer))
}
