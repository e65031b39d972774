//! What texts and tests name has to exist: the specification's rules, and the tests of faults.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{File, files, none};

/// Rules are cited as R12 in text, and as r12 in the name of a test.
#[test]
fn cited_rules_are_in_the_checklist() {
    let checklist = File::read("docs/spec-checklist.md");
    let rows =
        checklist.text.lines().filter_map(|line| line.strip_prefix("| R")?.split(' ').next()?.parse().ok());
    let rules: BTreeSet<u32> = rows.collect();
    assert!(!rules.is_empty(), "docs/spec-checklist.md has no rules");
    let mut tested = BTreeSet::new();
    for file in files(&["*.rs", "*.md", "tests/data/*.jsonl"]) {
        let unknown = |line: &str| cited(line).iter().any(|rule| !rules.contains(rule));
        none("not in docs/spec-checklist.md", file.lines_that(unknown));
        if Path::new(&file.path).extension().is_none_or(|extension| extension != "md") {
            tested.extend(file.text.lines().flat_map(cited));
        }
    }
    let untested: Vec<_> = rules.difference(&tested).map(|rule| format!("R{rule}")).collect();
    println!("{} rules; in no test, vector or source file: {}", rules.len(), untested.join(" "));
}

fn cited(line: &str) -> Vec<u32> {
    let mut cited = Vec::new();
    let mut before = "";
    for word in words(line) {
        cited.extend(word.strip_prefix('R').and_then(number));
        if before == "fn" {
            let mut parts: Vec<_> = word.split('_').collect();
            parts.pop();
            cited.extend(parts.into_iter().filter_map(|part| part.strip_prefix('r')).filter_map(number));
        }
        before = word;
    }
    cited
}

fn number(digits: &str) -> Option<u32> {
    digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
}

/// A test for each fault in the table, and a row for each test that has the number of a fault in its name.
#[test]
fn security_md_names_the_tests_of_faults() {
    let page = File::read("SECURITY.md");
    let mut section = "";
    let mut named = BTreeSet::new();
    let mut missing = Vec::new();
    let sources = files(&["tests/tests/*.rs", "tests/runtimes/*.rs"]);
    let tests: BTreeSet<_> = sources.iter().flat_map(|file| file.text.lines().flat_map(functions)).collect();
    for (index, line) in page.text.lines().enumerate() {
        section = line.strip_prefix("## ").unwrap_or(section);
        let cell = line.split('|').nth(4).filter(|_| section == "Faults of others");
        for test in cell.into_iter().flat_map(words).filter(|word| word.contains('_')) {
            named.insert(test);
            if !tests.contains(test) {
                missing.push(format!("SECURITY.md:{}: {test}", index + 1));
            }
        }
    }
    assert!(!named.is_empty(), "SECURITY.md names no test");
    none("named, and no test", missing);
    for file in &sources {
        let unnamed =
            |line: &str| functions(line).any(|name| name.starts_with("cve_") && !named.contains(name));
        none("not in SECURITY.md", file.lines_that(unnamed));
    }
}

/// The functions that a line declares.
fn functions(line: &str) -> impl Iterator<Item = &str> {
    words(line).zip(words(line).skip(1)).filter(|(before, _)| *before == "fn").map(|(_, name)| name)
}
