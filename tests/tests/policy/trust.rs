//! Whom a [`Trust`] believes, next to a matcher that compares bit by bit (R12, R13, R79), how trusts are combined, and
//! the texts that make none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::prelude::*;
use realpeer_io::{Acceptor, Endpoint, Policy, Trust, TrustError, UnixName, Verdict};

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

fn verdict(trust: &impl Policy, ip: IpAddr) -> Verdict {
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

/// An address with the last bits set to 0.
fn without_last(ip: IpAddr, bits: usize) -> IpAddr {
    let bits = bits as u32;
    match ip {
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() & u32::MAX.checked_shl(bits).unwrap_or(0)).into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & u128::MAX.checked_shl(bits).unwrap_or(0)).into(),
    }
}

/// A network, and an address that has its first bits, or nearly all of them.
fn network_and_ip() -> impl Strategy<Value = (IpAddr, usize, IpAddr)> {
    (any_ip(), 0..=128usize, any_ip(), prop::option::weighted(0.7, 0..128u32), any::<bool>()).prop_map(
        |(network, prefix, other, flip, mapped)| {
            let width = if network.is_ipv4() { 32 } else { 128 };
            let prefix = prefix % (width + 1);
            let network = without_last(network, width - prefix);
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
    fn r13_a_list_believes_whom_any_of_it_believes(
        (first, first_prefix, ip) in network_and_ip(),
        (second, second_prefix, _) in network_and_ip(),
    ) {
        let one: Trust = format!("{first}/{first_prefix}").parse().unwrap();
        let two: Trust = format!("{second}/{second_prefix}").parse().unwrap();
        let believed = [&one, &two].iter().any(|trust| verdict(*trust, ip) == Verdict::Require);
        let others = one.clone().and(two.clone()).otherwise(Verdict::Bypass);
        prop_assert_eq!(verdict(&others, ip), if believed { Verdict::Require } else { Verdict::Bypass });
        prop_assert_eq!(verdict(&two.and(one), ip) == Verdict::Require, believed);
    }

    #[test]
    fn trusts_combine_in_any_order_and_print_what_they_are_read_from(
        parts in prop::collection::vec(trust(), 0..5),
        order in prop::collection::vec(any::<prop::sample::Index>(), 5),
    ) {
        let all: Trust = parts.iter().cloned().collect();
        let mut rest = parts.clone();
        let mut shuffled = Trust::default();
        for index in order {
            if !rest.is_empty() {
                shuffled = rest.remove(index.index(rest.len())).and(shuffled);
            }
        }
        prop_assert_eq!(&shuffled, &all);
        prop_assert_eq!(shuffled.clone().and(all.clone()), all.clone());
        prop_assert_eq!(all.to_string().parse::<Trust>(), Ok(all.clone()));

        let texts: Vec<_> = parts.iter().map(Trust::to_string).collect();
        let listed = if texts.is_empty() { "nobody".to_owned() } else { texts.join(", ") };
        prop_assert_eq!(listed.parse::<Trust>(), Ok(all));
    }

    #[test]
    fn host_bits_are_an_error_that_names_the_network((network, prefix, ip) in network_and_ip()) {
        let width = if ip.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.min(width);
        let meant = without_last(ip, width - prefix);
        let made = Trust::network(ip, prefix as u8);
        prop_assert_eq!(&format!("{ip}/{prefix}").parse::<Trust>(), &made);
        if meant == ip {
            prop_assert!(made.is_ok(), "{} for {}", ip, network);
        } else {
            let error = made.unwrap_err().to_string();
            // ::ffff:10.0.0.0/8 was to be 10.0.0.0/8.
            let meant = match ip.to_canonical() {
                ipv4 @ IpAddr::V4(_) if prefix <= 32 => without_last(ipv4, 32 - prefix),
                _ => meant,
            };
            let single = meant.is_ipv4() && prefix == 32;
            let network = if single { meant.to_string() } else { format!("{meant}/{prefix}") };
            prop_assert!(error.contains(&format!("write {network} for the network")), "{}", error);
            prop_assert!(error.ends_with(&format!("or {ip} for the address")), "{}", error);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[0-9a-f:./ ]{0,24}") {
        let _ = text.parse::<Trust>();
    }
}

fn trust() -> impl Strategy<Value = Trust> {
    prop_oneof![
        6 => network_and_ip().prop_map(|(ip, prefix, _)| Trust::network(ip, prefix as u8).unwrap()),
        2 => any_ip().prop_map(Trust::from),
        1 => Just(Trust::unix()),
        1 => Just(Trust::anyone()),
        1 => Just(Trust::default()),
    ]
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
        ("::fffe:0:0/95", "192.0.2.1", false),
        ("::/0", "192.0.2.1", false),
        ("::/0", "::ffff:192.0.2.1", false),
        ("::/0", "2001:db8::1", true),
        ("0.0.0.0/0", "192.0.2.1", true),
        ("0.0.0.0/0", "::ffff:192.0.2.1", true),
        ("0.0.0.0/0", "2001:db8::1", false),
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

/// A mapped network with the prefix of its IPv4 form, read as all of IPv4. Here it is an error that names the network
/// that was meant.
#[test]
fn cve_2026_90711_a_mapped_network_is_not_all_of_ipv4() {
    for prefix in 0..96 {
        let error = format!("::ffff:10.0.0.0/{prefix}").parse::<Trust>().unwrap_err().to_string();
        if (7..=32).contains(&prefix) {
            let network = Trust::network(Ipv4Addr::new(10, 0, 0, 0), prefix).unwrap();
            assert!(error.contains(&format!("write {network} for the network")), "{error}");
        }
    }
    // Those that can be named hold no IPv4 address.
    for network in ["::/0", "::/80", "::/81", "::8000:0:0/81", "::fffe:0:0/95", "::ff00:0:0/88"] {
        let trust: Trust = network.parse().unwrap();
        for ip in ["192.0.2.1", "::ffff:192.0.2.1", "10.0.0.1", "::ffff:10.0.0.1"] {
            assert_eq!(verdict(&trust, ip.parse().unwrap()), Verdict::Refuse, "{ip} in {network}");
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
        (Trust::default(), false, false),
        ("nobody".parse().unwrap(), false, false),
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
        "10.0.0.1\n",
        "10.0.0.1 127.0.0.1",
        "10.0.0.0-10.0.0.9",
        // Octal to some, decimal to others.
        "010.0.0.0/8",
        "10.0.0.0/08",
        "::ffff:010.0.0.1",
        "::ffff:010.0.0.1/128",
        "::ffff:010.0.0.0/104",
        "0x0a.0.0.0/8",
        "10.0.0.0/0x8",
        "10.0.0.0/ 8",
        "::1/129",
        "[::1]",
        "[::1]:80",
        "fe80::1%lo",
        ":::",
        "1::2::3",
    ] {
        let error = text.parse::<Trust>().expect_err(text);
        let text = text.trim_matches(' ');
        assert!(error.to_string().starts_with(&format!("{text:?} is neither")), "{error}");
    }
}

/// Empty items, and every item that is wrong: what is between the commas is what is repeated.
#[test]
fn r12_a_list_is_as_good_as_its_worst_item() {
    for (list, wrong) in [
        ("10.0.0.0/8,", ""),
        (",10.0.0.0/8", ""),
        ("10.0.0.0/8,,unix", ""),
        ("10.0.0.0/8;unix", "10.0.0.0/8;unix"),
        ("10.0.0.0/8, 127.0.0", "127.0.0"),
        ("unix,anybody", "anybody"),
    ] {
        let error = list.parse::<Trust>().expect_err(list).to_string();
        assert!(error.starts_with(&format!("{wrong:?} is neither")), "{list}: {error}");
    }
    let error = "10.0.0.0/8,192.0.2.1/24".parse::<Trust>().unwrap_err().to_string();
    assert!(
        error.starts_with("\"192.0.2.1/24\" has bits set beyond its prefix; write 192.0.2.0/24 "),
        "{error}"
    );
}

#[test]
fn lists_of_addresses_and_of_texts_are_collected() {
    let ips: [IpAddr; 2] = [Ipv4Addr::new(10, 0, 0, 1).into(), "::ffff:10.0.0.1".parse().unwrap()];
    assert_eq!(ips.into_iter().map(Trust::from).collect::<Trust>().to_string(), "10.0.0.1");
    let lines = ["unix", "10.0.0.0/8,2001:db8::/32"];
    let trust: Result<Trust, TrustError> = lines.iter().map(|line| line.parse()).collect();
    assert_eq!(trust.unwrap().to_string(), "10.0.0.0/8,2001:db8::/32,unix");
    let none: [Trust; 0] = [];
    assert_eq!(none.into_iter().collect::<Trust>(), Trust::default());
}

/// In configuration files a trust is a text or a list of texts.
#[test]
fn a_trust_is_read_from_configuration_files() {
    let trust: Trust = "10.0.0.0/8,unix".parse().unwrap();
    for json in [r#""10.0.0.0/8,unix""#, r#"["unix", "10.0.0.0/8"]"#, r#"["10.0.0.0/8, unix"]"#] {
        assert_eq!(serde_json::from_str::<Trust>(json).unwrap(), trust, "{json}");
    }
    assert_eq!(serde_json::to_string(&trust).unwrap(), r#""10.0.0.0/8,unix""#);
    for json in [r#""10.0.0.1/8""#, r#"["unix", "10.0.0.1/8"]"#, "10", r#"[["unix"]]"#, "null", r#""""#] {
        assert!(serde_json::from_str::<Trust>(json).is_err(), "{json}");
    }
    let error = serde_json::from_str::<Trust>("10").unwrap_err().to_string();
    assert!(error.contains("expected a text such as \"10.0.0.0/8,unix\", or a list of such"), "{error}");
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
