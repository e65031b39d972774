//! What goes before a program's command line so that it sees its clients' addresses.

use std::net::SocketAddr;

use realpeer_tests::harness::executable;

/// What a program that cleans the environment of its children must keep.
pub(crate) const VARIABLES: &str = "REALPEER_LISTEN REALPEER_TRUST REALPEER_UNTRUSTED REALPEER_TIMEOUT REALPEER_LOG REALPEER_LOT REALPEER_TOKEN";

/// For a program that listens at `address`, with a proxy on a loopback address.
pub(crate) fn words(address: SocketAddr) -> Vec<String> {
    let program = executable();
    let library = program.ancestors().nth(2).unwrap().join("preload/release/librealpeer_preload.so");
    let (program, library, listen) =
        (program.to_str().unwrap(), library.to_str().unwrap(), address.to_string());
    let words =
        [program, "run", "--library", library, "--listen", &listen, "--trust", "127.0.0.77,::1", "--"];
    words.map(str::to_owned).to_vec()
}
