//! What a deployment of the catalogue's `postgresql-cnpg` leaves in a namespace.

use serde_json::{Value, json};

use super::super::chart::{Chart, Kind};
use super::super::manifest;
use crate::cloudnative_pg::CATALOG;

/// The chart.
pub(super) const POSTGRESQL_CNPG: Kind = Kind {
    name: "postgresql-cnpg",
    version: "0.5.1",
    app_version: None,
    description: "An object-relational database management system, a database server.",
    dependency: None,
};

impl Chart<'_> {
    /// Everything that the chart makes; the operator makes the rest.
    pub(super) fn cluster_objects(&self, major: u32) -> Vec<Value> {
        let fullname = self.fullname();
        let values = [
            ("fullname", fullname.as_str()),
            ("user", self.role),
            ("database", &self.release.database),
            ("catalog", CATALOG),
        ];
        let yaml = include_str!("../../../manifests/postgresql-cnpg/chart.yaml");
        let mut objects = manifest::objects(yaml, &values);
        for cluster in objects
            .iter_mut()
            .filter(|object| object["kind"] == "Cluster")
        {
            self.set_up_cluster(cluster, major);
        }
        // One password for all: the chart asks for no other.
        let password = self.release.password.as_str();
        let login = |user| -> [(&str, &str); 2] { [("username", user), ("password", password)] };
        objects.push(self.secret(&fullname, "Opaque", &login(self.role)));
        for (suffix, user) in [("user", self.role), ("superuser", "postgres")] {
            let name = format!("{fullname}-{suffix}");
            objects.push(self.secret(&name, "kubernetes.io/basic-auth", &login(user)));
        }
        objects.push(self.discovery_of(&format!("{fullname}-rw"), password));
        if self.release.isolated {
            let yaml = include_str!("../../../manifests/postgresql-cnpg/network-policy.yaml");
            objects.push(manifest::object(yaml, &values));
        }
        objects.iter_mut().for_each(|object| self.stamp(object));
        objects
    }

    fn set_up_cluster(&self, cluster: &mut Value, major: u32) {
        let hibernation = if self.release.suspended { "on" } else { "off" };
        cluster["metadata"]["annotations"] = json!({ "cnpg.io/hibernation": hibernation });
        let spec = &mut cluster["spec"];
        spec["imageCatalogRef"]["major"] = major.into();
        for setting in &self.release.settings {
            if let Some((name, value)) = setting.split_once('=') {
                spec["postgresql"]["parameters"][name] = value.into();
            }
        }
        if !self.release.hba.is_empty() {
            spec["postgresql"]["pg_hba"] = json!(self.release.hba);
        }
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::super::super::release::Release;
    use super::*;

    fn objects(release: &Release) -> Vec<Value> {
        let chart = Chart {
            namespace: "user-me",
            owner: "me",
            role: "me",
            image: "",
            release,
            kind: &POSTGRESQL_CNPG,
        };
        chart.cluster_objects(15)
    }

    fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
        objects
            .iter()
            .find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
            .unwrap_or_else(|| panic!("no {kind} {name}"))
    }

    #[test]
    fn the_charts_defects_are_all_there() {
        let objects = objects(&Release::named("postgresql-cnpg-123456"));
        let policy = find(&objects, "NetworkPolicy", "postgresql-cnpg-123456");
        assert_eq!(
            policy["spec"]["podSelector"]["matchLabels"]["cnpg.io/cluster"], "postgresql-cnpg",
            "the chart's name, where the pods bear the release's"
        );
        let discovery = find(&objects, "Secret", "discoverable-postgresql-cnpg-123456");
        let port = discovery["data"]["postgres-port"].as_str().unwrap();
        assert_eq!(BASE64.decode(port.as_bytes()).unwrap(), [0xe7, 0x8d, 0xf6]);
        let password = |name: &str| &find(&objects, "Secret", name)["data"]["password"];
        assert_eq!(
            password("postgresql-cnpg-123456-superuser"),
            password("postgresql-cnpg-123456-user")
        );
    }

    #[test]
    fn a_release_may_be_suspended_and_have_settings() {
        let release = Release::named("x")
            .suspended()
            .setting("log_statement", "all");
        let objects = objects(&release);
        let cluster = find(&objects, "Cluster", "x-postgresql-cnpg");
        assert_eq!(
            cluster["metadata"]["annotations"]["cnpg.io/hibernation"],
            "on"
        );
        assert_eq!(
            cluster["spec"]["postgresql"]["parameters"]["log_statement"],
            "all"
        );
        assert_eq!(cluster["spec"]["imageCatalogRef"]["major"], 15);
    }

    #[test]
    fn every_object_is_helms() {
        for object in objects(&Release::named("postgresql-cnpg-1")) {
            let metadata = &object["metadata"];
            assert_eq!(
                metadata["labels"]["app.kubernetes.io/managed-by"], "Helm",
                "{object}"
            );
            assert_eq!(
                metadata["annotations"]["meta.helm.sh/release-name"], "postgresql-cnpg-1",
                "{object}"
            );
        }
    }
}
