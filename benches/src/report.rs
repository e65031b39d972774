//! Tables in Markdown, and charts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::micro::{BEFORE, BY_HAND, Kind, OURS, Row, YARDSTICK};

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
const SHORT: [Row; 2] = [Row::UsedV1Tcp4, Row::UsedV2Tcp4];

/// Rows by libraries, each figure with its ratio to that of `base`, for rows where that has one.
pub fn table(figures: &Figures, unit: &str, base: &str, rows: impl Fn(Row) -> bool) -> String {
    let of_rows = figures.keys().filter(|(row, _)| rows(*row));
    let present: BTreeSet<_> = of_rows.map(|&(_, library)| library).collect();
    let libraries: Vec<_> = LIBRARIES.into_iter().filter(|library| present.contains(library)).collect();
    let mut out = match base {
        OURS => format!("| {unit} (ratio to ours) |"),
        _ => format!("| {unit} (ratio to the {base}) |"),
    };
    let _ = write!(out, " {} |\n|---|", libraries.join(" | "));
    out += &"--:|".repeat(libraries.len());
    out.push('\n');
    for row in Row::ALL.into_iter().filter(|&row| rows(row)) {
        let Some((_, based)) = figures.iter().find(|((found, library), _)| (*found, *library) == (row, base))
        else {
            continue;
        };
        let _ = write!(out, "| {} |", row.name());
        for &library in &libraries {
            let _ = match figures.get(&(row, library)) {
                Some(figure) if library == base => write!(out, " **{}** |", short(*figure)),
                Some(figure) => write!(out, " {} ({:.2}) |", short(*figure), figure / based),
                None => write!(out, " - |"),
            };
        }
        out.push('\n');
    }
    out
}

/// The rows as used that have peers, as bars: all of them, and in a file beside it whose name ends in `-short.svg` a few.
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
    let all: Vec<_> =
        Row::ALL.into_iter().filter(|row| row.kind() == Kind::AsUsed).filter_map(group).collect();
    crate::chart::bars(file, title, &all, unit);
    let few: Vec<_> = SHORT.into_iter().filter_map(group).collect();
    crate::chart::bars(&file.replace(".svg", "-short.svg"), title, &few, unit);
}

fn short(figure: f64) -> String {
    if figure < 99.95 { format!("{figure:.1}") } else { format!("{figure:.0}") }
}
