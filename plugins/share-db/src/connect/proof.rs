use std::time::{Duration, Instant};

use datalab_core::{
    report::{Failure, Kind},
    world::{DialError, World},
};
use tokio::time::{sleep, timeout};

use super::{endpoint::Endpoint, login::SharedLogin, watched::Watched};
use crate::{
    postgres::{Credential, Encryption, LoginError, try_login},
    relay::{Address, Carrier, CarryError, OwnPod},
};

/// How long a way to the database is tried: a failover takes a few seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(300);

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
    let address = Address {
        host: login.host.clone(),
        port: login.port,
    };
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
    if seen.heard {
        return Err(Unproven::NotLetIn(error));
    }
    match &seen.program {
        Some(program) if OwnPod::lacks_a_program(program) => {
            Err(Unproven::Unfit(program.to_string()))
        }
        _ => Err(Unproven::NotReached(closed(
            address,
            seen.failure
                .as_deref()
                .unwrap_or("the connection is closed without an answer"),
        ))),
    }
}

fn closed(address: &Address, why: &str) -> Failure {
    let Address { host, port } = address;
    let problem = format!("{host}:{port} does not take connections");
    let failure = if why.contains(&problem) || why.contains(&format!("{host}:{port} does not")) {
        Failure::new(Kind::Unreachable, why)
    } else {
        Failure::new(Kind::Unreachable, problem).detail(why)
    };
    failure.detail(
        "the database is down, or a NetworkPolicy (of its namespace, or for egress of yours) forbids it",
    )
}

/// What a person reads when the server does not let the share's login in.
pub(super) fn not_let_in(error: LoginError, login: &SharedLogin) -> Failure {
    let is_certificate = matches!(
        &error,
        LoginError::Tls {
            source: rustls::Error::InvalidCertificate(_)
        }
    );
    let is_refused = error.is_refused();
    let failure = Failure::from(error);
    if is_certificate {
        failure
            .detail(format!(
                "the share has the certificate of the authority, and calls the server {}",
                login.host
            ))
            .next("the same command with --sslmode verify-ca, if only the name is wrong")
            .next("ask the owner to grant again, if the authority is new")
    } else if is_refused {
        failure.next("ask the owner to grant again: the same terms mend a login")
    } else {
        failure
    }
}
