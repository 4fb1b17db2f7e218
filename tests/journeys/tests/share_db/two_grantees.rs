//! Two shares of one database know nothing of each other.

use std::thread;

use datalab_lab::tenant::{Login, Pod, Release, Stage};

use super::share::{ShareSecret, share_db};

/// Two colleagues, with schemas and access of their own.
#[test]
fn neither_gains_what_the_other_was_given() {
    let Some(stage) = Stage::required("neither gains what the other was given") else {
        return;
    };
    let play = stage.play();
    let (me, x, y) = (play.tenant("me"), play.tenant("x"), play.tenant("y"));
    let db = me.postgres(Release::named("postgresql-951239"));
    let (own, reader, writer) = (me.pod("notebook"), x.pod("notebook"), y.pod("notebook"));
    let db = db.ready();
    let (inventory, privileges) = (me.inventory(), db.effective_privileges());

    // Both at once: GRANTs on one database's catalogues meet.
    let grants = [
        format!("postgres --with {} --schema sales", x.namespace()),
        format!(
            "postgres --with {} --schema research --access write",
            y.namespace()
        ),
    ];
    let secrets = grants
        .each_ref()
        .map(|grant| ShareSecret::planned(&me, grant));
    thread::scope(|scope| {
        for grant in &grants {
            scope.spawn(|| share_db(&me, grant).ok());
        }
    });
    let [theirs_x, theirs_y] = [secrets[0].login_of(&x), secrets[1].login_of(&y)];
    assert_ne!(theirs_x.user, theirs_y.user);
    secrets[0].shown_to(&y).fails();
    secrets[1].shown_to(&x).fails();
    own.until_reachable(db.host());
    reader.until_reachable(db.host());
    writer.until_reachable(db.host());

    // What the owner makes later is in the share of its schema, and in no other.
    own.psql(
        &db.owner(),
        "CREATE TABLE sales.refunds (id serial PRIMARY KEY, amount numeric NOT NULL);
         INSERT INTO sales.refunds (amount) VALUES (3.50);
         CREATE TABLE research.answers (id serial PRIMARY KEY, answer text NOT NULL)",
    )
    .ok();
    let reads_sales = |pod: &Pod, login: &Login| {
        assert_eq!(
            pod.psql(login, "SELECT sum(amount) FROM sales.orders").ok(),
            "122.60\n"
        );
        assert_eq!(
            pod.psql(login, "SELECT sum(amount) FROM sales.refunds")
                .ok(),
            "3.50\n"
        );
        for sql in [
            "INSERT INTO sales.refunds (amount) VALUES (1)",
            "SELECT * FROM research.surveys",
            "SELECT * FROM research.answers",
            "SELECT * FROM public.towns",
        ] {
            denied(pod, login, sql);
        }
    };
    let writes_research = |pod: &Pod, login: &Login| {
        let written = pod.psql(
            login,
            "INSERT INTO research.answers (answer) VALUES ('maybe');
             UPDATE research.surveys SET answer = 'maybe' WHERE respondent = 2;
             DELETE FROM research.answers;
             SELECT answer FROM research.surveys WHERE respondent = 2",
        );
        assert_eq!(written.ok(), "maybe\n");
        for sql in [
            "CREATE TABLE research.mine (id integer)",
            "TRUNCATE research.surveys",
            "DROP TABLE research.surveys",
            "SELECT * FROM sales.orders",
            "SELECT * FROM sales.refunds",
            "SELECT nextval('sales.invoices')",
        ] {
            denied(pod, login, sql);
        }
    };
    reads_sales(&reader, &theirs_x);
    writes_research(&writer, &theirs_y);

    // One is revoked: the other's goes on, sessions included.
    let mut reading = reader.session(&theirs_x);
    let mut writing = writer.session(&theirs_y);
    share_db(&me, &format!("revoke postgres --with {}", x.namespace())).ok();
    assert!(reading.ask("SELECT 1").is_err());
    assert_eq!(
        writing
            .ask("SELECT count(*) FROM research.surveys")
            .as_deref(),
        Ok("2")
    );
    reader.until_unreachable(db.host());
    writes_research(&writer, &theirs_y);
    let listed = share_db(&me, "list --output=jsonpath={.items[*].grantee}").ok();
    assert_eq!(listed.trim_end(), y.namespace());

    // And granted again: a login with another password, and the other's is still what it was.
    share_db(&me, &grants[0]).ok();
    let again = secrets[0].login_of(&x);
    assert_ne!(again.password, theirs_x.password);
    reader.until_reachable(db.host());
    reads_sales(&reader, &again);
    assert_eq!(secrets[1].login_of(&y).password, theirs_y.password);

    // All: as if there had been none, the owner's new tables apart.
    own.psql(&db.owner(), "DROP TABLE sales.refunds, research.answers")
        .ok();
    drop(writing);
    share_db(&me, "revoke postgres --all --yes").ok();
    inventory.assert_unchanged(&me.inventory());
    privileges.assert_unchanged(&db.effective_privileges());
}

#[track_caller]
fn denied(pod: &Pod, login: &Login, sql: &str) {
    let said = pod.psql(login, sql).fails();
    let refused = said.contains("permission denied") || said.contains("must be owner");
    assert!(refused, "{sql}: {said}");
}
