//! The same servers with a peer before them, as its documentation shows it.

use std::io;
use std::net::TcpStream;

use proxy_header::io::ProxiedStream;

use super::serve::{echo, echo_tokio};

/// Reads headers one connection after the other, within `accept`.
pub(super) async fn proxy_protocol_rs(listener: tokio::net::TcpListener) -> io::Result<()> {
    let listener = proxy_protocol_rs::ProxyProtocolListener::new(listener, Default::default());
    loop {
        if let Ok(stream) = listener.accept().await {
            tokio::spawn(async move {
                assert!(stream.proxy_info().is_some());
                echo_tokio(stream).await
            });
        }
    }
}

/// Has no deadline and trusts everybody.
pub(super) async fn proxy_header_tokio(listener: tokio::net::TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let stream = ProxiedStream::create_from_tokio(stream, Default::default()).await?;
            assert!(stream.proxy_header().proxied_address().is_some());
            echo_tokio(stream).await
        });
    }
}

/// Has no deadline and trusts everybody.
pub(super) fn proxy_header_std(stream: TcpStream) -> io::Result<()> {
    let stream = ProxiedStream::create_from_std(stream, Default::default())?;
    assert!(stream.proxy_header().proxied_address().is_some());
    echo(stream)
}
