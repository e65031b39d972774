//! A loop of your own: bytes come from wherever you get them, and the decoder says what they are.
//!
//! The invariant: the decoder takes no byte that is not header. What `push` did not take is payload.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use realpeer::header_and_payload;
use realpeer::proto::{Config, Decoder, Event};
use realpeer_examples::{CLIENT, address, header};

fn main() -> anyhow::Result<()> {
    let listener = TcpListener::bind(address().as_deref().unwrap_or("127.0.0.1:0"))?;
    let addr = listener.local_addr()?;
    println!("listening on {addr}");
    while address().is_some() {
        let (stream, proxy) = listener.accept()?;
        thread::spawn(move || answer(stream, proxy).unwrap_or_else(|error| eprintln!("{proxy}: {error}")));
    }

    let client = thread::spawn(move || ask(addr));
    let (stream, proxy) = listener.accept()?;
    answer(stream, proxy)?;
    client.join().map_err(|_| anyhow::anyhow!("the client panicked"))?
}

/// Takes a line, and says who sent it.
fn answer(mut stream: TcpStream, proxy: SocketAddr) -> anyhow::Result<()> {
    // Before anything else: is this a proxy whose word counts?
    ensure!(proxy.ip().is_loopback(), "not to be trusted");

    let config = Config::new();
    let deadline = Instant::now() + config.timeout();
    let mut decoder = Decoder::with_storage(&config, [0; 4096]);
    let mut buffer = [0; 2048];
    let mut payload = Vec::new();
    let source = loop {
        // 1. Get bytes, in any pieces. There is one deadline for all of them.
        let left = deadline.saturating_duration_since(Instant::now());
        ensure!(!left.is_zero(), "too late");
        stream.set_read_timeout(Some(left))?;
        let n = stream.read(&mut buffer)?;
        // 2. Push them. At the end of the stream say so.
        let taken = decoder.push(&buffer[..n]);
        if n == 0 {
            decoder.push_eof();
        }
        // 3. Ask for the outcome.
        match decoder.next_event().context("no header")? {
            Event::NeedData { .. } => {}
            Event::Header(header) => {
                // 4. What was not taken is the first of the payload.
                payload.extend_from_slice(&buffer[taken..n]);
                break header.source().map_or_else(|| proxy.to_string(), |source| source.to_string());
            }
        }
    };

    stream.set_read_timeout(None)?;
    while !payload.ends_with(b"\n") {
        let n = stream.read(&mut buffer)?;
        ensure!(n > 0, "cut off");
        payload.extend_from_slice(&buffer[..n]);
    }
    writeln!(stream, "{source} through {proxy}")?;
    Ok(())
}

/// A proxy that sends its header in two pieces, the second with payload.
fn ask(addr: SocketAddr) -> anyhow::Result<()> {
    let bytes = header_and_payload(header(), b"who am I?\n")?;
    let mut stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    let (first, second) = bytes.split_at(20);
    stream.write_all(first)?;
    thread::sleep(Duration::from_millis(10));
    stream.write_all(second)?;

    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    println!("{answer}");
    ensure!(answer == format!("{CLIENT} through {}\n", stream.local_addr()?));
    Ok(())
}
