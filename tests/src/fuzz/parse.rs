use realpeer_io::HeaderStorage;
use realpeer_proto::{self as core, Config, Decoder, Error, Event, Parsed};

use super::{places, settings};

/// Whole, byte by byte or split anywhere: the same. What follows a header does not matter, what precedes its end
/// is never wrong, and the bytes said to be missing are.
pub fn parse(data: &[u8]) {
    let Some((&first, input)) = data.split_first() else { return };
    let config = &settings(first);
    let outcome = core::parse(input, config);

    // Where the outcome is settled: a header's end, the first wrong byte, or not at all.
    let settled = match outcome {
        Ok(Parsed::Complete { header, len }) => {
            assert!(len <= input.len() && len <= config.max_header_len());
            let mut other = input.to_vec();
            other[len..].iter_mut().for_each(|byte| *byte = !*byte);
            for input in [&input[..len], &other] {
                assert_eq!(core::parse(input, config), Ok(Parsed::Complete { header, len }));
            }
            Some(len)
        }
        Ok(Parsed::Incomplete { needed }) => {
            assert!(input.len() + needed.get() <= config.max_header_len());
            None
        }
        Err(_) => {
            // The settled prefixes all come after the others, so the first is found by halving.
            let (mut open, mut settled) = (0, input.len());
            while settled - open > 1 {
                let middle = usize::midpoint(open, settled);
                match core::parse(&input[..middle], config) {
                    Err(_) => settled = middle,
                    Ok(_) => open = middle,
                }
            }
            Some(settled)
        }
    };
    let mut least = 0;
    for end in places(input) {
        match (core::parse(&input[..end], config), settled) {
            (prefix, Some(settled)) if end >= settled => {
                assert_eq!(prefix, outcome);
                break;
            }
            (Ok(Parsed::Incomplete { needed }), _) => {
                let at_least = end + needed.get();
                assert!(at_least >= least, "at {end}");
                least = at_least;
                if let Ok(Parsed::Complete { len, .. }) = outcome {
                    assert!(at_least <= len, "at {end}");
                }
            }
            (prefix, _) => panic!("{prefix:?} at {end}, {outcome:?} at {settled:?}"),
        }
    }

    if let Err(error) = outcome {
        assert!(!matches!(
            error,
            Error::Closed | Error::Truncated { .. } | Error::OutOfMemory | Error::Unreachable
        ));
        assert!(!matches!(error, Error::ApiMisuse(_)));
        assert!(!error.to_string().ends_with(['.', '\n']));
    }
    assert_same(config, outcome, input, input.chunks(1));
    for split in places(input) {
        let (first, second) = input.split_at(split);
        assert_same(config, outcome, input, [first, second].into_iter());
    }
}

/// Pushes `parts` one after the other, until not all of one is taken.
fn assert_same<'a>(
    config: &Config,
    outcome: Result<Parsed<'_>, Error>,
    input: &[u8],
    mut parts: impl Iterator<Item = &'a [u8]>,
) {
    let mut decoder = Decoder::with_storage(config, HeaderStorage::default());
    let _ = parts.all(|part| decoder.push(part) == part.len());
    match (outcome, decoder.next_event()) {
        (Ok(Parsed::Complete { header, len }), Ok(Event::Header(found))) => {
            assert_eq!(found, header);
            assert_eq!(decoder.as_bytes(), &input[..len]);
        }
        (Ok(Parsed::Incomplete { needed }), Ok(Event::NeedData { min })) => {
            assert_eq!(min, needed);
            assert_eq!(decoder.as_bytes(), input);
        }
        (Err(error), Err(found)) => assert_eq!(found, error),
        (outcome, event) => panic!("{event:?} instead of {outcome:?}"),
    }
}
