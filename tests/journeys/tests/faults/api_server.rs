//! The API server at its worst: whatever it answers, nothing is half shared, or what remains is said.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use datalab_journeys::shares::Shares;
use datalab_lab::proxy::{Fault, Point, Reply, What};
use datalab_lab::tenant::Database;

use crate::scene::{Scene, words};

/// What may come instead of the server's answer, and the exit code it leads to.
fn answers() -> [(&'static str, Reply, i32); 5] {
    [
        (
            "403",
            Reply::failure(403, "Forbidden", "it is forbidden: by whoever answers"),
            4,
        ),
        (
            "409",
            Reply::failure(
                409,
                "Conflict",
                "the object has been modified; please apply your changes to the latest version",
            ),
            8,
        ),
        (
            "429",
            Reply::failure(
                429,
                "TooManyRequests",
                "too many requests, please try again later",
            )
            .header("retry-after", "1"),
            5,
        ),
        (
            "500",
            Reply::failure(500, "InternalError", "etcdserver: request timed out"),
            5,
        ),
        (
            "html",
            Reply::html(
                200,
                "<!doctype html><html><head><title>Portal</title></head><body>Please sign in.</body></html>",
            ),
            2,
        ),
    ]
}

/// A write of the grant: the beginning of its line, the resource in it.
fn is_write(method: &'static str, resource: &'static str) -> impl Fn(&Point) -> bool + Clone {
    move |point| {
        point.name.starts_with(method) && point.name.split('/').any(|part| part == resource)
    }
}

/// One play: a database that nobody shares yet.
struct Quiet<'s> {
    scene: &'s Scene,
    shares: Shares<'s>,
    grant: Vec<String>,
    revoke: Vec<String>,
}

impl<'s> Quiet<'s> {
    #[track_caller]
    fn of(scene: &'s Scene, database: &'s Database) -> Self {
        let x = scene.namespace("x");
        Self {
            scene,
            shares: Shares::of(&scene.stage, database),
            grant: words(&format!("postgres --with {x}")),
            revoke: words(&format!("revoke postgres --with {x}")),
        }
    }

    #[track_caller]
    fn assert_nothing_is_left(&mut self, context: &str) {
        let state = self.shares.look();
        assert!(state.is_empty(), "{context}: {:#?}", state.facts(false));
    }

    /// Each answer in turn, wherever `fits`; what is shown is kept as one snapshot.
    #[track_caller]
    fn answered(
        &mut self,
        snapshot: &str,
        fits: impl Fn(&Point) -> bool + Clone + Send + Sync + 'static,
    ) {
        let mut shown = String::new();
        for (name, reply, code) in answers() {
            self.scene
                .proxy
                .arm([Fault::at(What::Answer(reply), fits.clone())]);
            let output = self.scene.typed(&self.grant);
            assert_eq!(output.code(), Some(code), "{name}: {output}");
            shown.push_str(&format!("# {name}\n{output}\n\n"));
            self.assert_nothing_is_left(name);
        }
        self.scene.transcript.keep_text(snapshot, shown.trim_end());
    }
}

#[test]
fn other_answers_to_the_first_request() {
    let Some(scene) = Scene::required("wrong answers to the first request") else {
        return;
    };
    let database = scene.database(true);
    // Tried again, it is the second one.
    let first = Arc::new(OnceLock::new());
    let is_first = move |point: &Point| *first.get_or_init(|| point.name.clone()) == point.name;
    Quiet::of(&scene, &database).answered("api-first-request", is_first);
}

#[test]
fn other_answers_to_the_first_write() {
    let Some(scene) = Scene::required("wrong answers to the first write") else {
        return;
    };
    let database = scene.database(true);
    Quiet::of(&scene, &database).answered("api-first-write", is_write("POST", "secrets"));
}

#[test]
fn other_answers_to_the_last_write_undo_all_others() {
    let Some(scene) = Scene::required("wrong answers to the last write") else {
        return;
    };
    let database = scene.database(true);
    Quiet::of(&scene, &database).answered("api-last-write", is_write("PATCH", "rolebindings"));
}

#[test]
fn an_overload_that_passes_is_waited_for() {
    let Some(scene) = Scene::required("429, once at each write") else {
        return;
    };
    let database = scene.database(true);
    let mut quiet = Quiet::of(&scene, &database);
    let busy = |fits| {
        let (_, reply, _) = answers()[2].clone();
        Fault::at(What::Answer(reply), fits).times(1)
    };
    scene.proxy.arm([
        busy(Box::new(is_write("POST", "secrets")) as Box<dyn Fn(&Point) -> bool + Send + Sync>),
        busy(Box::new(is_write("PATCH", "roles"))),
        busy(Box::new(is_write("PATCH", "rolebindings"))),
    ]);
    scene.typed(&quiet.grant).ok();
    let tried = scene.proxy.points();
    let tries = tried
        .iter()
        .filter(|point| is_write("PATCH", "rolebindings")(point));
    assert_eq!(tries.count(), 2, "{tried:#?}");
    let state = quiet.shares.look();
    assert_eq!((state.broken().len(), state.published().len()), (0, 1));
    scene
        .proxy
        .arm([busy(Box::new(is_write("DELETE", "secrets")))]);
    scene.typed(&quiet.revoke).ok();
    quiet.assert_nothing_is_left("revoked");
}

#[test]
fn a_server_that_goes_away_at_the_last_write_is_told_with_what_remains() {
    let Some(scene) = Scene::required("the API server goes away") else {
        return;
    };
    let database = scene.database(true);
    let mut quiet = Quiet::of(&scene, &database);
    let gone = Arc::new(AtomicBool::new(false));
    let is_last = is_write("PATCH", "rolebindings");
    let away = move |point: &Point| {
        if is_last(point) {
            gone.store(true, Ordering::SeqCst);
        }
        gone.load(Ordering::SeqCst) && !point.is_sql()
    };
    scene.proxy.arm([Fault::at(What::CutBefore, away)]);
    let partial = scene.typed(&quiet.grant);
    assert_eq!(partial.code(), Some(6), "{partial}");
    scene
        .transcript
        .keep("api-gone-at-the-last-write", &partial);
    let left = quiet.shares.look();
    assert!(!left.is_empty(), "it says that something remains");
    assert_eq!(left.broken(), Vec::<String>::new());
    // It is back: the command that was named takes the rest away.
    scene.proxy.arm([]);
    scene.typed(&quiet.revoke).ok();
    quiet.assert_nothing_is_left("revoked");
}

#[test]
fn a_slow_server_is_given_up_at_the_limit() {
    let Some(scene) = Scene::required("a slow API server") else {
        return;
    };
    let database = scene.database(true);
    let mut quiet = Quiet::of(&scene, &database);
    let slow = What::Delay(Duration::from_secs(60));
    let limit = "--request-timeout=5s".to_owned();
    let grant: Vec<String> = quiet.grant.iter().cloned().chain([limit]).collect();
    let faults = [
        (
            "api-slow-first",
            Fault::at(slow.clone(), |point| point.number == 1),
        ),
        (
            "api-slow-write",
            Fault::at(slow, is_write("PATCH", "rolebindings")),
        ),
    ];
    for (snapshot, fault) in faults {
        scene.proxy.arm([fault]);
        let given_up = scene.typed(&grant);
        assert_eq!(given_up.code(), Some(5), "{given_up}");
        scene.transcript.keep(snapshot, &given_up);
        quiet.assert_nothing_is_left(snapshot);
    }
}
