//! The echo server on blocking sockets: one thread for all handshakes, and one for each established connection.

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::thread;

use realpeer::blocking::{ReadyListener, SocketListener};
use realpeer::{Acceptor, Finished};

use super::Say;
use crate::listen::Socket;
use crate::report::Report;

pub(crate) fn serve(
    socket: Socket,
    acceptor: Acceptor,
    max_pending: usize,
    say: impl Say,
    warn: impl Fn(String),
) -> io::Result<Infallible> {
    match socket {
        Socket::Tcp(listener) => accept(ReadyListener::new(listener, acceptor, max_pending)?, say, warn),
        Socket::Udp(_) => Err(io::ErrorKind::Unsupported.into()),
        Socket::Unix(listener) => accept(ReadyListener::new(listener, acceptor, max_pending)?, say, warn),
    }
}

fn accept<L>(
    mut listener: ReadyListener<L>,
    mut say: impl Say,
    warn: impl Fn(String),
) -> io::Result<Infallible>
where
    L: SocketListener<Stream: Send + 'static>,
    for<'a> &'a L::Stream: Read + Write,
{
    loop {
        let Finished { stream, peer, result, .. } = listener.accept()?;
        say(Report::new(&peer, &result))?;
        if result.is_ok() {
            // What goes wrong with a connection ends that connection.
            let thread = thread::Builder::new().stack_size(128 * 1024);
            if let Err(error) = thread.spawn(move || echo(&stream, &stream)) {
                warn(format!("{peer}: can't start a thread for it: {error}"));
            }
        }
    }
}

/// Until the peer stops sending. The end of the stream then says the same to the peer.
fn echo(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => to.write_all(&buffer[..n])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
