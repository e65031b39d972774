//! Counters of the outcomes of connections.

#[cfg(target_has_atomic = "64")]
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

#[cfg(not(target_has_atomic = "64"))]
use locked::AtomicU64;

use realpeer_proto::{Command, Header, Transport, Version};

use crate::AcceptError;

/// Declares what is counted, once: the numbers, their names, and their counters.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// The number of connections, or datagrams, by outcome, since an [`Acceptor`](crate::Acceptor) was made. Each is
        /// counted once.
        ///
        /// Those that were not accepted are counted under the name of their error's [`AcceptError::kind`].
        ///
        /// ```
        /// use realpeer::{Acceptor, Counts, Trust};
        ///
        /// let acceptor = Acceptor::new(Trust::unix());
        /// assert_eq!(acceptor.counts(), Counts::default());
        ///
        /// // For Prometheus:
        /// for (name, count) in acceptor.counts().iter() {
        ///     println!("connections_total{{outcome=\"{name}\"}} {count}");
        /// }
        /// ```
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)+
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $($name: AtomicU64,)+
        }

        impl Counts {
            /// Returns each count with its name, which is that of the field, in their order.
            pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($name), self.$name),)+].into_iter()
            }
        }

        impl Counters {
            pub(crate) fn counts(&self) -> Counts {
                Counts { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

counters! {
    /// Version 1 headers with addresses.
    v1,
    /// Version 2 headers with the command PROXY and with addresses.
    v2,
    /// Version 2 headers with the command LOCAL, such as those of health checks.
    local,
    /// Headers of either version that say PROXY but have no addresses: UNKNOWN or UNSPEC. The source is the proxy then.
    unspec,
    /// Connections accepted without a header, by policy.
    bypassed,
    /// Peers refused by policy.
    refused,
    /// Peers that left without a byte.
    closed,
    /// Headers broken or cut off.
    protocol,
    /// Headers not complete by the deadline.
    timeout,
    /// Datagrams larger than the buffer for them.
    oversize,
    /// Datagrams that may have been several.
    joined,
    /// Connections that failed before their header was complete.
    io,
}

impl Counters {
    pub(crate) fn count(&self, outcome: Result<Option<Header<'_>>, &AcceptError>) {
        let counter = match outcome {
            Ok(None) => &self.bypassed,
            Ok(Some(header)) => match (header.command(), header.transport(), header.version()) {
                (Command::Local, ..) => &self.local,
                (Command::Proxy, Transport::Unspec, _) => &self.unspec,
                (Command::Proxy, _, Version::V1) => &self.v1,
                (Command::Proxy, _, Version::V2) => &self.v2,
            },
            Err(AcceptError::Refused { .. }) => &self.refused,
            Err(AcceptError::Closed) => &self.closed,
            Err(AcceptError::Protocol { .. }) => &self.protocol,
            Err(AcceptError::TimedOut { .. }) => &self.timeout,
            Err(AcceptError::Oversize { .. }) => &self.oversize,
            Err(AcceptError::Joined) => &self.joined,
            Err(AcceptError::Io { .. }) => &self.io,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Replaces the counter of std on processors without 64-bit atomics, such as some 32-bit ones.
#[cfg(any(test, not(target_has_atomic = "64")))]
mod locked {
    use std::sync::atomic::Ordering;
    use std::sync::{Mutex, PoisonError};

    #[derive(Debug, Default)]
    pub(super) struct AtomicU64(Mutex<u64>);

    impl AtomicU64 {
        pub(super) fn fetch_add(&self, n: u64, _: Ordering) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) += n;
        }

        pub(super) fn load(&self, _: Ordering) -> u64 {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::SocketAddr;

    use realpeer_proto::{Config, Error, Parsed, parse};

    use super::*;

    /// An error that is not in this match does not compile.
    fn place(error: &AcceptError) -> usize {
        match error {
            AcceptError::Refused { .. } => 0,
            AcceptError::Closed => 1,
            AcceptError::Protocol { .. } => 2,
            AcceptError::TimedOut { .. } => 3,
            AcceptError::Oversize { .. } => 4,
            AcceptError::Joined => 5,
            AcceptError::Io { .. } => 6,
        }
    }

    #[test]
    fn every_error_is_counted_under_the_name_of_its_kind() {
        let errors = [
            AcceptError::Refused { peer: SocketAddr::from(([192, 0, 2, 1], 1)).into() },
            AcceptError::Closed,
            AcceptError::from(Error::Closed),
            AcceptError::TimedOut { received: 0, taken: Box::default() },
            AcceptError::Oversize { buffer: 0 },
            AcceptError::Joined,
            AcceptError::from(io::Error::from(io::ErrorKind::ConnectionReset)),
        ];
        assert_eq!(errors.len(), AcceptError::KINDS.len());
        for error in &errors {
            assert_eq!(AcceptError::KINDS[place(error)], error.kind());
            let counters = Counters::default();
            counters.count(Err(error));
            let counted: Vec<_> = counters.counts().iter().filter(|(_, count)| *count != 0).collect();
            assert_eq!(counted, [(error.kind(), 1)]);
        }
    }

    #[test]
    fn a_count_behind_a_lock_counts_too() {
        let count = locked::AtomicU64::default();
        for n in 0..3 {
            assert_eq!(count.load(Ordering::Relaxed), n);
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn headers_without_addresses_have_a_count_of_their_own() {
        let rows: [(&[u8], _); 5] = [
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n", "v1"),
            (b"PROXY UNKNOWN\r\n", "unspec"),
            (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\0\x01\0\x02", "v2"),
            (b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0", "unspec"),
            (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "local"),
        ];
        for (bytes, name) in rows {
            let counters = Counters::default();
            let Ok(Parsed::Complete { header, .. }) = parse(bytes, &Config::new()) else {
                panic!("{}", bytes.escape_ascii());
            };
            counters.count(Ok(Some(header)));
            let counted: Vec<_> = counters.counts().iter().filter(|(_, count)| *count != 0).collect();
            assert_eq!(counted, [(name, 1)], "{}", bytes.escape_ascii());
        }
        let names: Vec<_> = Counts::default().iter().map(|(name, _)| name).collect();
        assert_eq!(names[..5], ["v1", "v2", "local", "unspec", "bypassed"]);
        assert_eq!(names[5..], AcceptError::KINDS);
    }
}
