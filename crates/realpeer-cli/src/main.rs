//! The program `realpeer`: the PROXY protocol at a terminal.

#![forbid(unsafe_code)]

mod decode;
mod demo;
mod echo;
mod encode;
mod help;
mod listen;
mod printer;
mod probe;
mod relay;
mod report;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod run;
mod signals;
mod style;
mod text;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// The PROXY protocol (HAProxy's, versions 1 and 2): who is really at the other end of a connection that came through
/// a proxy.
#[derive(Debug, Parser)]
#[command(name = "realpeer", version, max_term_width = 80, after_help = help::SHORT, after_long_help = help::LONG)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Echo(echo::Arguments),
    Decode(decode::Arguments),
    Encode(encode::Arguments),
    Probe(probe::Arguments),
    Relay(relay::Arguments),
    Completions(help::Completions),
    Man(help::Man),
    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
    Run(run::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Echo(arguments) => echo::run(&arguments),
        Command::Decode(arguments) => decode::run(&arguments),
        Command::Encode(arguments) => encode::run(&arguments),
        Command::Probe(arguments) => probe::run(&arguments),
        Command::Relay(arguments) => relay::run(&arguments),
        Command::Completions(arguments) => help::completions(&arguments),
        Command::Man(arguments) => help::man(&arguments),
        #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
        Command::Run(arguments) => run::run(arguments),
    };
    match outcome {
        Ok(code) => code,
        // Whoever read the output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The exit status once stdout can't be written to: 0 if whoever read it has seen enough.
fn ended_by(error: &io::Error) -> i32 {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return 0;
    }
    complain(format_args!("error: can't write to stdout: {error}"));
    1
}

/// A line on stderr. If nobody reads it, that is that.
fn complain(line: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Reads a duration in seconds, such as 3 or 0.5.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|duration| !duration.is_zero()).ok_or_else(|| "not a number of seconds above 0".into())
}
