//! What can be tried out in full: every command and family byte with every kind of length, every single change of
//! every good header, every port, every split.

use std::task::Poll;
use std::thread;
use std::time::Duration;

use realpeer_proto::{
    Address, Config, Decoder, Error, Event, Handshake, HandshakeError, Header, MAX_HEADER_LEN, Parsed, parse,
};
use realpeer_tests::fuzz::compare;
use realpeer_tests::inputs::ROWS;

const CONFIG: Config = Config::new().with_max_header_len(MAX_HEADER_LEN);

/// Runs `check` on all items, on as many threads as there are processors, and adds up what it says.
fn on_all<T: Sync>(items: &[T], check: impl Fn(&T) -> usize + Sync) -> usize {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let part = |first| -> usize { items.iter().skip(first).step_by(threads).map(&check).sum() };
        let handles: Vec<_> = (0..threads).map(|first| scope.spawn(move || part(first))).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).sum()
    })
}

/// R34 to R50: 65,536 values of two bytes, fourteen blocks after them, each complete and missing.
#[test]
fn every_command_and_family_with_every_kind_of_length() {
    let values: Vec<u16> = (0..=u16::MAX).collect();
    let compared = on_all(&values, |value| {
        let [command, family] = value.to_be_bytes();
        let addresses = match family >> 4 {
            1 => 12,
            2 => 36,
            3 => 216,
            _ => 4,
        };
        let block = |tlvs: &[u8]| [&vec![0x2E; addresses][..], tlvs].concat();
        let blocks = [
            vec![],
            vec![0x2E; addresses - 1],
            block(&[]),
            block(&[4]),
            block(&[4, 0]),
            block(&[4, 0, 0]),
            block(&[4, 0, 1]),
            block(&[3, 0, 4, 0, 0, 0, 0]),
            block(&[4, 0, 4, 0, 0, 0, 0]),
            block(&[0x20, 0, 5, 0, 0, 0, 0, 0]),
            block(&[&[4, 1, 0][..], &[0; 256]].concat()),
            // Without addresses: TLVs right after the fixed part.
            vec![4, 0, 0],
            vec![3, 0, 4, 1, 2, 3, 4],
            vec![0; 500],
        ];
        for block in &blocks {
            let len = (block.len() as u16).to_be_bytes();
            let bytes = [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &len, block].concat();
            compare(&bytes, &CONFIG);
            compare(&bytes[..16], &CONFIG);
        }
        // The largest, of which only the fixed part is here.
        compare(&[b"\r\n\r\n\0\r\nQUIT\n", &[command, family, 0xFF, 0xFF][..]].concat(), &CONFIG);
        2 * blocks.len() + 1
    });
    assert_eq!(compared, 65_536 * 29);
}

/// What the specification says of the first bytes of a version 2 header, at most 16 of them (sections 2.2, R34 to R50):
/// how many bytes are missing at least, 0 if none, or `None` if no header begins like this.
fn missing_of_v2(start: &[u8]) -> Option<usize> {
    const SIGNATURE: [u8; 12] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A];
    if start.iter().zip(SIGNATURE).any(|(byte, expected)| *byte != expected) {
        return None;
    }
    let addresses = match (start.get(12), start.get(13)) {
        (Some(0x21), Some(0x11 | 0x12)) => Some(12),
        (Some(0x21), Some(0x21 | 0x22)) => Some(36),
        (Some(0x21), Some(0x31 | 0x32)) => Some(216),
        (None | Some(0x20 | 0x21), None)
        | (Some(0x20), _)
        | (Some(0x21), Some(0x00..=0x02 | 0x10 | 0x20 | 0x30)) => None,
        _ => return None,
    };
    let [.., high, low] = *start.first_chunk::<16>().map(|fixed| &fixed[..]).unwrap_or_default() else {
        return Some(16 - start.len());
    };
    let len = usize::from(high) * 256 + usize::from(low);
    let tlvs = len.checked_sub(addresses.unwrap_or(0))?;
    // A TLV has three bytes or more. Where there are no addresses the block is skipped, whatever it holds.
    (addresses.is_none() || !(1..3).contains(&tlvs)).then_some(len)
}

/// What the library says of them.
fn missing_for_us(start: &[u8]) -> Option<usize> {
    match parse(start, &CONFIG) {
        Ok(Parsed::Incomplete { needed }) => Some(needed.get()),
        Ok(Parsed::Complete { .. }) => Some(0),
        Err(_) => None,
    }
}

/// Every byte after every start of the fixed part that the specification allows: 256 for each of the signature's
/// places, 65,536 commands and families, and 65,536 lengths for each of these that is allowed.
#[test]
fn the_first_16_bytes_of_v2_are_judged_as_the_specification_says() {
    let mut starts = vec![b"\r\n\r\n\0\r\nQUIT\n"[..1].to_vec()];
    let mut compared = 0;
    while starts[0].len() < 14 {
        let longer = starts.iter().flat_map(|start| (0..=255).map(|byte| [&start[..], &[byte]].concat()));
        let longer: Vec<_> = longer.collect();
        compared += longer.len();
        let expected = longer.iter().map(|start| missing_of_v2(start));
        for (start, expected) in longer.iter().zip(expected) {
            assert_eq!(missing_for_us(start), expected, "{}", start.escape_ascii());
        }
        starts = longer.into_iter().filter(|start| missing_of_v2(start).is_some()).collect();
    }
    // All of LOCAL, and twelve of PROXY.
    assert_eq!(starts.len(), 256 + 12);
    compared += on_all(&starts, |start| {
        for len in 0..=u16::MAX {
            let [high, low] = len.to_be_bytes();
            let fixed = [&start[..], &[high, low]].concat();
            assert_eq!(missing_for_us(&fixed), missing_of_v2(&fixed), "{}", fixed.escape_ascii());
            assert_eq!(missing_for_us(&fixed[..15]), missing_of_v2(&fixed[..15]), "{}", fixed.escape_ascii());
        }
        2 * (usize::from(u16::MAX) + 1)
    });
    println!("{compared} starts compared");
    assert_eq!(compared, 12 * 256 + 2 * 256 + 268 * 2 * 65_536);
}

/// The vectors that begin with a header, without what follows it.
fn accepted() -> Vec<Vec<u8>> {
    let header = |bytes: &Vec<u8>| match parse(bytes, &CONFIG) {
        Ok(Parsed::Complete { len, .. }) => Some(bytes[..len].to_vec()),
        _ => None,
    };
    let mut headers: Vec<_> = ROWS.iter().filter_map(header).collect();
    headers.sort();
    headers.dedup();
    headers
}

/// The bytes to be put in the place of `byte`, or before it: all of them, and a few in headers of more than 1,100
/// bytes, of which nearly all is padding.
fn others(byte: u8, header: &[u8]) -> impl Iterator<Item = u8> {
    let few = [byte ^ 1, byte ^ 0x80, byte.wrapping_add(3)];
    let is_long = header.len() > 1100;
    (0..=255).filter(move |other| *other != byte && (!is_long || few.contains(other)))
}

#[test]
fn every_byte_of_every_accepted_vector_changed() {
    let compared = on_all(&accepted(), |header| {
        let mut changed = header.clone();
        let mut compared = 0;
        for (at, &byte) in header.iter().enumerate() {
            for other in others(byte, header) {
                changed[at] = other;
                compare(&changed, &CONFIG);
                compared += 1;
            }
            changed[at] = byte;
        }
        compared
    });
    println!("{compared} changes");
    assert!(compared > 3_500_000, "{compared}");
}

#[test]
fn every_byte_inserted_into_every_accepted_vector() {
    let compared = on_all(&accepted(), |header| {
        let mut compared = 0;
        for at in 0..=header.len() {
            let mut longer = header.clone();
            longer.insert(at, 0);
            let byte = header.get(at).copied().unwrap_or_default();
            for other in others(byte, header).chain([byte]) {
                longer[at] = other;
                compare(&longer, &CONFIG);
                compared += 1;
            }
        }
        compared
    });
    println!("{compared} insertions");
    assert!(compared > 3_500_000, "{compared}");
}

#[test]
fn every_byte_of_every_accepted_vector_left_out() {
    let compared = on_all(&accepted(), |header| {
        for at in 0..header.len() {
            let mut shorter = header.clone();
            shorter.remove(at);
            compare(&shorter, &CONFIG);
        }
        header.len()
    });
    println!("{compared} deletions");
    assert!(compared > 35_000, "{compared}");
}

/// R23: numbers up to 99,999 as either port, and the same with zeros, signs and spaces before them.
#[test]
fn every_port() {
    let numbers: Vec<u32> = (0..=99_999).collect();
    let ports = |line: &str| match parse(line.as_bytes(), &CONFIG) {
        Ok(Parsed::Complete { header, len }) => {
            assert_eq!(len, line.len());
            let port = |address: Option<Address<'_>>| address.unwrap().socket_addr().map(|addr| addr.port());
            Some((port(header.source()).unwrap(), port(header.destination()).unwrap()))
        }
        Ok(Parsed::Incomplete { .. }) => panic!("{line}"),
        Err(error) => {
            assert!(matches!(error, Error::V1(_)), "{line}: {error}");
            None
        }
    };
    let lines = on_all(&numbers, |&number| {
        let expected = u16::try_from(number).ok();
        assert_eq!(
            ports(&format!("PROXY TCP4 1.2.3.4 5.6.7.8 {number} 443\r\n")),
            expected.map(|port| (port, 443))
        );
        assert_eq!(ports(&format!("PROXY TCP6 ::1 ::2 1 {number}\r\n")), expected.map(|port| (1, port)));
        for before in ["0", "00", "+", "-", " ", "0x"] {
            assert_eq!(ports(&format!("PROXY TCP4 1.2.3.4 5.6.7.8 {before}{number} 443\r\n")), None);
            assert_eq!(ports(&format!("PROXY TCP6 ::1 ::2 1 {before}{number}\r\n")), None);
        }
        14
    });
    assert_eq!(lines, 1_400_000);
}

/// What comes of bytes: what a header says and its length, the bytes missing, or the error.
type Outcome = Result<Result<(String, usize), usize>, Error>;

fn header(header: Header<'_>, len: usize) -> (String, usize) {
    (format!("{header:?}"), len)
}

fn whole(bytes: &[u8]) -> Outcome {
    Ok(match parse(bytes, &CONFIG)? {
        Parsed::Complete { header: found, len } => Ok(header(found, len)),
        Parsed::Incomplete { needed } => Err(needed.get()),
    })
}

/// Pushes `parts`.
fn pushed(parts: &[&[u8]], storage: &mut [u8]) -> Outcome {
    let mut decoder = Decoder::with_storage(&CONFIG, storage);
    let mut taken = 0;
    for part in parts {
        let n = decoder.push(part);
        taken += n;
        if n < part.len() {
            break;
        }
    }
    Ok(match decoder.next_event()? {
        Event::Header(found) => Ok(header(found, taken)),
        Event::NeedData { min } => Err(min.get()),
    })
}

/// Reads `parts`, each with as many reads as it takes, none of which goes beyond it; at its end there is nothing yet,
/// as when a packet has not come.
fn read(parts: &[&[u8]], storage: &mut [u8]) -> Outcome {
    let mut handshake = Handshake::with_storage(&CONFIG, Duration::ZERO, storage);
    let mut taken = 0;
    for part in parts {
        let mut rest = *part;
        let polled = handshake.poll_with(|slot| {
            if rest.is_empty() {
                return Poll::<Result<usize, ()>>::Pending;
            }
            let n = slot.len().min(rest.len());
            slot[..n].copy_from_slice(&rest[..n]);
            rest = &rest[n..];
            taken += n;
            Poll::Ready(Ok(n))
        });
        match polled {
            Poll::Ready(Ok(())) => return Ok(Ok(header(handshake.header().unwrap(), taken))),
            Poll::Ready(Err(HandshakeError::Protocol(error))) => return Err(error),
            Poll::Ready(Err(error)) => panic!("{error:?}"),
            Poll::Pending => assert!(rest.is_empty()),
        }
    }
    let mut decoder = handshake.into_decoder();
    match decoder.next_event()? {
        Event::NeedData { min } => Ok(Err(min.get())),
        event @ Event::Header(_) => panic!("{event:?}"),
    }
}

/// Every vector in two parts at every place, those of up to 64 bytes in three as well.
#[test]
fn every_split_in_two_and_three() {
    let splits = on_all(&ROWS, |bytes| {
        let expected = whole(bytes);
        let mut storage = vec![0; MAX_HEADER_LEN];
        let mut check = |parts: &[&[u8]]| {
            assert_eq!(pushed(parts, &mut storage), expected, "{parts:?}");
            assert_eq!(read(parts, &mut storage), expected, "{parts:?}");
        };
        let mut splits = 0;
        for end in 0..=bytes.len() {
            let (first, last) = bytes.split_at(end);
            check(&[first, last]);
            splits += 1;
            if bytes.len() <= 64 {
                for middle in 0..=end {
                    let (first, second) = first.split_at(middle);
                    check(&[first, second, last]);
                    splits += 1;
                }
            }
        }
        splits
    });
    println!("{splits} splits");
    assert!(splits > 200_000, "{splits}");
}
