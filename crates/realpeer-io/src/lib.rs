//! The parts that the adapters of `realpeer` share: whom to trust, how a connection is accepted, and what is known of
//! it then.
//!
//! Users of a runtime want the facade `realpeer`, or the adapter of their runtime. This crate is for writing further
//! adapters.
//!
//! - Without I/O: [`Acceptor::begin`] returns an [`Accepting`], which is polled with a closure that reads. [`Pending`] is
//!   a bounded set of them for event loops.
//! - Feature `async`, for asynchronous runtimes: a type that stands for the runtime implements `Runtime`, `Handshakes`
//!   and `Accepts`, and has `Listener`, `Incoming`, `ReadyListener` and `EstablishedListener` by it; its `handshake` is
//!   `drive`, or `drive_readable` where the runtime can only await that a socket is readable.
//! - Feature `tracing`: what `EstablishedListener` rejects is logged.
//! - For datagrams there are `socket::recv_datagram` and [`header_and_datagram`].

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod accepting;
mod acceptor;
mod counters;
pub mod danger;
mod datagram;
mod endpoint;
mod error;
mod established;
#[cfg(feature = "async")]
mod established_listener;
mod fault;
#[cfg(feature = "async")]
mod listener;
mod network;
mod pending;
mod policy;
#[cfg(feature = "async")]
mod ready;
mod reject;
#[cfg(feature = "async")]
mod runtime;
mod send;
#[cfg(unix)]
pub mod socket;
mod storage;
mod trust;

pub use realpeer_proto as proto;

pub use accepting::Accepting;
pub use acceptor::Acceptor;
pub use counters::Counts;
pub use datagram::Datagram;
pub use endpoint::{Endpoint, NotInetError, ParseEndpointError, UnixName};
pub use error::AcceptError;
pub use established::Established;
#[cfg(feature = "async")]
pub use established_listener::EstablishedListener;
pub use fault::{ACCEPT_BACKOFF, AcceptFault, AcceptRetry};
#[cfg(feature = "async")]
pub use listener::{Incoming, Listener};
pub use pending::{Finished, Pending, PendingToken};
pub use policy::{Policy, PolicyFn, Verdict, policy_fn};
#[cfg(feature = "async")]
pub use ready::ReadyListener;
pub use reject::Rejections;
#[cfg(feature = "async")]
pub use runtime::{Accepts, Handshakes, LocalPending, Runtime, SendAccepts, SendPending, drive, finish};
pub use send::{header_and_datagram, header_and_payload};
pub use storage::HeaderStorage;
pub use trust::{Otherwise, Trust, TrustError};
