use std::io::{self, Read};

use realpeer_cli::capture::{self, Flow, Summary};
use realpeer_cli::forms::{self, Form, base64, hex};

/// Whatever a file holds, its readers end, and say the same of the same bytes.
pub fn readers(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match forms::detect(data) {
        Form::Hex => {
            if let Ok(dump) = hex::parse(&text) {
                // A dump has two digits for each byte.
                assert!(
                    2 * dump.runs.concat().len()
                        <= data.len() + data.len() % 2 + 2 * text.matches("0x").count()
                );
            }
        }
        Form::Base64 => assert!(base64::decode(&text).is_ok()),
        Form::Capture => assert!(forms::is_capture(data)),
        Form::Raw => {}
    }
    let _ = (hex::parse(&text), base64::decode(&text));
    written_bytes_are_read(data);

    let whole = read(data);
    assert_eq!(whole, read(Drip(data)), "in pieces");
    for flow in &whole.0 {
        assert!(flow.seen >= flow.bytes.len() as u64 && flow.bytes.len() <= data.len(), "{flow:?}");
    }
    // As packets, each with its length before it.
    let mut packets = Vec::new();
    let mut rest = data;
    while let Some((&len, more)) = rest.split_first() {
        let (packet, more) = more.split_at(usize::from(len).min(more.len()));
        packets.push(packet);
        rest = more;
    }
    capture::read_packets(packets, |flow| assert!(flow.bytes.len() <= data.len()));
}

/// What is written as digits or as a table is read as it was.
fn written_bytes_are_read(data: &[u8]) {
    let data = &data[..data.len().min(100)];
    if data.is_empty() {
        return;
    }
    let digits = |bytes: &[u8], before: &str| {
        bytes.iter().fold(String::new(), |text, byte| format!("{text}{before}{byte:02x}"))
    };
    let xxd = data.chunks(16).enumerate().fold(String::new(), |text, (row, bytes)| {
        let column: String =
            bytes.iter().map(|&byte| if byte.is_ascii_graphic() { byte.into() } else { '.' }).collect();
        text + &format!("{:08x}: {:48}  {column}\n", 16 * row, digits(bytes, " "))
    });
    for text in [xxd, digits(data, ""), digits(data, ", 0x"), digits(data, "\\x")] {
        let dump = hex::parse(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
        assert_eq!(dump.runs.concat(), data, "{text}");
    }
}

fn read(reader: impl Read + Send) -> (Vec<Flow>, Option<Summary>) {
    let mut flows = Vec::new();
    let summary = capture::read(reader, |flow| flows.push(flow)).ok();
    (flows, summary)
}

/// Gives few bytes at a time.
struct Drip<'a>(&'a [u8]);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(1 + self.0.len() % 5);
        self.0.read(&mut buffer[..len])
    }
}
