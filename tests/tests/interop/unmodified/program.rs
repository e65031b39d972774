//! A program that knows nothing of PROXY headers, started so that it sees its clients' addresses, and asked for them.

use std::fmt;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use realpeer_tests::harness::{Server, Setup, connect_from, free_address, free_port, v1, v2};

use crate::unmodified::launch;

/// The proxy's own address, which no server has.
const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 77);
/// Long enough for the server to accept a connection whose header is not complete.
const PAUSE: Duration = Duration::from_millis(60);

/// How to start a program, and how to learn from it who its client is.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) setup: Setup,
    /// Waits until it serves, where listening is not enough.
    pub(crate) ready: fn(&Server),
    /// Asks over a connection whose header has been sent. None if the program won't serve it.
    pub(crate) ask: fn(&Server, &TcpStream) -> Option<Seen>,
    /// What is otherwise than it should be.
    pub(crate) otherwise: &'static [Otherwise],
}

/// Who the program takes its client for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// IPv4-mapped addresses are given as IPv4.
    ip: IpAddr,
    /// None if the program doesn't tell.
    port: Option<u16>,
}

/// An exception, with the reason.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Otherwise {
    pub(crate) on: Listener,
    pub(crate) source: Source,
    pub(crate) outcome: Outcome,
    /// For the page.
    pub(crate) why: &'static str,
    /// What is then written on stderr, if anything is.
    pub(crate) message: Option<&'static str>,
}

/// Of programs whose buffer for an address has the size of an IPv4 address.
pub(crate) const NO_ROOM: Otherwise = Otherwise {
    on: Listener::V4,
    source: Source::V6,
    outcome: Outcome::Refused,
    why: "it has no room for the address, so the connection is closed, and the log says: \
        `closed: the program has no room for an IPv6 source; let it listen on [::]`",
    message: Some("closed: the program has no room for an IPv6 source; let it listen on [::]"),
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It sees the client's address, and its port if it tells ports.
    Seen,
    /// It sees the proxy, or somebody else.
    Wrong,
    /// The connection is closed.
    Refused,
}

/// Where the program listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listener {
    V4,
    V6,
}

/// Whose address the header carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    V4,
    V6,
}

/// How the header travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Whole,
    /// The first part has this many bytes.
    At(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

pub(crate) const CUTS: [Cut; 3] = [Cut::Whole, Cut::At(10), Cut::At(27)];
pub(crate) const COLUMNS: [(Version, Source); 4] = [
    (Version::V1, Source::V4),
    (Version::V1, Source::V6),
    (Version::V2, Source::V4),
    (Version::V2, Source::V6),
];

/// What became of one program's clients.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    pub(crate) tells_port: bool,
    /// On an IPv4 and on an IPv6 listener, in the order of [`COLUMNS`]: the outcome for each of [`CUTS`], and why.
    pub(crate) cells: Vec<(Vec<Outcome>, Option<&'static str>)>,
}

impl Program {
    /// Starts the program twice, on an IPv4 and on an IPv6 listener, and asks it with each header. All must be as
    /// expected.
    pub(crate) fn try_all(&self) -> Row {
        let mut row = Row { name: self.name, version: String::new(), tells_port: false, cells: Vec::new() };
        let mut surprises = Vec::new();
        for on in [Listener::V4, Listener::V6] {
            let mut server = self.start(on);
            row.version.clone_from(&server.version);
            let real = self.try_local(&server);
            row.tells_port = real.port.is_some();
            let mut port = 40_000;
            for (version, source) in COLUMNS {
                let otherwise = self.otherwise.iter().find(|other| other.on == on && other.source == source);
                let expected = otherwise.map_or(Outcome::Seen, |other| other.outcome);
                let outcomes: Vec<Outcome> = CUTS
                    .iter()
                    .map(|&cut| {
                        port += 1;
                        let (outcome, seen) = self.try_one(&server, version, source.at(port), cut);
                        if outcome != expected {
                            surprises.push(format!(
                                "{on:?}, {version:?}, {source:?}, {cut:?}: {outcome}: {seen:?}"
                            ));
                        }
                        outcome
                    })
                    .collect();
                if let Some(message) = otherwise.and_then(|other| other.message) {
                    server.process.stderr.find(message, |line| line.contains(message));
                }
                row.cells.push((outcomes, otherwise.map(|other| other.why)));
            }
            assert_eq!(server.process.ended(), None, "{} has ended", self.name);
        }
        assert!(surprises.is_empty(), "{} {}: {surprises:#?}", self.name, row.version);
        row
    }

    fn start(&self, on: Listener) -> Server {
        let address = match on {
            Listener::V4 => free_address(),
            Listener::V6 => free_port(Ipv6Addr::LOCALHOST),
        };
        let launcher = launch::words(address);
        let launcher: Vec<&str> = launcher.iter().map(String::as_str).collect();
        let server = self.setup.start_at(address, &launcher, &[("{variables}", launch::VARIABLES)]);
        (self.ready)(&server);
        server
    }

    /// With a LOCAL header the program sees the proxy itself: it tells the truth.
    fn try_local(&self, server: &Server) -> Seen {
        let stream = connect(server);
        let own = stream.local_addr().unwrap();
        (&stream).write_all(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").unwrap();
        let seen = (self.ask)(server, &stream).unwrap_or_else(|| panic!("{} won't serve LOCAL", self.name));
        assert!(seen.is(own), "{}: {seen:?} for LOCAL, from {own}", self.name);
        seen
    }

    fn try_one(
        &self,
        server: &Server,
        version: Version,
        source: SocketAddr,
        cut: Cut,
    ) -> (Outcome, Option<Seen>) {
        let stream = connect(server);
        let destination = match source {
            SocketAddr::V4(_) => "198.51.100.20:443".parse().unwrap(),
            SocketAddr::V6(_) => "[2001:db8:2::20]:443".parse().unwrap(),
        };
        let header = match version {
            Version::V1 => v1(source, destination),
            Version::V2 => v2(source, destination, &[]),
        };
        let (first, rest) = match cut {
            Cut::Whole => (&header[..], &[][..]),
            Cut::At(at) => header.split_at(at),
        };
        (&stream).write_all(first).unwrap();
        if !rest.is_empty() {
            thread::sleep(PAUSE);
            // A program that has closed the connection by then is found out when it is asked.
            let _ = (&stream).write_all(rest);
        }
        let seen = (self.ask)(server, &stream);
        let outcome = match seen {
            None => Outcome::Refused,
            Some(seen) if seen.is(source) => Outcome::Seen,
            Some(_) => Outcome::Wrong,
        };
        (outcome, seen)
    }
}

impl Seen {
    /// From `203.0.113.7:40001`, `[2001:db8::7]:40001` or `2001:db8::7:40001`.
    pub(crate) fn with_port(text: &str) -> Self {
        let (ip, port) = text.trim().rsplit_once(':').unwrap_or_else(|| panic!("no address: {text}"));
        let port = port.parse().unwrap_or_else(|_| panic!("no address: {text}"));
        Self { port: Some(port), ..Self::without_port(ip) }
    }

    /// From `203.0.113.7` or `2001:db8::7`.
    pub(crate) fn without_port(text: &str) -> Self {
        let ip = text.trim().trim_matches(['[', ']']).parse();
        let ip: IpAddr = ip.unwrap_or_else(|_| panic!("no address: {text}"));
        Self { ip: ip.to_canonical(), port: None }
    }

    fn is(self, address: SocketAddr) -> bool {
        self.ip == address.ip() && self.port.is_none_or(|port| port == address.port())
    }
}

impl Source {
    fn at(self, port: u16) -> SocketAddr {
        let ip = match self {
            Self::V4 => Ipv4Addr::new(203, 0, 113, 7).into(),
            Self::V6 => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7)),
        };
        SocketAddr::new(ip, port)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seen => "seen",
            Self::Wrong => "wrong",
            Self::Refused => "refused",
        })
    }
}

/// For programs that serve as soon as they listen.
pub(crate) fn at_once(_: &Server) {}

fn connect(server: &Server) -> TcpStream {
    let from = if server.address.is_ipv4() { PROXY.into() } else { server.address.ip() };
    connect_from(from, server.address)
}
