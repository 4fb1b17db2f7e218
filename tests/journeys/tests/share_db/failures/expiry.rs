use std::thread;
use std::time::{Duration, Instant};

use super::Scene;
use crate::transcript::share_db;

#[test]
fn an_end_that_cannot_be_meant_is_refused_by_the_servers_clock() {
    let Some(scene) = Scene::required("expiry") else {
        return;
    };
    let database = scene.database();
    let before = scene.before(Some(&database));
    for (name, options) in [
        ("expiry-past", ["--until", "2020-01-31"]),
        (
            "expiry-past-moment",
            ["--until", "2020-01-31T12:00:00+02:00"],
        ),
        ("expiry-too-distant", ["--until", "2226-01-31"]),
        ("expiry-malformed", ["--until", "next tuesday"]),
        ("expiry-no-such-day", ["--until", "2031-02-30"]),
        ("expiry-for-malformed", ["--for", "a fortnight"]),
        ("expiry-for-nothing", ["--for", "0d"]),
        ("expiry-for-negative", ["--for", "-1d"]),
        ("expiry-for-too-long", ["--for", "99999d"]),
        ("expiry-for-overflow", ["--for", "99999999999999999999d"]),
    ] {
        let refused = scene.grant(&options);
        assert_eq!(refused.code(), Some(2), "{refused}");
        scene.keep(name, &refused);
    }
    let both = scene.grant(&["--for", "30d", "--no-expiry"]);
    scene.keep("expiry-contradiction", &both);
    before.assert_unchanged();
}

#[test]
fn what_is_over_is_listed_refused_and_revoked() {
    let Some(scene) = Scene::required("expired") else {
        return;
    };
    let database = scene.database();
    let x = scene.play.tenant("x");
    // Long enough for the grant to prove the login on a busy machine.
    scene.grant(&["--for", "12s"]).ok();
    let list = || share_db(&scene.me, ["list", "--live", "-o", "wide", "--exit-code"]);
    let started = Instant::now();
    let mut listed = list();
    while listed.succeeded() && started.elapsed() < Duration::from_secs(60) {
        thread::sleep(Duration::from_secs(1));
        listed = list();
    }
    scene.keep("expiry-over-list", &listed);
    let share = format!("{}/{}", scene.me.namespace(), database.fullname());
    let connect = share_db(&x, ["connect", &share, "--print", "env"]);
    scene.keep("expiry-over-connect", &connect);
    let revoked = share_db(&scene.me, ["revoke", "--expired"]);
    scene.keep("expiry-over-revoke", &revoked);
}
