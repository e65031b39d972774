//! A running `realpeer echo`, and clients of it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use super::{Echo, PATIENCE};

pub(crate) const HEADER: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";

pub(crate) fn start(runtime: &str, options: &[&str]) -> Echo {
    Echo::echo(&[&["--runtime", runtime, "--trust", "127.0.0.1"], options].concat())
}

pub(crate) fn start_tcp(runtime: &str, options: &[&str]) -> Echo {
    start(runtime, &[&["--listen", "127.0.0.1:0"], options].concat())
}

pub(crate) fn connect(echo: &Echo) -> TcpStream {
    let stream = TcpStream::connect(&echo.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends these bytes and says that these are all; gives what comes back, and the client's address.
pub(crate) fn talk(echo: &Echo, bytes: &[u8]) -> (Vec<u8>, String) {
    let mut stream = connect(echo);
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut echoed = Vec::new();
    stream.read_to_end(&mut echoed).unwrap();
    (echoed, stream.local_addr().unwrap().to_string())
}

pub(crate) fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind, 0, u8::try_from(value.len()).unwrap()], value].concat()
}

/// A version 2 header from 192.0.2.1:56324 to 198.51.100.2:443.
pub(crate) fn v2(tlvs: &[u8]) -> Vec<u8> {
    let length = u16::try_from(12 + tlvs.len()).unwrap().to_be_bytes();
    let addresses = [192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 0x01, 0xbb];
    [b"\r\n\r\n\0\r\nQUIT\n\x21\x11", &length[..], &addresses, tlvs].concat()
}
