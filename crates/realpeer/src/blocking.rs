//! Blocking sockets of std, with deadlines and without a runtime. UNIX only.
//!
//! ```no_run
//! use std::net::TcpListener;
//! use std::thread;
//!
//! use realpeer::blocking::Listener;
//! use realpeer::{Acceptor, Trust};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
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
//! Sockets may be in blocking or non-blocking mode and stay so; their time-outs are neither used nor changed. The header
//! is peeked at and then read exactly: if all of it has arrived, that is two system calls.
//!
//! # Which of these do I want?
//!
//! | you have | use |
//! |---|---|
//! | a thread for each connection | [`Listener`], and [`Incoming::handshake`] in that thread |
//! | one thread that takes connections one after the other | [`ReadyListener`]: whichever header is complete first |
//! | a framework or a loop that wants good connections only | [`EstablishedListener`] |
//! | a connection that you accepted yourself | [`handshake`], in a thread of its own |
//! | a connection that you read through a `BufReader` | [`handshake_buf_read`] |
//! | a UDP socket | [`recv_from`] and [`send_to`] |
//! | a server that expects headers | [`connect`] or [`connect_unix`]; on a stream you have, [`send_header`] |

#[doc(inline)]
pub use realpeer_std::*;
