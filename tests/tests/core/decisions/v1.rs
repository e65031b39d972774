//! Version 1.

use std::net::{Ipv4Addr, SocketAddr};

use realpeer_proto::{
    Address, Addresses, Command, Config, Decoder, Error, Event, Transport, V1Cause, V1Error, V1Field,
};

use super::{accepted, is_incomplete, rejected};

/// 107 bytes with CRLF, and a line that can't end by then is refused before.
#[test]
fn r25_r27_a_line_has_at_most_107_bytes() {
    let line = |junk: usize| [&b"PROXY UNKNOWN "[..], &vec![b'x'; junk], b"\r\n"].concat();
    assert_eq!(line(91).len(), 107);
    assert_eq!(accepted(&line(91)).addresses(), Addresses::Unspec);
    let too_long = Error::TooLong { at_least: 108, limit: 107 };
    assert_eq!(rejected(&line(92)), too_long);
    assert_eq!(rejected(&line(92)[..106]), too_long);
    assert!(is_incomplete(&line(92)[..105]));
    // CR is byte 107: its LF would be too late.
    assert_eq!(rejected(&line(92)[..107]), too_long);
    assert!(is_incomplete(&line(91)[..106]));
    // However many CR there are, each may be the last.
    let returns = |count: usize| [&b"PROXY UNKNOWN "[..], &vec![b'\r'; count]].concat();
    assert!(is_incomplete(&returns(92)));
    assert_eq!(rejected(&returns(93)), too_long);
}

/// A dotted tail makes a line longer than the 104 bytes that the specification counts with.
#[test]
fn r25_r27_a_dotted_tail_may_be_too_long() {
    let [dotted, plain] =
        ["ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"];
    let line = |port: &str| format!("PROXY TCP6 {dotted} {plain} 65535 {port}\r\n").into_bytes();
    assert_eq!(line("65").len(), 107);
    assert_eq!(accepted(&line("65")).source().unwrap().ip(), Some(dotted.parse().unwrap()));
    assert_eq!(rejected(&line("655")), Error::TooLong { at_least: 108, limit: 107 });
}

fn port_line(port: &str) -> Vec<u8> {
    format!("PROXY TCP4 192.0.2.1 192.0.2.2 {port} 443\r\n").into_bytes()
}

/// Every port as it is written, and nothing that a lenient reader takes for one.
#[test]
fn r23_ports_are_read_by_hand() {
    for port in 0..=u16::MAX {
        let line = port_line(&port.to_string());
        let Addresses::Inet { source, .. } = accepted(&line).addresses() else { panic!("no IPv4") };
        assert_eq!(source.port(), port);
    }
    for (port, at) in [
        ("+80", 0),
        ("-1", 0),
        ("080", 1),
        ("00", 1),
        ("65536", 4),
        ("65540", 3 + 1),
        ("66000", 4),
        ("99999", 4),
        ("655350", 5),
        ("18446744073709551696", 5),
        ("8o", 1),
        ("1_000", 1),
        ("8.0", 1),
        ("\u{0664}", 0),
        ("", 0),
    ] {
        let V1Error { field, offset, .. } = match rejected(&port_line(port)) {
            Error::V1(error) => error,
            other => panic!("{other:?}"),
        };
        assert_eq!((field, usize::from(offset)), (V1Field::SourcePort, 31 + at), "{port}");
    }
}

/// No byte can stand for another in what a line begins with, but those that make it another protocol's.
#[test]
fn r15_r16_r58_the_protocol_byte_by_byte() {
    for (line, end) in [
        ("PROXY TCP4 192.0.2.1 192.0.2.2 80 443\r\n", 11),
        ("PROXY TCP6 ::1 ::2 80 443\r\n", 11),
        ("PROXY UNKNOWN\r\n", 15),
    ] {
        for (at, right) in line.bytes().enumerate().take(end).skip(1) {
            for byte in (0..=u8::MAX).filter(|byte| *byte != right) {
                let mut wrong = line.as_bytes().to_vec();
                wrong[at] = byte;
                if matches!(
                    (at, byte, right),
                    (6, b'T' | b'U', _) | (9, b'4' | b'6', b'4' | b'6') | (13, b' ', _)
                ) {
                    assert!(is_incomplete(&wrong[..=at]));
                    continue;
                }
                for wrong in [&wrong[..], &wrong[..=at]] {
                    let offset = match rejected(wrong) {
                        Error::V1(V1Error { offset, .. }) | Error::Signature { offset, .. } => offset,
                        error => panic!("{error:?}: {}", wrong.escape_ascii()),
                    };
                    assert_eq!(usize::from(offset), at, "{}", wrong.escape_ascii());
                }
            }
        }
    }
}

/// Numbers of every length, and after each the only byte that may stand there, in a line that is complete or not.
#[test]
fn r15_r20_r21_r23_each_number_has_its_own_end() {
    for line in [
        "PROXY TCP4 1.22.133.4 255.6.77.188 9 65535\r\n",
        "PROXY TCP4 122.3.44.155 6.77.188.99 10 2\r\n",
        "PROXY TCP4 0.0.0.0 10.0.0.0 321 4321\r\n",
        "PROXY TCP4 10.100.1.10 1.1.1.1 4321 321\r\n",
        "PROXY TCP4 1.1.1.100 1.1.1.1 54321 21\r\n",
        "PROXY TCP6 1:22:333:4444:5:66:777:8888 a:b:c:d:e:f:10.200.3.40 1 2\r\n",
        "PROXY TCP6 a:bb:ccc::dddd ::f 100 2000\r\n",
        "PROXY TCP6 ::100.1.10.1 ffff:fff:ff:f:: 65535 65535\r\n",
    ] {
        accepted(line.as_bytes());
        // Between groups more than one byte can stand.
        let possible: &[u8] = if line.contains("TCP6") { b":. " } else { b"" };
        for (at, end) in line.bytes().enumerate().skip(10).filter(|(_, byte)| !byte.is_ascii_hexdigit()) {
            let mut wrong = line.as_bytes().to_vec();
            let others = |byte: &u8| *byte != end && !byte.is_ascii_hexdigit() && !possible.contains(byte);
            for byte in (0..=u8::MAX).filter(others) {
                wrong[at] = byte;
                for wrong in [&wrong[..], &wrong[..=at]] {
                    let Error::V1(V1Error { offset, found, .. }) = rejected(wrong) else {
                        panic!("{line:?}")
                    };
                    assert_eq!((usize::from(offset), found), (at, byte), "{line:?}");
                }
            }
        }
    }
}

#[test]
fn r20_octets_are_decimals_without_heading_zero() {
    let line = |octet: &str| format!("PROXY TCP4 192.{octet}.2.1 192.0.2.2 80 443\r\n").into_bytes();
    for octet in 0..1000 {
        let bytes = line(&octet.to_string());
        match u8::try_from(octet) {
            Ok(octet) => {
                let ip = Ipv4Addr::new(192, octet, 2, 1);
                assert_eq!(accepted(&bytes).source().unwrap().ip(), Some(ip.into()));
            }
            // The third digit is one too many.
            Err(_) => assert!(matches!(rejected(&bytes), Error::V1(V1Error { offset: 17, .. })), "{octet}"),
        }
    }
    for octet in ["00", "01", "001", "0x1", "", "1 ", "+1"] {
        assert!(
            matches!(rejected(&line(octet)), Error::V1(V1Error { field: V1Field::SourceAddress, .. })),
            "{octet}"
        );
    }
}

/// Those next to the digits, with the highest bit, and all others.
#[test]
fn r20_r23_no_other_byte_is_a_digit() {
    for line in
        ["TCP4 1.12.123.1 1.1.1.1 1 1", "TCP6 ::1.12.123.1 ::1 12 1", "TCP4 1.1.1.1 1.1.1.1 123 12345"]
    {
        let line = format!("PROXY {line}\r\n").into_bytes();
        accepted(&line);
        for place in (11..line.len()).filter(|&place| line[place].is_ascii_digit()) {
            for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_hexdigit() && !b".: \r".contains(byte)) {
                let mut bytes = line.clone();
                bytes[place] = byte;
                let Error::V1(V1Error { offset, .. }) = rejected(&bytes) else { panic!("{bytes:?}") };
                assert_eq!(usize::from(offset), place, "{}", bytes.escape_ascii());
            }
        }
    }
    assert!(matches!(rejected(b"PROXY TCP4 :.0.0.1 1.1.1.1 1 1\r\n"), Error::V1(V1Error { offset: 11, .. })));
}

/// Dotted tails and short groups are accepted, as HAProxy sends them; zone ids are not.
#[test]
fn r21_the_forms_of_ipv6() {
    let line = |ip: &str| format!("PROXY TCP6 {ip} ::1 80 443\r\n").into_bytes();
    for ip in [
        "::",
        "::1",
        "1::",
        "2001:Db8::1",
        "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
        "1:2:3:4:5:6:7:8",
        "::2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7::",
        "1:2:3::5:6:7:8",
        "::ffff:192.0.2.1",
        "::192.0.2.1",
        "1:2:3:4:5:6:192.0.2.1",
        "1::192.0.2.1",
        "1:2:3:4::192.0.2.1",
    ] {
        let expected: SocketAddr = format!("[{ip}]:80").parse().unwrap();
        assert_eq!(accepted(&line(ip)).source(), Some(Address::Inet(expected)), "{ip}");
    }
    for (ip, at) in [
        ("fe80::1%eth0", 7),
        ("fe80::1%2", 7),
        ("[::1]", 0),
        ("1:2:3:4:5:6:7:8:9", 15),
        ("1:2:3:4:5:6:7", 13),
        ("1:2:3:4:5:6:7::8", 15),
        ("1:2:3:4:5:6:7:", 14),
        ("1:2:3:4:5:6:7:8:", 15),
        ("1::2:", 5),
        ("1:2:3:4:5:1.2.3.4", 11),
        ("1:2:3:4:5:6:7:1.2.3.4", 15),
        ("::2:3:4:5:6:7:1.2.3.4", 15),
        ("1::2::3", 5),
        (":::", 2),
        (":1", 1),
        ("1:", 2),
        ("12345::", 4),
        ("::g", 2),
        ("::1.2.3", 7),
        ("::1.2.3.256", 10),
        ("::01.2.3.4", 4),
        ("1.2.3.4", 1),
        ("::1.2.3.4:5", 9),
    ] {
        match rejected(&line(ip)) {
            Error::V1(V1Error { field: V1Field::SourceAddress, offset, .. }) => {
                assert_eq!(usize::from(offset), 11 + at, "{ip}");
            }
            other => panic!("{ip}: {other:?}"),
        }
    }
}

#[test]
fn r22_the_protocol_dictates_the_form_of_both_addresses() {
    for (line, field) in [
        ("TCP4 ::1 192.0.2.2", V1Field::SourceAddress),
        ("TCP4 ::ffff:192.0.2.1 192.0.2.2", V1Field::SourceAddress),
        ("TCP4 192.0.2.1 ::1", V1Field::DestinationAddress),
        ("TCP6 192.0.2.1 ::1", V1Field::SourceAddress),
        ("TCP6 ::1 192.0.2.1", V1Field::DestinationAddress),
    ] {
        let error = rejected(format!("PROXY {line} 80 443\r\n").as_bytes());
        assert!(matches!(error, Error::V1(found) if found.field == field), "{line}: {error:?}");
    }
}

/// What follows UNKNOWN is ignored up to CRLF, but a space or CRLF must follow.
#[test]
fn r17_r31_the_forms_of_unknown() {
    for rest in [
        "",
        " ",
        "    ",
        " ::1 ::1 80 443",
        " 1 2 3 4 5 6",
        " \r",
        " \n",
        " x\ry",
        " PROXY TCP4 1.2.3.4 1.2.3.4 1 1",
        " \0\u{ff}",
    ] {
        let line = format!("PROXY UNKNOWN{rest}\r\n").into_bytes();
        let header = accepted(&line);
        assert_eq!((header.command(), header.transport()), (Command::Proxy, Transport::Unspec), "{rest:?}");
        assert_eq!((header.source(), header.destination()), (None, None));
    }
    for (rest, at, field) in [
        ("\t1", 13, V1Field::Protocol),
        ("S ", 13, V1Field::Protocol),
        ("\n", 13, V1Field::Protocol),
        ("\rx", 14, V1Field::LineEnd),
        ("\r\r\n", 14, V1Field::LineEnd),
    ] {
        let line = format!("PROXY UNKNOWN{rest}\r\n").into_bytes();
        let found = line[usize::from(at)];
        assert_eq!(rejected(&line), Error::V1(V1Error::new(field, cause(found), at, found)), "{rest:?}");
    }
}

/// R15, R16, R19, R24, R29, R30: one space, exact case, CRLF, and nothing else.
/// CR and LF in any order and place, but the first CRLF ends the line: so much is taken of what is pushed.
#[test]
fn r17_r29_the_first_crlf_ends_unknown() {
    for (junk, pattern) in (0..17).flat_map(|junk| (0..3usize.pow(5)).map(move |pattern| (junk, pattern))) {
        let mut bytes = [b"PROXY UNKNOWN ", &vec![b'x'; junk][..]].concat();
        bytes.extend((0..5).map(|at| b"x\r\n"[pattern / 3usize.pow(at) % 3]));
        bytes.extend(b"\r\n");
        bytes.extend([b'\n'; 40]);
        let len = bytes.windows(2).position(|two| two == b"\r\n").unwrap() + 2;
        let mut decoder = Decoder::with_storage(&Config::new(), [0; 536]);
        assert_eq!(decoder.push(&bytes), len, "{}", bytes.escape_ascii());
        assert!(matches!(decoder.next_event(), Ok(Event::Header(_))));
        accepted(&bytes[..len]);
    }
    let mut decoder = Decoder::with_storage(&Config::new(), [0; 536]);
    assert_eq!(decoder.push(b"PROXY UNKNOWN x\r"), 16);
    assert_eq!(decoder.push(&[b'\n'; 40]), 1);
}

/// Of what these lines have that no line has.
fn cause(found: u8) -> V1Cause {
    if found == b'\n' { V1Cause::BareLineFeed } else { V1Cause::UnexpectedByte }
}

#[test]
fn r15_r19_r29_the_grammar_is_exact() {
    for (line, field, at) in [
        ("PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n", V1Field::Protocol, 6),
        ("PROXYXTCP4 1.2.3.4 1.2.3.4 1 1\r\n", V1Field::Protocol, 5),
        ("PROXY\tTCP4 1.2.3.4 1.2.3.4 1 1\r\n", V1Field::Protocol, 5),
        ("PROXY tcp4 1.2.3.4 1.2.3.4 1 1\r\n", V1Field::Protocol, 6),
        ("PROXY TXX4 1.2.3.4 1.2.3.4 1 1\r\n", V1Field::Protocol, 7),
        ("PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n", V1Field::Protocol, 7),
        ("PROXY TCP5 1.2.3.4 1.2.3.4 1 1\r\n", V1Field::Protocol, 9),
        ("PROXY TCP41.2.3.4 1.2.3.4 1 1\r\n", V1Field::Protocol, 10),
        ("PROXY TCP4  1.2.3.4 1.2.3.4 1 1\r\n", V1Field::SourceAddress, 11),
        ("PROXY TCP4 1.2.3.4\t1.2.3.4 1 1\r\n", V1Field::SourceAddress, 18),
        ("PROXY TCP4 1.2.3.4  1.2.3.4 1 1\r\n", V1Field::DestinationAddress, 19),
        ("PROXY TCP4 1.2.3.4 1.2.3.4  1 1\r\n", V1Field::SourcePort, 27),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1  1\r\n", V1Field::DestinationPort, 29),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", V1Field::SourcePort, 28),
        ("PROXY TCP4 1.2.3.4\r\n", V1Field::SourceAddress, 18),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n", V1Field::DestinationPort, 30),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 x\r\n", V1Field::DestinationPort, 30),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n", V1Field::DestinationPort, 30),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\rGET", V1Field::LineEnd, 31),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\r\n", V1Field::LineEnd, 31),
    ] {
        let found = line.as_bytes()[usize::from(at)];
        let expected = Error::V1(V1Error::new(field, cause(found), at, found));
        assert_eq!(rejected(line.as_bytes()), expected, "{line:?}");
        // R30: as soon as possible.
        assert_eq!(rejected(&line.as_bytes()[..=usize::from(at)]), expected, "{line:?}");
        assert!(is_incomplete(&line.as_bytes()[..usize::from(at)]), "{line:?}");
    }
}
