//! Reports connections that a listener for frameworks rejects: to a hook, or to the log.

use std::fmt;

use crate::{AcceptError, Endpoint, Established, Finished};

/// The hook or log to which an `EstablishedListener` reports connections whose handshake failed, before it closes them.
#[derive(Default)]
pub struct Rejections {
    hook: Option<Hook>,
    #[cfg(feature = "tracing")]
    log: log::Log,
}

type Hook = Box<dyn FnMut(&Endpoint, &AcceptError) + Send>;

impl Rejections {
    /// Calls `hook` for each of them, and logs nothing.
    #[cfg_attr(
        not(feature = "tracing"),
        allow(clippy::needless_update, reason = "with tracing there is a field more")
    )]
    pub fn to(hook: impl FnMut(&Endpoint, &AcceptError) + Send + 'static) -> Self {
        Self { hook: Some(Box::new(hook)), ..Self::default() }
    }

    /// Lets an established connection pass. Reports any other, and closes it.
    pub fn sift<S>(&mut self, finished: Finished<S>) -> Option<(S, Established)> {
        match finished.result {
            Ok(established) => Some((finished.stream, established)),
            Err(error) => {
                self.report(&finished.peer, &error);
                None
            }
        }
    }

    fn report(&mut self, peer: &Endpoint, error: &AcceptError) {
        match &mut self.hook {
            Some(hook) => hook(peer, error),
            #[cfg(feature = "tracing")]
            None => self.log.write(peer, error),
            #[cfg(not(feature = "tracing"))]
            None => {}
        }
    }
}

impl fmt::Debug for Rejections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejections").field("hook", &self.hook.is_some()).finish_non_exhaustive()
    }
}

#[cfg(feature = "tracing")]
mod log {
    use std::net::IpAddr;
    use std::time::{Duration, Instant};

    use super::{AcceptError, Endpoint};

    /// Events, and which peers there was a warning of lately.
    #[derive(Default)]
    pub(super) struct Log {
        warned: Vec<(Option<IpAddr>, Instant)>,
    }

    /// At most one warning a peer in that time.
    const QUIET: Duration = Duration::from_secs(60);

    /// Peers that are remembered, and so the most warnings in that time: strangers may be many.
    const PEERS: usize = 64;

    impl Log {
        pub(super) fn write(&mut self, peer: &Endpoint, error: &AcceptError) {
            if is_misconfiguration(error) && self.is_due(peer, Instant::now()) {
                tracing::warn!(
                    %peer, kind = error.kind(), %error,
                    "a trusted peer sends no valid PROXY header: is it a proxy, and set to send one?"
                );
            } else {
                tracing::debug!(%peer, kind = error.kind(), %error, "connection rejected");
            }
        }

        pub(super) fn is_due(&mut self, peer: &Endpoint, now: Instant) -> bool {
            let host = match peer {
                Endpoint::Inet(addr) => Some(addr.ip().to_canonical()),
                // UNIX clients mostly have no name: they count as one.
                _ => None,
            };
            self.warned.retain(|(_, at)| now.duration_since(*at) < QUIET);
            if self.warned.len() >= PEERS || self.warned.iter().any(|(other, _)| *other == host) {
                return false;
            }
            self.warned.push((host, now));
            true
        }
    }

    /// Only of trusted peers a header is read at all.
    fn is_misconfiguration(error: &AcceptError) -> bool {
        matches!(error, AcceptError::Protocol { .. } | AcceptError::TimedOut { .. })
    }

    #[cfg(test)]
    mod tests {
        use std::net::SocketAddr;
        use std::sync::{Arc, Mutex};
        use std::{fmt, io};

        use tracing::field::Field;
        use tracing::span::{Attributes, Id, Record};
        use tracing::{Event, Level, Metadata, Subscriber};

        use super::*;
        use crate::{Finished, Rejections, UnixName};

        fn peer(host: u8, port: u16) -> Endpoint {
            SocketAddr::from(([127, 0, 0, host], port)).into()
        }

        #[test]
        fn a_peer_is_warned_of_once_a_minute() {
            let (mut log, start) = (Log::default(), Instant::now());
            let after = |seconds| start + Duration::from_secs(seconds);
            assert!(log.is_due(&peer(1, 1), after(0)));
            assert!(!log.is_due(&peer(1, 2), after(59)), "another port is not another peer");
            assert!(log.is_due(&peer(2, 1), after(59)));
            assert!(log.is_due(&peer(1, 3), after(60)));
            assert!(!log.is_due(&peer(1, 3), after(119)));
        }

        /// Keeps the level of each event.
        #[derive(Clone, Default)]
        struct Events(Arc<Mutex<Vec<Level>>>);

        impl Subscriber for Events {
            fn enabled(&self, _: &Metadata<'_>) -> bool {
                true
            }

            fn new_span(&self, _: &Attributes<'_>) -> Id {
                Id::from_u64(1)
            }

            fn record(&self, _: &Id, _: &Record<'_>) {}

            fn record_follows_from(&self, _: &Id, _: &Id) {}

            fn event(&self, event: &Event<'_>) {
                let mut names_peer = false;
                event.record(&mut |field: &Field, value: &dyn fmt::Debug| {
                    names_peer |= field.name() == "peer" && format!("{value:?}") == "127.0.0.1:1";
                });
                assert!(names_peer, "{event:?}");
                self.0.lock().unwrap().push(*event.metadata().level());
            }

            fn enter(&self, _: &Id) {}

            fn exit(&self, _: &Id) {}
        }

        /// The levels of the events for one peer whose connections fail with these errors.
        fn levels(errors: impl IntoIterator<Item = AcceptError>) -> Vec<Level> {
            let (events, mut rejections) = (Events::default(), Rejections::default());
            tracing::subscriber::with_default(events.clone(), || {
                for error in errors {
                    let result = Err(error);
                    assert!(rejections.sift(Finished { stream: (), peer: peer(1, 1), result }).is_none());
                }
            });
            events.0.lock().unwrap().clone()
        }

        #[test]
        fn a_proxy_without_headers_is_a_warning_and_what_strangers_do_is_not() {
            let protocol = || AcceptError::from(realpeer_proto::Error::OutOfMemory);
            let timed_out = AcceptError::TimedOut { received: 0, taken: Box::default() };
            assert_eq!(levels([protocol(), protocol()]), [Level::WARN, Level::DEBUG]);
            assert_eq!(levels([timed_out]), [Level::WARN]);
            let refused = AcceptError::Refused { peer: peer(1, 1) };
            let io = AcceptError::from(io::Error::from(io::ErrorKind::ConnectionReset));
            assert_eq!(levels([refused, AcceptError::Closed, io]), [Level::DEBUG; 3]);
        }

        /// Most UNIX clients have no name to tell them apart by.
        #[test]
        fn all_unix_clients_are_one_peer_and_no_host_is_one_of_them() {
            let (mut log, now) = (Log::default(), Instant::now());
            assert!(log.is_due(&peer(1, 1), now));
            assert!(log.is_due(&UnixName::new(b"").unwrap().into(), now));
            assert!(!log.is_due(&UnixName::new(b"/run/proxy").unwrap().into(), now));
            assert!(!log.is_due(&peer(1, 2), now));
        }

        #[test]
        fn warnings_are_bounded_however_many_peers_there_are() {
            let (mut log, now) = (Log::default(), Instant::now());
            let warnings = (0..=255).filter(|host| log.is_due(&peer(*host, 1), now)).count();
            assert_eq!((warnings, log.warned.len()), (PEERS, PEERS));
            assert!(log.is_due(&peer(255, 1), now + QUIET));
        }
    }
}
