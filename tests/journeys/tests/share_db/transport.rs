//! How the owner's pod lets logins in: TLS only, or anybody from loopback.

use datalab_lab::tenant::{Release, Stage};

use super::share::{ShareSecret, share_db};

/// A server that takes no connection without TLS is shared like any other.
#[test]
fn a_server_that_demands_tls() {
    let Some(stage) = Stage::required("a server that demands TLS") else {
        return;
    };
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    let db = me.postgres(Release::named("postgresql-1").tls_required());
    let colleague = x.pod("notebook");
    let db = db.ready();

    let grant = format!("postgres --with {} --schema sales", x.namespace());
    let told = share_db(&me, &grant).ok();
    assert!(
        told.contains("the login is let in, a wrong password is not"),
        "{told}"
    );
    let share = ShareSecret::planned(&me, &grant);
    colleague.until_reachable(db.host());
    let query = "SELECT count(*) FROM sales.orders; SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(colleague.psql(&share.login_of(&x), query).ok(), "4\nt\n");

    // The share carries the authority, and not the key that lies beside it.
    let keys = me
        .kubectl(["get", "secret", share.name(), "-o", "jsonpath={.data}"])
        .ok();
    assert!(
        keys.contains("ca.crt") && !keys.contains("tls.key"),
        "the keys are not as they should be"
    );
    share_db(&me, &format!("revoke postgres --with {}", x.namespace())).ok();
}

/// A server that trusts loopback proves no password through a forward: the grant says so.
#[test]
fn a_server_that_trusts_loopback() {
    let Some(stage) = Stage::required("a server that trusts loopback") else {
        return;
    };
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    let release = Release::named("postgresql-1").hba("host all all 127.0.0.1/32 trust");
    let _database = me.postgres(release).ready();

    let told = share_db(&me, &format!("postgres --with {}", x.namespace())).ok();
    assert!(
        told.contains("unproven  the password: the server trusts loopback"),
        "{told}"
    );
    assert!(
        !told.contains("the login is let in, a wrong password is not"),
        "{told}"
    );
}
