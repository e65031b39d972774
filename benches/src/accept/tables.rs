//! What was measured, as tables and as a chart.

use std::fmt::Write;

use super::{Kind, Measured, SERVERS, Server, header};
use crate::chart;

/// The middle of some figures, and the middles of its lower and upper half.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Middle {
    pub median: f64,
    pub quartiles: (f64, f64),
}

/// Calls for the stacks of threads that may or may not be there from others, for locks, and by clocks.
const BY_CHANCE: [&str; 6] = ["futex", "madvise", "mmap", "mprotect", "munmap", "nanosleep"];

impl Middle {
    pub fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.collect();
        figures.sort_by(f64::total_cmp);
        let at = |quarters: usize| figures.get(figures.len() * quarters / 4).copied().unwrap_or(f64::NAN);
        Self { median: at(2), quartiles: (at(1), at(3)) }
    }
}

impl Measured {
    pub fn per_second(&self) -> Middle {
        Middle::of(self.bursts.iter().map(|burst| f64::from(burst.count) / burst.took.as_secs_f64()))
    }

    /// The figures of whole connections.
    fn whole_ratio(&self, other: &Self) -> Middle {
        let pairs = self.wholes.iter().zip(&other.wholes);
        Middle::of(pairs.map(|(one, other)| other.took.as_secs_f64() / one.took.as_secs_f64()))
    }

    fn wholes_per_second(&self) -> Middle {
        Middle::of(self.wholes.iter().map(|whole| f64::from(whole.count) / whole.took.as_secs_f64()))
    }

    /// Microseconds of CPU time a connection, round by round.
    fn cpu(&self) -> impl Iterator<Item = f64> {
        self.bursts.iter().map(|burst| burst.cpu.as_secs_f64() * 1e6 / f64::from(burst.count))
    }

    /// The part of the time that the server was busy.
    fn busy(&self) -> f64 {
        Middle::of(self.bursts.iter().map(|burst| burst.cpu.as_secs_f64() / burst.took.as_secs_f64())).median
    }

    /// Connections a second, as a multiple of another server's in the same round.
    fn ratio(&self, other: &Self) -> Middle {
        let pairs = self.bursts.iter().zip(&other.bursts);
        Middle::of(pairs.map(|(one, other)| other.took.as_secs_f64() / one.took.as_secs_f64()))
    }

    /// Microseconds of CPU time a connection beyond another server's in the same round.
    fn more_cpu(&self, other: &Self) -> Middle {
        Middle::of(self.cpu().zip(other.cpu()).map(|(one, other)| one - other))
    }

    fn all_calls(&self) -> f64 {
        self.calls.values().sum()
    }

    /// System calls a connection beyond another server's, but for those whose number is a matter of chance.
    fn more_calls(&self, other: &Self) -> f64 {
        let steady = |one: &Self| -> f64 {
            let calls = one.calls.iter().filter(|(name, _)| !BY_CHANCE.contains(&name.as_str()));
            calls.map(|(_, each)| each).sum()
        };
        steady(self) - steady(other)
    }

    fn percentile(&self, percent: usize) -> f64 {
        let of = |latencies: &Vec<std::time::Duration>| {
            let at = (latencies.len() * percent / 100).min(latencies.len() - 1);
            latencies[at].as_secs_f64() * 1e6
        };
        Middle::of(self.rates.iter().map(|rate| of(&rate.latencies))).median
    }

    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn cpu_at_rate(&self) -> f64 {
        let each = self.rates.iter().map(|rate| rate.cpu.as_secs_f64() * 1e6 / rate.latencies.len() as f64);
        Middle::of(each).median
    }
}

/// Those that were measured, with their results. The others have no bursts.
fn present(measured: &[Measured]) -> impl Iterator<Item = (&Server, &Measured)> {
    SERVERS.iter().zip(measured).filter(|(_, one)| !one.bursts.is_empty())
}

pub fn burst(version: u8, measured: &[Measured]) -> String {
    let busy = present(measured).map(|(_, one)| one.busy()).fold(1.0, f64::min);
    let mut out = format!(
        "Version {version}, {} bytes. The servers were busy for {:.0} % of each burst at least.\n\n\
         | server | burst, /s | of bare | CPU a connection | more than bare | whole, /s | of bare | system calls | more | \
         instructions |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        header(version).len(),
        busy * 100.0,
    );
    for (server, one) in present(measured) {
        let [mut of_bare, mut more_cpu, mut whole, mut more_calls] = [const { String::new() }; 4];
        if let Some(bare) = server.bare().map(|bare| &measured[bare]) {
            of_bare = range(one.ratio(bare), 3, "");
            more_cpu = range(one.more_cpu(bare), 2, " us");
            whole = range(one.whole_ratio(bare), 3, "");
            more_calls = format!("{:+.2}", one.more_calls(bare));
        }
        let _ = writeln!(
            out,
            "| {} | {:.0} | {of_bare} | {:.2} us | {more_cpu} | {:.0} | {whole} | {:.2} | {more_calls} | {} |",
            server.name(),
            one.per_second().median,
            Middle::of(one.cpu()).median,
            one.wholes_per_second().median,
            one.all_calls(),
            one.instructions.map_or(String::new(), |each| format!("{each:.0}")),
        );
    }
    out
}

pub fn latencies(measured: &[Measured]) -> String {
    let mut out = String::from("| server | p50 | p99 | CPU a connection |\n|---|--:|--:|--:|\n");
    for (server, one) in present(measured) {
        let _ = writeln!(
            out,
            "| {} | {:.0} us | {:.0} us | {:.1} us |",
            server.name(),
            one.percentile(50),
            one.percentile(99),
            one.cpu_at_rate(),
        );
    }
    out
}

pub fn draw(svg: &str, measured: &[Measured]) {
    let mut groups: Vec<chart::Group> = Vec::new();
    for (server, one) in present(measured) {
        if groups.last().is_none_or(|(name, _)| name != server.group) {
            groups.push((server.group.into(), Vec::new()));
        }
        let colour = match server.kind {
            Kind::Bare | Kind::Blind(_) => 8,
            Kind::Ours(_) => 0,
            Kind::Peer(_) => 2,
        };
        if let Some((_, bars)) = groups.last_mut() {
            bars.push((server.what.into(), one.per_second().median, colour));
        }
    }
    chart::bars(svg, "Connections a second, version 2 header, one CPU", &groups, "/s");
}

fn range(middle: Middle, digits: usize, unit: &str) -> String {
    let Middle { median, quartiles: (low, high) } = middle;
    format!("{median:.digits$}{unit} ({low:.digits$} to {high:.digits$})")
}
