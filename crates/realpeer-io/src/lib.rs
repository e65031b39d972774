//! What the adapters of `realpeer` share: whom to trust, how a connection is accepted, and what is known of it then.
//!
//! Users of a runtime want the facade `realpeer`, or the adapter of their runtime. This crate is for writing further
//! adapters: [`Acceptor::begin`] gives a [`Receiving`], which is polled with a closure that reads. An asynchronous one
//! says what its [`Timer`], [`Connection`] and [`Listen`] are, and has [`receive`], [`Listener`] and [`ReadyListener`].
//! For datagrams there are `socket::recv_datagram` and [`header_and_payload`].

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod acceptor;
mod counters;
mod datagram;
mod endpoint;
mod error;
mod established;
mod fault;
mod listener;
mod network;
mod policy;
mod ready;
mod runtime;
mod send;
#[cfg(unix)]
pub mod socket;
mod storage;
mod trust;

pub use realpeer_proto as proto;

pub use acceptor::{Acceptor, Receiving};
pub use counters::Counts;
pub use datagram::Datagram;
pub use endpoint::{Endpoint, NotInetError, ParseEndpointError, UnixName};
pub use error::AcceptError;
pub use established::Established;
pub use fault::{AcceptFault, PAUSE};
pub use listener::{Incoming, Listener};
pub use policy::{Policy, PolicyFn, Verdict, policy_fn};
pub use ready::{Accepted, ReadyListener};
pub use runtime::{Connection, Listen, Timer, receive};
pub use send::header_and_payload;
pub use storage::HeaderStorage;
pub use trust::{Otherwise, Trust, TrustError};
