//! Takes the bytes of a header apart into its fields, as far as they go.

mod tlvs;
mod v1;
mod v2;

use std::ops::Range;

use realpeer::proto::Error;

use super::verdict::Verdict;

/// Some bytes of a header and what they mean.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) range: Range<usize>,
    pub(crate) name: String,
    pub(crate) meaning: String,
    /// The section of the specification that it is described in.
    pub(crate) section: &'static str,
}

/// The fields of a header, in order and without a gap, up to and with `end`: the end of the header, of the broken
/// bytes, or of what was received.
pub(crate) fn fields(bytes: &[u8], verdict: &Verdict<'_>, end: usize) -> Vec<Field> {
    let shown = bytes.get(..end).unwrap_or(bytes);
    if let Verdict::Rejected(Error::Signature { .. }) = verdict {
        let mut cutter = Cutter::new(shown);
        cutter.cut(shown.len(), "no header", "2", |_| String::new());
        return cutter.fields;
    }
    if shown.starts_with(b"P") { v1::fields(shown) } else { v2::fields(shown, verdict) }
}

/// Cuts fields from the front of the bytes.
struct Cutter<'a> {
    bytes: &'a [u8],
    at: usize,
    fields: Vec<Field>,
}

impl<'a> Cutter<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, fields: Vec::new() }
    }

    /// What is left.
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Cuts a field of `len` bytes, or of what is left if that is less. `meaning` is asked only if all are there.
    fn cut(
        &mut self,
        len: usize,
        name: impl Into<String>,
        section: &'static str,
        meaning: impl FnOnce(&'a [u8]) -> String,
    ) {
        let rest = self.rest();
        if rest.is_empty() || len == 0 {
            return;
        }
        let (len, meaning) = match rest.get(..len) {
            Some(value) => (len, meaning(value)),
            None => (rest.len(), format!("only {} of {len} bytes", rest.len())),
        };
        self.fields.push(Field { range: self.at..self.at + len, name: name.into(), meaning, section });
        self.at += len;
    }
}
