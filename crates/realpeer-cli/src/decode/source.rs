//! Where the bytes come from, and in which form.

use std::fs::File;
use std::io::{self, Cursor, IsTerminal, Read};
use std::path::Path;

use anyhow::{Context, bail};
use realpeer_cli::capture::{self, Flow, Transport};
use realpeer_cli::forms::{self, Form, base64, hex};

use crate::text::{plural, printable};

/// The first bytes that one end sent to another.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) connection: Option<Connection>,
    pub(crate) bytes: Vec<u8>,
    /// How many bytes came in all.
    pub(crate) seen: u64,
    pub(crate) is_datagram: bool,
    /// What else is to be said of it.
    pub(crate) note: Option<&'static str>,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) transport: &'static str,
    pub(crate) from: String,
    pub(crate) to: String,
}

/// What was read, besides what was found.
#[derive(Debug, Default)]
pub(super) struct Input {
    /// Streams and datagrams, if it was a capture.
    pub(super) captured: bool,
    /// To be said at the end.
    pub(super) notes: Vec<String>,
}

/// How much of anything but a capture is read.
const MAX_INPUT: usize = 16 << 20;

/// Reads `file`, or stdin if it is `-`, and calls `found` for all that it has.
///
/// # Errors
///
/// What is wrong with the file, for a person.
pub(super) fn read(file: &Path, form: Option<Form>, mut found: impl FnMut(Found)) -> anyhow::Result<Input> {
    let is_stdin = file == Path::new("-");
    let name = printable(&file.to_string_lossy()).into_owned();
    let name = if is_stdin { "stdin" } else { &name };
    if is_stdin && io::stdin().is_terminal() {
        bail!("nothing to read: name a FILE, or pipe bytes in; `realpeer decode --help` has examples");
    }
    let mut input: Box<dyn Read + Send> = if is_stdin {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).with_context(|| format!("can't open {name}"))?)
    };
    let context = || format!("can't read {name}");
    let mut bytes = Vec::new();
    (&mut input).take(64).read_to_end(&mut bytes).with_context(context)?;
    if form == Some(Form::Capture) || form.is_none() && forms::is_capture(&bytes) {
        let flow = |flow| found(Found::from(flow));
        let summary = capture::read(Cursor::new(bytes).chain(input), flow).with_context(context)?;
        let mut notes = Vec::new();
        if summary.is_cut_off {
            notes.push("the capture ends within a packet: its end is missing".into());
        }
        if summary.fragments > 0 {
            let fragments = plural(summary.fragments as usize, "fragment", "fragments");
            notes.push(format!("{fragments} of IP packets left out"));
        }
        return Ok(Input { captured: true, notes });
    }
    (&mut input).take(MAX_INPUT as u64 + 1 - 64).read_to_end(&mut bytes).with_context(context)?;
    let mut notes = Vec::new();
    if bytes.len() > MAX_INPUT {
        bytes.truncate(MAX_INPUT);
        notes.push(format!("only the first {} MiB were read", MAX_INPUT >> 20));
    }
    let runs = match form.unwrap_or_else(|| forms::detect(&bytes)) {
        Form::Hex => hex::parse(&String::from_utf8_lossy(&bytes)).with_context(context)?.runs,
        Form::Base64 => vec![base64::decode(&String::from_utf8_lossy(&bytes)).with_context(context)?],
        Form::Raw | Form::Capture => vec![bytes],
    };
    let first = runs.first().map_or(&[][..], Vec::as_slice);
    if form != Some(Form::Raw) && !forms::begins_like_a_header(first) && capture::is_packet(first) {
        let packets = runs.iter().map(Vec::as_slice);
        capture::read_packets(packets, |flow| found(Found::from(flow)));
        return Ok(Input { captured: true, notes });
    }
    let bytes = runs.concat();
    found(Found { seen: bytes.len() as u64, bytes, ..Found::default() });
    Ok(Input { captured: false, notes })
}

impl From<Flow> for Found {
    fn from(flow: Flow) -> Self {
        let is_datagram = flow.transport == Transport::Udp;
        let transport = if is_datagram { "udp" } else { "tcp" };
        let note = match (flow.has_gap, flow.from_the_start) {
            (true, _) => Some("bytes after these are missing in the capture"),
            (_, false) => Some("the connection began before the capture"),
            _ => None,
        };
        Self {
            connection: Some(Connection {
                transport,
                from: flow.source.to_string(),
                to: flow.destination.to_string(),
            }),
            seen: flow.seen,
            bytes: flow.bytes,
            is_datagram,
            note: note.filter(|_| !is_datagram || flow.has_gap),
        }
    }
}
