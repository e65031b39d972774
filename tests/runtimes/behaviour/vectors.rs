//! Every vector and every captured header over real sockets, in odd fragments (R6, R25, R57).

use std::collections::HashMap;
use std::io::Read;
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use realpeer::proto::{Error, MAX_HEADER_LEN, parse};
use realpeer::{AcceptError, Acceptor, Endpoint, Established, Finished};
use realpeer_tests::vectors::{Expect, Vector};

use crate::client::{acceptor, connect, listener, send_in_pieces};
use crate::runtime::{IncomingOf, Runtime, Sockets, TcpStreamOf, read_to_end};

/// What comes right behind every header.
pub const PAYLOAD: &[u8] = b"PROXY TCP4 payload\r\n\r\n\0\r\nQUIT\n";

/// The rows, and which of them which peer sends.
pub struct Rows {
    rows: Vec<Vector>,
    senders: Mutex<HashMap<Endpoint, usize>>,
}

pub fn every_row_in_odd_fragments<R: Runtime>() {
    each_row::<R, _>(|rows, _, mut incoming, _| async move {
        let outcome = R::Tcp::shake(&mut incoming).await;
        let peer = R::Tcp::peer(&incoming);
        rows.check::<R>(Finished::new(R::Tcp::into_stream(incoming), peer, outcome)).await;
    });
}

pub fn every_row_in_odd_fragments_with_a_ready_listener<R: Runtime>() {
    let acceptor = every_header();
    let rows = Rows::new();
    R::run(async {
        let (socket, addr) = listener();
        let clients = rows.send(addr);
        let mut ready = R::Tcp::ready(socket, acceptor.clone(), 1000);
        let mut tasks = Vec::new();
        for _ in 0..rows.len() {
            let accepted = R::Tcp::accept_ready(&mut ready).await.unwrap();
            let rows = rows.clone();
            tasks.push(R::spawn(async move { rows.check::<R>(accepted).await }));
        }
        for task in tasks {
            task.await;
        }
        join(clients);
    });
    rows.check_counts(&acceptor);
}

/// Sends each row over a connection of its own, and has `serve` run the handshake on each; it is given its number, too.
pub fn each_row<R: Runtime, F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(Arc<Rows>, Acceptor, IncomingOf<R>, usize) -> F,
) {
    let acceptor = every_header();
    let rows = Rows::new();
    R::run(async {
        let (socket, addr) = listener();
        let clients = rows.send(addr);
        let listener = R::Tcp::listener(socket, acceptor.clone());
        let mut tasks = Vec::new();
        for n in 0..rows.len() {
            let incoming = R::Tcp::accept(&listener).await.unwrap();
            tasks.push(R::spawn(serve(rows.clone(), acceptor.clone(), incoming, n)));
        }
        for task in tasks {
            task.await;
        }
        join(clients);
    });
    rows.check_counts(&acceptor);
}

/// Accepts headers of every length.
pub fn every_header() -> Acceptor {
    acceptor().with_max_header_len(MAX_HEADER_LEN)
}

/// Panics unless that is what the row demands, and the error the one that the bytes in one piece give.
pub fn check_outcome(row: &Vector, outcome: &Result<Established, AcceptError>) {
    let bytes = row.bytes();
    match (row.expect, outcome) {
        (Expect::Accept, Ok(established)) => row.assert_header(&established.header().unwrap()),
        (Expect::Reject, Err(AcceptError::Protocol { error, .. })) => {
            assert_eq!(parse(&bytes, every_header().config()), Err(*error), "{}", row.id);
        }
        (Expect::Incomplete, Err(AcceptError::Closed)) => assert!(bytes.is_empty(), "{}", row.id),
        (Expect::Incomplete, Err(AcceptError::Protocol { error: Error::Truncated { received }, .. })) => {
            assert_eq!(*received as usize, bytes.len(), "{}", row.id);
        }
        (_, outcome) => panic!("{}: {outcome:?}, {}", row.id, row.why),
    }
}

/// All vectors and captures.
pub fn all_rows() -> Vec<Vector> {
    Vector::all().into_iter().chain(Vector::captures()).collect()
}

/// The row's bytes, and where these are a header, payload that looks like one.
pub fn with_payload(row: &Vector) -> Vec<u8> {
    let payload = if row.expect == Expect::Accept { PAYLOAD } else { b"" };
    [&row.bytes(), payload].concat()
}

fn join(clients: Vec<JoinHandle<()>>) {
    for client in clients {
        client.join().unwrap();
    }
}

impl Rows {
    fn new() -> Arc<Self> {
        Arc::new(Self { rows: all_rows(), senders: Mutex::default() })
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    /// Sends each row over a connection of its own, sixteen at a time.
    fn send(self: &Arc<Self>, addr: SocketAddr) -> Vec<JoinHandle<()>> {
        let next = Arc::new(AtomicUsize::new(0));
        let sender = || {
            let (rows, next) = (self.clone(), next.clone());
            thread::spawn(move || {
                while let Some(row) = rows.rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    rows.send_row(row, addr);
                }
            })
        };
        (0..16).map(|_| sender()).collect()
    }

    fn send_row(&self, row: &Vector, addr: SocketAddr) {
        let index = self.rows.iter().position(|other| other.id == row.id).unwrap();
        let bytes = with_payload(row);
        let mut stream = connect(addr);
        self.senders.lock().unwrap().insert(stream.local_addr().unwrap().into(), index);
        // The server may close the connection as soon as it knows that this is no header.
        let _ = send_in_pieces(&mut stream, &bytes, index as u64);
        let _ = stream.shutdown(Shutdown::Write);
        // The port may be somebody else's only once the server is done with this connection.
        let _ = stream.read(&mut [0]);
    }

    /// Panics unless the outcome is the one its row demands, with all bytes after the header still there.
    pub async fn check<R: Runtime>(&self, mut accepted: Finished<TcpStreamOf<R>>) {
        let rest = match accepted.result {
            Ok(_) => read_to_end::<R::Tcp>(&mut accepted.stream).await,
            Err(_) => Vec::new(),
        };
        self.check_rest(&accepted.peer, &accepted.result, &rest);
    }

    /// Checks the outcome and the bytes that have been read after the header.
    pub fn check_rest(&self, peer: &Endpoint, outcome: &Result<Established, AcceptError>, rest: &[u8]) {
        let index = self.senders.lock().unwrap().remove(peer).expect("an unknown peer");
        let row = &self.rows[index];
        check_outcome(row, outcome);
        if let Some(len) = row.header_len.filter(|_| outcome.is_ok()) {
            assert_eq!(rest, [&row.bytes()[len..], PAYLOAD].concat(), "{}", row.id);
        }
    }

    /// Panics unless each row has been counted as what it is.
    fn check_counts(&self, acceptor: &Acceptor) {
        let counts = acceptor.counts();
        let accepted = self.rows.iter().filter(|row| row.expect == Expect::Accept).count() as u64;
        let empty = self.rows.iter().filter(|row| row.bytes().is_empty()).count() as u64;
        assert_eq!(counts.v1 + counts.v2 + counts.local + counts.unspec, accepted);
        assert_eq!(counts.closed, empty);
        assert_eq!(counts.protocol, self.rows.len() as u64 - accepted - empty);
        let found = [counts.v1, counts.v2, counts.local, counts.unspec, counts.protocol];
        assert!(!found.contains(&0), "{counts:?}");
    }
}
