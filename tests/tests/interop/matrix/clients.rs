//! Clients that put a header before what they send, and dnsdist, whose queries each have one.

use std::io::Write;
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;

use realpeer_proto::kind;
use realpeer_tests::harness::{PATIENCE, Process, Report, Setup, SslTlv, command, connect_from};

use crate::matrix::dns::who_am_i;
use crate::matrix::receiver::OURS;
use crate::matrix::sender::{Sender, next_datagram, receiver, udp_receiver};

/// Its header has the addresses of its own connection.
pub(crate) fn curl() -> Sender {
    let mut sender = Sender::new("curl", &["curl", "--version"]);
    for (column, listen) in [("v1 TCP4", "127.0.0.1:0"), ("v1 TCP6", "[::1]:0")] {
        let program = receiver(listen);
        let url = format!("http://{}/", program.address());
        let _curl = start(&["curl", "--silent", "--noproxy", "*", "--haproxy-protocol", &url]);
        let report = program.report();
        sender.read(column, &report, &report.proxy, program.address());
    }
    let dir = tempfile::Builder::new().prefix("realpeer-").tempdir().unwrap();
    let socket = dir.path().join("socket").display().to_string();
    let program = receiver(&format!("unix:{socket}"));
    let _curl =
        start(&["curl", "--silent", "--haproxy-protocol", "--unix-socket", &socket, "http://localhost/"]);
    sender.read_real("v1 UNKNOWN", &program.report(), &program);
    sender
}

/// The same library, newer. It can be told an address, takes that for both ends, and doesn't look at what it is told.
pub(crate) fn libcurl() -> Sender {
    let python = "{venv}/bin/python";
    let mut sender =
        Sender::new("libcurl", &[python, "-c", "import pycurl; print(pycurl.version_info()[1])"]);
    let script = script("curl_client.py");
    let program = receiver("127.0.0.1:0");
    let port = program.address().rsplit_once(':').unwrap().1;
    let url = format!("http://{}/", program.address());
    for (column, address, shown) in
        [("v1 TCP4", "192.0.2.10", "192.0.2.10"), ("v1 TCP6", "2001:db8::10", "[2001:db8::10]")]
    {
        let _python = start(&[python, &script, &url, address]);
        let report = program.report();
        let own_port = report.proxy.rsplit_once(':').unwrap().1;
        sender.read(column, &report, &format!("{shown}:{own_port}"), &format!("{shown}:{port}"));
    }
    let _python = start(&[python, &script, &url, "not-an-ip"]);
    program.report().assert_failure("protocol");
    sender
}

pub(crate) fn swaks() -> Sender {
    let mut sender = Sender::new("swaks", &["swaks", "--version"]);
    let program = receiver("127.0.0.1:0");
    let mut send = |column: &'static str, options: &[&str]| {
        let to = ["swaks", "--server", program.address(), "--helo", "who", "--from", "a@b", "--to", "a@b"];
        let _swaks = start(&[&to[..], options].concat());
        let report = program.report();
        match column {
            "v1 UNKNOWN" => sender.read_real(column, &report, &program),
            "v2 LOCAL" => sender.refused(column, &report, "command 2, which doesn't exist"),
            _ => sender.read(column, &report, source(column), destination(column)),
        }
    };
    let v4 = ["--proxy-source", "192.0.2.10", "--proxy-dest", "198.51.100.20"];
    let v6 = ["--proxy-source", "2001:db8::10", "--proxy-dest", "2001:db8:2::20"];
    let ports = ["--proxy-source-port", "51000", "--proxy-dest-port", "443"];
    for (column, version, family, addresses) in [
        ("v1 TCP4", "1", "TCP4", v4),
        ("v1 TCP6", "1", "TCP6", v6),
        ("v2 TCP4", "2", "AF_INET", v4),
        ("v2 TCP6", "2", "AF_INET6", v6),
    ] {
        let kind = ["--proxy-version", version, "--proxy-family", family];
        send(column, &[&kind[..], &addresses, &ports].concat());
    }
    send("v1 UNKNOWN", &["--proxy", "UNKNOWN"]);
    let local = ["--proxy-version", "2", "--proxy-family", "AF_INET", "--proxy-command", "LOCAL"];
    send("v2 LOCAL", &[&local[..], &v4, &ports].concat());
    sender
}

/// The package proxy-protocol.
pub(crate) fn python() -> Sender {
    let version = ["{venv}/bin/pip", "show", "proxy-protocol"];
    let mut sender = Sender::new("Python, proxy-protocol", &version);
    let program = receiver("127.0.0.1:0");
    let socket = udp_receiver();
    let script = script("proxyprotocol_client.py");
    for column in crate::matrix::sender::COLUMNS {
        let to: SocketAddr = program.address().parse().unwrap();
        let over_udp = column.contains("UDP");
        let port = if over_udp { socket.local_addr().unwrap().port() } else { to.port() };
        let _python = start(&["{venv}/bin/python", &script, "127.0.0.1", &port.to_string(), column]);
        let report = if over_udp { next_datagram(&socket) } else { program.report() };
        match column {
            "v1 UNKNOWN" | "v2 LOCAL" => sender.read_real(column, &report, &program),
            _ => sender.read(column, &report, source(column), destination(column)),
        }
        if column.starts_with("v2") && column != "v2 LOCAL" {
            let said =
                [kind::ALPN, kind::AUTHORITY, kind::UNIQUE_ID, kind::NETNS].map(|kind| report.tlv(kind));
            assert_eq!(said, [&b"h2"[..], b"mail.example.org", b"realpeer-7", b"blue"]);
            assert_eq!(SslTlv::read(&report.tlv(kind::SSL)).part(kind::SSL_VERSION), "TLSv1.3");
            assert_eq!(report.tlv(kind::CRC32C).len(), 4);
        }
    }
    sender
}

pub(crate) fn kdig() -> Sender {
    let mut sender = Sender::new("kdig", &["kdig", "--version"]);
    dig(&mut sender, |column, to| {
        let proxy = if column.ends_with('4') {
            "+proxy=192.0.2.10#51000-198.51.100.20#443"
        } else {
            "+proxy=2001:db8::10#51000-2001:db8:2::20#443"
        };
        let transport = if column.contains("TCP") { "+tcp" } else { "+notcp" };
        let (host, port) = (format!("@{}", to.ip()), to.port().to_string());
        start(&["kdig", &host, "-p", &port, transport, proxy, "who"])
    });
    sender
}

pub(crate) fn sdig() -> Sender {
    let mut sender = Sender::new("sdig", &["sdig", "--version"]);
    dig(&mut sender, |column, to| {
        let tcp = if column.contains("TCP") { "1" } else { "0" };
        let (host, port) = (to.ip().to_string(), to.port().to_string());
        let mut words = vec!["sdig", &host, &port, "who", "TXT"];
        words.extend(["proxy", tcp, source(column), destination(column)]);
        words.extend((tcp == "1").then_some("tcp"));
        start(&words)
    });
    sender
}

/// Queries with these endpoints, over UDP and TCP.
fn dig(sender: &mut Sender, ask: impl Fn(&str, SocketAddr) -> Process) {
    let program = receiver("127.0.0.1:0");
    let socket = udp_receiver();
    for column in ["v2 TCP4", "v2 TCP6"] {
        let _dig = ask(column, program.address().parse().unwrap());
        sender.read(column, &program.report(), source(column), destination(column));
    }
    for column in ["v2 UDP4", "v2 UDP6"] {
        let _dig = ask(column, socket.local_addr().unwrap());
        sender.read(column, &next_datagram(&socket), source(column), destination(column));
    }
}

/// Its own checks come over UDP.
pub(crate) fn dnsdist() -> Sender {
    const SETUP: Setup = Setup {
        version: &["dnsdist", "--version"],
        files: &[(
            "dnsdist.conf",
            "setLocal('{address}')
addLocal('{address6}')
setSecurityPollSuffix('')
newServer({address='{to}', useProxyProtocol=true}):setUp()
newServer({address='{to}', useProxyProtocol=true, pool='checked', checkName='who.'})
addAction(AllRule(), SetProxyProtocolValuesAction({[0xE1]='foo'}))
",
        )],
        command: &["dnsdist", "--supervised", "--disable-syslog", "-C", "{dir}/dnsdist.conf"],
    };
    let mut sender = Sender::new("dnsdist", SETUP.version);
    let program = receiver("127.0.0.1:0");
    let socket = UdpSocket::bind(program.address()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let server = SETUP.start(&[("{to}", program.address())]);
    let check = next_datagram(&socket);
    sender.read_real("v2 LOCAL", &check, &program);
    let query = who_am_i();
    let from_6 = Ipv6Addr::LOCALHOST.into();
    for (column, from, front) in [("v2 TCP4", OURS, server.address), ("v2 TCP6", from_6, server.address6)] {
        let mut client = connect_from(from, front);
        let len = u16::try_from(query.len()).unwrap().to_be_bytes();
        client.write_all(&[&len, &query[..]].concat()).unwrap();
        let own = client.local_addr().unwrap().to_string();
        let report = program.report();
        sender.read(column, &report, &own, &front.to_string());
        assert_eq!(report.tlv(0xE1), b"foo");
    }
    for (column, from, front) in [("v2 UDP4", OURS, server.address), ("v2 UDP6", from_6, server.address6)] {
        let client = UdpSocket::bind((from, 0)).unwrap();
        client.send_to(&query, front).unwrap();
        let is_check = |report: &Report| report.command.as_deref() == Some("LOCAL");
        let report = loop {
            let report = next_datagram(&socket);
            if !is_check(&report) {
                break report;
            }
        };
        sender.read(column, &report, &client.local_addr().unwrap().to_string(), &front.to_string());
        assert_eq!(report.tlv(0xE1), b"foo");
    }
    sender
}

/// A program that is ended when it is dropped.
fn start(words: &[&str]) -> Process {
    let mut command = command(words[0]);
    Process::start(words[0], command.args(&words[1..]), "`./ci.sh interop` installs it")
}

/// The path of a client of ours.
fn script(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name).display().to_string()
}

fn source(column: &str) -> &'static str {
    if column.ends_with('4') { "192.0.2.10:51000" } else { "[2001:db8::10]:51000" }
}

fn destination(column: &str) -> &'static str {
    if column.ends_with('4') { "198.51.100.20:443" } else { "[2001:db8:2::20]:443" }
}
