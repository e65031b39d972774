//! UDP: a socket for each sender, so that answers find their way back.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use realpeer::Endpoint;
use realpeer::tokio::recv_from;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Ending, Shared, header};
use crate::listen::Listen;
use crate::report::Report;

/// A sender that has been silent for so long, and has got no answer, is forgotten.
const IDLE: Duration = Duration::from_secs(60);

/// The proxy's address, and that of the client behind it.
type Who = (SocketAddr, String);

pub(super) async fn serve(
    socket: std::net::UdpSocket,
    shared: Arc<Shared>,
    mut ending: Ending,
) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let socket = Arc::new(UdpSocket::from_std(socket)?);
    let local = Endpoint::from(socket.local_addr()?);
    let Listen::Udp(to) = shared.to else { return Err(io::ErrorKind::Unsupported.into()) };
    let mut senders: HashMap<Who, Sender<Vec<u8>>> = HashMap::new();
    let mut sessions = JoinSet::new();
    let mut buffer = vec![0; 65_535];
    loop {
        let received = tokio::select! {
            biased;
            _ = ending.wait_for(|ends| *ends) => return Ok(()),
            Some(ended) = sessions.join_next() => {
                if let Ok(who) = ended {
                    senders.remove(&who);
                }
                continue;
            }
            received = recv_from(&shared.acceptor, &socket, &mut buffer) => received,
        };
        let (datagram, peer) = match received {
            Ok(received) => received,
            Err(error) if is_passing(&error) => continue,
            Err(error) => return Err(error),
        };
        let report = Report::datagram(&peer.into(), &local, &datagram);
        let Ok(datagram) = datagram else {
            shared.printer.say(report.to_string());
            continue;
        };
        let came = datagram.header();
        let destination = datagram.destination().unwrap_or_else(|| local.as_address());
        let encoded = header::encode(shared.out, came.as_ref(), datagram.source(), Some(destination), true);
        let mut bytes = match encoded {
            Ok(header) => header,
            Err(error) => {
                shared.printer.say(format!("{peer}; not passed on: no header can be sent: {error}"));
                continue;
            }
        };
        bytes.extend_from_slice(datagram.payload());
        let who = (peer, came.map_or_else(String::new, |_| datagram.source().to_string()));
        if !senders.contains_key(&who) {
            if senders.len() >= usize::from(shared.max) {
                shared.printer.complain(format!("{peer}: too many senders (--max {}), dropped", shared.max));
                continue;
            }
            shared.printer.say(match came {
                Some(_) => report.to_string(),
                None => format!("{peer} without a header"),
            });
            let (sender, datagrams) = channel(64);
            senders.insert(who.clone(), sender);
            let shared = Arc::clone(&shared);
            let session = session(Arc::clone(&socket), peer, to, datagrams);
            let ended = who.clone();
            sessions.spawn(async move {
                if let Err(error) = session.await {
                    shared.printer.complain(format!("{peer}: {error}"));
                }
                ended
            });
        }
        if let Some(sender) = senders.get(&who) {
            // Datagrams may be lost: those that come too fast are.
            let _ = sender.try_send(bytes);
        }
    }
}

/// Passes on the datagrams of one sender, and the answers to it.
async fn session(
    socket: Arc<UdpSocket>,
    peer: SocketAddr,
    to: SocketAddr,
    mut datagrams: Receiver<Vec<u8>>,
) -> io::Result<()> {
    let any = if to.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    let server = UdpSocket::bind((any, 0)).await?;
    server.connect(to).await?;
    let mut buffer = vec![0; 65_535];
    loop {
        let sent = timeout(IDLE, async {
            tokio::select! {
                Some(datagram) = datagrams.recv() => server.send(&datagram).await.map(|_| ()),
                answer = server.recv(&mut buffer) => {
                    let answer = buffer.get(..answer?).unwrap_or_default();
                    socket.send_to(answer, peer).await.map(|_| ())
                }
            }
        });
        match sent.await {
            Err(_) => return Ok(()),
            Ok(Err(error)) if !is_passing(&error) => return Err(error),
            Ok(_) => {}
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable,
    };
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionReset | HostUnreachable | Interrupted | NetworkUnreachable
    )
}
