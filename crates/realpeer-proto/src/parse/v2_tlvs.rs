//! Checks the TLVs of a version 2 header, complete or not: that they fill it, and the rules of `tlv_rules.rs` (sections
//! 2.2 to 2.2.7).

use crate::tlv_rules::{Rule, rule};
use crate::wire::HEAD_LEN;
use crate::{Error, TlvCause, TlvError, Tlvs};

/// How far the TLVs have been looked at. Offsets count from byte 16, where the length starts to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlvCheck {
    /// Where the next TLV starts; 0 before the first look.
    at: u16,
    /// Where the SSL TLV ends that it is in; 0 outside.
    ssl_end: u16,
    /// Where the value of the CRC32C starts, 0 without one.
    crc32c: u16,
}

/// Walks along the TLVs that fill `tlvs`, if they do and may be there, and returns the length of what there is from the
/// value of the CRC32C on, 0 without one.
#[inline(always)]
pub(crate) fn check_complete(tlvs: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut crc32c = 0;
    while let Some((kind, end)) = tlv_at(tlvs, at) {
        let value = at + 3;
        if let Some(rule) = rule(kind) {
            let fits = match rule.tlvs_from {
                // Where TLVs fill the rest, the length is right as well.
                Some(from) => tile(tlvs.get(value as usize + usize::from(from)..end as usize)?),
                None => rule.allows(end - value),
            };
            if !fits {
                return None;
            }
            if rule.twice.is_some() {
                if crc32c > 0 {
                    return None;
                }
                crc32c = tlvs.len() - value as usize;
            }
        }
        at = end;
    }
    (at as usize == tlvs.len()).then_some(crc32c)
}

/// Whether `tlvs` is filled by TLVs.
#[inline(always)]
fn tile(tlvs: &[u8]) -> bool {
    let mut at = 0;
    while let Some((_, end)) = tlv_at(tlvs, at) {
        at = end;
    }
    at as usize == tlvs.len()
}

/// The type of the TLV at `at`, and where it ends, which may be beyond `tlvs`: one comparison for each TLV is enough, if
/// the last must end where `tlvs` does.
#[inline(always)]
fn tlv_at(tlvs: &[u8], at: u32) -> Option<(u8, u32)> {
    // No header is so long that `at` overflows; and that it is no usize tells the compiler that `at + 3` doesn't.
    let &[kind, high, low] = tlvs.get(at as usize..at as usize + 3)?.first_chunk()?;
    Some((kind, at + 3 + u32::from(u16::from_be_bytes([high, low]))))
}

/// Returns where the value of the CRC32C starts in TLVs to which no other rule applies, if there is one.
pub(crate) fn lone_crc32c(tlvs: Tlvs<'_>) -> Result<Option<u16>, Error> {
    let (mut at, mut found) = (0, None);
    for tlv in tlvs {
        let len = tlv.value().len();
        if let Some((rule, twice)) = rule(tlv.kind()).and_then(|rule| Some((rule, rule.twice?))) {
            if !rule.allows(len as u32) {
                return Err(error(tlv.kind(), at, rule.wrong_len));
            }
            if found.is_some() {
                return Err(error(tlv.kind(), at, twice));
            }
            found = Some(at + 3);
        }
        at = at.saturating_add(3 + len as u16);
    }
    Ok(found)
}

impl TlvCheck {
    /// Where the value of the CRC32C starts; not before the check has reached the end.
    pub(crate) fn crc32c(&self) -> Option<usize> {
        (self.crc32c > 0).then_some(self.crc32c.into())
    }

    /// Checks the TLVs of which the type or more has arrived. `block` is what has arrived of the `len` bytes after the
    /// fixed part, the first `addresses` of which are addresses; without any the block is skipped.
    #[inline(always)]
    pub(crate) fn read(&mut self, block: &[u8], len: u16, addresses: u16) -> Result<(), Error> {
        if addresses == 0 {
            // It need not be TLVs, so nothing in it can be wrong.
            return Ok(());
        }
        self.at = self.at.max(addresses);
        if self.strict(block, len) {
            return Ok(());
        }
        let end = if self.ssl_end > 0 { self.ssl_end } else { len };
        self.check_head(block.get(self.at.into()..).unwrap_or_default(), end)
    }

    /// Walks along the TLVs that can stand where they do, and says whether that was all.
    #[inline(always)]
    fn strict(&mut self, block: &[u8], len: u16) -> bool {
        let Self { mut at, mut ssl_end, mut crc32c } = *self;
        let all = loop {
            if ssl_end != 0 {
                while let Some(next) = next(block, at, ssl_end) {
                    at = next.end;
                }
                if at < ssl_end {
                    break false;
                }
                ssl_end = 0;
            }
            let Some(next) = next(block, at, len) else { break at == len };
            if let Some(rule) = rule(next.kind) {
                if !rule.allows(next.len.into()) || (rule.twice.is_some() && crc32c > 0) {
                    break false;
                }
                match rule.tlvs_from {
                    // Complete and valid already, it need not be walked along.
                    Some(from)
                        if !next.value.is_some_and(|value| value.get(from.into()..).is_some_and(tile)) =>
                    {
                        ssl_end = next.end;
                        at += 3 + from;
                        continue;
                    }
                    _ => {}
                }
                if rule.twice.is_some() {
                    crc32c = at + 3;
                }
            }
            at = next.end;
        };
        *self = Self { at, ssl_end, crc32c };
        all
    }

    /// Whether a TLV of the type `kind` with a value of `least` to `most` bytes can stand here: it has to end
    /// where its surroundings do, or at least a TLV's three bytes before.
    #[inline(always)]
    fn may_be(self, kind: u8, least: u16, most: u16, end: u16) -> bool {
        let Some(room) = (end - self.at).checked_sub(3) else { return false };
        let fits = |least: u16, most: u16| {
            least <= most && ((least <= room && room <= most) || u32::from(least) + 3 <= u32::from(room))
        };
        if self.ssl_end > 0 {
            return fits(least, most);
        }
        let Some(rule) = rule(kind) else { return fits(least, most) };
        let (least, most) = (least.max(rule.least), most.min(rule.most));
        match rule.tlvs_from {
            _ if rule.twice.is_some() && self.crc32c > 0 => false,
            // There are no TLVs within, or they have three bytes or more.
            Some(from) => fits(least.max(from), most.min(from)) || fits(least.max(from + 3), most),
            None => fits(least, most),
        }
    }

    /// Checks the type and length of a TLV, or what has arrived of them, byte by byte.
    #[cold]
    fn check_head(self, head: &[u8], end: u16) -> Result<(), Error> {
        for len in 1..=head.len() {
            let (kind, least, most) = match *head.get(..len).unwrap_or(head) {
                [kind] => (kind, [0, 0], [0xFF, 0xFF]),
                [kind, high] => (kind, [high, 0], [high, 0xFF]),
                [kind, high, low] => (kind, [high, low], [high, low]),
                _ => break,
            };
            let (least, most) = (u16::from_be_bytes(least), u16::from_be_bytes(most));
            if !self.may_be(kind, least, most, end) {
                return Err(self.cause(kind, least, most, end));
            }
        }
        Ok(())
    }

    fn cause(self, kind: u8, least: u16, most: u16, end: u16) -> Error {
        let room = (end - self.at).saturating_sub(3);
        let cause = match rule(kind).filter(|_| self.ssl_end == 0) {
            Some(Rule { twice: Some(twice), .. }) if self.crc32c > 0 => twice,
            // Where the length is fixed and there is room for one or two bytes too many, it is they that are read as value.
            Some(rule) if rule.least == rule.most || least > rule.most || most.min(room) < rule.least => {
                rule.wrong_len
            }
            _ if least <= room => TlvCause::Stray,
            _ => TlvCause::Overrun,
        };
        error(kind, self.at, cause)
    }
}

/// A TLV, and its value if that has arrived.
struct Next<'a> {
    kind: u8,
    len: u16,
    value: Option<&'a [u8]>,
    end: u16,
}

/// The TLV at `at`, if its type and length have arrived, and it ends where `end` is or a TLV's three bytes before.
#[inline(always)]
fn next(block: &[u8], at: u16, end: u16) -> Option<Next<'_>> {
    let (&[kind, high, low], rest) = block.get(at.into()..)?.split_first_chunk()?;
    let len = u16::from_be_bytes([high, low]);
    let next = u32::from(at) + 3 + u32::from(len);
    let room = u32::from(end).checked_sub(next)?;
    let value = rest.get(..len.into());
    (!matches!(room, 1 | 2)).then_some(Next { kind, len, value, end: next as u16 })
}

/// What is wrong with the TLV at `at`.
fn error(kind: u8, at: u16, cause: TlvCause) -> Error {
    Error::Tlv(TlvError { kind, offset: HEAD_LEN as u32 + u32::from(at), cause })
}
