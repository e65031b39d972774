use realpeer_proto::{Config, Parsed, Versions, parse};

use super::settings;
use crate::reference::{self, Outcome, Rules};
use crate::vectors::{Fields, hex};

/// The core and the plain decoder say the same.
pub fn differential(data: &[u8]) {
    let Some((&first, input)) = data.split_first() else { return };
    compare(input, &settings(first).with_crc32c_check(true));
}

/// Panics unless the core and the plain decoder say the same of `bytes`: the same header, that there can be none, or
/// the same number of bytes missing. Says whether that is final.
pub fn compare(bytes: &[u8], config: &Config) -> bool {
    let (versions, max_header_len) = (config.versions(), config.max_header_len());
    let rules = Rules { v1: versions != Versions::V2, v2: versions != Versions::V1, max_header_len };
    let expected = reference::decode(bytes, &rules);
    let found = parse(bytes, config);
    let same = match (&found, &expected) {
        (Ok(Parsed::Complete { header, len }), Outcome::Accept(decoded)) => {
            let tlvs = header.tlvs().iter().map(|tlv| (tlv.kind(), tlv.value()));
            let fields = Fields {
                version: Some(decoded.version),
                command: Some(decoded.command.into()),
                family: Some(decoded.family.into()),
                transport: Some(decoded.transport.into()),
                src: decoded.src.clone(),
                dst: decoded.dst.clone(),
            };
            Fields::of(header) == fields
                && *len == decoded.header_len
                && tlvs.eq(decoded.tlvs.iter().map(|(kind, value)| (*kind, &value[..])))
        }
        (Ok(Parsed::Incomplete { needed }), Outcome::Incomplete { at_least }) => needed.get() == *at_least,
        (Err(_), Outcome::Reject) => true,
        _ => false,
    };
    let text = bytes.escape_ascii();
    assert!(same, "{text}\n{} {versions:?} {max_header_len}\n{found:?}\n{expected:?}", hex(bytes));
    !matches!(expected, Outcome::Incomplete { .. })
}
