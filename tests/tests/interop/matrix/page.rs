//! The tables of receivers and senders.

use std::fmt::Write as _;

use crate::matrix::receiver::Row;
use crate::matrix::sender::{COLUMNS, Sender};
use crate::page::Notes;

/// The table of receivers, and the reasons for what is not as it should be.
pub(crate) fn receivers(rows: &[&Row]) -> String {
    let mut notes = Notes::default();
    let columns: Vec<&str> = rows[0].cells.iter().map(|cell| cell.case).collect();
    let mut table = format!("| receiver | version | {} | it tells |\n", columns.join(" | "));
    writeln!(table, "|---|---|---{}|", "|---".repeat(columns.len())).unwrap();
    for row in rows {
        write!(table, "| {} | {} ", row.name, row.version).unwrap();
        for cell in &row.cells {
            write!(table, "| {}{} ", cell.outcome, notes.of(cell.why)).unwrap();
        }
        writeln!(table, "| {} |", row.tells).unwrap();
    }
    notes.below(table)
}

/// The table of senders.
pub(crate) fn senders(senders: &[&Sender]) -> String {
    let mut notes = Notes::default();
    let mut table = format!("| sender | version | {} | TLVs |\n", COLUMNS.join(" | "));
    writeln!(table, "|---|---{}|---|", "|---".repeat(COLUMNS.len())).unwrap();
    for sender in senders {
        write!(table, "| {} | {} ", sender.name, sender.version).unwrap();
        for column in COLUMNS {
            match sender.cells.get(column) {
                None => table.push_str("| "),
                Some(None) => table.push_str("| read "),
                Some(Some(why)) => write!(table, "| refused{} ", notes.of(Some(why))).unwrap(),
            }
        }
        let tlvs: Vec<&str> = sender.tlvs.iter().map(String::as_str).collect();
        writeln!(table, "| {} |", tlvs.join(", ")).unwrap();
    }
    notes.below(table)
}
