use datalab_core::cluster::{self, Cluster, api::api::core::v1::Secret};

use super::Database;

/// What the platform's own Secrets say of a database.
#[derive(Clone, Debug, Default)]
pub(crate) struct CatalogueNames {
    /// What its owner called it in Onyxia.
    pub(crate) friendly_name: Option<String>,
    /// The database that the chart made for the owner.
    pub(crate) database: Option<String>,
    /// The role that the chart made for the owner.
    pub(crate) owner: Option<String>,
}

/// Reads them: `sh.onyxia.release.v1.RELEASE` (what Onyxia notes of a release) and
/// `discoverable-NAME` (what other services of the platform read); both may be absent.
pub(crate) async fn names(
    cluster: &Cluster,
    database: &Database,
) -> Result<CatalogueNames, cluster::Error> {
    let onyxia = format!("sh.onyxia.release.v1.{}", database.release);
    let discovery = format!("discoverable-{}", database.name);
    let (onyxia, discovery) = futures::try_join!(
        cluster.get::<Secret>(&database.namespace, &onyxia),
        cluster.get::<Secret>(&database.namespace, &discovery),
    )?;
    Ok(CatalogueNames {
        friendly_name: onyxia
            .as_ref()
            .and_then(|secret| text(secret, |key| key == "friendlyName")),
        database: discovery
            .as_ref()
            .and_then(|secret| text(secret, |key| key.ends_with("-database"))),
        owner: discovery
            .as_ref()
            .and_then(|secret| text(secret, |key| key.ends_with("-username"))),
    })
}

fn text(secret: &Secret, is_key: impl Fn(&str) -> bool) -> Option<String> {
    let (_, value) = secret.data.as_ref()?.iter().find(|(key, _)| is_key(key))?;
    String::from_utf8(value.0.clone())
        .ok()
        .filter(|text| !text.is_empty())
}
