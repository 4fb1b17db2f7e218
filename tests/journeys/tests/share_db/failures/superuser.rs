use datalab_lab::tenant::Release;

use super::Scene;

/// A password that the test sets, as a stranger to the tool would.
const KNOWN: &str = "set-by-the-owner-0815";

#[test]
fn without_a_superusers_password_the_way_on_is_named_and_works() {
    let Some(scene) = Scene::required("no superuser") else {
        return;
    };
    let release = Release::named("postgresql-951239").without_superuser();
    let database = scene.me.postgres(release).ready();
    let before = scene.before(Some(&database));
    scene.keep("superuser-none", &scene.grant(&[]));
    let named = ["--superuser-secret", "my-superuser"];
    scene.keep("superuser-named-secret-absent", &scene.grant(&named));
    before.assert_unchanged();

    // The owner's own credential is one too, but no superuser's.
    let owner = database.owner();
    scene
        .me
        .kubectl([
            "create",
            "secret",
            "generic",
            "mine",
            &format!("--from-literal=username={}", owner.user),
            &format!("--from-literal=password={}", owner.password),
        ])
        .ok();
    let before = scene.before(Some(&database));
    let mine = scene.grant(&["--superuser-secret", "mine"]);
    scene.keep("superuser-is-none", &mine);
    before.assert_unchanged();

    database.sql(
        "postgres",
        &format!("ALTER ROLE postgres PASSWORD '{KNOWN}'"),
    );
    scene
        .me
        .kubectl([
            "create",
            "secret",
            "generic",
            "my-superuser",
            "--from-literal=username=postgres",
            &format!("--from-literal=password={KNOWN}"),
        ])
        .ok();
    scene.grant(&named).ok();
    // Each verb that needs the superuser takes the same way on.
    scene.keep("superuser-none-revoke", &scene.revoke(&[]));
    scene.revoke(&named).ok();
}

#[test]
fn a_password_that_was_changed_inside_is_never_reset() {
    let Some(scene) = Scene::required("superuser changed") else {
        return;
    };
    let release = Release::named("postgresql-951239").superuser_changed();
    let database = scene.me.postgres(release).ready();
    let verifier = "SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'";
    let as_changed = database.sql("postgres", verifier);
    let before = scene.before(Some(&database));
    scene.keep("superuser-password-changed", &scene.grant(&[]));
    before.assert_unchanged();
    assert_eq!(database.sql("postgres", verifier), as_changed);

    database.sql(
        "postgres",
        &format!("ALTER ROLE postgres PASSWORD '{KNOWN}'"),
    );
    scene
        .me
        .kubectl([
            "create",
            "secret",
            "generic",
            "my-superuser",
            "--from-literal=username=postgres",
            &format!("--from-literal=password={KNOWN}"),
        ])
        .ok();
    scene.grant(&["--superuser-secret", "my-superuser"]).ok();
}
