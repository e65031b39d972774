//! The rules of the house that no compiler checks, each a test that names the file and the line. `./ci.sh tidy` runs them;
//! they are a package of their own so that this takes seconds.

#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is test code")]

mod citations;
mod lines;
mod manifests;
mod places;

use std::fs;
use std::path::Path;
use std::process::Command;

/// A text file of the repository.
struct File {
    /// From the root of the repository.
    path: String,
    text: String,
}

impl File {
    fn read(path: &str) -> Self {
        let text = fs::read(root().join(path)).unwrap();
        Self { path: path.into(), text: String::from_utf8_lossy(&text).into() }
    }

    /// The places at which a line is as `is_bad` says.
    fn lines_that(&self, is_bad: impl Fn(&str) -> bool) -> impl Iterator<Item = String> {
        let lines = self.text.lines().enumerate().filter(move |(_, line)| is_bad(line));
        lines.map(|(index, line)| format!("{}:{}: {}", self.path, index + 1, line.trim()))
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// What git tracks or would track, by its pathspecs. Binary files are left out.
fn files(pathspecs: &[&str]) -> Vec<File> {
    let git = Command::new("git")
        .current_dir(root())
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"])
        .args(pathspecs)
        .output()
        .unwrap();
    assert!(git.status.success(), "git: {}", String::from_utf8_lossy(&git.stderr));
    let paths = String::from_utf8(git.stdout).unwrap();
    let there = paths.split_terminator('\0').filter(|path| root().join(path).is_file());
    let files: Vec<_> = there.map(File::read).filter(|file| !file.text.contains('\0')).collect();
    assert!(!files.is_empty(), "no file matches {pathspecs:?}");
    files
}

/// Fails with the list of what was found, if anything was.
fn none(what: &str, found: impl IntoIterator<Item = String>) {
    let found: Vec<_> = found.into_iter().collect();
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}
