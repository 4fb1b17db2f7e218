use std::time::Duration;

use datalab_lab::tenant::{Database, Tenant};
use serde_json::{Value, json};

use super::Scene;
use crate::{
    lock::HeldLock,
    transcript::{command_line, share_db},
};

/// All that a grant needs, as rules of a Role.
fn all_rules() -> Value {
    let rbac = ["rbac.authorization.k8s.io"];
    json!([
        {"apiGroups": [""], "resources": ["pods", "services", "endpoints"], "verbs": ["get", "list"]},
        {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get", "create"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "create", "update", "delete"]},
        {"apiGroups": rbac, "resources": ["roles", "rolebindings"], "verbs": ["get", "list", "create", "patch", "delete"]},
        {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["get", "list", "create", "patch", "delete"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["localsubjectaccessreviews"], "verbs": ["create"]},
    ])
}

/// Gives a deputy these rights in the owner's namespace; the same call again replaces them.
#[track_caller]
fn give(scene: &Scene, deputy: &Tenant, rules: &Value) {
    let name = "deputy";
    let namespace = scene.me.namespace();
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": name, "namespace": namespace},
        "rules": rules,
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": deputy.user()}],
    });
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [role, binding]});
    scene
        .stage
        .kubectl(["apply", "-f", "-"])
        .input(list.to_string())
        .run()
        .ok();
}

/// Waits until the API server's own answer about a deputy's right is this one.
#[track_caller]
fn until_allowed(scene: &Scene, deputy: &Tenant, verb: &str, resource: &str, allowed: bool) {
    let namespace = scene.me.namespace();
    for _ in 0..100 {
        let answer = deputy.kubectl(["auth", "can-i", verb, resource, "-n", namespace]);
        if answer.succeeded() == allowed {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("the right to {verb} {resource} does not become {allowed}");
}

#[test]
fn all_missing_rights_are_said_at_once() {
    let Some(scene) = Scene::required("missing rights") else {
        return;
    };
    let database = scene.database();
    let deputy = scene.play.tenant("z");
    let with = scene.with();
    let namespace = scene.me.namespace();
    let grant = || share_db(&deputy, ["postgres", "--with", &with, "-n", namespace]);
    scene.keep("rights-stranger", &grant());

    // May look at everything and open tunnels, as `view` and a bit more would.
    let mut rules = all_rules();
    for rule in rules.as_array_mut().expect("because rules are a list") {
        if rule["resources"] != json!(["pods/portforward"]) {
            rule["verbs"] = json!(["get", "list"]);
        }
    }
    give(&scene, &deputy, &rules);
    until_allowed(&scene, &deputy, "list", "services", true);
    let before = scene.before(Some(&database));
    scene.keep("rights-all-gaps", &grant());
    before.assert_unchanged();

    // With what the message asked for, the same deputy can.
    give(&scene, &deputy, &all_rules());
    until_allowed(
        &scene,
        &deputy,
        "create",
        "rolebindings.rbac.authorization.k8s.io",
        true,
    );
    grant().ok();
}

#[test]
fn a_right_lost_on_the_way_is_named_and_what_was_made_is_removed() {
    let Some(scene) = Scene::required("escalation") else {
        return;
    };
    let database = scene.database();
    let deputy = scene.play.tenant("z");
    give(&scene, &deputy, &without_reading_secrets());
    let before = scene.before(Some(&database));
    give(&scene, &deputy, &all_rules());
    until_allowed(
        &scene,
        &deputy,
        "create",
        "rolebindings.rbac.authorization.k8s.io",
        true,
    );
    let with = scene.with();
    let words = ["postgres", "--with", &with, "-n", scene.me.namespace()];

    // The pre-flight is over when the grant has its Secret and waits to make the login; only then
    // the right goes.
    let lock = HeldLock::on_roles(&scene.stage, &database);
    let waiting = deputy.program(command_line(words)).spawn();
    lock.until_waited_for(&database);
    give(&scene, &deputy, &without_reading_secrets());
    until_allowed(&scene, &deputy, "get", "secrets", false);
    lock.release();
    let output = waiting
        .wait_with_output()
        .expect("because the child is ours to wait for");
    assert_eq!(output.status.code(), Some(4));
    let said = String::from_utf8_lossy(&output.stderr);
    scene.transcript.keep_text("rights-escalation", &said);
    before.assert_unchanged();
}

#[test]
fn a_revoke_goes_on_after_a_refusal_and_names_the_rest() {
    let Some(scene) = Scene::required("revoke refused") else {
        return;
    };
    let database = scene.database();
    let before = scene.before(Some(&database));
    scene.grant(&[]).ok();
    let deputy = scene.play.tenant("z");
    let mut rules = all_rules();
    for rule in rules.as_array_mut().expect("because rules are a list") {
        if rule["apiGroups"] == json!(["networking.k8s.io"]) {
            rule["verbs"] = json!(["get", "list"]);
        }
    }
    give(&scene, &deputy, &rules);
    until_allowed(&scene, &deputy, "delete", "secrets", true);
    let with = scene.with();
    let words = [
        "revoke",
        "postgres",
        "--with",
        &with,
        "-n",
        scene.me.namespace(),
    ];
    let partial = share_db(&deputy, words);
    assert_eq!(partial.code(), Some(6), "{partial}");
    scene.keep("rights-revoke-partial", &partial);
    scene.keep("rights-revoke-finished", &scene.revoke(&[]));
    scene
        .me
        .kubectl(["delete", "role,rolebinding", "deputy"])
        .ok();
    before.assert_unchanged();
}

fn without_reading_secrets() -> Value {
    let mut rules = all_rules();
    for rule in rules.as_array_mut().expect("because rules are a list") {
        if rule["resources"] == json!(["secrets"]) {
            rule["verbs"] = json!(["list", "create", "update", "delete"]);
        }
    }
    rules
}

/// A policy of the cluster's that refuses our RoleBindings in one namespace, until it is dropped.
struct Refusal<'s> {
    scene: &'s Scene,
    name: String,
}

impl<'s> Refusal<'s> {
    #[track_caller]
    fn of_bindings(scene: &'s Scene) -> Self {
        let name = scene.play.name("no-shares");
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["rbac.authorization.k8s.io"], "apiVersions": ["v1"],
                    "operations": ["CREATE", "UPDATE"], "resources": ["rolebindings"],
                }]},
                "validations": [{
                    "expression": "!object.metadata.name.startsWith('share-')",
                    "message": "shares need the data officer's word",
                    "reason": "Forbidden",
                }],
            },
        });
        let binding = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {
                "policyName": name,
                "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": scene.me.namespace()}}},
            },
        });
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [policy, binding]});
        let refusal = Self { scene, name };
        scene
            .stage
            .kubectl(["create", "-f", "-"])
            .input(list.to_string())
            .run()
            .ok();
        Self::until(scene, true);
        refusal
    }

    /// Admission policies count a moment after they were made, and a moment longer than they are there.
    #[track_caller]
    fn until(scene: &Scene, in_force: bool) {
        let binding = [
            "create",
            "rolebinding",
            "share-canary",
            "--clusterrole=view",
            "--group=nobody",
            "--dry-run=server",
        ];
        for _ in 0..200 {
            let refused = scene.me.kubectl(binding).stderr().contains("data officer");
            if refused == in_force {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the admission policy does not come into force, or stays in it");
    }

    /// Removes the policy and waits until it no longer counts.
    #[track_caller]
    fn lift(self) {
        let scene = self.scene;
        drop(self);
        Self::until(scene, false);
    }
}

impl Drop for Refusal<'_> {
    fn drop(&mut self) {
        let objects = [
            "delete",
            "--ignore-not-found",
            &format!("validatingadmissionpolicybinding/{}", self.name),
            &format!("validatingadmissionpolicy/{}", self.name),
        ];
        drop(self.scene.stage.kubectl(objects).run());
    }
}

#[test]
fn a_binding_that_admission_refuses_leaves_nothing_behind() {
    let Some(scene) = Scene::required("admission") else {
        return;
    };
    let database: Database = scene.database();
    let before = scene.before(Some(&database));
    let refusal = Refusal::of_bindings(&scene);
    scene.keep("rights-admission", &scene.grant(&[]));
    before.assert_unchanged();
    refusal.lift();
    // The same command again, once the policy is gone, shares.
    scene.grant(&[]).ok();
}
