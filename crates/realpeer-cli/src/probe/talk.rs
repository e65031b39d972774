//! One connection to the server: what is sent, and what comes back.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::judge::{Answer, End};

/// A server that can be connected to.
pub(super) struct Server {
    name: String,
    addr: SocketAddr,
    timeout: Duration,
}

/// How long a server may pause within its answer.
const PAUSE: Duration = Duration::from_millis(300);
/// How long the pause between two pieces of a header is.
const BETWEEN_PIECES: Duration = Duration::from_millis(150);
/// How much of an answer is read.
const MAX_ANSWER: usize = 16 << 10;

impl Server {
    /// Finds the first of its addresses that can be connected to.
    ///
    /// # Errors
    ///
    /// The name has no port, has no address, or none of its addresses can be connected to.
    pub(super) fn find(name: &str, timeout: Duration) -> anyhow::Result<Self> {
        let Some((host, _)) = name.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()) else {
            bail!("{name:?}: want HOST:PORT, such as 10.0.0.5:80 or www.example.com:443");
        };
        let context = || format!("can't connect to {name}");
        let mut failed = None;
        for addr in name.to_socket_addrs().with_context(context)? {
            match TcpStream::connect_timeout(&addr, timeout.max(Duration::from_secs(2))) {
                Ok(_) => {
                    let host = host.trim_start_matches('[').trim_end_matches(']');
                    return Ok(Self { name: host.into(), addr, timeout });
                }
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) => Err(error).with_context(context),
            None => bail!("{name}: the name has no address"),
        }
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its name, without the port.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Sends the pieces on a connection of their own, and reads what comes back until the server is quiet.
    ///
    /// # Errors
    ///
    /// If it can't be connected to any more.
    pub(super) fn talk(&self, pieces: &[Vec<u8>]) -> anyhow::Result<Answer> {
        let connect = TcpStream::connect_timeout(&self.addr, self.timeout.max(Duration::from_secs(2)));
        let mut stream = connect.with_context(|| format!("can't connect to {}", self.addr))?;
        stream.set_nodelay(true)?;
        for (index, piece) in pieces.iter().enumerate() {
            if index > 0 {
                thread::sleep(BETWEEN_PIECES);
            }
            // A server that has closed has answered.
            if stream.write_all(piece).is_err() {
                break;
            }
        }
        let local = stream.local_addr()?;
        let (bytes, end) = self.read(&mut stream)?;
        Ok(Answer { bytes, end, local: Some(local) })
    }

    fn read(&self, stream: &mut TcpStream) -> anyhow::Result<(Vec<u8>, End)> {
        let mut deadline = Instant::now() + self.timeout;
        // A server that sends without end is not listened to without end.
        let latest = deadline + self.timeout;
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        while bytes.len() < MAX_ANSWER {
            let left = deadline.min(latest).saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            stream.set_read_timeout(Some(left))?;
            match stream.read(&mut buffer) {
                Ok(0) => return Ok((bytes, End::Closed)),
                Ok(len) => {
                    bytes.extend_from_slice(buffer.get(..len).unwrap_or_default());
                    deadline = Instant::now() + PAUSE;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(_) => return Ok((bytes, End::Reset)),
            }
        }
        Ok((bytes, End::Open))
    }
}
