//! What an error of `accept` means.

use std::io;
use std::time::Duration;

/// What an error of `accept` means for the listener.
///
/// ```
/// use std::io;
/// use realpeer_io::AcceptFault;
///
/// assert_eq!(AcceptFault::of(&io::Error::from_raw_os_error(24)), AcceptFault::Exhausted); // EMFILE
/// assert_eq!(AcceptFault::of(&io::ErrorKind::ConnectionAborted.into()), AcceptFault::Connection);
/// assert_eq!(AcceptFault::of(&io::ErrorKind::InvalidInput.into()), AcceptFault::Listener);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AcceptFault {
    /// It concerns one connection, which is gone: go on.
    Connection,
    /// File descriptors or memory ran out: go on after a [`PAUSE`], for the connection is still waiting.
    Exhausted,
    /// The listener is of no more use.
    Listener,
}

/// How long accepting pauses where file descriptors or memory run out.
pub const PAUSE: Duration = Duration::from_millis(50);

impl AcceptFault {
    /// What `error`, which `accept` gave, means.
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
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Self::Exhausted,
            Some(Errno::PROTO | Errno::NOPROTOOPT | Errno::HOSTDOWN | Errno::OPNOTSUPP) => Self::Connection,
            _ => Self::Listener,
        }
    }

    #[cfg(not(unix))]
    fn of_os(_: Option<i32>) -> Self {
        Self::Listener
    }
}
