//! Version 2: the fixed part and the addresses.

use std::net::Ipv6Addr;

use realpeer_proto::{Addresses, Command, Config, Error, Parsed, Tlvs, Transport, UnixAddr, V2Error, parse};

use super::{IPV4, accepted, is_incomplete, read, rejected, seal, v2};

/// Every command byte with every family byte.
#[test]
fn r35_to_r49_what_is_defined_is_accepted_and_nothing_else() {
    let block = [0x2E; 216];
    for command in 0..=u8::MAX {
        for family in 0..=u8::MAX {
            let header = v2(command, family, &block);
            let expected = match (command, family) {
                (0x20, _) => Ok((Command::Local, Transport::Unspec)),
                (0x21, 0x00..=0x02 | 0x10 | 0x20 | 0x30) => Ok((Command::Proxy, Transport::Unspec)),
                (0x21, 0x11 | 0x21 | 0x31) => Ok((Command::Proxy, Transport::Stream)),
                (0x21, 0x12 | 0x22 | 0x32) => Ok((Command::Proxy, Transport::Dgram)),
                (0x21, 0x40..) => Err(V2Error::Family { found: family >> 4 }),
                (0x21, _) => Err(V2Error::Transport { found: family & 0xF }),
                (0x22..=0x2F, _) => Err(V2Error::Command { found: command & 0xF }),
                _ => Err(V2Error::Version { found: command >> 4 }),
            };
            match expected {
                Err(error) => {
                    let end = if matches!(command, 0x20 | 0x21) { 14 } else { 13 };
                    assert_eq!(rejected(&header), Error::V2(error));
                    assert_eq!(rejected(&header[..end]), Error::V2(error), "at the byte itself");
                }
                // What is dotted does not tile behind IPv4 and IPv6, which is not asked here.
                Ok(_) if matches!((command, family), (0x21, 0x11 | 0x12 | 0x21 | 0x22)) => {
                    assert!(is_incomplete(&header[..16]));
                }
                Ok((command, transport)) => {
                    let found = accepted(&header);
                    assert_eq!((found.command(), found.transport()), (command, transport));
                    assert_eq!(found.source().is_some(), transport != Transport::Unspec);
                }
            }
        }
    }
}

/// CVE-2019-14243: the length is compared with the family's addresses before any is read.
#[test]
fn r40_r41_r42_r60_lengths_shorter_than_the_addresses() {
    for (families, needed) in [([0x11, 0x12], 12u16), ([0x21, 0x22], 36), ([0x31, 0x32], 216)] {
        for family in families {
            for announced in 0..needed + 3 {
                // The payload would do for addresses.
                let bytes = [&v2(0x21, family, &[4; 300][..announced.into()])[..], &[4; 300]].concat();
                let error = match announced.checked_sub(needed) {
                    None => V2Error::Length { announced, needed },
                    Some(0) => {
                        let len = 16 + usize::from(needed);
                        assert!(
                            matches!(read(&bytes), Ok(Parsed::Complete { len: found, .. }) if found == len)
                        );
                        continue;
                    }
                    Some(bytes) => V2Error::Stray { bytes },
                };
                assert_eq!(rejected(&bytes), Error::V2(error));
                assert_eq!(rejected(&bytes[..16]), Error::V2(error), "when the length is there");
            }
        }
    }
}

/// The block is skipped whatever its family, and as long as it says.
#[test]
fn r36_r47_r52_local_has_no_addresses() {
    for family in 0..=u8::MAX {
        for block in [&[][..], IPV4, &[0xAA; 36], &[0xAA; 216], &[0xAA; 1], &[0xAA; 2000]] {
            let header = v2(0x20, family, block);
            let found = accepted(&header);
            assert_eq!((found.command(), found.addresses()), (Command::Local, Addresses::Unspec));
            assert_eq!((found.source(), found.destination(), found.tlvs()), (None, None, Tlvs::default()));
            assert!(block.is_empty() || is_incomplete(&header[..header.len() - 1]));
        }
    }
}

/// PROXY with UNSPEC in either nibble: accepted, the real endpoints count, the block is skipped.
#[test]
fn r39_r44_r50_unspec_has_no_addresses() {
    for family in [0x00, 0x01, 0x02, 0x10, 0x20, 0x30] {
        for block in [&[][..], IPV4, &[0xAA; 20], &[0xAA; 216]] {
            let header = v2(0x21, family, block);
            let found = accepted(&header);
            assert_eq!((found.command(), found.addresses()), (Command::Proxy, Addresses::Unspec));
            assert_eq!((found.transport(), found.tlvs()), (Transport::Unspec, Tlvs::default()));
        }
    }
}

/// At byte 16, where real senders put them, if they fill the header, and a checksum among them is the header's. Whatever
/// else the block is, it is discarded, and the header accepted.
#[test]
fn r36_r65_tlvs_of_local_and_unspec() {
    for (command, family) in [(0x20, 0x00), (0x20, 0x11), (0x20, 0xFF), (0x21, 0x00), (0x21, 0x20)] {
        let good = seal(v2(command, family, b"\x03\0\x04....\x05\0\x01x"), 19);
        let tlvs = accepted(&good).tlvs();
        assert_eq!((tlvs.iter().count(), tlvs.unique_id()), (2, Some(&b"x"[..])));
        assert!(tlvs.crc32c().is_some());

        let mut bad = good.clone();
        bad[26] ^= 1;
        assert_eq!(accepted(&bad).tlvs(), Tlvs::default());
        let unchecked = Config::new().with_crc32c_check(false);
        let Ok(Parsed::Complete { header, .. }) = parse(&bad, &unchecked) else { panic!("no header") };
        assert_eq!(header.tlvs().iter().count(), 2);

        // They do not fill it: then they aren't TLVs, and there is no checksum.
        for stray in [&b"!"[..], b"!!", b"!\0\x01", b"!\xFF\xFF"] {
            let block = [&b"\x03\0\x04....\x05\0\x01x"[..], stray].concat();
            assert_eq!(accepted(&v2(command, family, &block)).tlvs(), Tlvs::default());
        }

        // A checksum that is wrong in length or number.
        for block in [&b"\x04\0\0\x03\0\x03...\x05\0\x02xy"[..], b"\x03\0\x04....\x03\0\x04...."] {
            let header = v2(command, family, block);
            assert_eq!(accepted(&header).tlvs(), Tlvs::default());
            assert!((0..header.len()).all(|end| is_incomplete(&header[..end])));
        }

        // Nothing else is looked at.
        let odd = v2(command, family, &[&b"\x20\0\x01x\x05\0\x81"[..], &[0; 129]].concat());
        assert_eq!(accepted(&odd).tlvs().iter().count(), 2);
    }
}

/// F24: addresses a.0.2.b and c.3.0.4 tile as a TLV and a CRC32C. No health check is lost for the look of its addresses.
#[test]
fn r36_a_local_header_is_accepted_whatever_its_addresses_look_like() {
    for (a, b, c) in [(10, 15, 10), (0, 0, 0), (3, 3, 3), (192, 255, 198)] {
        for family in [0x11, 0x12] {
            let block = [a, 0, 2, b, c, 3, 0, 4, 0xDC, 0x04, 0x01, 0xBB];
            let header = v2(0x20, family, &block);
            let found = accepted(&header);
            assert_eq!((found.command(), found.tlvs()), (Command::Local, Tlvs::default()), "{block:?}");
        }
    }
}

#[test]
fn r45_r54_order_and_byte_order() {
    let header = v2(0x21, 0x11, &[1, 2, 3, 4, 5, 6, 7, 8, 0x12, 0x34, 0x56, 0x78]);
    let found = accepted(&header);
    assert_eq!(found.source().unwrap().to_string(), format!("1.2.3.4:{}", 0x1234));
    assert_eq!(found.destination().unwrap().to_string(), format!("5.6.7.8:{}", 0x5678));
    let block: Vec<u8> = (1..=36).collect();
    let header = v2(0x21, 0x22, &block);
    let found = accepted(&header);
    let ip = "[102:304:506:708:90a:b0c:d0e:f10]";
    assert_eq!(found.source().unwrap().to_string(), format!("{ip}:{}", 0x2122));
    let ip = "[1112:1314:1516:1718:191a:1b1c:1d1e:1f20]";
    assert_eq!(found.destination().unwrap().to_string(), format!("{ip}:{}", 0x2324));
}

/// Only a policy folds them.
#[test]
fn r41_mapped_addresses_stay_ipv6() {
    let mapped = "::ffff:192.0.2.1".parse::<Ipv6Addr>().unwrap();
    let block = [&mapped.octets()[..], &mapped.octets(), &[0, 80, 1, 187]].concat();
    let binary = v2(0x21, 0x21, &block);
    let lines = ["::ffff:192.0.2.1", "::ffff:c000:201"].map(|ip| format!("PROXY TCP6 {ip} {ip} 80 443\r\n"));
    for header in [&binary, lines[0].as_bytes(), lines[1].as_bytes()] {
        assert_eq!(accepted(header).source().unwrap().ip(), Some(mapped.into()));
        assert!(matches!(accepted(header).addresses(), Addresses::Inet6 { .. }));
    }
}

#[test]
fn r42_the_names_of_unix_sockets() {
    let field = |name: &[u8]| [name, &vec![0; 108 - name.len()]].concat();
    let full = [b'/'; 108];
    let embedded = b"/a\0b";
    for (name, path, abstract_name, text) in [
        (&b""[..], None, None, "unix:".to_owned()),
        (b"/run/a.sock", Some(&b"/run/a.sock"[..]), None, "unix:/run/a.sock".to_owned()),
        (b"\0name", None, Some(&b"name"[..]), "unix:@name".to_owned()),
        (b"\0a\0b", None, Some(b"a\0b"), "unix:@a\\x00b".to_owned()),
        (embedded, Some(embedded), None, "unix:/a\\x00b".to_owned()),
        (b"\xff\n", Some(b"\xff\n"), None, "unix:\\xff\\n".to_owned()),
        (&full, Some(&full), None, format!("unix:{}", "/".repeat(108))),
    ] {
        for family in [0x31, 0x32] {
            let header = v2(0x21, family, &[field(name), field(b"/dst")].concat());
            let found = accepted(&header);
            let Addresses::Unix { source, destination } = found.addresses() else { panic!("{found:?}") };
            assert_eq!((source.as_bytes(), source.is_unnamed()), (name, name.is_empty()));
            assert_eq!((source.as_pathname(), source.as_abstract_name()), (path, abstract_name));
            assert_eq!(destination.as_pathname(), Some(&b"/dst"[..]));
            assert_eq!(found.source().unwrap().to_string(), text);
            assert_eq!((found.source().unwrap().ip(), found.source().unwrap().socket_addr()), (None, None));
            assert_eq!(UnixAddr::new(name), Some(source));
        }
    }
    assert_eq!(UnixAddr::new(&[b'x'; 109]), None);
}
