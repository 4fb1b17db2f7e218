//! The snapshots that other stories compare see what changes, and nothing else.

use datalab_lab::tenant::{Release, Stage};

#[test]
fn effective_privileges_see_what_changes_and_nothing_else() {
    let Some(stage) = Stage::required("effective privileges see what changes and nothing else")
    else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let db = me.postgres(Release::named("postgresql-1")).ready();
    let before = db.effective_privileges();
    before.assert_unchanged(&db.effective_privileges());

    let grants = [
        (
            "GRANT CONNECT ON DATABASE defaultdb TO guest",
            "database defaultdb: guest has CONNECT",
        ),
        (
            "GRANT USAGE ON SCHEMA research TO guest",
            "schema research: guest has USAGE",
        ),
        (
            "GRANT SELECT ON research.surveys TO guest",
            "table research.surveys: guest has SELECT",
        ),
        (
            "GRANT SELECT ON sales.invoices TO guest",
            "sequence sales.invoices: guest has SELECT",
        ),
        (
            "GRANT SELECT (town) ON sales.orders TO guest",
            "column sales.orders.town: guest has SELECT",
        ),
        (
            "ALTER DEFAULT PRIVILEGES IN SCHEMA research GRANT SELECT ON TABLES TO guest",
            "in research: guest has SELECT",
        ),
        (
            "ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO guest",
            "on sequences of postgres: guest has USAGE",
        ),
        (
            "GRANT pg_read_all_data TO guest",
            "role guest: member of pg_read_all_data",
        ),
    ];
    db.sql("defaultdb", "CREATE ROLE guest LOGIN");
    for (sql, fact) in grants {
        let without = db.effective_privileges();
        db.sql("defaultdb", sql);
        let changes = without.changes(&db.effective_privileges());
        assert_eq!(changes.len(), 1, "{sql}: {changes:?}");
        assert!(
            changes[0].starts_with("+ ") && changes[0].contains(fact),
            "{sql}: {changes:?}"
        );
    }
    // GRANT and DROP OWNED leave explicit access lists, which mean what their absence meant.
    db.sql("defaultdb", "DROP OWNED BY guest; DROP ROLE guest");
    before.assert_unchanged(&db.effective_privileges());

    db.sql("archive", "REVOKE SELECT ON ledgers.entries FROM analysts");
    let changes = before.changes(&db.effective_privileges());
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(
        changes[0].starts_with("- archive: table ledgers.entries: analysts has SELECT"),
        "{changes:?}"
    );
}

#[test]
fn the_inventory_sees_what_changes_and_nothing_else() {
    let Some(stage) = Stage::required("the inventory sees what changes and nothing else") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let db = me.postgres(Release::named("postgresql-1")).ready();
    let before = me.inventory();
    before.assert_unchanged(&me.inventory());
    let names = before.to_string();
    for object in [
        "Secret/discoverable-postgresql-1",
        "Secret/sh.onyxia.release.v1.postgresql-1",
        "NetworkPolicy.networking.k8s.io/postgresql-1",
    ] {
        assert!(names.contains(object), "no {object} in\n{names}");
    }

    me.kubectl([
        "create",
        "role",
        "reader",
        "--verb=get",
        "--resource=secrets",
    ])
    .ok();
    let with_role = me.inventory();
    let changes = before.changes(&with_role);
    assert!(
        matches!(&changes[..], [role] if role.starts_with("+ Role.rbac.authorization.k8s.io/reader")),
        "{changes:?}"
    );
    me.kubectl([
        "patch",
        "role",
        "reader",
        "--type=json",
        r#"--patch=[{"op":"add","path":"/rules/0/verbs/-","value":"list"}]"#,
    ])
    .ok();
    assert_eq!(
        with_role.changes(&me.inventory()).len(),
        2,
        "one line went, one came"
    );
    me.kubectl(["delete", "role", "reader"]).ok();
    me.kubectl(["label", "service", db.fullname(), "colour=red"])
        .ok();
    assert_eq!(
        before.changes(&me.inventory()).len(),
        2,
        "one line went, one came"
    );
    me.kubectl(["label", "service", db.fullname(), "colour-"])
        .ok();
    before.assert_unchanged(&me.inventory());
}
