//! Writes the inputs that fuzzing begins with into `fuzz/seeds`, and the dictionary.

use std::{fs, io};

use realpeer_tests::fuzz::{TARGETS, seeds};

fn main() -> io::Result<()> {
    let fuzz = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz");
    fs::write(format!("{fuzz}/realpeer.dict"), seeds::dictionary())?;
    for target in TARGETS {
        let directory = format!("{fuzz}/seeds/{}", target.name);
        fs::create_dir_all(&directory)?;
        for (number, seed) in seeds::seeds(target).iter().enumerate() {
            fs::write(format!("{directory}/{number:03}"), seed)?;
        }
    }
    Ok(())
}
