//! A handshake on any connection of embedded-io-async, without a loop, and a connection and an executor to try it with.

use core::future::{Future, pending, ready};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use embedded_io_async::Read;
use realpeer_proto::{Config, Handshake, HandshakeError};

use crate::is;

/// Reads the header that `connection` begins with. `sleep_until` is the timer's: embassy-time's `Timer::at`, say.
pub(crate) async fn handshake<R: Read, S: Future<Output = ()>>(
    connection: &mut R,
    now: Duration,
    sleep_until: impl FnOnce(Duration) -> S,
) -> Result<Handshake<Duration, [u8; 536]>, HandshakeError<R::Error>> {
    let mut handshake = Handshake::with_storage(&Config::new(), now, [0; 536]);
    handshake.read_with(async |slot| connection.read(slot).await, sleep_until).await?;
    Ok(handshake)
}

/// A connection on which two segments arrive, the second after a wait, and then nothing more.
struct Connection {
    segments: [&'static [u8]; 2],
}

impl embedded_io_async::ErrorType for Connection {
    type Error = core::convert::Infallible;
}

impl Read for Connection {
    async fn read(&mut self, slot: &mut [u8]) -> Result<usize, Self::Error> {
        let [first, second] = &mut self.segments;
        if first.is_empty() {
            wait_once().await;
            *first = core::mem::take(second);
        }
        match first.split_at_checked(slot.len()) {
            _ if first.is_empty() => pending().await,
            Some((front, rest)) => {
                slot.copy_from_slice(front);
                *first = rest;
                Ok(front.len())
            }
            None => {
                let last = core::mem::take(first);
                slot.get_mut(..last.len()).unwrap_or_default().copy_from_slice(last);
                Ok(last.len())
            }
        }
    }
}

pub(crate) fn header_in_two_pieces() -> Option<()> {
    let segments = [&b"PROXY TCP4 192.0.2.1 198.5"[..], b"1.100.2 56324 443\r\nhello"];
    let mut connection = Connection { segments };
    let handshake = block_on(handshake(&mut connection, Duration::ZERO, |_| pending()))?.ok()?;
    is(handshake.header()?.source()?.socket_addr() == "192.0.2.1:56324".parse().ok())?;
    is(connection.segments == [b"hello", &b""[..]])
}

pub(crate) fn silence() -> Option<()> {
    let mut connection = Connection { segments: [b"PROXY ", b""] };
    let at_once = |deadline| {
        assert!(deadline == Duration::from_secs(5));
        ready(())
    };
    let timed_out = block_on(handshake(&mut connection, Duration::ZERO, at_once))?.err()?;
    is(timed_out == HandshakeError::TimedOut { received: 6 })
}

/// Polls a few times, which is enough for what waits once.
fn block_on<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..5).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

fn wait_once() -> impl Future<Output = ()> {
    let mut waited = false;
    core::future::poll_fn(
        move |_| {
            if core::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
        },
    )
}
