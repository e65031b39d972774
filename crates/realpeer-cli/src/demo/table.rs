//! The table that a person reads.

use std::env;
use std::io::{self, IsTerminal, Write};

/// A line of the table.
pub(super) struct Row {
    /// What was sent.
    pub(super) what: String,
    /// The peer as the server's socket names it.
    pub(super) socket: String,
    /// Who it really is, or why it is not served.
    pub(super) truth: String,
    /// What is not as it should be.
    pub(super) problems: Vec<String>,
}

pub(super) struct Table {
    colour: bool,
    rows: usize,
    failed: usize,
}

/// The widths of the columns.
const MARK: usize = 8;
const WHAT: usize = 36;
const SOCKET: usize = 17;
const TRUTH: usize = 56;

impl Table {
    /// In colour on a terminal, unless `NO_COLOR` is set.
    pub(super) fn new() -> Self {
        let no_colour = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { colour: io::stdout().is_terminal() && !no_colour && !dumb, rows: 0, failed: 0 }
    }

    /// What stands above the table.
    pub(super) fn begin(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{text}\n")?;
        let [what, socket, truth] = ["WHAT COMES IN", "THE SOCKET SAYS", "WHO IT REALLY IS -> WHERE IT WENT"];
        let heading = format!("{:MARK$}{what:WHAT$}{socket:SOCKET$}{truth}", "");
        writeln!(out, "{}", self.paint(Style::Bold, &heading))?;
        out.flush()
    }

    pub(super) fn show(&mut self, row: &Row) -> io::Result<()> {
        self.rows += 1;
        let failed = !row.problems.is_empty();
        let (style, mark) = if failed { (Style::Bad, "FAILED") } else { (Style::Good, "ok") };
        let mut out = io::stdout().lock();
        write!(out, "{}", self.paint(style, &format!("{mark:MARK$}")))?;
        let columns = [(&row.what, WHAT), (&row.socket, SOCKET), (&row.truth, TRUTH)];
        let columns = columns.map(|(text, width)| wrap(text, width - 1));
        let height = columns.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let cell = |column: usize| columns[column].get(line).map_or("", String::as_str);
            let indent = if line == 0 { 0 } else { MARK };
            let text = format!("{:indent$}{:WHAT$}{:SOCKET$}{}", "", cell(0), cell(1), cell(2));
            writeln!(out, "{}", text.trim_end())?;
        }
        for problem in &row.problems {
            for line in wrap(problem, WHAT + SOCKET + TRUTH) {
                writeln!(out, "{:MARK$}{}", "", self.paint(Style::Bad, &line))?;
            }
        }
        self.failed += usize::from(failed);
        out.flush()
    }

    /// What stands below the table. Says whether all is as it should be.
    pub(super) fn sum_up(&self) -> io::Result<bool> {
        let good = self.failed == 0 && self.rows > 0;
        let (style, text) = if good {
            let text = "as it should be: what was served came back byte for byte, nothing else did";
            let text = format!("All {} lines are {text}.", self.rows);
            (Style::Good, text)
        } else {
            (Style::Bad, format!("{} of {} FAILED.", self.failed, self.rows))
        };
        let mut out = io::stdout().lock();
        writeln!(out, "\n{}", self.paint(style, &text))?;
        out.flush()?;
        Ok(good)
    }

    fn paint(&self, style: Style, text: &str) -> String {
        let code = match style {
            _ if !self.colour => return text.into(),
            Style::Bold => "1",
            Style::Good => "32",
            Style::Bad => "1;31",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

#[derive(Clone, Copy)]
enum Style {
    Bold,
    Good,
    Bad,
}

/// The text in lines of at most `width` characters, broken at spaces, or anywhere in words that are longer.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if !line.is_empty() && line.chars().count() + 1 + word.len() > width {
            lines.push(std::mem::take(&mut line));
        }
        while word.len() > width {
            let rest = word.split_off(width);
            lines.push(word.into_iter().collect());
            word = rest;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn lines_are_broken_at_spaces() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("fits", 4), ["fits"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap("a much-too-long b", 6), ["a", "much-t", "oo-lon", "g b"]);
    }
}
