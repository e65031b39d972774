//! The clients: one thread, which does not sleep while it measures, and checks every answer.

use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{RecvFlags, recv};

use super::{Burst, CLIENT_CPU, Process, Rate, SERVER_CPU, Server, Whole, stay_on_cpu};

/// No connection takes longer, and no server sleeps for so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is sent, and to whom.
#[derive(Clone, Debug)]
pub struct Load {
    pub server: Server,
    pub payload: Vec<u8>,
}

/// A connection from a client.
struct Connection {
    stream: TcpStream,
    due: Instant,
    answer: Vec<u8>,
}

/// The result of polling a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Nothing,
    Bytes,
    End,
}

impl Load {
    /// Opens `count` connections while the server sleeps, each with all it sends, and wakes it.
    pub fn burst(&self, process: &Process, count: u32) -> io::Result<Burst> {
        process.stop()?;
        let mut connections = self.open(process.port, count)?;
        let (began, cpu) = (Instant::now(), process.cpu()?);
        process.go_on()?;
        for connection in &mut connections {
            self.finish(connection, RecvFlags::DONTWAIT)?;
        }
        let took = began.elapsed();
        process.stop()?;
        Ok(Burst { count, took, cpu: process.cpu()? - cpu })
    }

    /// Opens `count` connections from the server's own CPU, `together` of them at a time, and sleeps while it waits for
    /// their answers.
    pub fn whole(&self, process: &Process, count: u32, together: u32) -> io::Result<Whole> {
        process.go_on()?;
        stay_on_cpu(SERVER_CPU)?;
        let began = Instant::now();
        for _ in 0..count / together {
            for connection in &mut self.open(process.port, together)? {
                connection.stream.set_read_timeout(Some(PATIENCE))?;
                self.finish(connection, RecvFlags::empty())?;
            }
        }
        let took = began.elapsed();
        stay_on_cpu(CLIENT_CPU)?;
        process.stop()?;
        Ok(Whole { count, took })
    }

    /// Opens `count` connections, so many a second, however long the answers take.
    pub fn at_rate(&self, process: &Process, count: u32, per_second: u32) -> io::Result<Rate> {
        let cpu = process.cpu()?;
        process.go_on()?;
        let start = Instant::now();
        let mut open: Vec<Connection> = Vec::new();
        let mut latencies = Vec::new();
        let mut next = 0;
        while next < count || !open.is_empty() {
            let due = start + Duration::from_secs(1) * next / per_second;
            if next < count && Instant::now() >= due {
                open.push(self.connect(process.port, due)?);
                next += 1;
            }
            let mut error = None;
            open.retain_mut(|connection| match connection.look(RecvFlags::DONTWAIT) {
                Ok(Seen::Nothing) => connection.due.elapsed() < PATIENCE,
                Ok(Seen::Bytes) => {
                    if self.server.is_answer(&connection.answer) {
                        latencies.push(connection.due.elapsed());
                    }
                    true
                }
                Ok(Seen::End) => false,
                Err(failed) => {
                    error = Some(failed);
                    false
                }
            });
            if let Some(error) = error {
                return Err(error);
            }
        }
        if latencies.len() != count as usize {
            return Err(io::Error::other(format!("{} of {count} answers are right", latencies.len())));
        }
        process.stop()?;
        latencies.sort();
        Ok(Rate { latencies, cpu: process.cpu()? - cpu })
    }

    fn open(&self, port: u16, count: u32) -> io::Result<Vec<Connection>> {
        (0..count).map(|_| self.connect(port, Instant::now())).collect()
    }

    fn connect(&self, port: u16, due: Instant) -> io::Result<Connection> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        // The server closes first. A reset then spares both ends what they would keep of the connection for a minute.
        set_socket_linger(&stream, Some(Duration::ZERO))?;
        if rustix::net::send(&stream, &self.payload, rustix::net::SendFlags::empty())? != self.payload.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(Connection { stream, due, answer: Vec::new() })
    }

    fn finish(&self, connection: &mut Connection, flags: RecvFlags) -> io::Result<()> {
        while connection.look(flags)? != Seen::End {
            if connection.due.elapsed() > PATIENCE {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        if !self.server.is_answer(&connection.answer) {
            let answer = connection.answer.escape_ascii();
            return Err(io::Error::other(format!("{} answers \"{answer}\"", self.server.name())));
        }
        Ok(())
    }
}

impl Connection {
    fn look(&mut self, flags: RecvFlags) -> io::Result<Seen> {
        let mut buffer = [0; 1024];
        match recv(&self.stream, &mut buffer, flags) {
            Ok((0, _)) => Ok(Seen::End),
            Ok((len, _)) => {
                self.answer.extend_from_slice(&buffer[..len]);
                Ok(Seen::Bytes)
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(Seen::Nothing),
            Err(error) => Err(error.into()),
        }
    }
}
