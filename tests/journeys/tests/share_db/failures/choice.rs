use datalab_lab::tenant::Release;

use super::Scene;
use crate::transcript::share_db;

#[test]
fn several_databases_are_listed_and_none_is_picked() {
    let Some(scene) = Scene::required("several databases") else {
        return;
    };
    // To choose one, none has to run.
    let sales = Release::named("postgresql-951239").friendly_name("Sales");
    let archive = Release::named("archive").friendly_name("Archive, \"old\"");
    let twin = Release::named("twin").friendly_name("Sales");
    for release in [sales, archive, twin] {
        let _ = scene.me.postgres(release.suspended());
    }
    let before = scene.before(None);
    let with = scene.with();
    let grant = |database: &str| share_db(&scene.me, [database, "--with", &with]);
    scene.keep("choice-several", &grant("postgres"));
    scene.keep("choice-unknown-name", &grant("postgres/sales"));
    scene.keep("choice-ambiguous-friendly-name", &grant("postgres/Sales"));
    let revoke = share_db(&scene.me, ["revoke", "postgres", "--with", &with]);
    scene.keep("choice-revoke-several", &revoke);
    // The friendly name of one leads to it: what stops the grant is that it is suspended.
    let named = grant("postgres/Archive, \"old\"").fails_with(5);
    assert!(named.contains("archive-postgresql is suspended"), "{named}");
    before.assert_unchanged();
}

#[test]
fn no_database_says_where_it_was_looked_for_and_what_is_there() {
    let Some(scene) = Scene::required("no database") else {
        return;
    };
    scene.keep("choice-none", &scene.grant(&[]));
    scene
        .me
        .kubectl(["create", "service", "clusterip", "mariadb-1", "--tcp=3306"])
        .ok();
    scene
        .me
        .kubectl(["create", "service", "clusterip", "mongodb-1", "--tcp=27017"])
        .ok();
    scene
        .me
        .kubectl(["create", "service", "clusterip", "web", "--tcp=80"])
        .ok();
    let before = scene.before(None);
    scene.keep("choice-other-kinds", &scene.grant(&[]));
    let with = scene.with();
    let mariadb = share_db(&scene.me, ["mariadb", "--with", &with]);
    scene.keep("choice-kind-not-yet", &mariadb);
    let list = share_db(&scene.me, ["list", "postgres/nothing"]);
    scene.keep("choice-list-unknown", &list);
    before.assert_unchanged();
}
