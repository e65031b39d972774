//! `realpeer decode --jsonl`: JSON lines with bytes in, JSON lines with what they say out.

use std::borrow::Cow;
use std::io::{self, BufRead, Read, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::str::FromStr;

use realpeer::proto::{Address, Addresses, Config, Decoder, Error, Event, Header, MAX_HEADER_LEN, Version};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::report::number;
use crate::text::{hex, json_line};

/// The longest line that is read, in bytes: a header of 65,551 bytes as digits takes an eighth of it.
const MAX_LINE: u64 = 1 << 20;

/// How many bytes are pushed at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Split(NonZeroUsize);

/// A line in. The `id` is kept as it is written: numbers of any size, objects in their order.
#[derive(Deserialize)]
struct Input<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    hex: Option<Cow<'a, str>>,
}

/// A line out.
#[derive(Debug, Default, Serialize)]
struct Output<'a> {
    id: Option<&'a RawValue>,
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

/// Reads lines from `input` until its end.
///
/// # Errors
///
/// Those of `input` and of stdout.
pub(crate) fn run(input: &mut impl BufRead, split: Split) -> anyhow::Result<ExitCode> {
    let mut storage = vec![0; MAX_HEADER_LEN];
    let mut stdout = io::stdout().lock();
    let mut line = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for number in 1u64.. {
        line.clear();
        let complete = read_line(input, &mut line)?;
        if line.is_empty() {
            break;
        }
        if complete && line.trim_ascii().is_empty() {
            continue;
        }
        let read = if complete { read(&line) } else { Err((None, TOO_LONG.into())) };
        let output = match read {
            Ok((id, bytes)) => Output { id: Some(id), ..decode(&bytes, split, &mut storage) },
            Err((id, what)) => {
                code = ExitCode::FAILURE;
                let error = Some(format!("line {number}: {what}"));
                Output { id, status: "invalid", error, ..Output::default() }
            }
        };
        // One write a line: whoever reads it may be waiting for it.
        stdout.write_all((json_line(&output)? + "\n").as_bytes())?;
        stdout.flush()?;
    }
    Ok(code)
}

const TOO_LONG: &str = "longer than 1 MiB, so it is skipped";

/// Reads a line of at most [`MAX_LINE`] bytes; false if it was longer, whose rest is skipped without being kept.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    input.by_ref().take(MAX_LINE).read_until(b'\n', line)?;
    if (line.len() as u64) < MAX_LINE || line.ends_with(b"\n") {
        return Ok(true);
    }
    input.skip_until(b'\n')?;
    Ok(false)
}

/// The id of a line, if it has one, and what is wrong with it.
type Invalid<'a> = (Option<&'a RawValue>, String);

/// The id and the bytes of a line, or the id as far as there is one and what is wrong.
fn read(line: &[u8]) -> Result<(&RawValue, Vec<u8>), Invalid<'_>> {
    // Serde would take an array of two for an `Input`, too.
    if !line.trim_ascii_start().starts_with(b"{") {
        return Err((None, "not a JSON object".into()));
    }
    let input: Input<'_> = serde_json::from_slice(line).map_err(|error| (id_of(line), error.to_string()))?;
    let id = input.id.ok_or((None, "no id".into()))?;
    let hex = input.hex.ok_or((Some(id), "no hex".into()))?;
    unhex(&hex).map(|bytes| (id, bytes)).map_err(|what| (Some(id), what.into()))
}

/// The id of a line whose `hex` isn't text, say.
fn id_of(line: &[u8]) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Id<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    serde_json::from_slice(line).ok().and_then(|Id { id }| id)
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
        _ => Err("hex holds something other than hexadecimal digits"),
    }
}

fn decode(bytes: &[u8], split: Split, storage: &mut [u8]) -> Output<'static> {
    let config = Config::new().with_max_header_len(MAX_HEADER_LEN);
    let mut decoder = Decoder::with_storage(&config, storage);
    for piece in bytes.chunks(split.0.get()) {
        let taken = decoder.push(piece);
        if taken < piece.len() || !matches!(decoder.next_event(), Ok(Event::NeedData { .. })) {
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

impl Output<'_> {
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
