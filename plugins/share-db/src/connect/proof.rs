use std::time::{Duration, Instant};

use datalab_core::{
    report::{Failure, Kind},
    world::{DialError, World},
};
use rustls::CertificateError;
use tokio::time::{sleep, timeout};

use super::{endpoint::Endpoint, login::SharedLogin, watched::Watched};
use crate::{
    postgres::{Credential, Encryption, LoginError, try_login},
    relay::{Address, Carrier, CarryError, OwnPod},
};

/// How long a way to the database is tried: a failover takes a few seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pause between two tries.
pub(super) const PAUSE: Duration = Duration::from_millis(300);

/// How long a login may take.
const LOGIN_LIMIT: Duration = Duration::from_secs(15);

/// Why the share's login did not get in.
#[derive(Debug)]
pub(super) enum Unproven {
    /// This carrier cannot carry; another may.
    Unfit(String),
    /// Nothing answers at the end of the way.
    NotReached(Failure),
    /// The server answers, and does not let the login in.
    NotLetIn(LoginError),
}

/// Logs in once, and out again: whatever stands in the way is said before a command is started, in
/// words, and not by whatever client comes.
pub(super) async fn prove(
    world: &World,
    carrier: &Carrier,
    login: &SharedLogin,
    endpoint: &Endpoint,
) -> Result<(), Unproven> {
    let address = login.address();
    let begun = Instant::now();
    let mut encryption = encryption(login, endpoint);
    loop {
        let failed = match attempt(world, carrier, &address, login, encryption).await {
            Err(Unproven::NotLetIn(error))
                if error.wants_encryption() && matches!(encryption, Encryption::Off) =>
            {
                encryption = Encryption::WithAnyone;
                continue;
            }
            Ok(()) => return Ok(()),
            Err(failed) => failed,
        };
        let may_pass = match &failed {
            Unproven::NotReached(_) => true,
            Unproven::NotLetIn(error) => matches!(error, LoginError::NotReady { .. }),
            Unproven::Unfit(_) => false,
        };
        if !may_pass || begun.elapsed() + PAUSE > PATIENCE {
            return Err(failed);
        }
        sleep(PAUSE).await;
    }
}

fn encryption<'a>(login: &'a SharedLogin, endpoint: &Endpoint) -> Encryption<'a> {
    match (endpoint.ssl_mode, login.authority.as_deref()) {
        ("verify-full", Some(authority)) => Encryption::With {
            authority,
            name: Some(&login.host),
        },
        ("verify-ca", Some(authority)) => Encryption::With {
            authority,
            name: None,
        },
        ("prefer", _) => Encryption::Off,
        _ => Encryption::WithAnyone,
    }
}

async fn attempt(
    world: &World,
    carrier: &Carrier,
    address: &Address,
    login: &SharedLogin,
    encryption: Encryption<'_>,
) -> Result<(), Unproven> {
    let stream = match carrier.open(world, address).await {
        Ok(stream) => stream,
        Err(CarryError::Dial(error @ DialError::UnknownName { .. })) => {
            return Err(Unproven::Unfit(error.to_string()));
        }
        Err(CarryError::Dial(error)) => {
            return Err(Unproven::NotReached(closed(address, &error.to_string())));
        }
        Err(CarryError::Cluster(error)) => {
            return Err(match carrier {
                Carrier::Pod(_) => Unproven::Unfit(error.to_string()),
                _ => Unproven::NotReached(error.into()),
            });
        }
    };
    let (stream, seen) = Watched::new(stream);
    let credential = Credential {
        user: login.user.clone(),
        password: login.password.clone(),
    };
    let tried = timeout(
        LOGIN_LIMIT,
        try_login(stream, &credential, &login.database, encryption),
    );
    let error = match tried.await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error,
        Err(_) => LoginError::TimedOut,
    };
    let seen = seen
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    // TLS that cannot even begin, for want of an authority, has heard nothing either.
    if seen.heard || matches!(error, LoginError::Tls { .. }) {
        return Err(Unproven::NotLetIn(error));
    }
    if let Some(why) = seen.program.as_ref().and_then(OwnPod::unfit) {
        return Err(Unproven::Unfit(why));
    }
    let why = seen.failure.as_deref();
    Err(Unproven::NotReached(closed(
        address,
        why.unwrap_or("the connection is closed without an answer"),
    )))
}

fn closed(address: &Address, why: &str) -> Failure {
    let Address { host, port } = address;
    let failure = if why.contains(&format!("{host}:{port} does not")) {
        Failure::new(Kind::Unreachable, why)
    } else {
        let problem = format!("{host}:{port} does not take connections");
        Failure::new(Kind::Unreachable, problem).detail(why)
    };
    failure.detail(
        "the database is down, or a NetworkPolicy (of its namespace, or for egress of yours) forbids it",
    )
}

/// What a person reads when the server does not let the share's login in.
pub(super) fn not_let_in(error: LoginError, login: &SharedLogin) -> Failure {
    match &error {
        LoginError::Tls {
            source: rustls::Error::InvalidCertificate(problem),
        } => not_trusted(problem, login),
        LoginError::Tls { .. } => Failure::from(error)
            .next("ask the owner to grant again: the same terms mend the share's certificate"),
        LoginError::Refused { .. } => {
            Failure::from(error).next("ask the owner to grant again: the same terms mend a login")
        }
        LoginError::TooManyConnections { .. } => Failure::from(error)
            .next("ask the owner for a larger --connection-limit, if it is the login's"),
        _ => error.into(),
    }
}

/// What a person reads when the server's certificate is not the one that the share promises.
fn not_trusted(problem: &CertificateError, login: &SharedLogin) -> Failure {
    let host = &login.host;
    let failure = |why: &str| {
        Failure::new(
            Kind::Failed,
            format!("the server that answers is not known to be {host}: {why}"),
        )
    };
    match problem {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            failure("its certificate is of another authority than the share's")
                .detail("the database has a new authority, or this is somebody else's server")
                .next("ask the owner to grant again: that renews the share's authority")
        }
        CertificateError::NotValidForName => failure("its certificate is for other names")
            .next("the same command with --sslmode verify-ca, which asks for no name"),
        CertificateError::NotValidForNameContext { presented, .. } => {
            failure("its certificate is for other names")
                .detail(presented.join(", "))
                .next("the same command with --sslmode verify-ca, which asks for no name")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            failure("its certificate has expired")
                .next("ask the owner to renew the database's certificate")
        }
        other => failure("its certificate is not valid")
            .detail(other.to_string())
            .next("ask the owner to look at the database's certificate"),
    }
}

#[cfg(test)]
mod tests {
    use datalab_core::words::Secret;

    use super::*;

    #[test]
    fn each_wrong_certificate_is_told_apart() {
        let login = SharedLogin {
            host: "db.user-me.svc".into(),
            port: 5432,
            database: "defaultdb".into(),
            user: "share_user-x_1".into(),
            password: Secret::new("pw".into()),
            authority: None,
        };
        let told = [
            CertificateError::UnknownIssuer,
            CertificateError::NotValidForName,
            CertificateError::Expired,
            CertificateError::Revoked,
        ]
        .map(|problem| not_trusted(&problem, &login).problem().to_owned());
        for (index, problem) in told.iter().enumerate() {
            assert!(problem.contains("db.user-me.svc"), "{problem}");
            assert!(!told[..index].contains(problem), "{problem}");
        }
    }
}
