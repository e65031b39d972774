//! Measurements of realpeer beside its peers.

pub mod micro;
pub mod report;
