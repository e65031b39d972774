//! What should be said of a connection, compared with what is.

use std::{io, iter};

use realpeer::Endpoint;

use super::client::PAYLOAD;
use super::table::Row;
use crate::report::tlv::TlvReport;
use crate::report::{Failure, Report};
use crate::text::{printable, word};

/// What should come of a connection.
pub(super) enum Expected<'a> {
    /// It is served, and the payload comes back.
    Served {
        /// Who it really is.
        source: &'a str,
        /// Where it really went.
        destination: &'a str,
        /// The version of the header and its command.
        header: (u8, &'a str),
        /// How the TLVs begin as text, one by one.
        tlvs: &'a [&'a str],
    },
    /// It is not served, for a failure of this kind, and nothing comes back.
    Failed(&'a str),
}

/// The outcome.
pub(super) struct Seen {
    /// What the server says.
    pub(super) report: Option<Report>,
    /// What the client read until the server closed.
    pub(super) echoed: io::Result<Vec<u8>>,
}

impl Seen {
    /// The line for it. `socket` is the peer that the server's socket must name, if that can be known.
    pub(super) fn judge(self, what: &str, socket: Option<&Endpoint>, expected: &Expected<'_>) -> Row {
        let Self { report, echoed } = self;
        let Some(report) = report else {
            let problems = vec!["the server says nothing of it".into()];
            return Row { what: what.into(), socket: None, served: false, truth: String::new(), problems };
        };
        let mut problems = Problems::default();
        if let Some(socket) = socket {
            problems.compare("the socket's peer", &report.proxy, &socket.to_string());
        }
        match expected {
            Expected::Served { source, destination, header: (version, command), tlvs } => {
                problems.compare("source", show(report.source.as_ref()), source);
                problems.compare("destination", show(report.destination.as_ref()), destination);
                problems.compare("version", &number(report.version), &number(Some(*version)));
                problems.compare("command", show(report.command.as_ref()), command);
                problems.compare_tlvs(report.tlvs.as_deref().unwrap_or_default(), tlvs);
                problems.check_echo(&echoed, PAYLOAD);
            }
            Expected::Failed(kind) => {
                problems.compare("error", report.error.as_ref().map_or("none", |error| error.kind), kind);
                problems.compare("source", show(report.source.as_ref()), "none");
                problems.check_echo(&echoed, b"");
            }
        }
        let (served, truth) = (report.error.is_none(), truth(&report));
        Row { what: what.into(), socket: Some(report.proxy), served, truth, problems: problems.0 }
    }
}

#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn compare(&mut self, what: &str, found: &str, expected: &str) {
        if found != expected {
            self.0.push(format!("{what}: {found} instead of {expected}"));
        }
    }

    fn compare_tlvs(&mut self, found: &[TlvReport], expected: &[&str]) {
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        let same = found.iter().zip(expected).all(|(found, expected)| found.starts_with(expected));
        if found.len() != expected.len() || !same {
            self.0.push(format!("TLVs: {found:?} instead of {expected:?}"));
        }
    }

    fn check_echo(&mut self, echoed: &io::Result<Vec<u8>>, expected: &[u8]) {
        match echoed {
            Ok(echoed) if echoed == expected => {}
            Ok(echoed) => self.compare(
                "echoed",
                &format!("\"{}\"", echoed.escape_ascii()),
                &format!("\"{}\"", expected.escape_ascii()),
            ),
            // Closed with bytes unread, as is right where nothing is to come back.
            Err(error) if expected.is_empty() && is_closed(error) => {}
            Err(error) => self.0.push(format!("nothing echoed: {error}")),
        }
    }
}

fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected)
}

fn truth(report: &Report) -> String {
    if let Some(Failure { message, .. }) = &report.error {
        return printable(message).into_owned();
    }
    let source = word(show(report.source.as_ref())).into_owned();
    let ends = match &report.destination {
        _ if report.command.as_deref() == Some("LOCAL") => format!("{source}, the proxy itself (LOCAL)"),
        Some(destination) => format!("{source} -> {}", word(destination)),
        None => source,
    };
    let tlvs = report.tlvs.iter().flatten().map(ToString::to_string);
    iter::once(ends).chain(tlvs).collect::<Vec<_>>().join(", ")
}

fn show(text: Option<&String>) -> &str {
    text.map_or("none", String::as_str)
}

fn number(version: Option<u8>) -> String {
    version.map_or_else(|| "none".into(), |version| version.to_string())
}

#[cfg(test)]
mod tests {
    use std::task::Poll;
    use std::time::Instant;

    use realpeer::{Acceptor, Trust};

    use super::*;

    const SERVED: Expected<'_> = Expected::Served {
        source: "192.0.2.1:56324",
        destination: "198.51.100.2:443",
        header: (1, "PROXY"),
        tlvs: &[],
    };

    fn peer() -> Endpoint {
        Endpoint::Inet("127.0.0.1:4711".parse().unwrap())
    }

    /// What is seen if a trusted peer sends `header` and gets `echoed`.
    fn seen(mut header: &[u8], echoed: &[u8]) -> Seen {
        let mut receiving = Acceptor::new(Trust::anyone()).begin(peer(), Instant::now());
        let Poll::Ready(outcome) = receiving.poll_with(|slot| Poll::Ready(io::Read::read(&mut header, slot)))
        else {
            panic!("not ready")
        };
        Seen { report: Some(Report::new(&peer(), &outcome)), echoed: Ok(echoed.into()) }
    }

    fn problems(seen: Seen, expected: &Expected<'_>) -> Vec<String> {
        seen.judge("", Some(&peer()), expected).problems
    }

    const HEADER: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";

    #[test]
    fn nothing_wrong() {
        assert_eq!(problems(seen(HEADER, PAYLOAD), &SERVED), [""; 0]);
        assert_eq!(problems(seen(b"GET / HTTP/1.0", b""), &Expected::Failed("protocol")), [""; 0]);
    }

    #[test]
    fn each_difference_is_a_problem() {
        let other = b"PROXY TCP4 192.0.2.9 198.51.100.9 56324 443\r\n";
        let found = problems(seen(other, &PAYLOAD[1..]), &SERVED);
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found[0], "source: 192.0.2.9:56324 instead of 192.0.2.1:56324");

        let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x03\x04\x00\x00";
        let found = problems(seen(local, PAYLOAD), &SERVED);
        assert_eq!(found.len(), 5, "{found:?}");

        let failed = Expected::Failed("refused");
        assert_eq!(problems(seen(HEADER, PAYLOAD), &failed).len(), 3);
        assert_eq!(problems(seen(b"", b""), &failed), ["error: closed instead of refused"]);
        assert_eq!(problems(Seen { report: None, echoed: Ok(Vec::new()) }, &failed).len(), 1);
        let someone = Endpoint::Inet("127.0.0.1:1".parse().unwrap());
        assert_eq!(seen(HEADER, PAYLOAD).judge("", Some(&someone), &SERVED).problems.len(), 1);
    }
}
