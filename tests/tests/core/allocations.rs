//! The core allocates nothing: its only storage is the caller's.

use std::hint::black_box;
use std::task::Poll;
use std::time::Duration;

use allocation_counter::measure;
use realpeer_proto::{
    Address, Config, Decoder, Encoder, Event, Handshake, MAX_HEADER_LEN, Parsed, ReadMode, Ssl, Tlv,
    TlvValue, kind, parse, parse_datagram,
};
use realpeer_tests::inputs::ROWS;

/// Panics if `work` allocates, or frees.
fn allocates_nothing(work: impl FnOnce()) {
    let info = measure(work);
    assert_eq!((info.count_total, info.count_current), (0, 0));
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(black_box(Box::new(1)))).count_total, 1);
    assert_eq!(measure(|| drop(black_box(vec![0u8; 536]))).bytes_total, 536);
}

#[test]
fn nothing_is_allocated_to_decode() {
    let config = Config::new().with_max_header_len(MAX_HEADER_LEN);
    let mut storage = vec![0; MAX_HEADER_LEN];
    let mut scratch = [0; 536];
    let mut headers = 0;
    for bytes in ROWS.iter() {
        let accepted = matches!(parse(bytes, &config), Ok(Parsed::Complete { .. }));
        headers += usize::from(accepted);
        allocates_nothing(|| {
            black_box(parse(bytes, &config).is_ok());
            black_box(parse_datagram(bytes, &config).is_ok());
            if let Ok(Parsed::Complete { header, .. }) = parse(bytes, &config) {
                let decoded =
                    header.tlvs().iter().filter(|tlv| matches!(tlv.decode(), TlvValue::Other(_))).count();
                let ssl = header.tlvs().ssl().and_then(|ssl| ssl.common_name());
                let ip = header.source().as_ref().and_then(Address::ip);
                black_box((decoded, ssl, ip));
            }
        });
        allocates_nothing(|| {
            let mut decoder = Decoder::with_storage(&config, &mut storage[..]);
            for byte in bytes {
                if decoder.push(&[*byte]) == 0 {
                    break;
                }
            }
            assert_eq!(matches!(decoder.next_event(), Ok(Event::Header(_))), accepted);
            black_box(decoder.header().is_some());
        });
        allocates_nothing(|| {
            let mut rest = &bytes[..];
            let mut handshake = Handshake::with_storage(&config, Duration::ZERO, [0; 536]);
            black_box(handshake.poll_peek_with(&mut scratch, |slot, mode| {
                let n = slot.len().min(rest.len());
                slot[..n].copy_from_slice(&rest[..n]);
                if mode == ReadMode::Take {
                    rest = &rest[n..];
                }
                Poll::Ready(Ok::<_, ()>(n))
            }))
            .is_ready();
            black_box(handshake.header().is_some());
        });
    }
    assert!(headers > 200, "{headers}");
}

#[test]
fn nothing_is_allocated_to_encode() {
    let config = Config::new().with_max_header_len(MAX_HEADER_LEN);
    let mut out = vec![0; MAX_HEADER_LEN];
    for bytes in ROWS.iter() {
        let Ok(Parsed::Complete { header, .. }) = parse(bytes, &config) else { continue };
        allocates_nothing(|| {
            let encoder = Encoder::from(header);
            let len = encoder.encode(&mut out).unwrap();
            assert_eq!(encoder.encoded_len(), Ok(len));
            black_box(encoder.encode(&mut out[..len - 1]).is_err());
        });
    }
    allocates_nothing(|| {
        let mut value = [0; 100];
        let within = [Tlv::new(kind::SSL_VERSION, b"TLSv1.3"), Tlv::new(kind::SSL_CN, b"alice")];
        let len = Ssl::encode(Ssl::CLIENT_SSL, 0, &within, &mut value).unwrap();
        let tlvs = [Tlv::new(kind::SSL, &value[..len]), Tlv::new(kind::AUTHORITY, b"example.com")];
        let encoder = Encoder::local().with_tlvs(&tlvs).with_crc32c().with_padding_to(200);
        assert_eq!(encoder.encode(&mut out), Ok(200));
    });
}
