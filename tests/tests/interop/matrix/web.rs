//! Web servers.

use crate::matrix::cases::{self, LOCAL, PADDED_232, PADDED_536, Peer, TLVS, UNKNOWN, UNSPEC, WRONG_CRC32C};
use crate::matrix::receiver::{Answer, NO_536, NO_UNKNOWN, NO_UNSPEC, Outcome, Receiver, http, request};
use crate::setups::apache;
use realpeer_tests::harness::Setup;

const NO_V2: &str = "version 2 is not known to it";
const PAGE: &str = "<!--#echo var=\"REMOTE_ADDR\" -->";

/// `mod_remoteip` keeps neither the port nor the destination.
pub(crate) const APACHE: Receiver = Receiver {
    name: "Apache",
    setup: Setup {
        command: &["apache2", "-X", "-d", "/usr/lib/apache2", "-f", "{dir}/apache.conf"],
        ..apache!(
            "LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule remoteip_module modules/mod_remoteip.so
RemoteIPProxyProtocol On
",
            page: PAGE
        )
    },
    cases: cases::stream,
    ask: http,
    tells: source,
    otherwise: &[(UNKNOWN, Outcome::Refused, "UNKNOWN without addresses is refused"), NO_UNSPEC, NO_536],
};

/// `mod_extforward` keeps neither the port nor the destination.
pub(crate) const LIGHTTPD: Receiver = Receiver {
    name: "lighttpd",
    setup: Setup {
        version: &["lighttpd", "-v"],
        files: &[
            (
                "lighttpd.conf",
                "server.modules = (\"mod_extforward\", \"mod_ssi\")
server.bind = \"{host}\"
server.port = {port}
server.document-root = \"{dir}/www\"
extforward.hap-PROXY = \"enable\"
extforward.forwarder = (\"127.0.0.77\" => \"trust\")
index-file.names = (\"index.shtml\")
mimetype.assign = (\".shtml\" => \"text/plain\")
ssi.extension = (\".shtml\")
",
            ),
            ("www/index.shtml", PAGE),
        ],
        command: &["lighttpd", "-D", "-f", "{dir}/lighttpd.conf"],
    },
    cases: cases::stream,
    ask: http,
    tells: source,
    otherwise: &[NO_536],
};

/// Not Debian's: Debian 12's reads version 1 only.
pub(crate) const GUNICORN: Receiver = Receiver {
    name: "gunicorn",
    setup: Setup {
        version: &["{venv}/bin/gunicorn", "--version"],
        files: &[(
            "who.py",
            "def ask(environ, start):
    start('200 OK', [])
    return [f\"{environ['REMOTE_ADDR']}:{environ['REMOTE_PORT']}\".encode()]
",
        )],
        command: &[
            "{venv}/bin/gunicorn",
            "--proxy-protocol",
            "auto",
            "--proxy-allow-from",
            "*",
            "--bind",
            "{address}",
            "--worker-tmp-dir",
            "{dir}",
            "--no-control-socket",
            "who:ask",
        ],
    },
    cases: cases::stream,
    ask: http,
    tells: |peer| format!("{}:{}", peer.source.ip(), peer.source.port()),
    otherwise: &[NO_UNKNOWN, (LOCAL, Outcome::Wrong, "`None` is what it takes for the address"), NO_UNSPEC],
};

pub(crate) const H2O: Receiver = Receiver {
    name: "h2o",
    setup: Setup {
        version: &["h2o", "--version"],
        files: &[(
            "h2o.conf",
            "user: nobody
pid-file: {dir}/pid
listen:
  host: {host}
  port: {port}
  proxy-protocol: ON
hosts:
  default:
    paths:
      /:
        mruby.handler: |
          Proc.new do |env|
            [200, {}, [env['REMOTE_ADDR'], ':', env['REMOTE_PORT']]]
          end
",
        )],
        command: &["h2o", "-c", "{dir}/h2o.conf"],
    },
    cases: cases::stream,
    ask: http,
    tells: |peer| format!("{}:{}", peer.source.ip(), peer.source.port()),
    otherwise: &[
        ("v2 TCP4", Outcome::Refused, NO_V2),
        ("v2 TCP6", Outcome::Refused, NO_V2),
        (LOCAL, Outcome::Refused, NO_V2),
        (UNSPEC, Outcome::Refused, NO_V2),
        (TLVS, Outcome::Refused, NO_V2),
        ("v2, CRC32C", Outcome::Refused, NO_V2),
        (WRONG_CRC32C, Outcome::Refused, NO_V2),
        (PADDED_232, Outcome::Refused, NO_V2),
        (PADDED_536, Outcome::Refused, NO_V2),
    ],
};

/// By go-proxyproto, as many programs in Go.
pub(crate) const CADDY: Receiver = Receiver {
    name: "Caddy",
    setup: Setup {
        version: &["{venv}/bin/caddy", "version"],
        files: &[(
            "Caddyfile",
            "{
    admin off
    auto_https off
    persist_config off
    storage file_system {dir}
    servers {
        listener_wrappers {
            proxy_protocol {
                allow 127.0.0.0/8
                fallback_policy reject
            }
        }
    }
}
http://:{port} {
    bind {host}
    respond \"{http.request.remote} {http.request.local}\"
}
",
        )],
        command: &["{venv}/bin/caddy", "run", "--config", "{dir}/Caddyfile"],
    },
    cases: cases::stream,
    ask: http,
    tells: |peer| format!("{} {}", peer.source, peer.destination),
    otherwise: &[NO_UNSPEC],
};

/// Nobody may ask it for anything, and it says so to the client's address.
pub(crate) const SQUID: Receiver = Receiver {
    name: "Squid",
    setup: Setup {
        version: &["squid", "-v"],
        files: &[(
            "squid.conf",
            "http_port {address} require-proxy-header
acl ours src 127.0.0.0/8
proxy_protocol_access allow ours
http_access deny all
deny_info 307:http://who/%i all
access_log none
cache_log /dev/null
cache_store_log none
pid_filename {dir}/pid
coredump_dir {dir}
pinger_enable off
cache_mem 1 MB
shutdown_lifetime 0 seconds
",
        )],
        command: &["squid", "-N", "-d", "1", "-f", "{dir}/squid.conf"],
    },
    cases: cases::stream,
    ask: |server, header| {
        let Answer { said, own } = request(server, header);
        let redirected = said.map(|(head, _)| {
            let (_, rest) = head.split_once("\r\nLocation: http://who/").unwrap_or_else(|| panic!("{head}"));
            rest.split_once('\r').unwrap().0.replace("%3A", ":")
        });
        Answer { said: redirected, own }
    },
    tells: source,
    otherwise: &[],
};

fn source(peer: &Peer) -> String {
    peer.source.ip().to_string()
}
