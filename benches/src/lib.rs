//! Measurements of realpeer beside its peers.

pub mod accept;
pub mod chart;
pub mod counting;
pub mod micro;
pub mod report;
