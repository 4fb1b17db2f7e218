//! Several shells at once.

use std::process::Child;
use std::time::Duration;

use datalab_journeys::shares::Shares;
use datalab_lab::proxy::{Fault, What};

use crate::scene::{Scene, say, words};

/// "Another share-db is changing this server": it waited, and gave up.
const LOCKED: i32 = 8;

/// How often two shells meet: each time a little otherwise.
const ROUNDS: u64 = 5;

/// How much later the second one starts, from round to round: a grant takes about a second.
const LATER: Duration = Duration::from_millis(150);

#[track_caller]
fn code(program: Child) -> (Option<i32>, String) {
    let output = program
        .wait_with_output()
        .expect("because the child is ours to wait for");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

/// Asserts that it did what it was told, or found the lock taken.
#[track_caller]
fn done_or_locked(program: Child) -> bool {
    let (code, said) = code(program);
    assert!(matches!(code, Some(0 | LOCKED)), "{code:?}: {said}");
    code == Some(0)
}

#[test]
fn ten_grants_to_ten_grantees_at_once() {
    let Some(scene) = Scene::required("ten grants at once") else {
        return;
    };
    let database = scene.database(true);
    let mut shares = Shares::of(&scene.stage, &database);
    let privileges = database.effective_privileges();
    let grants: Vec<_> = (0..10)
        .map(|number| {
            let with = scene.namespace(&format!("x{number}"));
            words(&format!("postgres --with {with} --schema sales"))
        })
        .collect();
    let running: Vec<Child> = grants.iter().map(|grant| scene.start(grant)).collect();
    let done: Vec<bool> = running.into_iter().map(done_or_locked).collect();
    say(&format!(
        "{} of 10 grants had the lock within its bound",
        done.iter().filter(|done| **done).count()
    ));
    // Whoever is told that the server is busy runs the same command again, as it says.
    for (grant, done) in grants.iter().zip(&done) {
        if !done {
            scene.run(grant).ok();
        }
    }
    let state = shares.look();
    assert_eq!(state.broken(), Vec::<String>::new());
    assert_eq!(state.published().len(), 10);
    for grant in &grants {
        let unchanged = [grant.as_slice(), &words("--exit-code")].concat();
        scene.run(&unchanged).ok();
    }
    scene.run(&words("revoke postgres --all --yes")).ok();
    assert!(shares.look().is_empty());
    privileges.assert_unchanged(&database.effective_privileges());
}

#[test]
fn the_same_grant_from_two_shells_is_one_share() {
    let Some(scene) = Scene::required("the same grant twice at once") else {
        return;
    };
    let database = scene.database(true);
    let mut shares = Shares::of(&scene.stage, &database);
    let x = scene.namespace("x");
    let grant = words(&format!("postgres --with {x} --schema sales"));
    for round in 0..ROUNDS {
        let first = scene.start(&grant);
        std::thread::sleep(LATER * u32::try_from(round).unwrap_or_default());
        let second = scene.start(&grant);
        let done = [done_or_locked(first), done_or_locked(second)];
        assert!(done.contains(&true), "each waited for the other");
        let state = shares.look();
        assert_eq!(state.broken(), Vec::<String>::new());
        assert_eq!(state.published().len(), 1);
        let unchanged = [grant.as_slice(), &words("--exit-code")].concat();
        scene.run(&unchanged).ok();
        scene
            .run(&words(&format!("revoke postgres --with {x}")))
            .ok();
        assert!(shares.look().is_empty());
    }
}

/// After both have ended there is the share, whole, or nothing of it.
#[track_caller]
fn assert_whole_or_nothing(scene: &Scene, shares: &mut Shares<'_>, grant: &[String]) {
    let state = shares.look();
    assert_eq!(state.broken(), Vec::<String>::new());
    if !state.is_empty() {
        let unchanged = [grant, &words("--exit-code")].concat();
        let whole = scene.run(&unchanged);
        assert!(whole.succeeded(), "{whole}\n{:#?}", state.facts(false));
    }
}

#[test]
fn a_grant_against_a_revoke_ends_as_one_of_the_two() {
    let Some(scene) = Scene::required("a grant against a revoke") else {
        return;
    };
    let database = scene.database(true);
    let mut shares = Shares::of(&scene.stage, &database);
    let x = scene.namespace("x");
    let grant = words(&format!("postgres --with {x} --schema sales"));
    let revoke = words(&format!("revoke postgres --with {x}"));
    for round in 0..ROUNDS {
        // Of a new share, then of one that is there and changes.
        let later = LATER * u32::try_from(round).unwrap_or_default();
        let (first, second) = if round % 2 == 0 {
            (&grant, &revoke)
        } else {
            (&revoke, &grant)
        };
        let first = scene.start(first);
        std::thread::sleep(later);
        let second = scene.start(second);
        for program in [first, second] {
            let (code, said) = code(program);
            assert!(matches!(code, Some(0 | 6 | LOCKED)), "{code:?}: {said}");
        }
        assert_whole_or_nothing(&scene, &mut shares, &grant);
    }
    scene.run(&revoke).ok();
    assert!(shares.look().is_empty());
}

/// One is held up where it hurts, while the other one comes.
#[test]
fn a_revoke_comes_while_a_grant_is_held_up_and_the_other_way_round() {
    let Some(scene) = Scene::required("a revoke in the middle of a grant") else {
        return;
    };
    let database = scene.database(true);
    let mut shares = Shares::of(&scene.stage, &database);
    let x = scene.namespace("x");
    let grant = words(&format!("postgres --with {x} --schema sales"));
    let revoke = words(&format!("revoke postgres --with {x}"));
    for (slow, quick, is_shared, points) in [
        (&grant, &revoke, false, ["PATCH ", "sql defaultdb: COMMIT"]),
        (
            &revoke,
            &grant,
            true,
            ["DELETE ", "sql postgres: DROP ROLE"],
        ),
    ] {
        for point in points {
            if is_shared {
                scene.run(&grant).ok();
            }
            let held_up = What::Delay(Duration::from_secs(3));
            scene
                .proxy
                .arm([Fault::at(held_up, move |found| found.name.starts_with(point)).times(1)]);
            let mut slow = scene.start_by_proxy(slow);
            until_point(&scene, &mut slow, point);
            let quick = scene.start(quick);
            for program in [slow, quick] {
                let (code, said) = code(program);
                assert!(matches!(code, Some(0 | 6 | LOCKED)), "{code:?}: {said}");
            }
            assert_whole_or_nothing(&scene, &mut shares, &grant);
            scene.run(&revoke).ok();
            assert!(shares.look().is_empty());
        }
    }
}

/// Waits until a program has come to a point.
#[track_caller]
fn until_point(scene: &Scene, program: &mut Child, point: &str) {
    let is_there = || {
        let points = scene.proxy.points();
        points.iter().any(|found| found.name.starts_with(point))
    };
    while !is_there() {
        let ended = program.try_wait().expect("because the child is ours");
        assert!(ended.is_none(), "it ended before {point:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
