use datalab_core::cluster::{
    self, Cluster,
    api::api::core::v1::{Pod, Secret},
};

use super::Database;

/// What the chart made for the owner inside the server.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChartNames {
    pub(crate) database: Option<String>,
    /// The owner's role.
    pub(crate) owner: Option<String>,
}

impl ChartNames {
    /// Out of the pod's environment: `POSTGRES_DATABASE` is bitnami's image, `POSTGRES_DB` the
    /// official one. `None` where it does not name the database.
    pub(crate) fn in_environment(pod: &Pod) -> Option<Self> {
        let variables = pod
            .spec
            .iter()
            .flat_map(|spec| &spec.containers)
            .flat_map(|container| container.env.iter().flatten());
        let value = |name: &str| {
            variables
                .clone()
                .find(|variable| variable.name == name)
                .and_then(|variable| variable.value.clone())
                .filter(|value| !value.is_empty())
        };
        let database = value("POSTGRES_DATABASE").or_else(|| value("POSTGRES_DB"))?;
        Some(Self {
            database: Some(database),
            owner: value("POSTGRES_USER"),
        })
    }

    /// Out of `discoverable-NAME`, which other services of the platform read; it may be absent.
    pub(crate) async fn in_discovery(
        cluster: &Cluster,
        database: &Database,
    ) -> Result<Self, cluster::Error> {
        let name = format!("discoverable-{}", database.name);
        let secret = cluster.get::<Secret>(&database.namespace, &name).await?;
        let ending = |ending: &str| text(secret.as_ref()?, |key| key.ends_with(ending));
        Ok(Self {
            database: ending("-database"),
            owner: ending("-username"),
        })
    }
}

/// What the owner called a database in Onyxia, by what Onyxia notes of its release:
/// `sh.onyxia.release.v1.RELEASE`, which may be absent.
pub(crate) async fn friendly_name(
    cluster: &Cluster,
    database: &Database,
) -> Result<Option<String>, cluster::Error> {
    let name = format!("sh.onyxia.release.v1.{}", database.release);
    let secret = cluster.get::<Secret>(&database.namespace, &name).await?;
    Ok(secret.and_then(|secret| text(&secret, |key| key == "friendlyName")))
}

fn text(secret: &Secret, is_key: impl Fn(&str) -> bool) -> Option<String> {
    let (_, value) = secret.data.as_ref()?.iter().find(|(key, _)| is_key(key))?;
    String::from_utf8(value.0.clone())
        .ok()
        .filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn images_name_the_database_they_made() {
        let names = |variables: serde_json::Value| {
            let pod = json!({"spec": {"containers": [{"name": "db", "env": variables}]}});
            ChartNames::in_environment(&serde_json::from_value(pod).unwrap())
                .map(|names| (names.database.unwrap(), names.owner))
        };
        let variable = |name: &str, value: &str| json!({"name": name, "value": value});
        assert_eq!(
            names(json!([
                variable("POSTGRES_USER", "me"),
                variable("POSTGRES_DATABASE", "defaultdb")
            ])),
            Some(("defaultdb".to_owned(), Some("me".to_owned())))
        );
        assert_eq!(
            names(json!([variable("POSTGRES_DB", "shop")])),
            Some(("shop".to_owned(), None))
        );
        assert_eq!(names(json!([variable("POSTGRES_USER", "me")])), None);
        assert_eq!(names(json!([variable("POSTGRES_DB", "")])), None);
    }
}
