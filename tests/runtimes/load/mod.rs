//! Under load, with the server in one process and its clients in another: 10,000 silent connections, a thousand that
//! send a byte now and then, and 100,000 good and bad ones mixed. `./ci.sh load` runs it.
//!
//! The tests assert who was served, how the others ended, and that nothing is left behind. Times are printed and not
//! judged.

mod clients;
mod server;

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::{AddAssign, Range};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};
use std::{fs, io};

use self::clients::{Failure, Good, PATIENCE, bad, connect};
use self::server::{Loop, RUNTIMES, Server, Tally, serve_if_asked};
use crate::harness::raise_descriptor_limit;

/// Longer than any test takes.
const NO_DEADLINE: Duration = Duration::from_secs(3600);

/// How many good connections come beside the silent or dripping ones, and how often one does.
const STEADY: u64 = 500;
const PERIOD: Duration = Duration::from_millis(2);

const SILENT: u64 = 10_000;
const DRIPPING: u64 = 1000;
const MIXED: u64 = 100_000;

/// What is left of memory may be this much more after all of the mixed ones than after the first fifth, in KiB: some
/// 100 bytes for each, and a handshake takes several times as much.
const GROWTH: i64 = 8192;

#[test]
fn ten_thousand_silent_connections() {
    serve_if_asked();
    raise_descriptor_limit();
    println!("\n{SILENT} silent connections, and good ones, one each {PERIOD:?}; load {}", busy());
    println!(
        "latencies in microseconds, alone and beside the silent ones; descriptors and memory (VmRSS, KiB) at the"
    );
    println!("start, while the silent ones are held, and after them");
    row(["runtime", "loop", "good", "lost", "p50", "p99", "p50", "p99", "fds", "", "", "KiB", "", "", "s"]);
    for runtime in RUNTIMES {
        for accepting in Loop::ALL {
            silent(runtime, accepting);
        }
    }
}

/// All are open when the first good one comes, and still are when the last has been answered.
fn silent(runtime: &str, accepting: Loop) {
    let start = Instant::now();
    let test = "load::ten_thousand_silent_connections";
    let mut server = Server::start(test, runtime, accepting, NO_DEADLINE);
    let mut alone = Steady::run(server.addr, accepting);
    let (fds, memory) = (server.descriptors(), server.memory());
    let mut cells = vec![runtime.to_owned(), accepting.name().to_owned()];
    // Ten thousand threads would be a test of something else.
    if accepting.takes_threads(runtime) {
        cells.extend([STEADY, alone.lost].map(|count| count.to_string()));
        cells.extend(alone.percentiles());
        row(cells);
        assert_eq!(alone.lost, 0, "{runtime}, {accepting:?}");
        return;
    }

    let mut held: Vec<_> = (0..SILENT).map(|number| connect(0, number, server.addr).unwrap()).collect();
    // Every other one falls silent in the middle of its header.
    for stream in held.iter_mut().step_by(2) {
        stream.write_all(b"PROXY TCP4 192.0.2.").unwrap();
    }
    let all = fds + SILENT as usize;
    eventually("all are accepted", || server.descriptors() >= all);
    let mut beside = Steady::run(server.addr, accepting);
    let (fds_held, memory_held) = (server.descriptors(), server.memory());
    let tally = server.tally();

    drop(held);
    eventually("all descriptors are given back", || server.descriptors() == fds);
    let lost = alone.lost + beside.lost;
    cells.extend([2 * STEADY, lost].map(|count| count.to_string()));
    cells.extend(alone.percentiles());
    cells.extend(beside.percentiles());
    cells.extend([fds, fds_held, server.descriptors()].map(|count| count.to_string()));
    cells.extend([memory, memory_held, server.memory()].map(|count| count.to_string()));
    cells.push(seconds(start));
    row(cells);
    assert_eq!(lost, 0, "{runtime}, {accepting:?}");
    assert!(fds_held >= all, "{runtime}, {accepting:?}");
    if accepting != Loop::Bare {
        // Not one of the silent had ended. Then each ends as it has to.
        let mut expected = Tally { served: 2 * STEADY, ..Tally::default() };
        assert_eq!(tally, expected, "{runtime}, {accepting:?}");
        expected.closed = SILENT / 2;
        expected.protocol = SILENT / 2;
        assert_eq!(server.tally(), expected, "{runtime}, {accepting:?}");
    }
}

#[test]
fn a_thousand_drips() {
    serve_if_asked();
    raise_descriptor_limit();
    let deadline = Duration::from_secs(3);
    println!("\n{DRIPPING} connections that send a byte each 20 ms; deadline {deadline:?}; load {}", busy());
    row(["runtime", "loop", "good", "lost", "p50", "p99", "timed out", "bytes"]);
    for runtime in RUNTIMES {
        for accepting in Loop::OURS {
            let mut server = Server::start("load::a_thousand_drips", runtime, accepting, deadline);
            let addr = server.addr;
            let mut steady = Steady::run(addr, accepting);
            let fds = server.descriptors();
            let drips =
                thread::spawn(move || drip((0..DRIPPING).map(|n| connect(0, n, addr).unwrap()).collect()));
            while !drips.is_finished() {
                steady += Steady::run(addr, accepting);
            }
            let bytes = drips.join().unwrap();
            let (tally, good) = (server.tally(), steady.latencies.len() as u64);
            let mut cells = vec![runtime.to_owned(), accepting.name().to_owned()];
            cells.extend([good, steady.lost].map(|count| count.to_string()));
            cells.extend(steady.percentiles());
            cells.extend([tally.timed_out, bytes].map(|count| count.to_string()));
            row(cells);
            assert_eq!(steady.lost, 0, "{runtime}, {accepting:?}");
            let expected = Tally { served: good, timed_out: DRIPPING, ..Tally::default() };
            assert_eq!(tally, expected, "{runtime}, {accepting:?}");
            eventually("all descriptors are given back", || server.descriptors() == fds);
        }
    }
}

/// Sends a byte of a long header to each in turn until the server has closed all. Says how many were sent.
fn drip(mut clients: Vec<TcpStream>) -> u64 {
    let header = [&b"\r\n\r\n\0\r\nQUIT\n\x20\0\x0f\0"[..], &[0; 0x0F00]].concat();
    for client in &clients {
        client.set_nonblocking(true).unwrap();
    }
    let mut sent = 0;
    // By the time the header were whole, the deadline would be over many times.
    for byte in &header[..header.len() - 1] {
        clients.retain_mut(|client| {
            let silent = |error: io::Error| error.kind() == ErrorKind::WouldBlock;
            let open = client.write_all(&[*byte]).is_ok() && client.read(&mut [0]).is_err_and(silent);
            sent += u64::from(open);
            open
        });
        if clients.is_empty() {
            return sent;
        }
        sleep(Duration::from_millis(20));
    }
    panic!("{} outlived the deadline", clients.len());
}

#[test]
fn a_hundred_thousand_good_and_bad_ones() {
    serve_if_asked();
    raise_descriptor_limit();
    println!("\n{MIXED} connections, good and bad ones mixed; load {}", busy());
    println!("descriptors at the start and at the end; memory (VmRSS, KiB) after a fifth and at the end");
    row([
        "runtime", "loop", "good", "lost", "wrong", "bad", "refused", "closed", "protocol", "io", "fds", "",
        "KiB", "", "s",
    ]);
    for runtime in RUNTIMES {
        for accepting in Loop::OURS {
            mixed(runtime, accepting);
        }
    }
}

fn mixed(runtime: &str, accepting: Loop) {
    let start = Instant::now();
    let test = "load::a_hundred_thousand_good_and_bad_ones";
    let mut server = Server::start(test, runtime, accepting, NO_DEADLINE);
    assert!(Good::small(0, true).call(server.addr).unwrap());
    let fds = server.descriptors();
    let given_back = |server: &Server| {
        eventually("all descriptors are given back", || server.descriptors() == fds);
        server.memory()
    };
    let mix = Mix::default();
    mix.run(server.addr, 0..MIXED / 5);
    let memory = given_back(&server);
    mix.run(server.addr, MIXED / 5..MIXED);
    let memory_after = given_back(&server);
    let tally = server.tally();

    let [good, lost, wrong, refused, closed, protocol, io] =
        [&mix.good, &mix.lost, &mix.wrong, &mix.refused, &mix.closed, &mix.protocol, &mix.io]
            .map(|count| count.load(Ordering::SeqCst));
    let mut cells = vec![runtime.to_owned(), accepting.name().to_owned()];
    let bad = tally.refused + tally.closed + tally.protocol + tally.io + tally.timed_out;
    let counts = [good, lost, wrong, bad, tally.refused, tally.closed, tally.protocol, tally.io];
    cells.extend(counts.map(|count| count.to_string()));
    cells.extend([fds, server.descriptors()].map(|count| count.to_string()));
    cells.extend([memory, memory_after].map(|count| count.to_string()));
    cells.push(seconds(start));
    row(cells);
    assert_eq!((lost, wrong), (0, 0), "{runtime}, {accepting:?}");
    // Each ended as it had to, and only once. One good one was there before.
    let expected = Tally { served: 1 + good, refused, closed, protocol, io, timed_out: 0 };
    assert_eq!(tally, expected, "{runtime}, {accepting:?}");
    assert_eq!(good + refused + closed + protocol + io, MIXED, "{runtime}, {accepting:?}");
    assert!(memory_after - memory < GROWTH, "{runtime}, {accepting:?}: from {memory} to {memory_after} KiB");
}

/// Good and bad ones, and what is to come of them.
#[derive(Debug, Default)]
struct Mix {
    good: AtomicU64,
    /// Good ones that were not served.
    lost: AtomicU64,
    /// Good ones that got another's answer, or that of other bytes; bad ones that got any.
    wrong: AtomicU64,
    refused: AtomicU64,
    closed: AtomicU64,
    protocol: AtomicU64,
    io: AtomicU64,
}

impl Mix {
    /// Connections with these numbers, one in four a good one, from 32 threads. Each keeps up to 40 silent ones open.
    fn run(&self, addr: SocketAddr, numbers: Range<u64>) {
        let next = AtomicU64::new(numbers.start);
        thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| {
                    let mut silent = VecDeque::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= numbers.end {
                            return;
                        }
                        if number % 4 == 0 {
                            self.good(number, addr);
                        } else {
                            silent.extend(self.bad(number, addr));
                            if silent.len() > 40 {
                                silent.pop_front();
                            }
                        }
                    }
                });
            }
        });
    }

    fn good(&self, number: u64, addr: SocketAddr) {
        count(&self.good);
        match Good::any(number).call(addr) {
            Ok(true) => {}
            Ok(false) => count(&self.wrong),
            Err(error) => {
                eprintln!("number {number}: {error}");
                count(&self.lost);
            }
        }
    }

    fn bad(&self, number: u64, addr: SocketAddr) -> Option<TcpStream> {
        match bad(number, addr) {
            Ok((failure, silent)) => {
                count(match failure {
                    Failure::Refused => &self.refused,
                    Failure::Closed => &self.closed,
                    Failure::Protocol => &self.protocol,
                    Failure::Io => &self.io,
                });
                silent
            }
            Err(error) => {
                eprintln!("number {number}, which is bad: {error}");
                count(&self.wrong);
                None
            }
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::SeqCst);
}

/// Good connections at a steady rate.
struct Steady {
    /// How long each took from when it was due.
    latencies: Vec<Duration>,
    /// How many were not served.
    lost: u64,
}

impl Steady {
    fn run(addr: SocketAddr, accepting: Loop) -> Self {
        let start = Instant::now();
        let mut steady = Self { latencies: Vec::new(), lost: 0 };
        for number in 0..STEADY {
            let due = start + PERIOD * number as u32;
            sleep(due.saturating_duration_since(Instant::now()));
            let served = Good::small(number, accepting != Loop::Bare).call(addr);
            if !matches!(served, Ok(true)) {
                eprintln!("number {number}: {served:?}");
                steady.lost += 1;
            }
            steady.latencies.push(due.elapsed());
        }
        steady
    }

    /// The 50th and the 99th of a hundred, in microseconds.
    fn percentiles(&mut self) -> [String; 2] {
        self.latencies.sort();
        [50, 99].map(|percent| self.latencies[self.latencies.len() * percent / 100].as_micros().to_string())
    }
}

impl AddAssign for Steady {
    fn add_assign(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.lost += other.lost;
    }
}

/// A line of a table.
fn row(cells: impl IntoIterator<Item: AsRef<str>>) {
    let pad = |(column, cell): (usize, _)| match (column, AsRef::<str>::as_ref(&cell)) {
        (0 | 1, cell) => format!("{cell:16}"),
        (_, cell) => format!("{cell:>8} "),
    };
    println!("{}", cells.into_iter().enumerate().map(pad).collect::<String>());
}

fn seconds(start: Instant) -> String {
    format!("{:.1}", start.elapsed().as_secs_f64())
}

/// How busy the machine is.
fn busy() -> String {
    fs::read_to_string("/proc/loadavg").unwrap().split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn eventually(what: &str, done: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "waited {PATIENCE:?} in vain: {what}");
        sleep(Duration::from_millis(5));
    }
}
