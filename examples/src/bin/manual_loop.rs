//! A loop of your own: bytes come from wherever you get them, and the decoder says what they are.
//!
//! The invariant: the decoder takes no byte that is not header. What `push` did not take is payload.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, ensure};
use realpeer::proto::{Config, Decoder, Encoder, Event, Version};

fn main() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    let client = thread::spawn(move || send(addr));

    let (mut stream, proxy) = listener.accept()?;
    // Before anything else: is this a proxy whose word counts? Here it is, for it is ourselves.
    ensure!(proxy.ip().is_loopback(), "{proxy} is not to be trusted");

    let mut decoder = Decoder::new(&Config::new());
    let mut buffer = [0; 2048];
    let mut payload = Vec::new();
    let source = loop {
        // 1. Get bytes, in any pieces.
        let n = stream.read(&mut buffer)?;
        // 2. Push them. At the end of the stream say so.
        let taken = decoder.push(&buffer[..n]);
        if n == 0 {
            decoder.push_eof();
        }
        // 3. Ask what they came to.
        match decoder.next_event().context("no header")? {
            Event::NeedData { .. } => {}
            Event::Header(header) => {
                // 4. What was not taken is the first of the payload.
                payload.extend_from_slice(&buffer[taken..n]);
                break header.source().map(|source| source.to_string());
            }
        }
    };
    stream.read_to_end(&mut payload)?;

    println!("the socket says {proxy}, the header says {source:?}, {} bytes of payload", payload.len());
    ensure!(source.as_deref() == Some("192.0.2.1:56324") && payload == b"GET / HTTP/1.0\r\n\r\n");
    client.join().map_err(|_| anyhow::anyhow!("the client panicked"))?
}

/// A proxy that sends its header in two pieces, the second with payload.
fn send(addr: std::net::SocketAddr) -> anyhow::Result<()> {
    let encoder = Encoder::proxy(Version::V2, "192.0.2.1:56324".parse()?, "198.51.100.2:443".parse()?)?;
    let mut bytes = vec![0; encoder.encoded_len()?];
    encoder.encode(&mut bytes)?;
    bytes.extend_from_slice(b"GET / HTTP/1.0\r\n\r\n");

    let mut stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    let (first, second) = bytes.split_at(20);
    stream.write_all(first)?;
    thread::sleep(std::time::Duration::from_millis(10));
    stream.write_all(second)?;
    Ok(())
}
