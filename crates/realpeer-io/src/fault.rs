//! Errors of `accept`: what one means, and for how long they may go on.

use std::io;
use std::time::{Duration, Instant};

/// The meaning of an error of `accept` for the listener.
///
/// ```
/// use std::io;
/// use realpeer::AcceptFault;
///
/// assert_eq!(AcceptFault::of(&io::Error::from_raw_os_error(24)), AcceptFault::Exhausted); // EMFILE
/// assert_eq!(AcceptFault::of(&io::ErrorKind::ConnectionAborted.into()), AcceptFault::Connection);
/// assert_eq!(AcceptFault::of(&io::ErrorKind::InvalidInput.into()), AcceptFault::Listener);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AcceptFault {
    /// It concerns one connection, which is gone: go on.
    Connection,
    /// File descriptors, memory or room in the event queue ran out: go on after [`ACCEPT_BACKOFF`], for the connection
    /// is still waiting.
    Exhausted,
    /// The listener is of no use any more.
    Listener,
}

/// The pause in accepting when file descriptors or memory run out.
pub const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// Counts what goes wrong in a row when connections are accepted, so that no error can make a loop spin.
///
/// - Errors of single connections are passed over at once, but for a pause of [`ACCEPT_BACKOFF`] after every
///   64 in a row.
/// - `EOPNOTSUPP`, `EACCES` and `EPERM` may be a connection's, but also those of a socket that is not a listening one, or
///   that this process may not use, and then they never end. 1,280 of them in a row are the listener's error.
/// - Where descriptors or memory run out there is a pause before each further try.
///
/// Errors are in a row if no connection was accepted in between, and no second passed.
///
/// ```
/// use std::io;
/// use realpeer::AcceptRetry;
///
/// let mut retry = AcceptRetry::default();
/// assert_eq!(retry.after(io::ErrorKind::ConnectionAborted.into())?, None);
/// assert!(retry.after(io::ErrorKind::InvalidInput.into()).is_err());
/// # Ok::<(), io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AcceptRetry {
    in_a_row: u32,
    last: Option<Instant>,
}

/// How many errors in a row are passed over without a pause.
const AT_ONCE: u32 = 64;

/// How many errors in a row are the listener's, if they can be: by then there were 20 pauses, a second in all.
const MOST: u32 = 20 * AT_ONCE;

impl AcceptRetry {
    /// Takes an error of `accept` into account and returns how long to pause before the next try, if at all.
    ///
    /// # Errors
    ///
    /// Permanent errors of the listening socket: `error` itself, or one of its kind that says how often it came.
    pub fn after(&mut self, error: io::Error) -> io::Result<Option<Duration>> {
        self.after_at(error, Instant::now())
    }

    fn after_at(&mut self, error: io::Error, now: Instant) -> io::Result<Option<Duration>> {
        match AcceptFault::of(&error) {
            AcceptFault::Exhausted => return Ok(Some(ACCEPT_BACKOFF)),
            AcceptFault::Listener => return Err(error),
            AcceptFault::Connection => {}
        }
        if self.last.replace(now).is_some_and(|last| now.duration_since(last) > Duration::from_secs(1)) {
            self.in_a_row = 0;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        if self.in_a_row >= MOST && may_be_permanent(&error) {
            let message = format!("accepting failed {} times in a row: {error}", self.in_a_row);
            return Err(io::Error::new(error.kind(), message));
        }
        Ok((self.in_a_row % AT_ONCE == 0).then_some(ACCEPT_BACKOFF))
    }

    /// Reports that a connection was accepted.
    pub fn accepted(&mut self) {
        self.in_a_row = 0;
    }
}

/// Other errors of connections take the connection off the queue, so they end with it.
fn may_be_permanent(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::OPNOTSUPP.raw_os_error()) {
        return true;
    }
    error.kind() == io::ErrorKind::PermissionDenied
}

impl AcceptFault {
    /// Classifies an error that `accept` returned.
    pub fn of(error: &io::Error) -> Self {
        match error.kind() {
            // Pending errors of the network that Linux passes on to accept, and a firewall's veto.
            io::ErrorKind::Interrupted
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::TimedOut
            | io::ErrorKind::PermissionDenied => Self::Connection,
            io::ErrorKind::OutOfMemory => Self::Exhausted,
            _ => Self::of_os(error.raw_os_error()),
        }
    }

    #[cfg(unix)]
    fn of_os(code: Option<i32>) -> Self {
        use rustix::io::Errno;
        match code.map(Errno::from_raw_os_error) {
            // ENOSPC is not accept's: runtimes register what they accepted, and epoll has a limit of its own.
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM | Errno::NOSPC) => {
                Self::Exhausted
            }
            Some(Errno::PROTO | Errno::NOPROTOOPT | Errno::HOSTDOWN | Errno::OPNOTSUPP) => Self::Connection,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Some(Errno::NONET) => Self::Connection,
            _ => Self::Listener,
        }
    }

    #[cfg(not(unix))]
    fn of_os(_: Option<i32>) -> Self {
        Self::Listener
    }
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    fn error(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.raw_os_error())
    }

    #[test]
    fn errors_that_may_be_the_listeners_end_after_a_second_of_pauses() {
        for errno in [Errno::OPNOTSUPP, Errno::ACCESS, Errno::PERM] {
            let (mut retry, mut paused) = (AcceptRetry::default(), Duration::ZERO);
            let (times, ended) = (1..)
                .find_map(|times| match retry.after(error(errno)) {
                    Ok(pause) => {
                        paused += pause.unwrap_or_default();
                        None
                    }
                    Err(ended) => Some((times, ended)),
                })
                .unwrap();
            assert_eq!((times, paused), (1280, 19 * ACCEPT_BACKOFF));
            assert!(ended.to_string().starts_with("accepting failed 1280 times in a row: "), "{ended}");
            assert_eq!(ended.kind(), error(errno).kind());
        }
    }

    /// A stranger can cause them, one a connection.
    #[test]
    fn errors_of_connections_never_end_the_listener() {
        for errno in [Errno::CONNABORTED, Errno::CONNRESET, Errno::NETDOWN, Errno::PROTO, Errno::INTR] {
            let mut retry = AcceptRetry::default();
            let paused: Duration =
                (0..10_000).map(|_| retry.after(error(errno)).unwrap().unwrap_or_default()).sum();
            assert_eq!(paused, 156 * ACCEPT_BACKOFF);
        }
    }

    #[test]
    fn a_connection_in_between_starts_the_count_again() {
        let mut retry = AcceptRetry::default();
        for _ in 0..5 {
            for _ in 0..1279 {
                retry.after(error(Errno::PERM)).unwrap();
            }
            retry.accepted();
        }
    }

    #[test]
    fn errors_more_than_a_second_apart_are_not_in_a_row() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        for (gap, in_a_row) in [(second, true), (second + Duration::from_nanos(1), false)] {
            let mut retry = AcceptRetry { in_a_row: MOST - 1, last: Some(now) };
            assert_eq!(retry.after_at(error(Errno::PERM), now + gap).is_err(), in_a_row, "{gap:?}");
        }
    }

    #[test]
    fn what_runs_out_passes() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::NOSPC] {
            let mut retry = AcceptRetry::default();
            for _ in 0..10_000 {
                assert_eq!(retry.after(error(errno)).unwrap(), Some(ACCEPT_BACKOFF));
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn errors_that_accept_lists_as_passing_pass() {
        for errno in [
            Errno::NETDOWN,
            Errno::PROTO,
            Errno::NOPROTOOPT,
            Errno::HOSTDOWN,
            Errno::NONET,
            Errno::HOSTUNREACH,
            Errno::OPNOTSUPP,
            Errno::NETUNREACH,
        ] {
            assert_eq!(AcceptFault::of(&error(errno)), AcceptFault::Connection, "{errno:?}");
        }
    }
}
