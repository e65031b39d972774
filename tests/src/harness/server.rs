//! A server that runs: where it listens, what it was given, what it says.

use std::env;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use tempfile::TempDir;

use super::{Process, eventually};

const MISSING: &str = "`./ci.sh interop` installs it";

/// How to start a server in the foreground. In `files`, a name and what is in it, and in `command` these stand for
/// what is the server's own: `{dir}`, its directory; `{address}`, where it is to listen; `{host}` and `{port}`, the
/// same by themselves; `{address6}` and `{port6}`, where else it may listen, on the host `::1`. `{venv}` is the virtual
/// environment of what pip installs, and `{packages}` its packages.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// What prints the version.
    pub version: &'static [&'static str],
    /// Name and contents.
    pub files: &'static [(&'static str, &'static str)],
    /// The program and its arguments.
    pub command: &'static [&'static str],
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// Its first process.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it listens on IPv6, if it does.
    pub address6: SocketAddr,
    /// The version it names.
    pub version: String,
    dir: TempDir,
}

impl Setup {
    /// The same with another build of the program.
    #[must_use]
    pub const fn by(self, version: &'static [&'static str], command: &'static [&'static str]) -> Self {
        Self { version, command, ..self }
    }

    /// Starts it on a loopback address of its own, and waits until it listens. `others` are more names and what they
    /// stand for.
    pub fn start(&self, others: &[(&str, &str)]) -> Server {
        self.start_at(free_address(), &[], others)
    }

    /// Starts it at `address`, by a command line that begins with `launcher`.
    pub fn start_at(&self, address: SocketAddr, launcher: &[&str], others: &[(&str, &str)]) -> Server {
        let dir = tempfile::Builder::new().prefix("realpeer-").tempdir().unwrap();
        // Some of them do their work as another user.
        let open_to_all = |dir: &Path| fs::set_permissions(dir, fs::Permissions::from_mode(0o777)).unwrap();
        open_to_all(dir.path());
        let address6 = free_port(Ipv6Addr::LOCALHOST);
        let fill = |text: &str| {
            let own = others.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
            fill_common(&own)
                .replace("{dir}", &dir.path().display().to_string())
                .replace("{address}", &address.to_string())
                .replace("{host}", &address.ip().to_string())
                .replace("{port}", &address.port().to_string())
                .replace("{address6}", &address6.to_string())
                .replace("{port6}", &address6.port().to_string())
        };
        for (name, contents) in self.files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            open_to_all(path.parent().unwrap());
            fs::write(path, fill(contents)).unwrap();
        }
        let words: Vec<String> = launcher.iter().chain(self.command).map(|word| fill(word)).collect();
        let mut command = command(&words[0]);
        command.args(&words[1..]).current_dir(dir.path()).process_group(0);
        let mut process = Process::start(&words[0], &mut command, MISSING);
        eventually(&format!("{} listens", words[0]), || {
            assert_eq!(process.ended(), None, "{} has ended", words[0]);
            is_listened_at(address).then_some(())
        });
        Server { process, address, address6, version: version(self.version), dir }
    }
}

impl Server {
    /// The path of a file in its directory.
    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }
}

impl Drop for Server {
    /// Those of several processes end them when asked to end, and leave them behind when killed.
    fn drop(&mut self) {
        self.process.end_group();
        if thread::panicking() {
            let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            eprintln!("--- it was to listen at {}\n{log}", self.address);
        }
    }
}

/// A program, by its name: Debian has servers in /usr/sbin, which is not on everyone's PATH. The library path that cargo
/// sets is not for them.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(fill_common(program));
    let path = env::var("PATH").unwrap_or_default() + ":/usr/sbin";
    command.env_remove("LD_LIBRARY_PATH").env("PATH", path);
    command
}

/// Replaces what is the same for all.
fn fill_common(text: &str) -> String {
    let venv = "/opt/venv";
    let pythons = fs::read_dir(format!("{venv}/lib")).ok().into_iter().flatten();
    let packages = pythons.map(|python| python.unwrap().path().join("site-packages")).next();
    text.replace("{venv}", venv).replace("{packages}", &packages.unwrap_or_default().display().to_string())
}

/// The first thing that looks like a version in what this command prints.
pub fn version(command_line: &[&str]) -> String {
    let words: Vec<String> = command_line.iter().map(|word| fill_common(word)).collect();
    let output = command(&words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command_line:?}: {error}; {MISSING}"));
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    printed
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .map(|run| run.trim_matches('.'))
        .find(|run| run.contains('.'))
        .unwrap_or_else(|| panic!("no version in what {command_line:?} prints: {printed}"))
        .to_owned()
}

/// An IPv4 loopback address and port that nobody else has: the host is ours alone.
pub fn free_address() -> SocketAddr {
    static NUMBER: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = process::id().to_be_bytes();
    free_port(Ipv4Addr::new(127, 128 | high, low, NUMBER.fetch_add(1, Ordering::Relaxed)))
}

/// A free port of this host.
pub fn free_port(host: impl Into<IpAddr>) -> SocketAddr {
    TcpListener::bind((host.into(), 0)).unwrap().local_addr().unwrap()
}

/// Finds it out without a connection, which a proxy would pass on.
fn is_listened_at(address: SocketAddr) -> bool {
    const LISTEN: &str = "0A";
    let words = |octets: &[u8]| {
        let word = |word: &[u8]| format!("{:08X}", u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
        octets.chunks(4).map(word).collect::<Vec<_>>().concat()
    };
    let host = |ip| match ip {
        IpAddr::V4(ip) => words(&ip.octets()),
        IpAddr::V6(ip) => words(&ip.octets()),
    };
    // A server may listen on an IPv4 address by a socket of IPv6.
    let mapped = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let wanted = [address.ip(), mapped.into()].map(|ip| format!("{}:{:04X}", host(ip), address.port()));
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().any(|table| {
        fs::read_to_string(table).unwrap().lines().any(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            wanted.iter().any(|wanted| wanted == fields[1]) && fields[3] == LISTEN
        })
    })
}
