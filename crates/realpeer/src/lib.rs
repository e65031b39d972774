//! The PROXY protocol (HAProxy's, versions 1 and 2): who is really at the other end of a connection that came
//! through a proxy.
//!
//! | feature | module | for |
//! |---|---|---|
//! | | [`proto`] | no I/O at all: push bytes, pull events |
//! | `std` (default) | [`blocking`](crate::blocking) | blocking sockets of std |
//! | `tokio` | [`tokio`](crate::tokio) | tokio |
//!
//! Features are additive. Whatever the runtime, a server names whom it trusts ([`Trust`]) in an [`Acceptor`]; the
//! runtime's listener accepts connections with it, and [`Established`] says who is at their ends.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

pub use realpeer_io::{
    AcceptError, Accepted, Acceptor, Counts, Endpoint, Established, ParseTrustError, Policy, Trust, UnixName,
    Verdict, proto,
};

/// Blocking sockets of std.
#[cfg(feature = "std")]
#[cfg_attr(docsrs, doc(cfg(feature = "std")))]
pub mod blocking {
    #[doc(inline)]
    pub use realpeer_std::*;
}

/// Tokio.
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub mod tokio {
    #[doc(inline)]
    pub use realpeer_tokio::*;
}
