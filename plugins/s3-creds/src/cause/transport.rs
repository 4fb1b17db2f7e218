use datalab_core::{
    http,
    report::{Failure, Kind},
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
        match error {
            // No authority makes a name another one.
            http::Error::Certificate { reason, .. } if reason.starts_with("it is for") => failure
                .with_kind(Kind::Refused)
                .next("the same command with the server by the name that its certificate has: --endpoint, --sts-endpoint"),
            http::Error::Certificate { .. } => failure
                .with_kind(Kind::Refused)
                .detail("programs that use the keys need the same file: AWS_CA_BUNDLE for AWS SDKs and CLI (rclone 1.60 fails with it)")
                .next("the same command with --ca-file FILE, from the platform's administrator")
                .next(format!(
                    "openssl s_client -showcerts -connect {} </dev/null, for who signs there",
                    self.sts_url.split_once("://").map_or(self.sts_url, |(_, rest)| rest)
                )),
            http::Error::Redirected { .. } => failure
                .with_kind(Kind::Usage)
                .detail("a token is not sent after a redirect; this is a login page, a console, or http for https")
                .next("the same command with --sts-endpoint URL"),
            http::Error::TooLong { .. } => failure
                .with_kind(Kind::Usage)
                .next("the same command with --sts-endpoint URL"),
            // What rustls says of an answer that is no TLS.
            http::Error::Unreachable { reason, .. } if reason.contains("InvalidContentType") => failure
                .with_kind(Kind::Usage)
                .detail("the port does not speak TLS")
                .next("the same command with http://, if that is safe there, or another port"),
            http::Error::Broken { .. } if self.sts_url.starts_with("http://") => failure
                .detail("the port may speak TLS: https:// instead of http://")
                .next("the same command in a minute"),
            http::Error::Address { .. } | http::Error::Unreadable(_) | http::Error::Authorities { .. } => {
                failure.with_kind(Kind::Usage)
            }
            _ => failure.detail("it was asked four times").next("the same command in a minute"),
        }
    }
}
