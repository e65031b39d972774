//! A real HAProxy between client and echo server.

use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};
use realpeer::UnixName;
use rustix::io::{FdFlags, fcntl_setfd};

use super::client::{Client, PAYLOAD};
use super::direct::localhost6;
use super::expect::{Expected, Seen};
use super::scratch::Directory;
use super::server::Server;
use super::table::Table;
use super::{PATIENCE, Stage};
use crate::listen::Listen;
use crate::report::Report;

/// One way through HAProxy.
struct Way {
    what: &'static str,
    /// Where clients connect to; none for a way that only HAProxy's health checks go.
    front: Option<SocketAddr>,
    /// Listens there until HAProxy, which inherits it, has started: so no port can be lost to others.
    listener: Option<TcpListener>,
    /// Behind HAProxy.
    server: Server,
    /// What HAProxy is told of the server.
    options: &'static str,
    version: u8,
    /// The TLVs, with CLIENT for the client's address.
    tlvs: &'static [&'static str],
}

/// A running HAProxy; its end is the end of this.
struct HaProxy {
    child: Child,
    said: PathBuf,
}

pub(super) fn play(stage: &mut Stage) -> anyhow::Result<()> {
    let program = find()?;
    let version = version(&program)?;
    let directory = Directory::create().context("can't make a directory to work in")?;
    let mut ways = ways(directory.path())?;
    let mut haproxy = HaProxy::start(&program, directory.path(), &mut ways)?;
    Table::begin(&format!(
        "{version}, between clients and an echo server that trusts 127.0.0.1, ::1 and whoever may use its UNIX \
         socket. The clients send no header: HAProxy does.",
    ))?;
    for way in ways {
        way.play(stage).with_context(|| format!("{}; HAProxy {}", way.what, haproxy.state()))?;
    }
    Ok(())
}

fn ways(directory: &Path) -> anyhow::Result<Vec<Way>> {
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = || Server::start(&Listen::Inet(v4), PATIENCE);
    let way = |what, options, version, front| -> anyhow::Result<Way> {
        let listener = TcpListener::bind(front)?;
        let front = listener.local_addr()?;
        let server = server()?;
        Ok(Way { what, front: Some(front), listener: Some(listener), server, options, version, tlvs: &[] })
    };
    let mut ways =
        vec![way("v1 from HAProxy", "send-proxy", 1, v4)?, way("v2 from HAProxy", "send-proxy-v2", 2, v4)?];
    if let Some(v6) = localhost6() {
        ways.push(way("v1, the client over ::1", "send-proxy", 1, v6)?);
        ways.push(way("v2, the client over ::1", "send-proxy-v2", 2, v6)?);
    }
    let with_tlvs = "send-proxy-v2 proxy-v2-options crc32c,unique-id";
    let with_tlvs = way("v2 with a checksum and a unique ID", with_tlvs, 2, v4)?;
    ways.push(Way { tlvs: &["CRC32C ", "UNIQUE_ID \"for-CLIENT\""], ..with_tlvs });
    let over_unix = way("v2 over a UNIX socket", "send-proxy-v2", 2, v4)?;
    let path = Listen::Path(directory.join("echo.sock"));
    ways.push(Way { server: Server::start(&path, PATIENCE)?, ..over_unix });
    let check = way("v2 with LOCAL: HAProxy's health check", "send-proxy-v2 check inter 500ms", 2, v4)?;
    ways.push(Way { front: None, listener: None, ..check });
    Ok(ways)
}

impl Way {
    fn play(&self, stage: &mut Stage) -> anyhow::Result<()> {
        match self.front {
            Some(front) => self.send(stage, front),
            None => self.check(stage),
        }
    }

    /// A client sends the payload through HAProxy.
    fn send(&self, stage: &mut Stage, front: SocketAddr) -> anyhow::Result<()> {
        let client = Client::send_bytes(&front.into(), PAYLOAD)?;
        let (source, destination) = (client.endpoint()?.to_string(), front.to_string());
        let tlvs: Vec<String> = self.tlvs.iter().map(|tlv| tlv.replace("CLIENT", &source)).collect();
        let tlvs: Vec<&str> = tlvs.iter().map(String::as_str).collect();
        let header = (self.version, "PROXY");
        let expected = Expected::Served { source: &source, destination: &destination, header, tlvs: &tlvs };
        let echoed = client.finish();
        let seen = Seen { report: Some(self.report()?), echoed };
        // The socket names HAProxy's end, which the client must not be taken for.
        let mut row = seen.judge(self.what, None, &expected);
        if row.socket.as_ref() == Some(&source) {
            row.problems.push("the socket names the client itself".into());
        }
        stage.show(&row)
    }

    /// HAProxy checks the server by itself.
    fn check(&self, stage: &mut Stage) -> anyhow::Result<()> {
        let report = self.report()?;
        let source = report.proxy.clone();
        let destination = self.server.endpoint().to_string();
        let header = (self.version, "LOCAL");
        let expected = Expected::Served { source: &source, destination: &destination, header, tlvs: &[] };
        // What is echoed is HAProxy's to see: nothing, for it sends no payload.
        let seen = Seen { report: Some(report), echoed: Ok(PAYLOAD.into()) };
        stage.show(&seen.judge(self.what, None, &expected))
    }

    fn report(&self) -> anyhow::Result<Report> {
        self.server.report().context("nothing came through to the server")
    }
}

impl HaProxy {
    fn start(program: &Path, directory: &Path, ways: &mut [Way]) -> anyhow::Result<Self> {
        let config = directory.join("haproxy.cfg");
        fs::write(&config, configuration(ways)?)?;
        for listener in ways.iter().filter_map(|way| way.listener.as_ref()) {
            fcntl_setfd(listener, FdFlags::empty())?;
        }
        let said = directory.join("haproxy.log");
        let log = File::create(&said)?;
        let child = Command::new(program)
            .args(["-q", "-db", "-f"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} can't be started", program.display()))?;
        for way in ways {
            way.listener = None;
        }
        Ok(Self { child, said })
    }

    /// Whether it runs, and what it has said.
    fn state(&mut self) -> String {
        let state = match self.child.try_wait() {
            Ok(Some(status)) => format!("has ended ({status})"),
            Ok(None) => "is running".into(),
            Err(error) => error.to_string(),
        };
        let said = fs::read_to_string(&self.said).unwrap_or_default();
        format!("{state}; it said: {:?}", said.trim_end())
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            let _ = self.child.wait();
        }
    }
}

fn configuration(ways: &[Way]) -> anyhow::Result<String> {
    let mut config = String::from(
        "global\n    nbthread 1\ndefaults\n    mode tcp\n    timeout connect 5s\n    timeout client 20s\n    \
         timeout server 20s\n    unique-id-format for-%ci:%cp\n",
    );
    for (index, way) in ways.iter().enumerate() {
        writeln!(config, "listen way{index}")?;
        if let Some(listener) = &way.listener {
            writeln!(config, "    bind fd@{}", listener.as_raw_fd())?;
        }
        let endpoint = way.server.endpoint();
        let server = if let Some(addr) = endpoint.socket_addr() {
            addr.to_string()
        } else {
            let path = endpoint.unix_name().and_then(UnixName::as_pathname).unwrap_or_default();
            format!("unix@{}", std::str::from_utf8(path).context("a path that is no text")?)
        };
        writeln!(config, "    server echo {server} {}", way.options)?;
    }
    Ok(config)
}

/// In PATH, or where Debian puts it.
fn find() -> anyhow::Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = directories.map(|directory| directory.join("haproxy")).find(|program| program.is_file());
    found.context(
        "no haproxy in PATH nor in /usr/sbin; install it first, on Debian with `apt-get install haproxy`",
    )
}

/// What it calls itself.
fn version(program: &Path) -> anyhow::Result<String> {
    let failed = || format!("{} -v", program.display());
    let output = Command::new(program).arg("-v").stdin(Stdio::null()).output().with_context(failed)?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.split_whitespace().nth(2) {
        Some(version) if output.status.success() => Ok(format!("HAProxy {version}")),
        _ => bail!("{} -v says: {text}", program.display()),
    }
}
