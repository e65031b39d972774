//! Async-std, which is discontinued: for programs that have not moved on yet. UNIX only.
//!
//! New programs want [`smol`](https://crates.io/crates/smol), to which async-std's makers point, or tokio.
//!
//! ```no_run
//! use std::net::TcpListener;
//!
//! use async_std::task;
//! use realpeer::async_std::{Async, Listener};
//! use realpeer::{Acceptor, Trust};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     task::block_on(async {
//!         let acceptor = Acceptor::new("10.0.0.0/8".parse::<Trust>()?);
//!         let listener = Async::<TcpListener>::bind(([0, 0, 0, 0], 8080))?;
//!         let listener = Listener::new(listener, acceptor);
//!         loop {
//!             let mut incoming = listener.accept().await?; // returns at once: nothing has been read
//!             task::spawn(async move {
//!                 match incoming.handshake().await {
//!                     Ok(established) => {
//!                         println!("{} through {}", established.source(), incoming.peer());
//!                         let _stream = incoming.into_stream(); // async-std's TcpStream; the next byte is payload
//!                     }
//!                     Err(error) => eprintln!("{}: {error}", incoming.peer()),
//!                 }
//!             });
//!         }
//!     })
//! }
//! ```
//!
//! Listening sockets are those of std, registered with async-io, which async-std runs on: async-std's own can't be polled.
//!
//! # Which of these do I want?
//!
//! | you have | use |
//! |---|---|
//! | a task for each connection | [`Listener`], and [`Incoming::handshake`] in that task |
//! | one task that takes connections one after the other | [`ReadyListener`]: whichever header is complete first |
//! | a framework that accepts from a listener | [`EstablishedListener`] |
//! | a TCP or UNIX connection that you accepted yourself | [`handshake`], in a task of its own |
//! | any other stream | [`handshake_stream`] |
//! | a connection that you read through a `BufReader` | [`handshake_buf_read`]: it adds no system calls |
//! | a UDP socket | [`recv_from`] and [`send_to`] |
//! | a server that expects headers | [`connect`] or [`connect_unix`]; on a stream you have, [`send_header`] |

#[doc(inline)]
pub use realpeer_async_std::*;
