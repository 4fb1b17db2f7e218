use datalab_lab::tenant::Release;
use serde_json::json;

use super::Scene;
use crate::transcript::share_db;

#[test]
fn an_open_database_is_said_to_be_open_and_closed_only_when_asked() {
    let Some(scene) = Scene::required("open database") else {
        return;
    };
    let release = Release::named("postgresql-951239").isolated(false);
    let database = scene.me.postgres(release).ready();
    let policies = || {
        scene
            .me
            .kubectl(["get", "networkpolicies", "--output=name"])
            .ok()
    };
    let stranger = scene.play.stranger("stranger");
    let own = scene.me.pod("notebook");
    own.until_reachable(database.host());
    scene.keep("exposure-open", &scene.grant(&[]));
    assert_eq!(policies(), "");
    assert!(stranger.reaches(database.host()));
    scene.keep(
        "exposure-open-list",
        &share_db(&scene.me, ["list", "-o", "wide"]),
    );

    let before = scene.before(Some(&database));
    let preview = scene.grant(&["--isolate", "--dry-run=server"]);
    scene.keep("exposure-isolate-previewed", &preview);
    scene.keep("exposure-isolate-unanswered", &scene.grant(&["--isolate"]));
    before.assert_unchanged();
    assert!(stranger.reaches(database.host()));

    scene.keep("exposure-isolate", &scene.grant(&["--isolate", "--yes"]));
    stranger.until_unreachable(database.host());
    assert!(own.reaches(database.host()));
    scene.grant(&["--exit-code"]).ok();

    let before = scene.before(Some(&database));
    let unanswered = scene.revoke(&["--unisolate"]);
    scene.keep("exposure-unisolate-unanswered", &unanswered);
    before.assert_unchanged();
    scene.keep("exposure-revoke-keeps-base", &scene.revoke(&[]));
    assert!(!stranger.reaches(database.host()));
    scene.keep(
        "exposure-unisolate",
        &scene.revoke(&["--unisolate", "--yes"]),
    );
    assert_eq!(policies(), "");
    stranger.until_reachable(database.host());
}

#[test]
fn a_policy_that_lets_everyone_in_is_named() {
    let Some(scene) = Scene::required("opened by a policy") else {
        return;
    };
    let _database = scene.database();
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": "for-the-dashboard", "namespace": scene.me.namespace()},
        "spec": {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]},
    });
    let create = scene.me.program(["kubectl", "create", "-f", "-"]);
    create.input(policy.to_string()).run().ok();
    scene.keep("exposure-opened-by", &scene.grant(&[]));
}

#[test]
fn what_public_may_do_is_listed() {
    let Some(scene) = Scene::required("granted to PUBLIC") else {
        return;
    };
    let database = scene.database();
    database.sql("defaultdb", "GRANT CREATE ON SCHEMA public TO PUBLIC");
    database.sql(
        "archive",
        "GRANT USAGE ON SCHEMA ledgers TO PUBLIC; GRANT SELECT ON ledgers.entries TO PUBLIC;
         CREATE FUNCTION ledgers.balance(day date) RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
         CREATE FUNCTION ledgers.close(day date) RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
         REVOKE EXECUTE ON FUNCTION ledgers.close FROM PUBLIC;
         CREATE FUNCTION ledgers.harmless() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    );
    database.sql(
        "postgres",
        "REVOKE CONNECT ON DATABASE template1 FROM PUBLIC; GRANT SELECT ON pg_authid TO PUBLIC",
    );
    let before = database.effective_privileges();
    scene.keep("exposure-public", &scene.grant(&["--schema", "sales"]));
    scene.revoke(&[]).ok();
    // Listed, never mended behind anybody's back.
    before.assert_unchanged(&database.effective_privileges());
}
