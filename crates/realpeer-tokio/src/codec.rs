//! The header as an item of tokio-util's framed streams.

use std::io;
use std::task::Poll;

use realpeer_io::{AcceptError, Accepting, Acceptor, Endpoint, Established, header_and_payload, proto};
use tokio::time::Instant;
use tokio_util::bytes::{Buf, BytesMut};
use tokio_util::codec;

/// Takes the header off the front of a framed stream: one item, [`Established`], and nothing after it.
///
/// Then give what follows to the decoder of your protocol, with
/// [`FramedRead::map_decoder`](codec::FramedRead::map_decoder) or [`Framed::map_codec`](codec::Framed::map_codec): what
/// has been buffered goes with it. To ask for a second item, and to get bytes, is an error of kind `InvalidInput`.
///
/// A decoder is called only when bytes come, so it can't notice a silent peer. Wait for the header until
/// [`deadline`](Self::deadline) and no longer. On sockets, [`handshake`](crate::handshake) does that for you.
///
/// ```
/// use futures_util::StreamExt;
/// use realpeer_io::{Acceptor, Trust};
/// use realpeer_tokio::HeaderDecoder;
/// use tokio::time::timeout_at;
/// use tokio_util::codec::{FramedRead, LinesCodec};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let stream = &b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello\nworld\n"[..];
/// let proxy: std::net::SocketAddr = "127.0.0.1:4711".parse()?;
///
/// let acceptor = Acceptor::new("127.0.0.1".parse::<Trust>()?);
/// let mut framed = FramedRead::new(stream, HeaderDecoder::new(&acceptor, proxy));
/// let deadline = framed.decoder().deadline();
/// let established = timeout_at(deadline, framed.next()).await?.ok_or("no connection")??;
/// assert_eq!(established.source().to_string(), "192.0.2.1:56324");
///
/// let mut lines = framed.map_decoder(|_| LinesCodec::new());
/// assert_eq!(lines.next().await.ok_or("no line")??, "hello");
/// assert_eq!(lines.next().await.ok_or("no line")??, "world");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct HeaderDecoder {
    /// None once the item has been given.
    accepting: Option<Accepting<Instant>>,
    deadline: Instant,
}

/// Puts a header at the front of a framed stream.
///
/// Feed it the header, then give the sink to the encoder of your protocol: header and first item go out in one write.
///
/// ```
/// use futures_util::SinkExt;
/// use realpeer_io::proto::Encoder;
/// use realpeer_tokio::HeaderEncoder;
/// use tokio_util::codec::{FramedWrite, LinesCodec};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut framed = FramedWrite::new(Vec::new(), HeaderEncoder);
/// framed.feed(Encoder::local()).await?;
/// let mut lines = framed.map_encoder(|_| LinesCodec::new());
/// lines.send("hello").await?;
/// assert_eq!(lines.get_ref().len(), 16 + "hello\n".len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct HeaderEncoder;

impl HeaderDecoder {
    /// Begins with a connection from `peer`: asks the acceptor's policy, and starts the clock.
    pub fn new(acceptor: &Acceptor, peer: impl Into<Endpoint>) -> Self {
        let now = Instant::now();
        Self { accepting: Some(acceptor.begin(peer, now)), deadline: now + acceptor.config().timeout() }
    }

    /// Until when to wait for the header.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    fn poll(&mut self, src: &mut BytesMut, at_end: bool) -> Result<Option<Established>, AcceptError> {
        let Some(accepting) = &mut self.accepting else {
            return if src.is_empty() { Ok(None) } else { Err(second_item().into()) };
        };
        accepting.handle_timeout(Instant::now());
        let polled = accepting.poll_with(|slot| {
            let n = slot.len().min(src.len());
            if n == 0 && !at_end {
                return Poll::Pending;
            }
            src.copy_to_slice(slot.get_mut(..n).unwrap_or_default());
            Poll::Ready(Ok(n))
        });
        let Poll::Ready(outcome) = polled else { return Ok(None) };
        self.accepting = None;
        outcome.map(Some)
    }
}

impl codec::Decoder for HeaderDecoder {
    type Item = Established;
    type Error = AcceptError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Established>, AcceptError> {
        self.poll(src, false)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Established>, AcceptError> {
        self.poll(src, true)
    }
}

impl<'a> codec::Encoder<proto::Encoder<'a>> for HeaderEncoder {
    type Error = io::Error;

    fn encode(&mut self, header: proto::Encoder<'a>, dst: &mut BytesMut) -> io::Result<()> {
        dst.extend_from_slice(&header_and_payload(&header, &[])?);
        Ok(())
    }
}

fn second_item() -> io::Error {
    let message =
        "the header has been taken: give what follows to another decoder, with map_decoder or map_codec";
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use realpeer_io::{Trust, Verdict};
    use tokio_util::codec::Decoder;

    use super::*;

    const HEADER: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";

    fn decoder(acceptor: &Acceptor) -> HeaderDecoder {
        HeaderDecoder::new(acceptor, SocketAddr::from(([127, 0, 0, 1], 4711)))
    }

    fn trusting() -> Acceptor {
        Acceptor::new(Trust::anyone())
    }

    #[test]
    fn takes_the_header_and_no_more_however_it_comes() {
        let stream = [HEADER, b"hello"].concat();
        for step in 1..=stream.len() {
            let (mut decoder, mut src) = (decoder(&trusting()), BytesMut::new());
            let mut pieces = stream.chunks(step);
            let established = loop {
                src.extend_from_slice(pieces.next().unwrap());
                if let Some(established) = decoder.decode(&mut src).unwrap() {
                    break established;
                }
                assert!(src.is_empty(), "nothing is left behind, or the buffer would grow");
            };
            assert_eq!(established.source().to_string(), "192.0.2.1:56324");
            src.extend(pieces.flatten());
            assert_eq!(&src[..], b"hello");
        }
    }

    #[test]
    fn gives_one_item() {
        let (mut decoder, mut src) = (decoder(&trusting()), BytesMut::from(HEADER));
        assert!(decoder.decode(&mut src).unwrap().is_some());
        assert!(decoder.decode(&mut src).unwrap().is_none());
        assert!(decoder.decode_eof(&mut src).unwrap().is_none());
        src.extend_from_slice(b"hello");
        let error = io::Error::from(decoder.decode(&mut src).unwrap_err());
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(&src[..], b"hello");
    }

    #[test]
    fn tells_how_the_header_is_missing() {
        let acceptor = trusting();
        let at_end =
            |bytes: &[u8]| decoder(&acceptor).decode_eof(&mut BytesMut::from(bytes)).unwrap_err().kind();
        assert_eq!(at_end(b""), "closed");
        assert_eq!(at_end(&HEADER[..20]), "protocol");
        assert_eq!(at_end(b"GET / HTTP/1.1\r\n"), "protocol");

        let late = trusting().with_timeout(Duration::ZERO);
        let error = decoder(&late).decode(&mut BytesMut::from(&HEADER[..20])).unwrap_err();
        assert_eq!(error.kind(), "timeout");
    }

    #[test]
    fn asks_the_policy() {
        let mut src = BytesMut::from(HEADER);
        let error = decoder(&Acceptor::new(Trust::unix())).decode(&mut src).unwrap_err();
        assert_eq!(error.kind(), "refused");

        let bypassing = Acceptor::new(Trust::unix().otherwise(Verdict::Bypass));
        let established = decoder(&bypassing).decode(&mut src).unwrap().unwrap();
        assert_eq!(established.source().to_string(), "127.0.0.1:4711");
        assert_eq!(&src[..], HEADER, "of such a peer nothing is taken");
    }
}
