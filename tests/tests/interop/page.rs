//! docs/interop.md: its tables are what the servers said.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::{env, fs};

/// If this is set, the page is written instead of compared.
const WRITE: &str = "REALPEER_WRITE";

/// Its tables are written one at a time.
static PAGE: Mutex<()> = Mutex::new(());

/// Holds the part of the page with this name against `made`, or writes it there. Versions differ from one machine to the
/// next: they are not compared.
pub(crate) fn check(part: &str, made: &str) {
    let _lock = PAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/interop.md");
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) =
        (format!("<!-- {part}: as the tests found it -->\n"), format!("\n<!-- end of {part} -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("docs/interop.md has no {begin}"));
    let (written, after) = rest.split_once(&end).unwrap_or_else(|| panic!("docs/interop.md has no {end}"));
    if env::var_os(WRITE).is_some() {
        fs::write(&path, [before, &begin, made, &end, after].concat()).unwrap();
        return;
    }
    let rows = |text: &str| text.lines().map(without_version).collect::<Vec<_>>();
    assert_eq!(
        rows(made),
        rows(written),
        "docs/interop.md is out of date; to write it: {WRITE}=1 ./ci.sh interop --test interop the_page"
    );
}

/// A row without its second cell, which is the version of a program.
fn without_version(line: &str) -> String {
    match line.splitn(4, '|').collect::<Vec<_>>()[..] {
        ["", name, _, cells] => format!("|{name}|{cells}"),
        _ => line.to_owned(),
    }
}

/// Reasons for what is not as it should be, numbered.
#[derive(Default)]
pub(crate) struct Notes(Vec<&'static str>);

impl Notes {
    /// The number of this one, in parentheses.
    pub(crate) fn of(&mut self, why: Option<&'static str>) -> String {
        let Some(why) = why else { return String::new() };
        let number = self.0.iter().position(|known| *known == why).unwrap_or_else(|| {
            self.0.push(why);
            self.0.len() - 1
        });
        format!(" ({})", number + 1)
    }

    /// The table, and below it the reasons.
    pub(crate) fn below(self, mut table: String) -> String {
        for (number, why) in self.0.iter().enumerate() {
            write!(table, "\n{}. {why}", number + 1).unwrap();
        }
        table
    }
}
