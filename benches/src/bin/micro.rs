//! Prints the tables of the core: rows by libraries. `micro --help` says more.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use realpeer_benches::micro::{self, Case, Kind, OURS, Row, YARDSTICK};
use realpeer_benches::report::{Figures, LIBRARIES, draw, table};

const USAGE: &str = "usage: micro [--own] [--rounds N] [--row TEXT] [--list] [--counted N]

  --own        only our own cases
  --rounds N   how many rounds (default 301); the figures are the least of them
  --row TEXT   only rows whose name has TEXT in it
  --used       only rows of headers as they are used
  --in-place FILE, --from-c FILE  write the tables of the other rows to FILE, not below the first
  --svg FILE   also draws the rows as used
  --list       only names the cases, in order
  --report FILE  only prints the table of the figures in FILE, as callgrind.sh writes it
  --counted N  only runs each case N times, each in one call of the function `counted`, for callgrind";

/// A batch of calls is timed at once, for about so long.
const BATCH_NANOS: f64 = 100_000.0;

fn main() -> ExitCode {
    let mut own = false;
    let mut used = false;
    let (mut in_place, mut from_c) = (None, None);
    let mut list = false;
    let mut rounds = 301;
    let mut counted_times = 0;
    let mut svg = None;
    let mut part = String::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--own" => own = true,
            "--from-c" => from_c = arguments.next(),
            "--list" => list = true,
            "--used" => used = true,
            "--in-place" => in_place = arguments.next(),
            "--rounds" => rounds = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(rounds).max(1),
            "--counted" => counted_times = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(1),
            "--report" => return report(arguments.next().as_deref()),
            "--svg" => svg = arguments.next(),
            "--row" => part = arguments.next().unwrap_or_default(),
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    let mut cases = micro::cases();
    cases.retain(|case| {
        (!own || case.library == OURS)
            && (!used || case.row.kind() == Kind::AsUsed)
            && case.row.name().contains(&part)
    });
    if list {
        for case in cases {
            println!("{}\t{}", case.row.name(), case.library);
        }
    } else if counted_times > 0 {
        for case in &mut cases {
            // Lazy initialisation is not what is counted.
            case.repeat(2);
            counted(case, counted_times);
        }
    } else {
        let times = measure(&mut cases, rounds);
        print(&times, "ns", in_place.as_deref(), from_c.as_deref());
        if let Some(svg) = svg {
            draw(&svg, "Nanoseconds a header, without LTO: less is better", &times, "ns");
        }
    }
    ExitCode::SUCCESS
}

/// The table of instructions.
fn report(file: Option<&str>) -> ExitCode {
    let Some(lines) = file.and_then(|file| std::fs::read_to_string(file).ok()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let figures = lines.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        let (row, library, figure) = (fields.next()?, fields.next()?, fields.next()?);
        let row = Row::ALL.into_iter().find(|known| known.name() == row)?;
        let library = LIBRARIES.into_iter().find(|&known| known == library)?;
        Some(((row, library), figure.parse().ok()?))
    });
    let figures = figures.collect();
    print(&figures, "instructions", None, None);
    ExitCode::SUCCESS
}

/// All tables that have rows.
fn print(figures: &Figures, unit: &str, in_place: Option<&str>, from_c: Option<&str>) {
    let kinds =
        [(Kind::AsUsed, OURS, None), (Kind::InPlace, OURS, in_place), (Kind::FromC, YARDSTICK, from_c)];
    let mut is_first = true;
    for (kind, base, file) in kinds {
        if !figures.keys().any(|(row, _)| row.kind() == kind) {
            continue;
        }
        let text = table(figures, unit, base, |row| row.kind() == kind);
        if let Some(file) = file {
            std::fs::write(file, text).expect("the file can't be written");
        } else {
            print!("{}{text}", if is_first { "" } else { "\n" });
            is_first = false;
        }
    }
}

#[inline(never)]
// SAFETY: no other function has this name. callgrind.sh finds it by it.
#[unsafe(no_mangle)]
fn counted(case: &mut Case, times: u64) {
    case.repeat(times);
}

/// Nanoseconds a call, by row and library: the least of the rounds, in which the cases of a row take turns.
fn measure(cases: &mut [Case], rounds: usize) -> Figures {
    let mut figures = BTreeMap::new();
    for row in Row::ALL {
        let mut row_cases: Vec<_> = cases.iter_mut().filter(|case| case.row == row).collect();
        let batches: Vec<u64> = row_cases.iter_mut().map(|case| batch(case)).collect();
        let mut samples = vec![Vec::with_capacity(rounds); row_cases.len()];
        for _ in 0..rounds {
            for ((case, &times), samples) in row_cases.iter_mut().zip(&batches).zip(&mut samples) {
                samples.push(time(case, times));
            }
        }
        for (case, mut samples) in row_cases.into_iter().zip(samples) {
            samples.sort_by(f64::total_cmp);
            figures.insert((row, case.library), samples[0]);
        }
    }
    figures
}

/// How many calls make a batch; warms up on the way.
fn batch(case: &mut Case) -> u64 {
    let mut times = 64;
    loop {
        let nanos = time(case, times);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
        let enough = (BATCH_NANOS / nanos).max(1.0) as u64;
        if times >= enough {
            return enough;
        }
        times = enough.min(2 * times).max(times + 1);
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn time(case: &mut Case, times: u64) -> f64 {
    let start = Instant::now();
    case.repeat(times);
    start.elapsed().as_nanos() as f64 / times as f64
}
