//! A loop on mio: one thread, many connections, no runtime. A `Handshake` reads
//! the header whenever its socket is readable, and says until when to wait for it.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::task::{Poll, ready};
use std::thread;
use std::time::Instant;

use anyhow::{anyhow, ensure};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Token};
use realpeer::proto::{Config, Handshake};
use realpeer::{Endpoint, HeaderStorage, Policy, Trust, Verdict};
use realpeer_examples::{CLIENT, address, header};

const LISTENER: Token = Token(0);

struct Connection {
    stream: TcpStream,
    proxy: SocketAddr,
    handshake: Handshake<Instant, HeaderStorage>,
}

fn main() -> anyhow::Result<()> {
    let socket = TcpListener::bind(address().as_deref().unwrap_or("127.0.0.1:0").parse()?)?;
    let addr = socket.local_addr()?;
    println!("listening on {addr}");
    let server = thread::spawn(|| serve(socket));
    if address().is_some() {
        return server.join().unwrap_or_else(|_| Err(anyhow!("the server panicked")));
    }

    let silent = std::net::TcpStream::connect(addr)?;
    let mut stream = realpeer::blocking::connect(addr, header()?, b"who am I?\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    println!("{answer}");
    ensure!(answer == format!("{CLIENT} through {}\n", stream.local_addr()?));
    drop(silent);
    Ok(())
}

fn serve(mut socket: TcpListener) -> anyhow::Result<()> {
    let trust: Trust = "127.0.0.0/8".parse()?;
    let mut poll = mio::Poll::new()?;
    poll.registry().register(&mut socket, LISTENER, Interest::READABLE)?;
    let mut connections = HashMap::new();
    let mut next = LISTENER.0 + 1;
    let mut events = Events::with_capacity(128);
    loop {
        // Waits until the first of the deadlines.
        let deadlines = connections.values().filter_map(|c: &Connection| c.handshake.poll_timeout());
        let first = deadlines.min().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match poll.poll(&mut events, first) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }

        for event in &events {
            if event.token() == LISTENER {
                while let Some((mut stream, proxy)) = accept(&socket)? {
                    if trust.verdict(&Endpoint::from(proxy)) == Verdict::Require {
                        poll.registry().register(&mut stream, Token(next), Interest::READABLE)?;
                        let handshake =
                            Handshake::with_storage(&Config::new(), Instant::now(), HeaderStorage::default());
                        connections.insert(Token(next), Connection { stream, proxy, handshake });
                        next += 1;
                    }
                }
            } else if let Some(connection) = connections.get_mut(&event.token()) {
                // Here a connection ends with its answer. A server would go on to its payload.
                if let Poll::Ready(answered) = connection.readable() {
                    println!("{}: {answered:?}", connection.proxy);
                    connections.remove(&event.token());
                }
            }
        }

        let now = Instant::now();
        connections.retain(|_, connection| connection.handshake.poll_timeout().is_none_or(|at| now < at));
    }
}

fn accept(socket: &TcpListener) -> io::Result<Option<(TcpStream, SocketAddr)>> {
    match socket.accept() {
        Ok(accepted) => Ok(Some(accepted)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

impl Connection {
    /// Takes what has come, and answers once there is a header and a line behind it.
    fn readable(&mut self) -> Poll<anyhow::Result<String>> {
        let stream = &mut self.stream;
        let mut read = |slot: &mut [u8]| match stream.read(slot) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
            read => Poll::Ready(read),
        };
        // It takes the header and no more; once it has it, it asks for nothing.
        ready!(self.handshake.poll_with(&mut read))?;
        let mut line = [0; 2048];
        loop {
            match ready!(read(&mut line))? {
                0 => return Poll::Ready(Err(anyhow!("cut off"))),
                n if line[..n].ends_with(b"\n") => break,
                _ => {}
            }
        }
        Poll::Ready(self.answer())
    }

    fn answer(&mut self) -> anyhow::Result<String> {
        let source = self.handshake.header().and_then(|header| header.source());
        let source = source.map_or_else(|| self.proxy.to_string(), |source| source.to_string());
        writeln!(self.stream, "{source} through {}", self.proxy)?;
        Ok(source)
    }
}
