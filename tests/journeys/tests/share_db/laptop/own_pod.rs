//! Pods of the colleague's own, some of which can carry a connection.

use datalab_lab::tenant::Output;
use serde_json::{Value, json};

use super::Scene;

/// All that bash needs to carry a connection.
pub(super) const BASH: &[&str] = &["sh", "bash", "cat"];

/// All that python3 needs.
pub(super) const PYTHON: &[&str] = &["sh", "python3"];

/// A shell, and nothing that carries.
pub(super) const SHELL: &[&str] = &["sh"];

/// Links what the container is to have into its only folder of programs, and stays.
const LINK: &str = "PATH=/usr/bin:/bin; mkdir /home/x/bin; for program; do ln -s \"$(command -v \"$program\")\" /home/x/bin; done; exec sleep infinity";

/// Processes of ours in a container, by what only our programs say.
const OURS: &str = "/bin/grep -lE 'create_connectio[n]|dev/tc[p]' /proc/[0-9]*/cmdline";

/// A pod whose containers find these programs and no others.
pub(super) fn pod(scene: &Scene, name: &str, containers: &[(&str, &[&str])]) -> Value {
    let containers: Vec<Value> = containers
        .iter()
        .map(|(container, programs)| {
            let line = [&["/bin/sh", "-c", LINK, "sh"], *programs].concat();
            json!({
                "name": container, "image": scene.image, "imagePullPolicy": "IfNotPresent",
                "command": line,
                "env": [{"name": "PATH", "value": "/home/x/bin"}],
                "volumeMounts": [{"name": container, "mountPath": "/home/x"}],
            })
        })
        .collect();
    let volumes: Vec<Value> = containers
        .iter()
        .map(|container| json!({"name": container["name"], "emptyDir": {}}))
        .collect();
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsUser": 65534, "runAsGroup": 65534},
            "containers": containers, "volumes": volumes,
        },
    })
}

/// Makes the object and waits until its pods are ready.
#[track_caller]
pub(super) fn start(scene: &Scene, object: &Value) {
    let create = ["kubectl", "create", "-f", "-"];
    let create = scene.x.program(create).input(object.to_string());
    create.run().ok();
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let wanted = match object["kind"].as_str() {
        Some("Job") => ["--for=jsonpath={.status.ready}=1", &format!("job/{name}")],
        _ => ["--for=condition=Ready", &format!("pod/{name}")],
    };
    let wait = ["wait", "--timeout=90s"];
    scene.x.kubectl([wait, wanted].concat()).ok();
}

/// Takes pods away at once, however slowly they would go.
#[track_caller]
pub(super) fn remove(scene: &Scene, names: &[&str]) {
    let delete = ["delete", "pod", "--force", "--grace-period=0"];
    scene.x.kubectl([&delete, names].concat()).ok();
}

/// Processes of ours in a pod, a path each.
#[track_caller]
pub(super) fn carrying(scene: &Scene, pod: &str) -> Output {
    scene.x.kubectl(["exec", pod, "--", "/bin/sh", "-c", OURS])
}

/// Waits until nothing of ours runs in a pod.
#[track_caller]
pub(super) fn until_idle(scene: &Scene, pod: &str) {
    super::listening::until("nothing of ours runs in the pod", || {
        let carrying = carrying(scene, pod);
        // grep's code for "none".
        carrying.code() == Some(1) && carrying.stdout().is_empty()
    });
}
