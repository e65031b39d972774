//! What an asynchronous runtime has to say of itself, and waiting for a header on it.

use std::future::{Future, poll_fn};
use std::io;
use std::ops::Add;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::{AcceptError, Acceptor, Endpoint, Established, Receiving};

/// The clock and the timers of a runtime. Like the traits that follow, a type of the adapter's implements it that
/// stands for the runtime and has no values.
pub trait Timer {
    /// An instant of the runtime's clock.
    type Instant: Copy + PartialOrd + Add<Duration, Output = Self::Instant> + Send;

    /// A timer.
    type Sleep: Future + Send + 'static;

    /// What time it is.
    fn now() -> Self::Instant;

    /// A future that is ready at that time, or about then.
    fn sleep_until(at: Self::Instant) -> Self::Sleep;
}

/// A runtime that reads headers off connections of the type `S`.
pub trait Connection<S>: Timer {
    /// Reads the header off a connection from `peer`. Whatever comes of it, no byte is lost but those of the header.
    ///
    /// # Errors
    ///
    /// [`AcceptError`].
    fn handshake(
        acceptor: &Acceptor,
        stream: &S,
        peer: Endpoint,
    ) -> impl Future<Output = Result<Established, AcceptError>> + Send;
}

/// A runtime that accepts from listening sockets of the type `L`.
pub trait Listen<L>: Connection<Self::Stream> + 'static {
    /// A connection.
    type Stream: Send + Sync + 'static;

    /// Accepts a connection. Any number of tasks may wait at once, and each is woken. Dropping the future loses no
    /// connection.
    fn accept(listener: &L) -> impl Future<Output = io::Result<(Self::Stream, Endpoint)>> + Send;

    /// The same for one task at a time: only the one that polled last is woken.
    fn poll_accept(listener: &L, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Endpoint)>>;
}

/// Waits until `poll`, which polls the `receiving` with the connection's reads, is ready or the deadline is over. A
/// timer is only made if the header is not here yet.
///
/// # Errors
///
/// [`AcceptError`].
pub fn receive<T: Timer>(
    mut receiving: Receiving<T::Instant>,
    mut poll: impl FnMut(&mut Receiving<T::Instant>, &mut Context<'_>) -> Poll<Result<Established, AcceptError>>,
) -> impl Future<Output = Result<Established, AcceptError>> {
    // Made when there is something to wait for, and on the heap, so that the future is small to move about.
    let mut sleep: Option<Pin<Box<T::Sleep>>> = None;
    // Not an async function, whose future would have room for the arguments twice.
    poll_fn(move |cx| {
        loop {
            if let Poll::Ready(outcome) = poll(&mut receiving, cx) {
                return Poll::Ready(outcome);
            }
            let Some(deadline) = receiving.poll_timeout() else { return Poll::Pending };
            ready!(sleep.get_or_insert_with(|| Box::pin(T::sleep_until(deadline))).as_mut().poll(cx));
            // The clock decides; a timer that went off too early is set again.
            sleep = None;
            receiving.handle_timeout(T::now());
        }
    })
}
