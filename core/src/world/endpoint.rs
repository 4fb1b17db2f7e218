use std::net::IpAddr;

/// The parts of a URL that say where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Such as `https`; lower case.
    pub scheme: String,
    /// A name or an address, lower case; without the brackets of an IPv6 address.
    pub host: String,
    /// The port, or the scheme's own.
    pub port: u16,
}

impl Endpoint {
    /// Takes a URL apart; the scheme is a must.
    ///
    /// # Errors
    /// What is wrong with it, after "the URL cannot be used:".
    pub fn of(url: &str) -> Result<Self, &'static str> {
        if url
            .chars()
            .any(|character| character.is_whitespace() || character.is_control())
        {
            return Err("it holds blanks or control characters");
        }
        let (scheme, rest) = url
            .split_once("://")
            .ok_or("it has no scheme such as https://")?;
        let scheme = scheme.to_ascii_lowercase();
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (_, address) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (host, port) = split_port(address).ok_or("its port is not a number")?;
        if host.is_empty() {
            return Err("it names no host");
        }
        let default = if scheme == "http" { 80 } else { 443 };
        Ok(Self {
            host: host.to_ascii_lowercase(),
            port: port.unwrap_or(default),
            scheme,
        })
    }

    /// The host's address, when the URL holds one instead of a name.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

/// A host and its port, if there is one: `host`, `host:1`, `[::1]`, `[::1]:1`. `None` when what
/// follows the colon is not a port.
pub(super) fn split_port(address: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = address.strip_prefix('[') {
        let (host, tail) = rest.split_once(']')?;
        return match tail.strip_prefix(':') {
            None if tail.is_empty() => Some((host, None)),
            None => None,
            Some(port) => Some((host, Some(port.parse().ok()?))),
        };
    }
    match address.split_once(':') {
        None => Some((address, None)),
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_urls_apart() {
        let parts =
            |url| Endpoint::of(url).map(|Endpoint { scheme, host, port }| (scheme, host, port));
        let is = |scheme: &str, host: &str, port| Ok((scheme.to_owned(), host.to_owned(), port));
        assert_eq!(
            parts("https://Lab.Example:6443/k8s/c1"),
            is("https", "lab.example", 6443)
        );
        assert_eq!(parts("HTTP://u:p@h"), is("http", "h", 80));
        assert_eq!(parts("https://[::1]:6443"), is("https", "::1", 6443));
        assert_eq!(parts("https://[fd00::1]"), is("https", "fd00::1", 443));
        for bad in [
            "lab.example",
            "https://",
            "https://h:port",
            "https:// h",
            "https://[::1",
            "https://h:99999",
        ] {
            assert!(parts(bad).is_err(), "{bad} was let in");
        }
    }
}
