//! HAProxy, one or several PgBouncers that know nothing of it, and PostgreSQL.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use realpeer_tests::harness::{Process, command, eventually, executable, free_address};
use rustix::process::Signal;
use tempfile::TempDir;

use super::client::Session;

const MISSING: &str = "`./ci.sh interop` installs it";

/// Where HAProxy connects from, and the only one whose headers are believed.
pub(crate) const PROXY: &str = "127.0.0.99";

/// What is different from test to test.
#[derive(Clone, Copy)]
pub(crate) struct Options<'a> {
    pub(crate) version: Version,
    /// How many PgBouncers share the port.
    pub(crate) bouncers: usize,
    /// More lines of their configuration.
    pub(crate) settings: &'a str,
    /// The rules of their auth_hba_file.
    pub(crate) rules: &'a str,
}

/// Lets everybody in, from wherever.
pub(crate) const ALL: &str = "host all all 0.0.0.0/0 trust\nhost all all ::/0 trust\nlocal all all trust\n";

/// A single PgBouncer.
pub(crate) const fn one(version: Version) -> Options<'static> {
    Options { version, bouncers: 1, settings: "", rules: ALL }
}

/// Which PgBouncer.
#[derive(Clone, Copy)]
pub(crate) enum Version {
    /// That of the release that all other servers are from. Several of them know nothing of each other.
    Usual,
    /// That of Debian 13, with its glibc 2.41. Several of them are each other's peers.
    Trixie,
}

/// A stack that runs. Everything in it is ended when it is dropped.
pub(crate) struct Stack {
    /// HAProxy's frontends: with `send-proxy`, and with `send-proxy-v2`.
    pub(crate) frontends: [SocketAddr; 2],
    /// Where the PgBouncers listen.
    pub(crate) bouncer: SocketAddr,
    pub(crate) haproxy: Process,
    pub(crate) bouncers: Vec<Process>,
    version: Version,
    postgres: Postgres,
    pub(crate) dir: TempDir,
}

/// A PostgreSQL server with a data directory of its own.
pub(crate) struct Postgres {
    process: Process,
    address: SocketAddr,
    _dir: TempDir,
}

/// A data directory, made once and copied for each.
static TEMPLATE: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = open_directory();
    let output = aspostgres(&postgres_program("initdb"))
        .args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "--pgdata"])
        .arg(dir.path().join("data"))
        .output()
        .unwrap();
    assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
    dir
});

impl Stack {
    pub(crate) fn start(options: Options<'_>) -> Self {
        let postgres = Postgres::start();
        let dir = open_directory();
        let bouncer = free_address();
        let mut stack = Self {
            frontends: [free_address(), free_address()],
            bouncer,
            haproxy: Process::start("true", &mut command("true"), MISSING),
            bouncers: Vec::new(),
            version: options.version,
            postgres,
            dir,
        };
        stack.write("hba", options.rules);
        stack.write("users", "\"postgres\" \"\"\n\"admin\" \"\"\n");
        for number in 0..options.bouncers {
            stack.configure(number, options);
            let process = stack.start_bouncer(number, &[]);
            stack.bouncers.push(process);
        }
        stack.start_haproxy();
        stack
    }

    /// Writes the configuration of a PgBouncer.
    fn configure(&self, number: usize, options: Options<'_>) {
        let Options { version, bouncers, settings, .. } = options;
        let dir = self.dir.path().display();
        let own = self.dir.path().join(number.to_string());
        fs::create_dir_all(&own).unwrap();
        fs::set_permissions(&own, fs::Permissions::from_mode(0o777)).unwrap();
        let (own, database) = (own.display(), self.postgres.address);
        let (host, port) = (self.bouncer.ip(), self.bouncer.port());
        let peers: Vec<_> =
            (0..bouncers).map(|peer| format!("{} = host={dir}/{peer} port={port}\n", peer + 1)).collect();
        let peers = match version {
            Version::Usual => String::new(),
            // By their UNIX sockets: on the port they would have to send a header, and any of them could accept it.
            Version::Trixie => format!("peer_id = {}\n[peers]\n{}", number + 1, peers.concat()),
        };
        self.write(
            &format!("{number}.ini"),
            &format!(
                "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = {host}\nlisten_port = {port}\n\
                 unix_socket_dir = {own}\nuser = postgres\nauth_type = hba\nauth_hba_file = {dir}/hba\n\
                 auth_file = {dir}/users\nadmin_users = postgres,admin\nso_reuseport = 1\nlog_stats = 0\n\
                 application_name_add_host = 1\nlogfile = {dir}/{number}.log\n{settings}\n{peers}",
                database.ip(),
                database.port()
            ),
        );
    }

    /// Starts a PgBouncer by `realpeer run`.
    pub(crate) fn start_bouncer(&self, number: usize, arguments: &[&str]) -> Process {
        let log = format!("{number}.log");
        let before = self.log(number).len();
        let mut run = Command::new(executable());
        run.args(["run", "--library"]).arg(&*LIBRARY).args([
            "--listen",
            &self.bouncer.to_string(),
            "--trust",
            PROXY,
        ]);
        let program = match self.version {
            Version::Usual => "pgbouncer",
            Version::Trixie => "pgbouncer-trixie", // ci/servers.sh
        };
        run.args(["--timeout", "1s", "--", program])
            .args(arguments)
            .arg(self.dir.path().join(format!("{number}.ini")));
        run.env("PATH", std::env::var("PATH").unwrap_or_default() + ":/usr/sbin");
        let mut process = Process::start("pgbouncer", &mut run, MISSING);
        eventually(&format!("{log}: process up"), || {
            assert_eq!(process.ended(), None, "{}", self.log(number));
            self.log(number).get(before..).is_some_and(|log| log.contains("process up")).then_some(())
        });
        process
    }

    /// Logs in to PostgreSQL itself.
    pub(crate) fn postgres(&self) -> Session {
        let address = self.postgres.address;
        Session::open(address, address.ip(), "postgres", "postgres").unwrap()
    }

    fn start_haproxy(&mut self) {
        let [v1, v2] = self.frontends;
        self.write(
            "haproxy.cfg",
            &format!(
                "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n\
                 listen v1\n bind {v1}\n server s {0} source {PROXY} send-proxy check inter 200ms\n\
                 listen v2\n bind {v2}\n server s {0} source {PROXY} send-proxy-v2 check inter 200ms\n",
                self.bouncer
            ),
        );
        let mut haproxy = command("haproxy");
        haproxy.arg("-db").arg("-f").arg(self.dir.path().join("haproxy.cfg"));
        self.haproxy = Process::start("haproxy", &mut haproxy, MISSING);
        for frontend in self.frontends {
            eventually("HAProxy listens", || std::net::TcpStream::connect(frontend).ok());
        }
    }

    /// The number of the PgBouncer that has written this.
    pub(crate) fn who_logged(&self, text: &str) -> usize {
        eventually(text, || (0..self.bouncers.len()).find(|&number| self.log(number).contains(text)))
    }

    /// What a PgBouncer has written to its log.
    pub(crate) fn log(&self, number: usize) -> String {
        fs::read_to_string(self.dir.path().join(format!("{number}.log"))).unwrap_or_default()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join(name), text).unwrap();
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for number in 0..self.bouncers.len() {
                eprintln!("--- log of PgBouncer {number}:\n{}", self.log(number));
            }
        }
    }
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let (dir, address) = (open_directory(), free_address());
        let copied =
            aspostgres(Path::new("cp")).arg("-a").arg(TEMPLATE.path().join("data")).arg(dir.path()).status();
        assert!(copied.unwrap().success());
        let data = dir.path().join("data");
        fs::write(data.join("pg_hba.conf"), "host all all 127.0.0.0/8 trust\n").unwrap();
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let mut server = aspostgres(&postgres_program("postgres"));
        server.arg("-D").arg(data).args(["-h", &host, "-p", &port, "-k", "", "-c", "fsync=off"]);
        let mut process = Process::start("postgres", &mut server, MISSING);
        eventually("PostgreSQL accepts", || {
            assert_eq!(process.ended(), None);
            let ready = "database system is ready to accept connections";
            process.stderr.all().iter().any(|line| line.contains(ready)).then_some(())
        });
        Self { process, address, _dir: dir }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its children end with it only if it is asked.
        self.process.end_with(Signal::INT);
    }
}

/// The library; the step before the tests has built it.
pub(crate) static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/realpeer-preload/build.sh");
    let built = Command::new(script).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    PathBuf::from(String::from_utf8(built.stdout).unwrap().trim())
});

/// Debian keeps the programs of each version by themselves.
pub(crate) fn postgres_program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").unwrap_or_else(|error| panic!("{error}; {MISSING}"));
    versions.map(|version| version.unwrap().path().join("bin").join(name)).max().unwrap()
}

/// PostgreSQL refuses to run as root.
fn aspostgres(program: &Path) -> Command {
    let mut command = command("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program).current_dir("/tmp");
    command
}

fn open_directory() -> TempDir {
    let dir = tempfile::Builder::new().prefix("realpeer-").tempdir().unwrap();
    let id = fs::read_to_string("/etc/passwd").unwrap();
    let id = id.lines().find_map(|line| line.strip_prefix("postgres:x:")?.split(':').next()?.parse().ok());
    chown(dir.path(), id, id).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    dir
}
