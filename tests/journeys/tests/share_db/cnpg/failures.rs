use datalab_lab::tenant::Release;

use super::Scene;
use crate::transcript::share_db;

#[test]
fn a_hibernating_database_is_no_failure_of_the_share() {
    let Some(scene) = Scene::required("CloudNativePG: hibernated") else {
        return;
    };
    let db = scene.database();
    scene.grant(&[]).ok();
    let share = scene.share();
    db.hibernate();
    let before = scene.me.inventory();
    scene.keep("cnpg-hibernated", &scene.grant(&[]));
    scene.keep(
        "cnpg-hibernated-list-live",
        &share_db(&scene.me, ["list", "--live", "-o", "wide"]),
    );
    before.assert_unchanged(&scene.me.inventory());

    // What can be taken back is: nobody is shown the password of a login that may still be there.
    share.shown_to(&scene.x).ok();
    scene.keep("cnpg-hibernated-revoke", &scene.revoke(&[]));
    share.shown_to(&scene.x).fails();
    share.shown_to(&scene.me).ok();
    db.wake();
    scene.revoke(&[]).ok();
    share.shown_to(&scene.me).fails();
    let logins = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'share%'";
    assert_eq!(db.sql("postgres", logins), "0");
}

#[test]
fn a_superusers_password_that_was_changed_inside_is_never_reset() {
    let Some(scene) = Scene::required("CloudNativePG: superuser changed") else {
        return;
    };
    let release = Release::named("postgresql-cnpg-951239").superuser_changed();
    let db = scene.me.cluster(release).ready();
    let verifier = "SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'";
    let changed = db.sql("postgres", verifier);
    let (inventory, privileges) = (scene.me.inventory(), db.effective_privileges());
    scene.keep("cnpg-superuser-changed", &scene.grant(&[]));
    inventory.assert_unchanged(&scene.me.inventory());
    privileges.assert_unchanged(&db.effective_privileges());
    assert_eq!(db.sql("postgres", verifier), changed);
}
