//! Where calls may go.
//!
//! Owns: the rule that only public addresses are reached, unless the configuration allows others. A workflow's input often
//! decides part of a URL, so a worker that reached everything would hand its network to whoever starts executions: cloud
//! metadata (169.254.169.254), the orchestrator's own port, other hosts behind the firewall. What counts is the address
//! that is connected to, so names are checked after they are resolved, at every connection and after every redirect.

use crate::config::ConfigError;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// The rule; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Guard(Arc<Allowed>);

#[derive(Debug, Default)]
struct Allowed {
    hosts: BTreeSet<String>,
    networks: Vec<(IpAddr, u8)>,
}

/// Why a call was not made.
#[derive(Debug, thiserror::Error)]
#[error(
    "{host} is at {address}, which is not a public address: allow it in the worker's configuration (Allow) if that is meant"
)]
pub struct Refused {
    host: String,
    address: IpAddr,
}

impl Guard {
    /// Public addresses, and what `allow` names.
    ///
    /// # Errors
    /// An entry that is no host, address or network.
    pub fn new(allow: &[String]) -> Result<Self, ConfigError> {
        let mut allowed = Allowed::default();
        for entry in allow {
            match entry.split_once('/') {
                Some((address, bits)) => {
                    let network = address.parse::<IpAddr>().ok().zip(bits.parse::<u8>().ok());
                    let network = network.filter(|(address, bits)| *bits <= width(*address));
                    allowed.networks.push(network.ok_or_else(|| {
                        ConfigError(format!(
                            "Allow: {entry:?} is not a network such as 10.0.0.0/8"
                        ))
                    })?);
                }
                None => match entry.trim_matches(['[', ']']).parse::<IpAddr>() {
                    Ok(address) => allowed.networks.push((address, width(address))),
                    Err(_) => {
                        allowed.hosts.insert(entry.to_ascii_lowercase());
                    }
                },
            }
        }
        Ok(Self(Arc::new(allowed)))
    }

    /// Checks a URL whose host is an address: no resolver will see it.
    ///
    /// # Errors
    /// It is not allowed.
    pub fn check_literal(&self, url: &Url) -> Result<(), Refused> {
        let host = url.host_str().unwrap_or_default();
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) if !self.allows(address) => Err(Refused {
                host: host.to_owned(),
                address,
            }),
            _ => Ok(()),
        }
    }

    fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_named = |(network, bits): &(IpAddr, u8)| contains(*network, *bits, address);
        is_public(address) || self.0.networks.iter().any(is_named)
    }

    async fn resolve(
        self,
        host: String,
    ) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
        if self.0.hosts.contains(&host.to_ascii_lowercase()) {
            return Ok(found);
        }
        let (allowed, refused): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|at| self.allows(at.ip()));
        match refused.first() {
            Some(first) if allowed.is_empty() => Err(Box::new(Refused {
                host,
                address: first.ip(),
            })),
            _ => Ok(allowed),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let addresses = Self::resolve(guard, host).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn contains(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

/// Whether an address is globally reachable, by the special-purpose registries of IANA (RFC 6890 and its updates).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = matches!(
        (a, b, c),
        (0 | 10 | 127, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            | (224.., _, _)
    );
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let s = address.segments();
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        // An IPv4 address by another name: through a translator (RFC 6052) or a 6to4 relay (RFC 3056).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        // Documentation, Teredo and benchmarking within the global unicast range.
        [0x2001, 0xdb8 | 0..=0x1ff, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Only 2000::/3 is global unicast.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(guard: &Guard, host: &str) -> bool {
        let url = Url::parse(&format!("http://{host}/")).unwrap();
        guard.check_literal(&url).is_ok()
    }

    #[test]
    fn only_public_addresses_are_reached() {
        let guard = Guard::default();
        for host in [
            "8.8.8.8",
            "172.32.0.1",
            "[2606:4700::1111]",
            "[::ffff:8.8.8.8]",
            "[64:ff9b::808:808]",
            "a.example",
        ] {
            assert!(literal(&guard, host), "{host}");
        }
        for host in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "2130706433",
            "0x7f.1",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001:db8::1]",
        ] {
            assert!(!literal(&guard, host), "{host}");
        }
    }

    #[test]
    fn others_are_reached_where_allowed() {
        let guard = Guard::new(&[
            "10.0.0.0/8".to_owned(),
            "127.0.0.1".to_owned(),
            "[::1]".to_owned(),
        ])
        .unwrap();
        for host in ["10.200.0.1", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"] {
            assert!(literal(&guard, host), "{host}");
        }
        for host in ["127.0.0.2", "192.168.0.1", "[::2]"] {
            assert!(!literal(&guard, host), "{host}");
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_resolves_to() {
        let refused = Guard::default()
            .resolve("localhost".to_owned())
            .await
            .unwrap_err();
        assert!(
            refused.to_string().contains("not a public address"),
            "{refused}"
        );
        let allowed = Guard::new(&["localhost".to_owned()]).unwrap();
        assert!(
            !allowed
                .resolve("localhost".to_owned())
                .await
                .unwrap()
                .is_empty()
        );
    }
}
