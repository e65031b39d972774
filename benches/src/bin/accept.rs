//! Servers side by side under the same load: `accept --go PROGRAM [--svg FILE]`. It starts itself as the servers.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::{self, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use realpeer_benches::accept::load::{self, Load, Outcome};
use realpeer_benches::accept::{Process, SERVERS, Server, header, serve, stay_on_first_cpu};
use realpeer_benches::chart;

const USAGE: &str = "usage: accept --go PROGRAM [--svg FILE] [--rounds N] [--connections N]";
/// At a time. Few enough that the clients' process is not what is measured.
const CONCURRENCY: u32 = 32;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (mut go, mut svg, mut rounds, mut connections) = (PathBuf::new(), None, 61, 500);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or_else(|| io::Error::other(USAGE))?;
        match argument.as_str() {
            "serve" => return serve_until_eof(&value),
            "--go" => go = value.into(),
            "--svg" => svg = Some(value),
            "--rounds" => rounds = value.parse().map_err(io::Error::other)?,
            "--connections" => connections = value.parse().map_err(io::Error::other)?,
            _ => return Err(io::Error::other(USAGE)),
        }
    }
    stay_on_first_cpu()?;
    let files = std::env::temp_dir().join(format!("realpeer-benches-{}", std::process::id()));
    std::fs::create_dir_all(&files)?;
    let result = compare(&go, &files, svg.as_deref(), rounds, connections);
    std::fs::remove_dir_all(&files)?;
    result
}

/// Serves until the standard input ends.
fn serve_until_eof(name: &str) -> io::Result<()> {
    let socket = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", socket.local_addr()?.port());
    std::thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    serve::serve(name, socket)
}

#[derive(Default)]
struct Measured {
    rounds: Vec<Outcome>,
    ticks: u64,
    calls: BTreeMap<String, f64>,
}

#[tokio::main(flavor = "current_thread")]
async fn compare(
    go: &Path,
    files: &Path,
    svg: Option<&str>,
    rounds: usize,
    connections: u32,
) -> io::Result<()> {
    for version in [1, 2] {
        let measured = measure(version, go, files, rounds, connections).await?;
        println!("{}", table(version, &measured, connections));
        if let (2, Some(svg)) = (version, svg) {
            draw(svg, &measured);
        }
    }
    Ok(())
}

async fn measure(
    version: u8,
    go: &Path,
    files: &Path,
    rounds: usize,
    connections: u32,
) -> io::Result<Vec<Measured>> {
    let load = |server: &Server, port, connections| Load {
        port,
        payload: server.payload(header(version)),
        speaks: server.speaks,
        connections,
        concurrency: CONCURRENCY,
    };
    let mut measured: Vec<Measured> = SERVERS.iter().map(|_| Measured::default()).collect();
    let mut processes = Vec::new();
    for server in &SERVERS {
        let process = Process::start(server, go, files)?;
        load::run(&load(server, process.port, 200)).await?;
        processes.push(process);
    }
    for _ in 0..rounds {
        for ((server, process), measured) in SERVERS.iter().zip(&processes).zip(&mut measured) {
            let before = process.ticks();
            measured.rounds.push(load::run(&load(server, process.port, connections)).await?);
            measured.ticks += process.ticks() - before;
        }
    }
    for process in processes {
        process.end()?;
    }
    // Of two runs that differ in nothing but the number of connections, what one connection takes.
    for (server, measured) in SERVERS.iter().zip(&mut measured) {
        let mut sums = Vec::new();
        for connections in [100, 600] {
            let process = Process::traced(server, go, files)?;
            load::run(&load(server, process.port, connections)).await?;
            sums.push(process.end()?);
        }
        for (name, &calls) in &sums[1] {
            let before = sums[0].get(name).copied().unwrap_or_default();
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let each = (calls as f64 - before as f64) / 500.0;
            if each.abs() >= 0.05 {
                measured.calls.insert(name.clone(), each);
            }
        }
    }
    Ok(measured)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The server that it is compared with.
fn bare_of(server: &Server) -> Option<usize> {
    SERVERS.iter().position(|other| Some(other.name) == server.bare)
}

/// Connections a second against the bare server's: the median of the rounds' ratios.
fn ratio(measured: &[Measured], index: usize) -> Option<f64> {
    let bare = &measured[bare_of(&SERVERS[index])?].rounds;
    let pairs = measured[index].rounds.iter().zip(bare);
    Some(median(pairs.map(|(one, bare)| one.per_second() / bare.per_second()).collect()))
}

fn extra_calls(measured: &[Measured], index: usize) -> Option<f64> {
    let sum = |index: usize| measured[index].calls.values().sum::<f64>();
    Some(sum(index) - sum(bare_of(&SERVERS[index])?))
}

fn per_second(measured: &Measured) -> f64 {
    median(measured.rounds.iter().map(Outcome::per_second).collect())
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn table(version: u8, measured: &[Measured], connections: u32) -> String {
    let mut out = format!(
        "Version {version}, {} bytes:\n\n\
         | server | connections/s | to bare | p50 | p99 | CPU of the server | to bare | system calls | to bare |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        header(version).len()
    );
    for (index, (server, one)) in SERVERS.iter().zip(measured).enumerate() {
        let percentile = |percent| median(one.rounds.iter().map(|round| round.percentile(percent)).collect());
        let cpu = |index: usize| {
            let one: &Measured = &measured[index];
            one.ticks as f64 * 1e4 / (one.rounds.len() as f64 * f64::from(connections))
        };
        let _ = writeln!(
            out,
            "| {} | {:.0} | {} | {:.0} us | {:.0} us | {:.1} us | {} | {:.2} | {} |",
            server.name,
            per_second(one),
            ratio(measured, index).map_or("-".into(), |ratio| format!("{:+.1} %", (ratio - 1.0) * 100.0)),
            percentile(50),
            percentile(99),
            cpu(index),
            bare_of(server).map_or("-".into(), |bare| format!("{:+.1} us", cpu(index) - cpu(bare))),
            one.calls.values().sum::<f64>(),
            extra_calls(measured, index).map_or("-".into(), |calls| format!("{calls:+.2}")),
        );
    }
    out += "\nSystem calls a connection, by name:\n\n";
    for (server, one) in SERVERS.iter().zip(measured) {
        let calls: Vec<_> = one.calls.iter().map(|(name, each)| format!("{name} {each:.2}")).collect();
        let _ = writeln!(out, "- {}: {}", server.name, calls.join(", "));
    }
    out += "\n| bar | demanded | measured | |\n|---|--:|--:|---|\n";
    let best_peer = SERVERS
        .iter()
        .zip(measured)
        .filter(|(server, _)| server.peer && server.bare.is_some() && server.speaks == SERVERS[0].speaks)
        .map(|(_, one)| per_second(one))
        .fold(0.0, f64::max);
    let verdict = |met: bool| if met { "met" } else { "**not met**" };
    for (index, server) in SERVERS.iter().enumerate().filter(|(_, server)| !server.peer) {
        let (Some(ratio), Some(calls)) = (ratio(measured, index), extra_calls(measured, index)) else {
            continue;
        };
        let ahead = per_second(&measured[index]) / best_peer;
        let _ = writeln!(
            out,
            "| {0}: system calls more than bare | <= 2 | {calls:.2} | {1} |\n\
             | {0}: connections/s of bare | >= 0.95 | {ratio:.3} | {2} |\n\
             | {0}: connections/s of the best peer | > 1 | {ahead:.2} | {3} |",
            server.name,
            verdict(calls <= 2.05),
            verdict(ratio >= 0.95),
            verdict(ahead > 1.0),
        );
    }
    out
}

fn draw(svg: &str, measured: &[Measured]) {
    let mut groups: Vec<(String, Vec<(String, f64, usize)>)> = Vec::new();
    for (server, one) in SERVERS.iter().zip(measured) {
        let (runtime, what) = server.name.split_once(", ").unwrap_or((server.name, ""));
        if server.bare.is_none() {
            groups.push((runtime.into(), Vec::new()));
        }
        let colour = match (server.bare, server.peer) {
            (None, _) => 8,
            (_, false) => 0,
            (_, true) => 2,
        };
        if let Some((_, bars)) = groups.last_mut() {
            bars.push((what.into(), per_second(one), colour));
        }
    }
    chart::bars(svg, "Connections a second, version 2 header, one CPU", &groups, "/s");
}
