//! Traits by which an asynchronous runtime describes itself, and the loop with which a handshake waits on it.
//!
//! Nothing here asks for `Send`: runtimes with one thread fit. What needs it is named at the end, [`SendAccepts`].

use std::future::{Future, poll_fn};
use std::io;
use std::ops::Add;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::{AcceptError, Accepting, Endpoint, Established, Finished};

/// A runtime: its clock and its timers. Like the traits that follow, it is implemented by a type without values that
/// stands for the runtime.
pub trait Runtime {
    /// An instant of the runtime's clock.
    type Instant: Copy + PartialOrd + Add<Duration, Output = Self::Instant>;

    /// A timer.
    type Sleep: Future;

    /// Returns the time.
    fn now() -> Self::Instant;

    /// Returns a future that is ready at that time, or about then.
    ///
    /// # Panics
    ///
    /// Where the runtime does, as tokio's without timers.
    fn sleep_until(at: Self::Instant) -> Self::Sleep;
}

/// A runtime that reads headers from connections of the type `S`.
pub trait Handshakes<S>: Runtime {
    /// Polls `accepting` with reads of `stream` until it is ready: with [`drive`], or `drive_readable` where the runtime
    /// can't be polled.
    ///
    /// # Errors
    ///
    /// [`AcceptError`].
    ///
    /// # Cancel safety
    ///
    /// All that is known is in `accepting`: if the future is dropped, another one goes on where it stopped.
    fn handshake(
        accepting: &mut Accepting<Self::Instant>,
        stream: &mut S,
    ) -> impl Future<Output = Result<Established, AcceptError>>;
}

/// A runtime that accepts from listening sockets of the type `L`.
///
/// This is a whole adapter, for a runtime with one thread that can only await that a socket is readable, and whose
/// sockets are not `Send`:
///
/// ```
/// # #[cfg(unix)] {
/// use std::future::{Future, poll_fn};
/// use std::io::{self, Write};
/// use std::net::{TcpListener, TcpStream};
/// use std::os::fd::AsFd;
/// use std::pin::Pin;
/// use std::rc::Rc;
/// use std::task::{Context, Poll};
/// use std::time::{Duration, Instant};
/// use realpeer_io::socket::{accept_readable, drive_readable, wait_readable};
/// use realpeer_io::{AcceptError, Accepting, Endpoint, Established, LocalPending, finish};
/// use realpeer_io::{Accepts, Acceptor, Handshakes, ReadyListener, Runtime, Trust};
///
/// /// The runtime: it looks whether a socket is readable whenever a task is polled, and polls all the time.
/// enum Toy {}
///
/// async fn readable(socket: &impl AsFd) -> io::Result<()> {
///     poll_fn(|cx| {
///         cx.waker().wake_by_ref();
///         if wait_readable(socket, Duration::ZERO)? { Poll::Ready(Ok(())) } else { Poll::Pending }
///     })
///     .await
/// }
///
/// impl Runtime for Toy {
///     type Instant = Instant;
///     type Sleep = Pin<Box<dyn Future<Output = ()>>>;
///
///     fn now() -> Instant {
///         Instant::now()
///     }
///
///     fn sleep_until(at: Instant) -> Self::Sleep {
///         Box::pin(poll_fn(move |cx| {
///             cx.waker().wake_by_ref();
///             if Instant::now() >= at { Poll::Ready(()) } else { Poll::Pending }
///         }))
///     }
/// }
///
/// impl Handshakes<Rc<TcpStream>> for Toy {
///     async fn handshake(
///         accepting: &mut Accepting<Instant>,
///         stream: &mut Rc<TcpStream>,
///     ) -> Result<Established, AcceptError> {
///         drive_readable::<Self>(accepting, &**stream, async || readable(&**stream).await).await
///     }
/// }
///
/// type Accept = Pin<Box<dyn Future<Output = io::Result<(Rc<TcpStream>, Endpoint)>>>>;
///
/// impl Accepts<Rc<TcpListener>> for Toy {
///     type Stream = Rc<TcpStream>;
///     // A future that accepts may have done so when it is dropped, in some runtimes: so it is kept.
///     type Accept = Option<Accept>;
///     type Pending = LocalPending<Rc<TcpStream>>;
///
///     async fn accept(listener: &Rc<TcpListener>) -> io::Result<(Rc<TcpStream>, Endpoint)> {
///         let (stream, peer) = accept_readable(&**listener, async || readable(&**listener).await).await?;
///         Ok((Rc::new(stream), peer))
///     }
///
///     fn poll_accept(
///         listener: &Rc<TcpListener>,
///         accept: &mut Option<Accept>,
///         cx: &mut Context<'_>,
///     ) -> Poll<io::Result<(Rc<TcpStream>, Endpoint)>> {
///         let listener = listener.clone();
///         let future = accept.get_or_insert_with(|| Box::pin(async move { Self::accept(&listener).await }));
///         let polled = future.as_mut().poll(cx);
///         if polled.is_ready() {
///             *accept = None;
///         }
///         polled
///     }
///
///     fn pend(stream: Rc<TcpStream>, accepting: Accepting<Instant>) -> Self::Pending {
///         Box::pin(finish::<Self, _>(stream, accepting))
///     }
/// }
///
/// let socket = TcpListener::bind("127.0.0.1:0")?;
/// socket.set_nonblocking(true)?;
/// let addr = socket.local_addr()?;
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let mut listener = ReadyListener::<Toy, _>::new(Rc::new(socket), acceptor, 1024);
///
/// let silent = TcpStream::connect(addr)?;
/// let mut proxy = TcpStream::connect(addr)?;
/// proxy.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n")?;
///
/// let mut accept = Box::pin(listener.accept());
/// let finished = loop {
///     let mut cx = Context::from_waker(std::task::Waker::noop());
///     if let Poll::Ready(finished) = accept.as_mut().poll(&mut cx) {
///         break finished?;
///     }
/// };
/// assert_eq!(finished.result?.source().to_string(), "192.0.2.1:56324");
/// # drop(silent);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Accepts<L>: Handshakes<Self::Stream> {
    /// A connection.
    type Stream;

    /// What [`poll_accept`](Self::poll_accept) keeps from one poll to the next: nothing, `()`, or, where accepting can
    /// only be awaited, the future that does.
    type Accept: Default + Unpin;

    /// A handshake that a [`ReadyListener`](crate::ReadyListener) keeps: [`SendPending`] or [`LocalPending`].
    type Pending: Future<Output = Finished<Self::Stream>>;

    /// Accepts a connection. Any number of tasks may wait at once, and each is woken.
    ///
    /// # Errors
    ///
    /// Those of `accept`.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no connection is lost.
    fn accept(listener: &L) -> impl Future<Output = io::Result<(Self::Stream, Endpoint)>>;

    /// Accepts a connection, for one task at a time: only the one that polled last is woken. `accept` is what the last
    /// poll left.
    ///
    /// Where one thread looks for events only once its tasks wait, await that the listener is readable before each accept:
    /// pending handshakes would otherwise stand still for as long as there are newcomers.
    ///
    /// # Errors
    ///
    /// Those of `accept`.
    fn poll_accept(
        listener: &L,
        accept: &mut Self::Accept,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Stream, Endpoint)>>;

    /// Begins a handshake to be kept: `Box::pin(finish::<Self, _>(stream, accepting))`, with [`finish`].
    fn pend(stream: Self::Stream, accepting: Accepting<Self::Instant>) -> Self::Pending;
}

/// A runtime whose listeners and pending handshakes may move between threads: what frameworks such as axum ask for.
pub trait SendAccepts<L>:
    Accepts<L, Stream: Send + 'static, Accept: Send, Pending: Send>
    + Runtime<Instant: Send, Sleep: Send>
    + 'static
{
}

impl<R, L> SendAccepts<L> for R where
    R: Accepts<L, Stream: Send + 'static, Accept: Send, Pending: Send>
        + Runtime<Instant: Send, Sleep: Send>
        + 'static
{
}

/// A pending handshake of a runtime with several threads.
pub type SendPending<S> = Pin<Box<dyn Future<Output = Finished<S>> + Send>>;

/// A pending handshake of a runtime with one thread.
pub type LocalPending<S> = Pin<Box<dyn Future<Output = Finished<S>>>>;

/// Runs a handshake to its end, and returns it with its connection.
pub async fn finish<R: Handshakes<S>, S>(mut stream: S, mut accepting: Accepting<R::Instant>) -> Finished<S> {
    let result = R::handshake(&mut accepting, &mut stream).await;
    Finished { stream, peer: accepting.peer().clone(), result }
}

/// Runs a handshake to its end: calls `poll`, which polls `accepting` with reads of the connection, waits until that
/// wakes the task or the deadline passes, and calls it again. A timer is only made if the header is not there yet.
///
/// # Errors
///
/// [`AcceptError`].
///
/// # Cancel safety
///
/// All that is known is in `accepting`: if the future is dropped, another one goes on where it stopped.
pub fn drive<R: Runtime>(
    accepting: &mut Accepting<R::Instant>,
    mut poll: impl FnMut(&mut Accepting<R::Instant>, &mut Context<'_>) -> Poll<Result<Established, AcceptError>>,
) -> impl Future<Output = Result<Established, AcceptError>> {
    // Any poll after the deadline is the last one.
    drive_with_last_look::<R, _>(
        accepting,
        (),
        move |accepting, (), cx| poll(accepting, cx),
        |_, ()| Poll::Pending,
    )
}

/// Runs a handshake to its end as [`drive`] does. Once the deadline has passed, `last_look` may end it; should that be
/// pending, `poll` does. `stream` is what both read from.
pub(crate) fn drive_with_last_look<R: Runtime, S>(
    accepting: &mut Accepting<R::Instant>,
    mut stream: S,
    mut poll: impl FnMut(
        &mut Accepting<R::Instant>,
        &mut S,
        &mut Context<'_>,
    ) -> Poll<Result<Established, AcceptError>>,
    mut last_look: impl FnMut(&mut Accepting<R::Instant>, &mut S) -> Poll<Result<Established, AcceptError>>,
) -> impl Future<Output = Result<Established, AcceptError>> {
    // Made when there is something to wait for, and on the heap, so that the future is small to move about.
    let mut sleep: Option<Pin<Box<R::Sleep>>> = None;
    let mut rest: Option<Pin<Box<R::Sleep>>> = None;
    let mut wakes = Wakes::default();
    // Not an async function, whose future would have room for the arguments twice.
    poll_fn(move |cx| {
        loop {
            if let Some(rest) = &mut rest {
                ready!(rest.as_mut().poll(cx));
            }
            rest = None;
            if let Poll::Ready(result) = poll(accepting, &mut stream, cx) {
                return Poll::Ready(result);
            }
            let Some(deadline) = accepting.poll_timeout() else { return Poll::Pending };
            let now = R::now();
            if let Some(end) = wakes.rest(now).filter(|_| now < deadline) {
                rest = Some(Box::pin(R::sleep_until(end)));
                continue;
            }
            ready!(sleep.get_or_insert_with(|| Box::pin(R::sleep_until(deadline))).as_mut().poll(cx));
            // The clock decides; a timer that went off too early is set again.
            sleep = None;
            let now = R::now();
            accepting.handle_timeout(now);
            if now >= deadline {
                if let Poll::Ready(result) = last_look(accepting, &mut stream) {
                    return Poll::Ready(result);
                }
            }
        }
    })
}

/// Counts wakes that follow each other closely and bring nothing. A runtime whose event queue is level-triggered, as
/// async-io's, wakes a task again and again while there is something in the socket's error queue, such as time stamps.
pub(crate) struct Wakes<I> {
    last: Option<I>,
    for_nothing: u32,
}

impl<I> Default for Wakes<I> {
    fn default() -> Self {
        Self { last: None, for_nothing: 0 }
    }
}

impl<I: Copy + PartialOrd + Add<Duration, Output = I>> Wakes<I> {
    /// Says until when not to look, after a wake for nothing.
    pub(crate) fn rest(&mut self, now: I) -> Option<I> {
        let close = self.last.replace(now).is_some_and(|last| now < last + Duration::from_millis(1));
        self.for_nothing = if close { self.for_nothing + 1 } else { 0 };
        if self.for_nothing < 16 {
            return None;
        }
        // The next one is close, too: there is a rest after each.
        let end = now + Duration::from_millis(10);
        self.last = Some(end);
        Some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_micros(999);
    const REST: Duration = Duration::from_millis(10);

    #[test]
    fn a_rest_comes_after_many_wakes_that_are_close() {
        let (mut wakes, mut now) = (Wakes::default(), Duration::ZERO);
        for _ in 0..16 {
            assert_eq!(wakes.rest(now), None);
            now += MOST;
        }
        // From then on after each.
        for _ in 0..5 {
            assert_eq!(wakes.rest(now), Some(now + REST));
            now += REST + MOST;
        }
        assert_eq!(wakes.rest(now + Duration::from_micros(1)), None);
    }

    #[test]
    fn wakes_that_are_not_close_have_no_rest() {
        let mut wakes = Wakes::default();
        for count in 0..100 {
            assert_eq!(wakes.rest(count * Duration::from_millis(1)), None);
        }
    }
}
