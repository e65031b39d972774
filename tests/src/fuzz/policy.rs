use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arbitrary::{Arbitrary, Unstructured};
use realpeer_io::{Endpoint, Policy, Trust, UnixName, Verdict};

#[derive(Arbitrary, Debug)]
struct Case {
    networks: Vec<Network>,
    unix: bool,
    anyone: bool,
    bypass: bool,
    peers: Vec<Peer>,
}

#[derive(Arbitrary, Debug)]
struct Network {
    ip: Ip,
    /// Nothing for a single address.
    len: Option<u8>,
}

#[derive(Arbitrary, Debug)]
enum Peer {
    At(Ip),
    /// At an address of a network of the list but for one bit.
    Near {
        network: u8,
        bit: Option<u8>,
        mapped: bool,
    },
    Unix,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Ip {
    V4(u32),
    V6(u128),
    Mapped(u32),
}

/// Lists of networks against a comparison of 128-bit numbers, IPv4 addresses being the mapped ones.
pub fn policy(data: &[u8]) {
    let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let otherwise = if case.bypass { Verdict::Bypass } else { Verdict::Refuse };
    let mut trust = Trust::default();
    let mut networks = Vec::new();
    for Network { ip, len } in case.networks {
        let text = len.map_or(ip.std().to_string(), |len| format!("{}/{len}", ip.std()));
        let bits = if let Ip::V4(_) = ip { 32 } else { 128 };
        let len = len.unwrap_or(bits);
        let has_host_bits = len <= bits && ip.without_last(bits - len).number() != ip.number();
        assert_eq!(text.parse::<Trust>().is_ok(), len <= bits && !has_host_bits, "{text}");
        if len > bits {
            continue;
        }
        let ip = ip.without_last(bits - len);
        trust = trust.and(Trust::network(ip.std(), len).unwrap());
        networks.push((ip, 128 - bits + len));
    }
    for (token, said) in [("unix", case.unix), ("anyone", case.anyone)] {
        if said {
            trust = trust.and(token.parse().unwrap());
        }
    }
    assert_eq!(trust.to_string().parse(), Ok(trust.clone()));
    let policy = trust.clone().otherwise(otherwise);
    for peer in case.peers {
        let ip = match peer {
            Peer::At(ip) => Some(ip),
            Peer::Near { network, bit, mapped } => {
                let Some((ip, _)) = networks.get(usize::from(network) % networks.len().max(1)) else {
                    continue;
                };
                Some(ip.flipped(bit, mapped))
            }
            Peer::Unix => None,
        };
        let believed = case.anyone
            || match ip {
                Some(ip) => networks.iter().any(|&network| holds(network, ip)),
                None => case.unix,
            };
        let peer = ip.map_or(UnixName::default().into(), |ip| Endpoint::from((ip.std(), 4711)));
        let expected = if believed { Verdict::Require } else { otherwise };
        assert_eq!(policy.verdict(&peer), expected, "{peer} with {trust}");
        assert_eq!(trust.verdict(&peer) == Verdict::Require, believed, "{peer} with {trust}");
    }
}

/// Whether the first `len` of the 128 bits are the same.
fn holds((network, len): (Ip, u8), ip: Ip) -> bool {
    let differs = network.number() ^ ip.number();
    let same = differs.checked_shr(128 - u32::from(len)).unwrap_or(0) == 0;
    // A network of IPv6 addresses that is wider than the mapped ones holds none of them.
    same && (len >= 96 || ip.number() >> 32 != 0xFFFF)
}

impl Ip {
    fn std(self) -> IpAddr {
        match self {
            Self::V4(ip) => Ipv4Addr::from(ip).into(),
            Self::V6(ip) => Ipv6Addr::from(ip).into(),
            Self::Mapped(ip) => Ipv4Addr::from(ip).to_ipv6_mapped().into(),
        }
    }

    fn number(self) -> u128 {
        match self {
            Self::V6(ip) => ip,
            Self::V4(ip) | Self::Mapped(ip) => 0xFFFF_0000_0000 | u128::from(ip),
        }
    }

    /// The address with the last bits set to 0.
    fn without_last(self, bits: u8) -> Self {
        let kept = self.number() & u128::MAX.checked_shl(bits.into()).unwrap_or(0);
        match self {
            Self::V4(_) => Self::V4(kept as u32),
            _ => Self::V6(kept),
        }
    }

    /// With one bit changed, and written as mapped or not where there is a choice.
    fn flipped(self, bit: Option<u8>, mapped: bool) -> Self {
        let change = bit.map_or(0, |bit| 1 << (bit % 128));
        match self {
            Self::V6(ip) => Self::V6(ip ^ change),
            Self::V4(ip) | Self::Mapped(ip) if mapped => Self::Mapped(ip ^ change as u32),
            Self::V4(ip) | Self::Mapped(ip) => Self::V4(ip ^ change as u32),
        }
    }
}
