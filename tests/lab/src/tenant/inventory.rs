//! What is in a namespace.

use data_encoding::HEXLOWER;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::snapshot::Snapshot;
use super::stage::Stage;

/// Kinds that change without anybody asking: what others derive, report or renew.
const NOISE: [&str; 6] = [
    "endpoints",
    "endpointslices.discovery.k8s.io",
    "events",
    "events.events.k8s.io",
    "leases.coordination.k8s.io",
    "pods.metrics.k8s.io",
];

/// Metadata that the API server writes by itself.
const BOOKKEEPING: [&str; 5] = [
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
];

/// All objects of a namespace but noise.
///
/// # Panics
/// When they cannot be listed.
#[track_caller]
pub(super) fn of(stage: &Stage, namespace: &str) -> Snapshot {
    let kinds = stage
        .kubectl([
            "api-resources",
            "--namespaced",
            "--verbs=list",
            "--output=name",
        ])
        .run()
        .ok()
        .lines()
        .filter(|kind| !NOISE.contains(kind))
        .collect::<Vec<_>>()
        .join(",");
    let list = stage
        .kubectl(["get", &kinds, "--namespace", namespace, "--output=json"])
        .run()
        .ok();
    let list: Value =
        serde_json::from_str(&list).expect("because kubectl writes JSON when asked to");
    let items = list["items"]
        .as_array()
        .expect("because kubectl lists items");
    Snapshot::of(items.iter().map(line))
}

fn line(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let group = text(&object["apiVersion"]);
    let group = group
        .split_once('/')
        .map(|(group, _)| format!(".{group}"))
        .unwrap_or_default();
    format!(
        "{}{group}/{} {}",
        text(&object["kind"]),
        text(&object["metadata"]["name"]),
        digest(object)
    )
}

/// Of all that somebody wanted. Fields are sorted by kubectl, so equal objects have equal text.
fn digest(object: &Value) -> String {
    let mut wanted: Map<String, Value> = object.as_object().cloned().unwrap_or_default();
    wanted.remove("status");
    if let Some(metadata) = wanted.get_mut("metadata").and_then(Value::as_object_mut) {
        BOOKKEEPING
            .iter()
            .for_each(|field| drop(metadata.remove(*field)));
    }
    let hash = Sha256::digest(Value::Object(wanted).to_string().as_bytes());
    HEXLOWER.encode(&hash[..8])
}
