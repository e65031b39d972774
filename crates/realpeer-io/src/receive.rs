//! Waiting for a header, on any asynchronous runtime.

use std::future::{Future, poll_fn};
use std::ops::Add;
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::{AcceptError, Established, Receiving};

/// The clock and the timers of a runtime.
pub trait Timer {
    /// An instant of the runtime's clock.
    type Instant: Copy + PartialOrd + Add<Duration, Output = Self::Instant> + Send;

    /// A timer.
    type Sleep: Future + Send;

    /// What time it is.
    fn now() -> Self::Instant;

    /// A future that is ready at that time, or about then.
    fn sleep_until(at: Self::Instant) -> Self::Sleep;
}

/// Waits until `poll`, which polls the `receiving` with the connection's reads, is ready or the deadline is over. A
/// timer is only made if the header is not here yet. Dropping the future loses nothing that was not read.
///
/// # Errors
///
/// [`AcceptError`].
pub async fn receive<T: Timer>(
    mut receiving: Receiving<T::Instant>,
    mut poll: impl FnMut(&mut Receiving<T::Instant>, &mut Context<'_>) -> Poll<Result<Established, AcceptError>>,
) -> Result<Established, AcceptError> {
    let mut sleep = pin!(None);
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(outcome) = poll(&mut receiving, cx) {
                return Poll::Ready(outcome);
            }
            let Some(deadline) = receiving.poll_timeout() else { return Poll::Pending };
            if sleep.is_none() {
                sleep.set(Some(T::sleep_until(deadline)));
            }
            if let Some(sleep) = sleep.as_mut().as_pin_mut() {
                ready!(sleep.poll(cx));
            }
            // The clock decides; a timer that went off too early is set again.
            sleep.set(None);
            receiving.handle_timeout(T::now());
        }
    })
    .await
}
