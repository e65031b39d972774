//! Mail servers.

use std::io::{BufRead, BufReader, Write};

use realpeer_tests::harness::until_closed;

use crate::setups::{dovecot, dovecot_logs, exim};
use crate::unmodified::program::{Program, Seen, at_once};

/// The client is in its banner.
pub(crate) const EXIM: Program = Program {
    name: "Exim",
    setup: exim!("smtp_banner = $sender_host_address:$sender_host_port\n"),
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
    setup: dovecot!(
        "login_log_format_elements = who=%r:%b;
import_environment = LD_PRELOAD {variables}
",
        listener: ""
    ),
    ready: at_once,
    ask: |server, mut stream| {
        let before = server.process.stderr.all().len();
        let _ = stream.write_all(b"a LOGOUT\r\n");
        if until_closed(stream).is_empty() {
            return None;
        }
        Some(Seen::with_port(&dovecot_logs(server, before)))
    },
    otherwise: &[],
};
