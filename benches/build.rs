//! Compiles the yardstick, with `-O2` whatever the profile.

fn main() {
    cc::Build::new().file("src/micro/yardstick.c").opt_level(2).warnings(true).compile("yardstick");
    println!("cargo::rerun-if-changed=src/micro/yardstick.c");
}
