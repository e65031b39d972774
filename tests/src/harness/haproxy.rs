//! A real HAProxy in front of the program.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use rustix::process::Signal;
use tempfile::TempDir;

use super::{PATIENCE, Process, Program, eventually};

const MISSING: &str = "install it with `apt-get install haproxy`, as `./ci.sh interop` does";

/// A running HAProxy: one frontend, one backend with one server, which is the program.
#[derive(Debug)]
pub struct HaProxy {
    process: Process,
    dir: TempDir,
    address: String,
}

/// What HAProxy's log says of one client.
#[derive(Debug)]
pub struct Served {
    /// HAProxy's own address on the way to the server. None for UNIX sockets, which have none.
    pub own_address: Option<String>,
}

/// Where the frontend listens.
enum Bind<'a> {
    /// On a free port of this host, as HAProxy writes it.
    Port(&'a str),
    UnixSocket,
}

impl HaProxy {
    /// In front of `program`, on a free port of `host` (`127.0.0.1`, `::1` or `::`). `bind` and `server` are the
    /// options of these lines, `settings` more lines of the section.
    pub fn start(program: &Program, host: &str, bind: &str, settings: &[&str], server: &str) -> Self {
        Self::start_on(program.address(), &Bind::Port(host), bind, settings, server)
    }

    /// In front of `program`, on a UNIX socket.
    pub fn start_on_unix_socket(program: &Program, server: &str) -> Self {
        Self::start_on(program.address(), &Bind::UnixSocket, "", &[], server)
    }

    /// In front of any server at `to`, on a free port of `host`.
    pub fn start_before(to: &str, host: &str, server: &str) -> Self {
        Self::start_on(to, &Bind::Port(host), "", &[], server)
    }

    /// Where clients connect to: `127.0.0.1:8080`, `[::1]:8080` or `unix:/path`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The port where clients connect to.
    pub fn port(&self) -> u16 {
        self.address.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// What it logged of the client with this port; of the first client, for UNIX sockets. Waits until the
    /// connection has ended: HAProxy logs then.
    pub fn served(&self, client_port: Option<u16>) -> Served {
        let wanted = client_port.map(|port| port.to_string());
        let line = self.process.stdout.find("HAProxy's log of the connection", |line| {
            let mut words = line.split(' ');
            words.next() == Some("client") && wanted.as_deref().is_none_or(|port| words.nth(1) == Some(port))
        });
        let words: Vec<&str> = line.split(' ').collect();
        let ["client", _, _, "own", ip, port] = words[..] else { panic!("HAProxy's log: {line}") };
        let own_address = match ip {
            "unix" => None,
            ip if ip.contains(':') => Some(format!("[{ip}]:{port}")),
            ip => Some(format!("{ip}:{port}")),
        };
        Served { own_address }
    }

    /// A field of its statistics of the server, such as `status`, `check_status` or `chkfail`.
    pub fn statistic(&self, field: &str) -> String {
        let table = ask(self.dir.path(), "show stat").expect("HAProxy answers");
        let mut lines = table.lines();
        let names: Vec<&str> = lines.next().unwrap().trim_start_matches("# ").split(',').collect();
        let at = names.iter().position(|name| *name == field).expect("there is such a statistic");
        let server = lines.find(|line| line.starts_with("front,server,")).expect("there is a server");
        server.split(',').nth(at).unwrap().to_owned()
    }

    /// Ends it.
    pub fn stop(mut self) {
        self.process.end_with(Signal::USR1);
    }

    fn start_on(to: &str, on: &Bind<'_>, bind: &str, settings: &[&str], server: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("realpeer-").tempdir().unwrap();
        // Someone may take the free port before HAProxy does.
        for _ in 0..10 {
            let (listen, address) = match on {
                Bind::Port(host) => {
                    let port = TcpListener::bind((*host, 0)).unwrap().local_addr().unwrap().port();
                    let shown = if host.contains(':') { format!("[{host}]") } else { (*host).to_owned() };
                    (format!("{host}:{port}"), format!("{shown}:{port}"))
                }
                Bind::UnixSocket => {
                    let path = dir.path().join("front.sock").display().to_string();
                    (format!("unix@{path}"), format!("unix:{path}"))
                }
            };
            let config = configuration(dir.path(), &format!("{listen} {bind}"), settings, to, server);
            let file = dir.path().join("haproxy.cfg");
            fs::write(&file, &config).unwrap();
            let mut command = Command::new(executable());
            command.arg("-db").arg("-f").arg(&file);
            let mut process = Process::start("haproxy", &mut command, MISSING);
            let ended = eventually("HAProxy starts", || match process.ended() {
                Some(status) => Some(Some(status)),
                None => ask(dir.path(), "show info").map(|_| None),
            });
            let Some(status) = ended else { return Self { process, dir, address } };
            let said = process.stderr.to_end().join("\n");
            assert!(said.contains("Address already in use"), "HAProxy: {status}\n{said}\n{config}");
        }
        panic!("no free port in ten attempts");
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        if thread::panicking() {
            let config = fs::read_to_string(self.dir.path().join("haproxy.cfg")).unwrap_or_default();
            eprintln!("--- HAProxy's configuration:\n{config}");
        }
    }
}

fn configuration(dir: &Path, bind: &str, settings: &[&str], to: &str, server: &str) -> String {
    let to = to.strip_prefix("unix:").map_or_else(|| to.to_owned(), |path| format!("unix@{path}"));
    let mut config = format!(
        "global\n    \
             # Without this two HAProxys could share a port.\n    \
             noreuseport\n    \
             nbthread 1\n    \
             stats socket {dir}/stats.sock level user\n    \
             log stdout format raw local0\n\
         listen front\n    \
             mode tcp\n    \
             bind {bind}\n    \
             server server {to} {server}\n    \
             log global\n    \
             log-format \"client %ci %cp own %bi %bp\"\n    \
             timeout connect 30s\n    \
             timeout client 60s\n    \
             timeout server 60s\n",
        dir = dir.display()
    );
    for setting in settings {
        writeln!(config, "    {setting}").unwrap();
    }
    config
}

/// Debian has it in /usr/sbin, which is not on everyone's PATH.
fn executable() -> PathBuf {
    let debian = PathBuf::from("/usr/sbin/haproxy");
    if debian.exists() { debian } else { PathBuf::from("haproxy") }
}

/// Asks HAProxy's statistics socket; None if it does not answer, as before it has started.
fn ask(dir: &Path, question: &str) -> Option<String> {
    let mut socket = UnixStream::connect(dir.join("stats.sock")).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    socket.write_all(format!("{question}\n").as_bytes()).ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    (!answer.is_empty()).then_some(answer)
}
