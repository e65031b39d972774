//! `realpeer probe`: tells whether a server speaks the protocol.

mod conclusion;
mod judge;
mod payload;
mod talk;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use realpeer::proto::{Addresses, Encoder, MAX_HEADER_LEN, Version};
use serde::Serialize;

use self::conclusion::{Conclusion, conclude};
use self::judge::{Answer, Results, Row, Verdict};
use self::payload::Payload;
use self::talk::Server;
use crate::complain;
use crate::style::{Colours, Style};
use crate::text::{json_line, printable, word, wrap};

/// Tell whether a server speaks the PROXY protocol
///
/// It connects as a balancer would, once for each check: without a header, with one of each version, with LOCAL, in
/// two pieces, with a wrong checksum, with two headers, and with broken ones to compare with. Then it says what the
/// server makes of each, and in one sentence what to change.
///
/// Say what the server expects from its clients, so that its answers can be told apart: --http, --tls and so on. A
/// server that speaks first, as for SMTP, SSH or MySQL, needs nothing.
#[derive(Debug, clap::Args)]
#[expect(clippy::doc_markdown, reason = "clap shows backticks as they are")]
#[command(after_help = HELP, after_long_help = HELP)]
#[command(group = clap::ArgGroup::new("payload").args(["http", "tls", "postgres", "redis", "send"]))]
pub(crate) struct Arguments {
    /// The server: NAME:PORT, IP:PORT or [IPV6]:PORT
    #[arg(value_name = "HOST:PORT")]
    server: String,

    /// Send an HTTP request after the header; PATH is / unless given
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "/")]
    http: Option<String>,

    /// Send a TLS ClientHello after the header
    #[arg(long)]
    tls: bool,

    /// Send what a PostgreSQL client begins with
    #[arg(long)]
    postgres: bool,

    /// Send a PING of redis
    #[arg(long)]
    redis: bool,

    /// Send this text after the header; \r, \n, \0, \\ and \xNN are understood
    #[arg(long, value_name = "TEXT", value_parser = payload::unescape, allow_hyphen_values = true)]
    send: Option<Text>,

    /// The address that the headers claim, IP:PORT: that of a client that does not exist, unless given
    #[arg(long, value_name = "ADDR")]
    src: Option<SocketAddr>,

    /// How many seconds to wait for an answer
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = crate::seconds)]
    timeout: Duration,

    /// Write one line of JSON
    #[arg(long)]
    json: bool,
}

/// The bytes of --send.
type Text = Vec<u8>;

const HELP: &str = "\
Examples:
  realpeer probe 10.0.0.5:80 --http
  realpeer probe www.example.com:443 --tls
  realpeer probe mail.example.com:25
  realpeer probe 127.0.0.1:6379 --send 'PING\\r\\n'

Exit status:
  0  the server reads PROXY headers
  1  it does not
  2  usage: the command line is wrong
  3  it can't be told
  4  can't connect";

const CANNOT_TELL: u8 = 3;
const CANNOT_CONNECT: u8 = 4;

/// What is sent on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    NoHeader,
    V1,
    V2,
    Local,
    Split,
    WrongCrc32c,
    Twice,
    BrokenV1,
    BrokenV2,
}

/// In the order of the table. What the others are compared with comes first.
const CHECKS: [Check; 9] = [
    Check::NoHeader,
    Check::BrokenV1,
    Check::BrokenV2,
    Check::V1,
    Check::V2,
    Check::Local,
    Check::Split,
    Check::WrongCrc32c,
    Check::Twice,
];

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let server = match Server::find(&arguments.server, arguments.timeout) {
        Ok(server) => server,
        Err(error) => {
            complain(format_args!("error: {error:#}"));
            return Ok(ExitCode::from(CANNOT_CONNECT));
        }
    };
    let headers = Headers::new(arguments.src, server.addr())?;
    let payload = payload(arguments);
    let mut answers = Vec::new();
    for check in CHECKS {
        // Which version is sent twice depends on which one is read.
        let version =
            if check == Check::Twice && !reads_v2(&answers, &payload) { Version::V1 } else { Version::V2 };
        let pieces = headers.pieces(check, version, &payload.bytes(server.name()))?;
        match server.talk(&pieces) {
            Ok(answer) => answers.push((check, answer)),
            Err(error) => {
                complain(format_args!("error: {error:#}"));
                return Ok(ExitCode::from(CANNOT_CONNECT));
            }
        }
    }
    let results = Results::new(answers, &payload);
    let conclusion = conclude(&results, &payload, headers.source, &arguments.server);
    print(arguments, &results, &conclusion)?;
    Ok(match conclusion.speaks {
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::FAILURE,
        None => ExitCode::from(CANNOT_TELL),
    })
}

fn payload(arguments: &Arguments) -> Payload {
    match arguments {
        Arguments { http: Some(path), .. } => Payload::Http { path: path.clone() },
        Arguments { tls: true, .. } => Payload::Tls,
        Arguments { postgres: true, .. } => Payload::Postgres,
        Arguments { redis: true, .. } => Payload::Redis,
        Arguments { send: Some(bytes), .. } => Payload::Bytes(bytes.clone()),
        _ => Payload::None,
    }
}

fn reads_v2(answers: &[(Check, Answer)], payload: &Payload) -> bool {
    Results::new(answers.to_vec(), payload).verdict(Check::V2) == Some(Verdict::Reads)
}

/// The headers that are sent.
struct Headers {
    addresses: Addresses<'static>,
    source: SocketAddr,
}

impl Headers {
    fn new(source: Option<SocketAddr>, destination: SocketAddr) -> anyhow::Result<Self> {
        // Addresses for documentation, which nobody has (RFC 5737, RFC 3849).
        let nobody = match destination {
            SocketAddr::V4(_) => SocketAddr::from(([192, 0, 2, 77], 47_077)),
            SocketAddr::V6(_) => SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x77], 47_077)),
        };
        let source = source.unwrap_or(nobody);
        match (source, destination) {
            (SocketAddr::V4(from), SocketAddr::V4(destination)) => {
                Ok(Self { addresses: Addresses::Inet { source: from, destination }, source })
            }
            (SocketAddr::V6(from), SocketAddr::V6(destination)) => {
                Ok(Self { addresses: Addresses::Inet6 { source: from, destination }, source })
            }
            _ => bail!("--src must be of the same family as the server's address, {destination}"),
        }
    }

    /// What is sent, in pieces with a pause between them.
    fn pieces(&self, check: Check, version: Version, payload: &[u8]) -> anyhow::Result<Vec<Vec<u8>>> {
        let v1 = || encode(&Encoder::new(Version::V1, self.addresses));
        let v2 = || encode(&Encoder::new(Version::V2, self.addresses));
        let header = match check {
            Check::NoHeader => Vec::new(),
            Check::V1 => v1()?,
            Check::V2 | Check::Split => v2()?,
            Check::Local => encode(&Encoder::local())?,
            Check::WrongCrc32c => {
                let mut header = encode(&Encoder::new(Version::V2, self.addresses).with_crc32c())?;
                // The last byte is one of the checksum's.
                header.iter_mut().next_back().into_iter().for_each(|byte| *byte ^= 0x55);
                header
            }
            Check::Twice if version == Version::V1 => v1()?.repeat(2),
            Check::Twice => v2()?.repeat(2),
            Check::BrokenV1 => b"PROXY TCP9 nobody nowhere 0 0\r\n".to_vec(),
            // Version 3, and a family that there is not.
            Check::BrokenV2 => {
                let mut header = v2()?;
                header.iter_mut().skip(12).take(2).for_each(|byte| *byte ^= 0xe0);
                header
            }
        };
        let mut pieces = vec![[&header[..], payload].concat()];
        if check == Check::Split {
            let rest = pieces.first_mut().map(|piece| piece.split_off(10)).unwrap_or_default();
            pieces.push(rest);
        }
        pieces.retain(|piece| !piece.is_empty());
        Ok(pieces)
    }
}

fn encode(encoder: &Encoder<'_>) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![0; MAX_HEADER_LEN];
    let len = encoder.encode(&mut bytes)?;
    bytes.truncate(len);
    Ok(bytes)
}

#[derive(Serialize)]
struct Line<'a> {
    server: &'a str,
    speaks: Option<bool>,
    checks: Vec<Row>,
    conclusion: &'a str,
}

const CHECK: usize = 32;
const VERDICT: usize = 25;
const WIDTH: usize = 80;

fn print(arguments: &Arguments, results: &Results, conclusion: &Conclusion) -> anyhow::Result<()> {
    let rows = results.rows();
    let mut out = io::stdout().lock();
    if arguments.json {
        let Conclusion { speaks, text, .. } = conclusion;
        let line = Line { server: &arguments.server, speaks: *speaks, checks: rows, conclusion: text };
        writeln!(out, "{}", json_line(&line)?)?;
        return Ok(out.flush()?);
    }
    let colours = Colours::for_stdout();
    let heading = format!("{:CHECK$}{:VERDICT$}answer", "sent", "the server");
    writeln!(out, "{}", colours.paint(Style::Heading, &heading))?;
    for row in rows {
        let answer = wrap(&printable(&row.answer), WIDTH - CHECK - VERDICT);
        for (index, answer) in answer.iter().enumerate() {
            let (check, verdict) = if index == 0 { (row.check, row.verdict) } else { ("", "") };
            let verdict = colours.paint(row.style, &format!("{verdict:VERDICT$}"));
            writeln!(out, "{}", format!("{check:CHECK$}{verdict}{answer}").trim_end())?;
        }
    }
    writeln!(out)?;
    let style = if conclusion.speaks == Some(true) { Style::Good } else { Style::Bad };
    let text = format!("{} {}", word(&arguments.server), conclusion.text);
    for line in wrap(&printable(&text), WIDTH) {
        writeln!(out, "{}", colours.paint(style, &line))?;
    }
    for advice in &conclusion.advice {
        for line in wrap(&printable(advice), WIDTH) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(out.flush()?)
}
