//! A stream that gives just what it was told to, piece by piece.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use crate::client::pieces;

/// What comes next of a [`Script`].
#[derive(Debug)]
enum Piece {
    Bytes(VecDeque<u8>),
    /// Nothing now; the task is woken at once.
    Later,
    /// Nothing ever.
    Never,
    Error(io::ErrorKind),
}

/// A stream of pieces, its end after the last one, that keeps what is written to it.
#[derive(Debug, Default)]
pub struct Script {
    pieces: VecDeque<Piece>,
    /// What was written, call by call.
    pub writes: Vec<Vec<u8>>,
}

impl Script {
    /// The bytes in odd fragments with pauses, one by one, and whole. Of no bytes there is the end alone.
    pub fn each_way(bytes: &[u8], seed: u64) -> [Self; 3] {
        if bytes.is_empty() {
            return Default::default();
        }
        [Self::in_pieces(bytes, seed), Self::short_reads(bytes), Self::default().bytes(bytes)]
    }

    /// The bytes in pieces of odd lengths, with pauses between them.
    pub fn in_pieces(bytes: &[u8], seed: u64) -> Self {
        pieces(bytes, seed).fold(Self::default(), |script, piece| script.later().bytes(piece))
    }

    /// The bytes one by one, without a pause: reads that give less than was asked for.
    pub fn short_reads(bytes: &[u8]) -> Self {
        bytes.chunks(1).fold(Self::default(), Self::bytes)
    }

    pub fn bytes(self, bytes: &[u8]) -> Self {
        self.with(Piece::Bytes(bytes.iter().copied().collect()))
    }

    pub fn later(self) -> Self {
        self.with(Piece::Later)
    }

    pub fn never(self) -> Self {
        self.with(Piece::Never)
    }

    pub fn error(self, kind: io::ErrorKind) -> Self {
        self.with(Piece::Error(kind))
    }

    /// The bytes that have not been read.
    pub fn unread(&self) -> Vec<u8> {
        let bytes = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Bytes(bytes) => Some(bytes),
            _ => None,
        });
        bytes.flatten().copied().collect()
    }

    /// A read: at most what is left of the piece.
    pub fn poll_script(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.pieces.pop_front() {
            None => Poll::Ready(Ok(0)),
            Some(Piece::Bytes(mut bytes)) => {
                let n = bytes.len().min(buffer.len());
                for (slot, byte) in buffer.iter_mut().zip(bytes.drain(..n)) {
                    *slot = byte;
                }
                if !bytes.is_empty() {
                    self.pieces.push_front(Piece::Bytes(bytes));
                }
                Poll::Ready(Ok(n))
            }
            Some(Piece::Later) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Piece::Never) => {
                self.pieces.push_front(Piece::Never);
                Poll::Pending
            }
            Some(Piece::Error(kind)) => Poll::Ready(Err(kind.into())),
        }
    }

    /// A write, which takes all there is.
    pub fn keep(&mut self, bytes: &[u8]) -> usize {
        self.writes.push(bytes.to_vec());
        bytes.len()
    }

    fn with(mut self, piece: Piece) -> Self {
        self.pieces.push_back(piece);
        self
    }
}
