//! The same share on other terms: what changes is shown, and holds.

use datalab_lab::tenant::{Release, Stage};

use super::share::{ShareSecret, share_db};

#[test]
fn changed_terms_are_shown_and_applied() {
    let Some(stage) = Stage::required("changed terms are shown and applied") else {
        return;
    };
    let play = stage.play();
    let (me, x, y) = (play.tenant("me"), play.tenant("x"), play.tenant("y"));
    let db = me.postgres(Release::named("postgresql-951239"));
    let colleague = x.pod("notebook");
    let db = db.ready();
    let grant = format!("postgres --with {}", x.namespace());
    let share = ShareSecret::planned(&me, &grant);
    share_db(&me, &format!("{grant} --schema sales")).ok();
    let theirs = share.login_of(&x);
    colleague.until_reachable(db.host());
    let may = |sql: &str| {
        let output = colleague.psql(&theirs, sql);
        let denied = output.stderr().contains("permission denied");
        assert!(output.succeeded() || denied, "{output}");
        !denied
    };
    let changed = |options: &str, shown: &[&str]| {
        let told = share_db(&me, &format!("{grant} {options}")).ok();
        assert!(told.starts_with("share changed: "), "{told}");
        let changes: Vec<&str> = told
            .lines()
            .filter_map(|line| line.strip_prefix("  changed   "))
            .filter(|line| line.contains(" -> "))
            .collect();
        assert_eq!(changes, shown, "{told}");
    };
    let (read, write) = (
        "SELECT * FROM sales.orders",
        "UPDATE sales.orders SET amount = amount",
    );
    let research = "SELECT * FROM research.surveys";
    assert!(may(read) && !may(write) && !may(research));

    changed("--schema sales --access write", &["access: read -> write"]);
    assert!(may(read) && may(write) && !may(research));

    changed(
        "--schema research",
        &["schemas: sales -> research", "access: write -> read"],
    );
    assert!(!may(read) && !may(write) && may(research));

    // Without --schema: all that the owner has now, one after the share was made included.
    db.sql(
        db.dbname(),
        &format!("CREATE SCHEMA later AUTHORIZATION \"{}\"", me.id()),
    );
    changed("", &["schemas: research -> later, public, research, sales"]);
    assert!(may(read) && !may(write) && may(research) && may("SELECT * FROM public.towns"));

    let limit = |sessions: &str| format!("connection limit: 5 -> {sessions}");
    changed("--connection-limit 1", &[&limit("1")]);
    let first = colleague.session(&theirs);
    let second = colleague.psql(&theirs, "SELECT 1").fails();
    assert!(second.contains("too many connections for role"), "{second}");
    changed("--connection-limit 0", &["connection limit: 1 -> none"]);
    colleague.psql(&theirs, "SELECT 1").ok();
    drop(first);

    let before = share_db(
        &me,
        &format!("{grant} --connection-limit 0 --output=jsonpath={{.expires}}"),
    )
    .ok();
    changed(
        "--until 2027-01-31T12:00:00Z",
        &[
            &format!("expires: {} -> 2027-01-31T12:00:00Z", before.trim_end()),
            "connection limit: none -> 5",
        ],
    );
    let until = "SELECT rolvaliduntil = '2027-01-31T12:00:00Z' FROM pg_roles WHERE rolname = ";
    assert_eq!(
        db.sql("postgres", &format!("{until}'{}'", theirs.user)),
        "t"
    );
    let expires = x.kubectl([
        "get",
        "secret",
        share.name(),
        "--namespace",
        me.namespace(),
        "--output=go-template={{.data.expires | base64decode}}",
    ]);
    assert_eq!(expires.ok(), "2027-01-31T12:00:00Z");

    // Another subject: the Secret changes hands, and with it the password that the first one knows.
    let until = "--until 2027-01-31T12:00:00Z";
    let (x_user, y_user) = (x.user(), y.user());
    let pods = format!("group:system:serviceaccounts:{}", x.namespace());
    let subjects = format!("--subject user:{x_user} --subject {pods} --subject user:{y_user}");
    share.shown_to(&y).fails();
    let more = format!("subjects: user:{x_user}, {pods} -> user:{x_user}, {pods}, user:{y_user}");
    changed(&format!("{until} {subjects}"), &[&more]);
    assert_eq!(share.login_of(&y).password, theirs.password);
    let mut open = colleague.session(&theirs);
    let told = share_db(&me, &format!("{grant} {until} --subject user:{y_user}")).ok();
    assert!(
        told.contains(&format!(", user:{y_user} -> user:{y_user}\n")),
        "{told}"
    );
    assert!(told.contains("  changed   password: replaced"), "{told}");
    share.shown_to(&x).fails();
    assert_ne!(share.login_of(&y).password, theirs.password);
    assert!(open.ask("SELECT 1").is_err());
    let refused = colleague.psql(&theirs, "SELECT 1").fails();
    assert!(
        refused.contains("password authentication failed"),
        "{refused}"
    );
    let theirs = share.login_of(&y);
    assert_eq!(
        colleague
            .psql(&theirs, "SELECT count(*) FROM sales.orders")
            .ok(),
        "4\n"
    );

    // Another database of the server: what was open in the first is closed there.
    let archive = format!("{until} --subject user:{y_user} --database archive --schema ledgers");
    changed(
        &archive,
        &[
            "database: defaultdb -> archive",
            "schemas: later, public, research, sales -> ledgers",
        ],
    );
    let in_archive = share.login_of(&y);
    assert_eq!(in_archive.database, "archive");
    let total = colleague.psql(&in_archive, "SELECT sum(total) FROM ledgers.entries");
    assert_eq!(total.ok(), "3072.00\n");
    let closed = colleague
        .psql(&theirs, "SELECT * FROM sales.orders")
        .fails();
    assert!(closed.contains("permission denied"), "{closed}");
    let again = share_db(&me, &format!("{grant} {archive} --exit-code")).ok();
    assert!(again.starts_with("share unchanged: "), "{again}");
}
