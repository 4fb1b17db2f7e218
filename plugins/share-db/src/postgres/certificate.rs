use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use rustls::{
    CertificateError,
    client::danger::ServerCertVerifier,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::tls;

/// What a server presented as its own in a TLS handshake whose signature was right.
#[derive(Clone, Debug)]
pub(crate) struct Presented {
    server: CertificateDer<'static>,
    /// The certificates between its own and its authority's.
    intermediates: Vec<CertificateDer<'static>>,
}

impl Presented {
    pub(super) fn of(server: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Self {
        Self {
            server: server.clone().into_owned(),
            intermediates: intermediates
                .iter()
                .map(|certificate| certificate.clone().into_owned())
                .collect(),
        }
    }

    /// The first of the names that it is valid for, as a client with this authority (PEM) sees it;
    /// `None` where it is for others only.
    ///
    /// # Errors
    /// It is not of this authority, or not valid at this time.
    pub(crate) fn name_among<'n>(
        &self,
        names: &'n [String],
        authority: &[u8],
        now: Timestamp,
    ) -> Result<Option<&'n str>, rustls::Error> {
        let verifier = tls::webpki(authority, &Arc::new(ring::default_provider()))?;
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        for name in names {
            let Ok(server_name) = ServerName::try_from(name.as_str()) else {
                continue;
            };
            let verified = verifier.verify_server_cert(
                &self.server,
                &self.intermediates,
                &server_name,
                &[],
                now,
            );
            match verified {
                Ok(_) => return Ok(Some(name)),
                // Checked after everything else.
                Err(rustls::Error::InvalidCertificate(
                    CertificateError::NotValidForName
                    | CertificateError::NotValidForNameContext { .. },
                )) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    use super::*;

    /// An authority (PEM), and what a server with a certificate of it for these names presents.
    fn server_of(names: &[&str]) -> (String, Presented) {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let server = CertificateParams::new(names)
            .unwrap()
            .signed_by(&KeyPair::generate().unwrap(), &authority)
            .unwrap();
        (authority.pem(), Presented::of(server.der(), &[]))
    }

    fn now() -> Timestamp {
        "2030-01-01T00:00:00Z".parse().unwrap()
    }

    fn names() -> Vec<String> {
        ["db.me.svc", "db.me.svc.cluster.local"]
            .map(str::to_owned)
            .to_vec()
    }

    #[test]
    fn the_first_name_that_fits_is_told() {
        let now = now();
        for (of_certificate, told) in [
            (
                &["db.me.svc.cluster.local", "db"][..],
                Some("db.me.svc.cluster.local"),
            ),
            (&["db.me.svc.cluster.local", "db.me.svc"], Some("db.me.svc")),
            (&["*.me.svc.cluster.local"], Some("db.me.svc.cluster.local")),
            (&["db", "db-hl.me.svc.cluster.local"], None),
        ] {
            let (authority, presented) = server_of(of_certificate);
            let names = names();
            let found = presented.name_among(&names, authority.as_bytes(), now);
            assert_eq!(found.unwrap(), told, "{of_certificate:?}");
        }
    }

    #[test]
    fn no_name_makes_up_for_another_authority_or_for_its_time() {
        let (authority, presented) = server_of(&["db.me.svc"]);
        let (strangers, _) = server_of(&["db.me.svc"]);
        let names = names();
        let found = |authority: &str, now| presented.name_among(&names, authority.as_bytes(), now);
        found(&authority, now()).unwrap();
        found(&strangers, now()).unwrap_err();
        found("no certificate", now()).unwrap_err();
        found(&authority, Timestamp::UNIX_EPOCH).unwrap_err();
    }
}
