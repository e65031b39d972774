//! Errors: what they say, and that they point at what they blame.

#![allow(clippy::panic, reason = "this is test code")]

use proptest::prelude::*;
use realpeer_proto::{
    ApiMisuse, Config, EncodeError, Error, HandshakeError, MAX_HEADER_LEN, MixedFamilies, TextError,
    TlvCause, TlvError, V1Error, V1Field, V2Error, Versions, kind, parse,
};
use realpeer_tests::inputs::{cases, input};

/// Lower case but for the names of things, one line, no full stop.
fn is_in_style(message: &str) -> bool {
    let names =
        ["PROXY", "TCP", "TCP4", "TCP6", "UNKNOWN", "TLV", "TLVs", "CRC32C", "UNIQUE_ID", "SSL", "API"];
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let lower = message
        .split(|c| !word(c))
        .all(|word| names.contains(&word) || !word.chars().any(char::is_uppercase));
    lower && !message.is_empty() && !message.ends_with(['.', '!', ' ', '\n']) && !message.contains('\n')
}

#[test]
fn the_style_is_told_apart() {
    assert!(is_in_style("no PROXY header: found 0x47") && is_in_style("is the proxy set to send one?"));
    for message in ["", "Bad header", "bad header.", "two\nlines", "an ERROR", "bad header\n"] {
        assert!(!is_in_style(message), "{message:?}");
    }
}

#[test]
fn what_each_error_says() {
    let v1 = |field| Error::V1(V1Error { field, offset: 11, found: b'x' });
    let tlv = |cause| Error::Tlv(TlvError { kind: kind::UNIQUE_ID, offset: 28, cause });
    let signature = |allowed| Error::Signature { offset: 0, found: b'G', allowed };
    let io = |error: Error| HandshakeError::<std::io::Error>::Protocol(error).to_string();
    for (error, expected) in [
        (
            signature(Versions::Any),
            "no PROXY header: unexpected byte 0x47 at offset 0; is the proxy set to send one?",
        ),
        (
            signature(Versions::V1),
            "no PROXY v1 header: unexpected byte 0x47 at offset 0; is the proxy set to send one?",
        ),
        (
            signature(Versions::V2),
            "no PROXY v2 header: unexpected byte 0x47 at offset 0; is the proxy set to send one?",
        ),
        (v1(V1Field::Protocol), "invalid v1 header: unexpected byte 0x78 in the protocol at offset 11"),
        (
            v1(V1Field::SourceAddress),
            "invalid v1 header: unexpected byte 0x78 in the source address at offset 11",
        ),
        (
            v1(V1Field::DestinationAddress),
            "invalid v1 header: unexpected byte 0x78 in the destination address at offset 11",
        ),
        (v1(V1Field::SourcePort), "invalid v1 header: unexpected byte 0x78 in the source port at offset 11"),
        (
            v1(V1Field::DestinationPort),
            "invalid v1 header: unexpected byte 0x78 in the destination port at offset 11",
        ),
        (v1(V1Field::LineEnd), "invalid v1 header: unexpected byte 0x78 in the line end at offset 11"),
        (Error::V2(V2Error::Version { found: 3 }), "invalid v2 header: version 3 instead of 2"),
        (Error::V2(V2Error::Command { found: 15 }), "invalid v2 header: undefined command 0xf"),
        (Error::V2(V2Error::Family { found: 4 }), "invalid v2 header: undefined address family 0x4"),
        (Error::V2(V2Error::Transport { found: 3 }), "invalid v2 header: undefined transport 0x3"),
        (
            Error::V2(V2Error::Length { announced: 11, needed: 12 }),
            "invalid v2 header: length 11 is too short for addresses of 12 bytes",
        ),
        (
            Error::V2(V2Error::Stray { bytes: 2 }),
            "invalid v2 header: stray bytes after the addresses: 2, where a TLV has 3 at least",
        ),
        (
            Error::V2(V2Error::Crc32c { announced: 1, computed: 0xE306_9283 }),
            "invalid v2 header: CRC32C 0x00000001 does not match the header's 0xe3069283",
        ),
        (tlv(TlvCause::Overrun), "invalid v2 header: TLV of type 0x05 at offset 28 runs past the end"),
        (
            tlv(TlvCause::Stray),
            "invalid v2 header: TLV of type 0x05 at offset 28 leaves stray bytes, too few for a TLV",
        ),
        (
            tlv(TlvCause::Crc32cLength),
            "invalid v2 header: TLV of type 0x05 at offset 28 is a CRC32C without exactly 4 bytes",
        ),
        (tlv(TlvCause::Crc32cTwice), "invalid v2 header: TLV of type 0x05 at offset 28 is a second CRC32C"),
        (
            tlv(TlvCause::UniqueIdLength),
            "invalid v2 header: TLV of type 0x05 at offset 28 is a UNIQUE_ID of more than 128 bytes",
        ),
        (
            tlv(TlvCause::SslLength),
            "invalid v2 header: TLV of type 0x05 at offset 28 is too short for an SSL TLV",
        ),
        (
            Error::TooLong { at_least: 4097, limit: 4096 },
            "header of at least 4097 bytes is longer than the limit of 4096",
        ),
        (Error::Closed, "connection closed before any header, as by a TCP health check"),
        (Error::Truncated { received: 20 }, "header cut off after 20 bytes"),
        (Error::OutOfMemory, "no memory for the header"),
        (
            Error::ApiMisuse(ApiMisuse::ReceivedBeyondSlot { received: 16, slot: 15 }),
            "misuse of the API: 16 bytes reported as received into a slot of 15",
        ),
    ] {
        assert_eq!(error.to_string(), expected);
        assert_eq!(io(error), expected);
        assert!(is_in_style(expected), "{expected}");
    }
}

#[test]
fn what_the_other_errors_say() {
    type Handshake = HandshakeError<std::fmt::Error>;
    for (message, expected) in [
        (
            Handshake::TimedOut { received: 0 }.to_string(),
            "no PROXY header in time, not a byte; is the proxy set to send one, and to send it at once?",
        ),
        (Handshake::TimedOut { received: 9 }.to_string(), "no complete PROXY header in time, only 9 bytes"),
        (EncodeError::BufferTooSmall { needed: 16 }.to_string(), "buffer too small: 16 bytes are needed"),
        (EncodeError::TooLong { len: 65_552 }.to_string(), "65552 bytes are too long to be encoded"),
        (
            EncodeError::NotInV1.to_string(),
            "version 1 has only TCP4, TCP6 and UNKNOWN, and no TLVs; use version 2",
        ),
        (
            EncodeError::Padding { len: 16 }.to_string(),
            "a header of 16 bytes can't be padded to the length asked for",
        ),
        (
            EncodeError::Invalid(Error::V2(V2Error::Stray { bytes: 1 })).to_string(),
            "a receiver would refuse the header: \
             invalid v2 header: stray bytes after the addresses: 1, where a TLV has 3 at least",
        ),
        (EncodeError::MixedFamilies.to_string(), "source and destination are of different address families"),
        (MixedFamilies.to_string(), "source and destination are of different address families"),
        (TextError { valid_up_to: 3 }.to_string(), "value is no text from byte 3 on"),
    ] {
        assert_eq!(message, expected);
        assert!(is_in_style(expected), "{expected}");
    }
    assert_eq!(Handshake::Io(std::fmt::Error).to_string(), std::fmt::Error.to_string());
}

/// They go where errors go.
#[test]
fn all_are_errors() {
    let errors: [Box<dyn std::error::Error + Send + Sync>; 10] = [
        Box::new(Error::Closed),
        Box::new(V1Error { field: V1Field::LineEnd, offset: 0, found: 0 }),
        Box::new(V2Error::Version { found: 1 }),
        Box::new(TlvError { kind: 0, offset: 0, cause: TlvCause::Stray }),
        Box::new(ApiMisuse::ReceivedBeyondSlot { received: 1, slot: 0 }),
        Box::new(HandshakeError::<std::io::Error>::TimedOut { received: 0 }),
        Box::new(EncodeError::NotInV1),
        Box::new(MixedFamilies),
        Box::new(TextError { valid_up_to: 0 }),
        Box::new(HandshakeError::Io(std::io::Error::other("x"))),
    ];
    // None repeats another in its message, so none has a source.
    assert!(errors.iter().all(|error| error.source().is_none()));
}

proptest! {
    #![proptest_config(cases(4000))]

    /// The byte that is blamed is there, and the error was known when it came.
    #[test]
    fn errors_point_at_what_they_blame(
        bytes in input(),
        limit in prop_oneof![Just(MAX_HEADER_LEN), 16usize..200],
    ) {
        let config = Config::new().with_max_header_len(limit);
        let Err(error) = parse(&bytes, &config) else { return Ok(()) };
        prop_assert!(is_in_style(&error.to_string()), "{error}");
        let first = (0..bytes.len()).find(|&end| parse(&bytes[..end], &config).is_err()).unwrap_or(bytes.len());
        prop_assert_eq!(parse(&bytes[..first], &config), Err(error));
        match error {
            Error::Signature { offset, found, .. } | Error::V1(V1Error { offset, found, .. }) => {
                prop_assert_eq!((usize::from(offset) + 1, found), (first, bytes[usize::from(offset)]));
            }
            Error::V2(V2Error::Version { found }) => prop_assert_eq!((first, found), (13, bytes[12] >> 4)),
            Error::V2(V2Error::Command { found }) => prop_assert_eq!((first, found), (13, bytes[12] & 0xF)),
            Error::V2(V2Error::Family { found }) => prop_assert_eq!((first, found), (14, bytes[13] >> 4)),
            Error::V2(V2Error::Transport { found }) => prop_assert_eq!((first, found), (14, bytes[13] & 0xF)),
            Error::V2(V2Error::Length { announced, needed }) => {
                prop_assert_eq!((first, announced), (16, u16::from_be_bytes([bytes[14], bytes[15]])));
                prop_assert!(announced < needed);
            }
            Error::V2(V2Error::Stray { bytes }) => prop_assert!(first == 16 && (1..=2).contains(&bytes)),
            Error::V2(V2Error::Crc32c { announced, computed }) => prop_assert_ne!(announced, computed),
            Error::Tlv(TlvError { kind, offset, .. }) => prop_assert_eq!(kind, bytes[offset as usize]),
            Error::TooLong { at_least, limit: found } => {
                prop_assert!(at_least > found && found as usize <= limit, "{error:?}");
            }
            other => panic!("{other:?}: only for streams and callers"),
        }
    }
}
