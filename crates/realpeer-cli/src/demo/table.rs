//! What a person reads, at 80 columns.

use std::io::{self, Write};

use crate::style::{Colours, Style};
use crate::text::{word, wrap};

/// A connection and its outcome.
pub(super) struct Row {
    /// What was sent.
    pub(super) what: String,
    /// The peer as the server's socket names it.
    pub(super) socket: Option<String>,
    /// Whether it was served.
    pub(super) served: bool,
    /// Who it really is, or why it is not served.
    pub(super) truth: String,
    /// What is not as it should be.
    pub(super) problems: Vec<String>,
}

pub(super) struct Table {
    colours: Colours,
    rows: usize,
    failed: usize,
}

const WIDTH: usize = 80;
const INDENT: usize = 4;
const LABEL: usize = 14;

impl Table {
    pub(super) fn new() -> Self {
        Self { colours: Colours::for_stdout(), rows: 0, failed: 0 }
    }

    /// Prints what stands above the table.
    pub(super) fn begin(text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        wrap(text, WIDTH).iter().try_for_each(|line| writeln!(out, "{line}"))?;
        writeln!(out)?;
        out.flush()
    }

    pub(super) fn show(&mut self, row: &Row) -> io::Result<()> {
        self.rows += 1;
        let failed = !row.problems.is_empty();
        self.failed += usize::from(failed);
        let mut out = io::stdout().lock();
        let number = format!("{:>2}", self.rows);
        writeln!(out, "{number}  {}", self.colours.paint(Style::Heading, &row.what))?;
        let socket = match row.socket.as_deref() {
            None => String::new(),
            Some("unix:") => "unix: (no name)".into(),
            Some(socket) => word(socket).into_owned(),
        };
        self.line(&mut out, Style::Faint, "the socket", &socket)?;
        let label = if row.served { "really" } else { "turned away" };
        self.line(&mut out, Style::Good, label, &row.truth)?;
        for problem in &row.problems {
            self.line(&mut out, Style::Bad, "FAILED", problem)?;
        }
        out.flush()
    }

    fn line(&self, out: &mut impl Write, style: Style, label: &str, text: &str) -> io::Result<()> {
        let mut label = format!("{label:LABEL$}");
        for line in wrap(text, WIDTH - INDENT - LABEL) {
            let line = format!("{:INDENT$}{}{line}", "", self.colours.paint(style, &label));
            writeln!(out, "{}", line.trim_end())?;
            label = format!("{:LABEL$}", "");
        }
        Ok(())
    }

    /// Prints what stands below the table. Returns whether all is as it should be.
    pub(super) fn sum_up(&self) -> io::Result<bool> {
        let good = self.failed == 0 && self.rows > 0;
        let (style, text) = if good {
            let text = "are as they should be: what was served came back byte for byte, and what was turned away \
                        got nothing.";
            (Style::Good, format!("All {} {text}", self.rows))
        } else {
            (Style::Bad, format!("{} of {} FAILED.", self.failed, self.rows))
        };
        let mut out = io::stdout().lock();
        writeln!(out)?;
        for line in wrap(&text, WIDTH) {
            writeln!(out, "{}", self.colours.paint(style, &line))?;
        }
        out.flush()?;
        Ok(good)
    }
}
