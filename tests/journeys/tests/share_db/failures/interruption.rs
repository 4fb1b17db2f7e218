use std::process::Child;
use std::thread;
use std::time::Duration;

use datalab_lab::tenant::Release;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::Scene;
use crate::{
    lock::HeldLock,
    transcript::{command_line, share_db},
};

fn send(signal: Signal, child: &Child) {
    let pid = i32::try_from(child.id()).expect("because process ids are small");
    kill(Pid::from_raw(pid), signal).expect("because the child is ours");
}

#[track_caller]
fn until(is_so: impl Fn() -> bool) {
    for _ in 0..100 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("it does not become so");
}

#[test]
fn a_lock_that_is_held_is_waited_for_within_a_bound() {
    let Some(scene) = Scene::required("lock held") else {
        return;
    };
    let database = scene.database();
    let before = scene.before(Some(&database));
    let lock = HeldLock::of_share_db(&scene.stage, &database);
    let refused = scene.grant(&[]);
    assert_eq!(refused.code(), Some(8), "{refused}");
    scene.keep("interruption-locked", &refused);
    lock.release();
    before.assert_unchanged();
    scene.grant(&[]).ok();

    let lock = HeldLock::of_share_db(&scene.stage, &database);
    scene.keep("interruption-locked-revoke", &scene.revoke(&[]));
    lock.release();
    scene.revoke(&[]).ok();
    before.assert_unchanged();
}

#[test]
fn a_full_server_is_no_failure_of_the_share() {
    let Some(scene) = Scene::required("connections exhausted") else {
        return;
    };
    let release = Release::named("postgresql-951239")
        .setting("max_connections", "6")
        .setting("superuser_reserved_connections", "1");
    let database = scene.me.postgres(release).ready();
    let own = scene.me.pod("notebook");
    own.until_reachable(database.host());
    let before = scene.before(Some(&database));
    let superuser = database.superuser();
    let sessions: Vec<_> = (0..6)
        .map(|_| {
            let mut session = own.session(&superuser);
            session
                .ask("SELECT 1")
                .expect("because there is room for this one");
            session
        })
        .collect();
    scene.keep("interruption-full-server", &scene.grant(&[]));
    drop(sessions);
    until(|| own.psql(&superuser, "SELECT 1").succeeded());
    before.assert_unchanged();
    scene.grant(&[]).ok();
}

#[test]
fn an_interrupted_grant_leaves_nothing() {
    let Some(scene) = Scene::required("SIGINT") else {
        return;
    };
    let database = scene.database();
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let before = scene.before(Some(&database));
        let with = scene.with();
        let blocked = HeldLock::on_roles(&scene.stage, &database);
        let words = command_line(["postgres", "--with", &with]);
        // kubectl becomes the plugin, so a signal to the one reaches the other.
        let grant = scene.me.program(words).spawn();
        blocked.until_waited_for(&database);
        send(signal, &grant);
        blocked.release();
        let output = grant
            .wait_with_output()
            .expect("because the child is ours to wait for");
        assert_eq!(output.status.code(), Some(code));
        assert!(output.stdout.is_empty());
        let said = String::from_utf8_lossy(&output.stderr);
        scene.transcript.keep_text("interruption-signal", &said);
        before.assert_unchanged();
    }
    scene.grant(&[]).ok();
}

#[test]
fn a_killed_grant_is_finished_by_the_next() {
    let Some(scene) = Scene::required("kill -9") else {
        return;
    };
    let database = scene.database();
    let before = scene.before(Some(&database));
    let with = scene.with();
    let blocked = HeldLock::on_roles(&scene.stage, &database);
    let mut grant = scene
        .me
        .program(command_line(["postgres", "--with", &with]))
        .spawn();
    blocked.until_waited_for(&database);
    grant.kill().expect("because the child is ours");
    grant.wait().expect("because the child is ours to wait for");
    blocked.release();
    let name = scene.object_name();
    scene.me.kubectl(["get", "secret", &name]).ok();
    scene.me.kubectl(["get", "rolebinding", &name]).fails();
    scene.keep(
        "interruption-killed-list",
        &share_db(&scene.me, ["list", "--live", "-o", "wide", "--exit-code"]),
    );
    scene.keep("interruption-killed-again", &scene.grant(&[]));
    scene.keep(
        "interruption-killed-list-after",
        &share_db(&scene.me, ["list", "--live", "-o", "wide", "--exit-code"]),
    );
    scene.grant(&["--exit-code"]).ok();
    scene.revoke(&[]).ok();
    before.assert_unchanged();

    // Killed again, and taken back instead.
    let blocked = HeldLock::on_roles(&scene.stage, &database);
    let mut grant = scene
        .me
        .program(command_line(["postgres", "--with", &with]))
        .spawn();
    blocked.until_waited_for(&database);
    grant.kill().expect("because the child is ours");
    grant.wait().expect("because the child is ours to wait for");
    blocked.release();
    scene.keep("interruption-killed-revoke", &scene.revoke(&[]));
    before.assert_unchanged();
}
