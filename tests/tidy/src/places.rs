//! What is written in several places, where no compiler misses it in one. ARCHITECTURE.md lists what goes where.

use crate::{File, files, none};

const KINDS: &str = "crates/realpeer-proto/src/kind.rs";
const FACADE: &str = "crates/realpeer/Cargo.toml";

#[test]
fn every_type_of_tlv_has_its_names_in_the_program() {
    let kinds = File::read(KINDS);
    let kinds =
        kinds.text.lines().filter_map(|line| Some(line.strip_prefix("pub const ")?.split_once(": u8 =")?.0));
    let kinds: Vec<_> = kinds.map(|kind| format!("kind::{kind}")).collect();
    for path in ["report", "encode"].map(|dir| format!("crates/realpeer-cli/src/{dir}/tlv.rs")) {
        are_in(&kinds, &[File::read(&path)]);
    }
}

#[test]
fn every_cause_of_an_error_has_its_text_in_a_test_and_its_status_in_c() {
    let enums = ["error", "v1_error", "encode_error"];
    let enums = enums.map(|file| File::read(&format!("crates/realpeer-proto/src/{file}.rs")));
    let causes: Vec<_> = enums.iter().flat_map(|file| variants(&file.text)).collect();
    are_in(&causes, &files(&["tests/*errors.rs"]));
    let errors: Vec<_> = causes.into_iter().filter(|cause| cause.starts_with("Error::")).collect();
    are_in(&errors, &[File::read("crates/realpeer-ffi/src/error.rs")]);
}

#[test]
fn every_runtime_is_in_the_tables_and_in_the_behaviour_suite() {
    let manifest = File::read(FACADE);
    let adapters = manifest.text.lines().filter(|line| line.contains("dep:realpeer-"));
    let features: Vec<_> = adapters.filter_map(|line| line.split(' ').next()).collect();
    let in_tables: Vec<_> = features.iter().map(|feature| format!("`{feature}`")).collect();
    for path in ["README.md", "crates/realpeer/README.md", "crates/realpeer/src/lib.rs"] {
        are_in(&in_tables, &[File::read(path)]);
    }
    let in_manifests: Vec<_> = features.iter().map(|feature| format!("\"{feature}\"")).collect();
    are_in(&in_manifests, &[File::read("tests/runtimes/Cargo.toml")]);
    let root = File::read("crates/realpeer/src/lib.rs");
    let modules = root.text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let modules: Vec<_> = modules.map(|module| format!("realpeer::{module}")).collect();
    are_in(&modules, &files(&["tests/*runtimes/*.rs"]));
}

#[test]
fn every_subcommand_is_in_the_readme() {
    let main = File::read("crates/realpeer-cli/src/main.rs");
    let variants =
        main.text.lines().filter_map(|line| line.trim().strip_suffix("::Arguments),")?.split('(').next());
    let names: Vec<_> = variants.map(|variant| format!("realpeer {}", variant.to_lowercase())).collect();
    are_in(&names, &[File::read("README.md")]);
}

#[test]
fn every_accessor_and_every_limit_is_called_in_a_test() {
    let tests = files(&["tests/*.rs"]);
    let source = |name| File::read(&format!("crates/realpeer-proto/src/{name}.rs"));
    let accessors = ["tlv", "ssl", "header", "address"].map(source);
    let methods =
        accessors.iter().flat_map(|file| methods(&file.text)).filter(|(_, takes)| takes.starts_with("&self"));
    let mut names: Vec<_> = methods.map(|(name, _)| name.to_owned()).collect();
    let config = source("config");
    names.extend(methods_of(&config).filter(|name| name.starts_with("with_")).map(String::from));
    let is_called = |name: &str| {
        tests.iter().any(|file| [".", "::"].iter().any(|dot| has_word(&file.text, &format!("{dot}{name}"))))
    };
    assert!(!names.is_empty(), "nothing to look for");
    none("called in no test", names.into_iter().filter(|name| !is_called(name)));
}

fn methods_of(file: &File) -> impl Iterator<Item = &str> {
    methods(&file.text).map(|(name, _)| name)
}

/// The public methods of a source file, and what follows the parenthesis.
fn methods(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let line = line.strip_prefix("    pub ")?;
        let (name, takes) =
            line.strip_prefix("const ").unwrap_or(line).strip_prefix("fn ")?.split_once('(')?;
        Some((name.split('<').next().unwrap_or(name), takes))
    })
}

/// The variants of the public enums of a source file, with the enum's name.
fn variants(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut of = None;
    for line in text.lines() {
        if let Some(declared) = line.strip_prefix("pub enum ") {
            of = declared.split(|letter: char| !letter.is_alphanumeric()).next();
        } else if line == "}" {
            of = None;
        }
        let variant =
            line.strip_prefix("    ").filter(|line| line.starts_with(|letter: char| letter.is_uppercase()));
        let variant = variant.and_then(|line| line.split(|letter: char| !letter.is_alphanumeric()).next());
        found.extend(of.zip(variant).map(|(of, variant)| format!("{of}::{variant}")));
    }
    found
}

/// Fails unless each name is a word of one of the files.
fn are_in(names: &[String], places: &[File]) {
    assert!(!names.is_empty(), "nothing to look for");
    let paths: Vec<_> = places.iter().map(|file| file.path.as_str()).collect();
    let missing = names.iter().filter(|name| !places.iter().any(|file| has_word(&file.text, name)));
    none(&format!("not in {}", paths.first().unwrap_or(&"")), missing.cloned());
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word).any(|(at, _)| {
        let starts = !word.starts_with(is_part) || !text[..at].ends_with(is_part);
        starts && !text[at + word.len()..].starts_with(is_part)
    })
}
