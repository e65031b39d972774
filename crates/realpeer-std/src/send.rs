//! Sending headers on streams.

use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;

use realpeer_io::header_and_payload;
use realpeer_io::proto::Encoder;

/// Sends a header, in one write, and flushes the stream.
///
/// A header speaks for everything that follows on its connection. Send it once, before anything else, and never on a
/// connection that carries several clients, such as one of a pool: there the carried protocol has to name them, as
/// HTTP does with `Forwarded`.
///
/// # Errors
///
/// `InvalidInput` if the header can't be encoded, and those of the stream.
///
/// ```
/// use realpeer::proto::{Encoder, Version};
///
/// let mut sent = Vec::new();
/// let encoder = Encoder::proxy(Version::V1, "192.0.2.1:56324".parse()?, "198.51.100.2:443".parse()?);
/// realpeer::blocking::send_header(&mut sent, encoder)?;
/// assert_eq!(sent, b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn send_header<'a>(stream: &mut (impl Write + ?Sized), header: impl Into<Encoder<'a>>) -> io::Result<()> {
    send_header_with_payload(stream, header, &[])
}

/// Sends a header with `payload` after it, in one write, and flushes the stream. On which connections, see
/// [`send_header`].
///
/// # Errors
///
/// `InvalidInput` if the header can't be encoded, and those of the stream.
///
/// ```
/// use realpeer::proto::Encoder;
///
/// let mut sent = Vec::new();
/// realpeer::blocking::send_header_with_payload(&mut sent, Encoder::local(), b"PING")?;
/// assert!(sent.ends_with(b"PING"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn send_header_with_payload<'a>(
    stream: &mut (impl Write + ?Sized),
    header: impl Into<Encoder<'a>>,
    payload: &[u8],
) -> io::Result<()> {
    let bytes = header_and_payload(header, payload)?;
    stream.write_all(&bytes)?;
    stream.flush()
}

/// Connects to a receiver of headers and sends it `header` with `payload` after it, in one write. If the header can't be
/// encoded, no connection is made.
///
/// Open a new connection for each client: all that follows the header belongs to that client. Don't wait for the
/// client's first bytes, since in many protocols the server speaks first; `payload` is for bytes that are there
/// already.
///
/// # Errors
///
/// `InvalidInput` if the header can't be encoded, and those of connecting and writing.
///
/// ```
/// use std::io::Read;
/// use realpeer::proto::Encoder;
///
/// let server = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let stream = realpeer::blocking::connect(server.local_addr()?, Encoder::local(), b"PING")?;
/// drop(stream);
///
/// let mut received = Vec::new();
/// server.accept()?.0.read_to_end(&mut received)?;
/// assert!(received.ends_with(b"PING"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn connect<'a>(
    addr: impl ToSocketAddrs,
    header: impl Into<Encoder<'a>>,
    payload: &[u8],
) -> io::Result<TcpStream> {
    connect_with(|| TcpStream::connect(addr), header, payload)
}

/// Connects to a UNIX socket at `path`, otherwise as [`connect`].
///
/// # Errors
///
/// `InvalidInput` if the header can't be encoded, and those of connecting and writing.
pub fn connect_unix<'a>(
    path: impl AsRef<Path>,
    header: impl Into<Encoder<'a>>,
    payload: &[u8],
) -> io::Result<UnixStream> {
    connect_with(|| UnixStream::connect(path), header, payload)
}

fn connect_with<'a, S: Write>(
    connect: impl FnOnce() -> io::Result<S>,
    header: impl Into<Encoder<'a>>,
    payload: &[u8],
) -> io::Result<S> {
    let bytes = header_and_payload(header, payload)?;
    let mut stream = connect()?;
    stream.write_all(&bytes)?;
    Ok(stream)
}
