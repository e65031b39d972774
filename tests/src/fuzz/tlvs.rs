use realpeer_proto::{Ssl, Tlv, TlvValue, Tlvs, kind};

/// TLVs against a plain walk along the bytes, and what their accessors give against the values.
pub fn tlvs(data: &[u8]) {
    let expected = tile(data);
    let tlvs = Tlvs::new(data);
    assert_eq!(tlvs.is_some(), expected.is_some());
    let (Some(tlvs), Some(expected)) = (tlvs, expected) else { return };
    assert_eq!(tlvs.as_bytes(), data);
    assert_eq!(tlvs.is_empty(), data.is_empty());
    let found: Vec<_> = tlvs.iter().map(|tlv| (tlv.kind(), tlv.value())).collect();
    assert_eq!(found, expected);
    let kinds = expected.iter().flat_map(|tlv| [tlv.0, tlv.0.wrapping_add(1)]);
    for kind in kinds.chain(data.first().copied()).take(16) {
        let first = expected.iter().find(|tlv| tlv.0 == kind).map(|tlv| tlv.1);
        assert_eq!(tlvs.get(kind), first);
    }
    assert_eq!(tlvs.alpn(), tlvs.get(kind::ALPN));
    assert_eq!(tlvs.unique_id(), tlvs.get(kind::UNIQUE_ID));
    assert_eq!(
        tlvs.authority().map(|text| text.map_err(|error| error.valid_up_to)),
        tlvs.get(kind::AUTHORITY)
            .map(|value| std::str::from_utf8(value).map_err(|error| error.valid_up_to()))
    );
    assert_eq!(
        tlvs.netns().map(|text| text.map_err(|error| error.valid_up_to)),
        tlvs.get(kind::NETNS).map(ascii)
    );
    assert_eq!(tlvs.ssl(), tlvs.get(kind::SSL).and_then(Ssl::new));
    for tlv in tlvs {
        check_value(tlv);
    }
    // Debug never fails, and says no raw byte.
    assert!(format!("{tlvs:?}").is_ascii());
}

fn tile(mut bytes: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut tlvs = Vec::new();
    while !bytes.is_empty() {
        let len = usize::from(*bytes.get(1)?) * 256 + usize::from(*bytes.get(2)?);
        tlvs.push((bytes[0], bytes.get(3..3 + len)?));
        bytes = &bytes[3 + len..];
    }
    Some(tlvs)
}

fn check_value(tlv: Tlv<'_>) {
    let value = tlv.value();
    match (tlv.kind(), tlv.decode()) {
        (kind::ALPN, TlvValue::Alpn(found)) => assert_eq!(found, value),
        (kind::AUTHORITY, TlvValue::Authority(text)) => assert_eq!(text.as_bytes(), value),
        (kind::NETNS, TlvValue::Netns(text)) => assert!(text.as_bytes() == value && text.is_ascii()),
        (kind::CRC32C, TlvValue::Crc32c(sum)) => assert_eq!(sum.to_be_bytes(), value),
        (kind::NOOP, TlvValue::Noop) => {}
        (kind::UNIQUE_ID, TlvValue::UniqueId(id)) => assert!(id == value && id.len() <= 128),
        (kind::SSL, TlvValue::Ssl(ssl)) => check_ssl(ssl, value),
        (kind::AWS, TlvValue::AwsVpcEndpointId(id)) => assert_eq!([b"\x01", id.as_bytes()].concat(), value),
        (kind::AZURE, TlvValue::AzurePrivateLinkId(id)) => {
            assert_eq!([&[1][..], &id.to_le_bytes()].concat(), value);
        }
        (kind::GCP, TlvValue::GcpPscConnectionId(id)) => assert_eq!(id.to_be_bytes(), value),
        (kind, TlvValue::Other(found)) => {
            assert_eq!(found, value);
            let meant = match kind {
                kind::ALPN | kind::NOOP => true,
                kind::AUTHORITY => std::str::from_utf8(value).is_ok(),
                kind::NETNS => ascii(value).is_ok(),
                kind::CRC32C => value.len() == 4,
                kind::UNIQUE_ID => value.len() <= 128,
                kind::SSL => Ssl::new(value).is_some(),
                kind::AWS => value.first() == Some(&1) && value.len() > 1 && value.is_ascii(),
                kind::AZURE => value.first() == Some(&1) && value.len() == 5,
                kind::GCP => value.len() == 8,
                _ => false,
            };
            assert!(!meant, "{tlv:?} has the shape of its type");
        }
        other => panic!("{other:?}"),
    }
}

fn check_ssl(ssl: Ssl<'_>, value: &[u8]) {
    assert_eq!(ssl.client(), value[0]);
    assert_eq!(ssl.verify().to_be_bytes(), value[1..5]);
    assert_eq!(ssl.tlvs().as_bytes(), &value[5..]);
    assert_eq!(ssl.is_tls(), value[0] % 2 == 1);
    assert_eq!(
        ssl.has_verified_client_certificate(),
        value[0] & 1 > 0 && value[0] & 6 > 0 && value[1..5] == [0; 4]
    );
    let texts = [
        (kind::SSL_VERSION, ssl.version()),
        (kind::SSL_CIPHER, ssl.cipher()),
        (kind::SSL_SIG_ALG, ssl.signature_algorithm()),
        (kind::SSL_KEY_ALG, ssl.key_algorithm()),
        (kind::SSL_GROUP, ssl.group()),
        (kind::SSL_SIG_SCHEME, ssl.signature_scheme()),
    ];
    for (kind, text) in texts {
        assert_eq!(text.map(|text| text.map_err(|error| error.valid_up_to)), ssl.tlvs().get(kind).map(ascii));
    }
    assert_eq!(ssl.common_name().and_then(Result::ok).map(str::as_bytes), {
        ssl.tlvs().get(kind::SSL_CN).filter(|name| std::str::from_utf8(name).is_ok())
    });
    assert_eq!(ssl.client_certificate(), ssl.tlvs().get(kind::SSL_CLIENT_CERT));

    let mut encoded = vec![0; value.len()];
    let tlvs: Vec<_> = ssl.tlvs().iter().collect();
    assert_eq!(Ssl::encode(ssl.client(), ssl.verify(), &tlvs, &mut encoded), Ok(value.len()));
    assert_eq!(encoded, value);
}

/// The text, or how many of its bytes are ASCII.
fn ascii(value: &[u8]) -> Result<&str, usize> {
    let ascii = value.iter().take_while(|byte| **byte < 128).count();
    if ascii == value.len() { Ok(std::str::from_utf8(value).unwrap()) } else { Err(ascii) }
}
