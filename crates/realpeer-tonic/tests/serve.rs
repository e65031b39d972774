//! Calls through the listener. The service tells in a header field of its response what it learnt of its client.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "this is test code")]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use realpeer::danger::DetectHeader;
use realpeer::proto::{Addresses, Encoder, Tlv, Version, kind};
use realpeer::tokio::connect;
use realpeer::{Acceptor, Trust, header_and_payload};
use realpeer_tonic::{Incoming, RealPeer, remote_addr, source_addr};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tonic::Request;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;
use tonic::service::InterceptorLayer;
use tonic::transport::{Endpoint, Server};

#[derive(Clone)]
struct WhoAmI;

impl NamedService for WhoAmI {
    const NAME: &'static str = "realpeer.WhoAmI";
}

impl Service<http::Request<Body>> for WhoAmI {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let request = Request::from_http(request);
        let authority = request.extensions().get::<RealPeer>().map(|peer| {
            let header = peer.header().unwrap();
            format!("{} by {}", header.tlvs().authority().unwrap().unwrap(), peer.proxy().unwrap())
        });
        let learnt = format!("{:?} {:?} {authority:?}", request.remote_addr(), request.local_addr());
        let source = format!("{:?}", source_addr(&request));
        let response = http::Response::builder()
            .header("learnt", learnt)
            .header("source", source)
            .body(Body::empty())
            .unwrap();
        ready(Ok(response))
    }
}

fn acceptor() -> Acceptor {
    Acceptor::new("127.0.0.1".parse::<Trust>().unwrap().and(Trust::unix()))
}

const TLVS: [Tlv<'static>; 1] = [Tlv::new(kind::AUTHORITY, b"example.org")];

fn header() -> Encoder<'static> {
    let (source, destination) = ("192.0.2.1:56324".parse().unwrap(), "198.51.100.2:443".parse().unwrap());
    Encoder::proxy(Version::V2, source, destination).with_tlvs(&TLVS)
}

/// Calls the server through a proxy of our own. Returns what it learnt, and the proxy's address.
async fn call(server: SocketAddr) -> (String, SocketAddr) {
    let (answer, proxy) = ask(server, header()).await;
    (answer["learnt"].to_str().unwrap().to_owned(), proxy)
}

/// Calls the server through a proxy of our own that sends `header`. Returns what is in its answer, and the proxy's address.
async fn ask(server: SocketAddr, header: Encoder<'static>) -> (http::HeaderMap, SocketAddr) {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel = Endpoint::from_shared(format!("http://{}", proxy.local_addr().unwrap())).unwrap();
    let relay = tokio::spawn(async move {
        let (mut client, _) = proxy.accept().await.unwrap();
        let mut server = connect(server, header, b"").await.unwrap();
        let own = server.local_addr().unwrap();
        let _ = copy_bidirectional(&mut client, &mut server).await;
        own
    });
    let mut channel = channel.connect().await.unwrap();
    std::future::poll_fn(|cx| channel.poll_ready(cx)).await.unwrap();
    let request = http::Request::post("http://localhost/realpeer.WhoAmI/Ask").body(Body::empty()).unwrap();
    let answer = channel.call(request).await.unwrap().headers().clone();
    drop(channel);
    (answer, relay.await.unwrap())
}

#[tokio::test]
async fn remote_addr_is_the_source() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    let incoming = Incoming::new(socket, acceptor(), 2);
    tokio::spawn(Server::builder().add_service(WhoAmI).serve_with_incoming(incoming));
    let (learnt, _) = call(addr).await;
    assert_eq!(learnt, "Some(192.0.2.1:56324) Some(198.51.100.2:443) None");
}

#[tokio::test]
async fn proxy_and_tlvs_are_in_the_extensions() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    let incoming = Incoming::new(socket, acceptor(), 2).with_connect_info::<RealPeer>();
    let server = Server::builder().layer(InterceptorLayer::new(remote_addr)).add_service(WhoAmI);
    tokio::spawn(server.serve_with_incoming(incoming));
    let (learnt, proxy) = call(addr).await;
    let expected =
        format!("Some(192.0.2.1:56324) Some(198.51.100.2:443) {:?}", Some(format!("example.org by {proxy}")));
    assert_eq!(learnt, expected);
}

#[tokio::test]
async fn broken_headers_do_not_end_the_server() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    let acceptor = acceptor();
    let incoming = Incoming::new(socket, acceptor.clone(), 2);
    tokio::spawn(Server::builder().add_service(WhoAmI).serve_with_incoming(incoming));
    for _ in 0..10 {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        // A server that closes without reading resets the connection.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    assert!(call(addr).await.0.starts_with("Some(192.0.2.1:56324)"));
    assert_eq!((acceptor.counts().protocol, acceptor.counts().v2), (10, 1));
}

#[tokio::test]
async fn unix_listener() {
    let path = std::env::temp_dir().join(format!("realpeer-tonic-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let incoming = Incoming::new(UnixListener::bind(&path).unwrap(), acceptor(), 2);
    tokio::spawn(Server::builder().add_service(WhoAmI).serve_with_incoming(incoming));

    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = proxy.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut client, _) = proxy.accept().await.unwrap();
        let mut server = UnixStream::connect(&path).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        server.write_all(&header_and_payload(header(), b"").unwrap()).await.unwrap();
        let _ = copy_bidirectional(&mut client, &mut server).await;
    });
    let channel = Endpoint::from_shared(format!("http://{addr}")).unwrap();
    let mut channel = channel.connect().await.unwrap();
    std::future::poll_fn(|cx| channel.poll_ready(cx)).await.unwrap();
    let request = http::Request::post("http://localhost/realpeer.WhoAmI/Ask").body(Body::empty()).unwrap();
    let response = channel.call(request).await.unwrap();
    assert_eq!(response.headers()["learnt"], "Some(192.0.2.1:56324) Some(198.51.100.2:443) None");
}

/// `PRI * HTTP/2.0` begins like a signature: what was taken to look for a header is part of the call all the same.
#[tokio::test]
async fn a_call_whose_first_segment_is_a_lone_p_is_served_where_headers_are_detected() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    let detecting = Acceptor::new(DetectHeader::new(Trust::anyone()));
    let incoming = Incoming::new(socket, detecting.clone(), 2);
    tokio::spawn(Server::builder().add_service(WhoAmI).serve_with_incoming(incoming));

    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel = Endpoint::from_shared(format!("http://{}", relay.local_addr().unwrap())).unwrap();
    let relayed = tokio::spawn(async move {
        let (mut client, _) = relay.accept().await.unwrap();
        let mut server = TcpStream::connect(addr).await.unwrap();
        let own = server.local_addr().unwrap();
        let mut first = [0];
        client.read_exact(&mut first).await.unwrap();
        server.write_all(&first).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let _ = copy_bidirectional(&mut client, &mut server).await;
        own
    });
    let mut channel = channel.connect().await.unwrap();
    std::future::poll_fn(|cx| channel.poll_ready(cx)).await.unwrap();
    let request = http::Request::post("http://localhost/realpeer.WhoAmI/Ask").body(Body::empty()).unwrap();
    let response = channel.call(request).await.unwrap();
    let learnt = response.headers()["learnt"].to_str().unwrap().to_owned();
    drop((response, channel));
    assert_eq!(learnt, format!("Some({}) Some({addr}) None", relayed.await.unwrap()));
    assert_eq!(detecting.counts().bypassed, 1);
}

/// Whatever is in the extensions, the address is the one that access lists have.
#[tokio::test]
async fn the_source_of_a_call_is_canonical() {
    let mapped = Addresses::Inet6 {
        source: "[::ffff:192.0.2.1]:56324".parse().unwrap(),
        destination: "[2001:db8::1]:443".parse().unwrap(),
    };
    for extension in ["TcpConnectInfo", "RealPeer"] {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = socket.local_addr().unwrap();
        let incoming = Incoming::new(socket, acceptor(), 2);
        let server = Server::builder().add_service(WhoAmI);
        match extension {
            "RealPeer" => {
                tokio::spawn(server.serve_with_incoming(incoming.with_connect_info::<RealPeer>()));
            }
            _ => {
                tokio::spawn(server.serve_with_incoming(incoming));
            }
        }
        let header = Encoder::new(Version::V2, mapped).with_tlvs(&TLVS);
        let (answer, _) = ask(addr, header).await;
        assert_eq!(answer["source"], "Some(192.0.2.1:56324)", "{extension}");
    }
}
