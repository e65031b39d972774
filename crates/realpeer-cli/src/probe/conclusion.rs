//! The conclusion from the table, in one sentence, and what to change.

use std::net::SocketAddr;

use super::Check;
use super::judge::{Results, Verdict};
use super::payload::Payload;

/// The last lines.
#[derive(Debug)]
pub(super) struct Conclusion {
    /// Whether the server reads headers, if that can be told.
    pub(super) speaks: Option<bool>,
    /// Follows the server's name.
    pub(super) text: String,
    pub(super) advice: Vec<String>,
}

/// Concludes from all checks. `source` is the address that the headers claimed.
pub(super) fn conclude(results: &Results, payload: &Payload, source: SocketAddr, server: &str) -> Conclusion {
    let verdict = |check| results.verdict(check);
    let reads = [Check::V1, Check::V2].map(|check| verdict(check) == Some(Verdict::Reads));
    let mut advice = Vec::new();
    let (speaks, text) = match reads {
        [false, false] => without(results, payload, server),
        [v1, v2] => {
            let versions = match (v1, v2) {
                (true, true) => "v1 and v2 headers",
                (true, false) => "v1 headers only: set the proxy to send version 1 (HAProxy: send-proxy)",
                _ => "v2 headers only: set the proxy to send version 2 (HAProxy: send-proxy-v2)",
            };
            if verdict(Check::NoHeader) == Some(Verdict::Serves) {
                let text = format!(
                    "reads {versions}. It serves without a header, too: whoever reaches it directly is served, and \
                     may claim any address; let only the proxy reach it, or make it require a header"
                );
                (Some(true), text)
            } else {
                (Some(true), format!("wants a PROXY header, and reads {versions}"))
            }
        }
    };
    if speaks == Some(true) {
        advice.extend(belief(results, source));
        if verdict(Check::Twice) == Some(Verdict::ReadsBoth) {
            advice.push(
                "It reads a second header: a client behind the proxy can claim any address with one of its own."
                    .into(),
            );
        }
        if matches!(verdict(Check::Local), Some(Verdict::Refuses)) && reads[1] {
            advice.push(
                "It refuses LOCAL, which health checks of proxies send: they will take it for dead.".into(),
            );
        }
        if matches!(verdict(Check::Split), Some(Verdict::Refuses | Verdict::Waits)) && reads[1] {
            advice.push("It refuses a header that comes in two pieces, which is rare and may happen.".into());
        }
    }
    Conclusion { speaks, text, advice }
}

/// For a server that reads neither version.
fn without(results: &Results, payload: &Payload, server: &str) -> (Option<bool>, String) {
    let verdict = |check| results.verdict(check);
    let plain = verdict(Check::NoHeader);
    let all = [Check::V1, Check::V2, Check::BrokenV1, Check::BrokenV2].map(verdict);
    let is = |wanted| all.iter().all(|verdict| *verdict == Some(wanted));
    if is(Verdict::Waits) && plain == Some(Verdict::Waits) {
        let text = match payload {
            Payload::None => format!(
                "says nothing, whatever it gets: say what its clients begin with, as in `realpeer probe {server} \
                 --http`"
            ),
            _ => "says nothing, whatever it gets: is this payload what its clients begin with?".into(),
        };
        return (None, text);
    }
    if is(Verdict::Ignores) {
        return (
            None,
            "gives the same answer whatever is sent first: its handling of a header can't be observed".into(),
        );
    }
    if !matches!(plain, Some(Verdict::Serves | Verdict::Waits)) {
        let text = "refuses headers and connections without one: perhaps it reads headers from others only (add this \
                    machine's address to the proxies it trusts), or the payload is not what it expects";
        return (None, text.into());
    }
    let what = if all.contains(&Some(Verdict::TakesForPayload)) {
        "takes the header for what its client says"
    } else {
        "refuses the header as it does any other bytes"
    };
    let text = format!(
        "does not read PROXY headers: it {what}. Switch it on at the server (nginx: `listen ... proxy_protocol`; \
         HAProxy: `bind ... accept-proxy`) or off at the proxy"
    );
    (Some(false), text)
}

/// Whether the address that was claimed is found in an answer, or our own.
fn belief(results: &Results, source: SocketAddr) -> Option<String> {
    let answers = [Check::V1, Check::V2].map(|check| results.answer(check));
    for answer in answers.into_iter().flatten() {
        let text = String::from_utf8_lossy(&answer.bytes);
        let has = |ip: String| {
            text.split(|char: char| !(char.is_ascii_hexdigit() || char == '.' || char == ':')).any(|word| {
                word.trim_matches(['.', ':']) == ip
                    || word.rsplit_once(':').is_some_and(|(word, _)| word == ip)
            })
        };
        if has(source.ip().to_string()) {
            return Some(format!(
                "It believes them: the address they claim, {}, is in its answer.",
                source.ip()
            ));
        }
        if answer.local.is_some_and(|local| has(local.ip().to_string())) {
            return Some(
                "It does not believe them: this machine's own address is in its answer. Add it to the proxies that \
                 the server trusts (nginx: set_real_ip_from)."
                    .into(),
            );
        }
    }
    None
}
