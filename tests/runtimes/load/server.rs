//! The server under load, in a process of its own: a runtime with one of its accept loops. What the client sent behind
//! its header is answered with the source, the length and a digest.

use std::future::Future;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio, exit};
use std::time::Duration;
use std::{env, fs, thread};

use async_io::Async;
use futures_lite::future::block_on;
use realpeer::{Acceptor, Trust};

use crate::client::listener;
use crate::harness::raise_descriptor_limit;
use crate::runtime::{Buffering, Runtime, Sockets, TcpStreamOf};

/// In the environment of a process that is to be a server: the runtime, the loop, the deadline in milliseconds.
const ASKED: &str = "REALPEER_LOAD_SERVER";

/// Whom the servers trust. Clients come from other loopback networks too.
const TRUSTED: &str = "127.0.0.0/16";

/// More than any of the tests has pending.
const MAX_PENDING: usize = 16_000;

/// The runtimes by their names.
pub const RUNTIMES: [&str; 6] = ["std", "tokio, 1 thread", "tokio", "smol", "async-std", "futures-io"];

/// How the server accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loop {
    /// The runtime's own listener and no header: what there is to be compared with.
    Bare,
    /// `Listener::accept`, then `Incoming::handshake` in a task.
    Listener,
    /// `Listener::accept`, then `handshake_buf_read` in a task, through the buffer that the connection is read by.
    Buffered,
    /// `ReadyListener::accept`.
    Ready,
}

/// What a runtime has besides: an accept loop without realpeer, and tasks that nobody waits for.
trait Bare: Runtime<Tcp: Buffering> {
    type Listener;
    fn listen(listener: TcpListener) -> Self::Listener;
    async fn accept(listener: &Self::Listener) -> io::Result<TcpStreamOf<Self>>;
    fn detach(task: impl Future<Output = ()> + Send + 'static);
}

/// A running server. It ends when this is dropped.
pub struct Server {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    pub addr: SocketAddr,
}

/// How many connections ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub served: u64,
    pub refused: u64,
    pub closed: u64,
    pub protocol: u64,
    pub timed_out: u64,
    pub io: u64,
}

impl Loop {
    pub const ALL: [Self; 4] = [Self::Bare, Self::Listener, Self::Buffered, Self::Ready];
    pub const OURS: [Self; 3] = [Self::Listener, Self::Buffered, Self::Ready];

    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Listener => "Listener",
            Self::Buffered => "buffered",
            Self::Ready => "ReadyListener",
        }
    }

    /// Whether a connection that waits takes a thread there.
    pub fn takes_threads(self, runtime: &str) -> bool {
        self != Self::Ready && matches!(runtime, "std" | "futures-io")
    }
}

impl Server {
    /// Starts one, from within the test of this name, which calls [`serve_if_asked`] first.
    pub fn start(test: &str, runtime: &str, accepting: Loop, timeout: Duration) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(ASKED, format!("{runtime};{};{}", accepting.name(), timeout.as_millis()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        // What comes first is said by the harness of the tests.
        let addr = loop {
            let mut line = String::new();
            assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "{runtime}: the server does not start");
            if let Some((_, addr)) = line.split_once("listening on ") {
                break addr.trim().parse().unwrap();
            }
        };
        Self { child, stdin, stdout, addr }
    }

    pub fn tally(&mut self) -> Tally {
        self.stdin.write_all(b"?\n").unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        Tally::read(&line)
    }

    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Its memory, `VmRSS`, in KiB.
    pub fn memory(&self) -> i64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Tally {
    fn of(acceptor: &Acceptor) -> Self {
        let counts = acceptor.counts();
        Self {
            served: counts.v1 + counts.v2 + counts.local + counts.unspec,
            refused: counts.refused,
            closed: counts.closed,
            protocol: counts.protocol,
            timed_out: counts.timeout,
            io: counts.io,
        }
    }

    fn write(&self) -> String {
        let Self { served, refused, closed, protocol, timed_out, io } = self;
        format!("{served} {refused} {closed} {protocol} {timed_out} {io}")
    }

    fn read(line: &str) -> Self {
        let numbers: Vec<u64> = line.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let [served, refused, closed, protocol, timed_out, io] = numbers[..] else { panic!("{line:?}") };
        Self { served, refused, closed, protocol, timed_out, io }
    }
}

/// In the process of a server this serves and does not return.
pub fn serve_if_asked() {
    let Ok(asked) = env::var(ASKED) else { return };
    let [runtime, accepting, timeout] = asked.split(';').collect::<Vec<_>>()[..] else { panic!("{asked}") };
    let accepting = Loop::ALL.into_iter().find(|known| known.name() == accepting).unwrap();
    let timeout = Duration::from_millis(timeout.parse().unwrap());
    let serve = match runtime {
        "std" => serve::<crate::std_blocking::StdBlocking>,
        "tokio, 1 thread" => serve::<crate::tokio::CurrentThread>,
        "tokio" => serve::<crate::tokio::MultiThread>,
        "smol" => serve::<crate::smol::Smol>,
        "async-std" => serve::<crate::async_std::AsyncStd>,
        "futures-io" => serve::<crate::futures_io::FuturesIo>,
        _ => panic!("{runtime}"),
    };
    serve(accepting, timeout);
}

fn serve<R: Bare>(accepting: Loop, timeout: Duration) {
    raise_descriptor_limit();
    let (socket, addr) = listener();
    let acceptor = Acceptor::new(TRUSTED.parse::<Trust>().unwrap()).with_timeout(timeout);
    println!("\nlistening on {addr}");
    let counted = acceptor.clone();
    thread::spawn(move || {
        for line in io::stdin().lines() {
            line.unwrap();
            println!("{}", Tally::of(&counted).write());
        }
        exit(0);
    });
    R::run(async {
        match accepting {
            Loop::Bare => {
                let listener = R::listen(socket);
                loop {
                    let stream = R::accept(&listener).await.unwrap();
                    R::detach(answer::<R::Tcp>(R::Tcp::buffered(stream, 1), "-".to_owned()));
                }
            }
            Loop::Listener => {
                let listener = R::Tcp::listener(socket, acceptor);
                loop {
                    let mut incoming = R::Tcp::accept(&listener).await.unwrap();
                    R::detach(async {
                        if let Ok(established) = R::Tcp::shake(&mut incoming).await {
                            let source = established.source().to_string();
                            let stream = R::Tcp::buffered(R::Tcp::into_stream(incoming), 1);
                            answer::<R::Tcp>(stream, source).await;
                        }
                    });
                }
            }
            Loop::Buffered => {
                let listener = R::Tcp::listener(socket, acceptor.clone());
                loop {
                    let incoming = R::Tcp::accept(&listener).await.unwrap();
                    let acceptor = acceptor.clone();
                    R::detach(async move {
                        let peer = R::Tcp::peer(&incoming);
                        let mut stream = R::Tcp::buffered(R::Tcp::into_stream(incoming), 4096);
                        if let Ok(established) =
                            R::Tcp::handshake_buffered(&acceptor, &mut stream, peer).await
                        {
                            answer::<R::Tcp>(stream, established.source().to_string()).await;
                        }
                    });
                }
            }
            Loop::Ready => {
                let mut ready = R::Tcp::ready(socket, acceptor, MAX_PENDING);
                loop {
                    let accepted = R::Tcp::accept_ready(&mut ready).await.unwrap();
                    if let Ok(established) = accepted.result {
                        let stream = R::Tcp::buffered(accepted.stream, 1);
                        R::detach(answer::<R::Tcp>(stream, established.source().to_string()));
                    }
                }
            }
        }
    });
}

/// Reads through the connection's buffer, but past one of a single byte.
async fn answer<S: Buffering>(mut stream: S::Buffered, source: String) {
    let mut payload = Digest::default();
    let mut buffer = vec![0; 4096];
    loop {
        match S::read_buffered(&mut stream, &mut buffer).await {
            Ok(0) => break,
            Ok(n) => payload.add(&buffer[..n]),
            Err(_) => return,
        }
    }
    // A client that is gone has lost its answer, and says so.
    let _ = S::write_all(&mut S::unbuffered(stream), payload.answer(&source).as_bytes()).await;
}

/// The length of some bytes and their hash, FNV-1a.
pub struct Digest {
    len: usize,
    hash: u64,
}

impl Default for Digest {
    fn default() -> Self {
        Self { len: 0, hash: 0xCBF2_9CE4_8422_2325 }
    }
}

impl Digest {
    pub fn add(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        for &byte in bytes {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    /// What a server answers that got these bytes from `source`.
    pub fn answer(&self, source: &str) -> String {
        format!("{source} {} {:016x}\n", self.len, self.hash)
    }
}

macro_rules! bare {
    ($runtime:ty, $listener:ty, listen: $listen:expr, detach: $detach:expr) => {
        impl Bare for $runtime {
            type Listener = $listener;

            fn listen(listener: TcpListener) -> $listener {
                listener.set_nonblocking(true).unwrap();
                $listen(listener)
            }

            async fn accept(listener: &$listener) -> io::Result<TcpStreamOf<Self>> {
                let (stream, _) = listener.accept().await?;
                Ok(stream)
            }

            fn detach(task: impl Future<Output = ()> + Send + 'static) {
                $detach(task);
            }
        }
    };
}

bare!(crate::tokio::CurrentThread, ::tokio::net::TcpListener,
    listen: |listener| ::tokio::net::TcpListener::from_std(listener).unwrap(),
    detach: ::tokio::spawn);
bare!(crate::tokio::MultiThread, ::tokio::net::TcpListener,
    listen: |listener| ::tokio::net::TcpListener::from_std(listener).unwrap(),
    detach: ::tokio::spawn);
bare!(crate::smol::Smol, ::smol::net::TcpListener,
    listen: |listener| ::smol::net::TcpListener::try_from(listener).unwrap(),
    detach: |task| ::smol::spawn(task).detach());
bare!(crate::async_std::AsyncStd, ::async_std::net::TcpListener,
    listen: ::async_std::net::TcpListener::from,
    detach: ::async_std::task::spawn);
bare!(crate::futures_io::FuturesIo, Async<TcpListener>,
    listen: |listener| Async::new(listener).unwrap(),
    detach: |task| in_a_thread(|| block_on(task)));

impl Bare for crate::std_blocking::StdBlocking {
    type Listener = TcpListener;

    fn listen(listener: TcpListener) -> TcpListener {
        listener
    }

    async fn accept(listener: &TcpListener) -> io::Result<TcpStreamOf<Self>> {
        listener.accept().map(|(stream, _)| stream)
    }

    fn detach(task: impl Future<Output = ()> + Send + 'static) {
        in_a_thread(|| Self::run(task));
    }
}

fn in_a_thread(task: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(128 * 1024).spawn(task).unwrap();
}
