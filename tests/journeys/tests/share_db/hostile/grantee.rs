use datalab_lab::tenant::{Release, Stage};
use serde_json::Value;

use crate::transcript::share_db;

#[test]
fn subjects_with_every_name_are_bound_as_they_are() {
    let Some(stage) = Stage::required("hostile subjects") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let database = me.postgres(Release::named("postgresql-1")).ready();
    let (objects, privileges) = (me.inventory(), database.effective_privileges());
    let names = [
        "it's \"mine\"; $(id) `id`",
        "Ünïcode 数据: {a: [b]}",
        "https://idp.example/realms/lab#x?y=%20",
        "null",
        "-rf",
        "system:masters-not",
    ];
    let with = format!("user-{}", play.name("x"));
    let subjects: Vec<String> = names.iter().map(|name| format!("user:{name}")).collect();
    let mut words = vec!["postgres", "--with", &with];
    for subject in &subjects {
        words.extend(["--subject", subject]);
    }
    let granted = share_db(&me, &words);
    assert!(granted.succeeded(), "{granted}");
    let name = share_db(
        &me,
        [words.as_slice(), &["-o", "jsonpath={.secret}"]].concat(),
    )
    .ok();
    let binding = me
        .kubectl(["get", "rolebinding", name.trim_end(), "--output=json"])
        .ok();
    let binding: Value =
        serde_json::from_str(&binding).expect("because kubectl writes JSON when asked to");
    let bound: Vec<&str> = binding["subjects"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|subject| subject["name"].as_str())
        .collect();
    assert_eq!(bound, names);
    // Each of them, and nobody whose name is like it, may read the one Secret.
    for (who, expected) in names
        .iter()
        .map(|name| (*name, true))
        .chain([("id", false), ("null ", false)])
    {
        let can = [
            "auth",
            "can-i",
            "get",
            &format!("secret/{}", name.trim_end()),
            "--namespace",
            me.namespace(),
            &format!("--as={who}"),
        ];
        assert_eq!(stage.kubectl(can).run().succeeded(), expected, "{who:?}");
    }
    let again = share_db(&me, [words.as_slice(), &["--exit-code"]].concat());
    assert!(again.succeeded(), "{again}");
    share_db(&me, ["revoke", "postgres", "--with", &with]).ok();
    objects.assert_unchanged(&me.inventory());
    privileges.assert_unchanged(&database.effective_privileges());
}

#[test]
fn the_longest_names_and_words_of_yaml_are_names_too() {
    let Some(stage) = Stage::required("longest names") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    // The longest whose StatefulSet can have pods: their label takes eleven more.
    let release = format!("postgresql-{}", "r".repeat(41));
    let database = me.postgres(Release::named(&release)).ready();
    let (objects, privileges) = (me.inventory(), database.effective_privileges());
    let longest = format!("user-{}", "x".repeat(58));
    assert_eq!(longest.len(), 63);
    for with in [longest.as_str(), "null", "true", "1e3", "select"] {
        let subject = format!("group:system:serviceaccounts:{with}");
        let granted = share_db(&me, ["postgres", "--with", with, "--subject", &subject]);
        assert!(granted.succeeded(), "{granted}");
        let policies = me.kubectl([
            "get",
            "networkpolicies",
            "--output=jsonpath={..namespaceSelector.matchLabels}",
        ]);
        let selector: Value =
            serde_json::from_str(&policies.ok()).expect("because there is one selector");
        assert_eq!(selector["kubernetes.io/metadata.name"], with);
        let list = share_db(&me, ["list", "--live", "--exit-code"]);
        assert!(list.succeeded(), "{list}");
        let revoked = share_db(&me, ["revoke", "postgres", "--with", with]);
        assert!(revoked.succeeded(), "{revoked}");
    }
    objects.assert_unchanged(&me.inventory());
    privileges.assert_unchanged(&database.effective_privileges());
}
