//! Mail servers.

use std::io::{BufRead, BufReader, Write};

use crate::matrix::cases;
use crate::matrix::proxies::bare;
use crate::matrix::receiver::{Answer, NO_536, NO_UNKNOWN, NO_UNSPEC, Receiver, at_once, connect};
use crate::setups::{dovecot, dovecot_logs, exim};
use realpeer_tests::harness::Setup;

/// Rejects everybody, and names who.
pub(crate) const POSTFIX: Receiver = Receiver {
    name: "Postfix",
    setup: Setup {
        version: &["/usr/sbin/postconf", "-d", "mail_version"],
        files: &[
            (
                "main.cf",
                "compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
mail_owner = daemon
setgid_group = games
maillog_file = {dir}/log
maillog_file_prefixes = {dir}
inet_protocols = all
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
smtpd_peername_lookup = no
smtpd_delay_reject = no
smtpd_client_restrictions = reject
",
            ),
            (
                "master.cf",
                "{address} inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
",
            ),
            ("data/.keep", ""),
            ("queue/pid/.keep", ""),
            ("queue/private/.keep", ""),
            ("queue/public/.keep", ""),
        ],
        command: &["/usr/lib/postfix/sbin/master", "-c", "{dir}", "-d"],
    },
    cases: cases::stream,
    ask: |server, header| {
        let Answer { said, own } = at_once(server, &[header, b"EHLO localhost\r\nQUIT\r\n"].concat());
        let rejected = said.filter(|said| !said.starts_with("421 4.3.0 ")).map(|said| {
            let (_, rest) = said.split_once("<unknown[").unwrap_or_else(|| panic!("{said}"));
            rest.split_once("]>: Client host rejected").unwrap().0.to_owned()
        });
        Answer { said: rejected, own }
    },
    tells: |peer| peer.source.ip().to_string(),
    otherwise: &[NO_UNKNOWN, NO_UNSPEC],
};

/// Both ends are in its banner.
pub(crate) const EXIM: Receiver = Receiver {
    name: "Exim",
    setup: exim!(
        "hosts_proxy = 127.0.0.0/8
smtp_enforce_sync = false
smtp_banner = $sender_host_address:$sender_host_port \
    ${if def:proxy_external_address \
        {$proxy_external_address:$proxy_external_port}{$received_ip_address:$received_port}}
"
    ),
    cases: cases::stream,
    ask: |server, header| {
        let mut stream = connect(server);
        let own = stream.local_addr().unwrap();
        stream.write_all(header).unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let banner = lines.next().map(|line| line.unwrap());
        // If the header was broken, it says so only now.
        stream.write_all(b"EHLO localhost\r\n").unwrap();
        let welcome = lines.next().map(|line| line.unwrap());
        let is_served = welcome.is_some_and(|line| line.starts_with("250"));
        Answer {
            said: banner.filter(|_| is_served).map(|line| line.trim_start_matches("220 ").to_owned()),
            own,
        }
    },
    tells: bare,
    otherwise: &[NO_UNSPEC, NO_536],
};

/// Its log has both ends.
pub(crate) const DOVECOT: Receiver = Receiver {
    name: "Dovecot",
    setup: dovecot!(
        "haproxy_trusted_networks = 127.0.0.0/8
login_log_format_elements = who=%r:%b/%l:%a;
",
        listener: "        haproxy = yes\n"
    ),
    cases: cases::stream,
    ask: |server, header| {
        let before = server.process.stderr.all().len();
        let Answer { said, own } = at_once(server, &[header, b"a LOGOUT\r\n"].concat());
        let logged = said.map(|_| dovecot_logs(server, before).replace('/', " "));
        Answer { said: logged, own }
    },
    tells: bare,
    otherwise: &[NO_UNSPEC],
};
