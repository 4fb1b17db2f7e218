//! The lab's certificates: one authority, which signs everybody.

use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

/// What went wrong with keys and certificates.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A certificate could not be made.
    #[error("cannot make the certificate of {name}")]
    Certificate {
        /// Its common name.
        name: String,
        /// Why it failed.
        source: rcgen::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// A certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// The lab's certificate authority.
#[derive(Debug)]
pub(crate) struct Authority {
    identity: Identity,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new authority.
    pub(crate) fn new(name: &str) -> Result<Self, Error> {
        let make = || {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![
                KeyUsagePurpose::KeyCertSign,
                KeyUsagePurpose::DigitalSignature,
            ];
            let key = KeyPair::generate()?;
            let certificate = params.self_signed(&key)?.pem();
            let identity = Identity {
                certificate,
                key: key.serialize_pem(),
            };
            Ok(Self {
                identity,
                issuer: Issuer::new(params, key),
            })
        };
        make().map_err(|source| Error::Certificate {
            name: name.to_owned(),
            source,
        })
    }

    /// The authority's own certificate and key.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// A server that answers under these names and addresses.
    pub(crate) fn server(
        &self,
        name: &str,
        names: &[&str],
        addresses: &[Ipv4Addr],
    ) -> Result<Identity, Error> {
        let make = || {
            let names = names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>();
            let mut params = CertificateParams::new(names)?;
            let addresses = addresses
                .iter()
                .copied()
                .map(IpAddr::V4)
                .map(SanType::IpAddress);
            params.subject_alt_names.extend(addresses);
            self.sign(params, name, None, ExtendedKeyUsagePurpose::ServerAuth)
        };
        make().map_err(|source| Error::Certificate {
            name: name.to_owned(),
            source,
        })
    }

    /// A client that Kubernetes knows as user `name`, in `group` if one is given.
    pub(crate) fn client(&self, name: &str, group: Option<&str>) -> Result<Identity, Error> {
        let purpose = ExtendedKeyUsagePurpose::ClientAuth;
        self.sign(CertificateParams::default(), name, group, purpose)
            .map_err(|source| Error::Certificate {
                name: name.to_owned(),
                source,
            })
    }

    fn sign(
        &self,
        mut params: CertificateParams,
        name: &str,
        group: Option<&str>,
        purpose: ExtendedKeyUsagePurpose,
    ) -> Result<Identity, rcgen::Error> {
        params.distinguished_name.push(DnType::CommonName, name);
        if let Some(group) = group {
            params
                .distinguished_name
                .push(DnType::OrganizationName, group);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Identity {
            certificate,
            key: key.serialize_pem(),
        })
    }
}

/// A server's certificate for these addresses that nobody signed but itself.
pub(crate) fn self_signed(name: &str, addresses: &[Ipv4Addr]) -> Result<Identity, Error> {
    let make = || {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        let addresses = addresses.iter().copied().map(IpAddr::V4);
        params.subject_alt_names = addresses.map(SanType::IpAddress).collect();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        Ok(Identity {
            certificate: params.self_signed(&key)?.pem(),
            key: key.serialize_pem(),
        })
    };
    make().map_err(|source| Error::Certificate {
        name: name.to_owned(),
        source,
    })
}

/// The key that signs service account tokens: private and public half, in PEM.
pub(crate) fn signing_key() -> Result<(String, String), Error> {
    let key = KeyPair::generate().map_err(|source| Error::Certificate {
        name: "service accounts".to_owned(),
        source,
    })?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}

/// Writes a file that only root may read.
pub(crate) fn write_private(path: &Path, content: &str) -> Result<(), Error> {
    let write = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(content.as_bytes())
    };
    write().map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::run;
    use std::process::Command;

    #[test]
    fn openssl_accepts_the_chain_and_sees_names_and_groups() {
        if run(Command::new("openssl").arg("version")).is_err() {
            return crate::skip(
                "openssl_accepts_the_chain_and_sees_names_and_groups",
                "openssl",
            );
        }
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let authority = Authority::new("lab").unwrap();
        let server = authority
            .server(
                "kube-apiserver",
                &["kubernetes.default.svc"],
                &[Ipv4Addr::new(10, 200, 7, 2)],
            )
            .unwrap();
        let client = authority.client("admin", Some("system:masters")).unwrap();
        write_private(&path("ca"), &authority.identity().certificate).unwrap();
        write_private(&path("server"), &server.certificate).unwrap();
        write_private(&path("client"), &client.certificate).unwrap();

        let openssl = |arguments: &[&str]| {
            run(Command::new("openssl")
                .args(arguments)
                .current_dir(folder.path()))
            .unwrap()
        };
        openssl(&["verify", "-CAfile", "ca", "-purpose", "sslserver", "server"]);
        openssl(&["verify", "-CAfile", "ca", "-purpose", "sslclient", "client"]);
        let names = openssl(&["x509", "-in", "server", "-noout", "-ext", "subjectAltName"]);
        assert!(names.contains("DNS:kubernetes.default.svc"), "{names}");
        assert!(names.contains("IP Address:10.200.7.2"), "{names}");
        let subject = openssl(&["x509", "-in", "client", "-noout", "-subject"]);
        assert!(
            subject.contains("O = system:masters") && subject.contains("CN = admin"),
            "{subject}"
        );
    }
}
