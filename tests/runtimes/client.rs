//! The proxies of the suite: plain sockets of std, and what they send.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net as unix;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;
use std::{env, fs, iter, process};

use realpeer::{Acceptor, Endpoint, Trust};
use rustix::net::sockopt::{set_ipv6_v6only, set_socket_linger};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketType, bind, connect as connect_socket, listen, socket,
};

/// A header of version 1.
pub const V1: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";

/// The same in version 2.
pub const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb";

/// The same for datagrams.
pub const V2_DGRAM: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb";

/// The version 2 header of a health check.
pub const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// The source that [`V1`] and [`V2`] name.
pub const SOURCE: &str = "192.0.2.1:56324";

/// The most that a datagram can hold over IPv4.
pub const LONGEST_DATAGRAM: usize = 65_507;

/// No client waits longer for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Accepts everybody, and gives them more time than any of them takes.
pub fn acceptor() -> Acceptor {
    Acceptor::new(Trust::anyone()).with_timeout(2 * PATIENCE)
}

/// A listener on a port of its own, with a backlog that a crowd fits in.
pub fn listener() -> (TcpListener, SocketAddr) {
    listener_at("127.0.0.1:0".parse().unwrap())
}

/// The same, at that address; if it is one of IPv6, IPv4 clients may come too.
pub fn listener_at(addr: SocketAddr) -> (TcpListener, SocketAddr) {
    let family = if addr.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = socket(family, SocketType::STREAM, None).unwrap();
    if addr.is_ipv6() {
        set_ipv6_v6only(&socket, false).unwrap();
    }
    bind(&socket, &addr).unwrap();
    listen(&socket, 4096).unwrap();
    let listener = TcpListener::from(socket);
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// A UDP socket at that address, with a port of its own if that is 0; if it is one of IPv6, IPv4 clients may come too.
pub fn udp_at(addr: SocketAddr) -> (UdpSocket, SocketAddr) {
    let family = if addr.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = socket(family, SocketType::DGRAM, None).unwrap();
    if addr.is_ipv6() {
        set_ipv6_v6only(&socket, false).unwrap();
    }
    bind(&socket, &addr).unwrap();
    let socket = UdpSocket::from(socket);
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let addr = socket.local_addr().unwrap();
    (socket, addr)
}

/// A UDP socket at 127.0.0.`host`.
pub fn udp(host: u8) -> (UdpSocket, SocketAddr) {
    udp_at(SocketAddr::from(([127, 0, 0, host], 0)))
}

/// A datagram socket in the place of a listening one, as a mistake in socket activation hands it over: it is readable, and
/// each accept fails at once.
pub fn no_listener() -> TcpListener {
    let ((socket, addr), (client, _)) = (udp(1), udp(1));
    client.send_to(b"so that it is readable", addr).unwrap();
    TcpListener::from(OwnedFd::from(socket))
}

/// A connection to `addr`.
pub fn connect(addr: SocketAddr) -> TcpStream {
    prepared(TcpStream::connect(addr).unwrap())
}

/// A connection to `addr` from 127.0.0.`host`.
pub fn connect_from(host: u8, addr: SocketAddr) -> TcpStream {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddr::from(([127, 0, 0, host], 0))).unwrap();
    connect_socket(&socket, &addr).unwrap();
    prepared(socket.into())
}

/// The last byte of an IPv4 address, by which policies of the suite tell clients apart.
pub fn host(peer: &Endpoint) -> Option<u8> {
    match peer.as_address().ip() {
        Some(IpAddr::V4(ip)) if ip != Ipv4Addr::UNSPECIFIED => Some(ip.octets()[3]),
        _ => None,
    }
}

/// The endpoint that a server sees.
pub fn endpoint(client: &TcpStream) -> Endpoint {
    client.local_addr().unwrap().into()
}

/// A connection on which those bytes have been sent.
pub fn connect_and_send(addr: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(addr);
    stream.write_all(bytes).unwrap();
    stream
}

/// A way for a client to leave. What it gives back is to be kept open.
pub type Leave = fn(TcpStream) -> Option<TcpStream>;

/// No more bytes will come.
pub const HALF_CLOSE: Leave = |client| {
    client.shutdown(Shutdown::Write).unwrap();
    Some(client)
};

/// A reset instead of an orderly close.
pub const RESET: Leave = |client| {
    set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
    None
};

/// Whether the server has closed the connection, or does so in time.
pub fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(n) => n == 0,
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

/// The bytes in at most a score of pieces of odd lengths, the same for the same seed.
pub fn pieces(bytes: &[u8], seed: u64) -> impl Iterator<Item = &[u8]> {
    let most = (bytes.len() / 6).max(17) as u64;
    let mut state = seed;
    let mut rest = bytes;
    iter::from_fn(move || {
        let len = usize::try_from(1 + random(&mut state) % most).unwrap().min(rest.len());
        let (piece, others) = rest.split_at(len);
        rest = others;
        (!piece.is_empty()).then_some(piece)
    })
}

/// A random number: the generator is `SplitMix64`.
pub fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Sends pieces with pauses between them, so that most of them reach the server separately.
pub fn send_in_pieces(stream: &mut impl Write, bytes: &[u8], seed: u64) -> io::Result<()> {
    for piece in pieces(bytes, seed) {
        stream.write_all(piece)?;
        sleep(Duration::from_micros(300));
    }
    Ok(())
}

/// Waits until exactly this many bytes have arrived at a socket and not been read.
pub fn wait_for_unread(socket: impl AsFd, len: u64) {
    while rustix::io::ioctl_fionread(&socket).unwrap() != len {
        sleep(Duration::from_millis(1));
    }
}

/// The name of a UNIX socket that nobody else has.
pub fn unix_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("realpeer-test-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A path for a UNIX socket, which is removed in the end.
pub struct UnixPath(PathBuf);

impl UnixPath {
    pub fn new() -> Self {
        Self(env::temp_dir().join(unix_name()))
    }
}

impl AsRef<Path> for UnixPath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for UnixPath {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A connection to a UNIX socket.
pub fn connect_unix(addr: &unix::SocketAddr) -> unix::UnixStream {
    let stream = unix::UnixStream::connect_addr(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A connection to a UNIX socket from one with an abstract name.
pub fn connect_unix_from(name: &str, addr: &unix::SocketAddr) -> unix::UnixStream {
    let socket: OwnedFd = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap()).unwrap();
    let addr = match addr.as_pathname() {
        Some(path) => SocketAddrUnix::new(path),
        None => SocketAddrUnix::new_abstract_name(addr.as_abstract_name().unwrap()),
    };
    connect_socket(&socket, &addr.unwrap()).unwrap();
    socket.into()
}

fn prepared(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}
