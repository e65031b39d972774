//! Calls over the C boundary in any order, with scripts from a simple generator: the fuzz target `ffi` in small.

use realpeer_ffi::fuzzing::boundary;

/// Numbers that look random (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as u8
    }
}

#[test]
fn calls_in_any_order_keep_to_the_contract() {
    let mut numbers = Numbers(0x5EED);
    let streams: [&[u8]; 8] = [
        b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello",
        b"PROXY UNKNOWN\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0payload",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x17\xc0\0\x02\x01\xc6\x33\x64\x02\x30\x39\0\x35\x20\0\x08\x01\0\0\0\0\x21\0\0query",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0eaaaabbbbccdd\x05\0",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0caaaabbbbccddpayload",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccdd",
        b"GET / HTTP/1.1\r\n\r\n",
    ];
    for round in 0..30_000 {
        let len = numbers.next() % 64;
        let script: Vec<u8> = (0..len).map(|_| numbers.next()).collect();
        boundary(&[&[0, len][..], &script, streams[round % streams.len()]].concat());
    }
}
