//! The bound on pending handshakes: never exceeded, and nothing but a pending handshake counts (R12, R13).

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use realpeer::{Acceptor, Verdict, policy_fn};

use crate::client::{V1, acceptor, connect, connect_and_send, connect_from, endpoint, host, listener};
use crate::harness::raise_descriptor_limit;
use crate::runtime::{Runtime, Sockets};

/// Ten silent peers and a good one after them, four handshakes at a time.
pub fn max_pending_is_never_exceeded<R: Runtime>() {
    const MAX: usize = 4;
    let in_hand = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let acceptor = {
        let (in_hand, most) = (in_hand.clone(), most.clone());
        Acceptor::new(policy_fn(move |_| {
            most.fetch_max(in_hand.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            Verdict::Require
        }))
        .with_timeout(Duration::from_millis(300))
    };
    R::run(async {
        let (socket, addr) = listener();
        let mut ready = R::Tcp::ready(socket, acceptor, MAX);
        let silent: Vec<_> = (0..10).map(|_| connect(addr)).collect();
        let good = connect_and_send(addr, V1);
        let mut timed_out = Vec::new();
        let last = loop {
            let accepted = R::Tcp::accept_ready(&mut ready).await.unwrap();
            in_hand.fetch_sub(1, Ordering::SeqCst);
            assert!(R::Tcp::pending(&ready) <= MAX);
            match accepted.result {
                Ok(_) => break accepted.peer,
                Err(error) => assert_eq!(error.kind(), "timeout"),
            }
            timed_out.push(accepted.peer);
        };
        assert_eq!(last, endpoint(&good));
        assert_eq!(most.load(Ordering::SeqCst), MAX);
        // It is the eleventh, so seven had to make room for it.
        assert!((7..=10).contains(&timed_out.len()), "{}", timed_out.len());
        while timed_out.len() < 10 {
            let accepted = R::Tcp::accept_ready(&mut ready).await.unwrap();
            assert_eq!(accepted.result.unwrap_err().kind(), "timeout");
            timed_out.push(accepted.peer);
        }
        for silent in &silent {
            assert_eq!(timed_out.iter().filter(|peer| **peer == endpoint(silent)).count(), 1);
        }
        assert_eq!(R::Tcp::pending(&ready), 0);
    });
}

/// A silent peer holds one of two slots; strangers come and go, and a good peer gets through.
pub fn r12_refused_peers_take_no_slot<R: Runtime>() {
    let policy = policy_fn(|peer| if host(peer) == Some(1) { Verdict::Require } else { Verdict::Refuse });
    R::run(async {
        for max_pending in [1, 2] {
            let (socket, addr) = listener();
            let acceptor = Acceptor::new(policy).with_config(*acceptor().config());
            let mut ready = R::Tcp::ready(socket, acceptor, max_pending);
            let _silent = (max_pending == 2).then(|| connect(addr));
            let strangers: Vec<_> = (0..20).map(|_| connect_from(2, addr)).collect();
            let good = connect_and_send(addr, V1);
            for stranger in &strangers {
                let accepted = R::Tcp::accept_ready(&mut ready).await.unwrap();
                assert_eq!(accepted.result.unwrap_err().kind(), "refused");
                assert_eq!(accepted.peer, endpoint(stranger));
            }
            let accepted = R::Tcp::accept_ready(&mut ready).await.unwrap();
            accepted.result.unwrap();
            assert_eq!(accepted.peer, endpoint(&good));
            assert_eq!(R::Tcp::pending(&ready), max_pending - 1);
        }
    });
}

/// The backlog is the queue: whoever is in it has not been accepted, and nobody has asked the policy about them.
pub fn with_the_bound_reached_nothing_is_accepted<R: Runtime>() {
    let asked = Arc::new(AtomicUsize::new(0));
    let acceptor = {
        let asked = asked.clone();
        Acceptor::new(policy_fn(move |peer| {
            asked.fetch_add(1, Ordering::SeqCst);
            if host(peer) == Some(1) { Verdict::Require } else { Verdict::Refuse }
        }))
        .with_timeout(Duration::from_millis(300))
    };
    R::run(async {
        let (socket, addr) = listener();
        let mut ready = R::Tcp::ready(socket, acceptor, 1);
        let silent = connect(addr);
        let _strangers: Vec<_> = (0..5).map(|_| connect_from(2, addr)).collect();
        let good = connect_and_send(addr, V1);

        let accepted = R::Tcp::accept_ready(&mut ready).await.unwrap();
        assert_eq!(accepted.peer, endpoint(&silent));
        assert_eq!(accepted.result.unwrap_err().kind(), "timeout");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        for _ in 0..5 {
            let accepted = R::Tcp::accept_ready(&mut ready).await.unwrap();
            assert_eq!(accepted.result.unwrap_err().kind(), "refused");
        }
        let accepted = R::Tcp::accept_ready(&mut ready).await.unwrap();
        assert_eq!(accepted.peer, endpoint(&good));
        accepted.result.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 7);
    });
}

/// Five hundred peers that are ready at once wait to be accepted when a pending handshake can go on.
pub fn newcomers_do_not_starve_the_pending<R: Runtime>() {
    const NEWCOMERS: usize = 500;
    raise_descriptor_limit();
    R::run(async {
        let (socket, addr) = listener();
        let mut ready = R::Tcp::ready(socket, acceptor(), 64);
        let mut slow = connect(addr);
        let quick = connect_and_send(addr, V1);
        assert_eq!(R::Tcp::accept_ready(&mut ready).await.unwrap().peer, endpoint(&quick));
        assert_eq!(R::Tcp::pending(&ready), 1);

        slow.write_all(V1).unwrap();
        let _newcomers: Vec<_> = (0..NEWCOMERS).map(|_| connect_and_send(addr, V1)).collect();
        let mut before = 0;
        loop {
            let accepted = R::Tcp::accept_ready(&mut ready).await.unwrap();
            accepted.result.unwrap();
            if accepted.peer == endpoint(&slow) {
                break;
            }
            before += 1;
        }
        assert!(before < NEWCOMERS, "it came after all of them");
    });
}
