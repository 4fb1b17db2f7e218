//! What may be done, asked with as few requests as will do.

use datalab_core::cluster::{Access, Identity};
use serde_json::json;

use crate::{
    cluster,
    fake::{Fake, Reply, Seen},
    me,
};

/// Rules that allow reading the Secret `x`, and an authorizer beside them that allows forwarding.
fn answer(request: &Seen) -> Reply {
    let body = request.json();
    match body["kind"].as_str() {
        Some("SelfSubjectRulesReview") => {
            assert_eq!(body["spec"]["namespace"], "user-me");
            Reply::Json(
                201,
                json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "metadata": {}, "spec": {}, "status": {
                "incomplete": true, "nonResourceRules": [],
                "resourceRules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["x"]}]}}),
            )
        }
        Some("SelfSubjectAccessReview") => {
            let attributes = &body["spec"]["resourceAttributes"];
            assert_eq!(attributes["namespace"], "user-me");
            let allowed =
                attributes["resource"] == "pods" && attributes["subresource"] == "portforward";
            Reply::Json(
                201,
                json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "metadata": {}, "spec": {}, "status": {"allowed": allowed}}),
            )
        }
        Some("LocalSubjectAccessReview") => {
            let allowed = body["spec"]["groups"] == json!(["g"]) && body["spec"]["user"] == "u";
            Reply::Json(
                201,
                json!({"apiVersion": "authorization.k8s.io/v1", "kind": "LocalSubjectAccessReview", "metadata": {}, "spec": {}, "status": {"allowed": allowed, "reason": "because"}}),
            )
        }
        Some("SelfSubjectReview") => Reply::Json(
            201,
            json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {}, "status": {"userInfo": {"username": "me", "groups": ["g"]}}}),
        ),
        other => Reply::Raw(500, vec![], format!("unexpected {other:?}")),
    }
}

#[tokio::test]
async fn only_what_is_missing_is_returned() {
    let fake = Fake::start(answer).await;
    let read = Access::new("get", "", "secrets").on("x");
    let write = Access::new("create", "rbac.authorization.k8s.io", "roles");
    let forward = Access::new("create", "", "pods/portforward").on("x-0");
    let cluster = cluster(&fake).await;
    let missing = cluster
        .permitted(&me(), &[read.clone(), write.clone(), forward])
        .await
        .unwrap();
    assert_eq!(missing, std::slice::from_ref(&write));
    assert_eq!(
        fake.seen().len(),
        3,
        "one for the rules, and one for each that they do not allow"
    );
    assert_eq!(write.to_string(), "create roles.rbac.authorization.k8s.io");
    assert_eq!(read.to_string(), "get secrets \"x\"");

    cluster
        .permitted(&me(), std::slice::from_ref(&read))
        .await
        .unwrap();
    assert_eq!(fake.seen().len(), 4);
    cluster.permitted(&me(), &[]).await.unwrap();
    assert_eq!(fake.seen().len(), 4);
}

#[tokio::test]
async fn somebody_elses_access_and_our_own_name() {
    let fake = Fake::start(answer).await;
    let cluster = cluster(&fake).await;
    let identity = |user: &str| Identity {
        user: user.to_owned(),
        groups: vec!["g".to_owned()],
    };
    let access = Access::new("get", "", "secrets").on("x");
    assert!(
        cluster
            .review(&me(), &identity("u"), &access)
            .await
            .unwrap()
            .allowed
    );
    let verdict = cluster
        .review(&me(), &identity("v"), &access)
        .await
        .unwrap();
    assert!(!verdict.allowed);
    assert_eq!(verdict.reason, "because");
    assert_eq!(
        fake.seen()[0].target,
        "/apis/authorization.k8s.io/v1/namespaces/user-me/localsubjectaccessreviews?"
    );
    assert_eq!(
        cluster.who_am_i().await.unwrap(),
        Identity {
            user: "me".to_owned(),
            groups: vec!["g".to_owned()]
        }
    );
}
