use std::{net::Ipv4Addr, path::PathBuf};

use data_encoding::HEXLOWER;
use datalab_core::{
    report::{Failure, Kind},
    world::{World, write_whole},
};
use sha2::{Digest, Sha256};

use super::login::SharedLogin;

/// Hex digits of a certificate file's name: enough to tell authorities apart.
const DIGITS: usize = 16;

/// How the server is known, in libpq's words.
///
/// <https://www.postgresql.org/docs/current/libpq-ssl.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SslMode {
    /// TLS with a certificate of the share's authority, for the server's name
    VerifyFull,
    /// TLS with a certificate of the share's authority, for any name
    VerifyCa,
    /// TLS with whoever answers
    Require,
}

/// Where a client connects, and how it knows the server.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// What the server is called, by its certificate too.
    pub(super) host: String,
    /// Where it is to be found instead.
    pub(super) address: Option<Ipv4Addr>,
    pub(super) port: u16,
    pub(super) ssl_mode: &'static str,
    /// The authority's certificate, as a file.
    pub(super) root_certificate: Option<PathBuf>,
}

impl Endpoint {
    /// The database's Service itself.
    ///
    /// # Errors
    /// The authority's certificate cannot be written to the cache.
    pub(super) fn of(
        world: &World,
        login: &SharedLogin,
        mode: Option<SslMode>,
    ) -> Result<Self, Failure> {
        let ssl_mode = match (mode, &login.authority) {
            (Some(SslMode::VerifyFull), _) | (None, Some(_)) => "verify-full",
            (Some(SslMode::VerifyCa), _) => "verify-ca",
            (Some(SslMode::Require), _) => "require",
            (None, None) => "prefer",
        };
        let authority = login
            .authority
            .as_deref()
            .filter(|_| ssl_mode.starts_with("verify"));
        if authority.is_none() && ssl_mode.starts_with("verify") {
            return Err(Failure::new(
                Kind::Usage,
                format!("--sslmode {ssl_mode}: the share has no certificate of an authority"),
            )
            .detail("the owner's next grant adds it, once the database has one"));
        }
        Ok(Self {
            host: login.host.clone(),
            address: None,
            port: login.port,
            ssl_mode,
            root_certificate: authority
                .map(|authority| file_of(world, authority))
                .transpose()?,
        })
    }

    /// The same server, by a port of this machine.
    pub(super) fn through(self, port: u16) -> Self {
        match self.ssl_mode {
            // Clients other than libpq know no address beside the name, so the name is left out
            // where nothing depends on it.
            "verify-full" => Self {
                address: Some(Ipv4Addr::LOCALHOST),
                port,
                ..self
            },
            _ => Self {
                host: Ipv4Addr::LOCALHOST.to_string(),
                port,
                ..self
            },
        }
    }
}

/// The certificate as a file for the client to read. It is named by what is in it, and no secret:
/// it may stay, for the next connect and for whoever still has the path.
fn file_of(world: &World, authority: &[u8]) -> Result<PathBuf, Failure> {
    let cannot = || {
        Failure::new(
            Kind::Failed,
            "the certificate of the database's authority cannot be kept for the client to read",
        )
        .next("the same command after: export XDG_CACHE_HOME=\"$(mktemp -d)\"")
    };
    let folder = world
        .environment()
        .cache()
        .ok_or_else(|| cannot().detail("neither XDG_CACHE_HOME nor HOME is set"))?;
    let digest = HEXLOWER.encode(&Sha256::digest(authority));
    let path = folder
        .join("share-db")
        .join(format!("ca-{}.pem", &digest[..DIGITS]));
    write_whole(&path, authority).map_err(|error| cannot().caused_by(&error))?;
    Ok(path)
}
