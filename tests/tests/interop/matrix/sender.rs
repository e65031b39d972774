//! A program whose headers we read.

use std::collections::{BTreeMap, BTreeSet};
use std::net::UdpSocket;

use realpeer_io::{Acceptor, Trust};
use realpeer_tests::harness::{PATIENCE, Program, Report, Runtime, SslTlv, Tlv, version};

use realpeer_proto::{Version, kind};

/// What a sender may send.
pub(crate) const COLUMNS: [&str; 8] =
    ["v1 TCP4", "v1 TCP6", "v1 UNKNOWN", "v2 TCP4", "v2 TCP6", "v2 LOCAL", "v2 UDP4", "v2 UDP6"];

/// A sender, and which of its headers were read as meant.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    /// The columns, and why not if a header was refused.
    pub(crate) cells: BTreeMap<&'static str, Option<&'static str>>,
    /// The names of all TLVs.
    pub(crate) tlvs: BTreeSet<String>,
}

impl Sender {
    /// Nothing has been read so far.
    pub(crate) fn new(name: &'static str, version_of: &[&str]) -> Self {
        Self { name, version: version(version_of), cells: BTreeMap::new(), tlvs: BTreeSet::new() }
    }

    /// A header of this kind was read, and these are the endpoints it should name.
    pub(crate) fn read(&mut self, column: &'static str, report: &Report, source: &str, destination: &str) {
        report.assert_served(source, destination);
        assert_eq!(column.ends_with('6'), source.starts_with('['), "{report:?}");
        let (version, kind) = column.split_once(' ').unwrap();
        let command = if kind == "LOCAL" { "LOCAL" } else { "PROXY" };
        report.assert_header(version.trim_start_matches('v').parse().unwrap(), command);
        self.cells.insert(column, None);
        for tlv in report.tlvs.iter().flatten() {
            self.tlvs.insert(name(tlv.kind));
            if tlv.kind == kind::SSL {
                let value = report.tlv(kind::SSL);
                self.tlvs.extend(SslTlv::read(&value).parts.iter().map(|(kind, _)| name(*kind)));
            }
        }
    }

    /// A header of this kind was read, which says that the real endpoints count.
    pub(crate) fn read_real(&mut self, column: &'static str, report: &Report, program: &Program) {
        self.read(column, report, &report.proxy, program.address());
    }

    /// Bytes that aren't a header were refused.
    pub(crate) fn refused(&mut self, column: &'static str, report: &Report, why: &'static str) {
        report.assert_failure("protocol");
        self.cells.insert(column, Some(why));
    }
}

/// The program that receives. What it runs on makes no difference here.
pub(crate) fn receiver(listen: &str) -> Program {
    let trust = ["--trust", "127.0.0.0/8", "--trust", "::1/128", "--trust", "unix"];
    Program::start_with(Runtime::Std, &[&["--listen", listen], &trust[..]].concat())
}

/// A socket for datagrams.
pub(crate) fn udp_receiver() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Reads the header of the next datagram.
pub(crate) fn next_datagram(socket: &UdpSocket) -> Report {
    let acceptor = Acceptor::new("127.0.0.0/8".parse::<Trust>().unwrap());
    let mut buffer = [0; 2048];
    let (len, proxy) = socket.recv_from(&mut buffer).unwrap();
    let datagram = acceptor.datagram(proxy, &buffer[..len]).unwrap();
    let header = datagram.header().unwrap();
    assert!(datagram.payload().windows(3).any(|part| part == b"who"), "the payload is another: {datagram:?}");
    let tlv = |tlv: realpeer_proto::Tlv<'_>| Tlv {
        kind: tlv.kind(),
        name: None,
        hex: hex(tlv.value()),
        more: BTreeMap::new(),
    };
    Report {
        source: Some(datagram.source().to_string()),
        destination: Some(
            datagram.destination().map_or_else(
                || socket.local_addr().unwrap().to_string(),
                |destination| destination.to_string(),
            ),
        ),
        proxy: proxy.to_string(),
        version: Some(if header.version() == Version::V1 { 1 } else { 2 }),
        command: Some(header.command().to_string()),
        protocol: None,
        tlvs: Some(header.tlvs().iter().map(tlv).collect()),
        error: None,
    }
}

/// Of a type of TLV; what the specification leaves to everyone's own use has none.
fn name(kind: u8) -> String {
    let name = match kind {
        kind::ALPN => "ALPN",
        kind::AUTHORITY => "AUTHORITY",
        kind::CRC32C => "CRC32C",
        kind::NETNS => "NETNS",
        kind::SSL => "SSL",
        kind::SSL_VERSION => "SSL_VERSION",
        kind::SSL_CN => "SSL_CN",
        kind::SSL_CIPHER => "SSL_CIPHER",
        kind::SSL_SIG_ALG => "SSL_SIG_ALG",
        kind::SSL_KEY_ALG => "SSL_KEY_ALG",
        kind::UNIQUE_ID => "UNIQUE_ID",
        other => return format!("{other:#04X}"),
    };
    name.to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
