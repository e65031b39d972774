//! What the adapters of `realpeer` share: whom to trust, how a connection is accepted, and what is known of it then.
//!
//! Users of a runtime want the facade `realpeer`, or the adapter of their runtime. This crate is for writing further
//! adapters: [`Acceptor::begin`] gives a [`Receiving`], which is polled with a closure that reads; [`receive`] and
//! [`Ready`] do the waiting for asynchronous ones.

#![forbid(unsafe_code)]

mod acceptor;
mod counters;
mod endpoint;
mod error;
mod established;
mod ready;
mod receive;
mod send;
#[cfg(unix)]
pub mod socket;
mod storage;
mod trust;

pub use realpeer_proto as proto;

pub use acceptor::{Acceptor, Receiving};
pub use counters::Counts;
pub use endpoint::{Endpoint, UnixName};
pub use error::AcceptError;
pub use established::Established;
pub use ready::{AcceptFault, Accepted, Listen, PAUSE, Ready, accept};
pub use receive::{Timer, receive};
pub use send::header_and_payload;
pub use storage::HeaderStorage;
pub use trust::{ParseTrustError, Policy, Trust, Verdict};
