//! A server that is asked to read headers.

use std::fmt;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use realpeer_tests::harness::{Server, Setup, connect_from, until_closed};

use crate::matrix::cases::{Case, PADDED_232, PADDED_536, Peer, UNKNOWN, UNSPEC, WRONG_CRC32C};

/// Where we connect from: whose headers the servers are told to believe.
pub(crate) const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77));

/// A server, and how to learn from it who it takes us for.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) name: &'static str,
    pub(crate) setup: Setup,
    /// The headers for it.
    pub(crate) cases: fn() -> Vec<Case>,
    /// Sends a header and a request.
    pub(crate) ask: fn(&Server, &[u8]) -> Answer<String>,
    /// What the server says of a connection that it takes for this one.
    pub(crate) tells: fn(&Peer) -> String,
    /// What it does otherwise than a receiver should, and why.
    pub(crate) otherwise: &'static [Otherwise],
}

/// A case, what comes of it, and why.
pub(crate) type Otherwise = (&'static str, Outcome, &'static str);

pub(crate) const NO_UNKNOWN: Otherwise = (UNKNOWN, Outcome::Refused, "UNKNOWN is refused");
pub(crate) const NO_UNSPEC: Otherwise = (UNSPEC, Outcome::Refused, "PROXY with UNSPEC is taken for broken");
pub(crate) const VERIFIES: Otherwise =
    (WRONG_CRC32C, Outcome::Refused, "the checksum is verified, and wrong");
pub(crate) const NO_232: Otherwise = (PADDED_232, Outcome::Refused, "a header of 232 bytes is too long");
pub(crate) const NO_536: Otherwise = (PADDED_536, Outcome::Refused, "a header of 536 bytes is too long");

/// What a server said of us, and where we really connected from.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    /// None: the server would have nothing to do with us.
    pub(crate) said: Option<T>,
    pub(crate) own: SocketAddr,
}

/// What a receiver makes of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is read as meant.
    Read,
    /// The connection is served with its real endpoints.
    Real,
    /// The connection is served, as somebody else's.
    Wrong,
    /// The connection is not served.
    Refused,
}

/// What a receiver made of all the headers.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    /// What of a connection it tells.
    pub(crate) tells: String,
    pub(crate) cells: Vec<Cell>,
}

/// What a receiver made of a header.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) case: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) said: Option<String>,
    pub(crate) expected: Outcome,
    /// Why this is not what it should be.
    pub(crate) why: Option<&'static str>,
}

impl Receiver {
    /// Starts the server and has it read each header. It makes of each what was to be expected of it.
    pub(crate) fn try_all(&self) -> Row {
        let cases = (self.cases)();
        for (name, ..) in self.otherwise {
            assert!(cases.iter().any(|case| case.name == *name), "no case {name}");
        }
        let mut server = self.setup.start(&[]);
        let cells = cases.iter().map(|case| self.try_one(&server, case)).collect();
        assert_eq!(server.process.ended(), None, "{} has ended", self.name);
        let row = Row { name: self.name, version: server.version.clone(), tells: told(self.tells), cells };
        row.assert_expected();
        row
    }

    fn try_one(&self, server: &Server, case: &Case) -> Cell {
        let Answer { said, own } = (self.ask)(server, &case.header);
        let real = (self.tells)(&Peer::new(own, server.address));
        let meant = case.meant.map(|peer| (self.tells)(&peer));
        let outcome = match &said {
            None => Outcome::Refused,
            Some(_) if said == meant => Outcome::Read,
            Some(said) if *said == real => Outcome::Real,
            Some(_) => Outcome::Wrong,
        };
        let usual = if case.meant.is_some() { Outcome::Read } else { Outcome::Real };
        let other = self.otherwise.iter().find(|other| other.0 == case.name);
        let (expected, why) = other.map_or((usual, None), |&(_, outcome, why)| (outcome, Some(why)));
        Cell { case: case.name, outcome, said, expected, why }
    }
}

impl Row {
    fn assert_expected(&self) {
        let surprises: Vec<String> = self
            .cells
            .iter()
            .filter(|cell| cell.outcome != cell.expected)
            .map(|cell| format!("{}: {}, not {}: {:?}", cell.case, cell.outcome, cell.expected, cell.said))
            .collect();
        assert!(surprises.is_empty(), "{} {}: {surprises:#?}", self.name, self.version);
    }
}

/// What makes a difference to what a server says.
fn told(tells: fn(&Peer) -> String) -> String {
    let [one, two, three] = ["192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1"].map(|end| end.parse().unwrap());
    let peer = Peer::new(one, one);
    let others = [
        ("source", Peer { source: three, ..peer }),
        ("its port", Peer { source: two, ..peer }),
        ("destination", Peer { destination: three, ..peer }),
        ("its port", Peer { destination: two, ..peer }),
        ("AUTHORITY", Peer { authority: "a", ..peer }),
        ("ALPN", Peer { alpn: "a", ..peer }),
        ("UNIQUE_ID", Peer { unique_id: "a", ..peer }),
    ];
    let is_told = |(name, other): &(&'static str, Peer)| (tells(other) != tells(&peer)).then_some(*name);
    others.iter().filter_map(is_told).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Real => "real",
            Self::Wrong => "wrong",
            Self::Refused => "refused",
        })
    }
}

/// Asks a server that answers every HTTP request with a line.
pub(crate) fn http(server: &Server, header: &[u8]) -> Answer<String> {
    let Answer { said, own } = request(server, header);
    let line = said.map(|(head, body)| {
        assert_eq!(head.split(' ').nth(1), Some("200"), "{head}\n\n{body}");
        body.trim_end().to_owned()
    });
    Answer { said: line, own }
}

/// Sends an HTTP request, and gives head and body of the answer.
pub(crate) fn request(server: &Server, header: &[u8]) -> Answer<(String, String)> {
    let request = b"GET http://localhost/ HTTP/1.0\r\nHost: localhost\r\n\r\n";
    let Answer { said, own } = at_once(server, &[header, request].concat());
    let is_fault = |said: &String| matches!(said.split(' ').nth(1), Some("400" | "500"));
    let parts = said.filter(|said| !is_fault(said)).map(|said| {
        let (head, body) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP: {said}"));
        (head.to_owned(), body.to_owned())
    });
    Answer { said: parts, own }
}

/// Sends `bytes` in one write, and reads what comes until the server closes the connection.
pub(crate) fn at_once(server: &Server, bytes: &[u8]) -> Answer<String> {
    let mut stream = connect(server);
    let own = stream.local_addr().unwrap();
    stream.write_all(bytes).unwrap();
    let said = String::from_utf8(until_closed(&stream)).unwrap();
    Answer { said: (!said.is_empty()).then_some(said), own }
}

/// Connects from an address that no server has.
pub(crate) fn connect(server: &Server) -> TcpStream {
    connect_from(OURS, server.address)
}
