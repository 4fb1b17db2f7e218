//! The database, or the way to it, breaks in the middle of a transaction: nothing is half granted.

use std::thread;
use std::time::{Duration, Instant};

use datalab_journeys::shares::Shares;
use datalab_lab::proxy::{Fault, Point, Stopped, What};
use datalab_lab::tenant::{Database, Output};

use crate::scene::{Scene, words};

/// A server that was told to restart is back within seconds; this is for a busy machine.
const BACK: Duration = Duration::from_secs(90);

/// In the transaction that makes the login, or changes what it may.
fn grants(point: &Point) -> bool {
    point.name.starts_with("sql defaultdb: GRANT SELECT")
}

fn commits(point: &Point) -> bool {
    point.name == "sql defaultdb: COMMIT"
}

#[test]
fn a_forward_that_dies_in_mid_transaction_leaves_nothing() {
    let Some(scene) = Scene::required("a forward dies in mid-transaction") else {
        return;
    };
    let database = scene.database(true);
    let grant = words(&format!("postgres --with {}", scene.namespace("x")));
    let mut shares = Shares::of(&scene.stage, &database);
    for (snapshot, fault) in [
        (
            "forward-cut-in-transaction",
            Fault::at(What::CutBefore, grants),
        ),
        ("forward-cut-at-commit", Fault::at(What::CutBefore, commits)),
        // Carried out, but nobody learns of it: the login is there and has to go.
        (
            "forward-cut-after-commit",
            Fault::at(What::CutAfter, commits),
        ),
    ] {
        scene.proxy.arm([fault.times(1)]);
        let broken = scene.typed(&grant);
        assert_eq!(broken.code(), Some(5), "{broken}");
        scene.transcript.keep(snapshot, &broken);
        let left = shares.look();
        assert!(left.is_empty(), "{snapshot}: {:#?}", left.facts(false));
    }
}

#[test]
fn a_forward_that_dies_in_a_change_leaves_the_old_privileges() {
    let Some(scene) = Scene::required("a forward dies in a change") else {
        return;
    };
    let database = scene.database(true);
    let x = scene.namespace("x");
    let grant = words(&format!("postgres --with {x} --schema sales --no-expiry"));
    let more = words(&format!("postgres --with {x} --no-expiry"));
    scene.run(&grant).ok();
    let mut shares = Shares::of(&scene.stage, &database);
    let privileges = database.effective_privileges();
    scene
        .proxy
        .arm([Fault::at(What::CutBefore, grants).times(1)]);
    let broken = scene.typed(&more);
    assert_eq!(broken.code(), Some(6), "{broken}");
    scene.transcript.keep("forward-cut-in-a-change", &broken);
    privileges.assert_unchanged(&database.effective_privileges());
    let state = shares.look();
    assert_eq!((state.broken().len(), state.published().len()), (0, 1));
    // The same command again, which it names, goes on.
    scene.run(&more).ok();
    let unchanged = [more.as_slice(), &words("--exit-code")].concat();
    scene.run(&unchanged).ok();
}

#[test]
fn a_server_that_restarts_in_mid_transaction_has_nothing_of_it() {
    let Some(scene) = Scene::required("the database restarts in mid-transaction") else {
        return;
    };
    let database = scene.database(true);
    let x = scene.namespace("x");
    let (grant, revoke) = (
        words(&format!("postgres --with {x}")),
        words(&format!("revoke postgres --with {x}")),
    );
    let privileges = database.effective_privileges();
    scene
        .proxy
        .arm([Fault::at(What::StopBefore, grants).times(1)]);
    let mut program = scene.start_by_proxy(&grant);
    let stopped = scene.proxy.until_stopped(&mut program);
    assert!(matches!(stopped, Ok(Stopped::At(_))), "{stopped:?}");
    restart(&scene, &database);
    scene.proxy.release();
    let output = program
        .wait_with_output()
        .expect("because the child is ours to wait for");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        matches!(output.status.code(), Some(5 | 6)),
        "{:?}: {said}",
        output.status.code()
    );
    scene.transcript.keep_text("database-restarted", &said);
    until_back(&scene, &database);
    let mut shares = Shares::of(&scene.stage, &database);
    assert_eq!(shares.look().broken(), Vec::<String>::new());
    privileges.assert_unchanged(&database.effective_privileges());
    scene.run(&grant).ok();
    assert_eq!(shares.look().published().len(), 1);
    scene.run(&revoke).ok();
    assert!(shares.look().is_empty());
    privileges.assert_unchanged(&database.effective_privileges());
}

/// Ends every session at once, as a crash of one of the server's processes does.
#[track_caller]
fn restart(scene: &Scene, database: &Database) {
    let checkpointer = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'";
    let kill = format!("kill -QUIT $(psql -XqAt -U postgres -c \"{checkpointer}\")");
    in_pod(scene, database, &kill).ok();
    until_back(scene, database);
}

#[track_caller]
fn until_back(scene: &Scene, database: &Database) {
    let begun = Instant::now();
    while !in_pod(scene, database, "psql -XqAt -U postgres -c 'SELECT 1'").succeeded() {
        assert!(begun.elapsed() < BACK, "the server is not back");
        thread::sleep(Duration::from_millis(200));
    }
}

#[track_caller]
fn in_pod(scene: &Scene, database: &Database, script: &str) -> Output {
    let (namespace, pod) = (database.namespace(), database.pod());
    let exec = [
        "exec",
        "--namespace",
        namespace,
        pod,
        "--",
        "sh",
        "-c",
        script,
    ];
    scene.stage.kubectl(exec).run()
}
