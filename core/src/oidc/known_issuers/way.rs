use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// How a kubeconfig leads to an API server, beside its URL: whoever chooses these chooses who reads
/// what is sent there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way<'a> {
    /// Certificate authorities of its own, as PEM.
    pub authorities: Option<&'a [u8]>,
    /// Whether its certificate is not checked at all.
    pub is_insecure: bool,
    /// A proxy of its own.
    pub proxy: Option<&'a str>,
    /// A name of its own to check the certificate against.
    pub tls_server_name: Option<&'a str>,
}

/// Stands between a server's URL and the digest of the way to it.
const BY: &str = " by ";

impl Way<'_> {
    /// A server by this way, as it is kept: its URL, and a digest of what is beside it, if anything.
    pub fn to(self, url: &str) -> String {
        let url = url.trim_end_matches('/');
        if self == Self::default() {
            return url.to_owned();
        }
        let mut digest = Sha256::new();
        let parts = [
            self.authorities,
            self.proxy.map(str::as_bytes),
            self.tls_server_name.map(str::as_bytes),
        ];
        for part in parts {
            // With the length before it, no two lists of parts are the same bytes.
            digest.update((part.map_or(0, <[u8]>::len) as u64).to_be_bytes());
            digest.update(part.unwrap_or_default());
        }
        digest.update([u8::from(self.is_insecure)]);
        let digest = HEXLOWER.encode(&digest.finalize()[..8]);
        format!("{url}{BY}{digest}")
    }
}

/// The URL of a server as it is kept, and whether it has a way of its own.
pub fn server_url(kept: &str) -> (&str, bool) {
    match kept.split_once(BY) {
        Some((url, _)) => (url, true),
        None => (kept, false),
    }
}
