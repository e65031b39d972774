//! Outputs that are kept in files and compared, byte for byte.

use std::path::Path;
use std::{env, fs};

/// Compares with `tests/golden/NAME.txt`, or writes it if `REALPEER_BLESS` is set.
pub(crate) fn compare(name: &str, output: &str) {
    for line in output.lines() {
        assert!(line.chars().count() <= 80, "{name}: {line:?} has more than 80 characters");
        assert_eq!(line.trim_end(), line, "{name}: space at the end of {line:?}");
    }
    compare_any_width(name, output);
}

/// Compares `output` with the golden file of this name, however long its lines are.
pub(crate) fn compare_any_width(name: &str, output: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("txt");
    if env::var_os("REALPEER_BLESS").is_some() {
        fs::write(path, output).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(output, expected, "{name}: if it is right now, run the test with REALPEER_BLESS=1");
}
