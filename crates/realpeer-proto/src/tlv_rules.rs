//! Rules of the specification for TLVs by their type (sections 2.2.3, 2.2.5 and 2.2.6): a row for each type of which it
//! demands something. Reading, checking, writing and finding the error all read the row.

use crate::wire::{MAX_UNIQUE_ID_LEN, SSL_HEAD_LEN};
use crate::{TlvCause, kind};

/// What must hold of a TLV at the top level of a header.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    /// The shortest value.
    pub(crate) least: u16,
    /// The longest value.
    pub(crate) most: u16,
    /// The error where the value has another length.
    pub(crate) wrong_len: TlvCause,
    /// The error where there is a second one, which must not be.
    pub(crate) twice: Option<TlvCause>,
    /// Where in the value TLVs start, which then fill it.
    pub(crate) tlvs_from: Option<u16>,
}

const CRC32C: Rule = Rule {
    least: 4,
    most: 4,
    wrong_len: TlvCause::Crc32cLength,
    twice: Some(TlvCause::Crc32cTwice),
    tlvs_from: None,
};

const UNIQUE_ID: Rule = Rule {
    least: 0,
    most: MAX_UNIQUE_ID_LEN,
    wrong_len: TlvCause::UniqueIdLength,
    twice: None,
    tlvs_from: None,
};

const SSL: Rule = Rule {
    least: SSL_HEAD_LEN,
    most: u16::MAX,
    wrong_len: TlvCause::SslLength,
    twice: None,
    tlvs_from: Some(SSL_HEAD_LEN),
};

/// The row of the type `kind`, if it has one.
#[inline(always)]
pub(crate) const fn rule(kind: u8) -> Option<Rule> {
    match kind {
        kind::CRC32C => Some(CRC32C),
        kind::UNIQUE_ID => Some(UNIQUE_ID),
        kind::SSL => Some(SSL),
        _ => None,
    }
}

impl Rule {
    /// Whether a value of `len` bytes may be. There are no TLVs within it, or they have three bytes or more.
    #[inline(always)]
    pub(crate) const fn allows(self, len: u32) -> bool {
        let within = match self.tlvs_from {
            Some(from) => len.saturating_sub(from as u32),
            None => 0,
        };
        self.least as u32 <= len && len <= self.most as u32 && within != 1 && within != 2
    }
}
