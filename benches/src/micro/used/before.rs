//! Calls an older realpeer as `now/ours.rs` calls this one, to compare the two. `benches/before.sh` builds it in.

pub use realpeer_proto_before as proto;

use std::net::SocketAddr;

pub const NAME: &str = crate::micro::BEFORE;

#[path = "now/ours.rs"]
pub mod ours;

/// It could fail then.
#[inline(always)]
fn encoder(
    version: proto::Version,
    source: SocketAddr,
    destination: SocketAddr,
) -> Result<proto::Encoder<'static>, proto::EncodeError> {
    proto::Encoder::proxy(version, source, destination).map_err(|_| proto::EncodeError::MixedFamilies)
}
