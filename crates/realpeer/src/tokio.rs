//! Tokio: a listener that no silent peer can stall, handshakes with deadlines, sending.
//!
//! ```no_run
//! use realpeer::tokio::Listener;
//! use realpeer::{Acceptor, Trust};
//! use tokio::net::TcpListener;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let acceptor = Acceptor::new("10.0.0.0/8".parse::<Trust>()?);
//!     let listener = Listener::new(TcpListener::bind("0.0.0.0:8080").await?, acceptor);
//!     loop {
//!         let mut incoming = listener.accept().await?; // returns at once: nothing has been read
//!         tokio::spawn(async move {
//!             match incoming.handshake().await {
//!                 Ok(established) => {
//!                     println!("{} through {}", established.source(), incoming.peer());
//!                     let _stream = incoming.into_stream(); // a plain TcpStream; the next byte is payload
//!                 }
//!                 Err(error) => eprintln!("{}: {error}", incoming.peer()),
//!             }
//!         });
//!     }
//! }
//! ```
//!
//! On sockets the header is peeked at and then read exactly: if all of it has arrived, that is two system calls. On any
//! other stream, [`handshake_stream`] never reads more than what is still header.
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
//!
//! # TLS and framing
//!
//! They come after the header: run the handshake on the stream, then hand the stream to them.
//!
//! ```
//! use realpeer::tokio::handshake_stream;
//! use realpeer::{AcceptError, Acceptor, Endpoint, Established};
//! use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};
//!
//! async fn lines<S: AsyncRead + Unpin>(
//!     acceptor: &Acceptor,
//!     mut stream: S,
//!     peer: Endpoint,
//! ) -> Result<(Established, Lines<BufReader<S>>), AcceptError> {
//!     let established = handshake_stream(acceptor, &mut stream, peer).await?;
//!     // Or TlsAcceptor::accept(stream), or Framed::new(stream, LinesCodec::new()).
//!     Ok((established, BufReader::new(stream).lines()))
//! }
//! ```

// One by one, or pages would not name the features.
#[doc(inline)]
pub use realpeer_tokio::{
    Prefixed, Tokio, connect, handshake_buf_read, handshake_stream, send_header, send_header_with_payload,
};

#[cfg(unix)]
#[doc(inline)]
pub use realpeer_tokio::{
    EstablishedListener, Incoming, Listener, ReadyListener, Socket, connect_unix, handshake, recv_from,
    send_to,
};

#[doc(no_inline)]
pub use realpeer_io::{Accepts, SendAccepts};
