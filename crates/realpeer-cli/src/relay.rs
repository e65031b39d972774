//! `realpeer relay`: a hop for debugging, which shows and changes headers.

mod datagrams;
mod header;
mod streams;

use std::process::{self, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::ValueEnum;
use realpeer::proto::MAX_HEADER_LEN;
use realpeer::{Acceptor, Trust, Verdict, policy_fn};
use tokio::sync::watch;

use crate::listen::{Listen, Socket};
use crate::printer::Printer;
use crate::{complain, ended_by, signals};

/// Pass connections on, with their headers shown, added, removed or changed
///
/// A small hop for debugging, not a load balancer. For each connection it prints a line on stdout with the header that
/// came, or without one who connected. What follows passes unchanged, and when one side has said all, the other is
/// told so and may still speak.
///
/// With --trust, connections must begin with a header, and peers that are not named there are refused; without it, no
/// header is looked for. Over UDP each datagram has its own header.
///
/// Ctrl-C or SIGTERM: no more connections are taken, and those that are open may end within --drain seconds; a second
/// Ctrl-C ends them.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Where to listen: IP:PORT, udp:IP:PORT, unix:PATH or unix:@NAME
    #[arg(long, value_name = "ADDR")]
    listen: Listen,

    /// Where to connect to, of the same forms; UDP goes to UDP
    #[arg(long, value_name = "ADDR")]
    to: Listen,

    /// Whose headers are believed: an address, a network, unix or anyone, separated by commas
    #[arg(long, value_name = "WHOM", value_delimiter = ',')]
    trust: Vec<Trust>,

    /// The header to send: none, one of version 1 or 2, or the one that came
    #[arg(long, value_name = "HEADER", value_enum, default_value_t = Out::Same)]
    out: Out,

    /// How many seconds a peer has for its whole header
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = crate::seconds)]
    timeout: Duration,

    /// How many connections, or senders of datagrams, there may be at a time
    #[arg(long, value_name = "COUNT", default_value = "1024", value_parser = clap::value_parser!(u16).range(1..))]
    max: u16,

    /// How many seconds open connections have to end after Ctrl-C
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = crate::seconds)]
    drain: Duration,
}

const EXAMPLES: &str = "\
Examples:
  show what the balancer sends, on its way to the server
    realpeer relay --listen 0.0.0.0:8080 --to 10.0.0.5:8080 --trust 10.0.0.0/8
  take the header off, for a server that does not know it
    realpeer relay --listen 0.0.0.0:8080 --to 127.0.0.1:80 --trust 10.0.0.2 \\
        --out none
  add one, as a balancer would
    realpeer relay --listen 127.0.0.1:8080 --to 10.0.0.5:80 --out v2
  a server that reads version 1 only, behind a balancer that sends version 2
    realpeer relay --listen 0.0.0.0:25 --to 127.0.0.1:2525 --trust 10.0.0.2 \\
        --out v1";

/// The header that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Out {
    /// No header
    None,
    /// A header of version 1
    V1,
    /// A header of version 2, with the TLVs that came
    V2,
    /// The header that came, or none
    Same,
}

/// What all connections share.
struct Shared {
    acceptor: Acceptor,
    to: Listen,
    out: Out,
    max: u16,
    printer: Printer,
}

/// Turns true once no more connections are to be taken.
type Ending = watch::Receiver<bool>;

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let signals = signals::Ending::register()?;
    let is_udp = |listen: &Listen| matches!(listen, Listen::Udp(_));
    if is_udp(&arguments.listen) != is_udp(&arguments.to) {
        bail!("datagrams go to datagrams: both --listen and --to must be udp:, or neither");
    }
    if is_udp(&arguments.listen) && arguments.out == Out::V1 {
        bail!("version 1 has no datagrams: use --out v2");
    }
    let socket = Socket::bind(&arguments.listen)?;
    let (file, name) = (socket.file(), socket.name()?);
    let (tell, ending) = watch::channel(false);
    let (at_second, at_end) = (file.clone(), file.clone());
    signals.spawn(move || {
        if tell.send_replace(true) {
            at_second.remove();
            process::exit(0);
        }
    })?;
    let lost = |count| format!("({count} lines lost: the reader of stdout is too slow)");
    let printer = Printer::start(lost, move |error| {
        at_end.remove();
        process::exit(ended_by(&error));
    })?;
    complain(format_args!("listening on {name}"));
    let shared = Arc::new(Shared {
        acceptor: acceptor(arguments),
        to: arguments.to.clone(),
        out: arguments.out,
        max: arguments.max,
        printer: printer.clone(),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        match socket {
            Socket::Udp(socket) => datagrams::serve(socket, shared, ending).await,
            socket => streams::serve(socket, shared, ending, arguments.drain).await,
        }
    });
    file.remove();
    printer.finish();
    ended?;
    Ok(ExitCode::SUCCESS)
}

fn acceptor(arguments: &Arguments) -> Acceptor {
    let trust = arguments.trust.iter().cloned().reduce(Trust::and);
    let acceptor = match trust {
        Some(trust) => Acceptor::new(trust),
        None => Acceptor::new(policy_fn(|_| Verdict::Bypass)),
    };
    acceptor.with_timeout(arguments.timeout).with_max_header_len(MAX_HEADER_LEN)
}
