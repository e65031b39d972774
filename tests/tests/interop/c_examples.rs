//! The examples in C, behind a real HAProxy and with peers that misbehave. `./ci.sh ffi` builds them, and says in
//! `REALPEER_C_EXAMPLES` where they are and in `REALPEER_C_UNDER` what to run them under.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, thread};

use realpeer_tests::harness::{
    Client, HaProxy, Process, connect_from, eventually, python_client, until_closed,
};
use rustix::process::Signal;

/// Makes a test of each case for each example.
macro_rules! on_each_example {
    ($($case:ident),+ $(,)?) => {$(
        mod $case {
            #[test]
            fn epoll() {
                super::$case("my_accept");
            }

            #[test]
            fn blocking() {
                super::$case("my_accept_blocking");
            }
        }
    )+};
}

on_each_example!(
    clients_through_v1_are_who_they_are,
    clients_through_v2_are_who_they_are,
    clients_of_the_python_script_get_their_line_back,
    health_checks_leave_no_line,
    a_header_in_single_bytes_is_read,
    a_header_in_the_payload_is_payload,
    silent_peers_delay_nobody_and_are_closed_in_time,
    strangers_are_refused_before_they_say_anything,
    garbage_is_refused_and_named,
    without_descriptors_it_waits_and_goes_on,
    idle_it_uses_no_processor,
);

fn clients_through_v1_are_who_they_are(example: &str) {
    through_haproxy(example, "127.0.0.1", "send-proxy");
}

fn clients_through_v2_are_who_they_are(example: &str) {
    through_haproxy(example, "::1", "send-proxy-v2 proxy-v2-options crc32c");
}

fn through_haproxy(example: &str, host: &str, options: &str) {
    let server = Server::start(example, "127.0.0.0/8");
    let haproxy = HaProxy::start_before(&server.address, host, options);
    let clients: Vec<Client> = (0..10).map(|_| Client::connect(haproxy.address())).collect();
    for client in clients.iter().rev() {
        client.echo();
    }
    for client in clients {
        let whose = format!("{} -> {} through ", client.address(), haproxy.address());
        let line = server.process.stdout.find(&whose, |line| line.starts_with(&whose));
        let port = client.port();
        drop(client);
        let own_address = haproxy.served(Some(port)).own_address.unwrap();
        assert_eq!(line, whose + &own_address);
    }
    haproxy.stop();
    server.stop();
}

fn clients_of_the_python_script_get_their_line_back(example: &str) {
    let server = Server::start(example, "127.0.0.1");
    let haproxy = HaProxy::start_before(&server.address, "127.0.0.1", "send-proxy-v2");
    let client = python_client(haproxy.address(), "good day, who am I?", &[]);
    assert_eq!(client.echo, "good day, who am I?");
    let line = server.process.stdout.get(0, "the line of the connection");
    assert!(
        line.starts_with(&format!("{} -> {} through 127.0.0.1:", client.address, haproxy.address())),
        "{line}"
    );
    haproxy.stop();
    server.stop();
}

fn health_checks_leave_no_line(example: &str) {
    let server = Server::start(example, "127.0.0.1");
    for _ in 0..3 {
        drop(server.connect());
    }
    // LOCAL, as HAProxy sends it: the connection's own endpoints.
    let mut check = server.connect();
    check.write_all(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").unwrap();
    let line = server.process.stdout.get(0, "the line of the check");
    let own = check.local_addr().unwrap();
    assert_eq!(line, format!("{own} -> {} through {own}", server.address));
    drop(check);
    assert_eq!(server.stop(), Vec::<String>::new());
}

fn a_header_in_single_bytes_is_read(example: &str) {
    let server = Server::start(example, "127.0.0.1");
    let mut stream = server.connect();
    for byte in b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello" {
        stream.write_all(&[*byte]).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    let mut echo = [0; 5];
    stream.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"hello");
    let line = server.process.stdout.get(0, "the line of the connection");
    let own = stream.local_addr().unwrap();
    assert_eq!(line, format!("192.0.2.1:56324 -> 198.51.100.2:443 through {own}"));
    drop(stream);
    server.stop();
}

fn a_header_in_the_payload_is_payload(example: &str) {
    let server = Server::start(example, "127.0.0.1");
    let mut stream = server.connect();
    let header = b"PROXY TCP4 192.0.2.66 198.51.100.2 1 2\r\n";
    stream.write_all(&[&header[..], header].concat()).unwrap();
    let mut echo = [0; 40];
    stream.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, header);
    drop(stream);
    server.stop();
}

fn silent_peers_delay_nobody_and_are_closed_in_time(example: &str) {
    let server = Server::start(example, "127.0.0.1");
    let began = Instant::now();
    let silent: Vec<TcpStream> = (0..20).map(|_| server.connect()).collect();
    let dripping = server.connect();
    { &dripping }.write_all(b"PROXY TCP4 192").unwrap();
    let mut stream = server.connect();
    stream.write_all(b"PROXY UNKNOWN\r\nhello").unwrap();
    stream.read_exact(&mut [0; 5]).unwrap();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    for stream in silent.iter().chain([&dripping]) {
        assert_eq!(until_closed(stream), b"");
    }
    let elapsed = began.elapsed();
    assert!(elapsed >= Duration::from_millis(4900) && elapsed < Duration::from_secs(12), "{elapsed:?}");
    drop(stream);
    assert_eq!(server.stop().len(), 21);
}

fn strangers_are_refused_before_they_say_anything(example: &str) {
    let server = Server::start(example, "127.0.0.2, 10.0.0.0/8");
    let stream = server.connect();
    assert_eq!(until_closed(&stream), b"");
    let said = server.stop();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("127.0.0.1 is not a trusted proxy"), "{said:?}");
}

fn garbage_is_refused_and_named(example: &str) {
    let server = Server::start(example, "127.0.0.1");
    let mut stream = server.connect();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(until_closed(&stream), b"");
    let said = server.stop();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("no PROXY header"), "{said:?}");
}

fn without_descriptors_it_waits_and_goes_on(example: &str) {
    // The sanitizers and valgrind want some for themselves.
    let server = Server::start_under(&["prlimit", "--nofile=60:60"], example, "127.0.0.1");
    let held: Vec<TcpStream> = (0..80).map(|_| server.connect()).collect();
    thread::sleep(Duration::from_millis(200));
    let before = server.process.cpu_ticks();
    thread::sleep(Duration::from_millis(500));
    assert!(server.process.cpu_ticks() - before < 25, "it spins while it has no descriptors");
    drop(held);
    let mut stream = server.connect();
    stream.write_all(b"PROXY UNKNOWN\r\nhello").unwrap();
    stream.read_exact(&mut [0; 5]).unwrap();
    drop(stream);
    server.stop();
}

fn idle_it_uses_no_processor(example: &str) {
    let server = Server::start(example, "127.0.0.1");
    let mut half = server.connect();
    half.write_all(b"PROXY TCP4 ").unwrap();
    thread::sleep(Duration::from_millis(200));
    let before = server.process.cpu_ticks();
    thread::sleep(Duration::from_secs(1));
    let used = server.process.cpu_ticks() - before;
    assert!(used < 20, "{used} ticks of 10 ms in a second of waiting");
    drop(half);
    server.stop();
}

struct Server {
    process: Process,
    address: String,
    /// The descriptors that it has without connections.
    descriptors: usize,
}

impl Server {
    fn start(example: &str, trust: &str) -> Self {
        Self::start_under(&[], example, trust)
    }

    fn start_under(wrapper: &[&str], example: &str, trust: &str) -> Self {
        let directory = env::var("REALPEER_C_EXAMPLES").expect("`./ci.sh ffi` sets REALPEER_C_EXAMPLES");
        let under = env::var("REALPEER_C_UNDER").unwrap_or_default();
        let path = format!("{directory}/{example}");
        let mut words = wrapper.iter().copied().chain(under.split_whitespace()).chain([path.as_str()]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(["127.0.0.1", "0", trust]);
        let process = Process::start(example, &mut command, "`./ci.sh ffi` builds it");
        let ready =
            process.stderr.find("the line `listening on ADDR`", |line| line.starts_with("listening on "));
        let address = ready.trim_start_matches("listening on ").to_owned();
        let descriptors = process.open_fds();
        Self { process, address, descriptors }
    }

    /// A connection as a proxy makes it.
    fn connect(&self) -> TcpStream {
        connect_from([127, 0, 0, 1].into(), self.address.parse().unwrap())
    }

    /// Ends it: it must go with exit code 0, which it does not under valgrind or a sanitizer if there was a fault. Gives
    /// what it said on stderr.
    fn stop(mut self) -> Vec<String> {
        // Threads that are about to end are given the time to.
        eventually("its connections end", || (self.process.open_fds() <= self.descriptors).then_some(()));
        let status = self.process.end_with(Signal::TERM);
        let said = self.process.stderr.to_end();
        assert!(status.success(), "{status}: {said:?}");
        said.into_iter().skip(1).collect()
    }
}
