//! Whom a [`Trust`] believes, next to a matcher that compares bit by bit (R12, R13, R79), and the texts it is not
//! made from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::prelude::*;
use realpeer::{Acceptor, Endpoint, Policy, Trust, UnixName, Verdict};

/// The bits of an address, most significant first. A mapped one has the bits of its IPv4 address.
fn bits(ip: IpAddr) -> Vec<bool> {
    let octets = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => match ip.octets() {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, ipv4 @ ..] => ipv4.to_vec(),
            octets => octets.to_vec(),
        },
    };
    octets.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1 == 1)).collect()
}

/// Whether a network holds an address. A network within the mapped addresses is one of IPv4; one that is wider holds
/// no IPv4 address.
fn holds(network: IpAddr, prefix: usize, ip: IpAddr) -> bool {
    let (mut prefix, mut network_bits) = (prefix, bits(network));
    if network.is_ipv6() && network_bits.len() == 32 {
        if prefix < 96 {
            return bits(ip).len() == 128 && wide(network)[..prefix] == bits(ip)[..prefix];
        }
        prefix -= 96;
    }
    network_bits.truncate(prefix);
    let ip = bits(ip);
    ip.len() == if network.is_ipv4() || is_mapped(network) { 32 } else { 128 }
        && ip.starts_with(&network_bits)
}

/// All 128 bits of a mapped address.
fn wide(ip: IpAddr) -> Vec<bool> {
    let mut wide = vec![false; 80];
    wide.extend([true; 16]);
    wide.extend(bits(ip));
    wide
}

fn is_mapped(ip: IpAddr) -> bool {
    ip.is_ipv6() && bits(ip).len() == 32
}

fn verdict(trust: &Trust, ip: IpAddr) -> Verdict {
    trust.verdict(&SocketAddr::new(ip, 4711).into())
}

fn any_ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<Ipv4Addr>().prop_map(IpAddr::V4),
        any::<Ipv4Addr>().prop_map(|ip| IpAddr::V6(ip.to_ipv6_mapped())),
        any::<Ipv6Addr>().prop_map(IpAddr::V6),
        // Near the mapped ones, and near nothing.
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from(bits >> 80))),
    ]
}

/// A network, and an address that has its first bits, or nearly all of them.
fn network_and_ip() -> impl Strategy<Value = (IpAddr, usize, IpAddr)> {
    (any_ip(), 0..=128usize, any_ip(), prop::option::weighted(0.7, 0..128u32), any::<bool>()).prop_map(
        |(network, prefix, other, flip, mapped)| {
            let width = if network.is_ipv4() { 32 } else { 128 };
            let prefix = prefix % (width + 1);
            let near = match (flip, network) {
                (None, _) => other,
                (Some(bit), IpAddr::V4(ip)) => (Ipv4Addr::from(u32::from(ip) ^ 1 << (bit % 32))).into(),
                (Some(bit), IpAddr::V6(ip)) => (Ipv6Addr::from(u128::from(ip) ^ 1 << bit)).into(),
            };
            let near = match near {
                IpAddr::V4(ip) if mapped => ip.to_ipv6_mapped().into(),
                IpAddr::V6(_) if mapped => near.to_canonical(),
                _ => near,
            };
            (network, prefix, near)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn r13_believes_as_the_bits_say((network, prefix, ip) in network_and_ip()) {
        let trust: Trust = format!("{network}/{prefix}").parse().unwrap();
        let expected = if holds(network, prefix, ip) { Verdict::Require } else { Verdict::Refuse };
        prop_assert_eq!(verdict(&trust, ip), expected, "{} in {}/{}", ip, network, prefix);
        // The two ways of writing an IPv4 address are one.
        if let IpAddr::V4(ip) = ip.to_canonical() {
            prop_assert_eq!(verdict(&trust, ip.into()), expected);
            prop_assert_eq!(verdict(&trust, ip.to_ipv6_mapped().into()), expected);
        }
    }

    #[test]
    fn an_address_is_a_network_of_one(ip in any_ip(), other in any_ip()) {
        let trust: Trust = ip.to_string().parse().unwrap();
        prop_assert_eq!(verdict(&trust, ip), Verdict::Require);
        prop_assert_eq!(verdict(&trust, ip.to_canonical()), Verdict::Require);
        let same = ip.to_canonical() == other.to_canonical();
        prop_assert_eq!(verdict(&trust, other) == Verdict::Require, same);
    }

    #[test]
    fn a_list_believes_whom_any_of_it_believes(
        (first, first_prefix, ip) in network_and_ip(),
        (second, second_prefix, _) in network_and_ip(),
    ) {
        let one: Trust = format!("{first}/{first_prefix}").parse().unwrap();
        let two: Trust = format!("{second}/{second_prefix}").parse().unwrap();
        let believed = [&one, &two].iter().any(|trust| verdict(trust, ip) == Verdict::Require);
        let bypassed = one.clone().and(two.clone()).otherwise(Verdict::Bypass);
        prop_assert_eq!(verdict(&bypassed, ip), if believed { Verdict::Require } else { Verdict::Bypass });
        prop_assert_eq!(verdict(&two.and(one), ip) == Verdict::Require, believed);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[0-9a-f:./ ]{0,24}") {
        let _ = text.parse::<Trust>();
    }
}

/// The matcher above can say no and yes: the cases that matter, by hand.
#[test]
fn r13_cases_by_hand() {
    for (network, ip, believed) in [
        ("10.0.0.0/8", "10.255.255.255", true),
        ("10.0.0.0/8", "11.0.0.0", false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ("10.0.0.0/8", "::ffff:11.1.2.3", false),
        ("10.0.0.0/8", "::10.1.2.3", false),
        ("::ffff:10.0.0.0/104", "10.1.2.3", true),
        ("::ffff:10.0.0.0/104", "11.1.2.3", false),
        ("::ffff:10.0.0.1", "10.0.0.1", true),
        ("::ffff:0.0.0.0/96", "192.0.2.1", true),
        ("::ffff:0.0.0.0/95", "192.0.2.1", false),
        ("::/0", "192.0.2.1", false),
        ("::/0", "::ffff:192.0.2.1", false),
        ("::/0", "2001:db8::1", true),
        ("0.0.0.0/0", "192.0.2.1", true),
        ("0.0.0.0/0", "::ffff:192.0.2.1", true),
        ("0.0.0.0/0", "2001:db8::1", false),
        ("10.1.2.3/8", "10.9.9.9", true),
        ("127.0.0.1/32", "127.0.0.1", true),
        ("127.0.0.1/32", "127.0.0.2", false),
    ] {
        let ip: IpAddr = ip.parse().unwrap();
        let trust: Trust = network.parse().unwrap();
        assert_eq!(verdict(&trust, ip) == Verdict::Require, believed, "{ip} in {network}");
        if let Some((network, prefix)) = network.split_once('/') {
            let held = holds(network.parse().unwrap(), prefix.parse().unwrap(), ip);
            assert_eq!(held, believed, "{ip} in {network}/{prefix}, bit by bit");
        }
    }
}

/// A mapped network with the prefix of its IPv4 form, read as all of IPv4. Here it is what it says, a network of IPv6,
/// and holds no IPv4 address.
#[test]
fn cve_2026_90711_a_mapped_network_is_not_all_of_ipv4() {
    for prefix in 0..96 {
        let trust: Trust = format!("::ffff:10.0.0.0/{prefix}").parse().unwrap();
        for ip in ["192.0.2.1", "::ffff:192.0.2.1", "10.0.0.1", "::ffff:10.0.0.1"] {
            assert_eq!(verdict(&trust, ip.parse().unwrap()), Verdict::Refuse, "{ip} in /{prefix}");
        }
    }
}

#[test]
fn unix_and_anyone() {
    let unix = Endpoint::from(UnixName::default());
    let ip: IpAddr = Ipv4Addr::LOCALHOST.into();
    let network: Trust = "127.0.0.0/8".parse().unwrap();
    for (trust, believes_unix, believes_ip) in [
        ("unix".parse().unwrap(), true, false),
        (Trust::unix(), true, false),
        ("anyone".parse().unwrap(), true, true),
        (Trust::anyone(), true, true),
        (network.clone(), false, true),
        (network.and(Trust::unix()), true, true),
        (Trust::networks([]), false, false),
    ] {
        assert_eq!(trust.verdict(&unix) == Verdict::Require, believes_unix, "{trust:?}");
        assert_eq!(verdict(&trust, ip) == Verdict::Require, believes_ip, "{trust:?}");
    }
}

/// Nobody is trusted by mistake: what is not exactly a name of somebody is an error that repeats it.
#[test]
fn r12_texts_that_name_nobody() {
    for text in [
        "",
        " ",
        "localhost",
        "example.com",
        "UNIX",
        "Anyone",
        "any",
        "*",
        "all",
        "unix:/run/app.sock",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/+8",
        "10.0.0.0/",
        "/8",
        "10.0.0.0/8/8",
        "10.0.0.0/255.0.0.0",
        "10.0.0",
        "10.0.0.0.0",
        "010.0.0.1",
        "256.0.0.1",
        "10.0.0.1:80",
        "10.0.0.1 ",
        " 10.0.0.1",
        "10.0.0.0/8,127.0.0.1",
        "10.0.0.0-10.0.0.9",
        "::1/129",
        "[::1]",
        "[::1]:80",
        "fe80::1%lo",
        ":::",
        "1::2::3",
    ] {
        let error = text.parse::<Trust>().expect_err(text);
        assert!(error.to_string().starts_with(&format!("{text:?} is neither")), "{error}");
    }
}

/// The policy decides about an acceptor's peers, whatever it is made from.
#[test]
fn a_trust_is_an_acceptors_policy() {
    use std::task::Poll;
    use std::time::Instant;
    let acceptor = Acceptor::new("10.0.0.0/8".parse::<Trust>().unwrap());
    let stranger: SocketAddr = "192.0.2.1:4711".parse().unwrap();
    let polled = acceptor.begin(stranger, Instant::now()).poll_with(|_| panic!("read from a stranger"));
    match polled {
        Poll::Ready(Err(error)) => assert_eq!(error.kind(), "refused"),
        polled => panic!("{polled:?}"),
    }
}
