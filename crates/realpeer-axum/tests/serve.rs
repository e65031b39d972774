//! Requests through the listener, from all sorts of peers.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "this is test code")]

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::Method;
use axum::routing::{any, get};
use axum::serve::Listener as _;
use axum::{Router, middleware, serve};
use realpeer::danger::DetectHeader;
use realpeer::proto::{Addresses, Encoder, Tlv, Version, kind};
use realpeer::{Acceptor, Trust, Verdict, header_and_payload};
use realpeer_axum::{Listener, RealPeer, insert_socket_addr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::timeout;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n";

async fn whoami(ConnectInfo(peer): ConnectInfo<RealPeer>) -> String {
    let authority = peer.header().and_then(|header| header.tlvs().authority()).transpose().unwrap();
    format!("{} through {:?} for {authority:?}", peer.source(), peer.proxy().map(|proxy| proxy.to_string()))
}

fn app() -> Router {
    Router::new().route("/", get(whoami))
}

/// A server on a port of loopback that reads the headers of two peers at a time.
async fn start(acceptor: Acceptor) -> SocketAddr {
    let listener = Listener::new(TcpListener::bind("127.0.0.1:0").await.unwrap(), acceptor, 2);
    let addr = listener.inner().local_addr().unwrap();
    assert_eq!(listener.local_addr().unwrap().source().socket_addr(), Some(addr));
    tokio::spawn(async { serve(listener, app().into_make_service_with_connect_info::<RealPeer>()).await });
    addr
}

fn with_header() -> Vec<u8> {
    let tlvs = [Tlv::new(kind::AUTHORITY, b"example.org")];
    let (source, destination) = ("192.0.2.1:56324".parse().unwrap(), "198.51.100.2:80".parse().unwrap());
    let header = Encoder::proxy(Version::V2, source, destination).with_tlvs(&tlvs);
    header_and_payload(header, REQUEST).unwrap()
}

/// The body of the answer, and from where it was asked for.
async fn ask(addr: SocketAddr, bytes: &[u8]) -> (String, SocketAddr) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let own = stream.local_addr().unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = String::new();
    // A server that closes without reading resets the connection.
    let _ = stream.read_to_string(&mut answer).await;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    (body.unwrap_or_default(), own)
}

#[tokio::test]
async fn handlers_see_source_proxy_and_tlvs() {
    let addr = start(Acceptor::new("127.0.0.1".parse::<Trust>().unwrap())).await;
    let (body, proxy) = ask(addr, &with_header()).await;
    assert_eq!(body, format!("192.0.2.1:56324 through Some(\"{proxy}\") for Some(\"example.org\")"));
}

/// What a rate limiter of another crate looks for.
#[tokio::test]
async fn connect_info_can_be_a_plain_canonical_socket_address() {
    let whoami = |ConnectInfo(addr): ConnectInfo<SocketAddr>| async move { addr.to_string() };
    let app = Router::new().route("/", get(whoami)).layer(middleware::from_fn(insert_socket_addr));
    let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>().unwrap());
    let listener = Listener::new(TcpListener::bind("127.0.0.1:0").await.unwrap(), acceptor, 2);
    let addr = listener.inner().local_addr().unwrap();
    tokio::spawn(async { serve(listener, app.into_make_service_with_connect_info::<RealPeer>()).await });

    assert_eq!(ask(addr, &with_header()).await.0, "192.0.2.1:56324");
    let (source, destination) =
        ("[::ffff:192.0.2.1]:56324".parse().unwrap(), "[2001:db8::1]:80".parse().unwrap());
    let mapped = Addresses::Inet6 { source, destination };
    let mapped = header_and_payload(Encoder::new(Version::V2, mapped), REQUEST).unwrap();
    assert_eq!(ask(addr, &mapped).await.0, "192.0.2.1:56324");
}

#[tokio::test]
async fn broken_headers_do_not_end_the_server() {
    let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>().unwrap());
    let addr = start(acceptor.clone()).await;
    for _ in 0..10 {
        assert_eq!(ask(addr, REQUEST).await.0, "");
    }
    assert!(ask(addr, &with_header()).await.0.starts_with("192.0.2.1:56324 "));
    assert_eq!((acceptor.counts().protocol, acceptor.counts().v2), (10, 1));
}

#[tokio::test]
async fn a_silent_peer_delays_nobody() {
    let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>().unwrap());
    let addr = start(acceptor.with_timeout(Duration::from_secs(3600))).await;
    let silent = TcpStream::connect(addr).await.unwrap();
    let (body, _) = timeout(Duration::from_secs(30), ask(addr, &with_header())).await.unwrap();
    assert!(body.starts_with("192.0.2.1:56324 "));
    drop(silent);
}

#[tokio::test]
async fn policy_decides_before_any_byte() {
    let addr = start(Acceptor::new(Trust::unix())).await;
    assert_eq!(ask(addr, &with_header()).await.0, "");

    let addr = start(Acceptor::new(Trust::unix().otherwise(Verdict::Bypass))).await;
    let (body, own) = ask(addr, REQUEST).await;
    assert_eq!(body, format!("{own} through None for None"));
}

#[tokio::test]
async fn unix_listener() {
    let path = std::env::temp_dir().join(format!("realpeer-axum-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = Listener::new(UnixListener::bind(&path).unwrap(), Acceptor::new(Trust::unix()), 2);
    assert_eq!(listener.local_addr().unwrap().source().to_string(), format!("unix:{}", path.display()));
    tokio::spawn(async { serve(listener, app().into_make_service_with_connect_info::<RealPeer>()).await });

    let mut stream = UnixStream::connect(&path).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    stream.write_all(&with_header()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("192.0.2.1:56324 through Some(\"unix:\") for Some(\"example.org\")"), "{answer}");
}

#[tokio::test]
async fn pending_counts_the_peers_whose_header_is_awaited() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    let mut listener = Listener::new(socket, Acceptor::new("127.0.0.1".parse::<Trust>().unwrap()), 4);
    assert_eq!(listener.pending(), 0);
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(TcpStream::connect(addr).await.unwrap());
    }
    // Nobody is ready, so this only makes it accept.
    timeout(Duration::from_millis(200), listener.accept()).await.unwrap_err();
    assert_eq!(listener.pending(), 3);
}

/// What was taken of such a connection before it was clear that it has no header is part of the request all the same.
#[tokio::test]
async fn a_request_that_begins_like_a_signature_is_served_where_headers_are_detected() {
    let acceptor = Acceptor::new(DetectHeader::new("127.0.0.1".parse::<Trust>().unwrap()));
    let listener = Listener::new(TcpListener::bind("127.0.0.1:0").await.unwrap(), acceptor.clone(), 2);
    let addr = listener.inner().local_addr().unwrap();
    let app = Router::new()
        .route("/", any(|method: Method, body: String| async move { format!("{method} {body}") }));
    tokio::spawn(async { serve(listener, app.into_make_service_with_connect_info::<RealPeer>()).await });

    for (n, cut) in (1..4).enumerate() {
        let request =
            b"POST / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(&request[..cut]).await.unwrap();
        // So that it is looked at before there is more.
        tokio::time::sleep(Duration::from_millis(50)).await;
        stream.write_all(&request[cut..]).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("POST hello"), "{cut}: {answer}");
        assert_eq!(acceptor.counts().bypassed, n as u64 + 1);
    }
}
