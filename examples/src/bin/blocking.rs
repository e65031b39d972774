//! A server on blocking sockets, one thread, which no silent peer can stall.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use anyhow::ensure;
use realpeer::blocking::{self, ReadyListener};
use realpeer::proto::{Encoder, Version};
use realpeer::{Acceptor, Trust};

fn main() -> anyhow::Result<()> {
    let acceptor = Acceptor::new("127.0.0.0/8".parse::<Trust>()?);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    let mut listener = ReadyListener::new(listener, acceptor, 1024)?;

    let silent = TcpStream::connect(addr)?;
    let client = thread::spawn(move || -> anyhow::Result<String> {
        let encoder = Encoder::proxy(Version::V1, "192.0.2.1:56324".parse()?, "198.51.100.2:443".parse()?)?;
        let mut stream = blocking::connect(addr, encoder, b"hello")?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    });

    // The silent peer came first, and is still pending.
    let mut accepted = listener.accept()?;
    let established = accepted.outcome?;
    println!("{} through {}, {} pending", established.source(), accepted.peer, listener.pending());
    ensure!(established.source().to_string() == "192.0.2.1:56324" && listener.pending() == 1);

    let mut hello = [0; 5];
    accepted.stream.read_exact(&mut hello)?;
    write!(accepted.stream, "{} to {}", String::from_utf8_lossy(&hello), established.source())?;
    drop(accepted.stream);

    let answer = client.join().map_err(|_| anyhow::anyhow!("the client panicked"))??;
    println!("the client got: {answer}");
    ensure!(answer == "hello to 192.0.2.1:56324");
    drop(silent);
    Ok(())
}
