//! The trust list of C and `realpeer_io::Trust` take the same texts, and believe the same peers.

#![allow(clippy::unwrap_used, reason = "this is test code")]

use std::ffi::CString;
use std::mem::{MaybeUninit, size_of};
use std::net::SocketAddr;

use realpeer_ffi::{
    Network, Status, Trust, Verdict, realpeer_trust_add, realpeer_trust_init, realpeer_trust_verdict,
};
use realpeer_io::Policy;

const ADDRESSES: [&str; 17] = [
    "10.0.0.0",
    "10.1.2.3",
    "192.0.2.1",
    "0.0.0.0",
    "255.255.255.255",
    "::",
    "::1",
    "2001:db8::",
    "2001:db8::7",
    "::ffff:10.0.0.0",
    "::ffff:10.1.2.3",
    "::ffff:0.0.0.0",
    "::fffe:0:0",
    "fe80::1",
    "010.0.0.0",
    "10.0.0",
    "1::2::3",
];
const LENGTHS: [&str; 16] = [
    "", "/0", "/1", "/7", "/8", "/16", "/31", "/32", "/33", "/64", "/96", "/104", "/128", "/129", "/08", "/",
];
const BETWEEN: [&str; 4] = [",", ", ", " ,", ",,"];
const WORDS: [&str; 5] = ["unix", "anyone", "nobody", "Unix", ""];

#[test]
fn c_and_rust_read_the_same_lists_and_believe_the_same_peers() {
    let singles = ADDRESSES
        .iter()
        .flat_map(|address| LENGTHS.iter().map(move |len| format!("{address}{len}")))
        .chain(WORDS.map(str::to_owned));
    let singles: Vec<String> = singles.collect();
    let mut valid = 0;
    for text in &singles {
        valid += usize::from(same(text));
        // With others, in all ways of putting something between them.
        for other in singles.iter().step_by(13) {
            for between in BETWEEN {
                valid += usize::from(same(&format!(" {text}{between}{other} ")));
            }
        }
    }
    assert!(valid > 1000, "{valid} valid lists");
}

/// Whether the text is a list, as both must say.
fn same(text: &str) -> bool {
    let rust: Result<realpeer_io::Trust, _> = text.parse();
    let mut trust = MaybeUninit::<Trust>::uninit();
    let mut networks = [const { MaybeUninit::<Network>::uninit() }; 4];
    let c_text = CString::new(text).unwrap();
    // SAFETY: the pointers are to what their lengths say.
    let status = unsafe {
        realpeer_trust_init(
            trust.as_mut_ptr(),
            size_of::<Trust>(),
            networks.as_mut_ptr().cast(),
            networks.len(),
        );
        realpeer_trust_add(trust.as_mut_ptr(), c_text.as_ptr(), std::ptr::null_mut(), 0)
    };
    assert_eq!(status == Status::Done, rust.is_ok(), "{text:?}: {status:?}, {rust:?}");
    let Ok(rust) = rust else { return false };
    for peer in ADDRESSES.iter().filter_map(|address| address.parse().ok()) {
        let peer = SocketAddr::new(peer, 4711);
        let expected = rust.verdict(&peer.into()) == realpeer_io::Verdict::Require;
        assert_eq!(verdict(&trust, peer) == Verdict::Require, expected, "{text:?}: {peer}");
    }
    true
}

fn verdict(trust: &MaybeUninit<Trust>, peer: SocketAddr) -> Verdict {
    // SAFETY: all zeros are valid, and the list was made before.
    unsafe {
        match peer {
            SocketAddr::V4(peer) => {
                let mut raw: libc::sockaddr_in = std::mem::zeroed();
                raw.sin_family = libc::AF_INET as libc::sa_family_t;
                raw.sin_addr.s_addr = u32::from_ne_bytes(peer.ip().octets());
                realpeer_trust_verdict(
                    trust.as_ptr(),
                    (&raw const raw).cast(),
                    size_of_val(&raw) as libc::socklen_t,
                )
            }
            SocketAddr::V6(peer) => {
                let mut raw: libc::sockaddr_in6 = std::mem::zeroed();
                raw.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                raw.sin6_addr.s6_addr = peer.ip().octets();
                realpeer_trust_verdict(
                    trust.as_ptr(),
                    (&raw const raw).cast(),
                    size_of_val(&raw) as libc::socklen_t,
                )
            }
        }
    }
}
