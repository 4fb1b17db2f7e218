use std::thread;
use std::time::Duration;

use datalab_lab::tenant::{Database, Release};

use super::Scene;
use crate::transcript::{command_line, share_db};

/// Long enough for a command to have found the database suspended.
const A_MOMENT: Duration = Duration::from_millis(1500);

#[test]
fn a_suspended_database_is_waited_for_if_asked() {
    let Some(scene) = Scene::required("suspended") else {
        return;
    };
    let release = Release::named("postgresql-951239").friendly_name("Sales");
    let database = scene.me.postgres(release.suspended());
    let before = scene.before(None);
    scene.keep("readiness-suspended", &scene.grant(&[]));
    scene.keep(
        "readiness-suspended-waited-for-in-vain",
        &scene.grant(&["--wait", "--timeout", "2s"]),
    );
    scene.keep(
        "readiness-timeout-without-wait",
        &scene.grant(&["--timeout", "2s"]),
    );
    let live = share_db(&scene.me, ["list", "--live", "--exit-code"]);
    scene.keep("readiness-suspended-list-live", &live);
    before.assert_unchanged();

    let with = scene.with();
    let words = ["postgres", "--with", &with, "--wait", "--timeout", "60s"];
    let waiting = scene.me.program(command_line(words)).spawn();
    thread::sleep(A_MOMENT);
    database.resume();
    let output = waiting
        .wait_with_output()
        .expect("because the child is ours to wait for");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let list = share_db(&scene.me, ["list", "--live", "--exit-code"]);
    scene.keep("readiness-resumed-meanwhile", &list);
}

/// Starts a suspended database with a change that keeps its pod from becoming ready, and waits until
/// the pod says so.
#[track_caller]
fn start_broken(scene: &Scene, database: &Database, patch: &str, symptom: &str) {
    let set = format!("statefulset/{}", database.fullname());
    let namespace = format!("--namespace={}", database.namespace());
    let patch = [
        "patch",
        &set,
        &namespace,
        "--type=strategic",
        "--patch",
        &format!(r#"{{"spec": {{"replicas": 1, "template": {{"spec": {patch}}}}}}}"#),
    ];
    scene.stage.kubectl(patch).run().ok();
    let pod = format!("pod/{}", database.pod());
    let exists = ["wait", &namespace, "--for=create", "--timeout=60s", &pod];
    scene.stage.kubectl(exists).run().ok();
    let symptom = format!("--for={symptom}");
    let shows = ["wait", &namespace, &symptom, "--timeout=60s", &pod];
    scene.stage.kubectl(shows).run().ok();
}

#[test]
fn a_pod_that_cannot_be_placed_is_named_pending() {
    let Some(scene) = Scene::required("unschedulable") else {
        return;
    };
    let database = scene
        .me
        .postgres(Release::named("postgresql-1").suspended());
    start_broken(
        &scene,
        &database,
        r#"{"nodeSelector": {"disk": "none-has-this"}}"#,
        "condition=PodScheduled=false",
    );
    let before = scene.before(None);
    scene.keep("readiness-unschedulable", &scene.grant(&[]));
    before.assert_unchanged();
}

#[test]
fn an_image_that_is_not_there_is_named() {
    let Some(scene) = Scene::required("image missing") else {
        return;
    };
    let database = scene
        .me
        .postgres(Release::named("postgresql-1").suspended());
    start_broken(
        &scene,
        &database,
        r#"{"containers": [{"name": "postgresql", "image": "example.org/none:1", "imagePullPolicy": "Never"}]}"#,
        "jsonpath={.status.containerStatuses[0].state.waiting.reason}=ErrImageNeverPull",
    );
    let before = scene.before(None);
    scene.keep("readiness-image-missing", &scene.grant(&[]));
    before.assert_unchanged();
}

#[test]
fn a_pod_that_runs_but_is_not_ready_is_not_written_to() {
    let Some(scene) = Scene::required("not ready") else {
        return;
    };
    let database = scene
        .me
        .postgres(Release::named("postgresql-1").suspended());
    start_broken(
        &scene,
        &database,
        r#"{"containers": [{"name": "postgresql", "readinessProbe": {"exec": {"command": ["false"]}}}]}"#,
        "jsonpath={.status.containerStatuses[0].started}=true",
    );
    let before = scene.before(None);
    scene.keep("readiness-not-ready", &scene.grant(&[]));
    before.assert_unchanged();
}
