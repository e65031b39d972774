//! The core without std and without an allocator.
//!
//! It would not build if anything in it linked std, which has a panic handler already, or alloc, for which there is no
//! allocator. Of the C library it needs the start of the program, `abort`, `memcpy` and a few like it. It exits with 0
//! if all is right, else with the number of what is not.

#![no_std]
#![no_main]

mod embedded;

use core::panic::PanicInfo;
use core::task::Poll;
use core::time::Duration;

use realpeer_proto::{
    Addresses, Command, Config, Decoder, Encoder, Error, Event, Handshake, HandshakeError, Parsed, Tlv,
    Transport, Version, kind, parse,
};

#[link(name = "c")]
unsafe extern "C" {
    safe fn abort() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    abort()
}

/// The libraries of the toolchain name it in their tables for unwinding. Nothing unwinds here.
// SAFETY: it is never called, and std, which has it otherwise, is not linked.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

// SAFETY: no other symbol of the program is called `main`.
#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    let checks = [
        line_in_two_pieces,
        tlvs_and_checksum,
        encoded_and_decoded,
        deadline,
        refused,
        embedded::header_in_two_pieces,
        embedded::silence,
    ];
    (1..).zip(checks).find(|(_, check)| check() != Some(())).map_or(0, |(number, _)| number)
}

/// A line of version 1, split in two.
fn line_in_two_pieces() -> Option<()> {
    let mut decoder = Decoder::with_storage(&Config::new(), [0; 536]);
    let (first, second) = (b"PROXY TCP4 192.0.2.1 198.5", b"1.100.2 56324 443\r\nhello");
    is(decoder.push(first) == first.len())?;
    is(matches!(decoder.next_event(), Ok(Event::NeedData { .. })))?;
    is(decoder.push(second) == second.len() - 5)?;
    let Ok(Event::Header(header)) = decoder.next_event() else { return None };
    is((header.version(), header.command()) == (Version::V1, Command::Proxy))?;
    is(header.source()?.socket_addr() == "192.0.2.1:56324".parse().ok())?;
    is(header.destination()?.socket_addr() == "198.51.100.2:443".parse().ok())
}

/// A header of version 2 with TLVs and a CRC32C, which another implementation computed; and with a bit of it flipped.
fn tlvs_and_checksum() -> Option<()> {
    let mut header = *b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x21\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb\
        \x03\x00\x04\x20\xa9\xdc\x84\x02\x00\x0bexample.com";
    let Ok(Parsed::Complete { header: found, len }) = parse(&header, &Config::new()) else { return None };
    is(len == header.len() && found.transport() == Transport::Stream)?;
    is(found.tlvs().authority() == Some(Ok("example.com")) && found.tlvs().iter().count() == 2)?;
    header[20] ^= 1;
    is(matches!(parse(&header, &Config::new()), Err(Error::V2(_))))
}

/// Whatever is encoded is decoded, the checksum with it.
fn encoded_and_decoded() -> Option<()> {
    let tlvs = [Tlv::new(kind::ALPN, b"h2"), Tlv::new(kind::UNIQUE_ID, b"\0\x01")];
    let encoder =
        Encoder::proxy(Version::V2, "[2001:db8::1]:1".parse().ok()?, "[2001:db8::2]:2".parse().ok()?);
    let mut buffer = [0; 107];
    let len = encoder.with_tlvs(&tlvs).with_crc32c().with_padding_to(100).encode(&mut buffer).ok()?;
    let Ok(Parsed::Complete { header, len: decoded }) = parse(buffer.get(..len)?, &Config::new()) else {
        return None;
    };
    is(len == 100 && decoded == 100 && matches!(header.addresses(), Addresses::Inet6 { .. }))?;
    is(header.tlvs().crc32c().is_some() && header.tlvs().alpn() == Some(b"h2"))?;
    is(Encoder::local().encode(&mut buffer) == Ok(16) && buffer.get(12..16)? == b"\x20\0\0\0")
}

/// The driver, with a clock that is a number.
fn deadline() -> Option<()> {
    let mut handshake = Handshake::with_storage(&Config::new(), Duration::ZERO, [0; 536]);
    let silent = |_: &mut [u8]| Poll::<Result<usize, ()>>::Pending;
    is(handshake.poll_with(silent).is_pending())?;
    handshake.handle_timeout(handshake.poll_timeout()?);
    is(handshake.poll_with(silent) == Poll::Ready(Err(HandshakeError::TimedOut { received: 0 })))
}

fn refused() -> Option<()> {
    is(matches!(parse(b"GET / HTTP/1.1\r\n", &Config::new()), Err(Error::Signature { offset: 0, .. })))?;
    is(matches!(parse(b"PROXY TCP4 192.0.2.1 192.0.2.2 +80 443\r\n", &Config::new()), Err(Error::V1(_))))
}

fn is(right: bool) -> Option<()> {
    right.then_some(())
}
