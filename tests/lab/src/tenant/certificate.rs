//! Users by the CertificateSigningRequest API, as every cluster has it.

use std::thread;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use rcgen::{CertificateParams, DnType, KeyPair};

use super::manifest;
use super::stage::Stage;

/// The controller that signs answers within a second; a cluster where nobody signs never does.
const SIGNATURE: Duration = Duration::from_secs(30);

/// A user's certificate and its key, both PEM.
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// A signing request that waits for its approval.
pub(super) struct Request {
    name: String,
    key: KeyPair,
    /// The object to create.
    pub(super) object: serde_json::Value,
}

impl Request {
    /// A request named `name` for a user (the certificate's CN), in a group or in none (its O).
    pub(super) fn new(name: String, user: &str, group: Option<&str>) -> Self {
        let key = KeyPair::generate().expect("because the system's random generator works");
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, user);
        if let Some(group) = group {
            params
                .distinguished_name
                .push(DnType::OrganizationName, group);
        }
        let pem = params
            .serialize_request(&key)
            .and_then(|request| request.pem())
            .expect("because a request of a name and a group can be signed by its own key");
        let object = manifest::object(
            include_str!("../../manifests/certificate.yaml"),
            &[("name", &name), ("request", &BASE64.encode(pem.as_bytes()))],
        );
        Self { name, key, object }
    }

    /// Approves the created request and waits for the certificate.
    ///
    /// # Panics
    /// When nobody signs it.
    #[track_caller]
    pub(super) fn approve(self, stage: &Stage) -> Identity {
        stage
            .kubectl(["certificate", "approve", &self.name])
            .run()
            .ok();
        let started = Instant::now();
        let certificate = loop {
            let issued = stage
                .kubectl([
                    "get",
                    "csr",
                    &self.name,
                    "--output=jsonpath={.status.certificate}",
                ])
                .run()
                .ok();
            if !issued.is_empty() {
                break BASE64
                    .decode(issued.as_bytes())
                    .expect("because Kubernetes writes bytes as base64");
            }
            assert!(
                started.elapsed() < SIGNATURE,
                "no certificate for {} after {SIGNATURE:?}",
                self.name
            );
            thread::sleep(Duration::from_millis(100));
        };
        let certificate =
            String::from_utf8(certificate).expect("because certificates are issued as PEM");
        Identity {
            certificate,
            key: self.key.serialize_pem(),
        }
    }
}
