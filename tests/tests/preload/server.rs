//! Builds the library and a small server in C, and starts the server with the library in it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub const PATIENCE: Duration = Duration::from_secs(30);

/// The library.
pub static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/realpeer-preload/build.sh");
    let built = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
    assert!(built.status.success(), "the library can't be built");
    PathBuf::from(String::from_utf8(built.stdout).unwrap().trim())
});

/// The server in C.
pub static SERVER: LazyLock<PathBuf> = LazyLock::new(|| compile("server"));

/// Builds a program in C, by the command in `PRELOAD_CC`: with `musl-gcc` it is a program with musl in it.
pub fn compile(name: &str) -> PathBuf {
    compile_with(name, &[])
}

/// Builds a program in C, with more options for the compiler.
pub fn compile_with(name: &str, options: &[&str]) -> PathBuf {
    // Once each: several tests may want a program, and one that runs, or is being copied, can't be written.
    static BUILT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("preload-{name}{}", options.concat()));
    let mut before = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if before.contains(&program) {
        return program;
    }
    let source = format!("{}/tests/preload/{name}.c", env!("CARGO_MANIFEST_DIR"));
    let compiler = std::env::var("PRELOAD_CC").unwrap_or_else(|_| "cc".into());
    let mut words = compiler.split_whitespace();
    let built = Command::new(words.next().unwrap())
        .args(words)
        .args(["-O1", "-g", "-Wall", "-Wextra", "-pthread"])
        .args(options)
        .arg("-o")
        .arg(&program)
        .arg(source)
        .status();
    assert!(built.unwrap().success(), "{name} can't be built");
    before.insert(program.clone());
    program
}

/// The program `realpeer`.
pub static REALPEER: LazyLock<PathBuf> = LazyLock::new(|| {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "realpeer-cli", "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.unwrap().success(), "the program can't be built");
    target.join("debug/realpeer")
});

/// Copies a program with `cp`. If this process had the copy open for writing, a child that another test starts at that
/// moment would inherit it, and until the child has executed its own program the copy couldn't be.
pub fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
}

/// A running server. It is killed when dropped.
pub struct Server {
    pub child: Child,
    /// Where it listens on TCP, by the order of its arguments.
    pub addresses: Vec<SocketAddr>,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Server {
    /// Starts the server with these arguments; `how` may add to the command.
    pub fn start(arguments: &[&str], how: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(&*SERVER);
        command.args(arguments);
        how(&mut command);
        Self::spawn(command)
    }

    /// Starts it with the library, by hand: there is nobody to wait for headers in pieces.
    pub fn hooked(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start(arguments, |command| {
            command.env("LD_PRELOAD", &*LIBRARY).env("REALPEER_TRUST", "127.0.0.0/8,::1,unix");
            command.envs(variables.iter().copied());
        })
    }

    /// Starts it by `realpeer run` with these options.
    pub fn run(options: &[&str], arguments: &[&str]) -> Self {
        Self::spawn(realpeer_run(options, &SERVER, arguments))
    }

    pub fn spawn(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, stderr) = channel();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        thread::spawn(move || lines.try_for_each(|line| sender.send(line)));
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut addresses = Vec::new();
        loop {
            let mut line = String::new();
            if stdout.read_line(&mut line).unwrap() == 0 {
                let said: Vec<String> = stderr.iter().collect();
                panic!("the server ended at its start: {said:?} {:?}", child.wait());
            }
            match line.trim_end() {
                "ready" => break,
                line => addresses.extend(
                    line.rsplit_once(' ')
                        .and_then(|(_, name)| name.split('/').next()?.parse::<SocketAddr>().ok()),
                ),
            }
        }
        let (sender, errors) = channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, addresses, stdout: errors, stderr }
    }

    /// Connects to the first address, or to that of IPv4 or IPv6 loopback where it listens on all.
    pub fn connect(&self) -> Client<TcpStream> {
        self.connect_to(0)
    }

    pub fn connect_to(&self, index: usize) -> Client<TcpStream> {
        let mut address = self.addresses[index];
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]));
        }
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Client::new(stream)
    }

    /// The next line on its stderr.
    pub fn line(&self) -> String {
        self.stderr.recv_timeout(PATIENCE).unwrap()
    }

    /// The errors it has had from its system calls.
    pub fn stdout_lines(&self) -> Vec<String> {
        self.stdout.try_iter().collect()
    }

    /// What it has said on stderr and nobody has asked for.
    pub fn unread_lines(&self) -> Vec<String> {
        self.stderr.try_iter().collect()
    }

    pub fn open_fds(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }
}

/// Returns `realpeer run` with these options. Headers have a minute if they don't say otherwise: the machine may be busy.
pub fn realpeer_run(options: &[&str], program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(&*REALPEER);
    command.arg("run").arg("--library").arg(&*LIBRARY).args(options);
    if !options.contains(&"--timeout") {
        command.args(["--timeout", "60s"]);
    }
    command.arg("--").arg(program).args(arguments);
    command
}

/// A port that is free now. The server binds it, since `REALPEER_LISTEN` has to name it. Ports that other programs
/// are given when they connect are avoided.
pub fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let offset = NEXT.fetch_add(1, Ordering::Relaxed) + std::process::id() as u16 % 100 * 50;
        let port = 20_000 + offset % 10_000;
        let free = |ip: IpAddr| std::net::TcpListener::bind((ip, port)).is_ok();
        if free([0, 0, 0, 0].into()) && free([0u16; 8].into()) {
            return port;
        }
    }
}

impl Server {
    /// The process id of its lot.
    pub fn lot(&self) -> Lot {
        lot_of(self.child.id())
    }
}

/// What stands after `name`, such as `REALPEER_LOT=`, in the environment of a process.
pub fn variable_of(pid: u32, name: &str) -> String {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    let mut entries = environment.split(|&byte| byte == 0).map(|entry| String::from_utf8_lossy(entry));
    entries.find_map(|entry| entry.strip_prefix(name).map(str::to_owned)).unwrap()
}

/// The lot of a process.
pub fn lot_of(pid: u32) -> Lot {
    let name = variable_of(pid, "REALPEER_LOT=");
    let end = format!("@realpeer-lot/{name}");
    // A visit that is open has the name too, as the first one, which says hello. Only the lot's own socket stays.
    let mut inode = None;
    eventually("the lot has no visitor", || {
        let sockets = std::fs::read_to_string("/proc/net/unix").unwrap();
        let mut lines = sockets.lines().filter(|line| line.ends_with(&end));
        inode = lines.next().and_then(|line| line.split_whitespace().nth(6)).map(str::to_owned);
        inode.is_some() && lines.next().is_none()
    });
    let socket = format!("socket:[{}]", inode.unwrap());
    let has = |pid: &u32| {
        let Ok(fds) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        fds.flatten().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|link| link == Path::new(&socket)))
    };
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    let pid = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(has).unwrap();
    Lot { pid, name }
}

/// A lot.
pub struct Lot {
    pub pid: u32,
    pub name: String,
}

impl Lot {
    pub fn open_fds(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid)).unwrap().count()
    }

    pub fn is_there(&self) -> bool {
        std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).is_ok_and(|stat| !stat.contains(") Z "))
    }
}

/// Returns whether strace is installed, and prints how to get it if it isn't.
pub fn strace_is_here() -> bool {
    let here = Command::new("strace").arg("-V").output().is_ok();
    if !here {
        println!("no strace here; ./ci.sh preload installs it");
    }
    here
}

/// Asks again and again until it holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            println!("on stderr: {:?}", self.unread_lines());
        }
    }
}

/// A connection to the server.
pub struct Client<S> {
    pub stream: S,
}

/// What the server says of a client.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub accept: String,
    pub getpeername: String,
    pub getsockname: String,
    pub rest: String,
}

pub trait Stream: Read + Write {
    fn with_patience(&self);
    fn end(&self);
    /// Ends it, if the server has not.
    fn end_quietly(&self);
}

impl Stream for TcpStream {
    fn with_patience(&self) {
        self.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    fn end(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }

    fn end_quietly(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Stream for UnixStream {
    fn with_patience(&self) {
        self.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    fn end(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }

    fn end_quietly(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl<S: Stream> Client<S> {
    pub fn new(stream: S) -> Self {
        stream.with_patience();
        Self { stream }
    }

    pub fn send(&mut self, bytes: &[u8]) -> &mut Self {
        self.stream.write_all(bytes).unwrap();
        self
    }

    /// Reads what the server says of this connection, or None if it has been closed.
    pub fn seen(&mut self) -> Option<Seen> {
        let mut line = Vec::new();
        loop {
            let mut byte = [0];
            match self.stream.read(&mut byte) {
                Ok(1) if byte == *b"\n" => break,
                Ok(1) => line.push(byte[0]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => panic!("{error}"),
                _ => {
                    assert!(line.is_empty());
                    return None;
                }
            }
        }
        let line = String::from_utf8(line).unwrap();
        let mut parts = line.splitn(4, ' ').map(str::to_owned);
        let mut next = || parts.next().unwrap();
        Some(Seen { accept: next(), getpeername: next(), getsockname: next(), rest: next() })
    }

    /// Sends bytes and reads them back; they must be all that comes until the end.
    pub fn echo(mut self, before: &[u8], bytes: &[u8]) {
        self.send(bytes);
        self.stream.end();
        let mut echo = Vec::new();
        self.stream.read_to_end(&mut echo).unwrap();
        assert_eq!(String::from_utf8_lossy(&echo), String::from_utf8_lossy(&[before, bytes].concat()));
    }
}
