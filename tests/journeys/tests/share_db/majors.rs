//! The same share on older and newer servers: the same privileges by the server's own account, and what
//! the version itself gives to everybody is said.

use datalab_lab::tenant::{Login, Release, Snapshot, Stage};
use regex::Regex;

use super::share::{ShareSecret, share_db};
use super::transcript::Transcript;

/// Until then, everybody may create tables in schema `public` unless the owner took that away.
const PUBLIC_MAY_CREATE_BEFORE: u32 = 15;

#[test]
fn postgresql_13_lets_everybody_create_in_public() {
    shared_and_taken_back("a share on PostgreSQL 13", 13);
}

#[test]
fn postgresql_15_lets_nobody() {
    shared_and_taken_back("a share on PostgreSQL 15", 15);
}

#[test]
fn postgresql_17_as_well() {
    shared_and_taken_back("a share on PostgreSQL 17", 17);
}

#[track_caller]
fn shared_and_taken_back(test: &str, major: u32) {
    let Some(stage) = Stage::required(test) else {
        return;
    };
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    let db = me.postgres(Release::named("postgresql-1").major(major));
    let (own, colleague) = (me.pod("notebook"), x.pod("notebook"));
    let db = db.ready();
    let public_may_create = major < PUBLIC_MAY_CREATE_BEFORE;
    let transcript = Transcript::of(&play, "share_db");
    let before = db.effective_privileges();

    let grant = format!("postgres --with {} --schema sales", x.namespace());
    let told = share_db(&me, &grant).ok();
    assert!(told.contains(&format!("(PostgreSQL {major}")), "{told}");
    let said = told
        .lines()
        .any(|line| line.contains("granted to PUBLIC") && line.contains("create in schema public"));
    assert_eq!(said, public_may_create, "{told}");
    let theirs = ShareSecret::planned(&me, &grant).login_of(&x);
    colleague.until_reachable(db.host());
    let may = |sql: &str| {
        let output = colleague.psql(&theirs, sql);
        let denied = output.stderr().contains("permission denied");
        assert!(output.succeeded() || denied, "{output}");
        !denied
    };
    let (insert, next) = (
        "INSERT INTO sales.orders (town, amount) VALUES ('Lille', 1)",
        "SELECT nextval('sales.invoices')",
    );
    assert!(may("SELECT * FROM sales.orders") && may("SELECT * FROM sales.turnover"));
    for sql in [
        insert,
        next,
        "SELECT * FROM public.towns",
        "SELECT * FROM research.surveys",
        "CREATE TABLE sales.mine (id integer)",
        "SELECT rolpassword FROM pg_authid",
    ] {
        assert!(!may(sql), "{sql}");
    }
    let read = db.effective_privileges();
    keep(&transcript, "majors-read", &theirs, &before, &read);

    // A table that the owner makes later is shared like those that were there.
    own.psql(&db.owner(), "CREATE TABLE sales.later (id integer)")
        .ok();
    assert!(may("SELECT * FROM sales.later"));
    own.psql(&db.owner(), "DROP TABLE sales.later").ok();

    share_db(&me, &format!("{grant} --access write")).ok();
    assert!(may(insert) && may(next) && may("DELETE FROM sales.orders WHERE amount = 1"));
    assert!(!may("TRUNCATE sales.orders"));
    let write = db.effective_privileges();
    keep(&transcript, "majors-write", &theirs, &before, &write);

    let revoke = format!("revoke postgres --with {}", x.namespace());
    assert_eq!(
        may("CREATE TABLE public.mine (id integer)"),
        public_may_create
    );
    if public_may_create {
        // What was made by everybody's right is named, and goes to whom the owner says.
        let left = share_db(&me, &revoke);
        assert_eq!(left.code(), Some(6), "{left}");
        assert!(left.stdout().contains("public.mine"), "{left}");
        colleague.psql(&theirs, "SELECT 1").fails();
        let heir = db.owner().user;
        share_db(&me, &format!("{revoke} --reassign-to {heir}")).ok();
        own.psql(&db.owner(), "DROP TABLE public.mine").ok();
    } else {
        share_db(&me, &revoke).ok();
    }
    before.assert_unchanged(&db.effective_privileges());
    let over = own.psql(&theirs, "SELECT 1").fails();
    assert!(over.contains("password authentication failed"), "{over}");
}

/// What the share changed by the server's own account: one snapshot for all versions. What a login may do
/// with what it would make itself differs between them, and is nobody's grant.
#[track_caller]
fn keep(transcript: &Transcript, name: &str, login: &Login, before: &Snapshot, after: &Snapshot) {
    let until = Regex::new("until [^,]+").expect("because the pattern is a constant");
    let its_own = format!(" of \"{}\": ", login.user);
    let mut changes = before.changes(after);
    changes.retain(|line| !line.contains(&its_own));
    let changes = changes.join("\n");
    transcript.keep_text(name, &until.replace_all(&changes, "until ITS END"));
}
