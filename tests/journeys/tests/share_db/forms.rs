//! The machine forms of every outcome: valid, and equal in content. kubectl reads the YAML, and its
//! JSONPath the JSON.

use datalab_lab::tenant::{Release, Stage, Tenant};
use serde_json::Value;

use super::share::share_db;

#[test]
fn every_form_says_the_same() {
    let Some(stage) = Stage::required("every form says the same") else {
        return;
    };
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    // A name that YAML would read as a boolean.
    let db = me
        .postgres(Release::named("postgresql-951239").friendly_name("yes"))
        .ready();
    let grant = format!("postgres --with {}", x.namespace());
    share_db(&me, &grant).ok();

    let granted = agree(&me, &grant, "Share");
    assert_eq!(granted["apiVersion"], "datalab/v1");
    assert_eq!(granted["result"], "unchanged");
    assert_eq!(granted["friendlyName"], "yes");
    assert_eq!(granted["database"], db.fullname());
    assert_eq!(granted["connectionLimit"], 5);
    assert_eq!(
        granted["schemas"],
        serde_json::json!(["public", "research", "sales"])
    );
    let name = granted["secret"].as_str().unwrap_or_default();
    let names = share_db(&me, &format!("{grant} --output=name")).ok();
    for kind in ["secret", "role", "rolebinding", "networkpolicy"] {
        assert!(
            names.lines().any(|line| line == format!("{kind}/{name}")),
            "{names}"
        );
    }
    me.kubectl(["get"].into_iter().chain(names.lines())).ok();

    let listed = agree(&me, "list --live", "ShareList");
    assert_eq!(listed["items"][0]["state"], "ok");
    assert_eq!(listed["items"][0]["live"]["sessions"], 0);
    assert_eq!(
        share_db(&me, "list --output=name").ok(),
        format!("secret/{name}\n")
    );

    let revoke = format!("revoke postgres --with {} --dry-run=client", x.namespace());
    let revoked = agree(&me, &revoke, "Revocation");
    assert_eq!(revoked["items"][0]["remains"], serde_json::json!([]));

    // No secret value in any of them.
    let password = [
        "get",
        "secret",
        name,
        "--output=go-template={{.data.password | base64decode}}",
    ];
    let password = me.kubectl(password).ok();
    assert!(password.len() >= 20);
    for document in [granted, listed, revoked] {
        assert!(!document.to_string().contains(&password));
    }

    share_db(&me, "list --output=xml").fails_with(2);
    share_db(&me, "list --output=jsonpath={.items[").fails_with(2);
}

/// The document, after its forms were held against each other.
#[track_caller]
fn agree(me: &Tenant, line: &str, kind: &str) -> Value {
    let form = |form: &str| share_db(me, &format!("{line} --output={form}")).ok();
    let json = form("json");
    let document: Value = serde_json::from_str(&json).expect("because -o json is JSON");
    assert_eq!(document["kind"], kind);
    assert_eq!(document["apiVersion"], "datalab/v1");

    // kubectl reads any object and asks no server to set a label in it; one with `items` it would take
    // apart, so the document is put inside another.
    let read = |document: &str, output: &str| {
        let object = format!(
            "apiVersion: v1\nkind: Any\nread:\n  {}",
            document.replace('\n', "\n  ")
        );
        let kubectl = [
            "kubectl",
            "label",
            "--local",
            "--filename=-",
            "by=kubectl",
            output,
        ];
        me.program(kubectl).input(object).run().ok()
    };
    let from_yaml: Value = serde_json::from_str(&read(&form("yaml"), "--output=json"))
        .expect("because kubectl writes JSON when asked to");
    assert_eq!(from_yaml["read"], document);

    for path in [
        ".kind",
        ".apiVersion",
        ".namespace",
        ".schemas[*]",
        ".items[*].grantee",
        ".items[0].removed[1]",
    ] {
        let kubectls = read(&json, &format!("--output=jsonpath={{.read{path}}}"));
        let ours = form(&format!("jsonpath={{{path}}}"));
        assert_eq!(ours.trim_end(), kubectls, "{path}");
    }
    document
}
