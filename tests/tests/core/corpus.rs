//! Replays the committed inputs of the fuzz targets.

use std::fs;
use std::path::Path;

use realpeer_tests::fuzz::{TARGETS, Target, seeds};

/// Runs `target` on every file in a directory. Says how many there were.
fn replay(target: &Target, directory: &Path) -> usize {
    let files = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut count = 0;
    for file in files {
        let path = file.unwrap().path();
        println!("{}", path.display()); // to be seen if it panics
        (target.body)(&fs::read(path).unwrap());
        count += 1;
    }
    count
}

fn fuzz() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz"))
}

/// Every target has a source file that calls its body, is known to Cargo, and has inputs.
#[test]
fn corpus() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
    for target in TARGETS {
        let source = format!("fuzz_targets/{}.rs", target.name);
        assert!(manifest.contains(&format!("path = \"{source}\"")));
        let source = fs::read_to_string(fuzz().join(source)).unwrap();
        assert!(source.contains(&format!("fuzz::{}(data)", target.name)));
        let count = replay(target, &fuzz().join("inputs").join(target.name));
        assert!(count >= 10, "{}: {count} inputs", target.name);
    }
}

/// Inputs that were findings, `<target>/<what was wrong>`.
#[test]
fn regressions() {
    for directory in fs::read_dir(fuzz().join("regressions")).unwrap() {
        let directory = directory.unwrap();
        let name = directory.file_name();
        let target = TARGETS.iter().find(|target| name.to_str() == Some(target.name));
        replay(target.unwrap_or_else(|| panic!("no target {name:?}")), &directory.path());
    }
}

#[test]
fn seeds_of_all_targets() {
    for target in TARGETS {
        let seeds = seeds::seeds(target);
        assert!(seeds.len() >= 10, "{}: {}", target.name, seeds.len());
        for seed in seeds {
            (target.body)(&seed);
        }
    }
}

#[test]
fn dictionary_is_up_to_date() {
    assert_eq!(fs::read_to_string(fuzz().join("realpeer.dict")).unwrap(), seeds::dictionary());
}
