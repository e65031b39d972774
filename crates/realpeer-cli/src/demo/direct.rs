//! Senders that talk to the echo server directly.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::Context;
use realpeer::Endpoint;
use realpeer::proto::{Addresses, Encoder, Ssl, Tlv, UnixAddr, Version, kind};

use super::client::{Client, PAYLOAD};
use super::expect::{Expected, Seen};
use super::scratch::Directory;
use super::server::Server;
use super::table::Table;
use super::{PATIENCE, Stage};
use crate::listen::Listen;

const V4: [&str; 2] = ["192.0.2.1:56324", "198.51.100.2:443"];
const V6: [&str; 2] = ["[2001:db8::1]:56324", "[2001:db8::2]:443"];

/// How long the server waits for a peer that stays silent.
const SHORT: Duration = Duration::from_millis(300);

pub(super) fn play(stage: &mut Stage) -> anyhow::Result<()> {
    let directory = Directory::create().context("can't make a directory to work in")?;
    let v4 = Listen::Inet((Ipv4Addr::LOCALHOST, 0).into());
    let inet = Server::start(&v4, PATIENCE)?;
    let impatient = Server::start(&v4, SHORT)?;
    let unix = Server::start(&Listen::Path(directory.path().join("echo.sock")), PATIENCE)?;
    let inet6 = localhost6().map(|addr| Server::start(&Listen::Inet(addr), PATIENCE)).transpose()?;
    Table::begin(
        "An echo server that trusts 127.0.0.1, ::1 and whoever may use its UNIX socket. Senders connect to it, one \
         after the other, and say for whom. For each: what its socket says, and who it really is.",
    )?;

    // Without IPv6 on this machine its addresses can still be spoken of.
    let (over6, way6) =
        inet6.as_ref().map_or((&inet, "over IPv4 with IPv6 addresses (this machine has no ::1)"), |server| {
            (server, "over ::1")
        });
    let (tcp4, tcp6) = (pair(V4)?, pair(V6)?);
    stage.served(&inet, "a v1 header over IPv4", &Encoder::new(Version::V1, tcp4), V4, (1, "PROXY"), &[])?;
    let what = format!("a v1 header {way6}");
    stage.served(over6, &what, &Encoder::new(Version::V1, tcp6), V6, (1, "PROXY"), &[])?;
    stage.served(&inet, "a v2 header over IPv4", &Encoder::new(Version::V2, tcp4), V4, (2, "PROXY"), &[])?;
    let what = format!("a v2 header {way6}");
    stage.served(over6, &what, &Encoder::new(Version::V2, tcp6), V6, (2, "PROXY"), &[])?;

    let what = "a v2 header over a UNIX socket, with IPv4 addresses";
    stage.served(&unix, what, &Encoder::new(Version::V2, tcp4), V4, (2, "PROXY"), &[])?;
    let names = Addresses::Unix { source: name(b"/run/client")?, destination: name(b"\0server")? };
    let what = "a v2 header over a UNIX socket, with names of UNIX sockets";
    let ends = ["unix:/run/client", "unix:@server"];
    stage.served(&unix, what, &Encoder::new(Version::V2, names), ends, (2, "PROXY"), &[])?;

    local(stage, &inet)?;
    tlvs(stage, &inet, tcp4)?;
    bare_check(stage, &inet)?;
    broken_checksum(stage, &inet, tcp4)?;
    silence(stage, &impatient)?;
    impostor(stage, &inet, tcp4)
}

impl Stage {
    /// A header and a payload, which must be understood and echoed.
    fn served(
        &mut self,
        server: &Server,
        what: &str,
        header: &Encoder<'_>,
        [source, destination]: [&str; 2],
        version_and_command: (u8, &str),
        tlvs: &[&str],
    ) -> anyhow::Result<()> {
        let expected = Expected::Served { source, destination, header: version_and_command, tlvs };
        self.compare(server, what, Client::send(server.endpoint(), header), Client::finish, &expected)
    }

    /// What a client does, and the outcome that is expected.
    fn compare(
        &mut self,
        server: &Server,
        what: &str,
        client: io::Result<Client>,
        ending: impl FnOnce(Client) -> io::Result<Vec<u8>>,
        expected: &Expected<'_>,
    ) -> anyhow::Result<()> {
        let client = client.with_context(|| format!("{what}: can't connect to {}", server.endpoint()))?;
        let endpoint = client.endpoint()?;
        let echoed = ending(client);
        let report = server.report();
        self.show(&Seen { report, echoed }.judge(what, Some(&endpoint), expected))
    }
}

fn local(stage: &mut Stage, server: &Server) -> anyhow::Result<()> {
    let client = Client::send(server.endpoint(), &Encoder::local())?;
    // Of a LOCAL connection the socket's own ends count.
    let (source, destination) = (client.endpoint()?.to_string(), server.endpoint().to_string());
    let expected =
        Expected::Served { source: &source, destination: &destination, header: (2, "LOCAL"), tlvs: &[] };
    stage.compare(
        server,
        "a v2 header with LOCAL: a proxy's health check",
        Ok(client),
        Client::finish,
        &expected,
    )
}

fn tlvs(stage: &mut Stage, server: &Server, addresses: Addresses<'_>) -> anyhow::Result<()> {
    let within = [Tlv::new(kind::SSL_VERSION, b"TLSv1.3"), Tlv::new(kind::SSL_CN, b"alice")];
    let mut ssl = [0; 64];
    let len = Ssl::encode(Ssl::CLIENT_SSL | Ssl::CLIENT_CERT_CONN, 0, &within, &mut ssl)?;
    let tlvs = [
        Tlv::new(kind::ALPN, b"h2"),
        Tlv::new(kind::AUTHORITY, b"example.com"),
        Tlv::new(kind::UNIQUE_ID, b"request-17"),
        Tlv::new(kind::SSL, &ssl[..len]),
    ];
    let header = Encoder::new(Version::V2, addresses).with_tlvs(&tlvs).with_crc32c();
    let shown = [
        "CRC32C ",
        "ALPN \"h2\"",
        "AUTHORITY \"example.com\"",
        "UNIQUE_ID \"request-17\"",
        "SSL (client certificate verified, VERSION \"TLSv1.3\", CN \"alice\")",
    ];
    stage.served(server, "a v2 header with TLVs and a checksum", &header, V4, (2, "PROXY"), &shown)
}

fn bare_check(stage: &mut Stage, server: &Server) -> anyhow::Result<()> {
    let client = Client::connect(server.endpoint());
    stage.compare(
        server,
        "a connection without a byte: a bare TCP health check",
        client,
        Client::finish,
        &Expected::Failed("closed"),
    )
}

fn broken_checksum(stage: &mut Stage, server: &Server, addresses: Addresses<'_>) -> anyhow::Result<()> {
    let header = Encoder::new(Version::V2, addresses).with_crc32c();
    let mut bytes = vec![0; header.encoded_len()?];
    header.encode(&mut bytes)?;
    // The last byte is one of the checksum's.
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bytes.extend_from_slice(PAYLOAD);
    let client = Client::send_bytes(server.endpoint(), &bytes);
    let what = "a v2 header with a wrong checksum";
    stage.compare(server, what, client, Client::finish, &Expected::Failed("protocol"))
}

fn silence(stage: &mut Stage, server: &Server) -> anyhow::Result<()> {
    let client = Client::connect(server.endpoint());
    let what = format!("silence for more than {} ms", SHORT.as_millis());
    stage.compare(server, &what, client, |mut client| client.read(), &Expected::Failed("timeout"))
}

fn impostor(stage: &mut Stage, server: &Server, addresses: Addresses<'_>) -> anyhow::Result<()> {
    let Endpoint::Inet(addr) = *server.endpoint() else { return Ok(()) };
    let header = Encoder::new(Version::V2, addresses);
    let client = Client::send_from(Ipv4Addr::new(127, 0, 0, 2).into(), addr, &header);
    let what = "a v2 header from a peer that is not trusted";
    stage.compare(server, what, client, Client::finish, &Expected::Failed("refused"))
}

/// A free port of `::1`, if there is IPv6.
pub(super) fn localhost6() -> Option<SocketAddr> {
    let addr = (Ipv6Addr::LOCALHOST, 0).into();
    TcpListener::bind(addr).is_ok().then_some(addr)
}

fn pair([source, destination]: [&str; 2]) -> anyhow::Result<Addresses<'static>> {
    let (source, destination): (SocketAddr, SocketAddr) = (source.parse()?, destination.parse()?);
    Ok(Addresses::from((source, destination)))
}

fn name(bytes: &[u8]) -> anyhow::Result<UnixAddr<'_>> {
    UnixAddr::new(bytes).context("a name that is too long")
}
