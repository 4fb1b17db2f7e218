//! Addresses that tokens and keys may be sent to.

use datalab_core::{
    report::{Failure, Kind},
    world::Endpoint,
};

use super::{Source, UNTOUCHED};

/// Tokens and keys go over TLS, or to this machine, or where the user says so.
pub(super) fn check_transport(url: &str, source: &Source) -> Result<(), Failure> {
    let endpoint = Endpoint::of(url).map_err(|reason| {
        Failure::new(Kind::Usage, format!("{url} cannot be used: {reason}")).state(UNTOUCHED)
    })?;
    let is_here = endpoint.host == "localhost"
        || endpoint
            .address()
            .is_some_and(|address| address.is_loopback());
    match endpoint.scheme.as_str() {
        "https" => Ok(()),
        "http" if is_here || source.allows_http => Ok(()),
        "http" => Err(Failure::new(
            Kind::Usage,
            format!("{url} is not encrypted: everybody on the way could read token and keys"),
        )
        .state(UNTOUCHED)
        .next("the same command with https://, or with --allow-http in a network that is yours")),
        other => Err(
            Failure::new(Kind::Usage, format!("{url} cannot be used: it is {other}"))
                .state(UNTOUCHED),
        ),
    }
}

/// Scheme, host and port of a store's address, which has nothing else.
pub(super) fn origin(url: &str) -> Result<String, Failure> {
    let wrong = |reason: &str| {
        Err(Failure::new(
            Kind::Usage,
            format!("{url} is no store's address: {reason}"),
        )
        .state(UNTOUCHED))
    };
    let address = url.trim_end_matches('/');
    if let Err(reason) = Endpoint::of(address) {
        return wrong(reason);
    }
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    if rest.contains(['/', '?', '#']) {
        return wrong("it has a path; the bucket is named elsewhere");
    }
    // What stands before an @ is read as the host by people, and some shells expand the rest.
    if !rest
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || ".-:[]_".contains(c))
    {
        return wrong("it holds more than a host and a port");
    }
    Ok(address.to_owned())
}
