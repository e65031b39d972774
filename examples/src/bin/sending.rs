//! The proxy's side: a header for every connection that is passed on, and one for those of its own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use anyhow::ensure;
use realpeer::proto::{Encoder, Ssl, Tlv, Version, kind};
use realpeer::{Acceptor, Trust, blocking};

fn main() -> anyhow::Result<()> {
    let frontend = TcpListener::bind("127.0.0.1:0")?;
    let backend = TcpListener::bind("127.0.0.1:0")?;
    let backend_addr = backend.local_addr()?;
    let backend = blocking::Listener::new(backend, Acceptor::new("127.0.0.1".parse::<Trust>()?));

    // A client comes; its addresses and what is known of its TLS connection are passed on.
    let mut client = TcpStream::connect(frontend.local_addr()?)?;
    client.write_all(b"hello")?;
    let (downstream, source) = frontend.accept()?;
    let mut ssl = [0; 128];
    let parts = [Tlv::new(kind::SSL_VERSION, b"TLSv1.3"), Tlv::new(kind::SSL_CN, b"alice")];
    let len = Ssl::encode(Ssl::CLIENT_SSL | Ssl::CLIENT_CERT_CONN, 0, &parts, &mut ssl)?;
    let tlvs = [Tlv::new(kind::SSL, &ssl[..len])];
    let encoder =
        Encoder::proxy(Version::V2, source, downstream.local_addr()?)?.with_tlvs(&tlvs).with_crc32c();
    // Header and first payload go out in one write.
    let mut hello = [0; 5];
    (&downstream).read_exact(&mut hello)?;
    let upstream = blocking::connect(backend_addr, encoder, &hello)?;

    let mut incoming = backend.accept()?;
    let established = incoming.handshake()?;
    let ssl = established.header().and_then(|header| header.tlvs().ssl());
    let name =
        ssl.filter(Ssl::has_verified_client_certificate).and_then(|ssl| ssl.common_name()).transpose()?;
    println!("{} through {}, certified as {name:?}", established.source(), incoming.peer());
    ensure!(established.source().socket_addr() == Some(client.local_addr()?) && name == Some("alice"));

    // A health check of the proxy's own is LOCAL.
    let checker = blocking::connect(backend_addr, Encoder::local(), b"")?;
    let established = backend.accept()?.handshake()?;
    println!("health check from {}", established.source());
    ensure!(established.source().socket_addr() == Some(checker.local_addr()?));
    drop(upstream);
    Ok(())
}
