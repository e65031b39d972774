//! Accepting, whole: servers of every kind on loopback, and the load they are put under.
//!
//! A server reads one byte, writes it back and closes, with a header before it where it reads one; or answers a request
//! by HTTP and closes. Servers are compared within their group, where all do the same work.

mod command;
mod http;
pub mod load;
pub mod ours;
mod peers;
mod process;
pub mod serve;
pub mod tables;

pub use process::{CLIENT_CPU, Process, SERVER_CPU, stay_on_cpu};

use std::collections::BTreeMap;
use std::time::Duration;

use crate::micro::inputs;

/// One kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    pub group: &'static str,
    pub what: &'static str,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Reads no header.
    Bare,
    /// Peeks at a header and reads it off without looking at it; the same server without is the one named.
    Blind(&'static str),
    /// Reads headers with realpeer; the same server without is the one named, of the same group.
    Ours(&'static str),
    /// Reads headers with something else.
    Peer(&'static str),
}

/// The results of one server.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    pub bursts: Vec<Burst>,
    pub wholes: Vec<Whole>,
    pub rates: Vec<Rate>,
    /// System calls a connection, by name.
    pub calls: BTreeMap<String, f64>,
    /// Instructions a connection that are the program's own, not the kernel's.
    pub instructions: Option<f64>,
}

/// Connections that all waited in the backlog when the server woke.
#[derive(Clone, Copy, Debug)]
pub struct Burst {
    pub count: u32,
    /// Until the last was answered and closed.
    pub took: Duration,
    /// The CPU time of the server.
    pub cpu: Duration,
}

/// Connections from clients on the server's own CPU, so that the whole connection is measured.
#[derive(Clone, Copy, Debug)]
pub struct Whole {
    pub count: u32,
    pub took: Duration,
}

/// Connections that came one by one, at even intervals.
#[derive(Clone, Debug)]
pub struct Rate {
    /// From when a connection was due to its answer, sorted.
    pub latencies: Vec<Duration>,
    pub cpu: Duration,
}

const TOKIO: &str = "tokio";
const THREADS: &str = "std, a thread each";
const ONE_THREAD: &str = "std, one thread";
const SMOL: &str = "smol";
const ASYNC_STD: &str = "async-std";
const GO: &str = "Go";
const HTTP: &str = "HTTP";

const fn server(group: &'static str, what: &'static str, kind: Kind) -> Server {
    Server { group, what, kind }
}

pub const SERVERS: [Server; 34] = [
    server(TOKIO, "bare", Kind::Bare),
    server(TOKIO, "bare, peek and read", Kind::Blind("bare")),
    server(TOKIO, "realpeer", Kind::Ours("bare")),
    server(TOKIO, "realpeer, ready listener", Kind::Ours("bare")),
    server(TOKIO, "bare, buffered", Kind::Bare),
    server(TOKIO, "realpeer, buffered", Kind::Ours("bare, buffered")),
    server(TOKIO, "proxy-protocol-rs", Kind::Peer("bare")),
    server(TOKIO, "proxy-header", Kind::Peer("bare")),
    server(THREADS, "bare", Kind::Bare),
    server(THREADS, "bare, peek and read", Kind::Blind("bare")),
    server(THREADS, "realpeer", Kind::Ours("bare")),
    server(THREADS, "bare, buffered", Kind::Bare),
    server(THREADS, "realpeer, buffered", Kind::Ours("bare, buffered")),
    server(THREADS, "proxy-header", Kind::Peer("bare")),
    server(ONE_THREAD, "bare", Kind::Bare),
    server(ONE_THREAD, "bare, peek and read", Kind::Blind("bare")),
    server(ONE_THREAD, "realpeer, ready listener", Kind::Ours("bare")),
    server(SMOL, "bare", Kind::Bare),
    server(SMOL, "bare, peek and read", Kind::Blind("bare")),
    server(SMOL, "realpeer", Kind::Ours("bare")),
    server(SMOL, "bare, buffered", Kind::Bare),
    server(SMOL, "realpeer, buffered", Kind::Ours("bare, buffered")),
    server(ASYNC_STD, "bare", Kind::Bare),
    server(ASYNC_STD, "realpeer", Kind::Ours("bare")),
    server(GO, "bare", Kind::Bare),
    server(GO, "go-proxyproto", Kind::Peer("bare")),
    server(HTTP, "hyper", Kind::Bare),
    server(HTTP, "hyper, realpeer", Kind::Ours("hyper")),
    server(HTTP, "HAProxy", Kind::Bare),
    server(HTTP, "HAProxy, accept-proxy", Kind::Peer("HAProxy")),
    server(HTTP, "nginx", Kind::Bare),
    server(HTTP, "nginx, proxy_protocol", Kind::Peer("nginx")),
    server(HTTP, "Go", Kind::Bare),
    server(HTTP, "Go, go-proxyproto", Kind::Peer("Go")),
];

impl Server {
    pub fn reads_header(&self) -> bool {
        self.kind != Kind::Bare
    }

    /// As it is named where it stands by itself.
    pub fn name(&self) -> String {
        format!("{}: {}", self.group, self.what)
    }

    /// The same without a header.
    pub fn bare(&self) -> Option<usize> {
        let (Kind::Blind(bare) | Kind::Ours(bare) | Kind::Peer(bare)) = self.kind else { return None };
        SERVERS.iter().position(|other| other.group == self.group && other.what == bare)
    }

    /// Those that read headers and do the same work.
    pub fn peers(&self) -> impl Iterator<Item = usize> {
        let same_work =
            |other: &Server| other.group == self.group || self.group == TOKIO && other.group == GO;
        let peers = SERVERS.iter().enumerate();
        peers
            .filter(move |(_, other)| matches!(other.kind, Kind::Peer(_)) && same_work(other))
            .map(|(at, _)| at)
    }

    /// Whether it is this program itself.
    pub fn is_itself(&self) -> bool {
        self.group != GO && (self.group != HTTP || self.what.starts_with("hyper"))
    }

    /// What a client sends.
    pub fn payload(&self, header: &[u8]) -> Vec<u8> {
        let request: &[u8] = if self.group == HTTP { b"GET / HTTP/1.0\r\n\r\n" } else { b"x" };
        let header = if self.reads_header() { header } else { b"" };
        [header, request].concat()
    }

    /// Whether that is what a client is to get.
    pub fn is_answer(&self, answer: &[u8]) -> bool {
        if self.group == HTTP {
            answer.starts_with(b"HTTP/1.") && answer.ends_with(b"\r\n\r\nx")
        } else {
            answer == b"x"
        }
    }
}

/// The headers that are sent: both versions in their usual shape.
pub fn header(version: u8) -> &'static [u8] {
    if version == 1 { inputs::v1_tcp4() } else { inputs::v2_tcp4() }
}
