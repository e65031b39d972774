//! The driver: a decoder with a deadline, fed by whatever reads.

use core::fmt;
use core::ops::Add;
use core::task::{Poll, ready};
use core::time::Duration;

use crate::{Config, Decoder, Error, Header, Storage};

/// Reads one header off a connection, within its time. Every adapter runs this and nothing else.
///
/// `I` is an instant of the caller's clock, such as `std::time::Instant`; the core has no clock. To drive it:
///
/// 1. Call [`poll_with`](Self::poll_with), or [`poll_peek_with`](Self::poll_peek_with), whenever the connection may
///    be readable, until it is ready.
/// 2. While it is pending, wait for the connection, and until [`poll_timeout`](Self::poll_timeout) at the longest.
/// 3. When that time comes call [`handle_timeout`](Self::handle_timeout), then poll again.
///
/// The time is the whole header's, not each read's, and ends with it.
///
/// ```
/// use core::task::Poll;
/// use core::time::Duration;
/// use realpeer_proto::{Config, Handshake, HandshakeError};
///
/// let mut arriving = [&b"PROXY TCP4 192.0.2.1"[..], b" 198.51.100.2 56324 443\r\n"].concat();
/// let mut handshake: Handshake<Duration> = Handshake::new(&Config::new(), Duration::ZERO);
///
/// let polled: Poll<Result<(), HandshakeError<()>>> = handshake.poll_with(|slot| {
///     let n = slot.len().min(arriving.len());
///     slot[..n].copy_from_slice(&arriving[..n]);
///     arriving.drain(..n);
///     Poll::Ready(Ok(n))
/// });
/// assert_eq!(polled, Poll::Ready(Ok(())));
/// assert_eq!(handshake.header().unwrap().source().unwrap().to_string(), "192.0.2.1:56324");
/// assert_eq!(handshake.poll_timeout(), None);
/// ```
#[derive(Clone)]
pub struct Handshake<I, B = [u8; 536]> {
    decoder: Decoder<B>,
    deadline: I,
    /// Bytes that were peeked at and pushed, but not yet read off.
    owed: u32,
    expired: bool,
}

/// How [`Handshake::poll_peek_with`] wants bytes read.
///
/// ```
/// use realpeer_proto::ReadMode;
///
/// let flags = |mode| match mode {
///     ReadMode::Peek => "MSG_PEEK",
///     ReadMode::Take => "0",
/// };
/// assert_eq!(flags(ReadMode::Peek), "MSG_PEEK");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadMode {
    /// Leave the bytes where they are, as `MSG_PEEK` does.
    Peek,
    /// Read the bytes off; they have been peeked at and are there.
    Take,
}

/// Why there is no header.
///
/// ```
/// use core::task::Poll;
/// use core::time::Duration;
/// use realpeer_proto::{Config, Handshake, HandshakeError};
///
/// let config = Config::new().with_timeout(Duration::from_secs(3));
/// let mut handshake: Handshake<Duration> = Handshake::new(&config, Duration::ZERO);
/// let silent = |_: &mut [u8]| Poll::<Result<usize, ()>>::Pending;
/// assert!(handshake.poll_with(silent).is_pending());
///
/// handshake.handle_timeout(Duration::from_secs(3));
/// assert_eq!(handshake.poll_with(silent), Poll::Ready(Err(HandshakeError::TimedOut { received: 0 })));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandshakeError<E> {
    /// The bytes are no header, or were cut off.
    Protocol(Error),
    /// The connection failed.
    Io(E),
    /// The deadline passed.
    TimedOut {
        /// How many bytes had come.
        received: usize,
    },
}

impl<I> Handshake<I>
where
    I: Copy + PartialOrd + Add<Duration, Output = I>,
{
    /// A handshake that begins `now` and has [`Config::timeout`] to end, with storage for 536 bytes.
    pub fn new(config: &Config, now: I) -> Self {
        Self::with_storage(config, now, [0; 536])
    }
}

impl<I, B> Handshake<I, B>
where
    I: Copy + PartialOrd + Add<Duration, Output = I>,
    B: Storage,
{
    /// The same with storage of the caller's.
    pub fn with_storage(config: &Config, now: I, storage: B) -> Self {
        let decoder = Decoder::with_storage(config, storage);
        Self { decoder, deadline: now + config.timeout(), owed: 0, expired: false }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` once the handshake has ended. Until then it
    /// never changes.
    pub fn poll_timeout(&self) -> Option<I> {
        let ended = self.expired || self.decoder.is_settled() && self.owed == 0;
        (!ended).then_some(self.deadline)
    }

    /// Says what time it is. The clock decides, not the timer: before the deadline this does nothing.
    pub fn handle_timeout(&mut self, now: I) {
        self.expired |= self.poll_timeout().is_some_and(|deadline| now >= deadline);
    }

    /// Reads on with `read`, which fills the front of the slice it is given and says how many bytes it wrote, 0 at
    /// the end of the stream, like [`Read::read`](https://doc.rust-lang.org/std/io/trait.Read.html#tymethod.read). The slice is
    /// never longer than what is still header, so no byte of payload is read.
    ///
    /// Once ready, it stays so and reads no more.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`]. After [`HandshakeError::Io`] it may be polled again, as after an interrupted call.
    pub fn poll_with<E>(
        &mut self,
        mut read: impl FnMut(&mut [u8]) -> Poll<Result<usize, E>>,
    ) -> Poll<Result<(), HandshakeError<E>>> {
        self.drive(|this| {
            if this.owed > 0 {
                return this.take_owed(&mut [0; 64], &mut read);
            }
            let slot = this.decoder.read_slot();
            // Without room there is nothing to read to, and the decoder says so.
            if !slot.is_empty() {
                match ready!(read(slot))? {
                    0 => this.decoder.push_eof(),
                    n => this.decoder.received(n),
                }
            }
            Poll::Ready(Ok(()))
        })
    }

    /// Reads on where the connection can be peeked at: `read` is told whether to leave what it reads where it is.
    /// Where the header has come whole that is two calls, one [`ReadMode::Peek`] and one [`ReadMode::Take`] of exactly
    /// the bytes of the header. Bytes that can't be a header are not read off. Otherwise as
    /// [`poll_with`](Self::poll_with), and the two may be mixed.
    ///
    /// `scratch` is where it reads to: 536 bytes are enough for most headers, any length will do. Without any it does
    /// not peek, but reads as [`poll_with`](Self::poll_with) does.
    pub fn poll_peek_with<E>(
        &mut self,
        scratch: &mut [u8],
        mut read: impl FnMut(&mut [u8], ReadMode) -> Poll<Result<usize, E>>,
    ) -> Poll<Result<(), HandshakeError<E>>> {
        if scratch.is_empty() {
            return self.poll_with(|slot| read(slot, ReadMode::Take));
        }
        self.drive(|this| {
            if this.owed == 0 {
                let n = ready!(read(scratch, ReadMode::Peek))?;
                match scratch.get(..n) {
                    None => this.decoder.misuse(n, scratch.len()),
                    Some([]) => this.decoder.push_eof(),
                    // No header is longer than a u32 can say.
                    Some(peeked) => this.owed = this.decoder.push(peeked) as u32,
                }
                // Bytes that are no header are left to whoever wants to look at them.
                if this.decoder.next_event().is_err() {
                    this.owed = 0;
                    return Poll::Ready(Ok(()));
                }
            }
            this.take_owed(scratch, |slot| read(slot, ReadMode::Take))
        })
    }

    /// Reads on from a buffer of the caller's that reads ahead, such as a
    /// [`BufRead`](https://doc.rust-lang.org/std/io/trait.BufRead.html): `fill` gives what is in it, reading only if that
    /// is nothing, and an empty slice at the end of the stream; `consume` takes bytes off its front. Nothing but the
    /// header is taken, the rest stays in the buffer. Bytes that can't be a header are left there too. Otherwise as
    /// [`poll_with`](Self::poll_with), and all three may be mixed.
    ///
    /// ```
    /// use core::task::Poll;
    /// use core::time::Duration;
    /// use std::io::BufRead;
    /// use realpeer_proto::{Config, Handshake};
    ///
    /// let mut reader = &b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello"[..];
    /// let mut handshake: Handshake<Duration> = Handshake::new(&Config::new(), Duration::ZERO);
    /// let polled = handshake.poll_buf_with(&mut reader, |reader| Poll::Ready(reader.fill_buf()), BufRead::consume);
    /// assert!(matches!(polled, Poll::Ready(Ok(()))));
    /// assert_eq!(reader, b"hello");
    /// ```
    pub fn poll_buf_with<R: ?Sized, E>(
        &mut self,
        reader: &mut R,
        mut fill: impl FnMut(&mut R) -> Poll<Result<&[u8], E>>,
        mut consume: impl FnMut(&mut R, usize),
    ) -> Poll<Result<(), HandshakeError<E>>> {
        self.drive(|this| {
            if this.owed > 0 {
                return this.take_owed(&mut [0; 64], |slot| {
                    let len = ready!(fill(reader))?.len().min(slot.len());
                    consume(reader, len);
                    Poll::Ready(Ok(len))
                });
            }
            let filled = ready!(fill(reader))?;
            if filled.is_empty() {
                this.decoder.push_eof();
            }
            let taken = this.decoder.push(filled);
            // Bytes that are no header are left to whoever wants to look at them.
            if this.decoder.next_event().is_ok() {
                consume(reader, taken);
            }
            Poll::Ready(Ok(()))
        })
    }

    /// The header, once there is one.
    pub fn header(&self) -> Option<Header<'_>> {
        self.decoder.header().filter(|_| self.owed == 0)
    }

    /// The decoder within.
    pub fn decoder(&self) -> &Decoder<B> {
        &self.decoder
    }

    /// The decoder within, to keep the header.
    pub fn into_decoder(self) -> Decoder<B> {
        self.decoder
    }

    /// Reads off bytes that were peeked at and pushed.
    fn take_owed<E>(
        &mut self,
        scratch: &mut [u8],
        mut read: impl FnMut(&mut [u8]) -> Poll<Result<usize, E>>,
    ) -> Poll<Result<(), E>> {
        let len = scratch.len().min(self.owed as usize);
        match ready!(read(scratch.get_mut(..len).unwrap_or_default()))? {
            // Somebody else has read what was seen here.
            0 => self.decoder.cut_off(),
            n if n > len => self.decoder.misuse(n, len),
            n => {
                self.owed -= n as u32;
                return Poll::Ready(Ok(()));
            }
        }
        self.owed = 0;
        Poll::Ready(Ok(()))
    }

    /// Takes steps until the handshake has ended or is to wait.
    fn drive<E>(
        &mut self,
        mut step: impl FnMut(&mut Self) -> Poll<Result<(), E>>,
    ) -> Poll<Result<(), HandshakeError<E>>> {
        loop {
            if !self.decoder.is_complete() {
                self.decoder.next_event().map_err(HandshakeError::Protocol)?;
            }
            if self.decoder.is_complete() && self.owed == 0 {
                return Poll::Ready(Ok(()));
            }
            if self.expired {
                let received = self.decoder.as_bytes().len();
                return Poll::Ready(Err(HandshakeError::TimedOut { received }));
            }
            ready!(step(self)).map_err(HandshakeError::Io)?;
        }
    }
}

impl<I: fmt::Debug, B: Storage> fmt::Debug for Handshake<I, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("decoder", &self.decoder)
            .field("deadline", &self.deadline)
            .field("expired", &self.expired)
            .finish_non_exhaustive()
    }
}

impl<E: fmt::Display> fmt::Display for HandshakeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::TimedOut { received: 0 } => f.write_str(
                "no PROXY header in time, not a byte; is the proxy set to send one, and to send it at once?",
            ),
            Self::TimedOut { received } => {
                write!(f, "no complete PROXY header in time, only {received} bytes")
            }
        }
    }
}

impl<E: core::error::Error> core::error::Error for HandshakeError<E> {}
