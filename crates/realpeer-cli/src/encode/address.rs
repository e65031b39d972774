//! The ends of the connection, as the command line says them.

use std::net::{SocketAddr, SocketAddrV6};
use std::str::FromStr;

use anyhow::{Context, bail};
use realpeer::proto::{Addresses, UnixAddr};

#[derive(Clone, Debug)]
pub(super) enum AddressArgument {
    Inet(SocketAddr),
    /// As in `sun_path`: with a NUL before an abstract name.
    Unix(Vec<u8>),
}

impl FromStr for AddressArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = match text.strip_prefix("unix:").map(|name| (name, name.strip_prefix('@'))) {
            Some((_, Some(name))) => [b"\0", name.as_bytes()].concat(),
            Some((path, None)) => path.into(),
            None => {
                let parsed = text.parse().map(Self::Inet);
                return parsed.map_err(|_| {
                    "want IP:PORT, such as 192.0.2.1:443 or [2001:db8::1]:443, unix:PATH, unix:@NAME or unix:".into()
                });
            }
        };
        if name.len() > UnixAddr::MAX_LEN {
            return Err(format!("the name of a UNIX socket has {} bytes at most", UnixAddr::MAX_LEN));
        }
        Ok(Self::Unix(name))
    }
}

/// The addresses of a header. An IPv4 address beside an IPv6 one becomes a mapped one, as HAProxy does it.
pub(super) fn pair<'a>(
    source: &'a AddressArgument,
    destination: &'a AddressArgument,
) -> anyhow::Result<Addresses<'a>> {
    use AddressArgument::{Inet, Unix};
    match (source, destination) {
        (Inet(SocketAddr::V4(source)), Inet(SocketAddr::V4(destination))) => {
            Ok(Addresses::Inet { source: *source, destination: *destination })
        }
        (Inet(source), Inet(destination)) => {
            Ok(Addresses::Inet6 { source: mapped(*source), destination: mapped(*destination) })
        }
        (Unix(source), Unix(destination)) => Ok(Addresses::Unix {
            source: UnixAddr::new(source).context("the name is too long")?,
            destination: UnixAddr::new(destination).context("the name is too long")?,
        }),
        _ => bail!("--src and --dst must both be IP:PORT, or both be unix:"),
    }
}

fn mapped(addr: SocketAddr) -> SocketAddrV6 {
    match addr {
        SocketAddr::V4(addr) => SocketAddrV6::new(addr.ip().to_ipv6_mapped(), addr.port(), 0, 0),
        SocketAddr::V6(addr) => addr,
    }
}
