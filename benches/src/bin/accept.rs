//! Servers side by side under the same load: `accept --go PROGRAM [--svg FILE]`. It starts itself as the servers.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use realpeer_benches::accept::load::Load;
use realpeer_benches::accept::{
    CLIENT_CPU, Measured, Process, SERVERS, Server, header, serve, stay_on_cpu, tables,
};

const USAGE: &str = "usage: accept --go PROGRAM [--svg FILE] [--rounds N] [--only GROUP]";
/// Connections in a burst; they fit in every server's backlog.
const BURST: u32 = 256;
/// Connections at a time of clients that share the server's CPU.
const TOGETHER: u32 = 32;
/// Connections a second, of which no server notices much, and how many in a round.
const RATE: u32 = 2000;
const AT_RATE: u32 = 200;
/// For each of so many bursts there is one round at the rate.
const BURSTS_TO_RATE: usize = 5;

struct Options {
    go: PathBuf,
    svg: Option<String>,
    rounds: usize,
    only: Option<String>,
}

fn main() -> io::Result<()> {
    let mut options = Options { go: PathBuf::new(), svg: None, rounds: 60, only: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or_else(|| io::Error::other(USAGE))?;
        match argument.as_str() {
            "serve" => return serve_until_eof(&value),
            "--go" => options.go = value.into(),
            "--svg" => options.svg = Some(value),
            "--rounds" => options.rounds = value.parse().map_err(io::Error::other)?,
            "--only" => options.only = Some(value),
            _ => return Err(io::Error::other(USAGE)),
        }
    }
    stay_on_cpu(CLIENT_CPU)?;
    let files = std::env::temp_dir().join(format!("realpeer-benches-{}", std::process::id()));
    std::fs::create_dir_all(&files)?;
    let result = compare(&options, &files);
    std::fs::remove_dir_all(&files)?;
    result
}

/// Serves until the standard input ends.
fn serve_until_eof(name: &str) -> io::Result<()> {
    let socket = TcpListener::bind("127.0.0.1:0")?;
    // A longer backlog than that of std.
    rustix::net::listen(&socket, 4096)?;
    println!("{}", socket.local_addr()?.port());
    std::thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    serve::serve(name, socket)
}

fn compare(options: &Options, files: &Path) -> io::Result<()> {
    for version in [2, 1] {
        let mut measured = measure(version, options, files)?;
        for (server, measured) in SERVERS.iter().zip(&mut measured).filter(|(_, one)| !one.bursts.is_empty())
        {
            let load = load(server, version);
            measured.calls = count(&load, || Process::traced(server, &options.go, files))?;
            if version == 2 && server.is_itself() {
                let counted = count(&load, || Process::counted(server, &options.go, files))?;
                measured.instructions = counted.get("instructions").copied();
            }
        }
        println!("{}", tables::burst(version, &measured));
        if version == 2 {
            println!("At {RATE} connections a second, version 2:\n\n{}", tables::latencies(&measured));
            if let Some(svg) = &options.svg {
                tables::draw(svg, &measured);
            }
        }
    }
    Ok(())
}

fn load(server: &Server, version: u8) -> Load {
    Load { server: *server, payload: server.payload(header(version)) }
}

/// The servers take turns, so that what happens to the machine happens to all alike: round by round, there and back.
fn measure(version: u8, options: &Options, files: &Path) -> io::Result<Vec<Measured>> {
    let mut measured: Vec<Measured> = SERVERS.iter().map(|_| Measured::default()).collect();
    let mut running = Vec::new();
    for (server, measured) in SERVERS.iter().zip(&mut measured) {
        if options.only.as_deref().is_some_and(|only| only != server.group) {
            continue;
        }
        let process = Process::start(server, &options.go, files)?;
        let load = load(server, version);
        load.burst(&process, BURST)?;
        running.push((load, process, measured));
    }
    for round in 0..options.rounds {
        let mut turn = |(load, process, measured): &mut (Load, Process, &mut Measured)| -> io::Result<()> {
            measured.bursts.push(load.burst(process, BURST)?);
            measured.wholes.push(load.whole(process, BURST, TOGETHER)?);
            if version == 2 && round % BURSTS_TO_RATE == 0 {
                measured.rates.push(load.at_rate(process, AT_RATE, RATE)?);
            }
            Ok(())
        };
        if round % 2 == 0 {
            running.iter_mut().try_for_each(&mut turn)?;
        } else {
            running.iter_mut().rev().try_for_each(&mut turn)?;
        }
    }
    for (_, process, _) in running {
        process.end()?;
    }
    Ok(measured)
}

/// Of two runs that differ in nothing but the number of connections, what one connection takes.
fn count(load: &Load, start: impl Fn() -> io::Result<Process>) -> io::Result<BTreeMap<String, f64>> {
    let mut sums = Vec::new();
    for bursts in [1, 3] {
        let process = start()?;
        for _ in 0..bursts {
            load.burst(&process, BURST)?;
        }
        sums.push(process.end()?);
    }
    let each = |(name, &sum): (&String, &u64)| {
        let before = sums[0].get(name).copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let each = (sum as f64 - before as f64) / f64::from(2 * BURST);
        (each.abs() >= 0.05).then(|| (name.clone(), each))
    };
    Ok(sums[1].iter().filter_map(each).collect())
}
