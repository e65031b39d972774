//! The crate under test.

pub use realpeer_proto as proto;

pub const NAME: &str = crate::micro::OURS;

pub mod ours;
