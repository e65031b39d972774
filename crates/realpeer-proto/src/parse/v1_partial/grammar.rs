//! Proves that [`PartialLine`] accepts the grammar of section 2.1 and nothing else. Version 1 is a regular language, so an
//! automaton made from a regular expression is walked side by side with `PartialLine`, through every pair of states that the
//! two can reach together and every byte. In each pair both must agree on which bytes can follow, on whether the line
//! is complete, and on the fewest bytes that it still lacks.

use std::collections::{HashMap, HashSet, VecDeque};
use std::format;
use std::string::String;
use std::vec::Vec;

use regex_automata::Anchored;
use regex_automata::dfa::{Automaton, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::util::syntax;

use super::{PartialLine, Place};
use crate::parse::v1;

/// R20: 0 to 255 without a leading zero.
const OCTET: &str = "(?:[0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])";
/// R23: 0 to 65535 without a leading zero.
const PORT: &str =
    "(?:[0-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
/// One group of an IPv6 address.
const GROUP: &str = "[0-9A-Fa-f]{1,4}";

fn ipv4() -> String {
    format!(r"{OCTET}(?:\.{OCTET}){{3}}")
}

/// R21: eight groups, or fewer with one `::` in place of at least one of them; the last two may be written as IPv4.
fn ipv6() -> String {
    let groups = |count: usize| [GROUP].repeat(count).join(":");
    let with_tail = |count: usize| format!("{}{}", format!("{GROUP}:").repeat(count), ipv4());
    let mut forms = Vec::from([groups(8), with_tail(6)]);
    for before in 0..8 {
        for after in 0..8 - before {
            forms.push(format!("{}::{}", groups(before), groups(after)));
        }
        for after in 0..6_usize.saturating_sub(before) {
            forms.push(format!("{}::{}", groups(before), with_tail(after)));
        }
    }
    format!("(?:{})", forms.join("|"))
}

/// R15 to R24. After UNKNOWN and a space everything up to the first CRLF is ignored (R17).
fn line() -> String {
    let (v4, v6) = (ipv4(), ipv6());
    let addresses = format!("TCP4 {v4} {v4}|TCP6 {v6} {v6}");
    format!(r"PROXY (?:(?:{addresses}) {PORT} {PORT}|UNKNOWN(?: (?:[^\r]|\r+[^\r\n])*\r*)?)\r\n")
}

/// The specification's automaton, and how far each of its states is from the end of a line.
struct Specification {
    dfa: dense::DFA<Vec<u32>>,
    start: StateID,
    distances: HashMap<StateID, usize>,
}

impl Specification {
    fn new() -> Self {
        let dfa = dense::Builder::new()
            .configure(
                dense::Config::new().minimize(true).start_kind(regex_automata::dfa::StartKind::Anchored),
            )
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .build(&line())
            .unwrap();
        let start = dfa.start_state(&start::Config::new().anchored(Anchored::Yes)).unwrap();
        let mut before: HashMap<StateID, Vec<StateID>> = HashMap::new();
        let mut complete = VecDeque::new();
        let mut seen = HashSet::from([start]);
        let mut left = Vec::from([start]);
        while let Some(state) = left.pop() {
            if is_complete(&dfa, state) {
                complete.push_back((state, 0));
                continue;
            }
            for byte in 0..=u8::MAX {
                let next = dfa.next_state(state, byte);
                before.entry(next).or_default().push(state);
                if !dfa.is_dead_state(next) && seen.insert(next) {
                    left.push(next);
                }
            }
        }
        let mut distances = HashMap::new();
        while let Some((state, distance)) = complete.pop_front() {
            if let std::collections::hash_map::Entry::Vacant(entry) = distances.entry(state) {
                entry.insert(distance);
                complete.extend(before.get(&state).into_iter().flatten().map(|&state| (state, distance + 1)));
            }
        }
        Self { dfa, start, distances }
    }

    /// The shortest way to the end of a line.
    fn shortest_end(&self, mut state: StateID) -> Vec<u8> {
        let mut end = Vec::new();
        while self.distances[&state] > 0 {
            let nearer = |byte: &u8| {
                let next = self.step(state, *byte)?;
                (self.distances[&next] < self.distances[&state]).then_some((*byte, next))
            };
            let (byte, next) = (0..=u8::MAX).find_map(|byte| nearer(&byte)).unwrap();
            end.push(byte);
            state = next;
        }
        end
    }

    /// The state after `byte`, unless no line goes on like this.
    fn step(&self, state: StateID, byte: u8) -> Option<StateID> {
        Some(self.dfa.next_state(state, byte)).filter(|next| self.distances.contains_key(next))
    }
}

/// Matches are reported one byte late, so a line is complete where the end of the input makes it a match.
fn is_complete(dfa: &dense::DFA<Vec<u32>>, state: StateID) -> bool {
    dfa.is_match_state(dfa.next_eoi_state(state))
}

/// How much was taken decides nothing once the name of the protocol has ended. The length of a
/// line is checked elsewhere, by what was taken and what is missing together.
fn without_position(progress: PartialLine) -> PartialLine {
    match progress.place {
        Place::Start(_) => progress,
        _ => PartialLine { at: 0, ..progress },
    }
}

/// What a line can be broken by: what stands between fields, digits, and what only looks like one of them.
const BREAKERS: &[u8] = b" :.\r\n\t\0+-09afAFgGxUT\xA0";

#[test]
fn the_byte_by_byte_grammar_of_v1_is_the_specifications() {
    let specification = Specification::new();
    let first = (PartialLine::default(), specification.start);
    let mut seen = HashSet::from([first]);
    let mut left = VecDeque::from([(first, Vec::new())]);
    let (mut steps, mut lines) = (0_u64, 0_u64);
    while let Some(((progress, state), line)) = left.pop_front() {
        for byte in 0..=u8::MAX {
            steps += 1;
            let mut next = progress;
            let fits = next.step(byte);
            let expected = specification.step(state, byte);
            assert_eq!(fits, expected.is_some(), "byte {byte:#04x} after {progress:?}");
            let Some(state) = expected else { continue };
            let missing = if next.is_complete() { 0 } else { next.missing() };
            assert_eq!(missing, specification.distances[&state], "after byte {byte:#04x} of {progress:?}");
            assert_eq!(next.is_complete(), is_complete(&specification.dfa, state), "{next:?}");
            let pair = (without_position(next), state);
            if !next.is_complete() && seen.insert(pair) {
                left.push_back((pair, [&line[..], &[byte]].concat()));
            }
        }
        lines += straight_through(&specification, state, &line);
    }
    let states = specification.distances.len();
    std::println!(
        "{} pairs of states with {states} of the specification, {steps} steps and {lines} lines compared",
        seen.len()
    );
    assert!(states > 100 && seen.len() > states, "the walk has covered too little");
}

/// The other reading of the grammar, which takes complete lines only: it accepts a line that goes on from here to its end
/// by the shortest way, and none that is broken here. Returns how many lines that were.
fn straight_through(specification: &Specification, state: StateID, line: &[u8]) -> u64 {
    let end = specification.shortest_end(state);
    let complete = [line, &end].concat();
    let len = v1::complete_line(&complete).map(|(_, len)| len);
    assert_eq!(len, Some(complete.len()), "{}", complete.escape_ascii());
    let broken = BREAKERS.iter().filter(|byte| specification.step(state, **byte).is_none());
    let broken = broken.map(|byte| [line, &[*byte], &end].concat());
    1 + broken.inspect(|line| assert!(v1::complete_line(line).is_none(), "{}", line.escape_ascii())).count()
        as u64
}
