use datalab_lab::tenant::{Pod, Tenant};

use super::{ORDERS, Scene, reaches};
use crate::share::{install_kubectl, program};
use crate::transcript::share_db;

/// Ports of an instance beside PostgreSQL's: the operator's own, and metrics.
const OTHER_PORTS: [&str; 2] = ["8000", "9187"];

#[test]
fn an_open_database_is_shared_and_closed_and_taken_back() {
    let Some(scene) = Scene::required("CloudNativePG: shared, closed and taken back") else {
        return;
    };
    let Scene { me, x, play, .. } = &scene;
    let y = play.tenant("y");
    let db = scene.database();
    let (own, colleague) = (me.pod("notebook"), x.pod("notebook"));
    let (third, stranger) = (y.pod("notebook"), play.stranger("stranger"));
    let host = db.host();
    let everybody = [&own, &colleague, &third, &stranger];
    everybody.iter().for_each(|pod| pod.until_reachable(&host));
    let (policies, privileges) = (scene.policies(), db.effective_privileges());

    // Before: whoever is in the cluster reaches the port, and nobody but the owner has a login.
    assert_eq!(own.psql(&db.owner(), ORDERS).ok(), "4|122.60\n");
    let share = scene.share();
    share.shown_to(x).fails();

    // Shared as it is. That it is open is said, and that the chart's own policy closes nothing.
    scene.keep("cnpg-open", &scene.grant(&[]));
    assert_eq!(scene.policies(), policies);
    let theirs = share.login_of(x);
    assert_eq!(theirs.host, format!("{host}.svc"));
    assert_eq!(colleague.psql(&theirs, ORDERS).ok(), "4|122.60\n");
    let denied = colleague
        .psql(&theirs, "SELECT * FROM public.towns")
        .fails();
    assert!(denied.contains("permission denied"), "{denied}");
    scene.keep("cnpg-open-list", &share_db(me, ["list", "-o", "wide"]));

    // The server is the one whose authority the share's Secret has, by the name it has.
    verified_by_the_shares_authority(
        &colleague,
        x,
        &format!("{}/{}", me.namespace(), db.fullname()),
    );
    share.shown_to(&y).fails();

    // Closing it is never done by guess: the operator's namespace is asked for, then a person's word.
    let before = (me.inventory(), db.effective_privileges());
    scene.keep(
        "cnpg-isolate-no-operator",
        &scene.grant(&["--isolate", "--yes"]),
    );
    scene.keep("cnpg-isolate-unanswered", &scene.grant_isolated(&[]));
    scene.keep(
        "cnpg-isolate-previewed",
        &scene.grant_isolated(&["--dry-run=server"]),
    );
    before.0.assert_unchanged(&me.inventory());
    before.1.assert_unchanged(&db.effective_privileges());
    assert!(stranger.reaches(&host));

    scene.keep("cnpg-isolate", &scene.grant_isolated(&["--yes"]));
    for pod in [&third, &stranger] {
        pod.until_unreachable(&host);
        let refused = pod.psql(&theirs, "SELECT 1").fails();
        assert!(refused.contains("connection to server"), "{refused}");
    }
    assert_eq!(colleague.psql(&theirs, ORDERS).ok(), "4|122.60\n");
    assert_eq!(own.psql(&db.owner(), ORDERS).ok(), "4|122.60\n");
    // Every port is closed to strangers, and of all ports a share has the database's alone.
    for address in db.addresses() {
        for port in OTHER_PORTS {
            assert!(reaches(&own, &address, port), "{port}");
            for pod in [&colleague, &third, &stranger] {
                assert!(!reaches(pod, &address, port), "{}: {port}", pod.namespace());
            }
        }
        assert!(reaches(&colleague, &address, "5432"));
        assert!(!reaches(&stranger, &address, "5432"));
    }
    scene.keep("cnpg-isolated-again", &scene.grant(&["--exit-code"]));
    scene.keep(
        "cnpg-isolated-list",
        &share_db(me, ["list", "--live", "-o", "wide", "--exit-code"]),
    );

    // Taken back: it stays closed until that is taken back as well.
    scene.keep("cnpg-revoke", &scene.revoke(&[]));
    share.shown_to(x).fails();
    colleague.until_unreachable(&host);
    let over = own.psql(&theirs, "SELECT 1").fails();
    assert!(over.contains("password authentication failed"), "{over}");
    assert!(!stranger.reaches(&host));
    assert_eq!(own.psql(&db.owner(), ORDERS).ok(), "4|122.60\n");
    privileges.assert_unchanged(&db.effective_privileges());
    scene.revoke(&["--unisolate", "--yes"]).ok();
    assert_eq!(scene.policies(), policies);
    everybody.iter().for_each(|pod| pod.until_reachable(&host));
    let ours = "--selector=app.kubernetes.io/managed-by=kubectl-datalab";
    let kinds = "secrets,roles,rolebindings,networkpolicies";
    let left = me.kubectl(["get", kinds, "--output=name", ours]).ok();
    assert_eq!(left, "");
}

/// The colleague's `connect` checks the server's certificate and name.
#[track_caller]
fn verified_by_the_shares_authority(pod: &Pod, x: &Tenant, share: &str) {
    install_kubectl(pod, x);
    pod.install(&program("kubectl-datalab-share_db", x));
    let connect = |command: &[&str]| {
        let words = ["kubectl", "datalab", "share-db", "connect", share, "--"];
        pod.exec([words.as_slice(), command].concat()).ok()
    };
    assert_eq!(connect(&["psql", "-Atc", ORDERS]), "4|122.60\n");
    assert_eq!(connect(&["sh", "-c", "echo $PGSSLMODE"]), "verify-full\n");
    let tls = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(connect(&["psql", "-Atc", tls]), "t\n");
}
