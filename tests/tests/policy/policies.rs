//! Policies of every kind: closures, pointers, and one that is replaced; and what an acceptor tells them of a peer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex, RwLock};
use std::task::Poll;
use std::thread;
use std::time::Instant;

use realpeer_io::{Acceptor, Endpoint, Policy, Trust, Verdict, policy_fn};

fn endpoint(text: &str) -> Endpoint {
    text.parse().unwrap()
}

/// Whether the acceptor refuses the peer.
fn refuses(acceptor: &Acceptor, peer: &str) -> bool {
    let polled = acceptor.begin(endpoint(peer), Instant::now()).poll_with(|_| Poll::Pending);
    match polled {
        Poll::Pending => false,
        Poll::Ready(Err(error)) => error.kind() == "refused",
        polled @ Poll::Ready(Ok(_)) => panic!("{polled:?}"),
    }
}

#[test]
fn policies_work_behind_pointers() {
    static TRUST: LazyLock<Trust> = LazyLock::new(|| "10.0.0.0/8".parse().unwrap());
    let trust = TRUST.clone();
    let policies: [Box<dyn Policy>; 8] = [
        Box::new(trust.clone()),
        Box::new(Arc::new(trust.clone())),
        Box::new(Arc::new(trust.clone()) as Arc<dyn Policy>),
        Box::new(&*TRUST),
        Box::new(RwLock::new(trust.clone())),
        Box::new(Arc::new(RwLock::new(Box::new(trust.clone()) as Box<dyn Policy>))),
        Box::new(policy_fn(move |peer| trust.verdict(peer))),
        Box::new(policy_fn(|peer| match peer.ip() {
            Some(IpAddr::V4(ip)) if ip.octets()[0] == 10 => Verdict::Require,
            _ => Verdict::Refuse,
        })),
    ];
    for policy in policies {
        let acceptor = Acceptor::new(policy);
        assert!(!refuses(&acceptor, "10.1.2.3:4711"));
        assert!(refuses(&acceptor, "192.0.2.1:4711"));
    }
}

#[test]
fn a_replaced_policy_decides_about_the_next_connection() {
    let trust = Arc::new(RwLock::new("10.0.0.0/8".parse::<Trust>().unwrap()));
    let acceptor = Acceptor::new(trust.clone());
    assert!(refuses(&acceptor, "192.0.2.1:4711"));
    *trust.write().unwrap() = "192.0.2.1".parse().unwrap();
    assert!(!refuses(&acceptor, "192.0.2.1:4711"));
    assert!(refuses(&acceptor, "10.1.2.3:4711"));
}

/// The server goes on with the policy that is in place.
#[test]
fn a_panic_while_replacing_a_policy_stops_no_server() {
    let trust = Arc::new(RwLock::new("10.0.0.0/8".parse::<Trust>().unwrap()));
    let acceptor = Acceptor::new(trust.clone());
    let writer = thread::spawn(move || {
        let _guard = trust.write().unwrap();
        panic!("this thread panics, as the test wants");
    });
    assert!(writer.join().is_err());
    assert!(!refuses(&acceptor, "10.1.2.3:4711"));
    assert!(refuses(&acceptor, "192.0.2.1:4711"));
}

/// `::ffff:127.0.0.1` is how a dual-stack listener names 127.0.0.1: rules written for one hold for the other, however
/// the policy looks at its peer.
#[test]
fn policies_see_ipv4_peers_as_ipv4() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let acceptor = Acceptor::new({
        let seen = seen.clone();
        policy_fn(move |peer| {
            seen.lock().unwrap().push(peer.clone());
            Verdict::Refuse
        })
    });
    let mapped = endpoint("[::ffff:127.0.0.1]:4711");
    assert_eq!(mapped.ip(), Some(Ipv4Addr::LOCALHOST.into()));
    assert!(refuses(&acceptor, "[::ffff:127.0.0.1]:4711"));
    let datagram = acceptor.datagram(mapped, b"");
    assert_eq!(datagram.unwrap_err().kind(), "refused");
    assert!(refuses(&acceptor, "[2001:db8::1]:4711"));
    assert!(refuses(&acceptor, "unix:@proxy"));
    let expected = ["127.0.0.1:4711", "127.0.0.1:4711", "[2001:db8::1]:4711", "unix:@proxy"].map(endpoint);
    assert_eq!(*seen.lock().unwrap(), expected);
}

/// Scopes of link-local addresses are not lost on the way.
#[test]
fn canonical_addresses_keep_their_scope() {
    let scoped: SocketAddr = "[fe80::1%3]:4711".parse().unwrap();
    assert_eq!(*Endpoint::from(scoped).to_canonical(), scoped.into());
    assert_eq!(realpeer_proto::Address::from(scoped).to_canonical(), scoped.into());
}
