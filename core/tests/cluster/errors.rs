//! What goes wrong, said so that a person can act on it.

use datalab_core::{
    cluster::{Cluster, Error, WriteMode, api::api::core::v1::Secret},
    report::{Failure, Kind},
};
use serde_json::json;

use crate::{
    cluster, connect, connection,
    fake::{Fake, Reply, status},
    impatient, me,
};

async fn read(cluster: &Cluster) -> Error {
    cluster.get::<Secret>(&me(), "x").await.unwrap_err()
}

async fn failure_of(reply: impl Fn() -> Reply + Send + 'static) -> (Kind, String) {
    let fake = Fake::start(move |_| reply()).await;
    let failure = Failure::from(read(&cluster(&fake).await).await);
    let text = failure.to_string();
    assert!(
        text.contains("get secrets \"x\" in namespace user-me"),
        "{text}"
    );
    (failure.kind(), text.replace(&fake.url(), "URL"))
}

#[tokio::test]
async fn access_rules_say_how_to_ask_for_the_right() {
    let message = r#"secrets "x" is forbidden: User "me" cannot get resource "secrets" in API group "" in the namespace "user-me""#;
    let (kind, text) = failure_of(|| status(403, "Forbidden", message)).await;
    assert_eq!(kind, Kind::Refused);
    assert_eq!(
        text,
        "error: not allowed to get secrets \"x\" in namespace user-me: User \"me\" cannot get resource \"secrets\" in API group \"\" in the namespace \"user-me\"\ntry: kubectl auth can-i get secrets/x -n user-me"
    );
}

#[tokio::test]
async fn policies_are_not_access_rules() {
    for (code, message) in [
        (
            403,
            r#"pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"#,
        ),
        (
            403,
            r#"pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true"#,
        ),
        (
            403,
            r#"admission webhook "w.example" denied the request: User "x" cannot have this"#,
        ),
        (
            400,
            r#"admission webhook "w.example" denied the request: no"#,
        ),
        (
            422,
            r#"secrets "x" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"#,
        ),
    ] {
        let fake = Fake::start(move |_| {
            status(
                code,
                if code == 403 { "Forbidden" } else { "Invalid" },
                message,
            )
        })
        .await;
        let error = read(&cluster(&fake).await).await;
        assert!(
            matches!(&error, Error::Denied { message: said, .. } if message.ends_with(said) && !said.contains("is forbidden")),
            "{error:?}"
        );
        assert_eq!(Failure::from(error).kind(), Kind::Refused);
    }
    let message = r#"secrets "x" is forbidden: exceeded quota: few-secrets, requested: count/secrets=1, used: count/secrets=5, limited: count/secrets=5"#;
    let (_, text) = failure_of(|| status(403, "Forbidden", message)).await;
    assert!(
        text.ends_with("used: count/secrets=5, limited: count/secrets=5\ntry: kubectl describe resourcequota few-secrets -n user-me"),
        "{text}"
    );
    // Without a rule, the server's own words are the best there is.
    let escalation = r#"roles.rbac.authorization.k8s.io "r" is forbidden: user "me" (groups=["g"]) is attempting to grant RBAC permissions not currently held:"#;
    let fake = Fake::start(move |_| status(403, "Forbidden", escalation)).await;
    assert!(matches!(
        read(&cluster(&fake).await).await,
        Error::Forbidden { .. }
    ));
}

#[tokio::test]
async fn rights_that_are_given_without_being_held_are_named() {
    let escalation = "roles.rbac.authorization.k8s.io \"r\" is forbidden: user \"me\" (groups=[\"g\"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"secrets\"], ResourceNames:[\"x\"], Verbs:[\"get\"]}\n{APIGroups:[\"apps\"], Resources:[\"deployments\" \"statefulsets\"], Verbs:[\"get\" \"list\"]}";
    let (kind, text) = failure_of(move || status(403, "Forbidden", escalation)).await;
    assert_eq!(kind, Kind::Refused);
    assert!(
        text.contains("rights that you do not hold yourself: get secrets \"x\"; get, list deployments, statefulsets.apps\n"),
        "{text}"
    );
}

#[tokio::test]
async fn credentials_that_are_not_accepted() {
    let (kind, text) = failure_of(|| status(401, "Unauthorized", "Unauthorized")).await;
    assert_eq!(kind, Kind::Refused);
    assert!(
        text.contains("\ntry: kubectl datalab oidc-login\n"),
        "{text}"
    );
}

#[tokio::test]
async fn nobody_in_particular_is_told_to_log_in() {
    let message = r#"secrets "x" is forbidden: User "system:anonymous" cannot get resource "secrets" in API group "" in the namespace "user-me""#;
    let (kind, text) = failure_of(|| status(403, "Forbidden", message)).await;
    assert_eq!(kind, Kind::Refused);
    assert!(
        text.ends_with("\ntry: kubectl datalab oidc-login"),
        "{text}"
    );
}

#[tokio::test]
async fn a_login_page_is_no_api_server() {
    let page = "<!doctype html><html><head><title>Corporate proxy</title></head><body><h1>Please sign in</h1></body></html>";
    for code in [200, 403, 407] {
        let (kind, text) = failure_of(move || {
            Reply::Raw(
                code,
                vec![("content-type", "text/html".to_owned())],
                page.to_owned(),
            )
        })
        .await;
        assert_eq!(kind, Kind::Usage, "{text}");
        assert!(text.contains(&format!("URL does not answer as a Kubernetes API server does (HTTP {code}): \"Corporate proxy Please sign in\"")), "{text}");
    }
    let (kind, text) = failure_of(|| {
        Reply::Raw(
            302,
            vec![("location", "https://sso.example/".to_owned())],
            String::new(),
        )
    })
    .await;
    assert_eq!(kind, Kind::Usage);
    assert!(text.contains("moved to https://sso.example/"), "{text}");
}

#[tokio::test]
async fn an_answer_of_another_shape_is_not_taken_for_an_object() {
    let (_, text) = failure_of(|| {
        Reply::Json(
            200,
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}),
        )
    })
    .await;
    assert!(text.contains("the answer cannot be read"), "{text}");
}

#[tokio::test]
async fn a_server_that_fails() {
    let (kind, text) =
        failure_of(|| status(500, "InternalError", "etcdserver: request timed out")).await;
    assert_eq!(kind, Kind::Unreachable);
    assert!(
        text.contains("the API server answers 500: etcdserver: request timed out"),
        "{text}"
    );
    let (_, text) = failure_of(|| {
        Reply::Raw(
            502,
            vec![],
            "<html><title>502 Bad Gateway</title></html>".to_owned(),
        )
    })
    .await;
    assert!(
        text.contains("the API server answers 502: 502 Bad Gateway"),
        "{text}"
    );
}

#[tokio::test]
async fn a_conflict_names_the_other_manager() {
    let answer = || {
        Reply::Json(
            409,
            json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Conflict", "code": 409,
                "message": "Apply failed with 1 conflict: conflict with \"helm\" using v1: .data.key",
                "details": {"causes": [
                    {"reason": "FieldManagerConflict", "message": "conflict with \"helm\" using v1", "field": ".data.key"},
                    {"reason": "FieldManagerConflict", "message": "conflict with \"helm\" using v1", "field": ".data.other"}]}}),
        )
    };
    let fake = Fake::start(move |_| answer()).await;
    let mut secret = Secret::default();
    secret.metadata.name = Some("x".to_owned());
    let error = cluster(&fake)
        .await
        .apply(&me(), &secret, WriteMode::Commit)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Conflict { managers, .. } if managers == &["helm"]),
        "{error:?}"
    );
    assert_eq!(Failure::from(error).kind(), Kind::Conflict);
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn nobody_listens() {
    let fake = Fake::start(|_| Reply::HangUp).await;
    let mut dead = connection(&fake);
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    dead.server = format!("http://{free}");
    let failure = Failure::from(read(&connect(dead).await).await);
    assert_eq!(failure.kind(), Kind::Unreachable);
    assert!(
        failure
            .problem()
            .ends_with("cannot be reached: Connection refused (os error 111)"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_name_that_does_not_resolve() {
    let fake = Fake::start(|_| Reply::HangUp).await;
    let mut nowhere = connection(&fake);
    nowhere.server = "http://api.lab.invalid:6443".to_owned();
    let failure = Failure::from(read(&connect(nowhere).await).await);
    assert_eq!(failure.kind(), Kind::Unreachable);
    assert!(
        failure
            .problem()
            .contains("http://api.lab.invalid:6443 cannot be reached: failed to lookup"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_server_that_accepts_and_never_answers() {
    let fake = Fake::start(|_| Reply::Silence).await;
    let failure = Failure::from(read(&impatient(&fake, "300ms").await).await);
    assert_eq!(failure.kind(), Kind::Unreachable);
    assert!(
        failure.problem().ends_with("did not answer within 0.3 s"),
        "{failure}"
    );
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn hostile_words_stay_words() {
    let (_, text) = failure_of(|| status(403, "Forbidden", "no \u{1b}]0;owned\u{7}")).await;
    assert!(!text.contains('\u{1b}'), "{text:?}");
}
