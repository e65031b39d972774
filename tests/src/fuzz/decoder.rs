use std::cell::Cell;
use std::rc::Rc;

use arbitrary::{Arbitrary, Unstructured};
use realpeer_proto::{ApiMisuse, Config, Decoder, Error, Event, Parsed, Storage, parse};

use super::scripted;

#[derive(Arbitrary, Debug)]
enum Op {
    /// Pushes so many bytes.
    Push(u8),
    /// Writes so many bytes into the slot.
    Read(u8),
    /// Says that more came than the slot could hold.
    Lie(u8),
    Event,
    Slot,
    Eof,
}

/// Storage that grows on the heap, and refuses beyond `most`.
struct Room {
    bytes: Vec<u8>,
    most: usize,
    /// The bytes it has room for, for all to see.
    len: Rc<Cell<usize>>,
}

impl Storage for Room {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    fn max_len(&self) -> usize {
        usize::MAX
    }

    fn grow(&mut self, len: usize) -> bool {
        let fits = len <= self.most;
        if fits {
            assert!(len > self.bytes.len(), "only called to grow");
            self.bytes.resize(len, 0xA5);
            self.len.set(len);
        }
        fits
    }
}

/// Any sequence of calls: what the decoder says is what [`parse`] says of the bytes taken so far, errors stay, and
/// storage grows only by what has arrived.
pub fn decoder(data: &[u8]) {
    let Some((config, script, stream)) = scripted(data) else { return };
    let mut script = Unstructured::new(script);
    let most = if script.arbitrary::<u8>().unwrap_or(0) < 0xF0 { usize::MAX } else { 40 };
    let len = Rc::new(Cell::new(0));
    let room = Room { bytes: Vec::new(), most, len: Rc::clone(&len) };
    let decoder = Decoder::with_storage(&config, room);
    let mut run = Run { config, decoder, stream, taken: 0, offered: 0, ended: None, most, room: len };
    while !script.is_empty() {
        let Ok(op) = script.arbitrary() else { break };
        run.step(&op);
        run.check();
    }
    // In the end all there is.
    run.push(stream.len());
    run.check();
}

struct Run<'a> {
    config: Config,
    decoder: Decoder<Room>,
    stream: &'a [u8],
    /// The bytes of the stream that the decoder has taken.
    taken: usize,
    /// The bytes of the stream that were offered to it.
    offered: usize,
    /// The error that a call has brought about, rather than a byte.
    ended: Option<Error>,
    most: usize,
    room: Rc<Cell<usize>>,
}

impl Run<'_> {
    fn step(&mut self, op: &Op) {
        match *op {
            Op::Push(len) => self.push(len.into()),
            Op::Read(len) => {
                let rest = &self.stream[self.taken..];
                let slot = self.decoder.read_slot();
                let len = slot.len().min(rest.len()).min(len.into());
                slot[..len].copy_from_slice(&rest[..len]);
                self.decoder.received(len);
                self.taken += len;
                self.offered = self.offered.max(self.taken);
            }
            Op::Lie(more) => {
                let slot = self.decoder.read_slot().len();
                let received = slot + 1 + usize::from(more);
                let failed = self.decoder.next_event().is_err();
                self.decoder.received(received);
                if !failed {
                    let (received, slot) = (received as u32, slot as u32);
                    let misuse = ApiMisuse::ReceivedBeyondSlot { received, slot };
                    self.ended = Some(Error::ApiMisuse(misuse));
                }
            }
            Op::Event => drop(self.decoder.next_event()),
            Op::Slot => {
                let open = self.is_open();
                let slot = self.decoder.read_slot().len();
                if let Ok(Event::NeedData { min }) = self.decoder.next_event() {
                    assert!((1..=min.get()).contains(&slot), "a slot of {slot} where {min} are needed");
                } else {
                    assert_eq!(slot, 0);
                    assert!(!open || self.most < usize::MAX);
                }
            }
            Op::Eof => {
                if self.is_open() {
                    let received = self.taken as u32;
                    self.ended =
                        Some(if received == 0 { Error::Closed } else { Error::Truncated { received } });
                }
                self.decoder.push_eof();
            }
        }
    }

    fn push(&mut self, len: usize) {
        let rest = &self.stream[self.taken..];
        let input = &rest[..len.min(rest.len())];
        self.offered = self.offered.max(self.taken + input.len());
        let taken = self.decoder.push(input);
        assert!(taken <= input.len());
        self.taken += taken;
        if taken < input.len() {
            assert!(!self.is_open(), "only a header or an error leaves bytes behind");
            if self.ended.is_none()
                && parse(&self.stream[..self.taken], &self.config).is_ok_and(is_incomplete)
            {
                // It took all with which a header can begin, and not the byte that makes it impossible.
                self.ended = match self.decoder.next_event() {
                    Err(Error::OutOfMemory) => Some(Error::OutOfMemory),
                    _ => parse(&self.stream[..=self.taken], &self.config).err(),
                };
                assert!(self.ended.is_some());
            }
        }
    }

    fn is_open(&mut self) -> bool {
        matches!(self.decoder.next_event(), Ok(Event::NeedData { .. }))
    }

    fn check(&mut self) {
        let bytes = &self.stream[..self.taken];
        assert_eq!(self.decoder.as_bytes(), bytes);
        match self.decoder.next_event() {
            Err(Error::OutOfMemory) => {
                assert!(self.most < usize::MAX);
                self.ended = Some(Error::OutOfMemory);
            }
            event => match self.ended.map_or_else(|| parse(bytes, &self.config), Err) {
                Ok(Parsed::Complete { header, len }) => {
                    assert_eq!(event, Ok(Event::Header(header)));
                    assert_eq!(self.decoder.header(), Some(header));
                    assert_eq!(len, bytes.len());
                }
                Ok(Parsed::Incomplete { needed }) => {
                    assert_eq!(event, Ok(Event::NeedData { min: needed }));
                    assert_eq!(self.decoder.header(), None);
                }
                Err(error) => assert_eq!(event, Err(error)),
            },
        }
        let room = self.room.get();
        assert!(room <= 16.max(2 * self.offered), "room for {room} bytes, of which {} came", self.offered);
        assert!(room <= self.config.max_header_len());
    }
}

fn is_incomplete(parsed: Parsed<'_>) -> bool {
    matches!(parsed, Parsed::Incomplete { .. })
}
