use datalab_core::{
    cluster::{
        Cluster,
        api::api::core::v1::{Pod, Secret as SecretObject},
    },
    report::{Failure, Kind},
    words::{ObjectName, Secret},
};

use super::{Database, Engine, primary};
use crate::postgres::{Credential, Superuser};

/// A place where charts and operators keep the superuser's password.
#[derive(Clone, Debug)]
struct Place {
    secret: String,
    user: User,
    password_key: String,
}

#[derive(Clone, Debug)]
enum User {
    Named(String),
    InKey(&'static str),
}

/// The superuser's credential, read from where the catalogue keeps it, or from the Secret that the
/// user names. A password is only ever read, never set.
///
/// # Errors
/// There is none in any of those places; the failure names them.
pub(crate) async fn superuser(
    cluster: &Cluster,
    database: &Database,
    pod: &Pod,
    named: Option<&ObjectName>,
) -> Result<(Credential, String), Failure> {
    let places = match named {
        Some(name) => places_in(name.as_str()),
        None => known_places(database, pod),
    };
    let mut tried = Vec::new();
    for place in &places {
        let found = cluster
            .get::<SecretObject>(&database.namespace, &place.secret)
            .await?;
        tried.push(format!(
            "Secret {} (key {})",
            place.secret, place.password_key
        ));
        if let Some(credential) = found.and_then(|secret| credential(&secret, place)) {
            return Ok((credential, place.secret.clone()));
        }
    }
    tried.dedup();
    let failure = Failure::new(
        Kind::NotFound,
        format!(
            "no superuser password of database {} is stored in namespace {}",
            database.name, database.namespace
        ),
    );
    Err(tried
        .into_iter()
        .fold(failure, |failure, place| failure.detail(format!("not there: {place}")))
        .detail("without a superuser no login of its own can be made, and share-db never resets a password")
        .state("nothing was changed")
        .next(format!(
            "kubectl create secret generic my-superuser -n {} --from-literal=username=postgres --from-file=password=/dev/stdin",
            database.namespace
        ))
        .next("the same command with --superuser-secret my-superuser"))
}

/// The superuser of a database that is up; not logged in yet.
///
/// # Errors
/// It has no primary, or no superuser's password is stored.
pub(crate) async fn administered(
    cluster: &Cluster,
    database: &Database,
    named: Option<&ObjectName>,
) -> Result<Superuser, Failure> {
    let primary = primary(cluster, database).await?;
    let (credential, _) = superuser(cluster, database, &primary.pod, named).await?;
    Ok(Superuser::new(
        primary.server(cluster, database),
        credential,
    ))
}

fn known_places(database: &Database, pod: &Pod) -> Vec<Place> {
    // CloudNativePG, with enableSuperuserAccess.
    let operators = Place {
        secret: format!("{}-superuser", database.name),
        user: User::InKey("username"),
        password_key: "password".into(),
    };
    // Bitnami's chart, with auth.enablePostgresUser.
    let charts = Place {
        secret: database.name.clone(),
        user: User::Named("postgres".into()),
        password_key: "postgres-password".into(),
    };
    // Each place is a request, so the likely one comes first.
    let mut places = match database.engine {
        Engine::CloudNativePg => vec![operators, charts],
        Engine::Chart => vec![charts, operators],
    };
    places.extend(place_in_environment(pod));
    places
}

fn places_in(secret: &str) -> Vec<Place> {
    let place = |user, key: &str| Place {
        secret: secret.to_owned(),
        user,
        password_key: key.to_owned(),
    };
    vec![
        place(User::InKey("username"), "password"),
        place(User::Named("postgres".into()), "postgres-password"),
    ]
}

/// Images whose superuser is named by their environment: the official one (`POSTGRES_USER`,
/// `POSTGRES_PASSWORD`) and Bitnami's with a Secret of one's own (`POSTGRES_POSTGRES_PASSWORD`).
fn place_in_environment(pod: &Pod) -> Option<Place> {
    let variables = pod
        .spec
        .iter()
        .flat_map(|spec| &spec.containers)
        .flat_map(|container| container.env.iter().flatten());
    let find = |name: &str| variables.clone().find(|variable| variable.name == name);
    let reference = |name: &str| {
        let source = find(name)?.value_from.as_ref()?.secret_key_ref.as_ref()?;
        Some((source.name.clone(), source.key.clone()))
    };
    let (user, (secret, password_key)) = match reference("POSTGRES_POSTGRES_PASSWORD") {
        Some(place) => ("postgres".to_owned(), place),
        None => {
            let user = find("POSTGRES_USER").and_then(|variable| variable.value.clone());
            (
                user.unwrap_or_else(|| "postgres".to_owned()),
                reference("POSTGRES_PASSWORD")?,
            )
        }
    };
    Some(Place {
        secret,
        user: User::Named(user),
        password_key,
    })
}

fn credential(secret: &SecretObject, place: &Place) -> Option<Credential> {
    let text = |key: &str| {
        let value = secret.data.as_ref()?.get(key)?;
        String::from_utf8(value.0.clone())
            .ok()
            .filter(|text| !text.is_empty())
    };
    Some(Credential {
        user: match &place.user {
            User::Named(user) => user.clone(),
            User::InKey(key) => text(key)?,
        },
        password: Secret::new(text(&place.password_key)?),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_official_image_names_its_superuser() {
        let pod = serde_json::from_value(json!({
            "spec": {"containers": [{"name": "db", "env": [
                {"name": "POSTGRES_USER", "value": "root"},
                {"name": "POSTGRES_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "pw"}}},
            ]}]},
        }))
        .unwrap();
        let place = place_in_environment(&pod).unwrap();
        assert!(matches!(place.user, User::Named(ref user) if user == "root"));
        assert_eq!(
            (place.secret.as_str(), place.password_key.as_str()),
            ("db", "pw")
        );
        assert!(place_in_environment(&Pod::default()).is_none());
    }
}
