//! realpeer, called as its README shows.

use std::hint::black_box;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::proto::{
    Config, Decoder, EncodeError, Error, Event, Handshake, HandshakeError, Header, Parsed, Tlv, Version,
    kind, parse,
};
use super::{NAME, encoder};
use crate::micro::inputs::{ALPN, UNIQUE_ID};
use crate::micro::used::{Fresh, Used, see};
use crate::micro::{Case, Row};

static CHECKING: Config = Config::new();
static TRUSTING: Config = Config::new().with_crc32c_check(false);

/// What a server of ours says of a connection that it does not want.
#[derive(Debug)]
enum Refused {
    Header(#[expect(dead_code, reason = "shown")] Error),
    Incomplete,
    NoAddresses,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Header(error)
    }
}

pub fn cases() -> Vec<Case> {
    vec![
        Case::used(Row::UsedV1Tcp4, NAME, addresses),
        Case::used(Row::UsedV1Tcp6, NAME, addresses),
        Case::used(Row::UsedV2Tcp4, NAME, addresses),
        Case::used(Row::UsedV2Tlvs, NAME, tlvs_trusting),
        Case::used(Row::UsedV2TlvsChecked, NAME, tlvs_checking),
        Case::used(Row::UsedV2Ssl, NAME, tlvs_checking),
        Case::used_encode(Row::UsedEncodeV1, NAME, encode_v1),
        Case::used_encode(Row::UsedEncodeV2, NAME, encode_v2),
        Case::used_fresh(Row::UsedEncodeV2Fresh, NAME, encode_fresh),
        Case::used_encode(Row::UsedEncodeV2Tlvs, NAME, encode_tlvs),
        Case::used(Row::UsedDecoderV1, NAME, decoder),
        Case::used(Row::UsedDecoderV2, NAME, decoder),
        Case::used(Row::UsedHandshake, NAME, handshake),
    ]
}

fn addresses(bytes: &[u8]) -> Result<Used, Refused> {
    match parse(bytes, black_box(&CHECKING))? {
        Parsed::Complete { header, .. } => used(&header, 0),
        Parsed::Incomplete { .. } => Err(Refused::Incomplete),
    }
}

fn tlvs_checking(bytes: &[u8]) -> Result<Used, Refused> {
    tlvs(bytes, &CHECKING)
}

fn tlvs_trusting(bytes: &[u8]) -> Result<Used, Refused> {
    tlvs(bytes, &TRUSTING)
}

#[inline(always)]
fn tlvs(bytes: &[u8], config: &Config) -> Result<Used, Refused> {
    let Parsed::Complete { header, .. } = parse(bytes, black_box(config))? else {
        return Err(Refused::Incomplete);
    };
    let mut count = 0;
    for tlv in header.tlvs() {
        see(&tlv);
        count += 1;
    }
    if let Some(ssl) = header.tlvs().ssl() {
        for tlv in ssl.tlvs() {
            see(&tlv);
            count += 1;
        }
    }
    used(&header, count)
}

#[inline(always)]
fn used(header: &Header<'_>, tlvs: usize) -> Result<Used, Refused> {
    let source = header.source().and_then(|source| source.socket_addr()).ok_or(Refused::NoAddresses)?;
    let destination =
        header.destination().and_then(|address| address.socket_addr()).ok_or(Refused::NoAddresses)?;
    Ok(Used { source, destination, tlvs })
}

fn encode_v1(source: SocketAddr, destination: SocketAddr, out: &mut [u8]) -> Result<usize, EncodeError> {
    encoder(Version::V1, source, destination)?.encode(out)
}

fn encode_v2(source: SocketAddr, destination: SocketAddr, out: &mut [u8]) -> Result<usize, EncodeError> {
    encoder(Version::V2, source, destination)?.encode(out)
}

fn encode_fresh(source: SocketAddr, destination: SocketAddr) -> Result<Fresh, EncodeError> {
    let mut buffer = [0; 128];
    let len = encoder(Version::V2, source, destination)?.encode(&mut buffer)?;
    Ok(Fresh { buffer, len })
}

fn encode_tlvs(source: SocketAddr, destination: SocketAddr, out: &mut [u8]) -> Result<usize, EncodeError> {
    let tlvs = [Tlv::new(kind::ALPN, black_box(ALPN)), Tlv::new(kind::UNIQUE_ID, black_box(UNIQUE_ID))];
    encoder(Version::V2, source, destination)?.with_tlvs(&tlvs).with_crc32c().encode(out)
}

fn decoder(bytes: &[u8]) -> Result<Used, Refused> {
    let mut decoder = Decoder::with_storage(black_box(&CHECKING), [0; 536]);
    let _ = decoder.push(bytes);
    match decoder.next_event()? {
        Event::Header(header) => used(&header, 0),
        Event::NeedData { .. } => Err(Refused::Incomplete),
    }
}

fn handshake(mut bytes: &[u8]) -> Result<Used, Refused> {
    // A server reads its clock once for each connection, or less often; it is not what is measured.
    static NOW: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let now = *NOW.get_or_init(Instant::now);
    let mut handshake = Handshake::with_storage(black_box(&CHECKING), now + Duration::ZERO, [0; 536]);
    let polled = handshake.poll_with(|slot| {
        let len = slot.len().min(bytes.len());
        let (now, later) = bytes.split_at(len);
        slot[..len].copy_from_slice(now);
        bytes = later;
        Poll::Ready(Ok::<_, HandshakeError<()>>(len))
    });
    match polled {
        Poll::Ready(Ok(())) => used(&handshake.header().ok_or(Refused::Incomplete)?, 0),
        _ => Err(Refused::Incomplete),
    }
}
