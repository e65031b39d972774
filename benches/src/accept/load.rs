//! The clients: a bounded number at a time, each connecting anew, from addresses that take turns.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use super::Speaks;

#[derive(Clone, Debug)]
pub struct Load {
    pub port: u16,
    pub payload: Vec<u8>,
    pub speaks: Speaks,
    /// How many connections in all, and how many at a time.
    pub connections: u32,
    pub concurrency: u32,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub took: Duration,
    /// From the first packet to the answer, of each connection, sorted.
    pub latencies: Vec<Duration>,
}

impl Outcome {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    pub fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    pub fn percentile(&self, percent: usize) -> f64 {
        self.latencies[(self.latencies.len() * percent / 100).min(self.latencies.len() - 1)].as_secs_f64()
            * 1e6
    }
}

/// Puts a server under load; every connection must be answered.
pub async fn run(load: &Load) -> io::Result<Outcome> {
    let load = Arc::new(load.clone());
    let next = Arc::new(AtomicU32::new(0));
    let start = Instant::now();
    let clients: Vec<_> = (0..load.concurrency)
        .map(|_| {
            let (load, next) = (Arc::clone(&load), Arc::clone(&next));
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= load.connections {
                        return io::Result::Ok(latencies);
                    }
                    latencies.push(tokio::time::timeout(Duration::from_secs(10), one(&load, number)).await??);
                }
            })
        })
        .collect();
    let mut outcome = Outcome::default();
    for client in clients {
        outcome.latencies.extend(client.await??);
    }
    outcome.took = start.elapsed();
    outcome.latencies.sort();
    Ok(outcome)
}

async fn one(load: &Load, number: u32) -> io::Result<Duration> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    #[expect(clippy::cast_possible_truncation, reason = "two bytes of it")]
    let source = Ipv4Addr::new(127, 0, 1 + (number / 250 % 8) as u8, 1 + (number % 250) as u8);
    socket.bind(SocketAddr::from((source, 0)))?;
    let start = Instant::now();
    let mut stream = socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, load.port))).await?;
    stream.write_all(&load.payload).await?;
    match load.speaks {
        Speaks::Byte => {
            let mut answer = [0];
            stream.read_exact(&mut answer).await?;
            if answer != *b"x" {
                return Err(io::Error::other("another byte came back"));
            }
        }
        Speaks::Http => {
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            if !answer.starts_with(b"HTTP/1.") || !answer.ends_with(b"\r\n\r\nx") {
                return Err(io::Error::other(answer.escape_ascii().to_string()));
            }
        }
    }
    Ok(start.elapsed())
}
