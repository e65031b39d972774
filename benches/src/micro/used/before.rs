//! The same calls of an older realpeer, to compare with: `benches/before.sh` builds it so.

pub use realpeer_proto_before as proto;

pub const NAME: &str = crate::micro::BEFORE;

#[path = "now/ours.rs"]
pub mod ours;
