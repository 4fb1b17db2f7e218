//! A quota of the namespace says no to an object of the share: quoted, and nothing stays.

use std::thread;
use std::time::{Duration, Instant};

use datalab_journeys::shares::Shares;

use crate::scene::{Scene, words};

/// The quota controller counts within seconds.
const COUNTED: Duration = Duration::from_secs(60);

#[test]
fn a_quota_that_is_used_up_is_quoted_and_nothing_stays() {
    let Some(scene) = Scene::required("quota") else {
        return;
    };
    let database = scene.database(true);
    let grant = words(&format!("postgres --with {}", scene.namespace("x")));
    let mut shares = Shares::of(&scene.stage, &database);
    let (inventory, privileges) = (scene.me.inventory(), database.effective_privileges());
    for (snapshot, resource) in [
        ("quota-first-write", "count/secrets"),
        (
            "quota-last-write",
            "count/rolebindings.rbac.authorization.k8s.io",
        ),
    ] {
        let used = fill(&scene, resource);
        let refused = scene.typed(&grant);
        assert_eq!(refused.code(), Some(4), "{refused}");
        let told = refused.stderr().to_owned();
        for word in ["full", resource, &format!("used: {resource}={used}")] {
            assert!(told.contains(word), "no {word:?} in\n{told}");
        }
        scene.transcript.keep(snapshot, &refused);
        let delete = [
            "delete",
            "quota",
            "full",
            "--namespace",
            scene.me.namespace(),
        ];
        scene.stage.kubectl(delete).run().ok();
        let left = shares.look();
        assert!(left.is_empty(), "{snapshot}: {:#?}", left.facts(false));
    }
    inventory.assert_unchanged(&scene.me.inventory());
    privileges.assert_unchanged(&database.effective_privileges());
    // Admission may remember a quota for a moment longer than it is there.
    let begun = Instant::now();
    while !scene.run(&grant).succeeded() {
        assert!(
            begun.elapsed() < COUNTED,
            "the quota is gone, and still counts"
        );
        thread::sleep(Duration::from_millis(500));
    }
}

/// Sets a quota that is just used up, and says how much that is.
#[track_caller]
fn fill(scene: &Scene, resource: &str) -> String {
    let kind = resource.trim_start_matches("count/");
    let namespace = scene.me.namespace();
    let get = ["get", kind, "--namespace", namespace, "--output=name"];
    let count = scene
        .stage
        .kubectl(get)
        .run()
        .ok()
        .lines()
        .count()
        .to_string();
    let hard = format!("--hard={resource}={count}");
    let create = ["create", "quota", "full", "--namespace", namespace, &hard];
    scene.stage.kubectl(create).run().ok();
    let used = format!("--output=go-template={{{{index .status.used \"{resource}\"}}}}");
    let begun = Instant::now();
    loop {
        let get = ["get", "quota", "full", "--namespace", namespace, &used];
        if scene.stage.kubectl(get).run().stdout() == count {
            return count;
        }
        assert!(begun.elapsed() < COUNTED, "nobody counts");
        thread::sleep(Duration::from_millis(100));
    }
}
