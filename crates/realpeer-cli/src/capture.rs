//! Capture files: every TCP stream and every datagram in a pcap or pcapng file, from its first byte.

mod packet;
mod streams;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "this is test code")]
mod tests;

use std::fmt;
use std::io::{self, Read};
use std::net::SocketAddr;

use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};

use self::packet::Packet;
use self::streams::Streams;

/// The beginning of what one end sent to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// TCP or UDP.
    pub transport: Transport,
    /// Who sent the bytes.
    pub source: SocketAddr,
    /// To whom.
    pub destination: SocketAddr,
    /// The first bytes, in order and without a gap; of a datagram all.
    pub bytes: Vec<u8>,
    /// How many bytes were seen in all, repetitions not counted.
    pub seen: u64,
    /// Whether these are the first bytes of the connection; otherwise it was there before the capture.
    pub from_the_start: bool,
    /// Whether bytes after these are missing in the capture.
    pub has_gap: bool,
}

/// What carries a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// A stream.
    Tcp,
    /// A datagram.
    Udp,
}

/// What was in a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Packets in all.
    pub packets: u64,
    /// Packets that are neither TCP nor UDP over IP, or broken.
    pub other_packets: u64,
    /// Fragments of IP packets, which are not put together.
    pub fragments: u64,
    /// Whether the file ends within a packet.
    pub is_cut_off: bool,
}

/// Why a capture can't be read.
#[derive(Debug)]
pub enum CaptureError {
    /// Neither pcap nor pcapng.
    NotACapture,
    /// A packet or block of more bytes than any that is captured.
    TooLarge,
    /// Bytes that are no packet, after this many packets.
    Broken(u64),
    /// The file can't be read.
    Io(io::Error),
}

/// Holds what a packet can have: 262,144 bytes are the most that tcpdump takes.
const MAX_BLOCK: usize = 4 << 20;
const FIRST_BUFFER: usize = 64 << 10;

/// Reads the capture to its end and calls `found` with every flow that has bytes, once its first bytes are known.
///
/// However large the file is, memory is bounded: 64 MiB of bytes of flows at most.
///
/// # Errors
///
/// [`CaptureError`]; what was found before stands.
pub fn read<'r>(
    mut reader: impl Read + Send + 'r,
    mut found: impl FnMut(Flow),
) -> Result<Summary, CaptureError> {
    // pcap-parser wants the whole first block from its first read.
    let mut first = Vec::with_capacity(FIRST_BUFFER);
    reader.by_ref().take(FIRST_BUFFER as u64).read_to_end(&mut first).map_err(CaptureError::Io)?;
    let failed = IoError::default();
    let reader = io::Cursor::new(first).chain(Noting { reader, failed: failed.clone() });
    let mut blocks = create_reader(FIRST_BUFFER, reader).map_err(|_| CaptureError::NotACapture)?;
    let mut capture = Reading::default();
    let outcome = capture.read(&mut *blocks, &mut found);
    // What was there before the error is worth showing.
    capture.streams.finish(&mut found);
    match failed.take() {
        Some(error) => Err(CaptureError::Io(error)),
        None => outcome.map(|()| capture.summary),
    }
}

/// Reads packets that are given one by one, as tcpdump prints them. Where they have no link header they begin with
/// that of IP.
pub fn read_packets<'a>(packets: impl IntoIterator<Item = &'a [u8]>, mut found: impl FnMut(Flow)) -> Summary {
    let mut capture = Reading::default();
    for bytes in packets {
        let link = if packet::looks_like_ip(bytes) { Linktype::RAW } else { Linktype::ETHERNET };
        capture.packet(link, bytes, &mut found);
    }
    capture.streams.finish(&mut found);
    capture.summary
}

/// Returns whether the bytes look like a packet, with or without an Ethernet header.
#[must_use]
pub fn is_packet(bytes: &[u8]) -> bool {
    packet::looks_like_ip(bytes) || packet::looks_like_ethernet(bytes)
}

#[derive(Default)]
struct Reading {
    links: Vec<Linktype>,
    streams: Streams,
    summary: Summary,
}

impl Reading {
    fn read(
        &mut self,
        blocks: &mut dyn PcapReaderIterator,
        found: &mut impl FnMut(Flow),
    ) -> Result<(), CaptureError> {
        let mut size = FIRST_BUFFER;
        loop {
            match blocks.next() {
                Ok((len, block)) => {
                    self.block(&block, found);
                    blocks.consume(len);
                    continue;
                }
                Err(PcapError::Incomplete(_) | PcapError::BufferTooSmall) => {}
                Err(PcapError::Eof) => return Ok(()),
                Err(PcapError::UnexpectedEof) => {
                    self.summary.is_cut_off = true;
                    return Ok(());
                }
                Err(_) => return Err(CaptureError::Broken(self.summary.packets)),
            }
            let before = blocks.data().len();
            let refilled = blocks.refill().is_ok();
            if refilled && (blocks.data().len() > before || blocks.reader_exhausted()) {
                continue;
            }
            // The buffer is full, and holds no complete packet.
            size *= 2;
            if size > MAX_BLOCK || !blocks.grow(size) {
                return Err(CaptureError::TooLarge);
            }
        }
    }

    fn block(&mut self, block: &PcapBlockOwned<'_>, found: &mut impl FnMut(Flow)) {
        match block {
            PcapBlockOwned::LegacyHeader(header) => self.links = vec![header.network],
            PcapBlockOwned::Legacy(block) => {
                let link = self.links.first().copied();
                self.captured(link, block.data, block.caplen, found);
            }
            // A new section has its own interfaces.
            PcapBlockOwned::NG(Block::SectionHeader(_)) => self.links.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                // Nobody has as many; a hostile file may.
                if self.links.len() < 65_536 {
                    self.links.push(interface.linktype);
                }
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(block)) => {
                let link = self.links.get(block.if_id as usize).copied();
                self.captured(link, block.data, block.caplen, found);
            }
            PcapBlockOwned::NG(Block::SimplePacket(block)) => {
                let link = self.links.first().copied();
                self.captured(link, block.data, block.origlen, found);
            }
            PcapBlockOwned::NG(_) => {}
        }
    }

    fn captured(&mut self, link: Option<Linktype>, data: &[u8], len: u32, found: &mut impl FnMut(Flow)) {
        let data = data.get(..len as usize).unwrap_or(data);
        match link {
            Some(link) => self.packet(link, data, found),
            None => self.summary.other_packets += 1,
        }
    }

    fn packet(&mut self, link: Linktype, data: &[u8], found: &mut impl FnMut(Flow)) {
        self.summary.packets += 1;
        match packet::parse(link, data) {
            Some(Packet::Segment(segment)) => self.streams.segment(&segment, found),
            Some(Packet::Datagram { source, destination, payload, is_cut_off }) => found(Flow {
                transport: Transport::Udp,
                source,
                destination,
                bytes: payload.into(),
                seen: payload.len() as u64,
                from_the_start: true,
                has_gap: is_cut_off,
            }),
            Some(Packet::Fragment) => self.summary.fragments += 1,
            None => self.summary.other_packets += 1,
        }
    }
}

/// Where an error of the file is kept: pcap-parser says only that there was one.
#[derive(Clone, Debug, Default)]
struct IoError(std::sync::Arc<std::sync::Mutex<Option<io::Error>>>);

impl IoError {
    fn put(&self, error: io::Error) {
        if let Ok(mut kept) = self.0.lock() {
            *kept = Some(error);
        }
    }

    fn take(&self) -> Option<io::Error> {
        self.0.lock().ok().and_then(|mut kept| kept.take())
    }
}

struct Noting<R> {
    reader: R,
    failed: IoError,
}

impl<R: Read> Read for Noting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed.put(error);
                    return Err(io::ErrorKind::Other.into());
                }
                read => return read,
            }
        }
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotACapture => f.write_str("it is neither a pcap nor a pcapng file"),
            Self::TooLarge => write!(f, "a packet of more than {} MiB: the file is damaged", MAX_BLOCK >> 20),
            Self::Broken(packets) => {
                write!(f, "after {packets} packets there is something that is no packet: the file is damaged")
            }
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CaptureError {}
