//! `realpeer echo`: a server that tells who is really there, and echoes.

mod blocking;
mod datagrams;
#[cfg(feature = "runtimes")]
mod futures;
mod tokio;

use std::convert::Infallible;
use std::io;
use std::process::{self, ExitCode};
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use realpeer::proto::{MAX_HEADER_LEN, Versions};
use realpeer::{AcceptError, Acceptor, Trust};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::listen::{Listen, Socket};
use crate::printer::Printer;
use crate::report::Report;
use crate::{complain, signals, text};

pub(crate) use blocking::serve as serve_blocking;

/// Run an echo server that takes PROXY headers and tells who is really there
///
/// It prints a line on stdout for each connection, as soon as its header has been read: source, destination, the
/// proxy (the sender of the header), version, command, TLVs. Then it sends back what the client sends, until the
/// client stops sending. Over UDP each datagram has its own header, and its payload goes back to the proxy.
///
/// Peers that are not trusted are refused: their connection is closed and nothing of it is read. A peer that leaves
/// without sending a byte, as TCP health checks do, leaves no line, except with --json.
///
/// Once it is ready it prints `listening on ADDR` on stderr. Ctrl-C, SIGTERM and SIGHUP end it.
#[derive(Debug, clap::Args)]
#[expect(clippy::doc_markdown, reason = "clap shows backticks as they are")]
#[command(after_help = EXAMPLES, after_long_help = long_help())]
pub(crate) struct Arguments {
    /// Where to listen: IP:PORT, udp:IP:PORT, unix:PATH or unix:@NAME
    ///
    /// IPv6 addresses are written [::1]:8080. Port 0 is a free one. A socket file that nobody listens on any more is
    /// replaced; one that is in use is an error. unix:@NAME is an abstract socket, which has no file.
    #[arg(long, value_name = "ADDR")]
    listen: Listen,

    /// Whose headers are believed, separated by commas or in several options
    ///
    /// An address, a network such as 10.0.0.0/8, `unix` for peers on a UNIX socket, or `anyone`. With `anyone`
    /// whoever reaches the server can claim any address: use it only where nobody but the proxy can.
    #[arg(long, value_name = "WHOM", required = true, value_delimiter = ',')]
    trust: Vec<Trust>,

    /// What the server runs on: for the tests of the libraries
    #[arg(long, value_enum, default_value_t = Runtime::Std, hide = true)]
    runtime: Runtime,

    /// How many seconds a peer has for its whole header, such as 3 or 0.5
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = crate::seconds)]
    timeout: Duration,

    /// The versions of the protocol that are accepted
    #[arg(long, value_enum, value_name = "VERSION", default_value_t = Require::Any)]
    require: Require,

    /// How many peers may be sending their headers at a time; more wait in the kernel's queue
    #[arg(long, value_name = "COUNT", default_value = "4096")]
    max_pending: usize,

    /// Write JSON lines; `--help` tells what is in them
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  realpeer echo --listen 0.0.0.0:9000 --trust 10.0.0.0/8
  realpeer echo --listen 127.0.0.1:9000 --trust 127.0.0.1,::1 --json
  realpeer echo --listen udp:127.0.0.1:5353 --trust 127.0.0.1
  realpeer echo --listen unix:/run/echo.sock --trust unix";

const JSON_HELP: &str = "
With --json each line is an object with these keys:
  source       who is really there: \"192.0.2.1:56324\", \"[2001:db8::1]:443\",
               \"unix:/path\", \"unix:@abstract\" or \"unix:\" (without a name)
  destination  where it connected to
  proxy        the sender of the header, as the socket names it
  version      1 or 2
  command      \"PROXY\", or \"LOCAL\" if the connection is the proxy's own, as for
               a health check
  protocol     TCP4, TCP6, UDP4, UDP6, UNIX, UNIX_DGRAM; UNKNOWN (v1) or UNSPEC
               (v2) if the header has no addresses: source is the proxy's then
  tlvs         [{\"type\": 1, \"name\": \"ALPN\", \"hex\": \"6832\", \"text\": \"h2\"}, ...];
               numbers have `value` instead of `text`; SSL has client, verify,
               verified (a client certificate was given, and is good) and tlvs
  error        only if the connection is not served, and all but proxy is null:
               {\"kind\": \"closed\", \"message\": \"...\", \"remedy\": \"...\"}; remedy,
               what to change, only where that can be told; kind is one of
";

const DROPPED_HELP: &str = "
An object {\"dropped\": 17} tells that so many lines were lost, because whoever
reads stdout was too slow; the server does not wait for it.";

/// What `--help` says after the options. Kinds of errors are those that there are.
fn long_help() -> String {
    let kind = |kind| format!("               {kind:<8}  {}\n", meaning(kind));
    [EXAMPLES, "\n", JSON_HELP, &AcceptError::KINDS.map(kind).concat(), DROPPED_HELP].concat()
}

/// What the kind of an error means.
fn meaning(kind: &str) -> &'static str {
    match kind {
        "refused" => "the peer is not trusted",
        "closed" => "it left without a byte",
        "protocol" => "no header, or a broken one",
        "timeout" => "no complete header in time",
        "oversize" => "a datagram larger than the buffer for it",
        "joined" => "a datagram that may be several, by UDP_GRO",
        "io" => "the connection failed",
        _ => "",
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Runtime {
    /// Blocking sockets, with a thread for each established connection
    Std,
    /// Tokio, with a task for each connection
    Tokio,
    /// Smol, with a task for each connection
    #[cfg(feature = "runtimes")]
    Smol,
    /// Async-std, with a task for each connection
    #[cfg(feature = "runtimes")]
    AsyncStd,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Require {
    V1,
    V2,
    Any,
}

/// Takes the report of a connection. An error ends the server.
pub(crate) trait Say: FnMut(Report) -> io::Result<()> {}
impl<F: FnMut(Report) -> io::Result<()>> Say for F {}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // Before there is a socket file that would be left behind.
    let signals = signals::Ending::register()?;
    allow_many_connections();
    let acceptor = acceptor(arguments)?;
    let socket = Socket::bind(&arguments.listen)?;
    let (file, name) = (socket.file(), socket.name()?);
    let (at_signal, at_end, json) = (file.clone(), file.clone(), arguments.json);
    signals.spawn(move || {
        at_signal.remove();
        process::exit(0);
    })?;
    let dropped = move |count| {
        if json {
            format!("{{\"dropped\":{count}}}")
        } else {
            format!("({count} lines lost: the reader of stdout is too slow)")
        }
    };
    let printer = Printer::start(dropped, move |error| {
        at_end.remove();
        process::exit(crate::ended_by(&error));
    })?;
    complain(format_args!("listening on {name}"));

    let printing = printer.clone();
    let say = move |report: Report| {
        match json {
            true => printing.say(text::json_line(&report)?),
            false if report.is_quiet() => {}
            false => printing.say(report.to_string()),
        }
        Ok(())
    };
    let ended = match (arguments.runtime, socket) {
        (_, Socket::Udp(socket)) => datagrams::serve(&socket, &acceptor, say),
        (Runtime::Std, socket) => {
            let warn = |line| printer.complain(line);
            blocking::serve(socket, acceptor, arguments.max_pending, say, warn)
        }
        (Runtime::Tokio, socket) => tokio::serve(socket, acceptor, arguments.max_pending, say),
        #[cfg(feature = "runtimes")]
        (Runtime::Smol, socket) => futures::serve_smol(socket, acceptor, arguments.max_pending, say),
        #[cfg(feature = "runtimes")]
        (Runtime::AsyncStd, socket) => futures::serve_async_std(socket, acceptor, arguments.max_pending, say),
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
    Ok(Acceptor::new(trust)
        .with_versions(versions)
        .with_timeout(arguments.timeout)
        .with_max_header_len(MAX_HEADER_LEN))
}

/// Many systems start a program with 1,024 file descriptors and let it have more if it asks.
fn allow_many_connections() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Without it fewer connections can be open at a time: accepting pauses then.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_explains_every_kind_of_error() {
        let help = long_help();
        for kind in AcceptError::KINDS {
            assert!(!meaning(kind).is_empty(), "{kind}");
            let explained =
                |line: &str| line.split_whitespace().next() == Some(kind) && line.ends_with(meaning(kind));
            assert!(help.lines().any(explained), "{kind}");
        }
        assert!(help.lines().all(|line| line.len() <= 80));
    }
}
