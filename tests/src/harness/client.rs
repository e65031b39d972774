//! Clients: plain ones here, and the Python one.

use std::fmt::Debug;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};

use super::{PATIENCE, Process};

/// Every IPv4 client of HAProxy comes from here, so that it can't be taken for HAProxy.
const CLIENT_IPV4: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77));

/// A connection to `127.0.0.1:8080`, `[::1]:8080` or `unix:/path`.
#[derive(Debug)]
pub struct Client {
    socket: Socket,
    address: String,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Client {
    /// Connects.
    pub fn connect(to: &str) -> Self {
        if let Some(path) = to.strip_prefix("unix:") {
            let stream = UnixStream::connect(path).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.set_write_timeout(Some(PATIENCE)).unwrap();
            return Self { socket: Socket::Unix(stream), address: "unix:".to_owned() };
        }
        let to: SocketAddr = to.parse().unwrap();
        let from = if to.is_ipv4() { CLIENT_IPV4 } else { to.ip() };
        let stream = connect_from(from, to);
        let address = stream.local_addr().unwrap().to_string();
        Self { socket: Socket::Tcp(stream), address }
    }

    /// Its own address; `unix:` for a UNIX socket, which has none.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its own address without the port.
    pub fn ip(&self) -> IpAddr {
        self.socket_address().ip()
    }

    /// Its own port.
    pub fn port(&self) -> u16 {
        self.socket_address().port()
    }

    /// Sends [`payload`] and reads it back, byte for byte.
    #[track_caller]
    pub fn echo(&self) {
        match &self.socket {
            Socket::Tcp(stream) => echo(stream, &payload()),
            Socket::Unix(stream) => echo(stream, &payload()),
        }
    }

    fn socket_address(&self) -> SocketAddr {
        self.address.parse().unwrap()
    }
}

/// Some 200 kB that look like another header at first and then have every byte in them.
pub fn payload() -> Vec<u8> {
    let mut payload = b"PROXY TCP4 192.0.2.66 192.0.2.67 6 7\r\n".to_vec();
    payload.extend(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c");
    payload.extend((0..200_000_u32).map(|i| (i % 251 + i / 251) as u8));
    payload
}

/// Connects from this address, any port.
pub fn connect_from(from: IpAddr, to: SocketAddr) -> TcpStream {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    // Not for the programs that other tests start meanwhile.
    let fd = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    bind(&fd, &SocketAddr::new(from, 0)).unwrap();
    connect(&fd, &to).unwrap();
    let stream = TcpStream::from(fd);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// What comes until the other side closes or resets the connection.
pub fn until_closed(mut stream: &TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    match stream.read_to_end(&mut received) {
        Ok(_) => received,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => received,
        Err(error) => panic!("waited in vain for the connection's end: {error}"),
    }
}

/// Ends the connection with a reset.
pub fn reset(stream: TcpStream) {
    set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    drop(stream);
}

#[track_caller]
fn echo<S>(stream: &S, payload: &[u8])
where
    S: Sync + Debug,
    for<'a> &'a S: Read + Write,
{
    let mut received = vec![0; payload.len()];
    let (sent, read): (io::Result<()>, io::Result<()>) = thread::scope(|scope| {
        let sender = scope.spawn(|| { stream }.write_all(payload));
        let read = { stream }.read_exact(&mut received);
        (sender.join().unwrap(), read)
    });
    sent.unwrap_or_else(|error| panic!("sending to {stream:?}: {error}"));
    read.unwrap_or_else(|error| panic!("reading the echo from {stream:?}: {error}"));
    assert!(received == payload, "the echo differs");
}

/// What `clients/client.py` printed.
#[derive(Debug)]
pub struct PythonClient {
    /// Its own address.
    pub address: String,
    /// The TLS version and cipher suite it saw, if it spoke TLS.
    pub tls: Option<(String, String)>,
    /// The line that came back.
    pub echo: String,
}

/// Sends `line` to `to` with `clients/client.py`.
pub fn python_client(to: &str, line: &str, options: &[&str]) -> PythonClient {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/client.py");
    let mut command = Command::new("python3");
    command.arg(script).args([to, line]).args(options);
    let python = Process::start("client.py", &mut command, "`./ci.sh interop` installs python3");
    let lines = python.stdout.to_end();
    let find = |name| lines.iter().find_map(|line: &String| line.strip_prefix(name));
    PythonClient {
        address: find("address ").expect("client.py prints its address").to_owned(),
        tls: find("tls ").map(|tls| {
            let (version, cipher) = tls.split_once(' ').unwrap();
            (version.to_owned(), cipher.to_owned())
        }),
        echo: find("echo ").expect("client.py prints the echo").to_owned(),
    }
}
