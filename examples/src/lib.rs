//! Small programs, one for each way of using `realpeer`. Each runs a whole round trip on loopback and fails unless
//! the server learnt its client's address: `cargo run -p realpeer-examples --bin manual_loop`.
//!
//! Those for frameworks have a feature each: `cargo run -p realpeer-examples --features hyper --bin hyper`. With an
//! address, as in `-- 127.0.0.1:8080`, they serve there until they are ended. Here is what they share.

use realpeer::Established;
use realpeer::proto::{Encoder, Version};

#[cfg(feature = "rustls")]
pub mod tls;

/// The client that the examples' own proxy speaks for.
pub const CLIENT: &str = "192.0.2.1:56324";

/// The address on the command line, where to serve forever. Without one, an example serves and is its own client.
pub fn address() -> Option<String> {
    std::env::args().nth(1)
}

/// The header for [`CLIENT`].
pub fn header() -> Encoder<'static> {
    let (source, destination) = (([192, 0, 2, 1], 56324).into(), ([198, 51, 100, 2], 443).into());
    Encoder::proxy(Version::V2, source, destination)
}

/// What all servers answer: `SOURCE through PROXY`.
pub fn describe(established: &Established) -> String {
    match established.proxy() {
        Some(proxy) => format!("{} through {proxy}", established.source()),
        None => established.source().to_string(),
    }
}
