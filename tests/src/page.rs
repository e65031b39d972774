//! Pages of docs whose tables are made by tests.

use std::path::Path;
use std::{env, fs};

/// If this is set, pages are written instead of compared.
const WRITE: &str = "REALPEER_WRITE";

/// Holds the part of docs/`page` with this name against `made`, or writes it there. Lines are compared as `of_line` gives
/// them. `command` is what to run to write it.
pub fn check(page: &str, part: &str, made: &str, of_line: impl Fn(&str) -> String, command: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) =
        (format!("<!-- {part}: as the tests found it -->\n"), format!("\n<!-- end of {part} -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("docs/{page} has no {begin}"));
    let (written, after) = rest.split_once(&end).unwrap_or_else(|| panic!("docs/{page} has no {end}"));
    if env::var_os(WRITE).is_some() {
        fs::write(&path, [before, &begin, made, &end, after].concat()).unwrap();
        return;
    }
    let lines = |text: &str| text.lines().map(&of_line).collect::<Vec<_>>();
    assert_eq!(lines(made), lines(written), "docs/{page} is out of date; to write it: {WRITE}=1 {command}");
}

/// A row without its second cell, which is the version of a program.
pub fn without_version(line: &str) -> String {
    match line.splitn(4, '|').collect::<Vec<_>>()[..] {
        ["", name, _, cells] => format!("|{name}|{cells}"),
        _ => line.to_owned(),
    }
}
