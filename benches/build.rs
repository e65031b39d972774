//! Compiles the yardstick, and the program in C that calls it and realpeer, with `-O2` whatever the profile.

fn main() {
    let header = "../crates/realpeer-ffi/include";
    let sources = ["src/micro/yardstick.c", "src/micro/foreign.c"];
    cc::Build::new().files(sources).include(header).opt_level(2).warnings(true).compile("yardstick");
    for file in sources.into_iter().chain([header, "src/micro/yardstick.h"]) {
        println!("cargo::rerun-if-changed={file}");
    }
}
