use std::time::{Duration, Instant};

use datalab_lab::tenant::{Cluster, Login, Pod};

use super::laptop::Laptop;
use super::{ORDERS, Scene, reaches};

/// What [`ORDERS`] answers.
const SUMMED: &str = "4|122.60";

/// How soon a grantee's next connection works once another primary serves.
const AGAIN_WITHIN: Duration = Duration::from_secs(10);

#[test]
fn operator_replicas_and_owner_are_served_through_failovers() {
    let Some(scene) = Scene::required("CloudNativePG: served through failovers") else {
        return;
    };
    let Scene { me, x, play, .. } = &scene;
    let db = scene.database();
    let (own, colleague) = (me.pod("notebook"), x.pod("notebook"));
    let stranger = play.stranger("stranger");
    scene.grant_isolated(&["--yes"]).ok();
    let theirs = scene.share().login_of(x);
    colleague.until_reachable(&db.host());
    stranger.until_unreachable(&db.host());

    // A replica joins from its job's pod, and follows.
    db.instances(2);
    until_followed(&db);

    // The operator starts anew: what it kept open is gone, and it has to get in by the policy.
    db.restart_operator();
    let share = format!("{}/{}", me.namespace(), db.fullname());
    let laptop = Laptop::connect(&scene, &share);
    let [took, again] = fails_over(&db, &own, &colleague, &theirs, laptop);
    println!(
        "another primary served after {took:.1?}, the colleague was let in {again:.1?} later, here and there"
    );
    nobody_else(&db, &stranger);

    // Nothing in the share has to be mended, and another grant finds nothing to do.
    scene.grant(&["--exit-code"]).ok();
    assert_eq!(scene.share().login_of(x).password, theirs.password);

    // After revoke the database is closed as before, and its operator goes on.
    scene.revoke(&[]).ok();
    colleague.until_unreachable(&db.host());
    db.restart_operator();
    let took = db.fail_over(true);
    println!("after revoke another primary served after {took:.1?}");
    db.until_healthy();
    until_followed(&db);
    own.until_reachable(&db.host());
    assert_eq!(own.psql(&db.owner(), ORDERS).ok(), "4|122.60\n");
    let gone = own.psql(&theirs, "SELECT 1").fails();
    assert!(gone.contains("password authentication failed"), "{gone}");
    nobody_else(&db, &stranger);
    nobody_else(&db, &colleague);
}

/// The primary goes at once, as with its node, while others have sessions; the next connection of owner
/// and colleague works, and the lost instance comes back as a replica. Hands out how long it took until
/// another primary served, and then until the colleague was let in, from a pod and from a laptop.
#[track_caller]
fn fails_over(
    db: &Cluster,
    own: &Pod,
    colleague: &Pod,
    theirs: &Login,
    mut laptop: Laptop,
) -> [Duration; 2] {
    assert_eq!(laptop.ask(ORDERS), SUMMED);
    let (old, mut open) = (db.primary(), own.session(&db.owner()));
    let mut session = colleague.session(theirs);
    assert_eq!(session.ask("SELECT 1").as_deref(), Ok("1"));
    let took = db.fail_over(true);
    let served = Instant::now();
    let until_again = |what: &str, ask: &mut dyn FnMut() -> String| {
        while ask().trim_end() != SUMMED {
            let waited = served.elapsed();
            assert!(waited < AGAIN_WITHIN, "{what} after {waited:?}");
        }
        served.elapsed()
    };
    until_again("a pod", &mut || {
        colleague.psql(theirs, ORDERS).stdout().to_owned()
    });
    let again = until_again("a laptop", &mut || laptop.ask(ORDERS));
    assert!(again < AGAIN_WITHIN, "{again:?}");
    assert_ne!(db.primary(), old);
    assert!(open.ask("SELECT 1").is_err() && session.ask("SELECT 1").is_err());
    let writable = "SELECT pg_is_in_recovery()";
    assert_eq!(colleague.psql(theirs, writable).ok(), "f\n");
    assert_eq!(own.psql(&db.owner(), ORDERS).ok(), "4|122.60\n");
    db.until_healthy();
    until_followed(db);
    [took, again]
}

/// Waits until a replica follows the primary.
#[track_caller]
fn until_followed(db: &Cluster) {
    let followers = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
    let started = Instant::now();
    while db.sql("postgres", followers) != "1" {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "no replica follows: {}",
            db.phase()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// No instance, primary or not, answers a stranger.
#[track_caller]
fn nobody_else(db: &Cluster, stranger: &Pod) {
    let addresses = db.addresses();
    assert_eq!(addresses.len(), 2);
    stranger.until_unreachable(&db.host());
    for address in &addresses {
        for port in ["5432", "8000"] {
            assert!(!reaches(stranger, address, port), "{address}:{port}");
        }
    }
}
