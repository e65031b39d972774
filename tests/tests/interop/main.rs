//! Real servers, proxies and clients, each started here and ended here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

#[cfg(feature = "ffi")]
mod c_examples;
mod direct;
mod frameworks;
mod haproxy;
mod haproxy_checks;
mod haproxy_tls;
mod matrix;
mod page;
mod pgbouncer;
mod probe;
mod resources;
mod setups;
mod unmodified;
