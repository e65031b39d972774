//! A completion-based runtime, here compio on `io_uring`: the kernel owns the buffer until a read is complete.
//!
//! There is no peeking and no waiting for readiness: give a buffer away, get it back with bytes in it, push them.

use anyhow::{Context, ensure};
use compio::BufResult;
use compio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use compio::net::{TcpListener, TcpStream};
use compio::runtime::Runtime;
use compio::time::timeout;
use realpeer::proto::{Config, Decoder, Event};
use realpeer::{Endpoint, Policy, Trust, Verdict, header_and_payload};
use realpeer_examples::{CLIENT, address, header};

fn main() -> anyhow::Result<()> {
    Runtime::new()?.block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let socket = TcpListener::bind(address().as_deref().unwrap_or("127.0.0.1:0")).await?;
    let addr = socket.local_addr()?;
    println!("listening on {addr}");
    let server = compio::runtime::spawn(serve(socket));
    if address().is_some() {
        return server.await.map_err(|_| anyhow::anyhow!("the server panicked"))?;
    }

    let mut stream = TcpStream::connect(addr).await?;
    let proxy = stream.local_addr()?;
    stream.write_all(header_and_payload(header(), b"who am I?\n")?).await.0?;
    let BufResult(read, answer) = stream.read_to_end(Vec::new()).await;
    read?;
    let answer = String::from_utf8(answer)?;
    println!("{answer}");
    ensure!(answer == format!("{CLIENT} through {proxy}\n"));
    drop(server);
    Ok(())
}

async fn serve(socket: TcpListener) -> anyhow::Result<()> {
    let trust: Trust = "127.0.0.0/8".parse()?;
    loop {
        let (stream, peer) = socket.accept().await?;
        let proxy = Endpoint::from(peer);
        if trust.verdict(&proxy) == Verdict::Require {
            let task = async move {
                if let Err(error) = answer(stream, &proxy).await {
                    eprintln!("{proxy}: {error}");
                }
            };
            compio::runtime::spawn(task).detach();
        }
    }
}

async fn answer(mut stream: TcpStream, proxy: &Endpoint) -> anyhow::Result<()> {
    let config = Config::new();
    let mut decoder = Decoder::with_storage(&config, [0; 4096]);
    // One deadline for the whole header, not one for each read.
    let mut payload = timeout(config.timeout(), receive(&mut stream, &mut decoder)).await??;
    let source = decoder.header().and_then(|header| header.source());
    let source = source.map_or_else(|| proxy.to_string(), |source| source.to_string());

    // The payload is complete with its first line.
    while !payload.ends_with(b"\n") {
        let BufResult(n, buffer) = stream.read(Vec::with_capacity(2048)).await;
        ensure!(n? > 0, "cut off");
        payload.extend(buffer);
    }
    stream.write_all(format!("{source} through {proxy}\n")).await.0?;
    Ok(())
}

/// Reads the header, and returns the payload that arrived with it.
async fn receive(stream: &mut TcpStream, decoder: &mut Decoder<[u8; 4096]>) -> anyhow::Result<Vec<u8>> {
    let mut buffer = Vec::with_capacity(2048);
    loop {
        let BufResult(n, filled) = stream.read(buffer).await;
        buffer = filled;
        let taken = decoder.push(&buffer);
        if n? == 0 {
            decoder.push_eof();
        }
        if let Event::Header(_) = decoder.next_event().context("no header")? {
            buffer.drain(..taken);
            return Ok(buffer);
        }
        buffer.clear();
    }
}
