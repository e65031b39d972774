//! Prints the vectors and captures as a table in C, for `crates/realpeer-ffi/tests/c`.

#![allow(clippy::expect_used, reason = "this is a tool of the tests")]

use std::fmt::Write as _;
use std::net::SocketAddr;

use realpeer_tests::vectors::{Expect, Vector, unhex};

fn main() {
    let mut rows = Vector::all();
    rows.extend(Vector::captures());
    println!("/* Made by `cargo run -p realpeer-tests --bin c-vectors` from tests/data. */");
    for (at, row) in rows.iter().enumerate() {
        array(at, "bytes", &row.bytes());
        array(at, "source", &address(row.fields.src.as_deref()));
        array(at, "destination", &address(row.fields.dst.as_deref()));
        array(at, "tlvs", &tlvs(row));
    }
    println!("static const struct vector vectors[] = {{");
    for (at, row) in rows.iter().enumerate() {
        let expect = match row.expect {
            Expect::Accept => "ACCEPT",
            Expect::Reject => "REJECT",
            Expect::Incomplete => "INCOMPLETE",
        };
        let family = match row.fields.family.as_deref() {
            Some("inet") => "AF_INET",
            Some("inet6") => "AF_INET6",
            Some("unix") => "AF_UNIX",
            _ => "0",
        };
        let transport = match row.fields.transport.as_deref() {
            Some("stream") => "REALPEER_TRANSPORT_STREAM",
            Some("dgram") => "REALPEER_TRANSPORT_DGRAM",
            _ => "REALPEER_TRANSPORT_UNSPEC",
        };
        let command = if row.fields.command.as_deref() == Some("local") {
            "REALPEER_COMMAND_LOCAL"
        } else {
            "REALPEER_COMMAND_PROXY"
        };
        println!(
            "    {{\"{}\", {expect}, {}u, {command}, {transport}, {family}, {}u, {}, v{at}_bytes, {}u, v{at}_source, {}u, \
             v{at}_destination, {}u, v{at}_tlvs, {}u}},",
            row.id,
            row.fields.version.unwrap_or(0),
            row.header_len.unwrap_or(0),
            u8::from(row.tlvs.is_some()),
            row.bytes().len(),
            address(row.fields.src.as_deref()).len(),
            address(row.fields.dst.as_deref()).len(),
            tlvs(row).len(),
        );
    }
    println!("}};");
}

/// Bytes as a C array; with a zero at the end, since C has no empty ones.
fn array(at: usize, name: &str, bytes: &[u8]) {
    let mut text = String::new();
    for (number, byte) in bytes.iter().enumerate() {
        let space = if number % 24 == 23 { "\n    " } else { "" };
        let _ = write!(text, "{byte},{space}");
    }
    println!("static const unsigned char v{at}_{name}[] = {{{text}0}};");
}

/// Address and port as they are on the wire, or the name of a UNIX socket.
fn address(text: Option<&str>) -> Vec<u8> {
    let Some(text) = text else { return Vec::new() };
    if let Some(name) = text.strip_prefix("unix:") {
        return unhex(name);
    }
    let address: SocketAddr = text.parse().expect("an address");
    let mut bytes = match address {
        SocketAddr::V4(address) => address.ip().octets().to_vec(),
        SocketAddr::V6(address) => address.ip().octets().to_vec(),
    };
    bytes.extend(address.port().to_be_bytes());
    bytes
}

/// The TLVs as they are on the wire.
fn tlvs(row: &Vector) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, value) in row.tlvs.iter().flatten() {
        let value = unhex(value);
        bytes.push(*kind);
        bytes.extend((value.len() as u16).to_be_bytes());
        bytes.extend(value);
    }
    bytes
}
