//! What the server's answers say about each check.
//!
//! A header that is read makes a difference to one that is broken: a server that does not know the protocol takes both
//! for payload, and answers both in the same way.

use std::net::SocketAddr;

use serde::Serialize;

use super::Check;
use super::payload::{Payload, Quality};
use crate::style::Style;

/// The answer on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
    pub(super) end: End,
    /// Our own address on it.
    pub(super) local: Option<SocketAddr>,
}

/// How a connection was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Open, and the server said nothing more.
    Open,
    Closed,
    Reset,
}

/// What the server makes of what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It reads the header, and goes on with what follows.
    Reads,
    /// It closes the connection.
    Refuses,
    /// It says nothing and keeps the connection open.
    Waits,
    /// It takes the header for what its clients say.
    TakesForPayload,
    /// It answers as without a header, whatever is sent before.
    Ignores,
    /// Without a header: it serves.
    Serves,
    /// With a second header: it reads both.
    ReadsBoth,
    /// With a wrong checksum: it does not look at it.
    DoesNotCheck,
}

/// All answers, and what they mean.
#[derive(Debug)]
pub(super) struct Results {
    answers: Vec<(Check, Answer, Summary)>,
}

/// A line of the table.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) check: &'static str,
    pub(super) verdict: &'static str,
    pub(super) answer: String,
    #[serde(skip)]
    pub(super) style: Style,
}

/// What two answers are compared by.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Summary {
    Silent,
    Closed,
    /// The first words, how good they are, and whether the connection was closed after them.
    Said {
        words: String,
        quality: Quality,
        closed: bool,
        len: usize,
    },
}

impl Results {
    pub(super) fn new(answers: Vec<(Check, Answer)>, payload: &Payload) -> Self {
        let summed = answers.into_iter().map(|(check, answer)| {
            let summary = Summary::of(&answer, payload);
            (check, answer, summary)
        });
        Self { answers: summed.collect() }
    }

    pub(super) fn answer(&self, check: Check) -> Option<&Answer> {
        self.answers.iter().find(|(found, ..)| *found == check).map(|(_, answer, _)| answer)
    }

    fn summary(&self, check: Check) -> Option<&Summary> {
        self.answers.iter().find(|(found, ..)| *found == check).map(|(.., summary)| summary)
    }

    /// What the server makes of a check.
    pub(super) fn verdict(&self, check: Check) -> Option<Verdict> {
        let found = self.summary(check)?;
        let plain = self.summary(Check::NoHeader)?;
        let broken = self.summary(if check == Check::V1 { Check::BrokenV1 } else { Check::BrokenV2 });
        Some(match check {
            Check::NoHeader => match found {
                Summary::Silent => Verdict::Waits,
                Summary::Closed => Verdict::Refuses,
                Summary::Said { quality: Quality::Bad, .. } => Verdict::TakesForPayload,
                // It may say that a header is wanted.
                Summary::Said { closed: true, quality: Quality::Unknown, .. } if self.wants_header(found) => {
                    Verdict::Refuses
                }
                Summary::Said { .. } => Verdict::Serves,
            },
            Check::BrokenV1 | Check::BrokenV2 => match found {
                Summary::Silent => Verdict::Waits,
                Summary::Closed => Verdict::Refuses,
                _ if found.is_like(plain) => Verdict::Ignores,
                // It says why.
                Summary::Said { closed: true, .. } if self.reads(check) => Verdict::Refuses,
                Summary::Said { .. } => Verdict::TakesForPayload,
            },
            Check::V1 | Check::V2 => judge(found, plain, broken?),
            _ => {
                let read =
                    if self.verdict(Check::V2) == Some(Verdict::Reads) { Check::V2 } else { Check::V1 };
                let good = self.summary(read)?;
                if self.verdict(read) != Some(Verdict::Reads) {
                    return Some(judge(found, plain, broken?));
                }
                match (check, found.is_like(good)) {
                    (Check::WrongCrc32c, true) => Verdict::DoesNotCheck,
                    (Check::Twice, true) => Verdict::ReadsBoth,
                    (_, true) => Verdict::Reads,
                    (Check::Twice, false) => Verdict::TakesForPayload,
                    (_, false) => match found {
                        Summary::Silent => Verdict::Waits,
                        _ => Verdict::Refuses,
                    },
                }
            }
        })
    }

    /// Whether it reads good headers of the version of a broken one.
    fn reads(&self, broken: Check) -> bool {
        let good = if broken == Check::BrokenV1 { Check::V1 } else { Check::V2 };
        self.verdict(good) == Some(Verdict::Reads)
    }

    /// Whether it answers otherwise after a header that it reads.
    fn wants_header(&self, plain: &Summary) -> bool {
        [Check::V1, Check::V2].iter().any(|check| {
            self.verdict(*check) == Some(Verdict::Reads)
                && self.summary(*check).is_some_and(|found| !found.is_like(plain))
        })
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let row = |(check, _, summary): &(Check, Answer, Summary)| {
            let verdict = self.verdict(*check)?;
            let style = match (check, verdict) {
                (Check::V1 | Check::V2 | Check::Local | Check::Split, Verdict::Reads) => Style::Good,
                (Check::Twice, Verdict::ReadsBoth) | (Check::V1 | Check::V2, _) => Style::Bad,
                _ => Style::Plain,
            };
            Some(Row { check: check.words(), verdict: verdict.words(*check), answer: summary.words(), style })
        };
        // What the others are compared with stands last.
        let (good, broken): (Vec<_>, Vec<_>) =
            self.answers.iter().partition(|(check, ..)| !matches!(check, Check::BrokenV1 | Check::BrokenV2));
        good.into_iter().chain(broken).filter_map(row).collect()
    }
}

/// What the server makes of a good header, told by what it does without one and with a broken one.
fn judge(found: &Summary, plain: &Summary, broken: &Summary) -> Verdict {
    match found {
        Summary::Said { quality: Quality::Bad, .. } => Verdict::TakesForPayload,
        Summary::Said { .. } if found.is_like(plain) && found.is_like(broken) => Verdict::Ignores,
        Summary::Said { .. } if found.is_like(plain) => Verdict::Reads,
        // It answers, where it does not without a header or with a broken one.
        Summary::Said { quality: Quality::Good, .. } => Verdict::Reads,
        Summary::Said { .. } if found.is_like(broken) || plain.is_answer() => Verdict::TakesForPayload,
        Summary::Said { .. } => Verdict::Reads,
        Summary::Closed => Verdict::Refuses,
        // It waits for what follows, and does not wait after a broken one.
        Summary::Silent if *broken != Summary::Silent && *plain == Summary::Silent => Verdict::Reads,
        Summary::Silent => Verdict::Waits,
    }
}

impl Summary {
    fn of(answer: &Answer, payload: &Payload) -> Self {
        match (answer.bytes.as_slice(), answer.end) {
            ([], End::Open) => Self::Silent,
            ([], _) => Self::Closed,
            (bytes, end) => Self::Said {
                words: Payload::summary(bytes),
                quality: payload.quality(bytes),
                closed: end != End::Open,
                len: bytes.len(),
            },
        }
    }

    fn is_answer(&self) -> bool {
        matches!(self, Self::Said { .. })
    }

    /// Whether the two mean the same. Where the quality is unknown, length (nearly) and end must be equal.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Said { quality: Quality::Good, .. }, Self::Said { quality: Quality::Good, .. }) => true,
            (
                Self::Said { words, quality: Quality::Unknown, closed, len },
                Self::Said { words: other, closed: other_closed, len: other_len, .. },
            ) => {
                let start = |words: &str| words.chars().take(6).collect::<String>();
                // Greetings have numbers and times in them.
                start(words) == start(other) && closed == other_closed && len.abs_diff(*other_len) <= 16
            }
            _ => self == other,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Silent => "nothing".into(),
            Self::Closed => "closed".into(),
            Self::Said { words, closed: true, .. } => format!("{words}, closed"),
            Self::Said { words, .. } => words.clone(),
        }
    }
}

impl Check {
    fn words(self) -> &'static str {
        match self {
            Self::NoHeader => "no header",
            Self::V1 => "v1 header",
            Self::V2 => "v2 header",
            Self::Local => "v2 header, LOCAL",
            Self::Split => "v2 header in two pieces",
            Self::WrongCrc32c => "v2 header, wrong checksum",
            Self::Twice => "two headers",
            Self::BrokenV1 => "broken v1 header, to compare",
            Self::BrokenV2 => "broken v2 header, to compare",
        }
    }
}

impl Verdict {
    fn words(self, check: Check) -> &'static str {
        match self {
            Self::Reads => "reads it",
            Self::Refuses => "refuses it",
            Self::Waits => "waits",
            Self::TakesForPayload if check == Check::Twice => "takes 2nd for payload",
            Self::TakesForPayload if check == Check::NoHeader => "complains",
            Self::TakesForPayload => "takes it for payload",
            Self::Ignores => "answers all the same",
            Self::Serves => "serves",
            Self::ReadsBoth => "reads both",
            Self::DoesNotCheck => "reads it, no check",
        }
    }
}
