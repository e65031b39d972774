//! Mail servers.

use std::io::{BufRead, BufReader, Write};

use realpeer_tests::harness::{Setup, until_closed};

use crate::unmodified::program::{Program, Seen, at_once};

/// The client is in its banner.
pub(crate) const EXIM: Program = Program {
    name: "Exim",
    setup: Setup {
        version: &["exim4", "--version"],
        files: &[(
            "exim.conf",
            "primary_hostname = localhost
spool_directory = {dir}/spool
log_file_path = {dir}/spool/%slog
pid_file_path = {dir}/pid
host_lookup =
rfc1413_hosts =
smtp_banner = $sender_host_address:$sender_host_port
",
        )],
        command: &["exim4", "-C", "{dir}/exim.conf", "-bdf", "-oX", "<; {host}.{port}"],
    },
    ready: at_once,
    ask: |_, stream| {
        let banner = BufReader::new(stream).lines().next()?.ok()?;
        Some(Seen::with_port(banner.strip_prefix("220 ").unwrap_or_else(|| panic!("{banner}"))))
    },
    otherwise: &[],
};

/// Its log has the client. It cleans the environment of its login processes, but for what it is told to keep.
pub(crate) const DOVECOT: Program = Program {
    name: "Dovecot",
    setup: Setup {
        version: &["dovecot", "--version"],
        files: &[(
            "dovecot.conf",
            "protocols = imap
base_dir = {dir}/run
state_dir = {dir}/state
log_path = /dev/stderr
ssl = no
login_log_format_elements = who=%r:%b;
import_environment = LD_PRELOAD {variables}
passdb {
    driver = static
}
service imap-login {
    inet_listener imap {
        address = {host}
        port = {port}
    }
    inet_listener imaps {
        port = 0
    }
}
",
        )],
        command: &["dovecot", "-F", "-c", "{dir}/dovecot.conf"],
    },
    ready: at_once,
    ask: |server, mut stream| {
        let log = &server.process.stderr;
        let before = log.all().len();
        let _ = stream.write_all(b"a LOGOUT\r\n");
        if until_closed(stream).is_empty() {
            return None;
        }
        let line = log.find_from(before, "Dovecot's log of the connection", |line| line.contains("who="));
        let (_, rest) = line.split_once("who=").unwrap();
        Some(Seen::with_port(rest.split_once(';').unwrap().0))
    },
    otherwise: &[],
};
