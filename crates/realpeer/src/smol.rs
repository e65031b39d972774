//! Smol, on the sockets of `smol::net`: a listener that no silent peer can stall, handshakes with deadlines, sending. UNIX
//! only.
//!
//! ```no_run
//! use realpeer::smol::Listener;
//! use realpeer::{Acceptor, Trust};
//! use smol::net::TcpListener;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     smol::block_on(async {
//!         let acceptor = Acceptor::new("10.0.0.0/8".parse::<Trust>()?);
//!         let listener = Listener::new(TcpListener::bind("0.0.0.0:8080").await?, acceptor);
//!         loop {
//!             let mut incoming = listener.accept().await?; // returns at once: nothing has been read
//!             let connection = async move {
//!                 match incoming.handshake().await {
//!                     Ok(established) => {
//!                         println!("{} through {}", established.source(), incoming.peer());
//!                         let _stream = incoming.into_stream(); // a plain TcpStream; the next byte is payload
//!                     }
//!                     Err(error) => eprintln!("{}: {error}", incoming.peer()),
//!                 }
//!             };
//!             smol::spawn(connection).detach();
//!         }
//!     })
//! }
//! ```
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
pub use realpeer_smol::*;
