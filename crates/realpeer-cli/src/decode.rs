//! `realpeer decode`: shows what is in a header.

mod jsonl;

use std::io;
use std::process::ExitCode;

use self::jsonl::Split;

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

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    jsonl::run(&mut io::stdin().lock(), arguments.split)
}
