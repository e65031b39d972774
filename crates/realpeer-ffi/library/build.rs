//! Names the shared library as `realpeer.pc` and packagers expect it.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,librealpeer.so.0");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
