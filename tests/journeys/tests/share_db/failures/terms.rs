use datalab_lab::tenant::Release;
use serde_json::{Value, json};

use super::Scene;
use crate::transcript::share_db;

#[test]
fn other_terms_are_shown_before_and_after() {
    let Some(scene) = Scene::required("other terms") else {
        return;
    };
    let database = scene.database();
    scene.grant(&["--schema", "sales"]).ok();
    let before = scene.before(Some(&database));
    let other = [
        "--schema",
        "research",
        "--access",
        "write",
        "--connection-limit",
        "2",
        "--no-expiry",
        "--subject",
        "user:somebody-else",
    ];
    let planned = [other.as_slice(), &["--dry-run=server", "--exit-code"]].concat();
    scene.keep("terms-changed-dry-run", &scene.grant(&planned));
    before.assert_unchanged();
    scene.keep("terms-changed", &scene.grant(&other));
    scene.keep("terms-same", &scene.grant(&other));

    // What somebody else took away comes back, and is named.
    let name = scene.object_name();
    scene.me.kubectl(["delete", "rolebinding", &name]).ok();
    let role = scene.role_name();
    database.sql(
        "defaultdb",
        &format!(
            "ALTER ROLE \"{role}\" PASSWORD NULL; REVOKE USAGE ON SCHEMA research FROM \"{role}\""
        ),
    );
    let list = share_db(&scene.me, ["list", "--live", "-o", "wide", "--exit-code"]);
    scene.keep("terms-drifted-list", &list);
    scene.keep("terms-drifted-mended", &scene.grant(&other));
}

/// An object of that name, which somebody else made for another purpose.
fn foreign(kind: &str, name: &str, namespace: &str) -> Value {
    let rbac = "rbac.authorization.k8s.io";
    let metadata = json!({"name": name, "namespace": namespace, "labels": {"made-by": "somebody"}});
    match kind {
        "secret" => {
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"note": "mine"}})
        }
        "role" => {
            json!({"apiVersion": format!("{rbac}/v1"), "kind": "Role", "metadata": metadata, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]})
        }
        "rolebinding" => {
            json!({"apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding", "metadata": metadata, "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "view"}, "subjects": [{"apiGroup": rbac, "kind": "User", "name": "somebody"}]})
        }
        _ => {
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": {"podSelector": {"matchLabels": {"app": "other"}}}})
        }
    }
}

#[test]
fn objects_of_somebody_else_are_never_adopted() {
    let Some(scene) = Scene::required("foreign objects") else {
        return;
    };
    let database = scene.database();
    let name = scene.object_name();
    for kind in ["secret", "role", "rolebinding", "networkpolicy"] {
        let object = foreign(kind, &name, scene.me.namespace()).to_string();
        let create = scene.me.program(["kubectl", "create", "-f", "-"]);
        create.input(object).run().ok();
        let before = scene.before(Some(&database));
        let refused = scene.grant(&[]);
        assert_eq!(refused.code(), Some(8), "{refused}");
        scene.keep(&format!("terms-foreign-{kind}"), &refused);
        let revoked = scene.revoke(&[]);
        scene.keep(&format!("terms-foreign-{kind}-revoke"), &revoked);
        before.assert_unchanged();
        scene.me.kubectl(["delete", kind, &name]).ok();
    }
}

#[test]
fn a_policy_that_bears_the_name_of_the_base_policy_is_not_ours() {
    let Some(scene) = Scene::required("foreign base policy") else {
        return;
    };
    let release = Release::named("postgresql-951239").isolated(false);
    let database = scene.me.postgres(release).ready();
    let name = format!("share-{}-base", database.fullname());
    let object = foreign("networkpolicy", &name, scene.me.namespace()).to_string();
    let create = scene.me.program(["kubectl", "create", "-f", "-"]);
    create.input(object).run().ok();
    let before = scene.before(Some(&database));
    let refused = scene.grant(&["--isolate", "--yes"]);
    assert_eq!(refused.code(), Some(8), "{refused}");
    scene.keep("terms-foreign-base-policy", &refused);
    before.assert_unchanged();
}

#[test]
fn a_role_of_somebody_else_is_never_adopted() {
    let Some(scene) = Scene::required("foreign role") else {
        return;
    };
    let database = scene.database();
    let role = scene.role_name();
    for (case, comment) in [
        ("without-comment", "NULL"),
        ("with-comment", "'of the billing team'"),
    ] {
        database.sql("postgres", &format!("DROP ROLE IF EXISTS \"{role}\"; CREATE ROLE \"{role}\" LOGIN CONNECTION LIMIT 1; COMMENT ON ROLE \"{role}\" IS {comment}"));
        let before = scene.before(Some(&database));
        let refused = scene.grant(&[]);
        assert_eq!(refused.code(), Some(8), "{refused}");
        scene.keep(&format!("terms-foreign-role-{case}"), &refused);
        let list = share_db(&scene.me, ["list", "--live"]);
        scene.keep(&format!("terms-foreign-role-{case}-list"), &list);
        let revoked = scene.revoke(&[]);
        scene.keep(&format!("terms-foreign-role-{case}-revoke"), &revoked);
        before.assert_unchanged();
    }
}
