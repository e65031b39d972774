//! The crate under test.

pub use realpeer_proto as proto;

use std::net::SocketAddr;

pub const NAME: &str = crate::micro::OURS;

pub mod ours;

/// What has changed its type since: it can't fail now.
#[inline(always)]
fn encoder(
    version: proto::Version,
    source: SocketAddr,
    destination: SocketAddr,
) -> Result<proto::Encoder<'static>, proto::EncodeError> {
    Ok(proto::Encoder::proxy(version, source, destination))
}
