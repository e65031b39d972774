//! Tells a server who its real clients are when it runs behind HAProxy, nginx, Envoy or an AWS NLB.
//!
//! A load balancer puts the client's address in front of the connection's bytes, in a header of the PROXY protocol, version
//! 1 or 2. This crate reads and writes such headers: with blocking sockets, on any async runtime, or with no I/O at all.
//!
//! # A first program
//!
//! ```no_run
//! use std::net::TcpListener;
//! use std::thread;
//!
//! use realpeer::blocking::Listener;
//! use realpeer::{Acceptor, Trust};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // Whose headers to believe: your load balancers', and nobody else's.
//!     let acceptor = Acceptor::new("10.0.0.0/8".parse::<Trust>()?);
//!     let listener = Listener::new(TcpListener::bind("0.0.0.0:8080")?, acceptor);
//!     loop {
//!         let mut incoming = listener.accept()?; // returns at once: nothing has been read
//!         thread::spawn(move || match incoming.handshake() {
//!             Ok(established) => {
//!                 println!("{} through {}", established.source(), incoming.peer());
//!                 let _stream = incoming.into_stream(); // a plain TcpStream; the next byte is payload
//!             }
//!             Err(error) => eprintln!("{}: {error}", incoming.peer()),
//!         });
//!     }
//! }
//! ```
//!
//! The handshake runs in a thread of its own, so a load balancer that connects and stays silent delays nobody. The pages of
//! the other modules begin with the same program for their runtimes.
//!
//! # Runtimes
//!
//! **Never write `use realpeer::tokio;`**: the module would stand in the place of the runtime, and every `tokio::` after it
//! would mean the module. Import what you need, as in `use realpeer::tokio::Listener;`, or rename it: `use realpeer::tokio
//! as realpeer_tokio;`. The same goes for `smol`, `async_std` and `futures`.
//!
//! | feature | module | for |
//! |---|---|---|
//! | | [`proto`] | no I/O at all: push bytes, pull events |
//! | `std` (default) | [`blocking`] | blocking sockets of std |
//! | `tokio` | [`tokio`] | tokio |
//! | `smol` | [`smol`] | smol |
//! | `async-std` | [`async_std`] | async-std, which is discontinued |
//! | `futures-io` | [`futures`] | streams of any kind that implement the traits of futures-io |
//! | `async-io` | [`futures`] | sockets on async-io, for runtimes that are built on it |
//!
//! Features are additive. Two more add to all of them: `serde` reads a [`Trust`] from configuration files, and `tracing`
//! logs the connections that listeners for frameworks reject. For axum and tonic there are crates of their own,
//! `realpeer-axum` and `realpeer-tonic`.
//!
//! # Which of these do I want?
//!
//! | to | use |
//! |---|---|
//! | say whose headers are believed | [`Trust`] for addresses and networks, [`policy_fn`] for a function of your own |
//! | set limits and the deadline, and count | [`Acceptor`] |
//! | accept connections | the `Listener` of your runtime's module |
//! | know who is at the ends of a connection | [`Established`] |
//! | know the same of a datagram | `recv_from` of your runtime's module, and [`Datagram`] |
//! | send a header | [`Encoder`](proto::Encoder), with `connect` or `send_header` of your runtime's module |
//! | accept in an event loop of your own | [`Acceptor::begin`] for one connection, [`Pending`] for a bounded set of them |
//! | roll the header out step by step | [Rolling the header out](https://github.com/realpeer/realpeer/blob/main/docs/rolling-out.md), and [`danger`] if there is no other way |

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(feature = "async-std")]
#[cfg_attr(docsrs, doc(cfg(feature = "async-std")))]
pub mod async_std;
#[cfg(feature = "std")]
#[cfg_attr(docsrs, doc(cfg(feature = "std")))]
pub mod blocking;
#[cfg(feature = "futures-io")]
#[cfg_attr(docsrs, doc(cfg(feature = "futures-io")))]
pub mod futures;
pub mod proto;
#[cfg(feature = "smol")]
#[cfg_attr(docsrs, doc(cfg(feature = "smol")))]
pub mod smol;
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub mod tokio;

#[doc(inline)]
pub use realpeer_io::{
    ACCEPT_BACKOFF, AcceptError, AcceptFault, AcceptRetry, Accepting, Acceptor, Counts, Datagram, Endpoint,
    Established, Finished, HeaderStorage, NotInetError, Otherwise, ParseEndpointError, Pending, PendingToken,
    Policy, PolicyFn, Rejections, Trust, TrustError, UnixName, Verdict, danger, header_and_datagram,
    header_and_payload, policy_fn,
};

#[cfg(target_os = "linux")]
#[doc(inline)]
pub use realpeer_io::socket::peer_user;
