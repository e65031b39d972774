//! Which bytes `push` takes: those of the header, and none behind it or behind what makes it impossible.

use realpeer_proto::{Config, Decoder, Error, Event};

const LINE: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb";

fn decoder() -> Decoder<[u8; 536]> {
    Decoder::with_storage(&Config::new(), [0; 536])
}

/// `push` compares blocks of sixteen bytes, and CR and LF may lie in two of them, or in two pushes.
#[test]
fn a_line_ends_at_its_crlf_wherever_that_lies() {
    for filler in 0..34 {
        let line = [b"PROXY UNKNOWN ", &b"abc\r".repeat(30)[..filler], b"\r\n"].concat();
        let all =
            [&line[..], b"payload\r\n and as much of it as there is room for in a line\r\n\r\n"].concat();
        for cut in 0..=line.len() {
            let mut decoder = decoder();
            let (first, second) = all.split_at(cut);
            assert_eq!(decoder.push(first), cut);
            assert_eq!(decoder.push(second), line.len() - cut, "{} cut at {cut}", line.escape_ascii());
            assert!(matches!(decoder.next_event(), Ok(Event::Header(_))));
            assert_eq!(decoder.push(b"more"), 0);
            assert_eq!(decoder.as_bytes(), line);
        }
    }
}

/// In one push and in two.
#[test]
fn the_byte_that_makes_a_header_impossible_is_not_taken() {
    for (header, checked) in [(LINE, LINE.len()), (BINARY, 14)] {
        for bad in 0..checked {
            // It is right nowhere, and in no number's place.
            let mut bytes = header.to_vec();
            bytes[bad] = 0xF7;
            for cut in 0..=bad {
                let mut decoder = decoder();
                let (first, second) = bytes.split_at(cut);
                assert_eq!((decoder.push(first), decoder.push(second)), (cut, bad - cut), "{bad} of {cut}");
                assert!(decoder.next_event().is_err());
                assert_eq!(decoder.as_bytes(), &bytes[..bad]);
            }
        }
    }
}

/// A complete header that arrives at once is recognised at a glance, but not behind other bytes.
#[test]
fn a_header_behind_the_start_of_another_is_none() {
    let push = |decoder: &mut Decoder<[u8; 536]>, start: &[u8]| assert_eq!(decoder.push(start), start.len());
    let fill = |decoder: &mut Decoder<[u8; 536]>, start: &[u8]| {
        decoder.read_slot()[..start.len()].copy_from_slice(start);
        decoder.received(start.len());
    };
    for (start, header, offset, put) in [
        (&b"\r"[..], BINARY, 1, &push as &dyn Fn(&mut Decoder<_>, &[u8])),
        (b"\r\n\r\n", BINARY, 4, &push),
        (b"P", LINE, 1, &push),
        (b"\r", BINARY, 1, &fill),
        (b"P", LINE, 1, &fill),
    ] {
        let mut decoder = decoder();
        put(&mut decoder, start);
        assert_eq!(decoder.push(header), offset - start.len(), "{}", start.escape_ascii());
        let found = header[offset - start.len()];
        match decoder.next_event() {
            Err(Error::Signature { offset: at, found: byte, .. }) => {
                assert_eq!((usize::from(at), byte), (offset, found));
            }
            Err(Error::V1(error)) => assert_eq!((usize::from(error.offset), error.found), (offset, found)),
            other => panic!("{other:?}"),
        }
    }
}
