//! The PROXY protocol (HAProxy's, versions 1 and 2): who is really at the other end of a connection that came
//! through a proxy.
//!
//! | feature | module | for |
//! |---|---|---|
//! | | [`proto`] | no I/O at all: push bytes, pull events |
//! | `std` (default) | [`blocking`] | blocking sockets of std |
//! | `tokio` | [`tokio`] | tokio |
//! | `tracing` | all | events for connections that a listener for frameworks rejects |
//! | `smol` | [`smol`] | smol |
//! | `async-std` | [`async_std`] | async-std, which is discontinued |
//! | `futures-io` | [`futures`] | streams of any kind that implement the traits of futures-io |
//! | `async-io` | [`futures`] | sockets on async-io, for runtimes that are built on it |
//!
//! Never write `use realpeer::tokio;`: it would stand in the place of the runtime, and every `tokio::` after it would mean
//! the module. Import what you need, as in `use realpeer::tokio::Listener;`, or rename it: `use realpeer::tokio as
//! realpeer_tokio;`. So it is with `smol`, `async_std` and `futures`.
//!
//! For axum and tonic there are crates of their own, `realpeer-axum` and `realpeer-tonic`.
//!
//! Features are additive. Whatever the runtime, a server names whom it trusts ([`Trust`]) in an [`Acceptor`]; the
//! runtime's listener accepts connections with it, and [`Established`] says who is at their ends. For datagrams there are
//! `recv_from` and `send_to` on the runtime's UDP sockets, and [`Datagram`].
//!
//! While some proxies send a header already and others not yet, see
//! [Rolling the header out](https://github.com/realpeer/realpeer/blob/main/docs/rolling-out.md).

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

pub use realpeer_io::{
    ACCEPT_BACKOFF, AcceptError, AcceptFault, AcceptRetry, Accepting, Acceptor, Counts, Datagram, Endpoint,
    Established, Finished, HeaderStorage, NotInetError, Otherwise, ParseEndpointError, Pending, PendingToken,
    Policy, PolicyFn, Rejections, Trust, TrustError, UnixName, Verdict, danger, header_and_datagram,
    header_and_payload, policy_fn, proto,
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
    // One by one, or pages would not name the features.
    #[doc(inline)]
    pub use realpeer_tokio::{
        Tokio, connect, handshake_buf_read, handshake_stream, send_header, send_header_with_payload,
    };

    #[cfg(unix)]
    #[doc(inline)]
    pub use realpeer_tokio::{
        EstablishedListener, Incoming, Listener, ReadyListener, Socket, connect_unix, handshake, recv_from,
        send_to,
    };

    #[doc(no_inline)]
    pub use realpeer_io::{Accepts, SendAccepts};
}

/// Smol.
#[cfg(feature = "smol")]
#[cfg_attr(docsrs, doc(cfg(feature = "smol")))]
pub mod smol {
    #[doc(inline)]
    pub use realpeer_smol::*;
}

/// Async-std, which is discontinued.
#[cfg(feature = "async-std")]
#[cfg_attr(docsrs, doc(cfg(feature = "async-std")))]
pub mod async_std {
    #[doc(inline)]
    pub use realpeer_async_std::*;
}

/// Streams of any kind that implement the traits of futures-io.
#[cfg(feature = "futures-io")]
#[cfg_attr(docsrs, doc(cfg(feature = "futures-io")))]
pub mod futures {
    #[doc(no_inline)]
    pub use realpeer_io::{
        Accepts, EstablishedListener, Handshakes, Incoming, Listener, LocalPending, ReadyListener, Runtime,
        SendAccepts, SendPending, drive, finish,
    };

    #[doc(inline)]
    pub use realpeer_futures::{
        connect, handshake_buf_read, handshake_stream, send_header, send_header_with_payload,
    };

    #[cfg(all(feature = "async-io", unix))]
    #[cfg_attr(docsrs, doc(cfg(feature = "async-io")))]
    #[doc(inline)]
    pub use realpeer_futures::{AsyncIo, handshake, handshake_on, poll_accept, recv_from, send_to};
}
