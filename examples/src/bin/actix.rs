//! actix-web: a service that reads the header, and after it the service for HTTP.
//!
//! `HttpServer` has no place for that, so the server is put together of the parts that it is made of.

use std::net::{SocketAddr, TcpListener};

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol};
use actix_rt::net::TcpStream;
use actix_service::{ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::{App, HttpRequest, web};
use anyhow::ensure;
use realpeer::{AcceptError, Acceptor, Trust};
use realpeer_examples::{CLIENT, address, header};
use tokio::io::AsyncReadExt;

/// What handlers get of the connection, besides its source.
struct Proxy(SocketAddr);

fn main() -> anyhow::Result<()> {
    actix_rt::System::new().block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let socket = TcpListener::bind(address().as_deref().unwrap_or("127.0.0.1:0"))?;
    let addr = socket.local_addr()?;
    println!("listening on {addr}");
    let server = actix_rt::spawn(serve(socket)?);
    if address().is_some() {
        return Ok(server.await??);
    }

    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut stream = realpeer::tokio::connect(addr, header(), request).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    println!("{answer}");
    ensure!(answer.ends_with(&format!("{CLIENT} through {}\n", stream.local_addr()?)));
    Ok(())
}

fn serve(socket: TcpListener) -> anyhow::Result<actix_server::Server> {
    let acceptor = Acceptor::new("127.0.0.0/8".parse::<Trust>()?);
    let server = actix_server::Server::build().workers(1).listen("http", socket, move || {
        let acceptor = acceptor.clone();
        let app = App::new().route("/", web::get().to(whoami));
        let http = HttpService::build()
            .on_connect_ext(|stream: &TcpStream, data| {
                if let Ok(proxy) = stream.peer_addr() {
                    data.insert(Proxy(proxy));
                }
            })
            .finish(map_config(app, |()| AppConfig::default()));
        // One task for each connection, so that a silent peer delays nobody.
        fn_service(move |stream: TcpStream| {
            let acceptor = acceptor.clone();
            async move {
                let source =
                    source(&acceptor, &stream).await.map_err(|error| DispatchError::Io(error.into()))?;
                Ok((stream, Protocol::Http1, source))
            }
        })
        .and_then(http)
    })?;
    Ok(server.run())
}

async fn source(acceptor: &Acceptor, stream: &TcpStream) -> Result<Option<SocketAddr>, AcceptError> {
    let established = realpeer::tokio::handshake(acceptor, stream, stream.peer_addr()?).await?;
    Ok(established.source().socket_addr())
}

/// To actix-web, the source is the peer.
async fn whoami(request: HttpRequest) -> Option<String> {
    let proxy = request.conn_data::<Proxy>()?;
    Some(format!("{} through {}\n", request.peer_addr()?, proxy.0))
}
