//! From a captured frame to the TCP segment or datagram in it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::Linktype;

/// What is in a frame.
pub(super) enum Packet<'a> {
    Segment(Segment<'a>),
    Datagram {
        source: SocketAddr,
        destination: SocketAddr,
        payload: &'a [u8],
        is_cut_off: bool,
    },
    /// A part of an IP packet.
    Fragment,
}

/// A segment of TCP.
pub(super) struct Segment<'a> {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    pub(super) sequence: u32,
    pub(super) syn: bool,
    /// FIN or RST: nothing follows.
    pub(super) ends: bool,
    pub(super) payload: &'a [u8],
    /// Whether the capture has only the beginning of the payload.
    pub(super) is_cut_off: bool,
}

/// Parses a frame of the given link; nothing if it holds neither TCP nor UDP.
pub(super) fn parse(link: Linktype, frame: &[u8]) -> Option<Packet<'_>> {
    let packet = match link {
        Linktype::ETHERNET => LaxSlicedPacket::from_ethernet(frame).ok()?,
        Linktype::NULL | Linktype::LOOP => LaxSlicedPacket::from_ip(frame.get(4..)?).ok()?,
        // 12 and 14 are what BSDs write for it.
        Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 | Linktype(12 | 14) => {
            LaxSlicedPacket::from_ip(frame).ok()?
        }
        Linktype::LINUX_SLL => ether_type(frame, 14, 16)?,
        Linktype::LINUX_SLL2 => ether_type(frame, 0, 20)?,
        _ => return None,
    };
    let (source, destination) = addresses(packet.net.as_ref()?)?;
    let ip = packet.net.as_ref()?.ip_payload_ref()?;
    if ip.fragmented {
        return Some(Packet::Fragment);
    }
    let is_cut_off = ip.incomplete;
    match packet.transport? {
        TransportSlice::Tcp(tcp) => Some(Packet::Segment(Segment {
            source: SocketAddr::new(source, tcp.source_port()),
            destination: SocketAddr::new(destination, tcp.destination_port()),
            sequence: tcp.sequence_number(),
            syn: tcp.syn(),
            ends: tcp.fin() || tcp.rst(),
            payload: tcp.payload(),
            is_cut_off,
        })),
        TransportSlice::Udp(udp) => Some(Packet::Datagram {
            source: SocketAddr::new(source, udp.source_port()),
            destination: SocketAddr::new(destination, udp.destination_port()),
            payload: udp.payload(),
            is_cut_off,
        }),
        _ => None,
    }
}

/// Returns whether the bytes start with a header of IP whose length fits.
pub(super) fn looks_like_ip(bytes: &[u8]) -> bool {
    match *bytes {
        [0x45..=0x4f, _, high, low, ..] if bytes.len() >= 20 => {
            (20..=bytes.len()).contains(&usize::from(u16::from_be_bytes([high, low])))
        }
        [0x60..=0x6f, _, _, _, high, low, ..] => {
            bytes.len() >= 40 + usize::from(u16::from_be_bytes([high, low]))
        }
        _ => false,
    }
}

/// Returns whether the bytes start with an Ethernet header before IP or a VLAN.
pub(super) fn looks_like_ethernet(bytes: &[u8]) -> bool {
    match bytes.get(12..) {
        Some([0x08, 0x00, rest @ ..] | [0x86, 0xdd, rest @ ..]) => looks_like_ip(rest),
        Some([0x81, 0x00, ..] | [0x88, 0xa8, ..]) => true,
        _ => false,
    }
}

/// A packet whose protocol is named at `at`, as by Ethernet, and which begins at `start`.
fn ether_type(frame: &[u8], at: usize, start: usize) -> Option<LaxSlicedPacket<'_>> {
    let (protocol, _) = frame.get(at..)?.split_first_chunk()?;
    let protocol = EtherType(u16::from_be_bytes(*protocol));
    Some(LaxSlicedPacket::from_ether_type(protocol, frame.get(start..)?))
}

fn addresses(net: &LaxNetSlice<'_>) -> Option<(IpAddr, IpAddr)> {
    match net {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            Some((Ipv4Addr::from(header.source()).into(), Ipv4Addr::from(header.destination()).into()))
        }
        LaxNetSlice::Ipv6(ip) => {
            let header = ip.header();
            Some((Ipv6Addr::from(header.source()).into(), Ipv6Addr::from(header.destination()).into()))
        }
        LaxNetSlice::Arp(_) => None,
    }
}
