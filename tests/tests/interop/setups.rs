//! Servers that both the matrix and the unmodified programs start: what their settings have in common, with room for what
//! is added.

use realpeer_tests::harness::Server;

/// Exim, with these settings besides.
macro_rules! exim {
    ($($settings:literal),+) => {
        realpeer_tests::harness::Setup {
            version: &["exim4", "--version"],
            files: &[(
                "exim.conf",
                concat!(
                    "primary_hostname = localhost
spool_directory = {dir}/spool
log_file_path = {dir}/spool/%slog
pid_file_path = {dir}/pid
host_lookup =
rfc1413_hosts =
",
                    $($settings),+
                ),
            )],
            command: &["exim4", "-C", "{dir}/exim.conf", "-bdf", "-oX", "<; {host}.{port}"],
        }
    };
}
pub(crate) use exim;

/// Dovecot, with these settings besides, and these of its listener.
macro_rules! dovecot {
    ($settings:literal, listener: $listener:literal) => {
        realpeer_tests::harness::Setup {
            version: &["dovecot", "--version"],
            files: &[(
                "dovecot.conf",
                concat!(
                    "protocols = imap
base_dir = {dir}/run
state_dir = {dir}/state
log_path = /dev/stderr
ssl = no
",
                    $settings,
                    "passdb {
    driver = static
}
service imap-login {
    inet_listener imap {
        address = {host}
        port = {port}
",
                    $listener,
                    "    }
    inet_listener imaps {
        port = 0
    }
}
"
                ),
            )],
            command: &["dovecot", "-F", "-c", "{dir}/dovecot.conf"],
        }
    };
}
pub(crate) use dovecot;

/// What Dovecot logs of who connected, from `before` bytes of its log on.
pub(crate) fn dovecot_logs(server: &Server, before: usize) -> String {
    let log = &server.process.stderr;
    let line = log.find_from(before, "Dovecot's log of the connection", |line| line.contains("who="));
    let (_, rest) = line.split_once("who=").unwrap();
    rest.split_once(';').unwrap().0.to_owned()
}

/// Apache, with these settings before the common ones, and this page.
macro_rules! apache {
    ($settings:literal, page: $page:expr) => {
        realpeer_tests::harness::Setup {
            version: &["apache2", "-v"],
            files: &[
                (
                    "apache.conf",
                    concat!(
                        $settings,
                        "DefaultRuntimeDir {dir}
PidFile {dir}/pid
ErrorLog /dev/stderr
ServerName localhost
User www-data
Group www-data
Listen {address}
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule dir_module modules/mod_dir.so
LoadModule include_module modules/mod_include.so
DocumentRoot {dir}/www
DirectoryIndex index.shtml
<Directory {dir}/www>
    Options +Includes
    SetOutputFilter INCLUDES
</Directory>
"
                    ),
                ),
                ("www/index.shtml", $page),
            ],
            command: &["apache2", "-D", "FOREGROUND", "-d", "/usr/lib/apache2", "-f", "{dir}/apache.conf"],
        }
    };
}
pub(crate) use apache;
