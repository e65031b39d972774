//! gRPC on tonic: `Request::remote_addr()` is the client, and the proxy is in the extensions.
//!
//! The service is written by hand where there would be generated code. It takes an `Empty` and gives a `StringValue`.

use std::convert::Infallible;
use std::future::ready;
use std::task::{Context, Poll};

use anyhow::ensure;
use hyper_util::rt::TokioIo;
use realpeer::{Acceptor, Trust};
use realpeer_examples::{CLIENT, address, header};
use realpeer_tonic::{Incoming, RealPeer};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::NamedService;
use tonic::service::InterceptorLayer;
use tonic::transport::{Endpoint, Server, Uri};
use tonic::{Request, Response, Status, client, server};
use tonic_prost::ProstCodec;
use tower::service_fn;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let socket = TcpListener::bind(address().as_deref().unwrap_or("127.0.0.1:0")).await?;
    let addr = socket.local_addr()?;
    println!("listening on {addr}");
    let server = tokio::spawn(serve(socket));
    if address().is_some() {
        return server.await?;
    }

    let header = header();
    let connect = service_fn(move |_: Uri| async move {
        realpeer::tokio::connect(addr, header, b"").await.map(TokioIo::new)
    });
    let channel = Endpoint::from_static("http://localhost").connect_with_connector(connect).await?;
    let mut client = client::Grpc::new(channel);
    client.ready().await?;
    let codec = ProstCodec::<(), String>::default();
    let answer = client.unary(Request::new(()), "/realpeer.WhoAmI/Ask".parse()?, codec).await?.into_inner();
    println!("{answer}");
    ensure!(answer.starts_with(&format!("{CLIENT} through 127.0.0.1:")));
    Ok(())
}

async fn serve(socket: TcpListener) -> anyhow::Result<()> {
    let acceptor = Acceptor::new("127.0.0.0/8".parse::<Trust>()?);
    let incoming = Incoming::new(socket, acceptor, 1024).with_connect_info::<RealPeer>();
    Server::builder()
        .layer(InterceptorLayer::new(realpeer_tonic::remote_addr))
        .add_service(WhoAmI)
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}

fn whoami(request: &Request<()>) -> Result<Response<String>, Status> {
    let client = request.remote_addr().ok_or_else(|| Status::internal("no address"))?;
    let peer = request.extensions().get::<RealPeer>();
    let proxy = peer.and_then(|peer| peer.proxy()).ok_or_else(|| Status::internal("no proxy"))?;
    Ok(Response::new(format!("{client} through {proxy}")))
}

#[derive(Clone)]
struct WhoAmI;

impl NamedService for WhoAmI {
    const NAME: &'static str = "realpeer.WhoAmI";
}

impl Service<http::Request<Body>> for WhoAmI {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = server::Grpc::new(ProstCodec::<String, ()>::default());
            Ok(grpc.unary(service_fn(|request| ready(whoami(&request))), request).await)
        })
    }
}
