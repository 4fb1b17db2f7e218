//! A tenant is who Onyxia makes her: administrator of one namespace, nobody elsewhere.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use datalab_lab::tenant::Stage;

#[test]
fn a_tenant_administers_her_namespace_and_nothing_else() {
    let Some(stage) = Stage::required("a tenant administers her namespace and nothing else") else {
        return;
    };
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));

    assert_eq!(me.user(), format!("oidc-{}", me.id()));
    let whoami = me
        .kubectl([
            "auth",
            "whoami",
            "--output=jsonpath={.status.userInfo.username}",
        ])
        .ok();
    assert_eq!(whoami, me.user());
    let mode = std::fs::metadata(me.kubeconfig())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else reads her key");
    // Her own namespace is the current one, and she has ClusterRole admin there.
    me.kubectl([
        "create",
        "secret",
        "generic",
        "mine",
        "--from-literal=key=value",
    ])
    .ok();
    me.kubectl(["auth", "can-i", "create", "rolebindings"]).ok();
    me.kubectl(["get", "secret", "mine", "--namespace", me.namespace()])
        .ok();
    me.kubectl(["get", "rolebinding", "full_control_namespace"])
        .ok();
    // Not a cluster administrator, and nobody in another namespace.
    let denied = me
        .kubectl(["get", "secrets", "--namespace", x.namespace()])
        .fails();
    assert!(denied.contains("Forbidden"), "{denied}");
    me.kubectl(["auth", "can-i", "list", "nodes"]).fails();
    me.kubectl(["auth", "can-i", "delete", "namespaces"])
        .fails();
    let denied = x
        .kubectl(["get", "secret", "mine", "--namespace", me.namespace()])
        .fails();
    assert!(denied.contains("Forbidden"), "{denied}");
}

#[test]
fn a_group_administers_its_namespace_through_its_members() {
    let Some(stage) = Stage::required("a group administers its namespace through its members")
    else {
        return;
    };
    let play = stage.play();
    let p = play.group_tenant("p");
    let (member, other) = (play.tenant_in("x", p.subject()), play.tenant("y"));

    assert_eq!(p.namespace(), format!("projet-{}", p.id()));
    for tenant in [&p, &member] {
        tenant
            .kubectl([
                "auth",
                "can-i",
                "create",
                "secrets",
                "--namespace",
                p.namespace(),
            ])
            .ok();
    }
    other
        .kubectl([
            "auth",
            "can-i",
            "create",
            "secrets",
            "--namespace",
            p.namespace(),
        ])
        .fails();
}

#[test]
fn a_pod_acts_by_its_service_account() {
    let Some(stage) = Stage::required("a pod acts by its service account") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let pod = me.pod("notebook");
    let kubectl = me.run(["sh", "-c", "command -v kubectl"]).ok();
    pod.install(Path::new(kubectl.trim()));
    let whoami = pod
        .exec([
            "kubectl",
            "auth",
            "whoami",
            "--output=jsonpath={.status.userInfo.username}",
        ])
        .ok();
    assert_eq!(
        whoami,
        format!("system:serviceaccount:{}:default", me.namespace())
    );
    let denied = pod.exec(["kubectl", "get", "secrets"]).fails();
    assert!(denied.contains("Forbidden"), "{denied}");
    let namespace = pod
        .exec([
            "cat",
            "/var/run/secrets/kubernetes.io/serviceaccount/namespace",
        ])
        .ok();
    assert_eq!(namespace, me.namespace());
}
