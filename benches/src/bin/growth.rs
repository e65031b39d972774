//! How cost grows: with the header, with its TLVs, with the handshakes pending. `growth [--svg DIRECTORY]`.

use std::hint::black_box;
use std::io::{self, BufRead, BufReader, Write};
use std::mem::{size_of, size_of_val};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use realpeer_benches::accept::ours::acceptor;
use realpeer_benches::chart::{Series, lines};
use realpeer_benches::counting::{Counting, in_use};
use realpeer_benches::micro::inputs;
use realpeer_io::{Accepting, HeaderStorage};
use realpeer_proto::{Config, Decoder, Event, Handshake, MAX_HEADER_LEN, Parsed, parse};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PENDING: [usize; 5] = [1, 10, 100, 1000, 10_000];

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("hold") => return hold(&arguments[1]),
        Some("pend") => return pend(&arguments[1], arguments[2].parse().map_err(io::Error::other)?),
        _ => {}
    }
    let directory = arguments.iter().position(|flag| flag == "--svg").and_then(|at| arguments.get(at + 1));
    let draw = |name: &str, title: &str, x: &str, y: &str, series: &[Series]| {
        if let Some(directory) = directory {
            lines(&format!("{directory}/{name}.svg"), title, x, y, series);
        }
    };
    let sizes = sizes();
    draw("growth-size", "Time against the header's length", "bytes", "ns", &sizes);
    let tlvs = tlvs();
    draw("growth-tlvs", "Time against the number of TLVs", "TLVs", "ns", &tlvs);
    let wakes = pending()?;
    draw(
        "growth-pending",
        "One good connection among silent ones",
        "silent handshakes pending",
        "us",
        &wakes,
    );
    Ok(())
}

/// The median over rounds, in nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn median(mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    run();
    let once = start.elapsed().max(Duration::from_nanos(20));
    let times = (200_000 / once.as_nanos()).max(1);
    let mut samples = Vec::new();
    for _ in 0..51 {
        let start = Instant::now();
        (0..times).for_each(|_| run());
        samples.push(start.elapsed().as_nanos() as f64 / times as f64);
    }
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn parse_whole(header: &[u8], config: &Config) {
    let parsed = parse(black_box(header), config).unwrap();
    assert!(matches!(parsed, Parsed::Complete { len, .. } if len == header.len()));
    black_box(&parsed);
}

fn push_whole(header: &[u8], config: &Config, storage: &mut [u8]) {
    let mut decoder = Decoder::with_storage(config, storage);
    assert_eq!(decoder.push(black_box(header)), header.len());
    assert!(matches!(decoder.next_event(), Ok(Event::Header(_))));
}

/// A TCP4 header of just `len` bytes, with one TLV of an unknown type or a CRC32C and one.
fn of_len(len: usize, sealed: bool) -> Vec<u8> {
    if len < 31 {
        return if len == 16 {
            b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec()
        } else {
            inputs::v2_tcp4().to_vec()
        };
    }
    let room = len - 28;
    if !sealed {
        return inputs::v2(0x11, inputs::inet(), &inputs::tlv(0xE0, &vec![7; room - 3]));
    }
    let tlvs = [inputs::tlv(0x03, &[0; 4]), inputs::tlv(0xE0, &vec![7; room - 10])].concat();
    let mut header = inputs::v2(0x11, inputs::inet(), &tlvs);
    let sum = crc32c::crc32c(&header).to_be_bytes();
    header[31..35].copy_from_slice(&sum);
    header
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn sizes() -> Vec<Series> {
    let config = Config::new().with_max_header_len(MAX_HEADER_LEN);
    let mut storage = vec![0; MAX_HEADER_LEN];
    let mut series =
        ["parse", "parse, CRC32C checked", "Decoder, whole"].map(|name| (name.to_owned(), vec![]));
    println!("| bytes | parse | parse, CRC32C checked | Decoder, whole |\n|--:|--:|--:|--:|");
    for len in [16, 28, 64, 256, 536, 1024, 4096, 16384, MAX_HEADER_LEN] {
        let (header, sealed) = (of_len(len, false), of_len(len, len >= 38));
        assert_eq!((header.len(), sealed.len()), (len, len));
        let times = [
            median(|| parse_whole(&header, &config)),
            median(|| parse_whole(&sealed, &config)),
            median(|| push_whole(&header, &config, &mut storage)),
        ];
        print!("| {len} |");
        for ((_, points), nanos) in series.iter_mut().zip(times) {
            print!(" {nanos:.1} ns |");
            points.push((len as f64, nanos));
        }
        println!();
    }
    series.into()
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn tlvs() -> Vec<Series> {
    let config = Config::new().with_max_header_len(MAX_HEADER_LEN);
    let mut series = ["parse", "parse and walk"].map(|name| (name.to_owned(), vec![]));
    println!("\n| TLVs | bytes | parse | parse and walk | parse, each TLV |\n|--:|--:|--:|--:|--:|");
    for count in [1, 3, 10, 100, 1000, 10_000, 21_841] {
        let header = inputs::v2(0x11, inputs::inet(), &inputs::tlv(0xE0, b"").repeat(count));
        let parsed = median(|| parse_whole(&header, &config));
        let walked = median(|| {
            let Ok(Parsed::Complete { header, .. }) = parse(black_box(&header), &config) else { panic!() };
            let mut walked = 0;
            for tlv in header.tlvs() {
                black_box(tlv.kind());
                walked += 1;
            }
            assert_eq!(walked, count);
        });
        println!(
            "| {count} | {} | {parsed:.1} ns | {walked:.1} ns | {:.2} ns |",
            header.len(),
            parsed / count as f64
        );
        series[0].1.push((count as f64, parsed));
        series[1].1.push((count as f64, walked));
    }
    series.into()
}

/// For each runtime and each number pending, a process that has them.
fn pending() -> io::Result<Vec<Series>> {
    println!(
        "\n| the machine itself | bytes |\n|---|--:|\n\
         | `Handshake<std::time::Instant>`, 536 bytes of storage within | {} |\n\
         | `Decoder`, 536 bytes of storage within | {} |\n\
         | `Handshake<Instant, HeaderStorage>`, as the adapters keep it | {} |\n\
         | `Accepting<Instant>`, with peer, policy and outcome | {} |\n",
        size_of::<Handshake<Instant, [u8; 536]>>(),
        size_of::<Decoder<[u8; 536]>>(),
        size_of::<Handshake<Instant, HeaderStorage>>(),
        size_of::<Accepting<Instant>>(),
    );
    println!("| the future of `Incoming::handshake` | bytes |\n|---|--:|");
    for (runtime, bytes) in futures()? {
        println!("| {runtime} | {bytes} |");
    }
    println!();
    println!(
        "| ready listener | pending | one good connection, median | heap for each pending |\n|---|--:|--:|--:|"
    );
    let mut series: Vec<Series> = Vec::new();
    for runtime in ["tokio", "smol", "async-std", "std"] {
        let mut points = Vec::new();
        for count in PENDING {
            let output = Command::new(std::env::current_exe()?)
                .args(["pend", runtime, &count.to_string()])
                .env("ASYNC_STD_THREAD_COUNT", "1")
                .stderr(Stdio::inherit())
                .output()?;
            let text = String::from_utf8_lossy(&output.stdout);
            let figures: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
            let &[micros, bytes] = figures.as_slice() else {
                return Err(io::Error::other(format!("{runtime}, {count} pending: {text}")));
            };
            // Of a few, most is the listener's own.
            let bytes = if count < 1000 { "-".into() } else { format!("{bytes:.0} B") };
            println!("| {runtime} | {count} | {micros:.1} us | {bytes} |");
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            points.push((count as f64, micros));
        }
        series.push((runtime.to_owned(), points));
    }
    Ok(series)
}

/// How large the future is that a task of the caller's own runs.
fn futures() -> io::Result<[(&'static str, usize); 3]> {
    let socket = TcpListener::bind("127.0.0.1:0")?;
    let addr = socket.local_addr()?;
    let connect = || -> io::Result<TcpStream> {
        TcpStream::connect(addr)?;
        let stream = socket.accept()?.0;
        stream.set_nonblocking(true)?;
        Ok(stream)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let acceptor = acceptor();
    let mut tokio =
        realpeer_tokio::Incoming::new(tokio::net::TcpStream::from_std(connect()?)?, addr, &acceptor);
    let mut smol = realpeer_smol::Incoming::new(smol::net::TcpStream::try_from(connect()?)?, addr, &acceptor);
    let mut async_std =
        realpeer_async_std::Incoming::new(async_std::net::TcpStream::from(connect()?), addr, &acceptor);
    let sizes = [
        ("tokio", size_of_val(&tokio.handshake())),
        ("smol", size_of_val(&smol.handshake())),
        ("async-std", size_of_val(&async_std.handshake())),
    ];
    drop((tokio, entered));
    Ok(sizes)
}

/// Opens as many silent connections as each line of the standard input says, and answers when they are there. Holds
/// them until the input ends.
fn hold(addr: &str) -> io::Result<()> {
    let addr: SocketAddr = addr.parse().map_err(io::Error::other)?;
    let mut silent = Vec::new();
    for line in io::stdin().lines() {
        for _ in 0..line?.parse().map_err(io::Error::other)? {
            silent.push(TcpStream::connect(addr)?);
        }
        println!("{}", silent.len());
    }
    Ok(())
}

/// A process that holds silent connections; two processes, because each end is a file descriptor.
struct Held {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Held {
    fn start(addr: SocketAddr) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["hold", &addr.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let answers = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        Ok(Self { child, answers })
    }

    /// No more at a time than a backlog takes.
    fn open(&mut self, count: usize) -> io::Result<()> {
        let input = self.child.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(input, "{count}")?;
        self.answers.read_line(&mut String::new()).map(drop)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// One listener under measurement: `good` accepts until a good connection comes, then says how many are pending.
/// Prints the median microseconds from connect to accepted, and the heap for each pending handshake.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn measure(addr: SocketAddr, count: usize, mut good: impl FnMut() -> usize) -> io::Result<()> {
    let connect = || {
        let mut stream = TcpStream::connect(addr)?;
        stream.write_all(inputs::v2_tcp4())?;
        io::Result::Ok(stream)
    };
    // Once to warm up: the listener's own memory is not the handshakes'.
    drop(connect()?);
    good();
    let before = in_use();
    let mut held = Held::start(addr)?;
    let mut open = 0;
    while open < count {
        let more = (count - open).min(100);
        held.open(more)?;
        open += more;
        let patience = Instant::now() + Duration::from_secs(10);
        loop {
            let stream = connect()?;
            let pending = good();
            drop(stream);
            if pending >= open {
                break;
            }
            if Instant::now() > patience {
                return Err(io::Error::other(format!("only {pending} of {open} are pending")));
            }
        }
    }
    let each = (in_use() as f64 - before as f64) / count as f64;
    let mut samples = Vec::new();
    for _ in 0..1001 {
        let start = Instant::now();
        let stream = connect()?;
        good();
        samples.push(start.elapsed().as_secs_f64() * 1e6);
        drop(stream);
    }
    samples.sort_by(f64::total_cmp);
    println!("{} {each}", samples[samples.len() / 2]);
    drop(held);
    Ok(())
}

/// Has `count` handshakes pending on a runtime, and measures.
fn pend(runtime: &str, count: usize) -> io::Result<()> {
    let socket = TcpListener::bind("127.0.0.1:0")?;
    let addr = socket.local_addr()?;
    let acceptor = acceptor().with_timeout(Duration::from_secs(600));
    let max = count + 100;
    match runtime {
        "std" => {
            let mut listener = realpeer_std::ReadyListener::new(socket, acceptor, max)?;
            measure(addr, count, || {
                while listener.accept().unwrap().result.is_err() {}
                listener.pending()
            })
        }
        "tokio" => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let entered = runtime.enter();
            socket.set_nonblocking(true)?;
            let socket = tokio::net::TcpListener::from_std(socket)?;
            drop(entered);
            let mut listener = realpeer_tokio::Listener::new(socket, acceptor).into_ready(max);
            measure(addr, count, || {
                runtime.block_on(async { while listener.accept().await.unwrap().result.is_err() {} });
                listener.pending()
            })
        }
        "smol" => {
            let socket = smol::net::TcpListener::try_from(socket)?;
            let mut listener = realpeer_smol::Listener::new(socket, acceptor).into_ready(max);
            measure(addr, count, || {
                smol::block_on(async { while listener.accept().await.unwrap().result.is_err() {} });
                listener.pending()
            })
        }
        _ => {
            let mut listener =
                realpeer_async_std::Listener::new(async_io::Async::new(socket)?, acceptor).into_ready(max);
            measure(addr, count, || {
                async_std::task::block_on(async {
                    while listener.accept().await.unwrap().result.is_err() {}
                });
                listener.pending()
            })
        }
    }
}
