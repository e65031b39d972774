//! `realpeer probe` is right about real servers: those that read headers, and those that do not know them.

use std::collections::BTreeMap;

use realpeer_tests::harness::{Certificates, Server, Setup, command, executable};
use serde_json::Value;

const NGINX: [&str; 4] = ["nginx", "-e", "stderr", "-c"];

const fn nginx(config: &'static [(&'static str, &'static str)]) -> Setup {
    Setup {
        version: &["nginx", "-v"],
        files: config,
        command: &[NGINX[0], NGINX[1], NGINX[2], NGINX[3], "{dir}/nginx.conf"],
    }
}

/// A configuration of nginx whose server listens by LISTEN and has MORE.
macro_rules! nginx_conf {
    ($listen:literal, $more:literal) => {
        &[(
            "nginx.conf",
            concat!(
                "daemon off;\nmaster_process off;\nerror_log stderr;\npid {dir}/pid;\nevents {}\n",
                "http {\n    access_log off;\n    server {\n        listen {address}",
                $listen,
                ";\n        ",
                $more,
                "\n        location / {\n            return 200 \"$remote_addr\";\n        }\n    }\n}\n"
            ),
        )]
    };
}

const NGINX_PLAIN: Setup = nginx(nginx_conf!("", ""));
const NGINX_TRUSTING: Setup =
    nginx(nginx_conf!(" proxy_protocol", "real_ip_header proxy_protocol; set_real_ip_from 127.0.0.0/8;"));
const NGINX_DISTRUSTING: Setup =
    nginx(nginx_conf!(" proxy_protocol", "real_ip_header proxy_protocol; set_real_ip_from 192.0.2.1;"));
const NGINX_TLS: Setup =
    nginx(nginx_conf!(" ssl proxy_protocol", "ssl_certificate {pem}; ssl_certificate_key {pem};"));
const NGINX_TLS_PLAIN: Setup =
    nginx(nginx_conf!(" ssl", "ssl_certificate {pem}; ssl_certificate_key {pem};"));

/// A configuration of HAProxy that binds by BIND.
macro_rules! haproxy {
    ($bind:literal) => {
        Setup {
            version: &["haproxy", "-v"],
            files: &[(
                "haproxy.cfg",
                concat!(
                    "defaults\n    mode http\n    timeout client 30s\nfrontend front\n    bind {address}",
                    $bind,
                    "\n    http-request return status 200 content-type text/plain lf-string \"%[src]\"\n"
                ),
            )],
            command: &["haproxy", "-db", "-f", "{dir}/haproxy.cfg"],
        }
    };
}

/// A configuration of Postfix whose smtpd has MORE.
macro_rules! postfix {
    ($more:literal) => {
        Setup {
            version: &["/usr/sbin/postconf", "-d", "mail_version"],
            files: &[
                (
                    "main.cf",
                    "compatibility_level = 3.6\nqueue_directory = {dir}/queue\ndata_directory = {dir}/data\n\
                     mail_owner = daemon\nsetgid_group = games\nmaillog_file = {dir}/log\n\
                     maillog_file_prefixes = {dir}\nmynetworks = 127.0.0.0/8\nalias_maps =\n\
                     local_recipient_maps =\nsmtpd_peername_lookup = no\n",
                ),
                (
                    "master.cf",
                    concat!(
                        "{address} inet n - n - - smtpd",
                        $more,
                        "\nanvil unix - - n - 1 anvil\npostlog unix-dgram n - n - 1 postlogd\n"
                    ),
                ),
                ("data/.keep", ""),
                ("queue/pid/.keep", ""),
                ("queue/private/.keep", ""),
                ("queue/public/.keep", ""),
            ],
            command: &["/usr/lib/postfix/sbin/master", "-c", "{dir}", "-d"],
        }
    };
}

/// As nobody, since it does not run as root; nor does the next.
const POSTGRESQL: Setup = Setup {
    version: &["/usr/lib/postgresql/15/bin/postgres", "--version"],
    files: &[(
        "start.sh",
        "set -e
as_nobody=\"setpriv --reuid 65534 --regid 65534 --clear-groups\"
$as_nobody /usr/lib/postgresql/15/bin/initdb -D {dir}/data -A trust -N --locale C
exec $as_nobody /usr/lib/postgresql/15/bin/postgres -D {dir}/data -k {dir} -h {host} -p {port}
",
    )],
    command: &["sh", "start.sh"],
};

const PGBOUNCER: Setup = Setup {
    version: &["pgbouncer", "--version"],
    files: &[(
        "pgbouncer.ini",
        "[databases]\n* = host=127.0.0.1\n[pgbouncer]\nlisten_addr = {host}\nlisten_port = {port}\n\
         unix_socket_dir =\nauth_type = any\n",
    )],
    command: &[
        "setpriv",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "pgbouncer",
        "{dir}/pgbouncer.ini",
    ],
};

const REDIS: Setup = Setup {
    version: &["redis-server", "--version"],
    files: &[],
    command: &["redis-server", "--bind", "{host}", "--port", "{port}", "--save", ""],
};

/// What the program says of a server: speaks, the verdicts by check, the conclusion.
struct Said {
    speaks: Option<bool>,
    verdicts: BTreeMap<String, String>,
    conclusion: String,
    status: i32,
    table: String,
}

fn probe(server: &Server, options: &[&str]) -> Said {
    let run = |more: &[&str]| {
        let output = command(executable().to_str().unwrap())
            .args(["probe", "--timeout", "1", &server.address.to_string()])
            .args(options)
            .args(more)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
    };
    let (line, status) = run(&["--json"]);
    let said: Value = serde_json::from_str(&line).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let checks = said["checks"].as_array().unwrap();
    let (table, _) = run(&[]);
    println!("{table}");
    for line in table.lines() {
        assert!(line.chars().count() <= 80, "{line:?}");
    }
    Said {
        speaks: said["speaks"].as_bool(),
        verdicts: checks.iter().map(|row| (text(&row["check"]), text(&row["verdict"]))).collect(),
        conclusion: text(&said["conclusion"]),
        status,
        table,
    }
}

/// It reads headers of both versions, and refuses those who send none.
fn reads(said: &Said, no_header: &str) {
    assert_eq!((said.speaks, said.status), (Some(true), 0), "{}", said.table);
    for check in ["v1 header", "v2 header", "v2 header, LOCAL"] {
        assert_eq!(said.verdicts[check], "reads it", "{check}: {}", said.table);
    }
    assert_eq!(said.verdicts["no header"], no_header, "{}", said.table);
    assert!(said.conclusion.starts_with("wants a PROXY header, and reads v1 and v2"), "{}", said.table);
}

/// It does not know the protocol.
fn does_not_read(said: &Said) {
    assert_eq!((said.speaks, said.status), (Some(false), 1), "{}", said.table);
    for (check, verdict) in &said.verdicts {
        assert!(!verdict.starts_with("reads"), "{check}: {}", said.table);
    }
    assert!(said.conclusion.starts_with("does not read PROXY headers"), "{}", said.table);
}

#[test]
fn nginx_that_reads_headers() {
    let server = NGINX_TRUSTING.start(&[]);
    let said = probe(&server, &["--http"]);
    reads(&said, "refuses it");
    assert_eq!(said.verdicts["v2 header, wrong checksum"], "reads it, no check");
    assert!(said.table.contains("It believes them: the address they claim, 192.0.2.77,"), "{}", said.table);
    assert_eq!(said.verdicts["v2 header in two pieces"], "refuses it");
    // It can be told even without a request: it waits for one after a good header only.
    reads(&probe(&server, &[]), "waits");
}

#[test]
fn nginx_that_reads_headers_and_does_not_believe_us() {
    let said = probe(&NGINX_DISTRUSTING.start(&[]), &["--http"]);
    reads(&said, "refuses it");
    assert!(said.table.contains("It does not believe them"), "{}", said.table);
}

#[test]
fn nginx_that_does_not() {
    let server = NGINX_PLAIN.start(&[]);
    does_not_read(&probe(&server, &["--http"]));
    does_not_read(&probe(&server, &[]));
}

#[test]
fn nginx_with_tls() {
    let certificates = Certificates::make();
    let pem = certificates.server().display().to_string();
    let files = [("{pem}", pem.as_str())];
    reads(&probe(&NGINX_TLS.start(&files), &["--tls"]), "refuses it");
    does_not_read(&probe(&NGINX_TLS_PLAIN.start(&files), &["--tls"]));
}

#[test]
fn haproxy_with_accept_proxy_and_without() {
    let server = haproxy!(" accept-proxy").start(&[]);
    let said = probe(&server, &["--http"]);
    reads(&said, "refuses it");
    assert_eq!(said.verdicts["v2 header, wrong checksum"], "refuses it");
    assert_eq!(said.verdicts["v2 header in two pieces"], "refuses it");
    assert!(said.table.contains("It believes them"), "{}", said.table);
    does_not_read(&probe(&haproxy!("").start(&[]), &["--http"]));
}

#[test]
fn postfix_with_upstream_proxy_and_without() {
    reads(&probe(&postfix!(" -o smtpd_upstream_proxy_protocol=haproxy").start(&[]), &[]), "waits");
    does_not_read(&probe(&postfix!("").start(&[]), &[]));
}

#[test]
fn postgresql() {
    let server = POSTGRESQL.start(&[]);
    does_not_read(&probe(&server, &["--postgres"]));
    does_not_read(&probe(&server, &[]));
}

#[test]
fn pgbouncer() {
    does_not_read(&probe(&PGBOUNCER.start(&[]), &["--postgres"]));
}

#[test]
fn redis() {
    let server = REDIS.start(&[]);
    does_not_read(&probe(&server, &["--redis"]));
    does_not_read(&probe(&server, &["--send", "PING\\r\\n"]));
}
