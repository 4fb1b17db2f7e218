//! What Helm and Onyxia note of a release, beside the chart's own objects.

use std::io::Write;

use data_encoding::BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::chart::Chart;

impl Chart<'_> {
    /// Helm's record of the release: JSON, gzipped, base64, in a Secret's base64.
    pub(super) fn helm_release(&self) -> Value {
        let dependency = self.kind.dependency.iter();
        let dependencies: Vec<Value> = dependency
            .map(|(name, version)| json!({ "name": name, "version": version }))
            .collect();
        let record = json!({
            "name": self.release.name,
            "namespace": self.namespace,
            "version": 1,
            "info": {
                "first_deployed": "2026-01-05T09:00:00.000000000Z",
                "last_deployed": "2026-01-05T09:00:00.000000000Z",
                "deleted": "",
                "description": "Install complete",
                "status": "deployed",
            },
            "chart": {
                "metadata": {
                    "apiVersion": "v2",
                    "name": self.kind.name,
                    "version": self.kind.version,
                    "appVersion": self.kind.app_version,
                    "description": self.kind.description,
                    "dependencies": dependencies,
                },
                "values": {},
                "templates": [],
            },
            "config": { "security": { "networkPolicy": { "enabled": self.release.isolated } } },
            "manifest": "",
        });
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        let packed = gzip
            .write_all(record.to_string().as_bytes())
            .and_then(|()| gzip.finish());
        let packed = BASE64.encode(&packed.expect("because memory can be written"));
        let mut secret = self.secret(
            &self.helm_release_name(),
            "helm.sh/release.v1",
            &[("release", &packed)],
        );
        self.label(
            &mut secret,
            &[
                ("name", &self.release.name),
                ("owner", "helm"),
                ("status", "deployed"),
                ("version", "1"),
                ("modifiedAt", "1767603600"),
            ],
        );
        secret
    }

    /// Onyxia's note on the release, which Kubernetes removes with Helm's.
    pub(super) fn onyxia_release(&self, helm_release_uid: &str) -> Value {
        let mut secret = self.secret(
            &format!("sh.onyxia.release.v1.{}", self.release.name),
            "onyxia.sh/release.v1",
            &[
                ("catalog", "databases"),
                ("friendlyName", &self.release.friendly_name),
                ("owner", self.owner),
                ("share", "false"),
            ],
        );
        secret["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "v1",
            "kind": "Secret",
            "name": self.helm_release_name(),
            "uid": helm_release_uid,
            "controller": true,
        }]);
        secret
    }

    /// The name of the first revision's Secret.
    pub(super) fn helm_release_name(&self) -> String {
        format!("sh.helm.release.v1.{}.v1", self.release.name)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::chart::POSTGRESQL;
    use super::super::release::Release;
    use super::*;

    #[test]
    fn helms_record_can_be_unpacked() {
        let release = Release::named("postgresql-1");
        let chart = Chart {
            namespace: "user-me",
            owner: "me",
            role: "me",
            image: "image",
            release: &release,
            kind: &POSTGRESQL,
        };
        let secret = chart.helm_release();
        let mut bytes = secret["data"]["release"]
            .as_str()
            .unwrap()
            .as_bytes()
            .to_vec();
        for _ in 0..2 {
            bytes = BASE64.decode(&bytes).unwrap();
        }
        let mut text = String::new();
        flate2::read::GzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .unwrap();
        let record: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&record["name"], &record["info"]["status"]),
            (&json!("postgresql-1"), &json!("deployed"))
        );
    }
}
