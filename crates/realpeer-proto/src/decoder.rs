//! The decoder: push bytes, pull events.

use core::fmt;
use core::num::NonZeroUsize;

use crate::config::Limits;
use crate::parse::{
    Parsed, Resume, advance, advance_byte, complete, header_extent, parse_slow, shortest, view,
};
use crate::{ApiMisuse, Config, Error, Header, Storage};

/// A decoder of one header: bytes go in as they arrive, events come out.
///
/// Bytes are kept in the storage `B`: an array, a borrowed slice, or anything else that is [`Storage`]. The decoder
/// itself never allocates. How long a header may be is the smaller of [`Config::max_header_len`] and what the storage can
/// hold, and the error tells which of the two it was.
///
/// - `push(a)` then `push(b)` == `push(a ++ b)`: the same events, the same error, the same bytes taken.
/// - `push(header ++ payload) == header.len()`: no byte of payload is ever taken, and
///   [`read_slot`](Self::read_slot) is never longer than what is still header.
/// - `as_bytes() ++ input[push(input)..]` == all that was pushed, also after an error: nothing is lost.
/// - After an error `push(x) == 0`, and [`next_event`](Self::next_event) returns that error.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{Config, Decoder, Event};
///
/// let mut decoder = Decoder::with_storage(&Config::new(), [0; 536]);
/// let (first, second) = (&b"PROXY TCP4 192.0.2.1 198.51"[..], &b".100.2 56324 443\r\nhello"[..]);
///
/// assert_eq!(decoder.push(first), first.len());
/// assert!(matches!(decoder.next_event()?, Event::NeedData { .. }));
///
/// let taken = decoder.push(second);
/// let Event::Header(header) = decoder.next_event()? else { panic!("incomplete") };
/// assert_eq!(header.source().unwrap().to_string(), "192.0.2.1:56324");
/// assert_eq!(&second[taken..], b"hello");
/// # Ok::<(), realpeer::proto::Error>(())
/// ```
#[derive(Clone)]
pub struct Decoder<B> {
    state: State,
    /// The bytes of the storage that are filled.
    filled: u32,
    /// Those of them that the state knows of.
    seen: u32,
    /// The fewest bytes missing, as of `seen`.
    needed: u32,
    limits: Limits,
    storage: B,
}

/// The answer of [`Decoder::next_event`].
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::{Config, Decoder, Event};
///
/// let mut decoder = Decoder::with_storage(&Config::new(), [0; 536]);
/// assert_eq!(decoder.next_event()?, Event::NeedData { min: 15.try_into()? });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It has no third kind, and gets none without a new major version: a loop handles both.
#[must_use = "it may be the header, or ask for more bytes"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// More bytes are needed.
    NeedData {
        /// At least this many are missing: a read of that size can't take a byte of payload.
        min: NonZeroUsize,
    },
    /// The header is complete. Asking again returns it again.
    Header(Header<'a>),
}

/// The room that storage is asked for when the first bytes arrive.
const LEAST_ROOM: usize = 16;

#[derive(Clone, Copy, Debug)]
enum State {
    Open(Resume),
    Complete,
    Failed(Error),
}

impl<B: Storage> Decoder<B> {
    /// Creates a decoder that keeps its bytes in `storage`, whose contents are overwritten.
    ///
    /// - If `storage.max_len() >= config.max_header_len()`, it accepts the headers that [`parse`](crate::parse) accepts
    ///   with this `config`.
    /// - Otherwise a longer header is [`Error::StorageTooSmall`], at the first byte that makes it too long.
    ///
    /// With the limit of [`Config::new`] that is storage for 4,096 bytes. The specification means headers to fit 536,
    /// but a client's certificate makes them longer.
    ///
    /// ```
    /// # mod realpeer { pub use realpeer_proto as proto; }
    /// use realpeer::proto::{Config, Decoder, Error};
    ///
    /// let mut inline = Decoder::with_storage(&Config::new(), [0; 536]);
    /// let taken = inline.push(b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x04\x00 and 1,024 more bytes");
    /// assert_eq!(taken, 14);
    /// assert_eq!(inline.next_event(), Err(Error::StorageTooSmall { at_least: 16 + 1024, room: 536 }));
    ///
    /// let mut within = Decoder::with_storage(&Config::new().with_max_header_len(536), [0; 536]);
    /// # let _ =
    /// within.push(b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x04\x00");
    /// assert_eq!(within.next_event(), Err(Error::TooLong { at_least: 16 + 1024, limit: 536 }));
    /// ```
    #[inline]
    pub fn with_storage(config: &Config, storage: B) -> Self {
        let limits = config.limits().within_storage(storage.max_len());
        let (state, needed) = match shortest(limits) {
            Ok(needed) => (State::Open(Resume::Start), needed),
            Err(error) => (State::Failed(error), 0),
        };
        #[expect(clippy::cast_possible_truncation, reason = "it is 16 at most")]
        let needed = needed as u32;
        Self { state, filled: 0, seen: 0, needed, limits, storage }
    }

    /// Consumes header bytes from the front of `input` and returns how many it took: all of them, unless the header
    /// ends before, or no header can begin like this. In that case the byte that makes it impossible, and all that
    /// follows it, are not taken.
    ///
    /// Bytes that are not taken remain the caller's. Those that were taken are available, after an error too, from
    /// [`as_bytes`](Self::as_bytes).
    ///
    /// ```
    /// # mod realpeer { pub use realpeer_proto as proto; }
    /// use realpeer::proto::{Config, Decoder};
    ///
    /// let mut decoder = Decoder::with_storage(&Config::new(), [0; 536]);
    /// assert_eq!(decoder.push(b"P"), 1);
    /// assert_eq!(decoder.push(b"OST / HTTP/1.1\r\n"), 0);
    /// assert!(decoder.next_event().is_err());
    /// assert_eq!(decoder.as_bytes(), b"P");
    /// ```
    #[must_use = "the bytes that were not taken are payload, or belong to another protocol"]
    #[inline]
    pub fn push(&mut self, input: &[u8]) -> usize {
        match self.push_complete(input) {
            Some(taken) => taken,
            None => self.push_any(input),
        }
    }

    /// Takes a complete header that arrives at once, as most do, if nothing has arrived before.
    #[inline]
    fn push_complete(&mut self, input: &[u8]) -> Option<usize> {
        let State::Open(Resume::Start) = self.state else { return None };
        if self.filled > 0 {
            return None;
        }
        let len = complete(input, self.limits)?;
        let header = input.get(..len)?;
        self.storage.bytes_mut().get_mut(..len)?.copy_from_slice(header);
        #[expect(clippy::cast_possible_truncation, reason = "no header is longer")]
        let len = len as u32;
        (self.state, self.filled, self.seen) = (State::Complete, len, len);
        Some(header.len())
    }

    #[inline(never)]
    fn push_any(&mut self, input: &[u8]) -> usize {
        self.catch_up();
        if !self.is_open() {
            return 0;
        }
        let before = self.filled;
        if let [byte] = *input {
            self.push_byte(byte);
        } else {
            let mut rest = input;
            loop {
                let taken = self.take(rest);
                if taken == 0 {
                    break;
                }
                rest = rest.get(taken..).unwrap_or_default();
                // What was taken may say that more is header.
                self.catch_up();
            }
        }
        self.catch_up();
        // Only a failure leaves bytes unseen.
        if self.seen != self.filled {
            self.untake(before);
        }
        (self.filled - before) as usize
    }

    /// Reports that no more bytes will arrive. Without a complete header that is an error: [`Error::Closed`] if nothing
    /// arrived at all, else [`Error::Truncated`].
    pub fn push_eof(&mut self) {
        self.catch_up();
        if self.is_open() {
            self.state = State::Failed(match self.filled {
                0 => Error::Closed,
                received => Error::Truncated { received },
            });
        }
    }

    /// Returns the slice to read the next bytes into; empty once there is a header or an error.
    ///
    /// The slot is never longer than what is still header, so a read into it can't take a byte of payload. It may be
    /// shorter than the `min` of [`Event::NeedData`]: storage grows only by what has arrived. Say with
    /// [`received`](Self::received) how many bytes were written to its front.
    pub fn read_slot(&mut self) -> &mut [u8] {
        self.catch_up();
        let (start, end) = self.slot();
        if !self.make_room(end) {
            return &mut [];
        }
        self.storage.bytes_mut().get_mut(start..end).unwrap_or_default()
    }

    /// Reports that `n` bytes were written to the front of the [`read_slot`](Self::read_slot). More than it could hold
    /// is [`Error::ApiMisuse`].
    pub fn received(&mut self, n: usize) {
        self.catch_up();
        let (start, end) = self.slot();
        let slot = end.min(self.storage.bytes().len()).saturating_sub(start);
        if n > slot {
            self.received_too_many(n, slot);
        } else {
            self.filled += u32::try_from(n).unwrap_or(u32::MAX);
        }
    }

    /// Returns what is known so far: more bytes are needed, or the header, or what is wrong with it. The answer changes
    /// only with [`push`](Self::push), [`received`](Self::received) and [`push_eof`](Self::push_eof).
    ///
    /// # Errors
    ///
    /// As soon as no header can begin with the bytes so far, and ever after. See [`Error`].
    #[inline]
    pub fn next_event(&mut self) -> Result<Event<'_>, Error> {
        match self.state {
            State::Open(_) if self.seen == self.filled => Ok(Event::NeedData { min: self.min() }),
            State::Open(_) => self.parse_more(),
            // It has been found complete before, so there is a header.
            State::Complete => view(self.as_bytes(), self.limits)
                .map(Event::Header)
                .ok_or(Error::ApiMisuse(ApiMisuse::StorageShrank)),
            State::Failed(error) => Err(error),
        }
    }

    /// Reads the bytes that have arrived since the last look.
    #[inline(never)]
    fn parse_more(&mut self) -> Result<Event<'_>, Error> {
        if self.storage.bytes().len() < self.filled as usize {
            self.misuse(ApiMisuse::StorageShrank);
            return self.next_event();
        }
        let Self { state, filled, seen, needed, limits, storage } = self;
        let bytes = B::bytes(storage).get(..*filled as usize).unwrap_or_default();
        let State::Open(resume) = state else { return Err(Error::Unreachable) };
        match advance(resume, bytes, *limits) {
            Ok(Parsed::Complete { header, .. }) => {
                *seen = *filled;
                *state = State::Complete;
                Ok(Event::Header(header))
            }
            Ok(Parsed::Incomplete { needed: min }) => {
                *needed = u32::try_from(min.get()).unwrap_or(u32::MAX);
                *seen = *filled;
                Ok(Event::NeedData { min })
            }
            Err(error) => {
                *state = State::Failed(error);
                Err(error)
            }
        }
    }

    /// Returns the header, if it is complete; certainly once [`next_event`](Self::next_event) has returned it.
    #[inline]
    pub fn header(&self) -> Option<Header<'_>> {
        match self.state {
            State::Complete => view(self.as_bytes(), self.limits),
            _ => None,
        }
    }

    /// Returns the bytes taken so far, also after an error: once the header is complete, all of it and nothing else.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.storage.bytes().get(..self.filled as usize).unwrap_or_default()
    }

    /// Whether there is a header.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }

    /// Whether there is neither a header nor an error.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Whether there is an error.
    pub(crate) fn is_failed(&self) -> bool {
        matches!(self.state, State::Failed(_))
    }

    /// The caller says that it wrote `received` bytes into a slot of fewer.
    pub(crate) fn received_too_many(&mut self, received: usize, slot: usize) {
        let clamp = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        self.misuse(ApiMisuse::ReceivedBeyondSlot { received: clamp(received), slot: clamp(slot) });
    }

    /// Fails. The first error stays.
    pub(crate) fn misuse(&mut self, misuse: ApiMisuse) {
        if !self.is_failed() {
            self.state = State::Failed(Error::ApiMisuse(misuse));
        }
    }

    fn min(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.needed as usize).unwrap_or(NonZeroUsize::MIN)
    }

    /// Brings `state` up to what is filled.
    #[inline]
    fn catch_up(&mut self) {
        if self.seen != self.filled {
            let _ = self.next_event();
        }
    }
}

impl<B: Storage> Decoder<B> {
    /// Takes a byte that comes alone: as long as there is no header, at least one is missing.
    #[inline]
    fn push_byte(&mut self, byte: u8) {
        let State::Open(resume) = &mut self.state else { return };
        let missing = advance_byte(resume, byte, self.limits);
        let filled = self.filled as usize;
        if !self.make_room(filled + 1) {
            return;
        }
        if let Some(slot) = self.storage.bytes_mut().get_mut(filled) {
            *slot = byte;
        }
        self.filled += 1;
        if let Some(missing) = missing {
            (self.needed, self.seen) = (missing, self.filled);
        }
    }

    /// Gives back what [`push`](Self::push) has taken beyond the bytes with which a header can begin. It can begin with
    /// the first `good`, and not with all.
    #[cold]
    fn untake(&mut self, good: u32) {
        let bytes = self.as_bytes();
        // What no header can begin with does not become one by more bytes, so it can be searched by halves.
        let (mut good, mut bad) = (good as usize, bytes.len());
        while good + 1 < bad {
            let middle = good.midpoint(bad);
            match parse_slow(bytes.get(..middle).unwrap_or_default(), self.limits) {
                Ok(_) => good = middle,
                Err(_) => bad = middle,
            }
        }
        self.filled = good as u32;
    }

    /// Consumes what may be header from the front of `input`, and returns how many bytes that is.
    fn take(&mut self, input: &[u8]) -> usize {
        let State::Open(resume) = &self.state else { return 0 };
        let filled = self.filled as usize;
        let most = header_extent(resume, self.as_bytes(), self.needed as usize, input, self.limits);
        let input = input.get(..most).unwrap_or(input);
        let end = filled + input.len();
        if !self.make_room(end) {
            return 0;
        }
        if let Some(slot) = self.storage.bytes_mut().get_mut(filled..end) {
            slot.copy_from_slice(input);
        }
        #[expect(clippy::cast_possible_truncation, reason = "no header is longer")]
        let end = end as u32;
        self.filled = end;
        input.len()
    }

    /// Start and end of the slot. What is full grows by as much as has arrived, whatever the header announces.
    fn slot(&self) -> (usize, usize) {
        let filled = self.filled as usize;
        if !matches!(self.state, State::Open(_)) {
            return (filled, filled);
        }
        let room = self.storage.bytes().len();
        let room = if filled < room { room } else { (2 * room).max(LEAST_ROOM) };
        (filled, room.min(filled + self.needed as usize))
    }

    fn make_room(&mut self, len: usize) -> bool {
        let mut fits = len <= self.storage.bytes().len();
        if !fits {
            fits = self.storage.grow(len) && len <= self.storage.bytes().len();
        }
        if !fits {
            self.state = State::Failed(Error::OutOfMemory);
        }
        fits
    }
}

impl<B: Storage> fmt::Debug for Decoder<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("state", &self.state)
            .field("bytes", &format_args!("\"{}\"", self.as_bytes().escape_ascii()))
            .finish_non_exhaustive()
    }
}
