//! `realpeer echo`: a server that says who is really there, and echoes.

mod blocking;
mod futures;
mod listen;
mod tokio;

use std::convert::Infallible;
use std::io::{self, Write};
use std::process::{self, ExitCode};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use realpeer::proto::Versions;
use realpeer::{Acceptor, Trust};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::complain;
use crate::report::Report;

pub(crate) use blocking::serve as serve_blocking;
pub(crate) use listen::{Listen, Socket};

/// Run an echo server that takes PROXY headers and says who is really there.
///
/// A line on stdout for each connection, as soon as its header has been read: source, destination, the proxy (the
/// sender of the header), version, command, TLVs. Then what the client sends is sent back, until it stops sending.
///
/// Peers that are not trusted are refused: their connection is closed and nothing of it is read. A peer that leaves
/// without sending a byte, as TCP health checks do, gives no line, except with --json.
///
/// Once it is ready it says so on stderr: `listening on ADDR`. Ctrl-C or SIGTERM end it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = JSON_HELP)]
pub(crate) struct Arguments {
    /// Where to listen: IP:PORT, [IPV6]:PORT, unix:PATH or unix:@NAME
    ///
    /// Port 0 is a free one. A socket file that nobody listens on any more is replaced; one that is in use is an
    /// error. unix:@NAME is an abstract socket, which has no file.
    #[arg(long, value_name = "ADDR")]
    listen: Listen,

    /// Whose headers are believed; may be given several times
    ///
    /// An address, a network such as 10.0.0.0/8, `unix` for peers on a UNIX socket, or `anyone`. With `anyone`
    /// whoever reaches the server can claim any address: only where nobody but the proxy can.
    #[arg(long, value_name = "CIDR|unix|anyone", required = true)]
    trust: Vec<Trust>,

    /// What the server runs on
    #[arg(long, value_enum, default_value_t = Runtime::Std)]
    runtime: Runtime,

    /// How many seconds a peer has for its whole header, such as 3 or 0.5
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    timeout: Duration,

    /// The versions of the protocol that are accepted
    #[arg(long, value_enum, value_name = "VERSION", default_value_t = Require::Any)]
    require: Require,

    /// How many peers may be sending their headers at a time; more wait in the kernel's queue
    #[arg(long, value_name = "COUNT", default_value = "4096")]
    max_pending: usize,

    /// Write JSON lines; `--help` says what is in them
    #[arg(long)]
    json: bool,
}

const JSON_HELP: &str = "\
With --json a line is an object with these keys:
  source       who is really there: \"192.0.2.1:56324\", \"[2001:db8::1]:443\",
               \"unix:/path\", \"unix:@abstract\" or \"unix:\" (without a name)
  destination  where it connected to
  proxy        the sender of the header, as the socket names it
  version      1 or 2
  command      \"PROXY\", or \"LOCAL\" if the connection is the proxy's own, as for
               a health check
  tlvs         [{\"type\": 1, \"name\": \"ALPN\", \"hex\": \"6832\", \"text\": \"h2\"}, ...];
               numbers have `value` in place of `text`; SSL has client, verify,
               verified (a client certificate was given, and is good) and tlvs
  error        only if the connection is not served, and all but proxy is null:
               {\"kind\": \"closed\", \"message\": \"...\"}; kind is closed (left without
               a byte), refused (not trusted), protocol (no header, or a broken
               one), timeout or io";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Runtime {
    /// Blocking sockets, with a thread for each established connection
    Std,
    /// Tokio, with a task for each connection
    Tokio,
    /// Smol, with a task for each connection
    Smol,
    /// Async-std, with a task for each connection
    AsyncStd,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Require {
    V1,
    V2,
    Any,
}

/// Says what it has to say of a connection. An error ends the server.
pub(crate) trait Say: FnMut(Report) -> io::Result<()> {}
impl<F: FnMut(Report) -> io::Result<()>> Say for F {}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // Before there is a socket file that would be left behind.
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("can't wait for signals")?;
    allow_many_connections();
    let acceptor = acceptor(arguments)?;
    let socket = Socket::bind(&arguments.listen)?;
    let file = socket.file();
    let endpoint = socket.endpoint()?;

    let file_at_signal = file.clone();
    let at_signal = move || {
        if signals.forever().next().is_some() {
            file_at_signal.remove();
            process::exit(0);
        }
    };
    thread::Builder::new().name("signals".into()).spawn(at_signal).context("can't wait for signals")?;
    complain(format_args!("listening on {endpoint}"));

    let say = |report: Report| print(&report, arguments.json);
    let ended = match arguments.runtime {
        Runtime::Std => blocking::serve(socket, acceptor, arguments.max_pending, say),
        Runtime::Tokio => tokio::serve(socket, acceptor, arguments.max_pending, say),
        Runtime::Smol => futures::serve_smol(socket, acceptor, arguments.max_pending, say),
        Runtime::AsyncStd => futures::serve_async_std(socket, acceptor, arguments.max_pending, say),
    };
    file.remove();
    let Err(error): Result<Infallible, _> = ended;
    Err(error.into())
}

fn acceptor(arguments: &Arguments) -> anyhow::Result<Acceptor> {
    let trust = arguments.trust.iter().cloned().reduce(Trust::and).context("nobody to trust")?;
    let versions = match arguments.require {
        Require::V1 => Versions::V1,
        Require::V2 => Versions::V2,
        Require::Any => Versions::Any,
    };
    Ok(Acceptor::new(trust).with_versions(versions).with_timeout(arguments.timeout))
}

fn print(report: &Report, json: bool) -> io::Result<()> {
    let line = match (json, report.is_quiet()) {
        (true, _) => serde_json::to_string(report)?,
        (false, true) => return Ok(()),
        (false, false) => report.to_string(),
    };
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// Many systems start a program with 1,024 file descriptors and let it have more if it asks.
fn allow_many_connections() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Without it fewer connections can be open at a time: accepting pauses then.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|duration| !duration.is_zero()).ok_or_else(|| "not a number of seconds above 0".into())
}
