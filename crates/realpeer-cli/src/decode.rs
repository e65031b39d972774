//! `realpeer decode`: headers in, what they say out.

use std::borrow::Cow;
use std::io::{self, BufRead, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::str::FromStr;

use realpeer::proto::{Address, Addresses, Config, Decoder, Error, Event, Header, MAX_HEADER_LEN, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::report::{hex, number};

/// Decode PROXY headers: JSON lines on stdin, one JSON line on stdout for each.
#[derive(Debug, clap::Args)]
#[command(after_long_help = SCHEMA)]
pub(crate) struct Arguments {
    /// Read JSON lines (required: there is no other way yet)
    #[arg(long, required = true)]
    jsonl: bool,

    /// Hand over the bytes of a line at once, one by one, or N at a time
    ///
    /// The answer is the same.
    #[arg(long, value_name = "whole|bytes|N", default_value = "whole")]
    split: Split,
}

const SCHEMA: &str = "\
A line in is a JSON object; blank lines and other keys are ignored:
  id          names the line: any JSON value but null, given back as it is
  hex         the bytes, as hexadecimal digits; what follows a header is payload

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

/// How many bytes are pushed at a time.
#[derive(Clone, Copy, Debug)]
struct Split(NonZeroUsize);

/// A line in.
#[derive(Deserialize)]
struct Input<'a> {
    #[serde(default)]
    id: Value,
    #[serde(borrow)]
    hex: Cow<'a, str>,
}

/// A line out.
#[derive(Debug, Default, Serialize)]
struct Output {
    id: Value,
    status: &'static str,
    version: Option<u8>,
    command: Option<String>,
    family: Option<&'static str>,
    transport: Option<String>,
    src: Option<String>,
    dst: Option<String>,
    header_len: Option<usize>,
    tlvs: Option<Vec<(u8, String)>>,
    error: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut storage = vec![0; MAX_HEADER_LEN];
    let (mut stdin, mut stdout) = (io::stdin().lock(), io::stdout().lock());
    let mut line = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for number in 1u64.. {
        line.clear();
        if stdin.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let output = match read(&line) {
            Ok((id, bytes)) => Output { id, ..decode(&bytes, arguments.split, &mut storage) },
            Err((id, what)) => {
                code = ExitCode::FAILURE;
                let error = Some(format!("line {number}: {what}"));
                Output { id, status: "invalid", error, ..Output::default() }
            }
        };
        // One write a line: whoever reads it may be waiting for it.
        let mut line = serde_json::to_vec(&output)?;
        line.push(b'\n');
        stdout.write_all(&line)?;
        stdout.flush()?;
    }
    Ok(code)
}

/// The id and the bytes of a line, or the id as far as there is one and what is wrong.
fn read(line: &[u8]) -> Result<(Value, Vec<u8>), (Value, String)> {
    let input: Input<'_> = serde_json::from_slice(line).map_err(|error| (id_of(line), error.to_string()))?;
    if input.id.is_null() {
        return Err((Value::Null, "no id".into()));
    }
    match unhex(&input.hex) {
        Ok(bytes) => Ok((input.id, bytes)),
        Err(what) => Err((input.id, what.into())),
    }
}

/// The id of a line that has no `hex`, say.
fn id_of(line: &[u8]) -> Value {
    let value: Option<Value> = serde_json::from_slice(line).ok();
    value.as_ref().and_then(|value| value.get("id")).cloned().unwrap_or_default()
}

fn unhex(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for pair in text.as_bytes().chunks(2) {
        match *pair {
            [high, low] => bytes.push(digit(high)? << 4 | digit(low)?),
            _ => return Err("hex has an odd number of digits"),
        }
    }
    Ok(bytes)
}

fn digit(byte: u8) -> Result<u8, &'static str> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        b'A'..=b'F' => Ok(byte - b'A' + 10),
        _ => Err("hex has something else than hexadecimal digits in it"),
    }
}

fn decode(bytes: &[u8], split: Split, storage: &mut [u8]) -> Output {
    let config = Config::new().with_max_header_len(MAX_HEADER_LEN);
    let mut decoder = Decoder::with_storage(&config, storage);
    for piece in bytes.chunks(split.0.get()) {
        decoder.push(piece);
        if !matches!(decoder.next_event(), Ok(Event::NeedData { .. })) {
            break;
        }
    }
    let outcome = match decoder.next_event() {
        Ok(Event::NeedData { .. }) => Ok(None),
        Ok(Event::Header(header)) => Ok(Some(Output::accept(&header))),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(Some(output)) => Output { header_len: Some(decoder.as_bytes().len()), ..output },
        Ok(None) => Output::incomplete(bytes),
        Err(error) => Output::reject(error),
    }
}

impl Output {
    fn accept(header: &Header<'_>) -> Self {
        let family = match header.addresses() {
            Addresses::Unspec => "unspec",
            Addresses::Inet { .. } => "inet",
            Addresses::Inet6 { .. } => "inet6",
            Addresses::Unix { .. } => "unix",
        };
        Self {
            status: "accept",
            version: Some(number(header.version())),
            command: Some(header.command().to_string().to_lowercase()),
            family: Some(family),
            transport: Some(header.transport().to_string().to_lowercase()),
            src: header.source().map(address),
            dst: header.destination().map(address),
            tlvs: Some(header.tlvs().iter().map(|tlv| (tlv.kind(), hex(tlv.value()))).collect()),
            ..Self::default()
        }
    }

    fn incomplete(bytes: &[u8]) -> Self {
        let version = match bytes {
            [b'P', ..] => Some(Version::V1),
            _ if bytes.len() >= V2_SIGNATURE_LEN => Some(Version::V2),
            _ => None,
        };
        Self { status: "incomplete", version: version.map(number), ..Self::default() }
    }

    fn reject(error: Error) -> Self {
        Self { status: "reject", error: Some(error.to_string()), ..Self::default() }
    }
}

const V2_SIGNATURE_LEN: usize = 12;

fn address(address: Address<'_>) -> String {
    match address {
        Address::Inet(addr) => addr.to_string(),
        Address::Unix(name) => format!("unix:{}", hex(name.as_bytes())),
    }
}

impl FromStr for Split {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "whole" => Ok(Self(NonZeroUsize::MAX)),
            "bytes" => Ok(Self(NonZeroUsize::MIN)),
            _ => {
                text.parse().map(Self).map_err(|_| "neither whole, nor bytes, nor a number of bytes above 0")
            }
        }
    }
}
