//! The driver that every adapter runs: its deadline, by a clock of the test's own, and its three ways of reading.

use std::task::{Poll, ready};
use std::time::Duration;

use realpeer_io::HeaderStorage;
use realpeer_proto::{
    ApiMisuse, Config, Error, FixedStorage, Handshake, HandshakeError, MAX_HEADER_LEN, ReadMode, Storage,
    V2Error,
};

const LINE: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
const SECOND: Duration = Duration::from_secs(1);

/// The receiver's end of a connection.
#[derive(Debug, Default)]
struct Wire {
    /// What has arrived and not been consumed.
    here: Vec<u8>,
    /// The peer has closed it.
    closed: bool,
    /// The next read fails.
    fails: bool,
    /// The next read that takes is not ready, whatever is here.
    blocks_take: bool,
    /// The most that a read gives.
    most: Option<usize>,
    /// How it was read: the mode, and how much there was room for.
    reads: Vec<(ReadMode, usize)>,
}

type Polled = Poll<Result<(), HandshakeError<&'static str>>>;

impl Wire {
    fn with(bytes: &[u8]) -> Self {
        Self { here: bytes.to_vec(), ..Self::default() }
    }

    fn read(&mut self, slot: &mut [u8], mode: ReadMode) -> Poll<Result<usize, &'static str>> {
        self.reads.push((mode, slot.len()));
        if std::mem::take(&mut self.fails) {
            return Poll::Ready(Err("interrupted"));
        }
        let blocked = mode == ReadMode::Take && std::mem::take(&mut self.blocks_take);
        if blocked || (self.here.is_empty() && !self.closed) {
            return Poll::Pending;
        }
        let n = slot.len().min(self.here.len()).min(self.most.unwrap_or(usize::MAX));
        slot[..n].copy_from_slice(&self.here[..n]);
        if mode == ReadMode::Take {
            self.here.drain(..n);
        }
        Poll::Ready(Ok(n))
    }

    fn poll<B: Storage>(&mut self, handshake: &mut Handshake<Duration, B>) -> Polled {
        handshake.poll_with(|slot| self.read(slot, ReadMode::Take))
    }

    fn poll_buf<B: Storage>(&mut self, handshake: &mut Handshake<Duration, B>) -> Polled {
        handshake.poll_buf_with(|hand_over| {
            let taken = hand_over(ready!(self.fill())?);
            self.here.drain(..taken);
            Poll::Ready(Ok(()))
        })
    }

    /// All that is here, as a buffer that reads ahead has it.
    fn fill(&mut self) -> Poll<Result<&[u8], &'static str>> {
        self.reads.push((ReadMode::Peek, self.here.len()));
        if std::mem::take(&mut self.fails) {
            return Poll::Ready(Err("interrupted"));
        }
        if self.here.is_empty() && !self.closed { Poll::Pending } else { Poll::Ready(Ok(&self.here)) }
    }

    fn poll_peek<B: Storage>(&mut self, handshake: &mut Handshake<Duration, B>) -> Polled {
        handshake.poll_peek_with(&mut [0; 536], |slot, mode| self.read(slot, mode))
    }
}

type Way = fn(&mut Wire, &mut Handshake<Duration, [u8; 536]>) -> Polled;

/// All ways of reading.
const WAYS: [Way; 3] = [Wire::poll, Wire::poll_peek, Wire::poll_buf];

fn handshake() -> Handshake<Duration, [u8; 536]> {
    Handshake::with_storage(&Config::new().with_timeout(5 * SECOND), 100 * SECOND, [0; 536])
}

const DONE: Polled = Poll::Ready(Ok(()));

fn timed_out(received: usize) -> Polled {
    Poll::Ready(Err(HandshakeError::TimedOut { received }))
}

fn fails(error: Error) -> Polled {
    Poll::Ready(Err(HandshakeError::Protocol(error)))
}

fn misuse(received: u32, slot: u32) -> Polled {
    fails(Error::ApiMisuse(ApiMisuse::ReceivedBeyondSlot { received, slot }))
}

/// CVE-2021-23409: no deadline, or one that each byte puts off.
#[test]
fn r8_r57_the_deadline_covers_the_whole_header_however_it_drips() {
    for poll in WAYS {
        let (mut handshake, mut wire) = (handshake(), Wire::default());
        for (second, &byte) in LINE[..5].iter().enumerate() {
            handshake.handle_timeout((100 + second as u32) * SECOND);
            wire.here.push(byte);
            assert_eq!(poll(&mut wire, &mut handshake), Poll::Pending);
            assert_eq!(handshake.poll_timeout(), Some(105 * SECOND), "it never changes");
        }
        handshake.handle_timeout(105 * SECOND);
        assert_eq!(poll(&mut wire, &mut handshake), timed_out(5));
        assert_eq!(handshake.poll_timeout(), None);
    }
}

#[test]
fn the_clock_decides_and_not_the_timer() {
    let (mut handshake, mut wire) = (handshake(), Wire::default());
    for early in [Duration::ZERO, 100 * SECOND, Duration::from_nanos(104_999_999_999)] {
        handshake.handle_timeout(early);
        assert_eq!(wire.poll(&mut handshake), Poll::Pending, "{early:?}");
    }
    wire.here.extend(LINE);
    assert_eq!(wire.poll(&mut handshake), DONE);
}

/// F39: "call `handle_timeout`, then poll" is right to the letter, however late the caller is.
#[test]
fn a_header_that_came_in_time_counts_however_late_it_is_looked_at() {
    for poll in WAYS {
        let (mut handshake, mut wire) = (handshake(), Wire::default());
        assert_eq!(poll(&mut wire, &mut handshake), Poll::Pending);
        wire.here.extend([LINE, b"hello"].concat());
        handshake.handle_timeout(1000 * SECOND);
        assert_eq!(handshake.poll_timeout(), Some(105 * SECOND), "due until it has been looked at");
        assert_eq!(poll(&mut wire, &mut handshake), DONE);
        assert_eq!((wire.here.as_slice(), handshake.taken()), (&b"hello"[..], LINE));
        assert_eq!(handshake.poll_timeout(), None);
    }
}

/// The look after the deadline ends as soon as it would have to wait, even if a byte comes right after.
#[test]
fn after_the_deadline_a_drip_of_bytes_gains_no_time() {
    for poll in WAYS {
        let (mut handshake, mut wire) = (handshake(), Wire::with(&LINE[..20]));
        handshake.handle_timeout(105 * SECOND);
        assert_eq!(poll(&mut wire, &mut handshake), timed_out(20));
        wire.here.extend(&LINE[20..]);
        handshake.handle_timeout(105 * SECOND);
        assert_eq!(poll(&mut wire, &mut handshake), timed_out(20));
        assert_eq!((wire.here.as_slice(), handshake.taken()), (&LINE[20..], &LINE[..20]));
    }
}

#[test]
fn an_interrupted_look_after_the_deadline_may_be_repeated() {
    for poll in WAYS {
        let (mut handshake, mut wire) = (handshake(), Wire { fails: true, ..Wire::with(LINE) });
        handshake.handle_timeout(105 * SECOND);
        assert_eq!(poll(&mut wire, &mut handshake), Poll::Ready(Err(HandshakeError::Io("interrupted"))));
        assert_eq!(poll(&mut wire, &mut handshake), DONE);
    }
}

#[test]
fn a_handshake_that_has_timed_out_stays_so_and_reads_no_more() {
    for poll in WAYS {
        let (mut handshake, mut wire) = (handshake(), Wire::default());
        handshake.handle_timeout(105 * SECOND);
        assert_eq!(poll(&mut wire, &mut handshake), timed_out(0));
        wire.here.extend(LINE);
        wire.reads.clear();
        for way in WAYS {
            assert_eq!(way(&mut wire, &mut handshake), timed_out(0));
            handshake.handle_timeout(Duration::ZERO);
        }
        assert_eq!((wire.reads.len(), handshake.header(), handshake.poll_timeout()), (0, None, None));
    }
}

#[test]
fn the_deadline_ends_with_the_header() {
    let (mut handshake, mut wire) = (handshake(), Wire::with(&[LINE, b"hello"].concat()));
    assert_eq!(wire.poll(&mut handshake), DONE);
    assert_eq!(handshake.poll_timeout(), None);
    handshake.handle_timeout(1000 * SECOND);
    let reads = wire.reads.len();
    assert_eq!((wire.poll(&mut handshake), wire.poll_peek(&mut handshake)), (DONE, DONE));
    assert_eq!(wire.reads.len(), reads, "once ready, it reads no more");
    assert_eq!(handshake.header().unwrap().source().unwrap().to_string(), "192.0.2.1:56324");
    assert_eq!(wire.here, b"hello");
}

#[test]
fn r8_the_time_is_five_seconds_unless_set_and_at_most_a_day() {
    let timeout =
        |config: &Config| Handshake::with_storage(config, 7 * SECOND, [0; 536]).poll_timeout().unwrap();
    assert_eq!(timeout(&Config::new()), 12 * SECOND);
    let day = 24 * 60 * 60 * SECOND;
    for longer in [day, day + Duration::from_nanos(1), Duration::MAX] {
        assert_eq!(timeout(&Config::new().with_timeout(longer)), 7 * SECOND + day);
    }
    let mut at_once = Handshake::with_storage(&Config::new().with_timeout(Duration::ZERO), SECOND, [0; 536]);
    at_once.handle_timeout(SECOND);
    assert_eq!(Wire::default().poll(&mut at_once), timed_out(0));
}

#[test]
fn r57_the_end_of_the_stream_is_an_error_before_the_end_of_the_header() {
    for len in 0..LINE.len() {
        let expected =
            if len == 0 { Error::Closed } else { Error::Truncated { received: len.try_into().unwrap() } };
        for peek in [false, true] {
            let mut wire = Wire { closed: true, ..Wire::with(&LINE[..len]) };
            let mut handshake = handshake();
            for _ in 0..2 {
                let polled = if peek { wire.poll_peek(&mut handshake) } else { wire.poll(&mut handshake) };
                assert_eq!(polled, fails(expected));
            }
            assert_eq!((handshake.poll_timeout(), handshake.header()), (None, None));
        }
    }
}

#[test]
fn an_end_right_behind_the_header_is_none_of_its_business() {
    for peek in [false, true] {
        let (mut handshake, mut wire) = (handshake(), Wire { closed: true, ..Wire::with(LINE) });
        assert_eq!(if peek { wire.poll_peek(&mut handshake) } else { wire.poll(&mut handshake) }, DONE);
    }
}

/// F23: one `Interrupted` does not end a connection.
#[test]
fn after_an_error_of_the_connection_the_next_poll_goes_on_where_it_stopped() {
    for poll in WAYS {
        let (mut handshake, mut wire) = (handshake(), Wire::with(&LINE[..20]));
        assert_eq!(poll(&mut wire, &mut handshake), Poll::Pending);
        for _ in 0..3 {
            wire.fails = true;
            assert_eq!(poll(&mut wire, &mut handshake), Poll::Ready(Err(HandshakeError::Io("interrupted"))));
            assert_eq!((handshake.taken(), handshake.poll_timeout()), (&LINE[..20], Some(105 * SECOND)));
        }
        assert_eq!(poll(&mut wire, &mut handshake), Poll::Pending);
        wire.here.extend([&LINE[20..], b"hello"].concat());
        assert_eq!(poll(&mut wire, &mut handshake), DONE);
        assert_eq!((handshake.taken(), wire.here.as_slice()), (LINE, &b"hello"[..]));
    }
}

/// Or it would be asked again without end.
#[test]
fn a_buffered_read_that_hands_nothing_over_is_misuse() {
    let mut handshake = handshake();
    let polled = handshake.poll_buf_with(|_| Poll::Ready(Ok(())));
    assert_eq!(polled, fails(Error::ApiMisuse(ApiMisuse::NothingHandedOver)));
    assert_eq!(handshake.poll_timeout(), None);
}

#[test]
fn a_read_that_claims_more_than_it_had_room_for_is_misuse() {
    for claimed in [16, 17, usize::MAX] {
        let mut handshake = handshake();
        let received = u32::try_from(claimed).unwrap_or(u32::MAX);
        let mut read = |_: &mut [u8]| Poll::Ready(Ok(claimed));
        assert_eq!(handshake.poll_with(&mut read), misuse(received, 15));
        assert_eq!(handshake.poll_timeout(), None);
    }
    // Peeking, and reading off what was peeked at.
    let mut peeking = handshake();
    let polled = peeking.poll_peek_with(&mut [0; 100], |_, _| Poll::Ready(Ok(101)));
    assert_eq!(polled, misuse(101, 100));
    let (mut taking, mut wire) = (handshake(), Wire::with(LINE));
    let polled = taking.poll_peek_with(&mut [0; 100], |slot, mode| match mode {
        ReadMode::Peek => wire.read(slot, mode),
        ReadMode::Take => Poll::Ready(Ok(slot.len() + 1)),
    });
    assert_eq!(polled, misuse(46, 45));
    assert_eq!((taking.header(), taking.poll_timeout()), (None, None));
}

#[test]
fn peeking_is_two_calls_for_a_header_that_has_come() {
    let (mut handshake, mut wire) = (handshake(), Wire::with(&[LINE, b"hello"].concat()));
    assert_eq!(wire.poll_peek(&mut handshake), DONE);
    assert_eq!(wire.reads, [(ReadMode::Peek, 536), (ReadMode::Take, LINE.len())]);
    assert_eq!(wire.here, b"hello");
}

#[test]
fn nothing_is_given_out_between_the_peek_and_the_read() {
    let (mut handshake, mut wire) = (handshake(), Wire::with(&[LINE, b"hello"].concat()));
    wire.blocks_take = true;
    assert_eq!(wire.poll_peek(&mut handshake), Poll::Pending);
    assert_eq!((handshake.header(), handshake.poll_timeout()), (None, Some(105 * SECOND)));
    assert_eq!(wire.poll_peek(&mut handshake), DONE);
    let modes: Vec<_> = wire.reads.iter().map(|(mode, _)| *mode).collect();
    assert_eq!(modes, [ReadMode::Peek, ReadMode::Take, ReadMode::Take], "no second peek");
    assert_eq!(wire.here, b"hello");
}

/// Or a peer's bytes that were seen and can't be read would be waited for without end.
#[test]
fn the_deadline_holds_between_the_peek_and_the_read() {
    let (mut handshake, mut wire) = (handshake(), Wire { blocks_take: true, ..Wire::with(LINE) });
    assert_eq!(wire.poll_peek(&mut handshake), Poll::Pending);
    handshake.handle_timeout(105 * SECOND);
    wire.blocks_take = true;
    assert_eq!(wire.poll_peek(&mut handshake), timed_out(LINE.len()));
    assert_eq!((handshake.header(), handshake.poll_timeout()), (None, None));
    assert_eq!((handshake.taken(), wire.here.as_slice()), (&b""[..], LINE));
}

#[test]
fn what_was_peeked_at_is_read_off_in_pieces_if_need_be() {
    for (scratch, most) in [(536, 1), (536, 44), (7, 7), (1, 1), (46, 45)] {
        let mut wire = Wire { most: Some(most), ..Wire::with(&[LINE, b"hello"].concat()) };
        let mut handshake = handshake();
        let polled = handshake.poll_peek_with(&mut vec![0; scratch], |slot, mode| {
            // Peeks are complete, reads are short.
            wire.most = (mode == ReadMode::Take).then_some(most);
            wire.read(slot, mode)
        });
        assert_eq!(polled, DONE, "{scratch} {most}");
        assert_eq!((wire.here.as_slice(), handshake.decoder().as_bytes()), (&b"hello"[..], LINE));
    }
}

#[test]
fn a_header_in_pieces_is_peeked_at_and_read_off_piece_by_piece() {
    let (mut handshake, mut wire) = (handshake(), Wire::default());
    for piece in LINE.chunks(10) {
        assert_eq!(wire.poll_peek(&mut handshake), Poll::Pending);
        wire.here.extend(piece);
    }
    wire.here.extend(b"hello");
    assert_eq!(wire.poll_peek(&mut handshake), DONE);
    assert_eq!(wire.here, b"hello");
}

/// Even where the header had been seen whole: the caller would take what is left for the payload.
#[test]
fn bytes_that_somebody_else_has_read_are_missing() {
    for end in [20, LINE.len()] {
        let (mut handshake, mut wire) = (handshake(), Wire { closed: true, ..Wire::with(&LINE[..end]) });
        let polled = handshake.poll_peek_with(&mut [0; 536], |slot, mode| {
            let polled = wire.read(slot, mode);
            wire.here.clear();
            polled
        });
        assert_eq!(polled, fails(Error::ApiMisuse(ApiMisuse::PeekedBytesGone)));
        assert_eq!((handshake.header(), handshake.poll_timeout()), (None, None));
    }
}

/// And the deadline ends with the error.
#[test]
fn r30_bytes_that_are_no_header_are_left_unread() {
    let bad = [&b"\r\n\r\n\0\r\nQUIT\n\x3F"[..], b"GET / HTTP/1.1\r\n"];
    let errors = [
        Error::V2(V2Error::Version { found: 3 }),
        Error::Signature { offset: 0, found: b'G', allowed: realpeer_proto::Versions::Any },
    ];
    for (bytes, error) in bad.into_iter().zip(errors) {
        let (mut handshake, mut wire) = (handshake(), Wire::with(bytes));
        for _ in 0..2 {
            assert_eq!(wire.poll_peek(&mut handshake), fails(error));
            assert_eq!(handshake.poll_timeout(), None);
        }
        assert_eq!(wire.here, bytes);
        assert_eq!(wire.reads.len(), 1);
    }
}

#[test]
fn the_ways_of_reading_can_be_mixed() {
    // Between the peek and the read, with all of the header there or a part of it.
    for (end, poll) in [20, LINE.len()].into_iter().flat_map(|end| WAYS.map(|poll| (end, poll))) {
        let (mut handshake, mut wire) = (handshake(), Wire::with(&LINE[..end]));
        wire.blocks_take = true;
        assert_eq!(wire.poll_peek(&mut handshake), Poll::Pending);
        wire.here.extend(&LINE[end..]);
        wire.here.extend(b"hello");
        assert_eq!(poll(&mut wire, &mut handshake), DONE);
        assert_eq!((wire.here.as_slice(), handshake.decoder().as_bytes()), (&b"hello"[..], LINE));
    }
    // Piece by piece in turn.
    let (mut handshake, mut wire) = (handshake(), Wire::default());
    for (piece, poll) in LINE.chunks(7).zip(WAYS.iter().cycle()) {
        wire.here.extend(piece);
        let _ = poll(&mut wire, &mut handshake);
    }
    assert_eq!((wire.poll(&mut handshake), handshake.decoder().as_bytes()), (DONE, LINE));
}

#[test]
fn without_scratch_it_reads_by_slots() {
    let (mut handshake, mut wire) = (handshake(), Wire::with(&[LINE, b"hello"].concat()));
    let polled = handshake.poll_peek_with(&mut [], |slot, mode| wire.read(slot, mode));
    assert_eq!(polled, DONE);
    assert!(wire.reads.iter().all(|&(mode, len)| mode == ReadMode::Take && len > 0));
    assert_eq!(wire.here, b"hello");
}

/// A read into nothing might wait for a connection that has nothing to say. Whether there is room is seen, not believed.
#[test]
fn without_room_nothing_is_read() {
    struct Full {
        bytes: [u8; 20],
        grows: bool,
    }
    impl Storage for Full {
        fn bytes(&self) -> &[u8] {
            &self.bytes
        }
        fn bytes_mut(&mut self) -> &mut [u8] {
            &mut self.bytes
        }
        fn max_len(&self) -> usize {
            MAX_HEADER_LEN
        }
        fn grow(&mut self, _: usize) -> bool {
            self.grows
        }
    }
    for grows in [false, true] {
        let full = Full { bytes: [0; 20], grows };
        let mut handshake = Handshake::with_storage(&Config::new(), Duration::ZERO, full);
        let mut wire = Wire::with(&LINE[..20]);
        assert_eq!(wire.poll(&mut handshake), fails(Error::OutOfMemory));
        assert!(wire.reads.iter().all(|&(_, len)| len > 0));
    }
}

#[test]
fn slices_and_arrays_do_not_grow() {
    for (len, fits) in [(3, true), (4, true), (5, false), (usize::MAX, false)] {
        assert_eq!(
            (Storage::grow(&mut [0; 4], len), Storage::grow(&mut FixedStorage(vec![0; 4]), len)),
            (fits, fits)
        );
    }
}

/// Storage grows to twice its size, so that the reads and copies of a long header are few.
#[test]
fn a_long_header_that_is_here_takes_few_reads() {
    let mut header = vec![0; 65_000];
    header[..16].copy_from_slice(b"\r\n\r\n\0\r\nQUIT\n\x20\0\xfd\xd8");
    let config = Config::new().with_max_header_len(MAX_HEADER_LEN);
    let mut handshake = Handshake::with_storage(&config, Duration::ZERO, HeaderStorage::default());
    let mut wire = Wire::with(&header);
    assert_eq!(wire.poll(&mut handshake), DONE);
    assert_eq!(handshake.decoder().as_bytes(), header);
    assert!(wire.reads.len() <= 12, "{:?}", wire.reads);
}

#[test]
fn what_it_says_of_itself() {
    let mut handshake = handshake();
    assert_eq!(Wire::with(b"PROXY ").poll(&mut handshake), Poll::Pending);
    let debug = format!("{handshake:?}");
    assert!(debug.contains("PROXY ") && debug.contains("105s"), "{debug}");
    assert_eq!(handshake.into_decoder().as_bytes(), b"PROXY ");
}
