//! `realpeer demo`: shows what the socket says of a connection, and who it really is.

mod client;
mod direct;
mod expect;
mod haproxy;
mod scratch;
mod server;
mod table;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use self::table::Table;

/// Show what the socket says of connections, and who is really there
///
/// It runs on this machine in a few seconds: loopback and UNIX sockets, the echo server of this program, and senders
/// that do what proxies, health checks and impostors do. Every result is checked, and so are the bytes that come back;
/// the exit status is 0 only if all is as it should be.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Put a real HAProxy between clients and server
    ///
    /// It must be installed. It is started with its own configuration, and ended afterwards.
    #[arg(long)]
    haproxy: bool,
}

/// How long anything may take that happens at once when all is well.
const PATIENCE: Duration = Duration::from_secs(10);

/// The lines of the demonstration, one by one; between them it may be interrupted.
struct Stage {
    table: Table,
    interrupted: Arc<AtomicBool>,
}

/// Somebody wants the program to end.
#[derive(Debug)]
struct Interrupted;

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // What has been started and made is ended and removed on the way out, so it must be gone in order.
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&interrupted))?;
    }
    let mut stage = Stage { table: Table::new(), interrupted };
    let played = if arguments.haproxy { haproxy::play(&mut stage) } else { direct::play(&mut stage) };
    match played {
        Err(error) if error.is::<Interrupted>() => Ok(ExitCode::from(130)),
        Err(error) => Err(error),
        Ok(()) => Ok(if stage.table.sum_up()? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
    }
}

impl Stage {
    /// Shows a line, and says whether to go on.
    fn show(&mut self, row: &table::Row) -> anyhow::Result<()> {
        self.table.show(row)?;
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Interrupted.into());
        }
        Ok(())
    }
}

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}
