//! Lines for the operator, on stderr, at most one a second.

use core::fmt::{self, Write};
use core::net::IpAddr;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::addr::Peer;
use crate::sys;

static LAST: AtomicU64 = AtomicU64::new(u64::MAX);
static LEFT_OUT: AtomicU32 = AtomicU32::new(0);
/// Device and inode of stderr at the start. Daemons close it, and its number may then be that of another file. Nothing
/// is written until these are set.
static STDERR: [AtomicU64; 2] = [AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX)];

/// A line under construction. What doesn't fit is left out.
pub(crate) struct Line {
    bytes: [u8; 320],
    len: usize,
}

/// Allows lines to be written from now on.
pub(crate) fn begin() {
    let [device, inode] = sys::identity(2).unwrap_or([u64::MAX; 2]);
    let [first, second] = &STDERR;
    first.store(device, Ordering::Relaxed);
    second.store(inode, Ordering::Relaxed);
}

/// Writes a line. After the first in a second, lines are only counted.
pub(crate) fn log(put_together: impl FnOnce(&mut Line)) {
    let [device, inode] = &STDERR;
    let stderr = [device.load(Ordering::Relaxed), inode.load(Ordering::Relaxed)];
    if sys::identity(2) != Some(stderr) {
        return;
    }
    let now = sys::seconds();
    if LAST.swap(now, Ordering::Relaxed) == now {
        LEFT_OUT.fetch_add(1, Ordering::Relaxed);
        return;
    }
    let mut line = Line::new();
    put_together(&mut line);
    match LEFT_OUT.swap(0, Ordering::Relaxed) {
        0 => {}
        count => {
            line.text(b" (and ").number(count, 10).text(b" more before)");
        }
    }
    line.print();
}

impl Line {
    pub(crate) fn new() -> Self {
        let mut line = Self { bytes: [0; 320], len: 0 };
        line.text(b"realpeer: ");
        line
    }

    pub(crate) fn text(&mut self, text: &[u8]) -> &mut Self {
        let room = self.bytes.len().saturating_sub(1);
        for &byte in text {
            if let Some(to) = self.bytes.get_mut(..room).and_then(|bytes| bytes.get_mut(self.len)) {
                *to = byte;
                self.len += 1;
            }
        }
        self
    }

    /// Adds text from outside, with everything replaced that isn't printable ASCII.
    pub(crate) fn quoted(&mut self, text: &[u8]) -> &mut Self {
        for &byte in text {
            self.text(&[if matches!(byte, b' '..=b'~') { byte } else { b'?' }]);
        }
        self
    }

    fn number(&mut self, number: u32, base: u32) -> &mut Self {
        if number >= base {
            self.number(number / base, base);
        }
        let digit = char::from_digit(number % base, base).unwrap_or('?');
        self.text(&[digit as u8])
    }

    pub(crate) fn display(&mut self, value: &impl fmt::Display) -> &mut Self {
        let _ = write!(self, "{value}");
        self
    }

    pub(crate) fn peer(&mut self, peer: Peer<'_>) -> &mut Self {
        let address = match peer {
            Peer::Unix(&[]) => return self.text(b"a UNIX peer"),
            Peer::Unix(name) => return self.quoted(name),
            Peer::Inet(address) => address,
        };
        // The formatting of addresses in `core` has panic paths.
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => {
                for (index, octet) in ip.octets().into_iter().enumerate() {
                    self.text(if index == 0 { b"" } else { b"." }).number(octet.into(), 10);
                }
            }
            IpAddr::V6(ip) => {
                for (index, group) in ip.segments().into_iter().enumerate() {
                    self.text(if index == 0 { b"[" } else { b":" }).number(group.into(), 16);
                }
                self.text(b"]");
            }
        }
        self.text(b":").number(address.port().into(), 10)
    }

    pub(crate) fn print(&self) {
        let mut bytes = self.bytes;
        if let Some(end) = bytes.get_mut(self.len) {
            *end = b'\n';
        }
        sys::write(2, bytes.get(..=self.len).unwrap_or_default());
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text.as_bytes());
        Ok(())
    }
}
