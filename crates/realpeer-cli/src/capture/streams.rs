//! Puts the segments of TCP streams together, as far as their first bytes go.

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::net::SocketAddr;

use realpeer::proto::{Config, MAX_HEADER_LEN, Parsed, parse};

use super::packet::Segment;
use super::{Flow, Transport};

/// How many bytes of payload tell what it looks like.
const PAYLOAD: usize = 64;
/// How many bytes of a stream are kept.
const KEPT: usize = MAX_HEADER_LEN + PAYLOAD;
/// How many bytes of all streams are kept, and how many streams.
const KEPT_IN_ALL: usize = 64 << 20;
const MAX_STREAMS: usize = 1 << 16;

/// The streams of a capture.
#[derive(Default)]
pub(super) struct Streams {
    open: HashMap<(SocketAddr, SocketAddr), Stream>,
    /// How many bytes they hold.
    held: usize,
    /// How many there have been.
    count: u64,
}

/// One direction of a connection.
struct Stream {
    /// The order in which streams were first seen.
    number: u64,
    /// The sequence number of the first byte, once known: from its SYN, or where the capture began.
    start: u32,
    has_syn: bool,
    /// In order, from the start.
    bytes: Vec<u8>,
    /// What arrived before its turn, by its distance from the start.
    early: BTreeMap<u32, Vec<u8>>,
    /// The distance of the last byte seen.
    end: u32,
    /// Whether the capture lacks bytes that were sent.
    is_cut_off: bool,
    /// It has been handed over; what follows is only counted.
    is_done: bool,
}

impl Streams {
    /// Adds a segment, and hands over its stream if all is known that is of interest.
    pub(super) fn segment(&mut self, segment: &Segment<'_>, found: &mut impl FnMut(Flow)) {
        let key = (segment.source, segment.destination);
        // The first byte after a SYN has the next number.
        let sequence = segment.sequence.wrapping_add(u32::from(segment.syn));
        if segment.syn && self.open.get(&key).is_some_and(|stream| stream.is_another(sequence)) {
            self.hand_over(key, found);
            self.remove(key);
        }
        if segment.payload.is_empty() && !segment.syn && !self.open.contains_key(&key) {
            return;
        }
        if self.open.len() >= MAX_STREAMS || self.held > KEPT_IN_ALL {
            self.finish(found);
        }
        self.count += 1;
        let number = self.count;
        let stream = self.open.entry(key).or_insert_with(|| Stream::new(number, sequence));
        let before = stream.held();
        stream.has_syn |= segment.syn;
        stream.add(sequence, segment.payload);
        stream.is_cut_off |= segment.is_cut_off;
        self.held = (self.held + stream.held()).saturating_sub(before);
        // Without a SYN what comes next may belong before it.
        if segment.ends || stream.has_syn && stream.is_decided() {
            self.hand_over(key, found);
        }
    }

    /// Hands over all that is left, in the order in which it was first seen.
    pub(super) fn finish(&mut self, found: &mut impl FnMut(Flow)) {
        let mut keys: Vec<_> = self.open.iter().map(|(key, stream)| (stream.number, *key)).collect();
        keys.sort_unstable();
        for (_, key) in keys {
            self.hand_over(key, found);
        }
        self.open.clear();
        self.held = 0;
    }

    /// How many bytes are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held
    }

    fn hand_over(&mut self, (source, destination): (SocketAddr, SocketAddr), found: &mut impl FnMut(Flow)) {
        let Some(stream) = self.open.get_mut(&(source, destination)) else { return };
        if stream.is_done {
            return;
        }
        self.held = self.held.saturating_sub(stream.held());
        stream.is_done = true;
        let has_gap = stream.is_cut_off || !stream.early.is_empty();
        stream.early.clear();
        let bytes = mem::take(&mut stream.bytes);
        if bytes.is_empty() && !has_gap {
            return;
        }
        found(Flow {
            transport: Transport::Tcp,
            source,
            destination,
            seen: u64::from(stream.end).max(bytes.len() as u64),
            bytes,
            from_the_start: stream.has_syn,
            has_gap,
        });
    }

    fn remove(&mut self, key: (SocketAddr, SocketAddr)) {
        if let Some(stream) = self.open.remove(&key) {
            self.held = self.held.saturating_sub(stream.held());
        }
    }
}

impl Stream {
    fn new(number: u64, start: u32) -> Self {
        Self {
            number,
            start,
            has_syn: false,
            bytes: Vec::new(),
            early: BTreeMap::new(),
            end: 0,
            is_cut_off: false,
            is_done: false,
        }
    }

    /// Whether a SYN with this number is that of a later connection between the same ports.
    fn is_another(&self, sequence: u32) -> bool {
        self.has_syn && self.start != sequence || !self.has_syn && self.is_done
    }

    fn held(&self) -> usize {
        // An entry of the map costs something, too.
        self.bytes.len() + self.early.values().map(|bytes| bytes.len() + 64).sum::<usize>()
    }

    fn add(&mut self, sequence: u32, payload: &[u8]) {
        let mut distance = sequence.wrapping_sub(self.start);
        let mut payload = payload;
        if distance > u32::MAX / 2 {
            let before = distance.wrapping_neg();
            if self.has_syn || self.is_done || before as usize > KEPT {
                // It starts before the stream: a repetition, or a probe that keeps the connection alive.
                payload = payload.get(before as usize..).unwrap_or_default();
                distance = 0;
            } else {
                self.start_earlier(before);
                distance = 0;
            }
        }
        let end = u64::from(distance) + payload.len() as u64;
        self.end = self.end.max(u32::try_from(end).unwrap_or(u32::MAX));
        if self.is_done || payload.is_empty() || distance as usize > KEPT {
            return;
        }
        let room = KEPT.saturating_sub(distance as usize);
        let payload = payload.get(..room).unwrap_or(payload);
        // What arrived first counts, if a repetition differs.
        let early = self.early.entry(distance).or_default();
        if early.len() < payload.len() {
            let known = early.len();
            early.extend_from_slice(payload.get(known..).unwrap_or_default());
        }
        self.join();
        // Overlapping segments can hold more than there is between start and end.
        if self.held() > 4 * KEPT {
            self.early.clear();
            self.is_cut_off = true;
        }
    }

    /// The capture began in the middle, and its packets are out of order.
    fn start_earlier(&mut self, by: u32) {
        self.start = self.start.wrapping_sub(by);
        let bytes = mem::take(&mut self.bytes);
        let later = mem::take(&mut self.early).into_iter().map(|(distance, bytes)| (distance + by, bytes));
        self.early = later.collect();
        if !bytes.is_empty() {
            self.early.insert(by, bytes);
        }
        self.end = self.end.saturating_add(by);
    }

    /// Moves to `bytes` what has its turn.
    fn join(&mut self) {
        while let Some(entry) = self.early.first_entry() {
            let distance = *entry.key() as usize;
            if distance > self.bytes.len() {
                return;
            }
            let more = entry.remove();
            let known = self.bytes.len() - distance;
            self.bytes.extend_from_slice(more.get(known..).unwrap_or_default());
        }
    }

    /// Whether more bytes would change nothing that is of interest.
    fn is_decided(&self) -> bool {
        let config = Config::new().with_max_header_len(MAX_HEADER_LEN);
        self.bytes.len() >= KEPT
            || match parse(&self.bytes, &config) {
                Ok(Parsed::Complete { len, .. }) => self.bytes.len() >= len + PAYLOAD,
                Ok(Parsed::Incomplete { .. }) => false,
                Err(_) => self.bytes.len() >= PAYLOAD,
            }
    }
}
