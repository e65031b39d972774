//! The protocol without I/O: push bytes, pull events. No `std`, no allocation, no `unsafe`.
//!
//! The modules for runtimes are built on this one. Use it for a loop or a transport that none of them has:
//!
//! ```no_run
//! use std::io::{self, ErrorKind, Read};
//! use std::net::{TcpListener, TcpStream};
//! use std::task::Poll;
//! use std::thread;
//! use std::time::{Duration, Instant};
//!
//! use realpeer::proto::{Config, Handshake, HandshakeError};
//!
//! fn main() -> io::Result<()> {
//!     let listener = TcpListener::bind("0.0.0.0:8080")?;
//!     loop {
//!         let (stream, proxy) = listener.accept()?;
//!         if proxy.ip().is_loopback() { // ask first whether the peer is a proxy you trust
//!             thread::spawn(move || match handshake(stream) {
//!                 Ok((source, _stream)) => println!("{source} through {proxy}"),
//!                 Err(error) => eprintln!("{proxy}: {error}"),
//!             });
//!         }
//!     }
//! }
//!
//! fn handshake(mut stream: TcpStream) -> Result<(String, TcpStream), HandshakeError<io::Error>> {
//!     let mut handshake = Handshake::with_storage(&Config::new(), Instant::now(), [0; 536]);
//!     while let Some(deadline) = handshake.poll_timeout() {
//!         // Waits for the next bytes until the deadline at the longest.
//!         let left = deadline.saturating_duration_since(Instant::now());
//!         stream.set_read_timeout(Some(left.max(Duration::from_millis(1)))).map_err(HandshakeError::Io)?;
//!         let polled = handshake.poll_with(|slot| match stream.read(slot) {
//!             Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Poll::Pending,
//!             read => Poll::Ready(read),
//!         });
//!         if let Poll::Ready(result) = polled {
//!             result?;
//!         }
//!         handshake.handle_timeout(Instant::now());
//!     }
//!     stream.set_read_timeout(None).map_err(HandshakeError::Io)?;
//!     let source = handshake.header().and_then(|header| header.source());
//!     Ok((source.map_or("the proxy itself".into(), |source| source.to_string()), stream))
//! }
//! ```
//!
//! # Which of these do I want?
//!
//! | you have | use |
//! |---|---|
//! | all bytes in a slice | [`parse`]; for a datagram, [`parse_datagram`] |
//! | bytes that arrive in pieces | [`Decoder`], which never takes a byte that isn't header |
//! | a connection, and a deadline for its header | [`Handshake`] |
//! | the same, and a policy and counters | [`Acceptor::begin`](crate::Acceptor::begin) |
//! | a header to send | [`Encoder`] |
//! | a header, and questions about it | [`Header`]: addresses, command, [`Tlvs`], and [`Ssl`] for the client's certificate |
//! | bytes that weren't a header | [`Error`], which says what was found and where; [`Lookalike`] |
//! | limits, and versions to allow | [`Config`] |
//!
//! Whose headers to believe is not decided here: ask before the first byte whether the peer is a proxy you trust.

#[doc(inline)]
pub use realpeer_io::proto::*;
