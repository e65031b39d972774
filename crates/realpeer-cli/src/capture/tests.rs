//! Captures made by hand: order, repetitions, VLANs, links, and files that are broken.

use super::*;

const HEADER: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";

struct File(Vec<u8>);

impl File {
    /// A pcap file of Ethernet frames, or of what `link` says.
    fn new(link: u32) -> Self {
        let mut bytes = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
        for field in [0x0004_0002, 0, 0, 262_144, link] {
            bytes.extend(u32::to_le_bytes(field));
        }
        Self(bytes)
    }

    fn frame(mut self, frame: &[u8]) -> Self {
        let len = u32::try_from(frame.len()).unwrap();
        for field in [1, 2, len, len] {
            self.0.extend(field.to_le_bytes());
        }
        self.0.extend_from_slice(frame);
        self
    }

    fn flows(&self) -> Vec<Flow> {
        let mut flows = Vec::new();
        read(&self.0[..], |flow| flows.push(flow)).unwrap();
        flows
    }
}

fn tcp(sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(4711u16.to_be_bytes());
    segment.extend(8080u16.to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(payload);
    segment
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + payload.len()).unwrap();
    [&[0x12, 0x67, 0x1f, 0x90], &len.to_be_bytes()[..], &[0, 0], payload].concat()
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let header = [0x45, 0, len[0], len[1], 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    [&header, payload].concat()
}

fn ipv6(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let address = |last: u8| [&[0x20, 0x01, 0x0d, 0xb8], &[0; 11][..], &[last]].concat();
    [&[0x60, 0, 0, 0, len[0], len[1], protocol, 64], &address(1)[..], &address(2), payload].concat()
}

fn ethernet(kind: u16, packet: &[u8]) -> Vec<u8> {
    [&[0; 12], &kind.to_be_bytes()[..], packet].concat()
}

fn frame(sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ipv4(6, &tcp(sequence, flags, payload)))
}

const SYN: u8 = 2;
const ACK: u8 = 16;
const FIN: u8 = 17;

fn only(file: &File) -> Flow {
    let flows = file.flows();
    assert_eq!(flows.len(), 1, "{flows:?}");
    flows.into_iter().next().unwrap()
}

#[test]
fn segments_are_put_in_order_and_repetitions_count_once() {
    // The numbers run over the end of 32 bits.
    let start = u32::MAX - 10;
    let at = |offset: usize| start.wrapping_add(1).wrapping_add(u32::try_from(offset).unwrap());
    let file = File::new(1)
        .frame(&frame(start, SYN, b""))
        .frame(&frame(at(30), ACK, &HEADER[30..]))
        .frame(&frame(at(5), ACK, &HEADER[5..25]))
        .frame(&frame(at(5), ACK, &HEADER[5..25]))
        .frame(&frame(at(20), ACK, &HEADER[20..35]))
        .frame(&frame(start, SYN, b""))
        .frame(&frame(at(0), ACK, &HEADER[..10]))
        .frame(&frame(start, ACK, b"x")) // keeps the connection alive
        .frame(&frame(at(45), FIN, b""));
    let flow = only(&file);
    assert_eq!(flow.bytes, HEADER);
    assert_eq!((flow.seen, flow.from_the_start, flow.has_gap), (45, true, false));
    assert_eq!(flow.source, "10.0.0.1:4711".parse().unwrap());
    assert_eq!(flow.destination, "10.0.0.2:8080".parse().unwrap());
}

#[test]
fn every_link_vlans_and_both_families() {
    let segment = tcp(1, ACK, HEADER);
    let packet = ipv4(6, &segment);
    let vlan = [&[0, 7, 0x08, 0x00], &packet[..]].concat();
    let q_in_q = [&[0, 8, 0x81, 0x00], &vlan[..]].concat();
    let sll = [&[0; 14][..], &[8, 0], &packet[..]].concat();
    let sll2 = [&[8, 0][..], &[0; 18], &packet[..]].concat();
    let padded = [ethernet(0x0800, &packet), vec![0; 9]].concat();
    for (link, frame) in [
        (1, ethernet(0x0800, &packet)),
        (1, ethernet(0x8100, &vlan)),
        (1, ethernet(0x88a8, &q_in_q)),
        (1, padded),
        (0, [&[2, 0, 0, 0], &packet[..]].concat()),
        (108, [&[0, 0, 0, 2], &packet[..]].concat()),
        (12, packet.clone()),
        (101, packet.clone()),
        (113, sll),
        (228, packet.clone()),
        (276, sll2),
    ] {
        let flow = only(&File::new(link).frame(&frame));
        assert_eq!((flow.bytes.as_slice(), flow.from_the_start), (HEADER, false), "link {link}");
    }
    let flow = only(&File::new(1).frame(&ethernet(0x86dd, &ipv6(6, &segment))));
    assert_eq!((flow.bytes.as_slice(), flow.source), (HEADER, "[2001:db8::1]:4711".parse().unwrap()));
    // Hop-by-hop options, then destination options.
    let extended = ipv6(0, &[&[60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0], &segment[..]].concat());
    assert_eq!(only(&File::new(229).frame(&extended)).bytes, HEADER);
}

#[test]
fn each_datagram_is_a_flow() {
    let file = File::new(101).frame(&ipv4(17, &udp(HEADER))).frame(&ipv6(17, &udp(b"x")));
    let flows = file.flows();
    assert_eq!(flows.len(), 2);
    assert_eq!((flows[0].transport, flows[0].bytes.as_slice()), (Transport::Udp, HEADER));
    assert_eq!(flows[1].bytes, b"x");
}

#[test]
fn later_connections_between_the_same_ports_are_their_own() {
    let file = File::new(1)
        .frame(&frame(1, SYN, b""))
        .frame(&frame(2, ACK, HEADER))
        .frame(&frame(47, FIN, b""))
        .frame(&frame(900, SYN, b""))
        .frame(&frame(901, ACK, b"GET /"));
    let flows = file.flows();
    assert_eq!(flows.iter().map(|flow| flow.bytes.as_slice()).collect::<Vec<_>>(), [HEADER, b"GET /"]);
}

#[test]
fn a_capture_that_began_late_may_be_out_of_order() {
    let file = File::new(1).frame(&frame(30, ACK, &HEADER[20..])).frame(&frame(10, ACK, &HEADER[..20]));
    let flow = only(&file);
    assert_eq!((flow.bytes.as_slice(), flow.from_the_start), (HEADER, false));
}

#[test]
fn what_is_missing_is_said() {
    let gap = File::new(1).frame(&frame(1, SYN, b"")).frame(&frame(12, ACK, &HEADER[10..]));
    let flow = only(&gap);
    assert_eq!((flow.bytes.as_slice(), flow.has_gap), (&b""[..], true));
    // tcpdump -s
    let short = File::new(1).frame(&frame(1, SYN, b"")).frame(&frame(2, ACK, HEADER)[..80]);
    let flow = only(&short);
    assert!(flow.has_gap && HEADER.starts_with(&flow.bytes), "{flow:?}");
    let fragment = {
        let mut packet = ipv4(6, &tcp(1, ACK, HEADER));
        packet[6] = 0x20;
        File::new(101).frame(&packet)
    };
    let summary = read(&fragment.0[..], |flow| panic!("{flow:?}")).unwrap();
    assert_eq!((summary.packets, summary.fragments), (1, 1));
}

#[test]
fn broken_files_end_in_an_error_and_keep_what_came_before() {
    let good = File::new(1).frame(&frame(1, SYN, b"")).frame(&frame(2, ACK, HEADER));
    for len in 0..good.0.len() {
        let mut flows = Vec::new();
        match read(&good.0[..len], |flow| flows.push(flow)) {
            Ok(summary) => assert_eq!(summary.is_cut_off, ![24, 24 + 16 + 54].contains(&len), "{len}"),
            Err(CaptureError::NotACapture) => assert!(len < 24, "{len}"),
            Err(error) => panic!("{len}: {error}"),
        }
    }
    let mut huge = good.0.clone();
    huge.extend([0; 8]);
    huge.extend([0xff; 8]);
    huge.extend(vec![0; 16 << 20]);
    let mut flows = Vec::new();
    let error = read(&huge[..], |flow| flows.push(flow)).unwrap_err();
    assert!(matches!(error, CaptureError::TooLarge | CaptureError::Broken(2)), "{error:?}");
    assert_eq!(flows.len(), 1);
    assert!(matches!(read(&b"GET / HTTP/1.1"[..], |_| {}), Err(CaptureError::NotACapture)));
}

#[test]
fn a_file_that_comes_in_small_pieces_is_read() {
    struct Drip<'a>(&'a [u8]);
    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = buffer.len().min(7);
            Read::read(&mut self.0, &mut buffer[..len])
        }
    }
    let mut file = File::new(1);
    for number in 0..3000u32 {
        file = file.frame(&frame(number * 100, SYN, b""));
    }
    let file = file.frame(&frame(300_000, SYN, b"")).frame(&frame(300_001, ACK, HEADER));
    let mut flows = Vec::new();
    let summary = read(Drip(&file.0), |flow| flows.push(flow)).unwrap();
    assert_eq!((flows.len(), summary.packets), (1, 3002));
}

#[test]
fn pcapng_with_an_interface_for_each_link() {
    fn block(kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        let len = u32::try_from(12 + body.len() + padding.len()).unwrap().to_le_bytes();
        [&kind.to_le_bytes(), &len[..], body, &padding, &len].concat()
    }
    fn packet(interface: u8, frame: &[u8]) -> Vec<u8> {
        let len = u32::try_from(frame.len()).unwrap().to_le_bytes();
        block(6, &[&[interface, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &len[..], &len, frame].concat())
    }
    let section =
        block(0x0a0d_0d0a, &[&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat());
    let bytes = [
        section,
        block(1, &[1, 0, 0, 0, 0, 0, 4, 0]),
        block(1, &[101, 0, 0, 0, 0, 0, 4, 0]),
        packet(0, &frame(1, ACK, HEADER)),
        packet(1, &ipv4(17, &udp(b"x"))),
        packet(9, b"no such interface"),
    ]
    .concat();
    let mut flows = Vec::new();
    let summary = read(&bytes[..], |flow| flows.push(flow)).unwrap();
    assert_eq!(flows.len(), 2);
    assert_eq!((summary.packets, summary.other_packets), (2, 1));
}

#[test]
fn memory_is_bounded_however_many_streams_there_are() {
    let mut capture = Reading::default();
    let mut held = 0;
    for port in 0..60_000u16 {
        let mut segment = tcp(1, SYN, b"");
        segment[..2].copy_from_slice(&port.to_be_bytes());
        capture.packet(Linktype::RAW, &ipv4(6, &segment), &mut |_| {});
        // A hole before it, so that it must be kept.
        let mut segment = tcp(100, ACK, &[b'x'; 3000]);
        segment[..2].copy_from_slice(&port.to_be_bytes());
        capture.packet(Linktype::RAW, &ipv4(6, &segment), &mut |_| {});
        held = held.max(capture.streams.held());
    }
    assert!(held < (64 << 20) + 8192, "{held}");
}
