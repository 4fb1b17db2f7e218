use std::time::Duration;

use datalab_core::{
    cluster::{
        ObjectMeta,
        api::api::{
            batch::v1::Job,
            core::v1::{EnvVar, Pod},
        },
    },
    report::{Failure, Kind},
    words::Namespace,
};

use super::Address;

/// The image of the relay, unless another is asked for: `sh` and `socat` are all it needs, and this
/// one has little more (4 MB). By its digest, because a tag is whatever its owner pushed last, and a
/// user's connections go through it. A site that mirrors images names its own.
pub(crate) const DEFAULT_IMAGE: &str = "docker.io/alpine/socat:1.8.0.3@sha256:beb4a68d9e4fe6b0f21ea774a0fde6c31f580dde6368939ed70100c5385b015e";

/// The relay's objects, as a label selector.
pub(super) const BY_PURPOSE: &str =
    "app.kubernetes.io/managed-by=kubectl-datalab,datalab/purpose=share-db-relay";

/// The port of the relay that leads to the database: any that needs no rights.
pub(super) const RELAY_PORT: u16 = 15432;

/// The port that gives signs of life back.
pub(super) const LIFE_PORT: u16 = 15433;

/// How long the relay waits for a sign of life, and for the first one: three beats and a bit, so
/// that one lost to a slow network ends nothing.
pub(super) const SILENCE: Duration = Duration::from_secs(35);

const MANIFEST: &str = include_str!("../../../../manifests/share-db/relay.yaml");

/// Whether a pod is a relay.
pub(super) fn is_relay(pod: &Pod) -> bool {
    let labels = pod.metadata.labels.as_ref();
    labels
        .and_then(|labels| labels.get("datalab/purpose"))
        .is_some_and(|purpose| purpose == "share-db-relay")
}

/// The Job of a relay.
pub(super) fn job(
    namespace: &Namespace,
    name: &str,
    image: &str,
    address: &Address,
) -> Result<Job, Failure> {
    let mut job: Job = serde_yaml::from_str(MANIFEST).map_err(|error| {
        Failure::new(Kind::Failed, "the relay's manifest cannot be read").caused_by(&error)
    })?;
    job.metadata.name = Some(name.to_owned());
    job.metadata.namespace = Some(namespace.to_string());
    let pod = job.spec.get_or_insert_default().template.spec.as_mut();
    for container in pod.into_iter().flat_map(|pod| &mut pod.containers) {
        container.image = Some(image.to_owned());
        container.env = Some(
            [
                ("DATABASE_HOST", address.host.clone()),
                ("DATABASE_PORT", address.port.to_string()),
                ("RELAY_PORT", RELAY_PORT.to_string()),
                ("LIFE_PORT", LIFE_PORT.to_string()),
                ("SILENCE_SECONDS", SILENCE.as_secs().to_string()),
            ]
            .map(|(name, value)| EnvVar {
                name: name.to_owned(),
                value: Some(value),
                ..EnvVar::default()
            })
            .into(),
        );
    }
    Ok(job)
}

/// The pod that the Job would make, to have the cluster's policies speak before there is a Job: a
/// Job is let in, and only its events say that its pod is not.
pub(super) fn pod(job: &Job) -> Pod {
    let template = job.spec.clone().unwrap_or_default().template;
    let metadata = template.metadata.unwrap_or_default();
    Pod {
        metadata: ObjectMeta {
            name: job.metadata.name.clone(),
            namespace: job.metadata.namespace.clone(),
            ..metadata
        },
        spec: template.spec,
        ..Pod::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay() -> Job {
        let address = Address {
            host: "db.user-me.svc".into(),
            port: 5433,
        };
        let namespace: Namespace = "user-x".parse().unwrap();
        job(&namespace, "share-db-relay-1", "image", &address).unwrap()
    }

    #[test]
    fn every_field_of_the_manifest_is_one_of_the_api() {
        // What the types do not know would be dropped in silence.
        let written: serde_json::Value = serde_yaml::from_str(MANIFEST).unwrap();
        let known: Job = serde_yaml::from_str(MANIFEST).unwrap();
        let known = serde_json::to_value(&known).unwrap();
        fn covers(known: &serde_json::Value, written: &serde_json::Value) -> bool {
            match (known, written) {
                (serde_json::Value::Object(known), serde_json::Value::Object(written)) => written
                    .iter()
                    .all(|(key, value)| known.get(key).is_some_and(|known| covers(known, value))),
                (serde_json::Value::Array(known), serde_json::Value::Array(written)) => {
                    known.len() == written.len()
                        && known
                            .iter()
                            .zip(written)
                            .all(|(known, written)| covers(known, written))
                }
                (known, written) => known == written,
            }
        }
        assert!(covers(&known, &written), "{known}");
    }

    #[test]
    fn the_pod_that_is_tried_is_the_one_that_the_job_makes() {
        let job = relay();
        let tried = pod(&job);
        assert!(is_relay(&tried));
        assert_eq!(tried.spec, job.spec.unwrap().template.spec);
    }

    #[test]
    fn the_database_is_never_part_of_the_script() {
        let spec = relay().spec.unwrap().template.spec.unwrap();
        let container = &spec.containers[0];
        let script = container.args.as_ref().unwrap().join("\n");
        assert!(!script.contains("db.user-me"));
        assert!(script.matches("bind=127.0.0.1").count() == 2, "{script}");
        let host = &container.env.as_ref().unwrap()[0];
        assert_eq!(host.value.as_deref(), Some("db.user-me.svc"));
    }
}
