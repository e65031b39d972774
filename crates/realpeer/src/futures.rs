//! Streams of any kind that implement the traits of futures-io, on any runtime.
//!
//! Clock and timers are the runtime's: name it with a [`Runtime`]. With the feature `async-io` there is one, `AsyncIo`, and
//! functions for sockets on async-io. This program also uses async-io and async-executor:
//!
//! ```no_run
//! # #[cfg(all(feature = "async-io", unix))]
//! # mod program {
//! use std::net::TcpListener;
//!
//! use async_executor::LocalExecutor;
//! use async_io::Async;
//! use realpeer::futures::handshake;
//! use realpeer::{Acceptor, Trust};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let acceptor = Acceptor::new("10.0.0.0/8".parse::<Trust>()?);
//!     let listener = Async::<TcpListener>::bind(([0, 0, 0, 0], 8080))?;
//!     let executor = LocalExecutor::new();
//!     async_io::block_on(executor.run(async {
//!         loop {
//!             let (mut stream, proxy) = listener.accept().await?;
//!             let acceptor = acceptor.clone();
//!             let connection = async move {
//!                 match handshake(&acceptor, &mut stream, proxy).await {
//!                     Ok(established) => println!("{} through {proxy}", established.source()),
//!                     Err(error) => eprintln!("{proxy}: {error}"),
//!                 }
//!                 // The next byte of `stream` is payload.
//!             };
//!             executor.spawn(connection).detach();
//!         }
//!     }))
//! }
//! # }
//! ```
//!
//! # Which of these do I want?
//!
//! | you have | use |
//! |---|---|
//! | a stream of futures-io | [`handshake_stream`], in a task of its own |
//! | a connection that you read through a `BufReader` | [`handshake_buf_read`]: it adds no system calls |
//! | a socket on async-io | `handshake`, in a task of its own; for datagrams `recv_from` and `send_to` |
//! | a server that expects headers | [`connect`]; on a stream you have, [`send_header`] |
//! | a runtime without an adapter | [`Runtime`], [`Handshakes`] and [`Accepts`], which make [`Listener`] and the others work on it |

#[doc(no_inline)]
pub use realpeer_io::{
    Accepts, EstablishedListener, Handshakes, Incoming, Listener, LocalPending, ReadyListener, Runtime,
    SendAccepts, SendPending, drive, finish,
};

#[doc(inline)]
pub use realpeer_futures::{
    connect, handshake_buf_read, handshake_stream, send_header, send_header_with_payload,
};

#[cfg(all(feature = "async-io", unix))]
#[cfg_attr(docsrs, doc(cfg(feature = "async-io")))]
#[doc(inline)]
pub use realpeer_futures::{AsyncIo, handshake, handshake_on, poll_accept, recv_from, send_to};
