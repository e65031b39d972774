//! TCP and UNIX stream sockets: both directions by tokio's own copy.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use realpeer::tokio::{Listener, Socket as Stream};
use realpeer::{Endpoint, Established, Finished};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Ending, Shared, header};
use crate::listen::{Listen, Socket};
use crate::report::Report;
use crate::text::word;

/// How long it may take to connect.
const CONNECT: Duration = Duration::from_secs(10);

pub(super) async fn serve(
    socket: Socket,
    shared: Arc<Shared>,
    mut ending: Ending,
    drain: Duration,
) -> io::Result<()> {
    let acceptor = shared.acceptor.clone();
    let max = usize::from(shared.max);
    match socket {
        Socket::Tcp(listener) => {
            listener.set_nonblocking(true)?;
            let listener = Listener::new(TcpListener::from_std(listener)?, acceptor);
            let mut listener = listener.into_ready(max);
            accept(async || listener.accept().await, shared, &mut ending, drain).await
        }
        Socket::Unix(listener) => {
            listener.set_nonblocking(true)?;
            let listener = Listener::new(UnixListener::from_std(listener)?, acceptor);
            let mut listener = listener.into_ready(max);
            accept(async || listener.accept().await, shared, &mut ending, drain).await
        }
        Socket::Udp(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

async fn accept<S>(
    mut next: impl AsyncFnMut() -> io::Result<Finished<S>>,
    shared: Arc<Shared>,
    ending: &mut Ending,
    drain: Duration,
) -> io::Result<()>
where
    S: Stream + AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut relays = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = ending.wait_for(|ends| *ends) => break,
            // What has ended makes room.
            Some(_) = relays.join_next() => {}
            accepted = next(), if relays.len() < usize::from(shared.max) => {
                let Finished { stream, peer, result, .. } = accepted?;
                let report = Report::new(&peer, &result);
                match result {
                    Ok(established) => {
                        let relay = relay(stream, peer, established, report, Arc::clone(&shared));
                        relays.spawn(relay);
                    }
                    Err(_) if report.is_quiet() => {}
                    Err(_) => shared.printer.say(report.to_string()),
                }
            }
        }
    }
    // Those that are still open when the time is up are dropped with the set.
    let _ = timeout(drain, async { while relays.join_next().await.is_some() {} }).await;
    Ok(())
}

/// Serves one connection. What goes wrong with it is said, and ends it alone.
async fn relay<S>(stream: S, peer: Endpoint, established: Established, report: Report, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let came = established.header();
    let header =
        header::encode(shared.out, came.as_ref(), established.source(), established.destination(), false);
    let line = match &came {
        Some(_) => report.to_string(),
        None => format!("{} without a header", word(&peer.to_string())),
    };
    let header = match header {
        Ok(header) => header,
        Err(error) => {
            return shared.printer.say(format!("{line}; not passed on: no header can be sent: {error}"));
        }
    };
    shared.printer.say(line);
    let passed = match &shared.to {
        Listen::Inet(addr) => pass(stream, TcpStream::connect(addr), &header).await,
        Listen::Path(path) => pass(stream, UnixStream::connect(path), &header).await,
        Listen::Abstract(name) => pass(stream, async { connect_abstract(name) }, &header).await,
        Listen::Udp(_) => Err(io::ErrorKind::Unsupported.into()),
    };
    if let Err(error) = passed {
        let peer = peer.to_string();
        shared.printer.complain(format!("{}: can't connect to {}: {error}", word(&peer), shared.to));
    }
}

/// Connects, sends the header, and copies in both directions until both have ended.
async fn pass<S, T>(
    mut stream: S,
    connect: impl Future<Output = io::Result<T>>,
    header: &[u8],
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut server = timeout(CONNECT, connect).await??;
    server.write_all(header).await?;
    // A reset by either side ends both, and is no error of ours.
    let _ = copy_bidirectional(&mut stream, &mut server).await;
    Ok(())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn connect_abstract(name: &str) -> io::Result<UnixStream> {
    use std::os::linux::net::SocketAddrExt;
    let addr = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    // It does not wait: the queue has room, or it fails.
    let stream = std::os::unix::net::UnixStream::connect_addr(&addr)?;
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn connect_abstract(_: &str) -> io::Result<UnixStream> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no abstract sockets"))
}
