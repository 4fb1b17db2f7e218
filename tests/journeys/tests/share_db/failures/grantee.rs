use super::Scene;
use crate::transcript::share_db;

#[test]
fn a_namespace_that_is_absent_cannot_be_told_from_a_foreign_one() {
    let Some(scene) = Scene::required("absent namespace") else {
        return;
    };
    let _database = scene.database();
    // Nobody made user-x: the owner could not see it either way.
    let before = scene.before(None);
    let planned = scene.grant(&["--dry-run=client"]);
    scene.keep("grantee-absent-namespace-dry-run", &planned);
    before.assert_unchanged();
    scene.keep("grantee-absent-namespace", &scene.grant(&[]));
}

#[test]
fn names_that_are_no_colleague_are_refused() {
    let Some(scene) = Scene::required("odd grantees") else {
        return;
    };
    let database = scene.database();
    let before = scene.before(Some(&database));
    let own = scene.me.namespace();
    let with = |with: &str| share_db(&scene.me, ["postgres", "--with", with]);
    scene.keep("grantee-own-namespace", &with(own));
    scene.keep("grantee-without-prefix", &with("x"));
    scene.keep("grantee-me", &with("me"));
    scene.keep("grantee-user-name", &with("oidc:x@example.org"));
    scene.keep("grantee-missing", &share_db(&scene.me, ["postgres"]));
    before.assert_unchanged();
}

#[test]
fn a_groups_namespace_has_no_user_and_subject_names_one() {
    let Some(scene) = Scene::required("unknown identity") else {
        return;
    };
    let database = scene.database();
    let project = format!("projet-{}", scene.play.name("p"));
    let grant = |options: &[&str]| {
        let words = ["postgres", "--with", &project];
        share_db(&scene.me, [words.as_slice(), options].concat())
    };
    scene.keep("grantee-group", &grant(&[]));
    let group = format!("group:oidc-{}", scene.play.name("p"));
    let pods = format!("sa:{project}/default");
    let given = ["--subject", &group, "--subject", &pods];
    scene.keep("grantee-subjects-given", &grant(&given));
    let before = scene.before(Some(&database));
    for (name, subject) in [
        ("grantee-subject-malformed", "oidc-x"),
        ("grantee-subject-unknown-kind", "role:x"),
        ("grantee-subject-bad-account", "sa:default"),
    ] {
        scene.keep(name, &grant(&["--subject", subject]));
    }
    before.assert_unchanged();
}
