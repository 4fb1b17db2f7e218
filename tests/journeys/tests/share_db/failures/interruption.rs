use std::io::{Read, Write};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

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
fn a_colleague_who_uses_every_session_leaves_none_for_the_proof() {
    let Some(scene) = Scene::required("sessions used up") else {
        return;
    };
    let database = scene.database();
    let x = scene.play.tenant("x");
    let notebook = x.pod("notebook");
    scene.grant(&["--connection-limit", "1"]).ok();
    notebook.until_reachable(database.host());
    let login = scene.login(&x);
    let session = notebook.session(&login);
    let one_more = notebook.psql(&login, "SELECT 1").fails();
    assert!(
        one_more.contains("too many connections for role"),
        "{one_more}"
    );
    let again = scene.grant(&["--connection-limit", "1"]);
    scene.keep("interruption-sessions-used-up", &again);
    drop(session);
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
fn an_interrupted_change_names_the_command_that_goes_on() {
    let Some(scene) = Scene::required("SIGINT in a change") else {
        return;
    };
    let database = scene.database();
    scene.grant(&[]).ok();
    let with = scene.with();
    let words = ["postgres", "--with", &with, "--connection-limit", "2"];
    let blocked = HeldLock::on_roles(&scene.stage, &database);
    let grant = scene.me.program(command_line(words)).spawn();
    blocked.until_waited_for(&database);
    send(Signal::SIGINT, &grant);
    blocked.release();
    let output = grant
        .wait_with_output()
        .expect("because the child is ours to wait for");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{said}");
    scene.transcript.keep_text("interruption-change", &said);
    scene.keep("interruption-change-again", &share_db(&scene.me, words));
    share_db(&scene.me, [words.as_slice(), &["--exit-code"]].concat()).ok();
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

/// A command on a terminal of its own, asked a question.
struct Asked {
    program: Child,
    shown: String,
}

impl Asked {
    #[track_caller]
    fn at(scene: &Scene, command: &str) -> Self {
        let line = [
            "script",
            "--quiet",
            "--return",
            "--command",
            command,
            "/dev/null",
        ];
        let mut program = scene.me.program(line).spawn();
        let mut terminal = program.stdout.take().expect("because stdout is piped");
        let mut shown = Vec::new();
        let mut byte = [0];
        while !shown.ends_with(b"[y/N] ") {
            let read = terminal
                .read(&mut byte)
                .expect("because the terminal is open");
            assert_eq!(read, 1, "no question: {}", String::from_utf8_lossy(&shown));
            shown.extend(byte);
        }
        program.stdout = Some(terminal);
        Self {
            program,
            shown: String::from_utf8_lossy(&shown).replace('\r', ""),
        }
    }

    /// Types an answer; the exit code, and all that was shown.
    #[track_caller]
    fn answer(mut self, keys: &str) -> (Option<i32>, String) {
        let mut keyboard = self.program.stdin.take().expect("because stdin is piped");
        keyboard
            .write_all(keys.as_bytes())
            .expect("because the terminal is open");
        let started = Instant::now();
        let mut typed_again = false;
        while self
            .program
            .try_wait()
            .expect("because the child is ours")
            .is_none()
        {
            // On a busy machine `script` may lose what is typed while it passes on the question; a
            // person would press the key again.
            if !typed_again && started.elapsed() > Duration::from_secs(20) {
                typed_again = true;
                keyboard
                    .write_all(keys.as_bytes())
                    .expect("because the terminal is open");
            }
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "it does not end"
            );
            thread::sleep(Duration::from_millis(20));
        }
        let output = self
            .program
            .wait_with_output()
            .expect("because the child is ours");
        let rest = String::from_utf8_lossy(&output.stdout).replace('\r', "");
        (output.status.code(), self.shown + &rest)
    }
}

#[test]
fn a_question_can_be_answered_denied_and_interrupted() {
    let Some(scene) = Scene::required("questions") else {
        return;
    };
    let release = Release::named("postgresql-951239").isolated(false);
    let database = scene.me.postgres(release).ready();
    let grant = format!(
        "kubectl datalab share-db postgres --with {} --isolate",
        scene.with()
    );
    let before = scene.before(Some(&database));
    for (keys, code) in [("\u{3}", 130), ("n\n", 1), ("\n", 1)] {
        let (ended, shown) = Asked::at(&scene, &grant).answer(keys);
        assert_eq!(ended, Some(code), "{keys:?}: {shown}");
        before.assert_unchanged();
    }
    let (ended, shown) = Asked::at(&scene, &grant).answer("y\n");
    assert_eq!(ended, Some(0), "{shown}");

    let revoke = "kubectl datalab share-db revoke --all --unisolate";
    let shared = scene.before(Some(&database));
    for (keys, code) in [("\u{3}", 130), ("no\n", 1)] {
        let (ended, shown) = Asked::at(&scene, revoke).answer(keys);
        assert_eq!(ended, Some(code), "{keys:?}: {shown}");
        shared.assert_unchanged();
    }
    // Two questions: the first is about the shares, the second about the network.
    let (ended, shown) = Asked::at(&scene, revoke).answer("y\ny\n");
    assert_eq!(ended, Some(0), "{shown}");
    let question = format!(
        "Open {} to every pod of the cluster again? [y/N]",
        database.fullname()
    );
    assert!(shown.contains(&question), "{shown}");
    before.assert_unchanged();
}
