//! Tables in Markdown, and the bar that the core is held to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::micro::{BEFORE, BY_HAND, OURS, Row, YARDSTICK};

/// One figure for each case: nanoseconds or instructions.
pub type Figures = BTreeMap<(Row, &'static str), f64>;

/// Libraries in the order of the columns.
pub const LIBRARIES: [&str; 12] = [
    OURS,
    BEFORE,
    BY_HAND,
    YARDSTICK,
    "ppp",
    "proxy-header",
    "proxy-protocol-codec",
    "ha_proxy_protocol",
    "net-io",
    "proxy-protocol-rs",
    "proxy-protocol",
    "haproxy-protocol",
];

/// What the README shows: the headers that are most common.
const SHORT: [Row; 2] = [Row::V1Tcp4, Row::V2Tcp4];

/// What [`bar`] asks of a row.
enum Demand {
    /// At least so many times as fast as the best peer.
    Ahead(Row, f64),
    /// At most so many times the time of another of our rows, or of the yardstick.
    Within(Row, Row, &'static str, f64),
}

const BAR: [Demand; 10] = [
    Demand::Ahead(Row::V1Tcp4, 3.0),
    Demand::Ahead(Row::V1Tcp6, 3.0),
    Demand::Ahead(Row::V2Tcp4, 1.0),
    Demand::Within(Row::V2Tcp4, Row::V2Tcp4, YARDSTICK, 1.3),
    Demand::Ahead(Row::V2TlvsUnchecked, 1.0),
    Demand::Ahead(Row::V2TlvsChecked, 3.0),
    Demand::Ahead(Row::V2Ssl, 2.0),
    Demand::Ahead(Row::EncodeV1, 3.0),
    Demand::Ahead(Row::EncodeV2, 2.0),
    Demand::Within(Row::DecoderV1Bytes, Row::DecoderV1Whole, OURS, 4.0),
];

/// Rows by libraries, each figure with its ratio to ours.
pub fn table(figures: &Figures, unit: &str) -> String {
    let present: BTreeSet<_> = figures.keys().map(|&(_, library)| library).collect();
    let libraries: Vec<_> = LIBRARIES.into_iter().filter(|library| present.contains(library)).collect();
    let mut out = format!("| {unit} (ratio to ours) | {} |\n|---|", libraries.join(" | "));
    out += &"--:|".repeat(libraries.len());
    out.push('\n');
    for row in Row::ALL {
        let Some(&ours) = figures.get(&(row, OURS)) else { continue };
        let _ = write!(out, "| {} |", row.name());
        for &library in &libraries {
            let _ = match figures.get(&(row, library)) {
                Some(figure) if library == OURS => write!(out, " **{}** |", short(*figure)),
                Some(figure) => write!(out, " {} ({:.2}) |", short(*figure), figure / ours),
                None => write!(out, " - |"),
            };
        }
        out.push('\n');
    }
    out
}

/// Each demand of the bar, and whether it is met.
pub fn bar(figures: &Figures) -> String {
    let mut out = String::from("\n| bar | demanded | measured | |\n|---|--:|--:|---|\n");
    for demand in BAR {
        let line = match demand {
            Demand::Ahead(row, times) => ahead(figures, row, times),
            Demand::Within(row, other, library, times) => within(figures, row, (other, library), times),
        };
        out += &line.unwrap_or_default();
    }
    out
}

/// The rows that have peers, as bars: all of them, and in a file beside it whose name ends in `-short.svg` a few.
pub fn draw(file: &str, title: &str, figures: &Figures, unit: &str) {
    let group = |row: Row| {
        let bars: Vec<_> = LIBRARIES
            .into_iter()
            .enumerate()
            .filter_map(|(colour, library)| {
                Some((library.to_owned(), *figures.get(&(row, library))?, colour))
            })
            .collect();
        (bars.len() > 1).then(|| (row.name().to_owned(), bars))
    };
    let all: Vec<_> = Row::ALL.into_iter().filter_map(group).collect();
    crate::chart::bars(file, title, &all, unit);
    let few: Vec<_> = SHORT.into_iter().filter_map(group).collect();
    crate::chart::bars(&file.replace(".svg", "-short.svg"), title, &few, unit);
}

fn ahead(figures: &Figures, row: Row, times: f64) -> Option<String> {
    let ours = figures.get(&(row, OURS))?;
    let (best, figure) = figures
        .iter()
        .filter(|((of, library), _)| *of == row && *library != OURS && *library != YARDSTICK)
        .map(|((_, library), figure)| (library, figure))
        .min_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let ratio = figure / ours;
    Some(format!(
        "| {}: times as fast as the best peer, {best} | >= {times} | {ratio:.2} | {} |\n",
        row.name(),
        verdict(ratio >= times)
    ))
}

fn within(figures: &Figures, row: Row, other: (Row, &'static str), times: f64) -> Option<String> {
    let ratio = figures.get(&(row, OURS))? / figures.get(&other)?;
    let other = if other.1 == OURS { other.0.name() } else { other.1 };
    Some(format!(
        "| {}: times the time of {other} | <= {times} | {ratio:.2} | {} |\n",
        row.name(),
        verdict(ratio <= times)
    ))
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "**not met**" }
}

fn short(figure: f64) -> String {
    if figure < 99.95 { format!("{figure:.1}") } else { format!("{figure:.0}") }
}
