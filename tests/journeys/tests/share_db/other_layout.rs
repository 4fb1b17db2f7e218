//! A database that no catalogue made: another owner, other names, another layout.

use std::thread;
use std::time::{Duration, Instant};

use datalab_lab::tenant::{Login, Pod, Stage, Tenant};

use super::share::{ShareSecret, share_db};

/// A StatefulSet and a Service, as in many a tutorial: the official image's variables, a Service port
/// that is not PostgreSQL's, no Helm, no labels of anybody's.
const MANIFEST: &str = include_str!("other_layout.yaml");

const SQL: &str = r#"
CREATE ROLE "store.keeper" LOGIN PASSWORD 'kept';
CREATE DATABASE "Web-Shop" OWNER "store.keeper";
\connect "Web-Shop"
SET ROLE "store.keeper";
CREATE SCHEMA "Orders 2026";
CREATE TABLE "Orders 2026"."Line; items" (id integer PRIMARY KEY, amount numeric NOT NULL);
INSERT INTO "Orders 2026"."Line; items" VALUES (1, 2.50), (2, 4);
CREATE SCHEMA staff;
CREATE TABLE staff.salaries (name text PRIMARY KEY, amount numeric NOT NULL);
"#;

const ITEMS: &str = r#"SELECT sum(amount) FROM "Orders 2026"."Line; items""#;

#[test]
fn a_database_of_another_make_is_shared_too() {
    let Some(stage) = Stage::required("a database of another make is shared too") else {
        return;
    };
    let play = stage.play();
    let (p, x) = (play.group_tenant("p"), play.tenant("x"));
    let manifest = MANIFEST.replace("$(image)", stage.image());
    p.program(["kubectl", "apply", "--filename=-"])
        .input(manifest)
        .run()
        .ok();
    let (own, colleague, stranger) = (
        p.pod("notebook"),
        x.pod("notebook"),
        play.stranger("stranger"),
    );
    p.kubectl(["rollout", "status", "statefulset/db", "--timeout=90s"])
        .ok();
    superuser(&p, SQL);
    let before = superuser(&p, "SELECT rolname FROM pg_roles ORDER BY 1");
    let inventory = p.inventory();
    let host = format!("db.{}", p.namespace());
    until(&stranger, &host, true);

    // A group's namespace is no user's: only its pods are meant, unless people are named.
    let grant = format!("postgres --with {} --for 2d", x.namespace());
    let told = share_db(&p, &grant).ok();
    assert!(told.contains("no user can be derived"), "{told}");
    assert!(
        told.contains("schemas Orders 2026, public, staff of database Web-Shop"),
        "{told}"
    );
    let share = ShareSecret::planned(&p, &grant);
    share.shown_to(&x).fails();
    let named = format!(
        "{grant} --subject user:{} --subject group:system:serviceaccounts:{}",
        x.user(),
        x.namespace()
    );
    share_db(&p, &named).ok();
    let theirs = share.login_of(&x);
    assert_eq!(
        (theirs.host.as_str(), theirs.port),
        (format!("{host}.svc").as_str(), 5433)
    );
    assert_eq!(theirs.database, "Web-Shop");
    until(&colleague, &host, true);
    assert_eq!(colleague.psql(&theirs, ITEMS).ok(), "6.50\n");

    // One schema of it, whose name has a blank.
    let one_schema = named
        .split(' ')
        .chain(["--schema", "Orders 2026", "--access", "write"]);
    p.kubectl(["datalab", "share-db"].into_iter().chain(one_schema))
        .ok();
    let insert = r#"INSERT INTO "Orders 2026"."Line; items" VALUES (3, 1.50)"#;
    colleague.psql(&theirs, insert).ok();
    assert_eq!(colleague.psql(&theirs, ITEMS).ok(), "8.00\n");
    let denied = colleague
        .psql(&theirs, "SELECT * FROM staff.salaries")
        .fails();
    assert!(denied.contains("permission denied"), "{denied}");

    // It was open to the whole cluster; closed, the colleague's way leads to the pod's own port.
    let close = [
        "--schema",
        "Orders 2026",
        "--access",
        "write",
        "--isolate",
        "--yes",
    ];
    let close = named.split(' ').chain(close);
    p.kubectl(["datalab", "share-db"].into_iter().chain(close))
        .ok();
    until(&stranger, &host, false);
    until(&own, &host, true);
    until(&colleague, &host, true);
    colleague.psql(&theirs, ITEMS).ok();
    let owner = Login {
        user: "store.keeper".to_owned(),
        password: "kept".to_owned(),
        ..theirs.clone()
    };
    assert_eq!(own.psql(&owner, ITEMS).ok(), "8.00\n");

    share_db(
        &p,
        &format!(
            "revoke postgres/db --with {} --unisolate --yes",
            x.namespace()
        ),
    )
    .ok();
    until(&stranger, &host, true);
    let over = colleague.psql(&theirs, ITEMS).fails();
    assert!(over.contains("password authentication failed"), "{over}");
    inventory.assert_unchanged(&p.inventory());
    assert_eq!(
        superuser(&p, "SELECT rolname FROM pg_roles ORDER BY 1"),
        before
    );
}

#[test]
fn a_share_outlives_the_updates_of_a_deployment() {
    let Some(stage) = Stage::required("a share outlives the updates of a deployment") else {
        return;
    };
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    // One pod at a time, and no ReplicaSet kept for going back to.
    let deployment = "kind: Deployment\nmetadata:\n  name: db\nspec:\n  revisionHistoryLimit: 0\n  strategy:\n    type: Recreate";
    let manifest = MANIFEST.replace("$(image)", stage.image()).replace(
        "kind: StatefulSet\nmetadata:\n  name: db\nspec:\n  serviceName: db",
        deployment,
    );
    me.program(["kubectl", "apply", "--filename=-"])
        .input(manifest)
        .run()
        .ok();
    let rolled_out = || {
        let status = ["rollout", "status", "deployment/db", "--timeout=90s"];
        me.kubectl(status).ok()
    };
    rolled_out();
    let grant = format!("postgres --with {}", x.namespace());
    share_db(&me, &format!("{grant} --isolate --yes")).ok();
    let secret = ShareSecret::planned(&me, &grant);
    let theirs = secret.login_of(&x);
    assert_eq!(theirs.database, "postgres");

    let first = me.kubectl(["get", "replicasets", "--output=name"]).ok();
    me.kubectl(["rollout", "restart", "deployment/db"]).ok();
    rolled_out();
    let gone = ["wait", "--for=delete", "--timeout=60s", first.trim_end()];
    me.kubectl(gone).ok();
    // What the garbage collector takes, it takes a moment after the owner.
    thread::sleep(Duration::from_secs(3));
    assert_eq!(secret.login_of(&x).password, theirs.password);

    // The rows and logins of this pod went with it; the grant again makes the login that is missing.
    share_db(&me, "list --exit-code").ok();
    share_db(&me, "list --live --exit-code").fails_with(7);
    share_db(&me, &grant).ok();
    share_db(&me, "list --live --exit-code").ok();
    assert_eq!(secret.login_of(&x).password, theirs.password);

    // With the Deployment, the share goes.
    me.kubectl(["delete", "deployment", "db"]).ok();
    let secret = format!("secret/{}", secret.name());
    me.kubectl(["wait", "--for=delete", "--timeout=60s", &secret])
        .ok();
}

/// SQL as the superuser, by the server's own socket.
#[track_caller]
fn superuser(p: &Tenant, sql: &str) -> String {
    let psql = [
        "psql",
        "--no-psqlrc",
        "-qAt",
        "--set=ON_ERROR_STOP=1",
        "--host=/tmp",
        "--username=admiral",
        "postgres",
    ];
    let exec = ["kubectl", "exec", "--stdin", "db-0", "--"];
    p.program(exec.into_iter().chain(psql))
        .input(sql)
        .run()
        .ok()
}

/// As `Pod::until_reachable` and its opposite, at the Service's own port.
#[track_caller]
fn until(pod: &Pod, host: &str, reachable: bool) {
    let started = Instant::now();
    let ask = [
        "pg_isready",
        "--quiet",
        "--timeout=2",
        "--port=5433",
        "--host",
        host,
    ];
    while pod.exec(ask).succeeded() != reachable {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "{}: {host} {reachable}",
            pod.name()
        );
        thread::sleep(Duration::from_millis(200));
    }
}
