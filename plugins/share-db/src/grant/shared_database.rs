use std::sync::Arc;

use datalab_core::report::{Failure, Kind};

use super::{request::GrantRequest, survey::Survey};
use crate::{
    catalogue::{self, ChartNames, Database, Engine, Primary},
    desk::Desk,
    postgres::{self, Credential, DatabaseFact, Facts, LoginError, Session, Superuser},
};

/// The database that every server has, and in which writers meet.
const MAINTENANCE: &str = "postgres";

/// The database and the role that CloudNativePG makes of itself when it is asked for none.
///
/// <https://cloudnative-pg.io/documentation/current/bootstrap/#bootstrap-an-empty-cluster-initdb>
const OPERATORS_OWN: &str = "app";

/// A server whose superuser is logged in.
pub(super) struct Opened {
    pub(super) primary: Primary,
    pub(super) superuser: Arc<Superuser>,
    /// The Secret that holds the superuser's password.
    pub(super) secret: String,
    pub(super) shared: SharedDatabase,
}

/// The database inside the server that is shared, with a superuser's session of it.
pub(crate) struct SharedDatabase {
    pub(crate) facts: Facts,
    /// The role that owns it; its future tables are opened too.
    pub(crate) owner: String,
    pub(crate) session: Arc<Session>,
}

/// Finds the primary and logs in to it, and to the database that is meant. A survey that was made
/// before, under whose superuser the lock is held now, has to be of the same server.
///
/// # Errors
/// There is no primary, the password does not fit, the pod is a standby, its user is no superuser,
/// or no database is clearly the one that is meant.
pub(super) async fn open(
    desk: &Desk<'_>,
    request: &GrantRequest,
    database: &Database,
    before: Option<&Survey>,
) -> Result<Opened, Failure> {
    let cluster = &desk.cluster;
    let primary = catalogue::primary(cluster, database).await?;
    let (credential, secret) = catalogue::superuser(
        cluster,
        database,
        &primary.pod,
        request.superuser_secret.as_ref(),
    )
    .await?;
    let server = primary.server(cluster, database);
    let superuser = match before {
        None => Arc::new(Superuser::new(server, credential)),
        Some(before) if before.superuser.server.pod == server.pod => Arc::clone(&before.superuser),
        Some(_) => {
            return Err(Failure::new(
                Kind::Unreachable,
                format!(
                    "database {} has got another primary in the meantime",
                    database.name
                ),
            )
            .next("the same command again"));
        }
    };
    let names = ChartNames::in_environment(&primary.pod);
    let likely = request
        .sql_database
        .as_ref()
        .or(names.as_ref().and_then(|names| names.database.as_ref()));
    let (base, ahead) = futures::join!(superuser.session_seeing_certificate(MAINTENANCE), async {
        match likely {
            Some(likely) => Some(superuser.session(likely).await),
            None => None,
        }
    });
    let base = base.map_err(|error| refused(error, &superuser.credential, &secret))?;
    let facts = Facts::read(&base).await?;
    refuse_unfit(&facts, &superuser, &secret, database)?;
    let shared = choose(desk, request, database, names, facts, &superuser).await?;
    // The guess has served if it was right: then its session is the one that is kept.
    drop(ahead);
    Ok(Opened {
        primary,
        superuser,
        secret,
        shared,
    })
}

fn refused(error: LoginError, superuser: &Credential, secret: &str) -> Failure {
    let refused = error.is_refused();
    let failure = Failure::from(error);
    if refused {
        failure
            .detail(format!("the password of {:?} in Secret {secret} is not the one in the database; share-db never resets one", superuser.user))
            .next("the same command with --superuser-secret NAME, a Secret with the keys username and password")
    } else {
        failure
    }
}

fn refuse_unfit(
    facts: &Facts,
    superuser: &Superuser,
    secret: &str,
    database: &Database,
) -> Result<(), Failure> {
    if facts.is_standby {
        return Err(Failure::new(
            Kind::Unreachable,
            format!(
                "pod {} is a standby: database {} is between two primaries",
                superuser.server.pod, database.name
            ),
        ));
    }
    if !facts.is_superuser {
        return Err(Failure::new(
            Kind::NotFound,
            format!("{:?}, whose password is in Secret {secret}, is no superuser of database {}", facts.user, database.name),
        )
        .detail("without a superuser no login of its own can be made, and share-db never resets a password")
        .next("the same command with --superuser-secret NAME, a Secret with the keys username and password"));
    }
    Ok(())
}

/// The database that is meant, entered.
async fn choose(
    desk: &Desk<'_>,
    request: &GrantRequest,
    database: &Database,
    names: Option<ChartNames>,
    facts: Facts,
    superuser: &Superuser,
) -> Result<SharedDatabase, Failure> {
    let names = match names {
        Some(names) => names,
        // Only where the server's databases leave a choice is the platform asked for its name.
        None if request.sql_database.is_some() || only_one(&facts, database).is_some() => {
            ChartNames::default()
        }
        None => ChartNames::in_discovery(&desk.cluster, database).await?,
    };
    let chosen = chosen_database(&facts, request, &names, database)?;
    let owner = names
        .owner
        .filter(|owner| *owner != facts.user)
        .unwrap_or_else(|| chosen.owner.clone());
    let session = superuser.session(&chosen.name).await?;
    Ok(SharedDatabase {
        owner,
        session,
        facts,
    })
}

fn chosen_database<'f>(
    facts: &'f Facts,
    request: &GrantRequest,
    names: &ChartNames,
    database: &Database,
) -> Result<&'f DatabaseFact, Failure> {
    let named = |name: &String| {
        facts
            .databases
            .iter()
            .find(|database| database.name == *name)
    };
    let refused = |problem: String| {
        let failure = Failure::new(Kind::NotFound, problem);
        facts
            .databases
            .iter()
            .fold(failure, |failure, database| {
                failure.detail(format!("{} (owned by {})", database.name, database.owner))
            })
            .next("the same command with --database NAME")
    };
    if let Some(name) = &request.sql_database {
        return named(name)
            .ok_or_else(|| refused(format!("there is no database {name:?} in the server")));
    }
    if let Some(database) = names.database.as_ref().and_then(named) {
        return Ok(database);
    }
    match only_one(facts, database) {
        Some(database) => Ok(database),
        None if facts.databases.is_empty() => Err(refused("the server has no database".to_owned())),
        None => Err(refused(
            "the server has several databases; name one".to_owned(),
        )),
    }
}

/// The one database that somebody made: neither the one that every server has, nor the one that an
/// operator makes beside it. Each of the two counts where there is nothing else.
fn only_one<'f>(facts: &'f Facts, database: &Database) -> Option<&'f DatabaseFact> {
    let is_maintenance = |fact: &&DatabaseFact| fact.name == MAINTENANCE;
    let is_operators = |fact: &&DatabaseFact| {
        database.engine == Engine::CloudNativePg
            && fact.name == OPERATORS_OWN
            && fact.owner == OPERATORS_OWN
    };
    let all = || facts.databases.iter();
    let mut own = all().filter(|fact| !is_maintenance(fact) && !is_operators(fact));
    match (own.next(), own.next()) {
        (Some(one), None) => Some(one),
        (None, _) => all()
            .find(is_operators)
            .or_else(|| all().find(is_maintenance)),
        _ => None,
    }
}

/// The schemas that are opened: those that were named, else the owner's.
///
/// # Errors
/// One is not there, or the owner has none.
pub(super) async fn schemas(
    session: &Session,
    request: &GrantRequest,
    owner: &str,
) -> Result<Vec<String>, Failure> {
    let database = session.database();
    if request.schemas.is_empty() {
        let schemas = postgres::default_schemas(session, owner).await?;
        if schemas.is_empty() {
            return Err(Failure::new(
                Kind::NotFound,
                format!("role {owner:?} owns no schema in database {database:?}"),
            )
            .next("the same command with --schema NAME"));
        }
        return Ok(schemas);
    }
    let all = postgres::schemas(session).await?;
    let missing: Vec<String> = request
        .schemas
        .iter()
        .filter(|schema| !all.contains_key(*schema))
        .map(|schema| format!("{:?}", schema.chars().take(80).collect::<String>()))
        .collect();
    if missing.is_empty() {
        return Ok(request.schemas.clone());
    }
    let failure = Failure::new(
        Kind::NotFound,
        format!(
            "database {database:?} has no schema {} that can be shared",
            missing.join(", ")
        ),
    );
    Err(all
        .iter()
        .fold(failure, |failure, (schema, owner)| {
            failure.detail(format!("{schema} (owned by {owner})"))
        })
        .next("the same command with --schema NAME"))
}

/// Both make tables in practice: the owner, and the superuser in whose name migrations run.
pub(super) fn creators(owner: &str, facts: &Facts) -> Vec<String> {
    let mut creators = vec![owner.to_owned(), facts.user.clone()];
    creators.dedup();
    creators
}
