//! docs/interop.md: its tables are what the servers said.

use std::fmt::Write as _;

use realpeer_tests::page::without_version;

use crate::matrix::receiver::Row;
use crate::matrix::sender::{COLUMNS, Sender};

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

/// Reasons, numbered.
#[derive(Default)]
struct Notes(Vec<&'static str>);

impl Notes {
    /// The number of this one, in parentheses.
    fn of(&mut self, why: Option<&'static str>) -> String {
        let Some(why) = why else { return String::new() };
        let number = self.0.iter().position(|known| *known == why).unwrap_or_else(|| {
            self.0.push(why);
            self.0.len() - 1
        });
        format!(" ({})", number + 1)
    }

    fn below(self, mut table: String) -> String {
        for (number, why) in self.0.iter().enumerate() {
            write!(table, "\n{}. {why}", number + 1).unwrap();
        }
        table
    }
}

/// Holds the part of docs/interop.md with this name against `made`. Versions differ from one machine to the next: they are
/// not compared.
pub(crate) fn check(name: &str, made: &str) {
    let command = "./ci.sh interop --test interop_matrix";
    realpeer_tests::page::check("interop.md", name, made, without_version, command);
}
