//! A client of PostgreSQL's protocol, version 3: as much of it as the tests need, from an address of choice.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use realpeer_tests::harness::{PATIENCE, connect_from};

/// A session.
pub(crate) struct Session {
    stream: TcpStream,
    address: SocketAddr,
    /// What a request to cancel must name.
    key: [u8; 8],
    /// The names of the last answer's columns.
    columns: Vec<String>,
}

type Rows = Vec<Vec<String>>;

impl Session {
    /// Logs in. An error is what the server says.
    pub(crate) fn open(to: SocketAddr, from: IpAddr, user: &str, database: &str) -> Result<Self, String> {
        Self::open_on(connect_from(from, to), &[], user, database)
    }

    /// Logs in over a connection that begins with these pieces, as a proxy would send them.
    pub(crate) fn open_on(
        stream: TcpStream,
        pieces: &[&[u8]],
        user: &str,
        database: &str,
    ) -> Result<Self, String> {
        send_pieces(&stream, pieces);
        let address = stream.local_addr().unwrap();
        let mut session = Self { stream, address, key: [0; 8], columns: Vec::new() };
        let mut body = 0x0003_0000_u32.to_be_bytes().to_vec();
        for text in ["user", user, "database", database, "application_name", "test"] {
            body.extend(text.as_bytes());
            body.push(0);
        }
        body.push(0);
        session.send(&[&length(&body)[..], &body].concat());
        session.answer().map(|_| session)
    }

    /// Its own address, as the proxy sees it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks, and returns the rows as text.
    pub(crate) fn query(&mut self, sql: &str) -> Result<Rows, String> {
        self.begin(sql);
        self.answer()
    }

    /// The first field of the first row.
    pub(crate) fn value(&mut self, sql: &str) -> String {
        self.query(sql).unwrap()[0][0].clone()
    }

    /// Asks, and returns these columns of each row.
    pub(crate) fn columns<const N: usize>(&mut self, sql: &str, names: [&str; N]) -> Vec<[String; N]> {
        let rows = self.query(sql).unwrap();
        let at = names.map(|name| self.columns.iter().position(|column| column == name).unwrap());
        rows.into_iter().map(|row| at.map(|at| row[at].clone())).collect()
    }

    /// Asks, without waiting for the answer.
    pub(crate) fn begin(&mut self, sql: &str) {
        let body = [sql.as_bytes(), &[0]].concat();
        self.send(&[&b"Q"[..], &length(&body), &body].concat());
    }

    /// The answer to what was asked.
    pub(crate) fn answer(&mut self) -> Result<Rows, String> {
        let (mut rows, mut error) = (Rows::new(), None);
        loop {
            let (kind, body) = self.message().map_err(|closed| error.take().unwrap_or(closed.to_string()))?;
            match kind {
                b'D' => rows.push(row(&body)),
                b'E' => {
                    let text = body.split(|&byte| byte == 0).find_map(|field| field.strip_prefix(b"M"));
                    error = Some(String::from_utf8_lossy(text.unwrap_or_default()).into_owned());
                }
                b'K' => self.key.copy_from_slice(&body[..8]),
                b'R' => assert_eq!(&body[..4], [0; 4], "a way to log in that needs a password"),
                b'T' => self.columns = names(&body),
                b'Z' => return error.map_or(Ok(rows), Err),
                _ => {}
            }
        }
    }

    /// Asks for the query that runs to be cancelled, over a connection of its own as the protocol wants it. Returns the
    /// address of that connection, which is closed by then.
    pub(crate) fn cancel(&self, to: SocketAddr) -> SocketAddr {
        let stream = connect_from(self.address.ip(), to);
        let address = stream.local_addr().unwrap();
        self.cancel_on(stream, &[]);
        address
    }

    /// Asks so over a connection that begins with these pieces.
    pub(crate) fn cancel_on(&self, mut stream: TcpStream, pieces: &[&[u8]]) {
        send_pieces(&stream, pieces);
        let body = [&80_877_102_u32.to_be_bytes()[..], &self.key].concat();
        stream.write_all(&[&length(&body)[..], &body].concat()).unwrap();
        let _ = stream.read(&mut [0]);
    }

    fn send(&mut self, bytes: &[u8]) {
        // A server that is about to refuse may be gone already. The answer tells.
        let _ = self.stream.write_all(bytes);
    }

    fn message(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head)?;
        let len = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4;
        let mut body = vec![0; len];
        self.stream.read_exact(&mut body)?;
        Ok((head[0], body))
    }
}

fn send_pieces(mut stream: &TcpStream, pieces: &[&[u8]]) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in pieces {
        stream.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn length(body: &[u8]) -> [u8; 4] {
    (u32::try_from(body.len()).unwrap() + 4).to_be_bytes()
}

fn names(body: &[u8]) -> Vec<String> {
    let (mut names, mut rest) = (Vec::new(), &body[2..]);
    while let Some(end) = rest.iter().position(|&byte| byte == 0) {
        names.push(String::from_utf8(rest[..end].to_vec()).unwrap());
        rest = &rest[end + 1 + 18..]; // its table, type and format
    }
    names
}

fn row(mut body: &[u8]) -> Vec<String> {
    let mut fields = Vec::new();
    let mut take = |n: usize| {
        let (taken, rest) = body.split_at(n);
        body = rest;
        taken.to_vec()
    };
    let count = u16::from_be_bytes(take(2).try_into().unwrap());
    for _ in 0..count {
        let len = i32::from_be_bytes(take(4).try_into().unwrap());
        let bytes = take(usize::try_from(len).unwrap_or(0));
        fields.push(String::from_utf8(bytes).unwrap());
    }
    fields
}
