//! The proxy's side: a header for every connection that is passed on, and one for those of its own.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, ensure};
use realpeer::proto::{Encoder, Ssl, Tlv, Version, kind};
use realpeer::{Acceptor, Trust, blocking};

fn main() -> anyhow::Result<()> {
    let frontend = TcpListener::bind("127.0.0.1:0")?;
    let frontend_addr = frontend.local_addr()?;
    let backend = TcpListener::bind("127.0.0.1:0")?;
    let backend_addr = backend.local_addr()?;
    let server = thread::spawn(move || serve(backend));
    let proxy = thread::spawn(move || {
        let (client, source) = frontend.accept()?;
        relay(&client, source, backend_addr)
    });

    // The server speaks first, as with SMTP: this client sends nothing before it has been greeted.
    let mut client = TcpStream::connect(frontend_addr)?;
    let mut greeting = String::new();
    client.read_to_string(&mut greeting)?;
    println!("{greeting}");
    ensure!(greeting == format!("220 hello alice from {}", client.local_addr()?));
    client.shutdown(Shutdown::Write)?;
    proxy.join().ok().context("the proxy panicked")??;

    // A health check of the proxy's own is LOCAL.
    let mut checker = blocking::connect(backend_addr, Encoder::local(), b"")?;
    let mut greeting = String::new();
    checker.read_to_string(&mut greeting)?;
    println!("{greeting}");
    ensure!(greeting == format!("220 hello health check from {}", checker.local_addr()?));
    server.join().ok().context("the server panicked")?
}

/// Connects to the server for one client, and passes on what either of them sends.
fn relay(client: &TcpStream, source: SocketAddr, backend: SocketAddr) -> anyhow::Result<()> {
    // What is known of the client's TLS connection goes with its addresses.
    let mut ssl = [0; 128];
    let parts = [Tlv::new(kind::SSL_VERSION, b"TLSv1.3"), Tlv::new(kind::SSL_CN, b"alice")];
    let len = Ssl::encode(Ssl::CLIENT_SSL | Ssl::CLIENT_CERT_CONN, 0, &parts, &mut ssl)?;
    let tlvs = [Tlv::new(kind::SSL, &ssl[..len])];
    let header = Encoder::proxy(Version::V2, source, client.local_addr()?).with_tlvs(&tlvs).with_crc32c();

    // At once, without a payload: a client that waits for the server's greeting would wait forever if its first bytes
    // were waited for here. And a connection of its own: the header speaks for all that follows it (R14).
    let server = blocking::connect(backend, header, b"")?;
    thread::scope(|scope| {
        let answers = scope.spawn(|| pass_on(&server, client));
        pass_on(client, &server)?;
        answers.join().ok().context("passing on answers panicked")??;
        Ok(())
    })
}

/// Passes on bytes until there are no more.
fn pass_on(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    io::copy(&mut from, &mut to)?;
    to.shutdown(Shutdown::Write)
}

/// Greets two clients by the names that their headers have for them.
fn serve(socket: TcpListener) -> anyhow::Result<()> {
    let listener = blocking::Listener::new(socket, Acceptor::new("127.0.0.1".parse::<Trust>()?));
    for _ in 0..2 {
        let mut incoming = listener.accept()?;
        let established = incoming.handshake()?;
        let ssl = established.header().and_then(|header| header.tlvs().ssl());
        let certified = ssl.filter(Ssl::has_verified_client_certificate);
        let name = certified.and_then(|ssl| ssl.common_name()).transpose()?.unwrap_or("health check");
        write!(incoming.into_stream(), "220 hello {name} from {}", established.source())?;
    }
    Ok(())
}
