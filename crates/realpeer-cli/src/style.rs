//! Colours: only on a terminal, and never with `NO_COLOR`.

use std::env;
use std::io::{self, IsTerminal};

/// Whether to colour, decided once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Colours(bool);

/// What text stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    Plain,
    Heading,
    Good,
    Bad,
    Faint,
}

impl Colours {
    /// For stdout.
    pub(crate) fn for_stdout() -> Self {
        let no_colour = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self(io::stdout().is_terminal() && !no_colour && !dumb)
    }

    /// Returns the text as it is to be printed.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        let code = match style {
            _ if !self.0 || text.is_empty() => return text.into(),
            Style::Plain => return text.into(),
            Style::Heading => "1",
            Style::Good => "32",
            Style::Bad => "1;31",
            Style::Faint => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
