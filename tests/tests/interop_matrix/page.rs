//! docs/interop.md: its tables are what the servers said.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::receiver::Row;
use crate::sender::{COLUMNS, Sender};

/// If this is set, the page is written instead of compared.
const WRITE: &str = "REALPEER_WRITE";

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

/// Holds the part of docs/interop.md with this name against `made`, or writes it there. Versions differ from one
/// machine to the next: they are not compared.
pub(crate) fn check(name: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/interop.md");
    let page = fs::read_to_string(&path).unwrap();
    let (begin, end) =
        (format!("<!-- {name}: as the tests found it -->\n"), format!("\n<!-- end of {name} -->"));
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("docs/interop.md has no {begin}"));
    let (written, after) = rest.split_once(&end).unwrap_or_else(|| panic!("docs/interop.md has no {end}"));
    if env::var_os(WRITE).is_some() {
        fs::write(&path, [before, &begin, made, &end, after].concat()).unwrap();
        return;
    }
    assert_eq!(
        without_versions(made),
        without_versions(written),
        "docs/interop.md is another; to write it: {WRITE}=1 cargo test -p realpeer-tests --features interop \
         --test interop_matrix"
    );
}

/// The second cell of each line is left out.
fn without_versions(table: &str) -> String {
    let without = |line: &str| match line.splitn(4, '|').collect::<Vec<_>>()[..] {
        ["", name, _, cells] => format!("|{name}|{cells}\n"),
        _ => format!("{line}\n"),
    };
    table.lines().map(without).collect()
}
