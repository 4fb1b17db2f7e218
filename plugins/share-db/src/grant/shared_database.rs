use datalab_core::report::{Failure, Kind};

use super::request::GrantRequest;
use crate::{
    catalogue::{CatalogueNames, Database},
    postgres::{self, Credential, Facts, Server, Session},
};

/// The database inside the server that is shared, with a superuser's session of it.
pub(crate) struct SharedDatabase {
    pub(crate) facts: Facts,
    /// The role that owns it; its future tables are opened too.
    pub(crate) owner: String,
    pub(crate) session: Session,
}

/// Logs in to the server, and to the database that is meant.
///
/// # Errors
/// The password does not fit, the pod is a standby, its user is no superuser, or no database is
/// clearly the one that is meant.
pub(super) async fn open(
    server: &Server,
    superuser: &Credential,
    secret: &str,
    request: &GrantRequest,
    names: &CatalogueNames,
    database: &Database,
) -> Result<SharedDatabase, Failure> {
    let explain = |error: postgres::LoginError| {
        let refused = error.is_refused();
        let failure = Failure::from(error);
        if refused {
            failure
                .detail(format!("the password of {:?} in Secret {secret} is not the one in the database; share-db never resets one", superuser.user))
                .next("the same command with --superuser-secret NAME, a Secret with the keys username and password")
        } else {
            failure
        }
    };
    let base = server.login(superuser, "postgres").await.map_err(explain)?;
    let facts = Facts::read(&base).await?;
    if facts.is_standby {
        return Err(Failure::new(
            Kind::Unreachable,
            format!(
                "pod {} is a standby: database {} is between two primaries",
                server.pod, database.name
            ),
        )
        .next("the same command with --wait"));
    }
    if !facts.is_superuser {
        return Err(Failure::new(
            Kind::NotFound,
            format!("{:?}, whose password is in Secret {secret}, is no superuser of database {}", facts.user, database.name),
        )
        .detail("without a superuser no login of its own can be made, and share-db never resets a password")
        .next("the same command with --superuser-secret NAME, a Secret with the keys username and password"));
    }
    let chosen = chosen_database(&facts, request, names)?;
    let owner = names
        .owner
        .clone()
        .filter(|owner| *owner != facts.user)
        .unwrap_or(chosen.owner.clone());
    let session = if chosen.name == base.database() {
        base
    } else {
        server.login(superuser, &chosen.name).await?
    };
    Ok(SharedDatabase {
        facts,
        owner,
        session,
    })
}

fn chosen_database<'f>(
    facts: &'f Facts,
    request: &GrantRequest,
    names: &CatalogueNames,
) -> Result<&'f postgres::DatabaseFact, Failure> {
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
    let mut own = facts
        .databases
        .iter()
        .filter(|database| database.name != "postgres");
    match (own.next(), own.next()) {
        (Some(database), None) => Ok(database),
        (None, _) => named(&"postgres".to_owned())
            .ok_or_else(|| refused("the server has no database".to_owned())),
        _ => Err(refused(
            "the server has several databases; name one".to_owned(),
        )),
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
