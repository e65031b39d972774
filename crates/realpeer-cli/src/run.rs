//! `realpeer run`: an unmodified server that sees its clients' real addresses.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use realpeer_run::{Error, Options, explain};

use crate::complain;

/// Start an unmodified server so that it sees its clients' real addresses
///
/// The server's connections on the ports that --listen names must begin with a PROXY header. It is removed before the
/// server knows of the connection, and the source in it is the peer that the server sees: in its log, in its rules, in
/// whatever it shows. Headers may come in pieces; a silent peer delays nobody and costs the server nothing.
///
/// It works for dynamically linked programs (PgBouncer, PostgreSQL, redis, nginx, sshd, ...), by a library that is
/// loaded into them. What can't work is found before the server starts: then there is one line, and status 78.
///
/// This process becomes the server: same process id, signals, exit status, and inherited sockets.
#[derive(Debug, clap::Args)]
#[expect(clippy::doc_markdown, reason = "clap shows backticks as they are")]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The listening sockets whose connections begin with a header, separated by commas or in several options
    ///
    /// A port, ADDRESS:PORT, the path of a UNIX socket, or @NAME for an abstract one. Others are left alone.
    #[arg(long, value_name = "WHERE", required = true, value_delimiter = ',')]
    listen: Vec<String>,

    /// Whose headers are believed, separated by commas or in several options
    ///
    /// An address, a network such as 10.0.0.0/8, `unix` for peers on a UNIX socket, or `anyone`. With `anyone`
    /// whoever reaches the server can claim any address: use it only where nobody but the proxy can.
    #[arg(long, value_name = "WHOM", required = true, value_delimiter = ',')]
    trust: Vec<String>,

    /// The time a peer has for its whole header, such as 5s or 500ms
    #[arg(long, value_name = "TIME", default_value = "5s")]
    timeout: String,

    /// What happens to peers that are not trusted
    #[arg(long, value_name = "HOW", value_enum, default_value = "refuse")]
    untrusted: Untrusted,

    /// Show the server the header's destination as its own address, too
    #[arg(long)]
    destination: bool,

    /// Write nothing to stderr about connections that were closed
    #[arg(long)]
    quiet: bool,

    /// The library, if it is neither beside this program nor in ../lib/realpeer/
    #[arg(long, value_name = "PATH")]
    library: Option<PathBuf>,

    /// Say what would be done, and why, and don't do it
    #[arg(long)]
    explain: bool,

    /// The server and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Untrusted {
    /// Their connections are closed.
    Refuse,
    /// They are the server's, without a header.
    Bypass,
}

const EXAMPLES: &str = "\
Examples:
  realpeer run --listen 6432 --trust 10.0.0.0/8 -- pgbouncer /etc/pgbouncer/pgbouncer.ini
  realpeer run --listen 6379 --trust 10.0.0.1,10.0.0.2 -- redis-server --port 6379
  realpeer run --explain --listen 22 --trust 10.0.0.1 -- /usr/sbin/sshd -D";

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let options = Options {
        listen: arguments.listen,
        trust: arguments.trust,
        timeout: Some(arguments.timeout),
        untrusted: Some(match arguments.untrusted {
            Untrusted::Refuse => "refuse".into(),
            Untrusted::Bypass => "bypass".into(),
        }),
        destination: arguments.destination,
        quiet: arguments.quiet,
        library: arguments.library,
        command: arguments.command,
    };
    let outcome = if arguments.explain {
        explain(&options, &mut io::stdout())?.map(|()| ExitCode::SUCCESS)
    } else {
        realpeer_run::run(&options)
    };
    Ok(outcome.unwrap_or_else(|error| {
        complain(format_args!("error: {error}"));
        ExitCode::from(Error::STATUS)
    }))
}
