//! Web servers.

use std::io::Write;
use std::net::TcpStream;

use realpeer_tests::harness::{Server, Setup, until_closed};

use crate::setups::apache;
use crate::unmodified::program::{NO_ROOM, Otherwise, Program, Seen, at_once};

pub(crate) const NGINX: Program = Program {
    name: "nginx, 2 workers",
    setup: Setup {
        version: &["nginx", "-v"],
        files: &[(
            "nginx.conf",
            "daemon off;
worker_processes 2;
pid {dir}/pid;
error_log /dev/stderr;
events {}
http {
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    server {
        listen {address};
        return 200 $remote_addr:$remote_port;
    }
}
",
        )],
        command: &["nginx", "-c", "{dir}/nginx.conf"],
    },
    ready: at_once,
    ask: http,
    otherwise: &[Otherwise {
        why: "nginx closes the connection, as it has no room for the address as text; let it listen on `[::]`",
        message: None,
        ..NO_ROOM
    }],
};

pub(crate) const APACHE_PREFORK: Program = Program {
    name: "Apache, prefork",
    setup: apache!("LoadModule mpm_prefork_module modules/mod_mpm_prefork.so\n", page: APACHE_PAGE),
    ready: at_once,
    ask: http,
    otherwise: &[],
};

pub(crate) const APACHE_EVENT: Program = Program {
    name: "Apache, event",
    setup: apache!("LoadModule mpm_event_module modules/mod_mpm_event.so\n", page: APACHE_PAGE),
    ..APACHE_PREFORK
};

const APACHE_PAGE: &str = "<!--#echo var=\"REMOTE_ADDR\" -->:<!--#echo var=\"REMOTE_PORT\" -->";

/// Its access log has the address from which the web server connected.
pub(crate) const PHP_FPM: Program = Program {
    name: "php-fpm",
    setup: Setup {
        version: &["php-fpm", "-v"],
        files: &[
            (
                "fpm.conf",
                "[global]
error_log = /dev/stderr
daemonize = no
[pool]
user = www-data
group = www-data
listen = {address}
pm = static
pm.max_children = 2
access.log = {dir}/access
access.format = \"client %R\"
",
            ),
            ("access", ""),
            ("page.php", "<?php echo 'served';"),
        ],
        command: &["php-fpm", "-y", "{dir}/fpm.conf"],
    },
    ready: at_once,
    ask: |server, mut stream| {
        let lines = || std::fs::read_to_string(server.path("access")).unwrap();
        let before = lines().len();
        let _ = stream.write_all(&fast_cgi(&server.path("page.php")));
        let said = until_closed(stream);
        if said.is_empty() {
            return None;
        }
        assert!(String::from_utf8_lossy(&said).contains("served"), "{}", String::from_utf8_lossy(&said));
        let line = realpeer_tests::harness::eventually("php-fpm logs the request", || {
            Some(lines()[before..].lines().next()?.to_owned())
        });
        Some(Seen::without_port(line.strip_prefix("client ").unwrap()))
    },
    otherwise: &[],
};

pub(crate) const PHP_BUILT_IN: Program = Program {
    name: "php -S",
    setup: Setup {
        version: &["php", "-v"],
        files: &[("page.php", "<?php echo $_SERVER['REMOTE_ADDR'], ':', $_SERVER['REMOTE_PORT'];")],
        command: &["php", "-S", "{address}", "{dir}/page.php"],
    },
    ready: at_once,
    ask: http,
    otherwise: &[NO_ROOM],
};

/// Asks a server whose answer to every HTTP request is an address and a port.
pub(crate) fn http(_: &Server, mut stream: &TcpStream) -> Option<Seen> {
    let _ = stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
    let said = String::from_utf8(until_closed(stream)).unwrap();
    if said.is_empty() {
        return None;
    }
    let (head, body) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP: {said}"));
    assert_eq!(head.split(' ').nth(1), Some("200"), "{said}");
    Some(Seen::with_port(body))
}

/// A `FastCGI` request for a script.
fn fast_cgi(script: &str) -> Vec<u8> {
    const BEGIN: u8 = 1;
    const PARAMETERS: u8 = 4;
    const INPUT: u8 = 5;
    let record = |kind: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[1, kind, 0, 1, length[0], length[1], 0, 0], content].concat()
    };
    let mut parameters = Vec::new();
    for (name, value) in
        [("REQUEST_METHOD", "GET"), ("SCRIPT_NAME", "/page.php"), ("SCRIPT_FILENAME", script)]
    {
        parameters.push(u8::try_from(name.len()).unwrap());
        parameters.push(u8::try_from(value.len()).unwrap());
        parameters.extend([name, value].concat().as_bytes());
    }
    [
        record(BEGIN, &[0, 1, 0, 0, 0, 0, 0, 0]),
        record(PARAMETERS, &parameters),
        record(PARAMETERS, b""),
        record(INPUT, b""),
    ]
    .concat()
}
