//! The database restarts, and its pod goes, while a connect runs.

use std::time::{Duration, Instant};

use datalab_lab::tenant::{Release, Stage};
use nix::sys::signal::Signal;

use super::listening::{Listening, until};
use super::{ORDERS, SUMMED, Scene};

/// How soon after the pod is ready the next connection works.
const BACK: Duration = Duration::from_secs(10);

#[test]
fn the_next_connection_works_after_a_restart_and_after_a_new_pod() {
    let Some(stage) = Stage::required("the next connection works after a restart") else {
        return;
    };
    let scene = Scene::new(&stage, Release::named("postgresql-951239"));
    let _notebook = scene.x.pod("notebook");
    for way in [&["--via", "relay"], &["--via", "pod"]] {
        let connect = Listening::start(&scene, way);
        let mut open = connect.client("open");
        assert_eq!(open.ask(ORDERS), SUMMED.trim_end());

        // The server goes and comes again in the same pod: a client that comes meanwhile waits.
        let begun = "SELECT pg_postmaster_start_time()";
        let before = scene.db.sql("postgres", begun);
        let restart = ["exec", scene.db.pod(), "--", "sh", "-c", "kill -INT 1"];
        scene.me.kubectl(restart).ok();
        let meanwhile = connect.psql(ORDERS).run();
        assert_eq!(meanwhile.ok(), SUMMED);
        assert_ne!(scene.db.sql("postgres", begun), before, "no restart");
        until("the open session is closed", || open.has_ended());

        // A new pod, whose rows and roles are those of the start: the same grant mends the share.
        scene.me.kubectl(["delete", "pod", scene.db.pod()]).ok();
        scene.db.resume();
        scene.grant("").ok();
        let ready = Instant::now();
        assert_eq!(connect.psql(ORDERS).run().ok(), SUMMED);
        assert!(ready.elapsed() < BACK, "only after {:?}", ready.elapsed());
        assert_eq!(connect.end(Signal::SIGINT).0, Some(130));
    }
}
