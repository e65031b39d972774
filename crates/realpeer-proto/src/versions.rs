//! The versions of the protocol that a receiver accepts.

use crate::wire::{HEAD_LEN, SHORTEST_LINE};

/// The versions of the protocol that a receiver accepts (section 2: it is configured, it does not guess).
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{parse, Config, Versions};
///
/// let config = Config::new().with_versions(Versions::V2);
/// assert!(parse(b"PROXY UNKNOWN\r\n", &config).is_err());
/// ```
///
/// These are all there can be of two versions. A third needs a new major version of this crate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Versions {
    /// Both versions, told apart by their signatures.
    #[default]
    Any,
    /// Version 1 only, the line of text.
    V1,
    /// Version 2 only, the binary header.
    V2,
}

impl Versions {
    /// The fewest bytes that a header can have.
    pub(crate) const fn shortest(self) -> usize {
        match self {
            Self::Any | Self::V1 => SHORTEST_LINE,
            Self::V2 => HEAD_LEN,
        }
    }
}
