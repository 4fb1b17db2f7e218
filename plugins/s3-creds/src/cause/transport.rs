use datalab_core::{
    http,
    report::{Failure, Kind},
    world::Endpoint,
};

use super::{NO_KEYS, Scene};

impl Scene<'_> {
    /// No answer, or none that may be used.
    pub(super) fn transport(&self, error: &http::Error) -> Failure {
        let failure = Failure::new(
            Kind::Unreachable,
            format!("{} gives no keys: {error}", self.sts_url),
        )
        .state(NO_KEYS);
        let flag = match self.sts_url == self.store_url {
            true => "--endpoint",
            false => "--sts-endpoint",
        };
        match error {
            http::Error::Redirected { .. } => failure
                .with_kind(Kind::Usage)
                .detail("a token is not sent after a redirect; this is a login page, a console, or http for https")
                .next("the same command with --sts-endpoint URL"),
            http::Error::TooLong { .. } => failure
                .with_kind(Kind::Usage)
                .next("the same command with --sts-endpoint URL"),
            _ => helped(failure, error, self.sts_url, flag),
        }
    }
}

/// What helps when `url`, which the user names by `flag`, gives no answer.
pub(super) fn helped(failure: Failure, error: &http::Error, url: &str, flag: &str) -> Failure {
    match error {
        // No authority makes a name another one.
        http::Error::Certificate { reason, .. } if reason.starts_with("it is for") => failure
            .with_kind(Kind::Refused)
            .detail("the server is to be named as its certificate names it")
            .next(format!("the same command with {flag} URL")),
        http::Error::Certificate { .. } => {
            let failure = failure
                .with_kind(Kind::Refused)
                .detail("programs that use the keys need the authority's file, too: AWS_CA_BUNDLE for AWS SDKs and CLI (rclone 1.60 fails with it)")
                .detail("the platform's administrator has the file; openssl shows who signs there")
                .next("the same command with --ca-file FILE");
            match connected(url) {
                Some(address) => failure.next(format!(
                    "openssl s_client -showcerts -connect {address} </dev/null"
                )),
                None => failure,
            }
        }
        // What rustls says of an answer that is no TLS.
        http::Error::Unreachable { reason, .. } if reason.contains("InvalidContentType") => failure
            .with_kind(Kind::Usage)
            .detail("the port does not speak TLS: another one does, or http:// is meant")
            .next(format!("the same command with {flag} URL")),
        http::Error::Broken { .. } if url.starts_with("http://") => failure
            .detail("the port may speak TLS: https:// instead of http://")
            .next("the same command in a minute"),
        http::Error::Address { .. }
        | http::Error::Unreadable(_)
        | http::Error::Authorities { .. } => failure.with_kind(Kind::Usage),
        http::Error::Setup { .. } => failure.with_kind(Kind::Failed),
        _ => failure.next("the same command in a minute"),
    }
}

/// Host and port, as programs other than browsers want them.
fn connected(url: &str) -> Option<String> {
    let endpoint = Endpoint::of(url).ok()?;
    let is_v6 = endpoint.address().is_some_and(|address| address.is_ipv6());
    Some(match is_v6 {
        true => format!("[{}]:{}", endpoint.host, endpoint.port),
        false => format!("{}:{}", endpoint.host, endpoint.port),
    })
}
