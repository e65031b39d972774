//! The table of unmodified programs.

use std::fmt::Write as _;

use crate::page::Notes;
use crate::unmodified::program::{COLUMNS, CUTS, Cut, Outcome, Row, Source, Version};

/// The table, and the reasons for what is not as it should be.
pub(crate) fn table(rows: &[&Row]) -> String {
    let mut notes = Notes::default();
    let mut table = String::from("| program | version ");
    for listener in ["IPv4", "IPv6"] {
        for (version, source) in COLUMNS {
            let version = if version == Version::V1 { "v1" } else { "v2" };
            let source = if source == Source::V4 { "TCP4" } else { "TCP6" };
            write!(table, "| {version} {source} on {listener} ").unwrap();
        }
    }
    writeln!(table, "| it tells |\n|---|---{}|---|", "|---".repeat(2 * COLUMNS.len())).unwrap();
    for row in rows {
        write!(table, "| {} | {} ", row.name, row.version).unwrap();
        for (outcomes, why) in &row.cells {
            write!(table, "| {}{} ", cell(outcomes), notes.of(*why)).unwrap();
        }
        writeln!(table, "| {} |", if row.tells_port { "address, port" } else { "address" }).unwrap();
    }
    notes.below(table)
}

/// One word if the cuts make no difference.
fn cell(outcomes: &[Outcome]) -> String {
    if outcomes.iter().all(|outcome| *outcome == outcomes[0]) {
        return outcomes[0].to_string();
    }
    let parts = CUTS.iter().zip(outcomes).map(|(cut, outcome)| match cut {
        Cut::Whole => format!("{outcome}"),
        Cut::At(at) => format!("split at {at}: {outcome}"),
    });
    parts.collect::<Vec<_>>().join("; ")
}
