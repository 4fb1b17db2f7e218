//! What a deployment of the catalogue's PostgreSQL leaves in a namespace.

use data_encoding::BASE64;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Map, Value, json};

use super::manifest;
use super::release::{Release, Superuser};
use super::stage::Stage;

/// A chart of the catalogue.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    /// Of what it installs, where the chart says so.
    pub(super) app_version: Option<&'static str>,
    /// What the chart says of itself: what it installs.
    pub(super) description: &'static str,
    /// Name and version of the chart that it builds upon.
    pub(super) dependency: Option<(&'static str, &'static str)>,
}

/// The chart for a plain server.
pub(super) const POSTGRESQL: Kind = Kind {
    name: "postgresql",
    version: "1.0.12",
    app_version: Some("17.5.0"),
    description: "PostgreSQL (Postgres) is an open source object-relational database.",
    dependency: Some(("postgresql", "16.7.11")),
};

/// A release in a namespace, with all that its objects need.
pub(super) struct Chart<'a> {
    pub(super) namespace: &'a str,
    /// Onyxia's id of who deploys.
    pub(super) owner: &'a str,
    /// The owner's role.
    pub(super) role: &'a str,
    pub(super) image: &'a str,
    pub(super) release: &'a Release,
    pub(super) kind: &'static Kind,
}

impl Chart<'_> {
    /// Installs these objects of the chart as Helm and Onyxia do, with their notes.
    #[track_caller]
    pub(super) fn install(&self, stage: &Stage, mut objects: Vec<Value>) {
        let uid = stage
            .kubectl(["create", "-f", "-", "--output=jsonpath={.metadata.uid}"])
            .input(self.helm_release().to_string())
            .run()
            .ok();
        objects.push(self.onyxia_release(&uid));
        stage
            .kubectl(["create", "-f", "-"])
            .input(manifest::list(&objects))
            .run()
            .ok();
    }

    /// The name of the release's objects.
    pub(super) fn fullname(&self) -> String {
        self.release.fullname(self.kind.name)
    }

    /// Everything that the two charts make.
    pub(super) fn objects(&self) -> Vec<Value> {
        let fullname = self.fullname();
        let values = [
            ("namespace", self.namespace),
            ("release", &self.release.name),
            ("fullname", &fullname),
            ("user", self.role),
            ("database", &self.release.database),
            ("image", self.image),
        ];
        let mut objects = vec![self.password_secret()];
        objects.extend(self.release.tls.then(|| self.certificate_secret()));
        objects.extend(manifest::objects(
            include_str!("../../manifests/postgresql/bitnami.yaml"),
            &values,
        ));
        for object in &mut objects {
            if object["kind"] == "StatefulSet" {
                self.set_up(object);
            }
            self.label(
                object,
                &[
                    ("app.kubernetes.io/instance", &self.release.name),
                    ("app.kubernetes.io/name", "postgresql"),
                    ("app.kubernetes.io/version", "17.5.0"),
                    ("helm.sh/chart", "postgresql-16.7.11"),
                ],
            );
        }
        objects.push(self.scripts());
        objects.push(self.discovery_secret());
        if self.release.isolated {
            objects.push(self.network_policy());
        }
        objects.iter_mut().for_each(|object| self.stamp(object));
        objects
    }

    /// The policy behind the form's box "enable network policy", as Helm leaves it.
    pub(super) fn network_policy(&self) -> Value {
        let fullname = self.fullname();
        let values = [
            ("release", self.release.name.as_str()),
            ("fullname", fullname.as_str()),
        ];
        let mut policy = manifest::object(
            include_str!("../../manifests/postgresql/onyxia.yaml"),
            &values,
        );
        self.stamp(&mut policy);
        policy
    }

    fn password_secret(&self) -> Value {
        let mut data = vec![("password", self.release.password.as_str())];
        if self.release.superuser != Superuser::NotInSecret {
            data.push(("postgres-password", &self.release.superuser_password));
        }
        self.secret(&self.fullname(), "Opaque", &data)
    }

    fn discovery_secret(&self) -> Value {
        let superuser_password = match self.release.superuser {
            Superuser::NotInSecret => ".Values.postgresql.auth.postgresPassword",
            Superuser::InSecret | Superuser::ChangedInDatabase => &self.release.superuser_password,
        };
        self.discovery_of(&self.fullname(), superuser_password)
    }

    /// What notebooks of the namespace preconfigure themselves with. The charts write the port as it is,
    /// where a Secret wants base64, and an empty value as the name of the value.
    pub(super) fn discovery_of(&self, service: &str, superuser_password: &str) -> Value {
        let mut secret = self.secret(
            &format!("discoverable-{}", self.fullname()),
            "Opaque",
            &[
                ("postgres-service", service),
                ("postgres-password", superuser_password),
                ("password", &self.release.password),
                ("postgres-username", self.role),
                ("postgres-database", &self.release.database),
            ],
        );
        secret["data"]["postgres-port"] = "5432".into();
        secret["metadata"]["annotations"] = json!({ "onyxia/discovery": "postgres" });
        secret
    }

    /// As bitnami's `tls.autoGenerated` makes it.
    fn certificate_secret(&self) -> Value {
        let fullname = self.fullname();
        let domain = format!("{}.svc.cluster.local", self.namespace);
        let names = vec![
            format!("*.{fullname}.{domain}"),
            format!("{fullname}.{domain}"),
            format!("{fullname}-hl.{domain}"),
            format!("*.{fullname}-hl.{domain}"),
            fullname.clone(),
        ];
        let key = || KeyPair::generate().expect("because the system's random generator works");
        let mut authority = CertificateParams::default();
        authority
            .distinguished_name
            .push(DnType::CommonName, "postgresql-ca");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, key())
            .expect("because an authority can sign itself");
        let server_key = key();
        let server = CertificateParams::new(names)
            .map(|mut params| {
                params
                    .distinguished_name
                    .push(DnType::CommonName, fullname.as_str());
                params
            })
            .and_then(|params| params.signed_by(&server_key, &authority))
            .expect("because the names of a Service are host names");
        self.secret(
            &format!("{fullname}-crt"),
            "kubernetes.io/tls",
            &[
                ("ca.crt", &authority.pem()),
                ("tls.crt", &server.pem()),
                ("tls.key", &server_key.serialize_pem()),
            ],
        )
    }

    /// The chart's scripts, with those that stand in for bitnami's image.
    fn scripts(&self) -> Value {
        let hba = include_str!("../../manifests/postgresql/pg_hba.conf");
        let hba = self
            .release
            .hba
            .iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>()
            + hba;
        let mut scripts = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": self.fullname() },
            "data": {
                "enable-extensions.sh": "#!/bin/sh\nexport PGPASSWORD=$POSTGRES_PASSWORD\necho \"All extensions created.\"\n",
                "start.sh": include_str!("../../manifests/postgresql/start.sh"),
                "postgresql.conf": include_str!("../../manifests/postgresql/postgresql.conf"),
                "pg_hba.conf": hba,
                "pg_ident.conf": include_str!("../../manifests/postgresql/pg_ident.conf"),
                "roles.sql": include_str!("../../manifests/postgresql/roles.sql"),
                "rows.sql": include_str!("../../manifests/postgresql/rows.sql"),
                "archive.sql": include_str!("../../manifests/postgresql/archive.sql"),
            },
        });
        self.label(
            &mut scripts,
            &[
                ("app.kubernetes.io/instance", &self.release.name),
                ("app.kubernetes.io/name", "postgresql"),
                ("helm.sh/chart", "postgresql-1.0.12"),
            ],
        );
        scripts
    }

    fn set_up(&self, statefulset: &mut Value) {
        let spec = &mut statefulset["spec"];
        spec["replicas"] = u8::from(!self.release.suspended).into();
        let arguments: Vec<&str> = self
            .release
            .settings
            .iter()
            .flat_map(|setting| ["-c", setting.as_str()])
            .collect();
        spec["template"]["spec"]["containers"][0]["args"] = arguments.into();
    }

    pub(super) fn secret(&self, name: &str, kind: &str, data: &[(&str, &str)]) -> Value {
        let data: Map<String, Value> = data
            .iter()
            .map(|(key, value)| ((*key).to_owned(), BASE64.encode(value.as_bytes()).into()))
            .collect();
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": { "name": name, "namespace": self.namespace },
            "type": kind,
            "data": data,
        })
    }

    pub(super) fn label(&self, object: &mut Value, labels: &[(&str, &str)]) {
        for (name, value) in labels {
            object["metadata"]["labels"][*name] = (*value).into();
        }
    }

    /// What Helm adds to every object of a release.
    pub(super) fn stamp(&self, object: &mut Value) {
        let metadata = &mut object["metadata"];
        metadata["namespace"] = self.namespace.into();
        metadata["labels"]["app.kubernetes.io/managed-by"] = "Helm".into();
        metadata["annotations"]["meta.helm.sh/release-name"] = self.release.name.as_str().into();
        metadata["annotations"]["meta.helm.sh/release-namespace"] = self.namespace.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(release: &Release) -> Chart<'_> {
        Chart {
            namespace: "user-me",
            owner: "me",
            role: "me",
            image: "image",
            release,
            kind: &POSTGRESQL,
        }
    }

    fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
        objects
            .iter()
            .find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
            .unwrap_or_else(|| panic!("no {kind} {name}"))
    }

    #[test]
    fn a_release_without_the_charts_name_gets_it_appended() {
        let objects = chart(&Release::named("warehouse-12")).objects();
        let set = find(&objects, "StatefulSet", "warehouse-12-postgresql");
        assert_eq!(
            set["spec"]["selector"]["matchLabels"]["app.kubernetes.io/instance"],
            "warehouse-12"
        );
        find(&objects, "Secret", "discoverable-warehouse-12-postgresql");
        assert_eq!(
            Release::named("postgresql-951239").fullname("postgresql"),
            "postgresql-951239"
        );
    }

    #[test]
    fn every_object_is_helms() {
        for object in chart(&Release::named("postgresql-1").tls()).objects() {
            let metadata = &object["metadata"];
            assert_eq!(
                metadata["labels"]["app.kubernetes.io/managed-by"], "Helm",
                "{object}"
            );
            assert_eq!(
                metadata["annotations"]["meta.helm.sh/release-name"], "postgresql-1",
                "{object}"
            );
            assert_eq!(metadata["namespace"], "user-me", "{object}");
        }
    }

    #[test]
    fn the_discovery_secret_has_the_charts_raw_port() {
        let objects = chart(&Release::named("postgresql-1")).objects();
        let data = &find(&objects, "Secret", "discoverable-postgresql-1")["data"];
        let port = BASE64
            .decode(data["postgres-port"].as_str().unwrap().as_bytes())
            .unwrap();
        assert_eq!(port, [0xe7, 0x8d, 0xf6]);
    }

    #[test]
    fn the_box_of_the_form_decides_on_the_policy() {
        let policies = |release: Release| {
            chart(&release)
                .objects()
                .iter()
                .filter(|object| object["kind"] == "NetworkPolicy")
                .count()
        };
        assert_eq!(policies(Release::named("postgresql-1")), 1);
        assert_eq!(policies(Release::named("postgresql-1").isolated(false)), 0);
    }
}
