//! How the owner's pod lets logins in: TLS only, or anybody from loopback.

use data_encoding::BASE64;
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

    // Another authority than the server's lies there: it is taken out of the share, with a word.
    let authority = |value: &str| {
        let patch = serde_json::json!({ "stringData": { "ca.crt": value } }).to_string();
        me.kubectl(["patch", "secret", "postgresql-1-crt", "--patch", &patch])
            .ok();
    };
    let of = |kind_and_name: [&str; 2]| {
        let path = "--output=go-template={{index .data \"ca.crt\"}}";
        me.kubectl(["get", kind_and_name[0], kind_and_name[1], path])
            .ok()
    };
    let own = BASE64.decode(of(["secret", "postgresql-1-crt"]).as_bytes());
    let own = String::from_utf8(own.expect("because Kubernetes writes bytes as base64"));
    let own = own.expect("because PEM is text");
    authority(&of(["configmap", "kube-root-ca.crt"]));
    let told = share_db(&me, &grant).ok();
    for line in [
        "  changed   ca.crt: taken out",
        "does not verify",
        "the share has no ca.crt",
    ] {
        assert!(told.contains(line), "{told}");
    }
    let keys = || {
        me.kubectl(["get", "secret", share.name(), "-o", "jsonpath={.data}"])
            .ok()
    };
    assert!(!keys().contains("ca.crt"), "the other authority is there");
    let again = share_db(&me, &grant).ok();
    assert!(again.starts_with("share unchanged: "), "{again}");
    authority(&own);
    let told = share_db(&me, &grant).ok();
    assert!(told.contains("  changed   ca.crt: put in"), "{told}");
    assert!(
        keys().contains("ca.crt"),
        "the server's authority is not there"
    );
    let again = share_db(&me, &grant).ok();
    assert!(again.starts_with("share unchanged: "), "{again}");
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
