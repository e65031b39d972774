//! Telling headers from payload by their first bytes, which the specification forbids, for the weeks of a roll-out.
//!
//! "The receiver MUST be configured to only receive the protocol described in this specification and MUST not try to guess
//! whether the protocol header is present or not" ([R12]). [`DetectHeader`] says what guessing costs. There are better ways
//! to roll a header out, by address and by port: see [Rolling the header out].
//!
//! [R12]: https://github.com/realpeer/realpeer/blob/main/docs/spec-checklist.md
//! [Rolling the header out]: https://github.com/realpeer/realpeer/blob/main/docs/rolling-out.md

use realpeer_proto::{Config, Error, HandshakeError, Versions, parse};

use crate::{AcceptError, Endpoint, Policy, Verdict};

/// A policy by which a trusted proxy may send a header or none, told apart by its first bytes. **For roll-outs only.**
///
/// It wraps a policy and changes one of its verdicts: of whom a header would be [required](Verdict::Require), a missing
/// one is no longer a failure. Peers that are bypassed or refused stay so, so nobody can send a header who could not
/// before.
///
/// # What you give up
///
/// - **Every client of a trusted proxy that sends no header can send one itself, and is believed.** With a header
///   required, such a client is cut off; here it claims any address, certificate and TLV it likes. Use it only while all of
///   these proxies' clients are ones you would believe, and end it when the last proxy sends its header.
/// - A proxy that stops sending headers is no longer noticed: its clients all seem to be the proxy. Watch
///   [`Counts::bypassed`](crate::Counts::bypassed), where connections without a header are counted.
/// - Bytes may have been consumed from the connection before it turned out that they are not part of a header. Read
///   [`Established::taken_payload`](crate::Established::taken_payload) before the connection.
///
/// # What holds
///
/// - A peer whose bytes begin with a whole signature (`PROXY ` or the twelve bytes of version 2) must go on with a valid
///   header of an allowed version. A broken header is never taken for payload.
/// - `taken_payload() ++ what is left on the connection == everything the peer sent`, however it arrived.
/// - A peer that sends nothing, or the start of a signature and no more, fails at the deadline, unless
///   [`silence_means_no_header`](Self::silence_means_no_header) says otherwise. Protocols in which the server speaks first
///   need that, and their clients wait for the deadline: make it short.
/// - A datagram is complete: if it doesn't begin with a whole signature it has no header.
/// - The listeners of realpeer-axum and realpeer-tonic put these bytes before the stream. Whoever takes connections from
///   a runtime's own listener does so, as with `realpeer::tokio::Prefixed`. There are some if the first segment ends
///   within a signature, such as a lone `P`.
///
/// # Examples
///
/// ```
/// use std::io::Read;
/// use std::task::Poll;
/// use std::time::Instant;
/// use realpeer::danger::DetectHeader;
/// use realpeer::{Acceptor, Trust};
///
/// let acceptor = Acceptor::new(DetectHeader::new("10.0.0.0/8".parse::<Trust>()?));
/// for sent in [&b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nPOST /"[..], b"POST /"] {
///     let (mut connection, proxy) = (sent, "10.1.2.3:4711".parse::<std::net::SocketAddr>()?);
///     let mut accepting = acceptor.begin(proxy, Instant::now());
///     let Poll::Ready(result) = accepting.poll_with(|slot| Poll::Ready(connection.read(slot))) else {
///         panic!("it is complete");
///     };
///     let established = result?;
///     let mut payload = Vec::from(established.taken_payload()); // first what was taken
///     connection.read_to_end(&mut payload)?; // then the rest
///     assert_eq!(payload, b"POST /");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
#[derive(Clone, Debug)]
pub struct DetectHeader<P> {
    policy: P,
    detect: Detect,
}

/// The mark by which [`DetectHeader`] tells its verdict. Nobody else can make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Detect {
    silence_means_no_header: bool,
}

impl<P: Policy> DetectHeader<P> {
    /// Creates a policy that lets the peers of whom `policy` requires a header send none.
    pub fn new(policy: P) -> Self {
        Self { policy, detect: Detect { silence_means_no_header: false } }
    }

    /// Treats a peer that has sent nothing by the deadline, or not a complete signature, as one without a header. A
    /// proxy that is slow to send its header is then taken for a client, and its header for payload.
    pub fn silence_means_no_header(mut self) -> Self {
        self.detect.silence_means_no_header = true;
        self
    }
}

impl<P: Policy> Policy for DetectHeader<P> {
    fn verdict(&self, peer: &Endpoint) -> Verdict {
        match self.policy.verdict(peer) {
            Verdict::Require => Verdict::Detect(self.detect),
            verdict => verdict,
        }
    }
}

impl Detect {
    /// The configuration to read with: with the signature of one version only, the first byte of the other's would be as
    /// good as any.
    pub(crate) fn config(config: &Config) -> Config {
        config.with_versions(Versions::Any)
    }

    /// Whether a handshake that failed having seen these bytes shows that there is no header.
    pub(crate) fn is_without_header<E>(self, error: &HandshakeError<E>, seen: &[u8]) -> bool {
        !has_signature(seen)
            && match error {
                HandshakeError::Protocol(
                    Error::Signature { .. } | Error::V1(_) | Error::Truncated { .. },
                ) => true,
                HandshakeError::TimedOut { .. } => self.silence_means_no_header,
                _ => false,
            }
    }
}

/// Rejects a header of a version that is not allowed, with the error that reading it would have returned.
pub(crate) fn check_version(header: &[u8], config: &Config) -> Result<(), AcceptError> {
    parse(header, config).map(|_| ()).map_err(|error| AcceptError::of_detected(error, header))
}

/// Whether bytes begin with a whole signature.
pub(crate) fn has_signature(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PROXY ") || bytes.starts_with(b"\r\n\r\n\0\r\nQUIT\n")
}
