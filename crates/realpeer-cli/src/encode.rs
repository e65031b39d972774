//! `realpeer encode`: makes a header.

mod address;
mod tlv;

use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::ValueEnum;
use realpeer::proto::{Addresses, Encoder, Tlv, Version};

use self::address::{AddressArgument, pair};
use self::tlv::TlvArgument;
use crate::text::hex;

/// Make a header, and write it to stdout
///
/// `realpeer decode` shows it back. What a receiver would refuse is not written.
#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Arguments {
    /// Where the connection came from: IP:PORT, unix:PATH, unix:@NAME or unix:
    #[arg(long, value_name = "ADDR", requires = "dst")]
    src: Option<AddressArgument>,

    /// Where it was going, of the same kind
    #[arg(long, value_name = "ADDR", requires = "src")]
    dst: Option<AddressArgument>,

    /// Say that the connection is the proxy's own, as for a health check: v2 only, without addresses
    #[arg(long, conflicts_with_all = ["src", "unknown"])]
    local: bool,

    /// Say that the client is unknown: UNKNOWN in v1, UNSPEC in v2
    #[arg(long, conflicts_with = "src")]
    unknown: bool,

    /// The version of the header
    #[arg(long, value_name = "1|2", value_enum, default_value = "2")]
    version: VersionArgument,

    /// Say that the connection is of datagrams, such as UDP
    #[arg(long)]
    datagram: bool,

    /// Add a TLV; may be given several times. `--help` lists the names
    #[arg(long, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    tlv: Vec<TlvArgument>,

    /// Add a CRC32C before the other TLVs
    #[arg(long)]
    crc32c: bool,

    /// Fill the header up to this many bytes in all, with a NOOP TLV
    #[arg(long, value_name = "BYTES")]
    pad: Option<usize>,

    /// Write the bytes of this file after the header; - is stdin
    #[arg(long, value_name = "FILE")]
    payload: Option<PathBuf>,

    /// Write hexadecimal digits instead of bytes
    #[arg(long)]
    hex: bool,

    /// Write bytes even to a terminal
    #[arg(long)]
    force: bool,
}

const HELP: &str = "\
TLVs are given by name or number:
  alpn=h2  authority=example.com  unique-id=TEXT  netns=NAME  noop=BYTES
  aws=vpce-...  azure=NUMBER  gcp=NUMBER  crc32c= (to have it in this place)
  ssl.client=tls,cert,session-cert  ssl.verify=NUMBER  ssl.version=TLSv1.3
  ssl.cn=alice  ssl.cipher=...  ssl.sig-alg=...  ssl.key-alg=...  ssl.group=...
  ssl.sig-scheme=...  ssl.cert=@client.der  ssl.0x99=HEX
  0xE1=HEX or 225=HEX: a type by number, its value in hexadecimal digits
All that begin with ssl. become one SSL TLV, in the place of the first. Its
client flags are `tls` unless they are given. A value @FILE is read from there.

Examples:
  realpeer encode --src 192.0.2.1:56324 --dst 198.51.100.2:443 | nc server 8080
  realpeer encode --version 1 --src 192.0.2.1:56324 --dst 198.51.100.2:443
  realpeer encode --local --hex
  realpeer encode --src [2001:db8::1]:1 --dst [2001:db8::2]:2 --tlv alpn=h2 \\
      --tlv ssl.version=TLSv1.3 --crc32c | realpeer decode";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum VersionArgument {
    /// A line of text
    #[value(name = "1", alias = "v1")]
    V1,
    /// Binary
    #[value(name = "2", alias = "v2")]
    V2,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if io::stdout().is_terminal() && !arguments.hex && !arguments.force {
        bail!("the header is bytes, and stdout is a terminal: use --hex, pipe it somewhere, or --force it");
    }
    let mut bytes = header(arguments)?;
    if let Some(path) = &arguments.payload {
        bytes.extend(payload(path)?);
    }
    let mut stdout = io::stdout().lock();
    if arguments.hex {
        writeln!(stdout, "{}", hex(&bytes))?;
    } else {
        stdout.write_all(&bytes)?;
    }
    stdout.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn header(arguments: &Arguments) -> anyhow::Result<Vec<u8>> {
    let version = match arguments.version {
        VersionArgument::V1 => Version::V1,
        VersionArgument::V2 => Version::V2,
    };
    let (source, destination) = (arguments.src.as_ref(), arguments.dst.as_ref());
    let mut encoder = match (source, destination) {
        (Some(source), Some(destination)) => Encoder::new(version, pair(source, destination)?),
        _ if arguments.local && version == Version::V1 => {
            bail!("version 1 has no LOCAL: use --unknown, or version 2")
        }
        _ if arguments.local => Encoder::local(),
        _ if arguments.unknown && version == Version::V2 => Encoder::proxy_unspec(),
        _ if arguments.unknown => Encoder::new(version, Addresses::Unspec),
        _ => bail!("whose connection is it? give --src and --dst, or --local, or --unknown"),
    };
    if arguments.datagram {
        encoder = encoder.dgram();
    }
    if arguments.crc32c {
        encoder = encoder.with_crc32c();
    }
    if let Some(len) = arguments.pad {
        encoder = encoder.with_padding_to(len);
    }
    let values = tlv::join(&arguments.tlv)?;
    let tlvs: Vec<_> = values.iter().map(|(kind, value)| Tlv::new(*kind, value)).collect();
    let encoder = encoder.with_tlvs(&tlvs);
    let mut bytes = vec![0; encoder.encoded_len().context("can't make this header")?];
    encoder.encode(&mut bytes).context("can't make this header")?;
    Ok(bytes)
}

/// How much payload is read.
const MAX_PAYLOAD: u64 = 64 << 20;

fn payload(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let context = || format!("can't read the payload from {}", path.display());
    let mut read =
        |from: &mut dyn Read| from.take(MAX_PAYLOAD + 1).read_to_end(&mut bytes).with_context(context);
    if path == Path::new("-") {
        read(&mut io::stdin().lock())?;
    } else {
        read(&mut fs::File::open(path).with_context(context)?)?;
    }
    if bytes.len() as u64 > MAX_PAYLOAD {
        bail!("the payload has more than {} MiB", MAX_PAYLOAD >> 20);
    }
    Ok(bytes)
}
