//! realpeer, through its public functions.

use std::hint::black_box;
use std::net::SocketAddr;
use std::slice::from_ref;

use realpeer_proto::{Config, Decoder, Encoder, Error, Event, Header, Parsed, Tlv, Version, kind, parse};

use super::inputs::{ALPN, UNIQUE_ID};
use super::{Case, OURS, Row, Seen};

static CHECKING: Config = Config::new();
static TRUSTING: Config = Config::new().with_crc32c_check(false);

/// A look at the header where it is: moving it out of the result would be timed, too.
fn header<'r, 'a>(parsed: &'r Result<Parsed<'a>, Error>) -> &'r Header<'a> {
    match parsed {
        Ok(Parsed::Complete { header, .. }) => header,
        other => panic!("{other:?}"),
    }
}

/// What our parser sees in a header.
pub(super) fn seen(bytes: &[u8]) -> Seen {
    seen_in(header(&parse(bytes, &CHECKING)))
}

fn seen_in(header: &Header<'_>) -> Seen {
    let address = |address: Option<realpeer_proto::Address<'_>>| address.unwrap().socket_addr().unwrap();
    let tlvs = header.tlvs();
    Seen {
        source: address(header.source()),
        destination: address(header.destination()),
        alpn: tlvs.alpn().map(<[u8]>::to_vec),
        unique_id: tlvs.unique_id().map(<[u8]>::to_vec),
        last_of_ssl: tlvs.ssl().and_then(|ssl| ssl.tlvs().iter().last()).map(|tlv| tlv.value().to_vec()),
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for row in [Row::V1Tcp4, Row::V1Tcp6, Row::V2Tcp4] {
        cases.push(Case::decode(
            row,
            OURS,
            |bytes| parse(bytes, black_box(&CHECKING)),
            |parsed| seen_in(header(parsed)),
        ));
    }
    for (row, config) in [(Row::V2TlvsUnchecked, &TRUSTING), (Row::V2TlvsChecked, &CHECKING)] {
        cases.push(Case::decode(
            row,
            OURS,
            move |bytes| {
                let parsed = parse(bytes, black_box(config));
                let tlvs = header(&parsed).tlvs();
                black_box(&(tlvs.alpn(), tlvs.unique_id()));
                parsed
            },
            |parsed| seen_in(header(parsed)),
        ));
    }
    cases.push(Case::decode(
        Row::V2Ssl,
        OURS,
        |bytes| {
            let parsed = parse(bytes, black_box(&CHECKING));
            black_box(&header(&parsed).tlvs().ssl().unwrap().tlvs().iter().last());
            parsed
        },
        |parsed| seen_in(header(parsed)),
    ));
    for (row, version) in [(Row::EncodeV1, Version::V1), (Row::EncodeV2, Version::V2)] {
        cases.push(Case::encode_into(row, OURS, move |source, destination, out| {
            Encoder::proxy(version, source, destination).encode(out).unwrap()
        }));
    }
    cases.push(Case::encode_into(Row::EncodeV2Tlvs, OURS, encode_tlvs));
    for row in [Row::DecoderV1Whole, Row::DecoderV2Whole] {
        cases.push(Case::decode(row, OURS, |bytes| push(bytes, bytes.len()), Pushed::seen));
    }
    for row in [Row::DecoderV1Bytes, Row::DecoderV2Bytes] {
        cases.push(Case::decode(row, OURS, push_bytes, Pushed::seen));
    }
    cases
}

fn encode_tlvs(source: SocketAddr, destination: SocketAddr, out: &mut [u8]) -> usize {
    let tlvs = [Tlv::new(kind::ALPN, black_box(ALPN)), Tlv::new(kind::UNIQUE_ID, black_box(UNIQUE_ID))];
    Encoder::proxy(Version::V2, source, destination).with_tlvs(&tlvs).with_crc32c().encode(out).unwrap()
}

/// What is left of a decoder when it has its header: enough to see that it was right.
struct Pushed {
    source: SocketAddr,
    destination: SocketAddr,
}

impl Pushed {
    fn seen(&self) -> Seen {
        Seen::addresses(self.source, self.destination)
    }

    fn from(event: Event<'_>) -> Option<Self> {
        let Event::Header(header) = event else { return None };
        Some(Self {
            source: header.source()?.socket_addr()?,
            destination: header.destination()?.socket_addr()?,
        })
    }
}

/// A decoder to which all comes at once.
fn push(bytes: &[u8], len: usize) -> Pushed {
    let mut decoder = Decoder::with_storage(black_box(&CHECKING), [0; 536]);
    assert_eq!(decoder.push(bytes), len);
    Pushed::from(decoder.next_event().unwrap()).expect("incomplete")
}

/// A decoder to which one byte comes at a time, asked after each whether that was all.
fn push_bytes(bytes: &[u8]) -> Pushed {
    let mut decoder = Decoder::with_storage(black_box(&CHECKING), [0; 536]);
    for byte in bytes {
        let _ = decoder.push(from_ref(byte));
        if let Some(pushed) = Pushed::from(decoder.next_event().unwrap()) {
            return pushed;
        }
    }
    panic!("incomplete")
}
