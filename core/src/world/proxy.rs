//! Which proxy leads to a server, by the rules of Go's `golang.org/x/net/http/httpproxy` that
//! kubectl follows.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Endpoint, Environment, endpoint::split_port};

impl Environment {
    /// The proxy that the environment wants between us and the server, as a URL; `None` for a
    /// straight connection, which is always the one to this machine.
    pub fn proxy_for(&self, server: &Endpoint) -> Option<String> {
        let environment = self;
        let proxy = match server.scheme.as_str() {
            "https" => either(environment, "HTTPS_PROXY", "https_proxy")?,
            _ => either(environment, "HTTP_PROXY", "http_proxy")?,
        };
        let exceptions = either(environment, "NO_PROXY", "no_proxy").unwrap_or_default();
        if is_loopback(server) || exceptions.split(',').any(|entry| excepts(entry, server)) {
            return None;
        }
        Some(with_scheme(proxy))
    }
}

fn either<'a>(environment: &'a Environment, upper: &str, lower: &str) -> Option<&'a str> {
    environment.text(upper).or_else(|| environment.text(lower))
}

/// `proxy.lab:3128` is a proxy too.
fn with_scheme(proxy: &str) -> String {
    match proxy.split_once("://") {
        Some((scheme, rest)) if !scheme.is_empty() && !rest.is_empty() => proxy.to_owned(),
        _ => format!("http://{proxy}"),
    }
}

fn is_loopback(server: &Endpoint) -> bool {
    server.host == "localhost"
        || server
            .address()
            .is_some_and(|address| address.is_loopback())
}

/// Whether an entry of `NO_PROXY` names the server: `*`, an address range, an address, a domain
/// with its subdomains (`lab.example`) or its subdomains alone (`.lab.example`, `*.lab.example`);
/// addresses and domains may end in a port.
fn excepts(entry: &str, server: &Endpoint) -> bool {
    let entry = entry.trim().to_lowercase();
    if entry == "*" {
        return true;
    }
    if let Ok(range) = entry.parse::<IpNet>() {
        return server
            .address()
            .is_some_and(|address| range.contains(&address));
    }
    let (host, port) = match entry.parse::<IpAddr>() {
        Ok(_) => (entry.as_str(), None),
        Err(_) => split_port(&entry).unwrap_or((&entry, None)),
    };
    if host.is_empty() || port.is_some_and(|port| port != server.port) {
        return false;
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return server.address() == Some(address);
    }
    if server.address().is_some() {
        return false;
    }
    let host = host
        .strip_prefix('*')
        .filter(|rest| rest.starts_with('.'))
        .unwrap_or(host);
    match host.strip_prefix('.') {
        Some(_) => server.host.ends_with(host),
        None => {
            server.host == host
                || server
                    .host
                    .strip_suffix(host)
                    .is_some_and(|front| front.ends_with('.'))
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::world::World;

    fn proxy(server: &str, variables: &[(&str, &str)]) -> Option<String> {
        let (world, _) = World::test(Timestamp::UNIX_EPOCH, variables.iter().copied());
        world
            .environment()
            .proxy_for(&Endpoint::of(server).unwrap())
    }

    #[test]
    fn exceptions() {
        let direct = [
            ("https://lab.example:6443", "lab.example"),
            ("https://api.lab.example:6443", "lab.example"),
            ("https://api.lab.example:6443", ".lab.example"),
            ("https://api.lab.example:6443", "*.lab.example"),
            ("https://API.Lab.Example:6443", " other, LAB.example "),
            ("https://lab.example:6443", "lab.example:6443"),
            ("https://lab.example:6443", "*"),
            ("https://10.1.2.3:6443", "10.0.0.0/8"),
            ("https://10.1.2.3:6443", "10.1.2.3"),
            ("https://10.1.2.3:6443", "10.1.2.3:6443"),
            ("https://10.1.2.3:6443", "0.0.0.0/0"),
            ("https://[fd00::5]:6443", "fd00::/8"),
            ("https://[fd00::5]:6443", "fd00::5"),
            ("https://[fd00::5]:6443", "[fd00::5]:6443"),
            ("https://localhost:6443", ""),
            ("https://127.0.0.1:6443", ""),
            ("https://127.8.8.8:6443", ""),
            ("https://[::1]:6443", ""),
        ];
        for (server, exceptions) in direct {
            let variables = [
                ("HTTPS_PROXY", "http://proxy:3128"),
                ("NO_PROXY", exceptions),
            ];
            assert_eq!(
                proxy(server, &variables),
                None,
                "{server} with NO_PROXY={exceptions}"
            );
        }
        let through = [
            ("https://lab.example:6443", ""),
            ("https://lab.example:6443", ".lab.example"),
            ("https://lab.example:6443", "*.lab.example"),
            ("https://notlab.example:6443", "lab.example"),
            ("https://lab.example:6443", "lab.example:443"),
            ("https://lab.example.org:6443", "lab.example"),
            ("https://10.1.2.3:6443", "10.2.0.0/16"),
            ("https://10.1.2.3:6443", "10.1.2.3:443"),
            ("https://10.1.2.3:6443", "2.3"),
            ("https://10.1.2.3:6443", "fd00::/8"),
            ("https://lab.example:6443", "proxy"),
            ("https://lab.example:6443", "10.0.0.0/33, ,:6443"),
        ];
        for (server, exceptions) in through {
            let variables = [
                ("HTTPS_PROXY", "http://proxy:3128"),
                ("NO_PROXY", exceptions),
            ];
            assert_eq!(
                proxy(server, &variables).as_deref(),
                Some("http://proxy:3128"),
                "{server} with NO_PROXY={exceptions}"
            );
        }
    }

    #[test]
    fn variables() {
        let server = "https://lab.example:6443";
        assert_eq!(proxy(server, &[]), None);
        assert_eq!(
            proxy(server, &[("HTTPS_PROXY", "proxy:3128")]).as_deref(),
            Some("http://proxy:3128")
        );
        assert_eq!(
            proxy(server, &[("https_proxy", "socks5://proxy:1080")]).as_deref(),
            Some("socks5://proxy:1080")
        );
        assert_eq!(
            proxy(
                server,
                &[
                    ("HTTPS_PROXY", "http://upper"),
                    ("https_proxy", "http://lower")
                ]
            )
            .as_deref(),
            Some("http://upper")
        );
        assert_eq!(
            proxy(
                server,
                &[("HTTPS_PROXY", "http://proxy"), ("no_proxy", "lab.example")]
            ),
            None
        );
        assert_eq!(proxy(server, &[("HTTP_PROXY", "http://proxy")]), None);
        assert_eq!(
            proxy("http://lab.example", &[("HTTP_PROXY", "http://proxy")]).as_deref(),
            Some("http://proxy")
        );
    }
}
