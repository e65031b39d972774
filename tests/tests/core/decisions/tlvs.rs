//! The TLVs of version 2.

use realpeer_proto::{
    Config, Error, Parsed, Ssl, TextError, Tlv, TlvCause, TlvValue, Tlvs, V2Error, kind, parse,
};

use super::{IPV4, accepted, is_incomplete, read, rejected, seal, tlv_error, v2, with_tlvs};

/// Any run of bytes after the addresses that does not tile is refused, at the first byte that can't be.
#[test]
fn r60_tlvs_tile() {
    for (tail, cause, offset, kind, known_at) in [
        // The second TLV is cut short.
        (&b"\x01\0\x01x\x02\0\x02y"[..], TlvCause::Overrun, 32, 2, 35),
        (b"\x01\0\x09x", TlvCause::Overrun, 28, 1, 31),
        (b"\x01\xFF\xFFx", TlvCause::Overrun, 28, 1, 30),
        (b"\x01\0\0\x02", TlvCause::Stray, 28, 1, 31),
        (b"\x01\0\0\x02\0", TlvCause::Stray, 28, 1, 31),
        // Within SSL, whose end is not the header's.
        (b"\x20\0\x09\x01\0\0\0\0\x21\0\x02x\x04\0\x01y", TlvCause::Overrun, 36, 0x21, 39),
        (b"\x20\0\x06\x01\0\0\0\0\x21", TlvCause::Stray, 28, 0x20, 29),
        (b"\x20\0\x06\x01\0\0\0\0\x21\x04\0\0", TlvCause::Stray, 28, 0x20, 31),
        (b"\x20\0\x04\x01\0\0\0\x04\0\x01y", TlvCause::SslLength, 28, 0x20, 31),
        (b"\x20\0\0\x04\0\x02xy", TlvCause::SslLength, 28, 0x20, 31),
    ] {
        let header = v2(0x21, 0x11, &[IPV4, tail].concat());
        let error = tlv_error(kind, offset, cause);
        assert_eq!(rejected(&header), error, "{}", tail.escape_ascii());
        assert_eq!(rejected(&header[..known_at]), error, "{}", tail.escape_ascii());
        assert!(is_incomplete(&header[..known_at - 1]), "{}", tail.escape_ascii());
    }
}

/// Four bytes, at most once, and right, wherever it stands; within SSL or as bytes of another value it isn't one.
#[test]
fn r64_r65_the_checksum() {
    let crc: (u8, &[u8]) = (kind::CRC32C, &[0; 4]);
    for (tlvs, at) in [
        (vec![crc], 31),
        (vec![crc, (kind::ALPN, b"h2")], 31),
        (vec![(kind::ALPN, b"h2"), crc, (kind::NOOP, b"x")], 36),
        (vec![(kind::NOOP, b"\x03\0\x04abcd"), crc], 41),
        (vec![(kind::SSL, b"\x01\0\0\0\0\x03\0\x02ab"), crc], 44),
    ] {
        let good = seal(with_tlvs(&tlvs), at);
        assert_eq!(
            accepted(&good).tlvs().crc32c(),
            Some(u32::from_be_bytes(good[at..at + 4].try_into().unwrap()))
        );
        for byte in 16..good.len() {
            // Not the heads of TLVs: those tile no more, or are of another type.
            let in_a_value = byte < 28 || (at..at + 4).contains(&byte);
            let mut bad = good.clone();
            bad[byte] ^= 0x10;
            if in_a_value {
                let announced = u32::from_be_bytes(bad[at..at + 4].try_into().unwrap());
                let computed = u32::from_be_bytes(seal(bad.clone(), at)[at..at + 4].try_into().unwrap());
                assert_eq!(rejected(&bad), Error::V2(V2Error::Crc32c { announced, computed }));
            }
        }
        // Switched off, it is the shape alone that counts.
        let mut bad = good.clone();
        bad[at] ^= 1;
        let config = Config::new().with_crc32c_check(false);
        assert!(matches!(parse(&bad, &config), Ok(Parsed::Complete { .. })));
        assert!(!config.crc32c_check() && Config::new().crc32c_check());
    }
    for (tlvs, offset, cause) in [
        (vec![(3, &b""[..])], 28, TlvCause::Crc32cLength),
        (vec![(3, b"abc")], 28, TlvCause::Crc32cLength),
        (vec![(3, b"abcde"), (4, b"")], 28, TlvCause::Crc32cLength),
        (vec![crc, (4, b""), crc], 38, TlvCause::Crc32cTwice),
    ] {
        assert_eq!(rejected(&with_tlvs(&tlvs)), tlv_error(3, offset, cause), "{tlvs:?}");
    }
}

#[test]
fn r67_a_unique_id_has_at_most_128_bytes() {
    let id = [7; 129];
    assert_eq!(accepted(&with_tlvs(&[(kind::UNIQUE_ID, b"")])).tlvs().unique_id(), Some(&b""[..]));
    assert_eq!(accepted(&with_tlvs(&[(kind::UNIQUE_ID, &id[..128])])).tlvs().unique_id(), Some(&id[..128]));
    let long = with_tlvs(&[(kind::UNIQUE_ID, &id)]);
    let error = tlv_error(kind::UNIQUE_ID, 28, TlvCause::UniqueIdLength);
    assert_eq!((rejected(&long), rejected(&long[..31])), (error, error));
    assert_eq!(Tlv::new(kind::UNIQUE_ID, &id).decode(), TlvValue::Other(&id));
}

/// R61, R66, R76, R77, R78: what is not known is passed on.
#[test]
fn r61_every_type_is_accepted() {
    for kind in 0..=u8::MAX {
        let value: &[u8] = match kind {
            kind::CRC32C => continue,
            kind::SSL => &[0; 5],
            _ => b"\xFF\0x",
        };
        let header = with_tlvs(&[(kind, value), (kind, value)]);
        let tlvs = accepted(&header).tlvs();
        assert_eq!((tlvs.get(kind), tlvs.iter().count()), (Some(value), 2), "{kind:#x}");
    }
}

/// Accessors give the first, the iterator gives all, in order.
#[test]
fn r61_duplicates() {
    let header = with_tlvs(&[(kind::AUTHORITY, b"a"), (kind::ALPN, b"h2"), (kind::AUTHORITY, b"b")]);
    let tlvs = accepted(&header).tlvs();
    assert_eq!(tlvs.authority(), Some(Ok("a")));
    let all: Vec<_> = tlvs.iter().map(|tlv| (tlv.kind(), tlv.value())).collect();
    assert_eq!(all, [(2, &b"a"[..]), (1, b"h2"), (2, b"b")]);
    assert_eq!(tlvs.into_iter().count(), (&tlvs).into_iter().count());
}

/// CVE-2024-23324: values are bytes first; accessors of text can fail.
#[test]
fn r63_r72_r74_r75_text_is_checked() {
    let header = with_tlvs(&[
        (kind::AUTHORITY, b"ex\xFFample"),
        (kind::NETNS, "n\u{e9}".as_bytes()),
        (kind::SSL, b"\x01\0\0\0\0\x21\0\x02\xC3\xA9\x22\0\x02\xC3\xA9\x23\0\x01\x80"),
    ]);
    let tlvs = accepted(&header).tlvs();
    assert_eq!(tlvs.authority(), Some(Err(TextError::new(2))));
    assert_eq!(tlvs.get(kind::AUTHORITY), Some(&b"ex\xFFample"[..]));
    assert_eq!(tlvs.netns(), Some(Err(TextError::new(1))), "US-ASCII, not UTF-8");
    let ssl = tlvs.ssl().unwrap();
    assert_eq!(ssl.version(), Some(Err(TextError::new(0))), "US-ASCII");
    assert_eq!(ssl.common_name(), Some(Ok("\u{e9}")), "UTF-8");
    assert_eq!(ssl.cipher(), Some(Err(TextError::new(0))));
    assert!(tlvs.iter().take(2).all(|tlv| matches!(tlv.decode(), TlvValue::Other(_))));
}

#[test]
fn r62_to_r75_each_type_has_its_accessor() {
    let ssl = b"\x05\x01\x02\x03\x04\
        \x21\0\x01a\x22\0\x01b\x23\0\x01c\x24\0\x01d\x25\0\x01e\x26\0\x01f\x27\0\x01g\x28\0\x02\x30\x82\x7F\0\0";
    let header = seal(
        with_tlvs(&[
            (kind::CRC32C, &[0; 4]),
            (kind::ALPN, b"\x02h2"),
            (kind::AUTHORITY, "h\u{f6}st".as_bytes()),
            (kind::NOOP, b"pad"),
            (kind::UNIQUE_ID, b"\0\xFF"),
            (kind::SSL, ssl),
            (kind::NETNS, b"blue"),
        ]),
        31,
    );
    let tlvs = accepted(&header).tlvs();
    assert_eq!(tlvs.alpn(), Some(&b"\x02h2"[..]));
    assert_eq!(tlvs.authority(), Some(Ok("h\u{f6}st")));
    assert_eq!(tlvs.unique_id(), Some(&b"\0\xFF"[..]));
    assert_eq!(tlvs.netns(), Some(Ok("blue")));
    let ssl = tlvs.ssl().unwrap();
    assert_eq!((ssl.client(), ssl.verify(), ssl.is_tls()), (5, 0x0102_0304, true));
    assert_eq!(
        (ssl.version(), ssl.common_name(), ssl.cipher()),
        (Some(Ok("a")), Some(Ok("b")), Some(Ok("c")))
    );
    assert_eq!((ssl.signature_algorithm(), ssl.key_algorithm()), (Some(Ok("d")), Some(Ok("e"))));
    assert_eq!((ssl.group(), ssl.signature_scheme()), (Some(Ok("f")), Some(Ok("g"))));
    assert_eq!(ssl.client_certificate(), Some(&b"\x30\x82"[..]));
    assert_eq!((ssl.tlvs().iter().count(), ssl.tlvs().get(0x7F)), (9, Some(&b""[..])));
    let decoded: Vec<_> = tlvs.iter().map(|tlv| tlv.decode()).collect();
    assert_eq!(
        decoded,
        [
            TlvValue::Crc32c(tlvs.crc32c().unwrap()),
            TlvValue::Alpn(b"\x02h2"),
            TlvValue::Authority("h\u{f6}st"),
            TlvValue::Noop,
            TlvValue::UniqueId(b"\0\xFF"),
            TlvValue::Ssl(ssl),
            TlvValue::Netns("blue"),
        ]
    );
    let none = accepted(b"PROXY UNKNOWN\r\n").tlvs();
    assert!(none.is_empty() && none.alpn().is_none() && none.authority().is_none() && none.ssl().is_none());
    assert!(none.crc32c().is_none() && none.unique_id().is_none() && none.netns().is_none());
}

/// A certificate flag and verify 0: HAProxy sends 0 without a certificate, so 0 alone says nothing.
#[test]
fn r69_r71_a_verified_client_certificate() {
    for client in 0..=u8::MAX {
        for verify in [0u32, 1, 18, 0x100, 0x0100_0000, u32::MAX] {
            let value = [&[client][..], &verify.to_be_bytes()].concat();
            let header = with_tlvs(&[(kind::SSL, &value)]);
            let ssl = accepted(&header).tlvs().ssl().unwrap();
            let certificate = client & (Ssl::CLIENT_CERT_CONN | Ssl::CLIENT_CERT_SESS) != 0;
            // F24: not without TLS, whatever else the same byte says.
            assert_eq!(
                ssl.has_verified_client_certificate(),
                ssl.is_tls() && certificate && verify == 0,
                "{client:#x} {verify}"
            );
            assert_eq!((ssl.is_tls(), ssl.verify()), (client & 1 == 1, verify));
        }
    }
}

/// At least five bytes, and what follows tiles; types have no rules within, not even SSL's.
#[test]
fn r68_ssl() {
    for len in 0..12usize {
        let value = vec![0; len];
        let header = with_tlvs(&[(kind::SSL, &value), (kind::NOOP, b"")]);
        let tiles = len >= 5 && (len - 5) % 3 == 0;
        assert_eq!(read(&header).is_ok(), tiles, "{len}");
        assert_eq!(Ssl::new(&value).is_some(), tiles, "{len}");
        let expected = if tiles { None } else { Some(TlvValue::Other(&value)) };
        assert_eq!(
            Some(Tlv::new(kind::SSL, &value).decode()).filter(|value| matches!(value, TlvValue::Other(_))),
            expected
        );
    }
    for within in [&b"\x03\0\x01x"[..], b"\x03\0\x04....\x03\0\x04....", b"\x20\0\x01x"] {
        let value = [&[0; 5][..], within].concat();
        assert!(accepted(&with_tlvs(&[(kind::SSL, &value)])).tlvs().ssl().is_some());
    }
    let id = [&b"\0\0\0\0\0\x05\0\x81"[..], &[0; 129]].concat();
    assert!(accepted(&with_tlvs(&[(kind::SSL, &id)])).tlvs().ssl().is_some());
}

/// AWS: subtype 1 and text; Azure: subtype 1 and 32 bits, little-endian; GCP: 64 bits, big-endian. A TLV that keeps the
/// rules of its type, before one or two bytes that aren't one.
#[test]
fn r60_strays_are_blamed_on_no_rule() {
    for (kind, len) in [(kind::CRC32C, 4), (kind::UNIQUE_ID, 128), (kind::SSL, 5), (kind::NOOP, 1)] {
        for stray in 1..=2 {
            let mut header = with_tlvs(&[(kind, &vec![0; len])]);
            header.extend(vec![0; stray]);
            let announced = u16::try_from(header.len() - 16).unwrap();
            header[14..16].copy_from_slice(&announced.to_be_bytes());
            // A CRC32C has a length of its own, so it is known to be wrong before the length has arrived.
            let cause = if kind == kind::CRC32C { TlvCause::Crc32cLength } else { TlvCause::Stray };
            assert_eq!(rejected(&header), tlv_error(kind, 28, cause), "{kind}");
        }
    }
    // Within SSL there is room for no TLV, though SSL ends where the header does.
    for len in [6, 7] {
        let header = with_tlvs(&[(kind::SSL, &vec![0; len])]);
        assert_eq!(rejected(&header), tlv_error(kind::SSL, 28, TlvCause::Stray));
    }
    // There is room for the least that SSL has, and it says that it has more.
    let mut header = with_tlvs(&[(kind::SSL, &[0; 5])]);
    header[28 + 2] = 6;
    assert_eq!(rejected(&header), tlv_error(kind::SSL, 28, TlvCause::Overrun));
}

/// The rules of types are for TLVs of the header: within SSL the types are others.
#[test]
fn r68_types_have_no_rules_within_ssl() {
    for (kind, len) in
        [(kind::CRC32C, 3), (kind::CRC32C, 5), (kind::UNIQUE_ID, 129), (kind::SSL, 0), (kind::SSL, 7)]
    {
        let tlv = [&[kind, 0, len][..], &vec![0; usize::from(len)]].concat();
        for tlvs in [tlv.clone(), tlv.repeat(2), [&tlv[..], &[kind::NOOP, 0, 0]].concat()] {
            let value = [&[1, 0, 0, 0, 0], &tlvs[..]].concat();
            accepted(&with_tlvs(&[(kind::SSL, &value)]));
            accepted(&with_tlvs(&[(kind::SSL, &value), (kind::NOOP, &[])]));
        }
    }
    for kind in [kind::CRC32C, kind::UNIQUE_ID, kind::SSL] {
        for (len, cause) in [(200, TlvCause::Overrun), (3, TlvCause::Stray)] {
            let value = [&[1, 0, 0, 0, 0, kind, 0, len][..], &[0; 4]].concat();
            assert_eq!(rejected(&with_tlvs(&[(kind::SSL, &value)])), tlv_error(kind, 16 + 12 + 3 + 5, cause));
        }
    }
}

#[test]
fn r76_the_types_of_vendors() {
    let header = with_tlvs(&[
        (kind::AWS, b"\x02other"),
        (kind::AWS, b"\x01"),
        (kind::AWS, b"\x01vpce-08d2bf15fac5001c9"),
        (kind::AZURE, b"\x02\x01\0\0\0"),
        (kind::AZURE, b"\x01\x78\x56\x34\x12"),
        (kind::GCP, b"\0\0\0\x01\0\0\0\x02"),
    ]);
    let tlvs = accepted(&header).tlvs();
    assert_eq!(tlvs.aws_vpc_endpoint_id(), Some(Ok("vpce-08d2bf15fac5001c9")));
    assert_eq!(tlvs.azure_private_link_id(), Some(0x1234_5678));
    assert_eq!(tlvs.gcp_psc_connection_id(), Some(0x0000_0001_0000_0002));
    let decoded: Vec<_> = tlvs.iter().map(|tlv| tlv.decode()).collect();
    assert_eq!(decoded[2], TlvValue::AwsVpcEndpointId("vpce-08d2bf15fac5001c9"));
    assert_eq!(
        decoded[4..],
        [TlvValue::AzurePrivateLinkId(0x1234_5678), TlvValue::GcpPscConnectionId(1 << 32 | 2)]
    );

    for (kind, value) in [
        (kind::AWS, &b""[..]),
        (kind::AWS, b"\x01"),
        (kind::AZURE, b"\x01\x78\x56\x34"),
        (kind::AZURE, b"\x01\x78\x56\x34\x12\x00"),
        (kind::GCP, b"\0\0\0\x01\0\0\0"),
        (kind::GCP, b"\0\0\0\x01\0\0\0\x02\0"),
    ] {
        let header = with_tlvs(&[(kind, value)]);
        let tlvs = accepted(&header).tlvs();
        assert_eq!(tlvs.iter().next().unwrap().decode(), TlvValue::Other(value));
        let ids = (tlvs.aws_vpc_endpoint_id(), tlvs.azure_private_link_id(), tlvs.gcp_psc_connection_id());
        assert_eq!(ids, (None, None, None));
    }
    let header = with_tlvs(&[(kind::AWS, b"\x01\xFF")]);
    let tlvs = accepted(&header).tlvs();
    assert_eq!(tlvs.aws_vpc_endpoint_id(), Some(Err(TextError::new(0))));
    assert_eq!(tlvs.iter().next().unwrap().decode(), TlvValue::Other(b"\x01\xFF"));
}

/// For logs: the type as the specification writes it, and bytes that can be told apart.
#[test]
fn r59_what_tlvs_say_of_themselves() {
    let tlvs = Tlvs::new(b"\x01\0\x02h2\xEA\0\x02\x01\xFF").unwrap();
    assert_eq!(format!("{tlvs:?}"), r#"[Tlv(0x01, "h2"), Tlv(0xea, "\x01\xff")]"#);
}
