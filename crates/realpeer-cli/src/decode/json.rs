//! A header as one line of JSON.

use serde::Serialize;

use super::payload::guess;
use super::source::Found;
use super::verdict::{Verdict, broken_at, cause};
use crate::report::tlv::TlvReport;
use crate::report::{number, protocol};

#[derive(Debug, Default, Serialize)]
pub(super) struct Line {
    connection: Option<Connection>,
    status: &'static str,
    version: Option<u8>,
    command: Option<String>,
    protocol: Option<&'static str>,
    source: Option<String>,
    destination: Option<String>,
    header_len: Option<usize>,
    payload_len: Option<u64>,
    payload: Option<&'static str>,
    tlvs: Option<Vec<TlvReport>>,
    needed: Option<usize>,
    error: Option<String>,
    offset: Option<usize>,
    cause: Option<String>,
}

#[derive(Debug, Serialize)]
struct Connection {
    transport: &'static str,
    from: String,
    to: String,
}

impl Line {
    pub(super) fn new(found: &Found, verdict: &Verdict<'_>) -> Self {
        let connection = found.connection.as_ref().map(|connection| Connection {
            transport: connection.transport,
            from: connection.from.clone(),
            to: connection.to.clone(),
        });
        let line = Self { connection, ..Self::default() };
        match verdict {
            Verdict::Accepted(header, len) => Self {
                status: "accept",
                version: Some(number(header.version())),
                command: Some(header.command().to_string()),
                protocol: Some(protocol(header)),
                source: header.source().map(|address| address.to_string()),
                destination: header.destination().map(|address| address.to_string()),
                header_len: Some(*len),
                payload_len: Some(found.seen.saturating_sub(*len as u64)),
                payload: guess(found.bytes.get(*len..).unwrap_or_default()),
                tlvs: Some(header.tlvs().iter().map(TlvReport::of).collect()),
                ..line
            },
            Verdict::Rejected(error) => Self {
                status: "reject",
                error: Some(error.to_string()),
                offset: Some(broken_at(error, &found.bytes).start),
                cause: cause(error, &found.bytes),
                ..line
            },
            Verdict::Incomplete(needed) => Self { status: "incomplete", needed: Some(*needed), ..line },
        }
    }
}
