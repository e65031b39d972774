//! The clients: good ones, which know what must come back, and others.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use realpeer::proto::{Encoder, Tlv, Version, kind};
use rustix::net::sockopt::{set_socket_linger, set_socket_reuseaddr};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect as connect_socket, socket_with};

use super::server::Digest;
use crate::client::random;

/// No client waits longer. It is never reached when all is well.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to `addr` from 127.`net`.x.y, where x and y take turns with the number: a source has some 28,000 ports.
pub fn connect(net: u8, number: u64, addr: SocketAddr) -> io::Result<TcpStream> {
    let source = Ipv4Addr::new(127, net, 1 + (number / 250 % 250) as u8, 1 + (number % 250) as u8);
    // Not for the servers that are started meanwhile.
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &SocketAddr::from((source, 0)))?;
    connect_socket(&socket, &addr)?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Ends the connection with a reset.
pub fn reset(stream: TcpStream) {
    set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    drop(stream);
}

/// A connection that must be served.
pub struct Good {
    number: u64,
    header: Vec<u8>,
    /// What the header says, or nothing where it has no addresses.
    source: Option<String>,
    payload: Vec<u8>,
    /// How much of it all is sent at first.
    first: usize,
}

impl Good {
    /// One of many kinds, always the same for a number.
    pub fn any(number: u64) -> Self {
        let mut state = number;
        let source = SocketAddr::from(([10, (number >> 16) as u8, (number >> 8) as u8, number as u8], 4711));
        let destination = "198.51.100.2:443".parse().unwrap();
        let padding = vec![0; 600];
        let tlvs = [Tlv::new(kind::UNIQUE_ID, b"a connection of this test"), Tlv::new(kind::NOOP, &padding)];
        let (encoder, source) = match random(&mut state) % 8 {
            0..2 => (Encoder::proxy(Version::V1, source, destination), Some(source)),
            2..4 => (Encoder::proxy(Version::V2, source, destination), Some(source)),
            4 => {
                let source = SocketAddr::from(([0x2001, 0xDB8, 0, 0, 0, 0, 1, number as u16], 4711));
                let destination = "[2001:db8::2]:443".parse().unwrap();
                (Encoder::proxy(Version::V1, source, destination), Some(source))
            }
            5 => {
                let encoder = Encoder::proxy(Version::V2, source, destination);
                (encoder.with_tlvs(&tlvs).with_crc32c(), Some(source))
            }
            6 => (Encoder::local(), None),
            _ => (Encoder::new(Version::V1, realpeer::proto::Addresses::Unspec), None),
        };
        let mut header = vec![0; 1000];
        let len = encoder.encode(&mut header).unwrap();
        header.truncate(len);
        // Now and then a large one; and what looks like another header is payload.
        let most = if random(&mut state) % 64 == 0 { 100_000 } else { 3000 };
        let mut payload = b"PROXY TCP4 192.0.2.66 192.0.2.67 6 7\r\n".to_vec();
        payload.resize(random(&mut state) as usize % most, number as u8);
        let all = header.len() + payload.len();
        let first = if random(&mut state) % 4 == 0 { 1 + random(&mut state) as usize % all } else { all };
        Self { number, header, source: source.map(|source| source.to_string()), payload, first }
    }

    /// A small one, with a header of version 2 or with none.
    pub fn small(number: u64, with_header: bool) -> Self {
        let source = "192.0.2.1:56324".parse().unwrap();
        let mut header = vec![0; if with_header { 28 } else { 0 }];
        if with_header {
            let destination = "198.51.100.2:443".parse().unwrap();
            Encoder::proxy(Version::V2, source, destination).encode(&mut header).unwrap();
        }
        let source = if with_header { source.to_string() } else { "-".to_owned() };
        let payload = b"good day".to_vec();
        Self { number, first: header.len() + payload.len(), header, source: Some(source), payload }
    }

    /// Sends it all, and says whether the right answer came.
    pub fn call(&self, addr: SocketAddr) -> io::Result<bool> {
        let mut stream = connect(0, self.number, addr)?;
        let mut all = [&self.header[..], &self.payload].concat();
        stream.write_all(&all[..self.first])?;
        stream.write_all(&all[self.first..])?;
        stream.shutdown(Shutdown::Write)?;
        let mut expected = Digest::default();
        expected.add(&self.payload);
        let expected = match &self.source {
            Some(source) => expected.answer(source),
            None => expected.answer(&stream.local_addr()?.to_string()),
        };
        all.clear();
        stream.read_to_end(&mut all)?;
        // Both sides are through: nothing is lost, and no port waits.
        reset(stream);
        Ok(all == expected.as_bytes())
    }
}

/// What must come of a connection that is not to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    Refused,
    Closed,
    Protocol,
    Io,
}

/// A connection that is not to be served: what it sends is no header, or not the whole of one, or it comes from where
/// nobody is trusted. Says what must come of it, and gives the connection back if it stays open.
pub fn bad(number: u64, addr: SocketAddr) -> io::Result<(Failure, Option<TcpStream>)> {
    let mut state = !number;
    let untrusted = random(&mut state) % 16 == 0;
    let mut stream = connect(untrusted.into(), number, addr)?;
    let (bytes, is_start) = garbage(&mut state);
    // The server may have hung up on an earlier byte.
    let _ = stream.write_all(&bytes);
    let way = random(&mut state) % 4;
    let failure = match (untrusted, bytes.is_empty(), way) {
        (true, ..) => Failure::Refused,
        (_, true, _) => Failure::Closed,
        (.., 0) if is_start => Failure::Io,
        _ => Failure::Protocol,
    };
    match way {
        0 => reset(stream),
        1 => drop(stream),
        2 => return Ok((failure, Some(stream))),
        _ => {
            let _ = stream.shutdown(Shutdown::Write);
            match stream.read(&mut [0]) {
                Ok(0) => {}
                Ok(_) => return Err(io::Error::other("it was answered")),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok((failure, None))
}

/// Bytes that do not begin with a header, and whether they are the start of one.
fn garbage(state: &mut u64) -> (Vec<u8>, bool) {
    const OTHERS: [&[u8]; 8] = [
        b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 80 65536\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 80 443\n",
        b"PROXY TCP6 192.0.2.1 192.0.2.2 80 443\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        b"\r\n\r\n\0\r\nQUIT\n\x22\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb",
    ];
    let mut header = Good::any(random(state)).header;
    let bytes = match random(state) % 6 {
        0 => Vec::new(),
        1 => {
            let mut bytes = vec![b'x'];
            bytes.resize_with(1 + random(state) as usize % 1000, || random(state) as u8);
            bytes
        }
        2 => OTHERS[random(state) as usize % OTHERS.len()].to_vec(),
        3 => [&b"PROXY UNKNOWN "[..], &[b'y'; 1000]].concat(),
        4 => {
            // In the signature, or in the first words, before any address.
            let at = random(state) as usize % 10;
            header[at] ^= 1 << (random(state) % 8);
            header
        }
        _ => {
            header.truncate(random(state) as usize % header.len());
            return (header, true);
        }
    };
    (bytes, false)
}
