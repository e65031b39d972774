//! What no line, and no file, may be.

use crate::{File, files, none};

/// Of a source file under `crates/`: it should be read in one sitting.
const MAX_LINES: usize = 450;

#[test]
fn no_path_exists_on_one_machine_only() {
    none(
        "paths of one machine",
        files(&["."]).iter().flat_map(|file| file.lines_that(names_a_machines_path)),
    );
}

fn names_a_machines_path(line: &str) -> bool {
    line.match_indices('/').any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let is_root = before.is_none_or(|before| !before.is_alphanumeric() && !"_.*/-".contains(before));
        let path = &line[at + 1..];
        let user = |dir: &str| {
            let name = path.strip_prefix(dir)?;
            let after = name.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
            (after.len() < name.len()).then_some(after)
        };
        let after = [path.strip_prefix("work"), path.strip_prefix("root"), user("home/"), user("Users/")];
        is_root && after.into_iter().flatten().any(ends_a_word)
    })
}

fn ends_a_word(after: &str) -> bool {
    after.chars().next().is_none_or(|after| !after.is_alphanumeric() && !"_-".contains(after))
}

/// The probe needs one attribute to export its entry point; the benches call a yardstick in C and count allocations.
#[test]
fn unsafe_code_is_only_where_it_has_to_be() {
    let safe = files(&[
        "*.rs",
        ":!crates/realpeer-ffi",
        ":!crates/realpeer-preload",
        ":!crates/realpeer-run",
        ":!tests/no-std-probe",
        ":!benches",
    ]);
    none("unsafe code", safe.iter().flat_map(|file| file.lines_that(is_unsafe)));
}

fn is_unsafe(line: &str) -> bool {
    let starts = ["{", "(", "fn", "impl", "trait", "extern"];
    after_word(line, "unsafe").any(|after| starts.iter().any(|start| after.trim_start().starts_with(start)))
}

/// What follows each `word` in a line that does not end another word.
fn after_word<'a>(line: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    let is_in_a_word = |before: char| before.is_alphanumeric() || before == '_';
    line.match_indices(word)
        .filter(move |(at, _)| !line[..at.to_owned()].ends_with(is_in_a_word))
        .map(move |(at, _)| &line[at + word.len()..])
}

#[test]
fn no_code_is_unfinished_and_every_test_runs() {
    none("unfinished, or not run", files(&["*.rs"]).iter().flat_map(|file| file.lines_that(is_left_over)));
}

fn is_left_over(line: &str) -> bool {
    let unfinished = ["todo", "unimplemented", "dbg"];
    let fence = line.trim_start().trim_start_matches(['/', '!']).trim_start();
    unfinished.iter().any(|word| after_word(line, word).any(|after| after.starts_with('!')))
        || line.contains(concat!("#[", "ignore"))
        || line.trim_start().starts_with("//") && fence.starts_with("```") && fence.contains("ignore")
}

#[test]
fn files_can_be_read_in_one_sitting() {
    let long = |file: &File| {
        let lines = file.text.lines().count();
        (lines > MAX_LINES).then(|| format!("{}:{MAX_LINES}: goes on to line {lines}", file.path))
    };
    none("too long: split them", files(&["crates/*/src/*.rs"]).iter().filter_map(long));
}

/// Compilers as old as `rust-version` have none.
#[test]
fn no_condition_is_a_let_chain() {
    none(
        "let-chains, or what looks like one",
        files(&["*.rs"]).iter().flat_map(|file| file.lines_that(is_chain)),
    );
}

fn is_chain(line: &str) -> bool {
    let joined = ["&&", "||"].iter().flat_map(|and| line.match_indices(and));
    let mut joined = joined.map(|(at, and)| line[at + and.len()..].trim_start());
    let conditions = ["if", "while"].iter().flat_map(|word| after_word(line, word));
    let mut conditions = conditions.filter_map(|after| after.strip_prefix(" let ")?.split('{').next());
    joined.any(|after| after.starts_with(concat!("let", " ")))
        || conditions.any(|condition| {
            let mut ands = condition.match_indices("&& ");
            ands.any(|(at, _)| !condition[..at].ends_with(['&', '|']) && at > 0)
        })
}

#[test]
fn the_readme_names_the_commands_and_hides_no_line() {
    let readme = File::read("README.md");
    for command in ["cargo run -p realpeer-cli -- demo", "./ci.sh"] {
        assert!(readme.text.contains(command), "README.md does not name '{command}'");
    }
    // Its programs are compiled as documentation tests. Rustdoc hides these lines, and a forge shows them.
    none("hidden lines in a program", readme.lines_that(is_hidden));
}

fn is_hidden(line: &str) -> bool {
    let Some(code) = line.strip_prefix('#').filter(|_| !line.starts_with("##")) else { return false };
    let starts = ["use", "fn", "async", "let", "Ok", "}", "assert"];
    let indented = code.strip_prefix(' ').is_some_and(|code| {
        code.contains([';', '{', '}']) || starts.iter().any(|start| code.starts_with(start))
    });
    indented || code.is_empty()
}
