//! The annotated dump: offset, bytes, field, meaning, at 80 columns.

use std::fmt::Write as _;
use std::ops::Range;

use realpeer::proto::Error;

use super::fields::{Field, fields};
use super::payload::{guess, is_second_header};
use super::verdict::{Verdict, broken_at, cause};
use crate::report::{header_line, why_without_addresses};
use crate::style::{Colours, Style};
use crate::text::{plural, printable, wrap};

/// How much is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Detail {
    /// The section of the specification for each field.
    pub(crate) sections: bool,
    /// All bytes of long values.
    pub(crate) full: bool,
    pub(crate) colours: Colours,
}

const WIDTH: usize = 80;
const PER_ROW: usize = 8;
const BYTES: usize = 3 * PER_ROW + 1;
const NAME: usize = 13;
const OFFSET: usize = 6;
const MEANING: usize = WIDTH - OFFSET - 2 - BYTES - NAME;
/// How many rows of a long value are shown.
const ROWS: usize = 4;

/// Writes the dump of a header with what follows it. `seen` is the count of all bytes, if more came than are here.
pub(crate) fn dump(bytes: &[u8], seen: u64, verdict: &Verdict<'_>, detail: Detail) -> String {
    let mark = match verdict {
        Verdict::Rejected(error) => Some(broken_at(error, bytes)),
        _ => None,
    };
    let end = match (verdict, &mark) {
        (Verdict::Accepted(_, len), _) => *len,
        // Of what is no header the first bytes tell the most.
        (Verdict::Rejected(Error::Signature { .. }), Some(mark)) => {
            bytes.len().min(mark.end.max(2 * PER_ROW))
        }
        (_, Some(mark)) => mark.end.min(bytes.len()),
        _ => bytes.len(),
    };
    let mut out = Writer { out: String::new(), detail };
    if let Verdict::Accepted(header, _) = verdict {
        out.paragraph(Style::Heading, &header_line(header));
    }
    if !bytes.is_empty() {
        out.line(Style::Faint, &heading());
    }
    for field in &fields(bytes, verdict, end) {
        out.field(bytes, field, mark.as_ref());
    }
    if let Verdict::Accepted(header, len) = verdict {
        let payload = bytes.get(*len..).unwrap_or_default();
        if !payload.is_empty() {
            let looks = guess(payload).map_or_else(String::new, |looks| format!("looks like {looks}"));
            let len = payload.len().min(2 * PER_ROW);
            let field = Field { range: end..end + len, name: "payload".into(), meaning: looks, section: "" };
            out.field(bytes, &field, None);
        }
        if let Some(why) = why_without_addresses(header) {
            out.paragraph(Style::Good, why);
        }
    }
    if let Verdict::Accepted(_, len) = verdict {
        if is_second_header(bytes.get(*len..).unwrap_or_default()) {
            out.paragraph(
                Style::Bad,
                "a receiver reads one header, and takes the second for payload: two proxies each add one",
            );
        }
    }
    let style = if let Verdict::Accepted(..) = verdict { Style::Good } else { Style::Bad };
    out.paragraph(style, &conclusion(bytes, seen, verdict));
    if let Verdict::Rejected(error) = verdict {
        if let Some(cause) = cause(error, bytes) {
            out.paragraph(Style::Heading, &format!("likely cause: {cause}"));
        }
    }
    out.out
}

/// One sentence: how much is header, how much payload, and what that looks like; or what is wrong.
pub(crate) fn conclusion(bytes: &[u8], seen: u64, verdict: &Verdict<'_>) -> String {
    match verdict {
        Verdict::Accepted(_, len) => {
            let header = format!("{} of header", plural(*len, "byte", "bytes"));
            let payload = bytes.get(*len..).unwrap_or_default();
            match seen.saturating_sub(*len as u64) {
                0 => format!("{header}, no payload"),
                count => match guess(payload) {
                    Some(looks) => format!("{header}, {count} of payload, which looks like {looks}"),
                    None => format!("{header}, {count} of payload"),
                },
            }
        }
        Verdict::Rejected(error) => format!("rejected: {}", printable(&error.to_string())),
        Verdict::Incomplete(needed) => format!(
            "incomplete: after {} at least {needed} more are needed",
            plural(bytes.len(), "byte", "bytes")
        ),
    }
}

struct Writer {
    out: String,
    detail: Detail,
}

impl Writer {
    fn line(&mut self, style: Style, text: &str) {
        let _ = writeln!(self.out, "{}", self.detail.colours.paint(style, text.trim_end()));
    }

    fn paragraph(&mut self, style: Style, text: &str) {
        for line in wrap(text, WIDTH) {
            self.line(style, &line);
        }
    }

    fn field(&mut self, bytes: &[u8], field: &Field, mark: Option<&Range<usize>>) {
        let value = bytes.get(field.range.clone()).unwrap_or_default();
        let mut rows: Vec<_> = value.chunks(PER_ROW).collect();
        // A mark is never cut off.
        let is_cut = !self.detail.full && rows.len() > ROWS && mark.is_none();
        if is_cut {
            rows.truncate(ROWS - 1);
        }
        let shown: usize = rows.iter().map(|row| row.len()).sum();
        let mut column = Vec::new();
        for (row, at) in rows.iter().zip((field.range.start..).step_by(PER_ROW)) {
            column.push((Style::Plain, row_of(row)));
            let carets = mark.and_then(|mark| carets(mark, at, row.len()));
            column.extend(carets.map(|carets| (Style::Bad, carets)));
        }
        if is_cut {
            column.push((Style::Faint, format!("... {} more bytes", value.len() - shown)));
        }
        let mut meaning = field.meaning.clone();
        if self.detail.sections && !field.section.is_empty() {
            let _ = write!(meaning, " [{}]", field.section);
        }
        let meaning = wrap(meaning.trim_start(), MEANING);
        for row in 0..column.len().max(meaning.len()) {
            let (offset, name) = match row {
                0 => (field.range.start.to_string(), field.name.as_str()),
                _ => (String::new(), ""),
            };
            let (style, digits) =
                column.get(row).map_or((Style::Plain, ""), |(style, digits)| (*style, digits));
            let digits = self.detail.colours.paint(style, &format!("{digits:BYTES$}"));
            let meaning = meaning.get(row).map_or("", String::as_str);
            let line = format!("{offset:>OFFSET$}  {digits}{name:NAME$}{meaning}");
            let _ = writeln!(self.out, "{}", line.trim_end());
        }
    }
}

fn heading() -> String {
    format!("{:>OFFSET$}  {:BYTES$}{:NAME$}meaning", "offset", "bytes", "field")
}

fn row_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// `^^` under each marked byte of a row, if there is one.
fn carets(mark: &Range<usize>, at: usize, len: usize) -> Option<String> {
    let under = |index: usize| if mark.contains(&(at + index)) { "^^" } else { "  " };
    let carets = (0..len).map(under).collect::<Vec<_>>().join(" ");
    carets.contains('^').then_some(carets)
}
