//! The same grant again: nothing is written, unless something drifted or the lifetime is renewed.

use datalab_lab::tenant::{Database, Release, Stage, Tenant};

use super::audit::Audit;
use super::share::{ShareSecret, share_db};

/// Statements that change something, as the server logs them.
const WRITING: [&str; 9] = [
    "CREATE ",
    "ALTER ",
    "DROP ",
    "GRANT ",
    "REVOKE ",
    "COMMENT ",
    "REASSIGN ",
    "INSERT ",
    "BEGIN",
];

#[test]
fn the_same_terms_write_nothing() {
    let Some(stage) = Stage::required("the same terms write nothing") else {
        return;
    };
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    let db = me.postgres(Release::named("postgresql-951239")).ready();
    only_admin_of_her_namespace(&stage, &me);
    let mut audit = Audit::begin(&stage, &me);
    let grant = format!(
        "postgres --with {} --schema sales --access write",
        x.namespace()
    );

    // The first one writes; otherwise "no write" would mean nothing.
    let statements = db.log().len();
    share_db(&me, &grant).ok();
    if let Some(audit) = &mut audit {
        let mut written: Vec<String> = audit
            .look()
            .into_iter()
            .filter(|request| request.writes())
            .map(|request| format!("{} {}", request.verb, request.resource))
            .collect();
        written.sort();
        let expected = [
            "create secrets",
            "patch networkpolicies",
            "patch rolebindings",
            "patch roles",
        ];
        assert_eq!(written, expected);
    }
    assert!(!writing_statements(&db, statements).is_empty());

    let (inventory, privileges) = (me.inventory(), db.effective_privileges());
    for again in [
        grant.clone(),
        format!("{grant} --exit-code"),
        format!("grant {grant} --for 30d"),
    ] {
        let statements = db.log().len();
        let told = share_db(&me, &again).ok();
        assert!(told.starts_with("share unchanged: "), "{told}");
        if let Some(audit) = &mut audit {
            let requests = audit.look();
            assert!(
                requests.len() > 5,
                "not the whole of it was looked at: {requests:?}"
            );
            let written: Vec<_> = requests.iter().filter(|request| request.writes()).collect();
            assert!(written.is_empty(), "{written:?}");
        }
        assert_eq!(writing_statements(&db, statements), Vec::<String>::new());
    }
    inventory.assert_unchanged(&me.inventory());
    privileges.assert_unchanged(&db.effective_privileges());
}

#[test]
fn drift_is_named_and_mended() {
    let Some(stage) = Stage::required("drift is named and mended") else {
        return;
    };
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    let db = me.postgres(Release::named("postgresql-951239"));
    let colleague = x.pod("notebook");
    let db = db.ready();
    let grant = format!("postgres --with {} --schema sales", x.namespace());
    let share = ShareSecret::planned(&me, &grant);
    share_db(&me, &grant).ok();
    let theirs = share.login_of(&x);
    colleague.until_reachable(db.host());
    let (inventory, privileges) = (me.inventory(), db.effective_privileges());
    let mend = |what: &str| {
        let changed = share_db(&me, &format!("{grant} --exit-code"));
        let told = changed.stdout().to_owned();
        changed.fails_with(7);
        assert!(told.starts_with("share changed: "), "{told}");
        assert!(told.contains(&format!("  changed   {what}\n")), "{told}");
    };
    let reads = || {
        colleague
            .psql(&theirs, "SELECT count(*) FROM sales.orders")
            .succeeded()
    };
    assert!(reads());
    let login = format!("login {} had drifted", theirs.user);

    // The colleague's own doing: a password that nobody else knows.
    colleague
        .psql(&theirs, "ALTER ROLE CURRENT_USER PASSWORD 'mine'")
        .ok();
    assert!(!reads());
    mend(&login);
    assert!(reads());

    // The owner's, in the database.
    let role = format!("\"{}\"", theirs.user);
    for drift in [
        format!("GRANT pg_read_all_data TO {role}"),
        format!("ALTER ROLE {role} SUPERUSER NOLOGIN"),
        format!("ALTER ROLE {role} VALID UNTIL 'infinity' CONNECTION LIMIT 50"),
        format!(
            "REVOKE SELECT ON sales.orders FROM {role}; GRANT DELETE ON sales.orders TO {role}"
        ),
        format!("GRANT SELECT (answer) ON research.surveys TO {role}"),
        format!(
            "GRANT USAGE ON SCHEMA research TO {role}; GRANT SELECT ON research.surveys TO {role}"
        ),
    ] {
        db.sql(db.dbname(), &drift);
        mend(&login);
        privileges.assert_unchanged(&db.effective_privileges());
    }
    assert!(reads());
    db.sql("archive", &format!("GRANT USAGE ON SCHEMA ledgers TO {role}; GRANT SELECT ON ledgers.entries TO {role}; GRANT CONNECT ON DATABASE archive TO {role}"));
    mend(&login);
    privileges.assert_unchanged(&db.effective_privileges());

    // The owner's, in the namespace: edited, and deleted.
    let name = share.name();
    for (kind, patch) in [
        (
            "role",
            r#"[{"op": "replace", "path": "/rules/0/verbs", "value": ["get", "list"]}]"#,
        ),
        (
            "rolebinding",
            r#"[{"op": "remove", "path": "/subjects/0"}]"#,
        ),
        (
            "networkpolicy",
            r#"[{"op": "remove", "path": "/spec/ingress/0/ports"}]"#,
        ),
    ] {
        let patch = ["patch", kind, name, "--type=json", "--patch", patch];
        let delete = ["delete", kind, name];
        for (command, fate) in [(patch.as_slice(), "had drifted"), (&delete, "was missing")] {
            me.kubectl(command).ok();
            mend(&format!("{kind}/{name} {fate}"));
            inventory.assert_unchanged(&me.inventory());
        }
    }
    let again = share_db(&me, &format!("{grant} --exit-code")).ok();
    assert!(again.starts_with("share unchanged: "), "{again}");
    colleague.until_reachable(db.host());
    assert!(reads());
}

#[test]
fn a_lifetime_goes_on_until_it_is_renewed() {
    let Some(stage) = Stage::required("a lifetime goes on until it is renewed") else {
        return;
    };
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    let db = me.postgres(Release::named("postgresql-951239")).ready();
    let grant = format!("postgres --with {}", x.namespace());
    let expires = |options: &str| {
        let line = format!("{grant} {options}--output=jsonpath={{.expires}}");
        share_db(&me, &line).ok().trim_end().to_owned()
    };
    let in_database = || {
        let moment =
            "SELECT to_char(rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
        db.sql(
            "postgres",
            &format!("{moment} FROM pg_roles WHERE rolname LIKE 'share_%'"),
        )
    };
    let first = expires("");
    assert_eq!(in_database(), first);

    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(expires(""), first);
    let renewed = expires("--renew ");
    assert!(renewed > first, "{renewed} is not after {first}");
    assert_eq!(in_database(), renewed);
    assert_eq!(expires(""), renewed);

    let until = expires("--until 2027-01-31 ");
    assert_eq!(
        (until.as_str(), in_database().as_str()),
        ("2027-01-31T00:00:00Z", "2027-01-31T00:00:00Z")
    );
    assert_eq!(expires("--no-expiry "), "never");
    assert_eq!(
        db.sql(
            "postgres",
            "SELECT rolvaliduntil FROM pg_roles WHERE rolname LIKE 'share_%'"
        ),
        "infinity"
    );
}

/// No role but ClusterRole admin, and no binding but the one of her own namespace.
#[track_caller]
fn only_admin_of_her_namespace(stage: &Stage, me: &Tenant) {
    let bindings = "{range .items[*]}{.kind} {.metadata.namespace} {.roleRef.kind} {.roleRef.name}:{range .subjects[*]} {.name}{end}{'\\n'}{end}";
    let all = stage
        .kubectl([
            "get",
            "rolebindings,clusterrolebindings",
            "--all-namespaces",
            &format!("--output=jsonpath={bindings}"),
        ])
        .run()
        .ok();
    let hers: Vec<&str> = all
        .lines()
        .filter(|line| line.split(' ').any(|word| word == me.user()))
        .collect();
    let only = format!(
        "RoleBinding {} ClusterRole admin: {}",
        me.namespace(),
        me.user()
    );
    assert_eq!(hers, [only.as_str()]);
}

/// The statements since then that change something.
#[track_caller]
fn writing_statements(db: &Database, since: usize) -> Vec<String> {
    let log = db.log();
    let statements = log[since..].lines().filter_map(|line| {
        let (_, statement) = line
            .split_once("statement: ")
            .or_else(|| line.split_once("execute "))?;
        Some(statement.trim_start().to_owned())
    });
    statements
        .filter(|statement| WRITING.iter().any(|word| statement.contains(word)))
        .collect()
}
