//! A server on blocking sockets: one thread reads all the headers, and no silent peer can stall it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use anyhow::ensure;
use realpeer::blocking::{self, ReadyListener};
use realpeer::{Acceptor, Finished, Trust};
use realpeer_examples::{CLIENT, address, describe, header};

fn main() -> anyhow::Result<()> {
    let socket = TcpListener::bind(address().as_deref().unwrap_or("127.0.0.1:0"))?;
    let addr = socket.local_addr()?;
    println!("listening on {addr}");
    let mut listener = ReadyListener::new(socket, Acceptor::new("127.0.0.0/8".parse::<Trust>()?), 1024)?;
    while address().is_some() {
        serve(listener.accept()?);
    }

    // It comes first, and is still pending when the other has been served.
    let _silent = TcpStream::connect(addr)?;
    let mut stream = blocking::connect(addr, header(), b"who am I?\n")?;
    serve(listener.accept()?);
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    println!("{answer}");
    ensure!(answer == format!("{CLIENT} through {}\n", stream.local_addr()?) && listener.pending() == 1);
    Ok(())
}

/// What follows the header may take as long as it likes, in a thread of its own.
fn serve(accepted: Finished<TcpStream>) {
    thread::spawn(move || {
        let peer = accepted.peer.clone();
        if let Err(error) = answer(accepted) {
            eprintln!("{peer}: {error}");
        }
    });
}

/// Takes a line, and says who sent it.
fn answer(accepted: Finished<TcpStream>) -> anyhow::Result<()> {
    let established = accepted.result?;
    let mut stream = BufReader::new(accepted.stream);
    stream.read_line(&mut String::new())?;
    writeln!(stream.get_mut(), "{}", describe(&established))?;
    Ok(())
}
