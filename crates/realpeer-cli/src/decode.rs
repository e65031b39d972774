//! `realpeer decode`: shows what is in a header.

mod certificate;
mod dump;
mod fields;
mod json;
mod jsonl;
mod listen;
pub(crate) mod payload;
pub(crate) mod source;
pub(crate) mod verdict;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;
use realpeer_cli::forms::{self, Form};

use self::dump::{Detail, dump};
use self::jsonl::Split;
use self::source::Found;
use self::verdict::{Verdict, judge};
use crate::complain;
use crate::listen::Listen;
use crate::style::{Colours, Style};
use crate::text::{json_line, plural, word, wrap};

/// Show what is in a header: raw, hexadecimal, base64, or in a capture of tcpdump
///
/// It prints each field with its offset, its bytes and its meaning, then how many bytes are header and how many are
/// payload, and what that looks like. Of a broken header it shows all up to the broken byte, with a mark under it,
/// what is wrong and the likely cause.
///
/// The form of the input is recognized by itself: bytes; hexadecimal digits with or without spaces, offsets, 0x, as
/// printed by xxd, hexdump -C, od -tx1, Wireshark or tcpdump -x; base64; pcap and pcapng files.
#[derive(Debug, clap::Args)]
#[command(after_long_help = SCHEMA)]
pub(crate) struct Arguments {
    /// The file to read; - or nothing is stdin
    #[arg(default_value = "-", hide_default_value = true)]
    file: PathBuf,

    /// Take the input for this form instead of guessing
    #[arg(long = "as", value_enum, value_name = "FORM")]
    form: Option<FormArgument>,

    /// Listen there, show what comes and answer nothing: IP:PORT, udp:IP:PORT, unix:PATH or unix:@NAME
    #[arg(long, value_name = "ADDR", conflicts_with_all = ["file", "form", "all", "jsonl"])]
    listen: Option<Listen>,

    /// With --listen: end after this many connections or datagrams
    #[arg(long, value_name = "COUNT", requires = "listen")]
    count: Option<usize>,

    /// With --listen: how many seconds to wait for the rest of a header
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = crate::seconds)]
    timeout: Duration,

    /// Of a capture, show streams and datagrams without a header, too
    #[arg(long)]
    all: bool,

    /// Name the section of the specification for each field
    #[arg(long)]
    sections: bool,

    /// Show all bytes of long values
    #[arg(long)]
    full: bool,

    /// Write a line of JSON for each header; `--help` tells what is in it
    #[arg(long)]
    json: bool,

    /// Read JSON lines and write one for each; `--help` tells what is in them
    #[arg(long, conflicts_with_all = ["json", "all", "sections", "full", "form"])]
    jsonl: bool,

    /// With --jsonl: hand over the bytes of a line at once, one by one, or N at a time
    #[arg(long, value_name = "whole|bytes|N", default_value = "whole", requires = "jsonl", hide = true)]
    split: Split,
}

const SCHEMA: &str = "\
Examples:
  realpeer decode header.bin
  realpeer decode capture.pcap               every stream that begins with one
  tcpdump -i any -w - port 8080 | realpeer decode
  xxd header.bin | realpeer decode --sections
  realpeer decode --listen 0.0.0.0:8080      let the proxy connect to this

Exit status:
  0  accepted: every header that was found is good
  1  rejected: at least one is broken, or there is none
  2  usage: the command line is wrong
  3  incomplete: bytes are missing at the end of one
  4  the input can't be read

With --json each line is an object with these keys, null where there is nothing
to say:
  connection   {\"transport\": \"tcp\", \"from\": ..., \"to\": ...} if known
  status       accept, reject or incomplete
  version, command, protocol, source, destination, tlvs
               as in `realpeer echo --json`; no source if the header has none
  header_len, payload_len, payload
               lengths in bytes, and what the payload looks like
  needed       how many bytes are missing at least
  error, offset, cause
               what is wrong, at which byte, and why that may be

With --jsonl a line in is a JSON object; blank lines and other keys are ignored:
  id          names the line: any JSON value but null, returned as it is written
  hex         the bytes, as hexadecimal digits; what follows a header is payload
A line may have 1 MiB.

A line out is a JSON object with all these keys, null where there is no answer:
  id          that of the line in
  status      accept: the bytes begin with a header
              incomplete: they are the beginning of one, more are needed
              reject: no header begins with them; error says why
              invalid: the line in is not as above; error says why, and the exit
              status will be 1
  version     1 or 2; of an incomplete header where it can be told: from a `P`,
              or from the whole signature of version 2
  command     local or proxy
  family      inet, inet6, unix or unspec (LOCAL, UNKNOWN, UNSPEC)
  transport   stream, dgram or unspec
  src, dst    \"192.0.2.1:56324\", \"[2001:db8::1]:443\", or \"unix:\" and the hex of
              the name without trailing NULs (an abstract one begins with 00);
              null if the header has no addresses
  header_len  length of the header in bytes: what follows is payload
  tlvs        [[type, \"hex of value\"], ...], all of them, in order
  error       why the bytes are rejected, or the line is invalid";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormArgument {
    /// The bytes themselves
    Raw,
    /// Hexadecimal digits
    Hex,
    /// Base64
    Base64,
    /// A pcap or pcapng file
    Pcap,
}

const REJECTED: u8 = 1;
const INCOMPLETE: u8 = 3;
const UNREADABLE: u8 = 4;

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.jsonl {
        return jsonl::run(&mut io::stdin().lock(), arguments.split);
    }
    let mut printing = Printing::new(arguments);
    if let Some(addr) = &arguments.listen {
        listen::listen(addr, arguments.timeout, arguments.count, |found| printing.show(&found))?;
        return Ok(printing.code());
    }
    let form = arguments.form.map(|form| match form {
        FormArgument::Raw => Form::Raw,
        FormArgument::Hex => Form::Hex,
        FormArgument::Base64 => Form::Base64,
        FormArgument::Pcap => Form::Capture,
    });
    let mut failed = None;
    let read = source::read(&arguments.file, form, |found| {
        let is_wanted =
            found.connection.is_none() || arguments.all || forms::begins_like_a_header(&found.bytes);
        if failed.is_some() {
        } else if is_wanted {
            failed = printing.show(&found).err();
        } else {
            printing.left_out += 1;
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let read = match read {
        Ok(read) => read,
        Err(error) => {
            complain(format_args!("error: {error:#}"));
            return Ok(ExitCode::from(UNREADABLE));
        }
    };
    if read.captured {
        printing.sum_up();
    }
    for note in &read.notes {
        complain(format_args!("note: {note}"));
    }
    Ok(printing.code())
}

/// Prints what is found, and keeps count.
struct Printing {
    json: bool,
    detail: Detail,
    accepted: usize,
    rejected: usize,
    incomplete: usize,
    /// Streams and datagrams without a header.
    left_out: usize,
}

impl Printing {
    fn new(arguments: &Arguments) -> Self {
        let Arguments { json, sections, full, .. } = *arguments;
        let detail = Detail { sections, full, colours: Colours::for_stdout() };
        Self { json, detail, accepted: 0, rejected: 0, incomplete: 0, left_out: 0 }
    }

    fn show(&mut self, found: &Found) -> anyhow::Result<()> {
        let verdict = judge(&found.bytes, found.is_datagram);
        let is_first = self.accepted + self.rejected + self.incomplete == 0;
        match verdict {
            Verdict::Accepted(..) => self.accepted += 1,
            Verdict::Rejected(_) => self.rejected += 1,
            Verdict::Incomplete(_) => self.incomplete += 1,
        }
        let mut text = String::new();
        if self.json {
            text = json_line(&json::Line::new(found, &verdict))? + "\n";
        } else {
            if !is_first {
                text.push('\n');
            }
            if let Some(connection) = &found.connection {
                let from =
                    if connection.from == "unix:" { "a UNIX socket".into() } else { word(&connection.from) };
                let line = format!("{} {from} -> {}", connection.transport, word(&connection.to));
                text += &(self.detail.colours.paint(Style::Heading, &line) + "\n");
            }
            text += &dump(&found.bytes, found.seen, &verdict, self.detail);
            for line in found.note.iter().flat_map(|note| wrap(note, 80)) {
                text += &(line + "\n");
            }
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
        Ok(())
    }

    /// Of a capture: how much was in it.
    fn sum_up(&self) {
        let shown = self.accepted + self.rejected + self.incomplete;
        let all = plural(shown + self.left_out, "stream or datagram", "streams and datagrams");
        complain(match (shown, self.left_out) {
            (0, 0) => "no TCP stream with a byte in it, and no datagram".into(),
            (0, _) => format!("{all}, none begins with a header; --all shows how they begin"),
            (_, 0) => all,
            _ => format!("{all}, {shown} with a header; --all shows the others"),
        });
    }

    fn code(&self) -> ExitCode {
        match self {
            Self { rejected: 1.., .. } => ExitCode::from(REJECTED),
            Self { incomplete: 1.., .. } => ExitCode::from(INCOMPLETE),
            Self { accepted: 0, .. } => ExitCode::from(REJECTED),
            _ => ExitCode::SUCCESS,
        }
    }
}
