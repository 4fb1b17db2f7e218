use datalab_lab::tenant::{Output, Release, Stage};

use super::assert_clear;
use crate::transcript::{Transcript, share_db};

/// Names that are none in Kubernetes, and what they aim at.
fn hostile_names() -> Vec<String> {
    [
        "'; DROP TABLE public.towns; --",
        "\"; DROP ROLE postgres; --",
        "$(touch /tmp/hostile)`id`",
        "line\nbreak",
        "\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m",
        "right\u{202e}to-left\u{200b}",
        "../../secrets/x",
        "{a: &b [*b]}",
        "%s%n{{.data}}",
        "Ünïcode-数据",
        "",
        " ",
        "-rf",
        "--yes",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain(["x".repeat(300)])
    .collect()
}

#[test]
fn names_that_are_none_are_refused_in_words() {
    let Some(stage) = Stage::required("hostile names") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let database = me.postgres(Release::named("postgresql-1")).ready();
    let (objects, privileges) = (me.inventory(), database.effective_privileges());
    for name in hostile_names() {
        let name = name.as_str();
        let (wanted, share) = (format!("postgres/{name}"), format!("{name}/postgresql-1"));
        let (account, kind) = (format!("sa:user-x/{name}"), format!("{name}:oidc-x"));
        for words in [
            ["grant", "postgres", "--with", name].as_slice(),
            &["grant", "postgres", "--with", "user-x", "-n", name],
            &["grant", &wanted, "--with", "user-x"],
            &["grant", "postgres", "--with", "user-x", "--schema", name],
            &["grant", "postgres", "--with", "user-x", "--database", name],
            &[
                "grant",
                "postgres",
                "--with",
                "user-x",
                "--superuser-secret",
                name,
            ],
            &[
                "grant",
                "postgres",
                "--with",
                "user-x",
                "--subject",
                &account,
            ],
            &["grant", "postgres", "--with", "user-x", "--subject", &kind],
            &["revoke", &wanted, "--with", "user-x"],
            &["revoke", "postgres", "--with", name],
            &["list", &wanted],
        ] {
            // An empty namespace is the current one, as kubectl has it.
            if words.ends_with(&["-n", ""]) {
                continue;
            }
            assert_clear(&share_db(&me, words));
        }
        let connect = share_db(&me, ["connect", &share, "--print", "env"]);
        assert_clear(&connect);
    }
    // One character more than a namespace may have.
    assert_clear(&share_db(&me, ["postgres", "--with", &"x".repeat(64)]));
    objects.assert_unchanged(&me.inventory());
    privileges.assert_unchanged(&database.effective_privileges());
    assert!(
        !std::path::Path::new("/tmp/hostile").exists(),
        "a shell ran a name"
    );
}

#[test]
fn refusals_of_hostile_names_read_well() {
    let Some(stage) = Stage::required("hostile names read well") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let _database = me.postgres(Release::named("postgresql-1")).ready();
    let escape = "\u{1b}[2Jgone\u{7}";
    let long = "x".repeat(300);
    let outputs = [
        share_db(&me, ["postgres", "--with", escape]),
        share_db(&me, ["postgres", "--with", &long]),
        share_db(
            &me,
            [
                "postgres",
                "--with",
                "user-x",
                "--schema",
                "sales\"; DROP TABLE x; --",
            ],
        ),
        share_db(
            &me,
            ["postgres", "--with", "user-x", "--schema", "line\nbreak"],
        ),
        share_db(
            &me,
            [
                "postgres",
                "--with",
                "user-x",
                "--database",
                "it's \"mine\"",
            ],
        ),
        share_db(&me, ["postgres/it's \"mine\"", "--with", "user-x"]),
    ];
    // The command line itself is not ours to show.
    let said: Vec<&str> = outputs.iter().map(Output::stderr).collect();
    Transcript::of(&play, "share_db").keep_text("hostile-refusals", &said.join("\n"));
}
