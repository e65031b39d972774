use std::task::{Poll, ready};
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use realpeer_io::HeaderStorage;
use realpeer_proto::{ApiMisuse, Config, Error, Handshake, HandshakeError, Parsed, ReadMode, parse};

use super::scripted;

/// The result of a read.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Read {
    /// At most so many bytes, and at least one.
    Give(u8),
    All,
    Pending,
    Fail,
    Eof,
    /// It says that it wrote more than it was given room for, by so many bytes.
    Lie(u8),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Op {
    Poll,
    Peek { scratch: u8 },
    Wait { millis: u16 },
}

const TIMEOUT: Duration = Duration::from_secs(5);

/// In the place of a length to peek with: read through a buffer.
const BUFFERED: usize = 256;

/// A connection with a reader that does what a script says, polled in all ways as the script says.
pub fn handshake(data: &[u8]) {
    let Some((config, script, stream)) = scripted(data) else { return };
    let config = config.with_timeout(TIMEOUT);
    let mut script = Unstructured::new(script);
    let mut run = Run {
        handshake: Handshake::with_storage(&config, Duration::ZERO, HeaderStorage::default()),
        reader: Reader { stream, at: 0, peeked: 0, mode: None, said: Said::default() },
        config,
        now: Duration::ZERO,
        expired: false,
    };
    while !script.is_empty() {
        let Ok(op) = script.arbitrary() else { break };
        let outcome = match op {
            Op::Poll => run.poll(None, &mut script),
            Op::Peek { scratch } => run.poll(Some(1 + usize::from(scratch)), &mut script),
            Op::Wait { millis } => {
                run.wait(Duration::from_millis(millis.into()));
                continue;
            }
        };
        if run.check(outcome) {
            return run.stays(outcome);
        }
    }
    run.wait(TIMEOUT);
    let outcome = run.poll(None, &mut Unstructured::new(&[]));
    assert!(outcome.is_ready(), "the deadline has passed");
    if run.check(outcome) {
        run.stays(outcome);
    }
}

type Outcome = Poll<Result<(), HandshakeError<Failed>>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Failed;

struct Run<'a> {
    handshake: Handshake<Duration, HeaderStorage>,
    reader: Reader<'a>,
    config: Config,
    now: Duration,
    expired: bool,
}

struct Reader<'a> {
    stream: &'a [u8],
    /// The bytes read from the stream.
    at: usize,
    /// The most bytes of the stream that have been seen.
    peeked: usize,
    /// What the last call was, if there was one since the handshake was polled.
    mode: Option<ReadMode>,
    said: Said,
}

/// What the reader has said at least once.
#[derive(Default)]
struct Said {
    eof: bool,
    lie: bool,
}

impl Read {
    /// What the script has next. After its end nothing follows.
    fn next(script: &mut Unstructured<'_>) -> Self {
        if script.is_empty() { Self::Pending } else { script.arbitrary().unwrap_or(Self::Pending) }
    }

    /// The most bytes that are given, none at the end of the stream.
    fn most(self) -> Poll<Result<usize, Failed>> {
        Poll::Ready(match self {
            Self::Give(most) => Ok(usize::from(most).max(1)),
            Self::All | Self::Lie(_) => Ok(usize::MAX),
            Self::Pending => return Poll::Pending,
            Self::Fail => Err(Failed),
            Self::Eof => Ok(0),
        })
    }
}

impl Reader<'_> {
    fn read(
        &mut self,
        slot: &mut [u8],
        mode: ReadMode,
        script: &mut Unstructured<'_>,
    ) -> Poll<Result<usize, Failed>> {
        self.mode = Some(mode);
        assert!(!slot.is_empty(), "a read into nothing looks like the end of the stream");
        let rest = &self.stream[self.at..];
        let read = Read::next(script);
        let most = ready!(read.most())?;
        let len = slot.len().min(rest.len()).min(most);
        slot[..len].copy_from_slice(&rest[..len]);
        self.peeked = self.peeked.max(self.at + len);
        if mode == ReadMode::Take {
            self.at += len;
        }
        if let Read::Lie(more) = read {
            self.said.lie = true;
            return Poll::Ready(Ok(slot.len() + 1 + usize::from(more)));
        }
        self.said.eof |= len == 0;
        Poll::Ready(Ok(len))
    }

    /// What a buffer that reads ahead has to give.
    fn fill(&mut self, script: &mut Unstructured<'_>) -> Poll<Result<&[u8], Failed>> {
        self.mode = Some(ReadMode::Peek);
        // There is no room to lie about.
        let most = ready!(Read::next(script).most())?;
        let rest = &self.stream[self.at..];
        let filled = &rest[..rest.len().min(most)];
        self.peeked = self.peeked.max(self.at + filled.len());
        self.said.eof |= filled.is_empty();
        Poll::Ready(Ok(filled))
    }
}

impl Run<'_> {
    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.expired |= self.now >= TIMEOUT && self.handshake.poll_timeout().is_some();
        self.handshake.handle_timeout(self.now);
    }

    /// `scratch`: the length of the buffer to peek with, or [`BUFFERED`].
    fn poll(&mut self, scratch: Option<usize>, script: &mut Unstructured<'_>) -> Outcome {
        let Self { handshake, reader, .. } = self;
        reader.mode = None;
        match scratch {
            None => handshake.poll_with(|slot| reader.read(slot, ReadMode::Take, script)),
            Some(BUFFERED) => handshake.poll_buf_with(|hand_over| {
                let taken = hand_over(ready!(reader.fill(script))?);
                reader.at += taken;
                Poll::Ready(Ok(()))
            }),
            Some(len) => {
                handshake.poll_peek_with(&mut vec![0; len], |slot, mode| reader.read(slot, mode, script))
            }
        }
    }

    /// Whether that is final.
    fn check(&self, outcome: Outcome) -> bool {
        let seen = &self.reader.stream[..self.reader.peeked];
        let timeout = self.handshake.poll_timeout();
        let header_len = match parse(self.reader.stream, &self.config) {
            Ok(Parsed::Complete { len, .. }) => len,
            _ => usize::MAX,
        };
        assert!(self.reader.at <= header_len, "a byte of payload was taken");
        if !self.reader.said.lie {
            assert_eq!(self.handshake.taken(), &self.reader.stream[..self.reader.at], "a byte is lost");
        }
        match outcome {
            Poll::Pending => {
                assert!(!self.expired && !self.reader.said.lie);
                assert_eq!(timeout, Some(TIMEOUT), "the deadline never moves");
                false
            }
            Poll::Ready(Err(HandshakeError::Io(Failed))) => {
                assert!(!self.reader.said.lie);
                assert_eq!(timeout, Some(TIMEOUT), "it may be polled again");
                false
            }
            Poll::Ready(outcome) => {
                assert_eq!(timeout, None);
                if self.reader.said.lie {
                    let Err(HandshakeError::Protocol(Error::ApiMisuse(_))) = outcome else {
                        panic!("a lie ended in {outcome:?}")
                    };
                } else {
                    self.check_outcome(outcome, seen, header_len);
                }
                true
            }
        }
    }

    fn check_outcome(&self, outcome: Result<(), HandshakeError<Failed>>, seen: &[u8], header_len: usize) {
        match outcome {
            Ok(()) => {
                assert_eq!(self.reader.at, header_len, "all of the header was taken");
                let Ok(Parsed::Complete { header, .. }) = parse(seen, &self.config) else {
                    panic!("no header, but found {:?}", self.handshake.header())
                };
                assert_eq!(self.handshake.header(), Some(header));
            }
            Err(error) => {
                assert_eq!(self.handshake.header(), None);
                match error {
                    HandshakeError::Protocol(Error::Closed) => {
                        assert!(self.reader.said.eof && seen.is_empty());
                    }
                    HandshakeError::Protocol(Error::Truncated { received }) => {
                        assert!(self.reader.said.eof && received as usize == self.reader.at);
                    }
                    HandshakeError::Protocol(Error::ApiMisuse(ApiMisuse::PeekedBytesGone)) => {
                        assert!(self.reader.said.eof && self.reader.at < seen.len());
                    }
                    HandshakeError::Protocol(error) => {
                        assert_eq!(parse(seen, &self.config), Err(error));
                    }
                    HandshakeError::TimedOut { received } => {
                        assert!(self.expired);
                        assert!(received <= seen.len());
                    }
                    HandshakeError::Io(Failed) => unreachable!("not final"),
                }
            }
        }
    }

    /// Once ready, it stays so and reads no more, whatever the clock says.
    fn stays(&mut self, outcome: Outcome) {
        self.wait(2 * TIMEOUT);
        for scratch in [None, Some(536), Some(BUFFERED)] {
            assert_eq!(self.poll(scratch, &mut Unstructured::new(&[0; 4])), outcome);
            assert_eq!(self.reader.mode, None);
        }
        assert_eq!(self.handshake.poll_timeout(), None);
    }
}
