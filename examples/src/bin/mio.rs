//! A loop on mio: one thread, many connections, no runtime. `Acceptor::begin` asks the policy and starts the clock; the
//! `Accepting` that it returns is polled whenever its socket is readable or its time is over.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::task::{Poll, ready};
use std::thread;
use std::time::Instant;

use anyhow::{anyhow, ensure};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Token};
use realpeer::{Accepting, Acceptor, Established, Trust};
use realpeer_examples::{CLIENT, address, header};

const LISTENER: Token = Token(0);

struct Connection {
    stream: TcpStream,
    accepting: Accepting<Instant>,
    /// Who is at the connection's ends, once that is known.
    established: Option<Established>,
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
    let mut stream = realpeer::blocking::connect(addr, header(), b"who am I?\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    println!("{answer}");
    ensure!(answer == format!("{CLIENT} through {}\n", stream.local_addr()?));
    drop(silent);
    Ok(())
}

fn serve(mut socket: TcpListener) -> anyhow::Result<()> {
    let acceptor = Acceptor::new("127.0.0.0/8".parse::<Trust>()?);
    let mut poll = mio::Poll::new()?;
    poll.registry().register(&mut socket, LISTENER, Interest::READABLE)?;
    let mut connections = HashMap::<Token, Connection>::new();
    let mut next = LISTENER.0 + 1;
    let mut events = Events::with_capacity(128);
    loop {
        // Waits until the first of the deadlines.
        let deadlines = connections.values().filter_map(|connection| connection.accepting.poll_timeout());
        let first = deadlines.min().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match poll.poll(&mut events, first) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }

        let mut polled: Vec<_> = events.iter().map(mio::event::Event::token).collect();
        while polled.contains(&LISTENER) {
            let Some((mut stream, proxy)) = accept(&socket)? else { break };
            poll.registry().register(&mut stream, Token(next), Interest::READABLE)?;
            let accepting = acceptor.begin(proxy, Instant::now());
            connections.insert(Token(next), Connection { stream, accepting, established: None });
            next += 1;
        }

        // Those whose time is over look a last time; those that the policy refuses are over at once.
        let now = Instant::now();
        for (token, connection) in &mut connections {
            if connection.accepting.poll_timeout().is_some_and(|due| due <= now) {
                connection.accepting.handle_timeout(now);
                polled.push(*token);
            }
        }

        for token in polled {
            let Some(connection) = connections.get_mut(&token) else { continue };
            // Here a connection ends with its answer. A server would go on to its payload.
            if let Poll::Ready(answered) = connection.poll() {
                println!("{}: {answered:?}", connection.accepting.peer());
                connections.remove(&token);
            }
        }
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
    /// Takes what has arrived, and answers once there is a header and a line after it.
    fn poll(&mut self) -> Poll<anyhow::Result<String>> {
        let Self { stream, accepting, established } = self;
        let established = match established {
            Some(established) => established,
            // It takes the header and no more.
            None => established.insert(ready!(accepting.poll_with(|slot| Poll::Ready(stream.read(slot))))?),
        };
        let mut line = [0; 2048];
        loop {
            match stream.read(&mut line) {
                Ok(0) => return Poll::Ready(Err(anyhow!("cut off"))),
                Ok(n) if line[..n].ends_with(b"\n") => break,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
        let source = established.source().to_string();
        writeln!(stream, "{source} through {}", accepting.peer())?;
        Poll::Ready(Ok(source))
    }
}
