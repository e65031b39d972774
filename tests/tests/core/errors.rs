//! Errors: what they say, and that they point at what they blame.

use proptest::prelude::*;
use realpeer_proto::{
    ApiMisuse, Config, EncodeError, Error, HandshakeError, Lookalike, MAX_HEADER_LEN, TextError, TlvCause,
    TlvError, V1Cause, V1Error, V1Field, V2Error, Versions, kind, parse, parse_datagram,
};
use realpeer_tests::inputs::{cases, input};
use realpeer_tests::outer::Outer;

/// Lower case but for the names of things, one line, no full stop.
fn is_in_style(message: &str) -> bool {
    let names = [
        "PROXY",
        "TCP",
        "TCP4",
        "TCP6",
        "UNKNOWN",
        "TLV",
        "TLVs",
        "CRC32C",
        "UNIQUE_ID",
        "SSL",
        "API",
        "IPv4",
        "IPv6",
        "TLS",
        "HTTP",
        "SSH",
        "CR",
        "LF",
        "NUL",
        "IP",
        "UNIX",
    ];
    let word = |c: char| c.is_alphanumeric() || c == '_';
    // A byte as a character, in quotation marks, is as it came.
    let message = ('!'..='~').fold(message.to_owned(), |text, c| text.replace(&format!("'{c}'"), ""));
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
    let v1 = |field| Error::V1(V1Error::new(field, V1Cause::UnexpectedByte, 11, b'x'));
    let tlv = |cause| Error::Tlv(TlvError::new(kind::UNIQUE_ID, 28, cause));
    let signature = |allowed| Error::Signature { offset: 0, found: b'?', allowed };
    let io = |error: Error| HandshakeError::<std::io::Error>::Protocol(error).to_string();
    for (error, expected) in [
        (
            signature(Versions::Any),
            "no PROXY header: unexpected byte 0x3f '?' at offset 0; is the proxy configured to send a header?",
        ),
        (
            signature(Versions::V1),
            "no PROXY v1 header: unexpected byte 0x3f '?' at offset 0; is the proxy configured to send a header?",
        ),
        (
            signature(Versions::V2),
            "no PROXY v2 header: unexpected byte 0x3f '?' at offset 0; is the proxy configured to send a header?",
        ),
        (v1(V1Field::Protocol), "invalid v1 header: unexpected byte 0x78 'x' in the protocol at offset 11"),
        (
            v1(V1Field::SourceAddress),
            "invalid v1 header: unexpected byte 0x78 'x' in the source address at offset 11",
        ),
        (
            v1(V1Field::DestinationAddress),
            "invalid v1 header: unexpected byte 0x78 'x' in the destination address at offset 11",
        ),
        (
            v1(V1Field::SourcePort),
            "invalid v1 header: unexpected byte 0x78 'x' in the source port at offset 11",
        ),
        (
            v1(V1Field::DestinationPort),
            "invalid v1 header: unexpected byte 0x78 'x' in the destination port at offset 11",
        ),
        (v1(V1Field::LineEnd), "invalid v1 header: unexpected byte 0x78 'x' in the line end at offset 11"),
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
            "invalid v2 header: stray bytes after the addresses: 2, but a TLV has at least 3",
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
            "invalid v2 header: TLV of type 0x05 at offset 28 is a CRC32C without exactly 4 bytes, or with stray ones after it",
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
            "PROXY header of at least 4097 bytes is longer than the limit of 4096",
        ),
        (
            Error::StorageTooSmall { at_least: 631, room: 536 },
            "PROXY header of at least 631 bytes does not fit: the decoder's storage holds 536 bytes; \
             give it larger storage",
        ),
        (Error::EmptyDatagram, "no PROXY header: the datagram is empty"),
        (Error::Unreachable, "internal error: a header that was complete is gone; please report it"),
        (
            Error::ApiMisuse(ApiMisuse::PeekedBytesGone),
            "misuse of the API: bytes that were peeked at have been read by somebody else",
        ),
        (
            Error::ApiMisuse(ApiMisuse::NothingHandedOver),
            "misuse of the API: a buffered read was ready without handing over its bytes",
        ),
        (
            Error::ApiMisuse(ApiMisuse::StorageShrank),
            "misuse of the API: the storage has lost bytes that were written to it",
        ),
        (Error::Closed, "connection closed without a byte, as a TCP health check does"),
        (Error::Truncated { received: 20 }, "PROXY header cut off after 20 bytes"),
        (Error::OutOfMemory, "out of memory while buffering the PROXY header"),
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
            "timed out without a byte of a PROXY header; is the proxy configured to send one, and at once?",
        ),
        (
            Handshake::TimedOut { received: 9 }.to_string(),
            "timed out with an incomplete PROXY header (9 bytes received)",
        ),
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
             invalid v2 header: stray bytes after the addresses: 1, but a TLV has at least 3",
        ),
        (
            EncodeError::MixedFamilies.to_string(),
            "one end is an IP address, the other the name of a UNIX socket",
        ),
        (EncodeError::TooManyTlvs.to_string(), "more than four TLVs added one by one; give them as a list"),
        (TextError::new(3).to_string(), "value is not valid text at byte 3"),
    ] {
        assert_eq!(message, expected);
        assert!(is_in_style(expected), "{expected}");
    }
    assert_eq!(Handshake::Io(std::fmt::Error).to_string(), std::fmt::Error.to_string());
}

/// They go where errors go.
#[test]
fn all_are_errors() {
    let errors: [Box<dyn std::error::Error + Send + Sync>; 9] = [
        Box::new(Error::Closed),
        Box::new(V1Error::new(V1Field::LineEnd, V1Cause::UnexpectedByte, 0, 0)),
        Box::new(V2Error::Version { found: 1 }),
        Box::new(TlvError::new(0, 0, TlvCause::Stray)),
        Box::new(ApiMisuse::ReceivedBeyondSlot { received: 1, slot: 0 }),
        Box::new(HandshakeError::<std::io::Error>::TimedOut { received: 0 }),
        Box::new(EncodeError::NotInV1),
        Box::new(TextError::new(0)),
        Box::new(HandshakeError::Io(std::io::Error::other("x"))),
    ];
    // None repeats another in its message, so none has a source.
    assert!(errors.iter().all(|error| error.source().is_none()));
    // What is in a handshake's error speaks for it, so its source is the next one.
    let beneath = EncodeError::NotInV1;
    let error = HandshakeError::Io(Outer(beneath));
    let source = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!((error.to_string(), source), ("outer".to_owned(), Some(beneath.to_string())));
}

/// F21: what is there instead, for an operator at 3 a.m., and as data.
#[test]
fn errors_tell_what_the_bytes_look_like_instead() {
    use Lookalike::{Http, Ssh, Tls};
    let text = |bytes: &[u8], versions: Versions| {
        let error = parse(bytes, &Config::new().with_versions(versions)).unwrap_err();
        (error.lookalike(), error.to_string())
    };
    let send = "is the proxy configured to send a header";
    for (bytes, versions, lookalike, expected) in [
        (
            &b"\r\n\r\n\0\r\nQUIT\n\x20"[..],
            Versions::V1,
            Some(Lookalike::V2),
            "no PROXY v1 header: 0x0d CR at offset 0 is how a v2 header starts; \
             change the proxy's version or accept both"
                .to_owned(),
        ),
        (
            b"PROXY UNKNOWN",
            Versions::V2,
            Some(Lookalike::V1),
            "no PROXY v2 header: 0x50 'P' at offset 0 is how a v1 header starts; \
             change the proxy's version or accept both"
                .to_owned(),
        ),
        (
            b"\x16\x03\x01",
            Versions::Any,
            Some(Tls),
            format!("no PROXY header: 0x16 at offset 0 looks like TLS; {send}, and before TLS?"),
        ),
        (
            b"GET / HTTP",
            Versions::Any,
            Some(Http),
            format!("no PROXY header: 0x47 'G' at offset 0 looks like HTTP; {send}?"),
        ),
        (
            b"POST /",
            Versions::Any,
            Some(Http),
            format!("no PROXY header: 0x4f 'O' at offset 1 looks like HTTP; {send}?"),
        ),
        (
            b"PUT /",
            Versions::V1,
            Some(Http),
            format!("no PROXY v1 header: 0x55 'U' at offset 1 looks like HTTP; {send}?"),
        ),
        (
            b"PRI * H",
            Versions::Any,
            Some(Http),
            format!("no PROXY header: 0x49 'I' at offset 2 looks like HTTP; {send}?"),
        ),
        (
            b"PROPFIND",
            Versions::Any,
            Some(Http),
            format!("no PROXY header: 0x50 'P' at offset 3 looks like HTTP; {send}?"),
        ),
        (
            b"\r\n\r\nGET /",
            Versions::Any,
            Some(Http),
            format!("no PROXY header: 0x47 'G' at offset 4 looks like HTTP; {send}?"),
        ),
        (
            b"SSH-2.0-",
            Versions::Any,
            Some(Ssh),
            format!("no PROXY header: 0x53 'S' at offset 0 looks like SSH; {send}?"),
        ),
        (
            b"\0\x01",
            Versions::Any,
            None,
            format!("no PROXY header: unexpected byte 0x00 NUL at offset 0; {send}?"),
        ),
        (
            b"EHLO",
            Versions::Any,
            None,
            format!("no PROXY header: unexpected byte 0x45 'E' at offset 0; {send}?"),
        ),
    ] {
        assert_eq!(text(bytes, versions), (lookalike, expected), "{}", bytes.escape_ascii());
    }
}

/// F21: the cause beside the byte.
#[test]
fn r20_r22_r23_r26_errors_tell_what_is_wrong_with_a_line() {
    for (line, cause, expected) in [
        (
            "TCP4 1.2.3.4 1.2.3.4 056324 443",
            V1Cause::LeadingZero,
            "leading zero in the source port, before 0x35 '5' at offset 28",
        ),
        (
            "TCP4 1.2.3.4 1.2.3.4 1 00",
            V1Cause::LeadingZero,
            "leading zero in the destination port, before 0x30 '0' at offset 30",
        ),
        (
            "TCP4 1.2.3.04 1.2.3.4 1 1",
            V1Cause::LeadingZero,
            "leading zero in the source address, before 0x34 '4' at offset 18",
        ),
        (
            "TCP6 ::1.2.3.04 ::1 1 1",
            V1Cause::LeadingZero,
            "leading zero in the source address, before 0x34 '4' at offset 20",
        ),
        (
            "TCP4 1.2.3.4 1.2.3.4 70000 443",
            V1Cause::TooLarge,
            "number above 65535 in the source port: 0x30 '0' at offset 31",
        ),
        (
            "TCP6 ::1 ::1 1 65536",
            V1Cause::TooLarge,
            "number above 65535 in the destination port: 0x36 '6' at offset 25",
        ),
        (
            "TCP4 1.2.3.4 1.256.3.4 1 1",
            V1Cause::TooLarge,
            "number above 255 in the destination address: 0x36 '6' at offset 23",
        ),
        (
            "TCP6 2001:db8::1 192.0.2.1 1 1",
            V1Cause::Ipv4InTcp6,
            "IPv4 destination address in a TCP6 line: 0x2e '.' at offset 26",
        ),
        (
            "TCP6 192.0.2.1 ::1 1 1",
            V1Cause::Ipv4InTcp6,
            "IPv4 source address in a TCP6 line: 0x2e '.' at offset 14",
        ),
        (
            "TCP4 ::1 1.2.3.4 1 1",
            V1Cause::Ipv6InTcp4,
            "IPv6 source address in a TCP4 line: 0x3a ':' at offset 11",
        ),
        (
            "TCP4 1.2.3.4 fe80::1 1 1",
            V1Cause::Ipv6InTcp4,
            "IPv6 destination address in a TCP4 line: 0x66 'f' at offset 19",
        ),
        (
            "TCP4 1.2.3.4 1.2.3.4 1 443\n",
            V1Cause::BareLineFeed,
            "line feed without a carriage return in the destination port at offset 32",
        ),
        (
            "UNKNOWN\n",
            V1Cause::BareLineFeed,
            "line feed without a carriage return in the protocol at offset 13",
        ),
        (
            "TCP6 1:2.3.4.5 ::1 1 1",
            V1Cause::UnexpectedByte,
            "unexpected byte 0x2e '.' in the source address at offset 14",
        ),
        (
            "TCP6 00000::1 ::1 1 1",
            V1Cause::UnexpectedByte,
            "unexpected byte 0x30 '0' in the source address at offset 15",
        ),
        (
            "TCP4 1.2.3.4 1.2.3.4 +80 443",
            V1Cause::UnexpectedByte,
            "unexpected byte 0x2b '+' in the source port at offset 27",
        ),
        (
            "TCP4 1.2.3.4 1.2.3.4 80 x",
            V1Cause::UnexpectedByte,
            "unexpected byte 0x78 'x' in the destination port at offset 30",
        ),
        (
            "TCP4 1.2.3.4 1.2.3.4 80 4\rx",
            V1Cause::UnexpectedByte,
            "unexpected byte 0x78 'x' in the line end at offset 32",
        ),
        (
            "TCP4 1.2.3.4  1.2.3.4 80 4",
            V1Cause::UnexpectedByte,
            "unexpected byte 0x20 space in the destination address at offset 19",
        ),
    ] {
        let line = format!("PROXY {line}\r\n");
        let error = parse(line.as_bytes(), &Config::new()).unwrap_err();
        assert_eq!(error.to_string(), format!("invalid v1 header: {expected}"), "{line:?}");
        assert!(matches!(error, Error::V1(found) if found.cause == cause), "{error:?}");
    }
}

/// However a line is split, and whichever of its bytes come first.
#[test]
fn r64_a_crc32c_of_another_length_is_blamed_for_its_length() {
    for len in [0, 1, 2, 3, 5, 6, 7, 100] {
        let tlv = [&[kind::CRC32C, 0, len][..], &vec![0; usize::from(len)]].concat();
        let block = [&[0; 12], &tlv[..]].concat();
        let header = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0"[..], &[block.len() as u8], &block].concat();
        let expected = TlvError::new(kind::CRC32C, 28, TlvCause::Crc32cLength);
        assert_eq!(parse(&header, &Config::new()), Err(Error::Tlv(expected)), "{len}");
    }
}

#[test]
fn an_empty_datagram_is_no_closed_connection() {
    assert_eq!(parse_datagram(b"", &Config::new()), Err(Error::EmptyDatagram));
    assert_eq!(parse_datagram(b"P", &Config::new()), Err(Error::Truncated { received: 1 }));
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
