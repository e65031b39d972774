//! The handshake: a decoder with a deadline, fed by whatever reads.

use core::fmt;
use core::future::{Future, poll_fn};
use core::ops::Add;
use core::pin::pin;
use core::task::{Poll, ready};
use core::time::Duration;

use crate::{ApiMisuse, Config, Decoder, HandshakeError, Header, Storage};

/// Reads one header from a connection, within its time. Every adapter runs this and nothing else.
///
/// `I` is an instant of the caller's clock, such as `std::time::Instant`; the core has no clock. To drive it:
///
/// 1. Call [`poll_with`](Self::poll_with), [`poll_peek_with`](Self::poll_peek_with) or
///    [`poll_buf_with`](Self::poll_buf_with) whenever the connection may be readable, until it is ready.
/// 2. While it is pending, wait for the connection, and until [`poll_timeout`](Self::poll_timeout) at the longest.
/// 3. When that time comes call [`handle_timeout`](Self::handle_timeout), then poll again: bytes that have arrived in
///    time are still read, and if the header is not complete then, the handshake has timed out.
///
/// The time is the whole header's, not each read's, and ends with it. Where reads are `async` functions,
/// [`read_with`](Self::read_with) does all of this.
///
/// No byte is ever lost. Whatever the outcome, and while it is pending:
///
/// - `taken() ++ what is left on the connection == everything the peer sent`
/// - after success: `taken()` == the header
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use core::task::Poll;
/// use core::time::Duration;
/// use realpeer::proto::{Config, Handshake, HandshakeError};
///
/// let mut arriving = [&b"PROXY TCP4 192.0.2.1"[..], b" 198.51.100.2 56324 443\r\n"].concat();
/// let mut handshake = Handshake::with_storage(&Config::new(), Duration::ZERO, [0; 536]);
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
pub struct Handshake<I, B> {
    decoder: Decoder<B>,
    deadline: I,
    /// How many of the decoder's bytes have been consumed from the connection. The others were peeked at.
    taken: u32,
    clock: Clock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    Running,
    /// The deadline has passed; what has arrived by now is still read.
    Expired,
    TimedOut,
}

/// The way in which [`Handshake::poll_peek_with`] wants bytes read.
///
/// ```
/// # mod realpeer { pub use realpeer_proto as proto; }
/// use realpeer::proto::ReadMode;
///
/// let flags = |mode| match mode {
///     ReadMode::Peek => "MSG_PEEK",
///     ReadMode::Take => "0",
/// };
/// assert_eq!(flags(ReadMode::Peek), "MSG_PEEK");
/// ```
///
/// It has no third way, and gets none without a new major version: what reads has to do each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadMode {
    /// Leave the bytes where they are, as `MSG_PEEK` does.
    Peek,
    /// Consume the bytes; they have been peeked at and are there.
    Take,
}

impl<I, B> Handshake<I, B>
where
    I: Copy + PartialOrd + Add<Duration, Output = I>,
    B: Storage,
{
    /// Creates a handshake that begins `now`, has [`Config::timeout`] to end, and keeps its bytes in `storage`. How
    /// storage limits a header is described at [`Decoder::with_storage`].
    pub fn with_storage(config: &Config, now: I, storage: B) -> Self {
        let decoder = Decoder::with_storage(config, storage);
        Self { decoder, deadline: now + config.timeout(), taken: 0, clock: Clock::Running }
    }

    /// Returns the deadline by which the header must be complete, at which to call
    /// [`handle_timeout`](Self::handle_timeout), or `None` once the handshake has ended. It never changes.
    pub fn poll_timeout(&self) -> Option<I> {
        let decoded = self.decoder.is_complete() && self.peeked() == 0;
        let ended = decoded || self.decoder.is_failed() || self.clock == Clock::TimedOut;
        (!ended).then_some(self.deadline)
    }

    /// Tells the handshake what time it is. The clock decides, not the timer: before the deadline this does nothing.
    ///
    /// After the deadline one more poll reads what has arrived by then, so that a header that arrived in time counts
    /// however late the poll is. As soon as that poll would have to wait it times out, so a peer that sends byte by
    /// byte gains nothing.
    pub fn handle_timeout(&mut self, now: I) {
        if self.clock == Clock::Running && now >= self.deadline {
            self.clock = Clock::Expired;
        }
    }

    /// Reads on with `read`, which fills the front of the slice it is given and returns how many bytes it wrote, 0 at
    /// the end of the stream, like [`Read::read`](https://doc.rust-lang.org/std/io/trait.Read.html#tymethod.read). The
    /// slice is never longer than what is still header, so no byte of payload is read.
    ///
    /// Once ready with success, a [protocol error](HandshakeError::Protocol) or a
    /// [time-out](HandshakeError::TimedOut), it stays so and reads no more.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`]. [`HandshakeError::Io`] does not end the handshake: the next poll goes on where this one
    /// stopped, with the same deadline, as it should after an interrupted call. No byte is lost between the two.
    pub fn poll_with<E>(
        &mut self,
        mut read: impl FnMut(&mut [u8]) -> Poll<Result<usize, E>>,
    ) -> Poll<Result<(), HandshakeError<E>>> {
        self.drive(|this| {
            let mut scratch = SCRATCH;
            let slot = this.slot(&mut scratch);
            // Without room there is nothing to read to, and the decoder reports that.
            if !slot.is_empty() {
                let n = ready!(read(slot))?;
                this.received(n);
            }
            Poll::Ready(Ok(()))
        })
    }

    /// Reads on where the connection can be peeked at: `read` is told whether to leave what it reads where it is.
    /// A header that has arrived completely takes two calls, one [`ReadMode::Peek`] and one [`ReadMode::Take`] of
    /// exactly the bytes of the header. Bytes that can't be a header are not consumed. Otherwise as
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
            if this.peeked() == 0 {
                let n = ready!(read(scratch, ReadMode::Peek))?;
                match scratch.get(..n) {
                    None => this.decoder.received_too_many(n, scratch.len()),
                    Some([]) => this.decoder.push_eof(),
                    Some(peeked) => drop(this.decoder.push(peeked)),
                }
                // Bytes that aren't a header are left to whoever wants to look at them.
                if this.decoder.is_failed() {
                    return Poll::Ready(Ok(()));
                }
            }
            let len = scratch.len().min(this.peeked());
            let n = ready!(read(scratch.get_mut(..len).unwrap_or_default(), ReadMode::Take))?;
            this.consumed(n, len);
            Poll::Ready(Ok(()))
        })
    }

    /// Reads on from the caller's buffer that reads ahead, such as a
    /// [`BufRead`](https://doc.rust-lang.org/std/io/trait.BufRead.html). `read` hands over what is in the buffer by
    /// calling the function it is given, after reading if that was nothing, and consumes as many bytes as that returns.
    /// An empty slice stands for the end of the stream. Nothing but the header is taken, the rest stays in the buffer.
    /// Bytes that can't be a header are left there too. Otherwise as [`poll_with`](Self::poll_with), and all three may
    /// be mixed.
    ///
    /// ```
    /// # mod realpeer { pub use realpeer_proto as proto; }
    /// use core::task::Poll;
    /// use core::time::Duration;
    /// use std::io::{self, BufRead};
    /// use realpeer::proto::{Config, Handshake};
    ///
    /// let mut reader = &b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello"[..];
    /// let mut handshake = Handshake::with_storage(&Config::new(), Duration::ZERO, [0; 536]);
    /// let polled = handshake.poll_buf_with(|hand_over| {
    ///     let taken = hand_over(reader.fill_buf()?);
    ///     reader.consume(taken);
    ///     Poll::Ready(Ok::<_, io::Error>(()))
    /// });
    /// assert!(matches!(polled, Poll::Ready(Ok(()))));
    /// assert_eq!(reader, b"hello");
    /// ```
    pub fn poll_buf_with<E>(
        &mut self,
        mut read: impl FnMut(&mut dyn FnMut(&[u8]) -> usize) -> Poll<Result<(), E>>,
    ) -> Poll<Result<(), HandshakeError<E>>> {
        self.drive(|this| {
            let mut handed_over = false;
            ready!(read(&mut |filled| {
                handed_over = true;
                this.take_from(filled)
            }))?;
            if !handed_over {
                this.decoder.misuse(ApiMisuse::NothingHandedOver);
            }
            Poll::Ready(Ok(()))
        })
    }

    /// Reads the header with `read`, an `async` function with the contract of [`poll_with`](Self::poll_with)'s, until
    /// the future that `sleep_until` makes of the deadline is ready. This is the whole loop: no other call is needed,
    /// nor is an allocator.
    ///
    /// What has arrived in time counts: `read` is polled before the time is looked at. May be mixed with the other ways.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`]; after [`HandshakeError::Io`] it may be called again, as [`poll_with`](Self::poll_with) may.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the next call goes on where it stopped, with the same deadline, provided that a dropped
    /// `read` has consumed nothing.
    ///
    /// ```
    /// # mod realpeer { pub use realpeer_proto as proto; }
    /// use core::convert::Infallible;
    /// use core::time::Duration;
    /// use realpeer::proto::{Config, Handshake};
    ///
    /// # futures_executor(async {
    /// let mut connection = &b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello"[..];
    /// let read = async |slot: &mut [u8]| {
    ///     let n = slot.len().min(connection.len());
    ///     let (front, rest) = connection.split_at(n);
    ///     slot[..n].copy_from_slice(front);
    ///     connection = rest;
    ///     Ok::<_, Infallible>(n)
    /// };
    /// let mut handshake = Handshake::with_storage(&Config::new(), Duration::ZERO, [0; 536]);
    /// handshake.read_with(read, |_deadline| core::future::pending()).await.unwrap();
    /// assert_eq!(handshake.header().unwrap().source().unwrap().to_string(), "192.0.2.1:56324");
    /// assert_eq!(connection, b"hello");
    /// # });
    /// # fn futures_executor(future: impl Future<Output = ()>) {
    /// #     let mut future = std::pin::pin!(future);
    /// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// #     assert!(future.as_mut().poll(&mut context).is_ready());
    /// # }
    /// ```
    pub async fn read_with<E, S>(
        &mut self,
        mut read: impl AsyncFnMut(&mut [u8]) -> Result<usize, E>,
        sleep_until: impl FnOnce(I) -> S,
    ) -> Result<(), HandshakeError<E>>
    where
        S: Future<Output = ()>,
    {
        let mut sleep = pin!(sleep_until(self.deadline));
        loop {
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            let mut scratch = SCRATCH;
            let slot = self.slot(&mut scratch);
            if slot.is_empty() {
                continue;
            }
            let read = {
                let mut reading = pin!(read(slot));
                // The time is not looked at before the bytes: what has arrived in time counts.
                poll_fn(|cx| match reading.as_mut().poll(cx) {
                    Poll::Pending => sleep.as_mut().poll(cx).map(|()| None),
                    Poll::Ready(read) => Poll::Ready(Some(read)),
                })
                .await
            };
            match read {
                Some(read) => self.received(read.map_err(HandshakeError::Io)?),
                None => self.clock = Clock::TimedOut,
            }
        }
    }

    /// Returns the header, once there is one.
    pub fn header(&self) -> Option<Header<'_>> {
        self.decoder.header().filter(|_| self.peeked() == 0)
    }

    /// Returns the bytes that have been consumed from the connection so far, whatever the outcome. Bytes that were only
    /// peeked at are not among them: they are still there.
    ///
    /// After an error they are what the connection lacks for its next reader, and what an operator wants to see.
    ///
    /// ```
    /// # mod realpeer { pub use realpeer_proto as proto; }
    /// use core::task::Poll;
    /// use core::time::Duration;
    /// use realpeer::proto::{Config, Handshake};
    ///
    /// let mut connection = &b"PUT /upload HTTP/1.1\r\n"[..];
    /// let mut handshake = Handshake::with_storage(&Config::new(), Duration::ZERO, [0; 536]);
    /// let polled = handshake.poll_with(|slot| Poll::Ready(std::io::Read::read(&mut connection, slot)));
    /// assert!(matches!(polled, Poll::Ready(Err(_))));
    /// assert_eq!([handshake.taken(), connection].concat(), b"PUT /upload HTTP/1.1\r\n");
    /// ```
    pub fn taken(&self) -> &[u8] {
        self.decoder.as_bytes().get(..self.taken as usize).unwrap_or_default()
    }

    /// Returns the decoder. Its bytes are those [taken](Self::taken), then those that were only peeked at.
    pub fn decoder(&self) -> &Decoder<B> {
        &self.decoder
    }

    /// Returns the decoder, to keep the header.
    pub fn into_decoder(self) -> Decoder<B> {
        self.decoder
    }

    /// The bytes that were peeked at and pushed, but not yet consumed.
    fn peeked(&self) -> usize {
        self.decoder.as_bytes().len().saturating_sub(self.taken as usize)
    }

    /// Where to read to: `scratch` for bytes that were peeked at before, else the decoder's own.
    fn slot<'a>(&'a mut self, scratch: &'a mut [u8; 64]) -> &'a mut [u8] {
        match self.peeked() {
            0 => self.decoder.read_slot(),
            peeked => scratch.get_mut(..peeked.min(SCRATCH.len())).unwrap_or_default(),
        }
    }

    /// Goes on after a read of `n` bytes into the [`slot`](Self::slot).
    fn received(&mut self, n: usize) {
        match self.peeked() {
            0 if n == 0 => self.decoder.push_eof(),
            0 => {
                self.decoder.received(n);
                self.taken = self.decoder.as_bytes().len() as u32;
            }
            peeked => self.consumed(n, peeked.min(SCRATCH.len())),
        }
    }

    /// Goes on after `n` bytes of those peeked at were consumed, where there was room for `len`.
    fn consumed(&mut self, n: usize, len: usize) {
        match n {
            0 => self.decoder.misuse(ApiMisuse::PeekedBytesGone),
            n if n > len => self.decoder.received_too_many(n, len),
            n => self.taken += n as u32,
        }
    }

    /// Takes header bytes from the front of what a buffer holds, and returns how many.
    fn take_from(&mut self, filled: &[u8]) -> usize {
        let peeked = self.peeked();
        if self.decoder.is_failed() {
            return 0;
        }
        if peeked > 0 {
            let len = peeked.min(filled.len());
            self.consumed(len, len);
            return len;
        }
        if filled.is_empty() {
            self.decoder.push_eof();
        }
        let taken = self.decoder.push(filled);
        // Bytes that aren't a header are left to whoever wants to look at them.
        if self.decoder.is_failed() {
            return 0;
        }
        self.taken += taken as u32;
        taken
    }

    /// Takes steps until the handshake has ended or is to wait.
    fn drive<E>(
        &mut self,
        mut step: impl FnMut(&mut Self) -> Poll<Result<(), E>>,
    ) -> Poll<Result<(), HandshakeError<E>>> {
        loop {
            if let Some(outcome) = self.outcome() {
                return Poll::Ready(outcome);
            }
            match step(self) {
                Poll::Ready(done) => done.map_err(HandshakeError::Io)?,
                Poll::Pending if self.clock == Clock::Expired => self.clock = Clock::TimedOut,
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The outcome, if the handshake has ended.
    fn outcome<E>(&mut self) -> Option<Result<(), HandshakeError<E>>> {
        if !self.decoder.is_complete() {
            if let Err(error) = self.decoder.next_event() {
                return Some(Err(HandshakeError::Protocol(error)));
            }
        }
        if self.decoder.is_complete() && self.peeked() == 0 {
            return Some(Ok(()));
        }
        let received = self.decoder.as_bytes().len();
        (self.clock == Clock::TimedOut).then_some(Err(HandshakeError::TimedOut { received }))
    }
}

/// Where bytes are read to that were peeked at before, and are known.
const SCRATCH: [u8; 64] = [0; 64];

impl<I: fmt::Debug, B: Storage> fmt::Debug for Handshake<I, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("decoder", &self.decoder)
            .field("deadline", &self.deadline)
            .field("taken", &self.taken)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
