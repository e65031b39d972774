//! `realpeer decode --listen`: shows what connects, and answers nothing.

use std::io::{self, ErrorKind, Read};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use realpeer::Endpoint;

use super::source::{Connection, Found};
use super::verdict::{Verdict, judge};
use crate::complain;
use crate::listen::{Listen, Socket};

/// How many connections are read at a time; more wait in the kernel's queue.
const AT_A_TIME: usize = 64;
/// How many bytes of a connection are kept: the longest header, and what its payload looks like.
const KEPT: usize = realpeer::proto::MAX_HEADER_LEN + 64;
/// How long the payload is waited for once the header is complete.
const FOR_PAYLOAD: Duration = Duration::from_millis(300);

/// Listens and calls `found` for each connection or datagram, `count` times, or forever.
///
/// # Errors
///
/// If it can't listen, or can't accept.
pub(super) fn listen(
    listen: &Listen,
    timeout: Duration,
    count: Option<usize>,
    mut found: impl FnMut(Found) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let socket = Socket::bind(listen)?;
    let name = socket.name()?;
    complain(format_args!("listening on {name}"));
    let (sender, results) = sync_channel(AT_A_TIME);
    let (done, places) = sync_channel::<()>(AT_A_TIME);
    let accepting = Accepting { sender, done, name, timeout };
    let accept = move || match socket {
        Socket::Tcp(listener) => {
            accepting.accept(|| listener.accept(), |stream| stream.set_read_timeout(Some(POLL)), "tcp");
        }
        Socket::Unix(listener) => accepting.accept(
            || listener.accept(),
            |stream: &UnixStream| stream.set_read_timeout(Some(POLL)),
            "unix",
        ),
        Socket::Udp(socket) => accepting.datagrams(&socket),
    };
    thread::Builder::new().name("accepting".into()).spawn(accept).context("can't start a thread")?;
    for _ in 0..count.unwrap_or(usize::MAX) {
        found(next(&results, &places)?)?;
    }
    Ok(())
}

/// How long a read may take before the deadline is looked at.
const POLL: Duration = Duration::from_millis(50);

fn next(results: &Receiver<io::Result<Found>>, places: &Receiver<()>) -> anyhow::Result<Found> {
    let found = results.recv().context("can't accept any more")?.context("can't accept")?;
    // A place for another connection.
    let _ = places.try_recv();
    Ok(found)
}

#[derive(Clone)]
struct Accepting {
    sender: SyncSender<io::Result<Found>>,
    /// Holds an entry for each connection that is being read.
    done: SyncSender<()>,
    name: String,
    timeout: Duration,
}

impl Accepting {
    fn accept<S: Read + Send + 'static, A: Into<Endpoint>>(
        self,
        accept: impl Fn() -> io::Result<(S, A)>,
        prepare: impl Fn(&S) -> io::Result<()>,
        transport: &'static str,
    ) {
        // Waits here while as many as are allowed are being read.
        while self.done.send(()).is_ok() {
            match accept() {
                Ok((stream, peer)) => {
                    let peer: Endpoint = peer.into();
                    let this = self.clone();
                    let prepared = prepare(&stream);
                    let read = move || {
                        let connection =
                            Connection { transport, from: peer.to_string(), to: this.name.clone() };
                        let _ = this.sender.send(Ok(read(stream, connection, this.timeout)));
                    };
                    let spawn = || thread::Builder::new().stack_size(256 * 1024).spawn(read);
                    if let Err(error) = prepared.and_then(|()| spawn()) {
                        let _ = self.sender.send(Err(error));
                    }
                }
                Err(error) if is_passing(&error) => thread::sleep(POLL),
                Err(error) => {
                    let _ = self.sender.send(Err(error));
                    return;
                }
            }
        }
    }

    fn datagrams(self, socket: &UdpSocket) {
        let mut buffer = vec![0; 65_535];
        loop {
            let found = match socket.recv_from(&mut buffer) {
                Ok((len, peer)) => Ok(Found {
                    connection: Some(Connection {
                        transport: "udp",
                        from: peer.to_string(),
                        to: self.name.trim_start_matches("udp:").into(),
                    }),
                    bytes: buffer.get(..len).unwrap_or_default().into(),
                    seen: len as u64,
                    is_datagram: true,
                    note: None,
                }),
                Err(error) if is_passing(&error) => continue,
                Err(error) => Err(error),
            };
            let failed = found.is_err();
            if self.sender.send(found).is_err() || failed {
                return;
            }
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    // 23 and 24 are ENFILE and EMFILE: descriptors come back.
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::Interrupted | ErrorKind::ConnectionRefused
    ) || matches!(error.raw_os_error(), Some(23 | 24))
}

/// Reads a connection until all is known that is to be shown, or nothing more comes.
fn read(mut stream: impl Read, connection: Connection, timeout: Duration) -> Found {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let mut deadline = Instant::now() + timeout;
    let mut is_complete = false;
    let note = loop {
        if bytes.len() >= KEPT {
            break None;
        }
        match stream.read(&mut buffer) {
            Ok(0) => break bytes.is_empty().then_some("it left without a byte, as TCP health checks do"),
            Ok(len) => bytes.extend_from_slice(buffer.get(..len).unwrap_or_default()),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(_) => break Some("the connection was reset"),
        }
        match judge(&bytes, false) {
            Verdict::Accepted(_, len) if bytes.len() > len => break None,
            Verdict::Accepted(..) if !is_complete => {
                is_complete = true;
                deadline = deadline.min(Instant::now() + FOR_PAYLOAD);
            }
            Verdict::Rejected(_) if bytes.len() >= 16 => break None,
            _ => {}
        }
        if Instant::now() >= deadline {
            break (!is_complete).then_some(
                "nothing more came in time; is it a balancer that waits for its client to speak first?",
            );
        }
    };
    Found { connection: Some(connection), seen: bytes.len() as u64, bytes, is_datagram: false, note }
}
