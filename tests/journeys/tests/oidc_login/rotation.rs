//! Many commands at once where a refresh token is used once, and a second use ends the session.

use std::thread;
use std::time::{Duration, Instant};

use datalab_lab::keycloak::STRICT_REALM;
use datalab_lab::tenant::Stage;

use crate::scene::Scene;

/// How many commands run at once.
const AT_ONCE: u32 = 8;

/// How many commands each of them runs in a row: 200 in all.
const IN_A_ROW: u32 = 25;

/// The lifetime of a token of the client `kubernetes-short`.
const LIFETIME: Duration = Duration::from_secs(20);

/// For so many lifetimes. The API server goes on accepting a token for 10 s without looking at it, half
/// of one: a token that was not renewed in time is found out in the other half.
const LIFETIMES: u32 = 3;

#[test]
fn two_hundred_commands_need_one_login() {
    let Some(stage) = Stage::required_lab("two hundred commands need one login") else {
        return;
    };
    let scene = Scene::new(&stage, STRICT_REALM, "strict-");
    let alice = scene.member("alice");
    let laptop = scene.laptop(&alice, "kubernetes-short");
    let began = Instant::now();
    let pause = LIFETIME * LIFETIMES / IN_A_ROW;
    let failed: Vec<String> = thread::scope(|scope| {
        let rows: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| {
                    let mut failed = Vec::new();
                    for turn in 0..IN_A_ROW {
                        let output = laptop.kubectl(&["get", "pods"]);
                        if !output.succeeded() {
                            failed.push(output.to_string());
                        }
                        // In step with the clock, so that all of them meet each end of a token.
                        let next = began + pause * (turn + 1);
                        thread::sleep(next.saturating_duration_since(Instant::now()));
                    }
                    failed
                })
            })
            .collect();
        let rows = rows.into_iter();
        rows.flat_map(|row| row.join().expect("because a row does not panic"))
            .collect()
    });
    assert!(
        failed.is_empty(),
        "{} failed:\n{}",
        failed.len(),
        failed.join("\n")
    );
    assert!(began.elapsed() >= LIFETIME * LIFETIMES);

    let count = |kind: &str| scene.admin.count(kind, &alice);
    assert_eq!((laptop.typed(), count("LOGIN")), (1, 1));
    assert_eq!(count("REFRESH_TOKEN_ERROR"), 0);
    // At least one in each later lifetime; and none for nothing: a token is good for half its time.
    let refreshed = count("REFRESH_TOKEN");
    let most = began.elapsed().as_secs() / (LIFETIME.as_secs() / 2) + 1;
    assert!(
        (2..=most).contains(&(refreshed as u64)),
        "{refreshed} refreshes in {:?}",
        began.elapsed()
    );
}

#[test]
fn twenty_first_commands_at_once_make_one_login() {
    let Some(stage) = Stage::required_lab("twenty first commands at once make one login") else {
        return;
    };
    let scene = Scene::new(&stage, STRICT_REALM, "strict-");
    let alice = scene.member("alice");
    let laptop = scene.laptop(&alice, "kubernetes");
    let whoami = [
        "auth",
        "whoami",
        "--output=jsonpath={.status.userInfo.username}",
    ];
    thread::scope(|scope| {
        let all: Vec<_> = (0..20)
            .map(|_| scope.spawn(|| laptop.kubectl(&whoami)))
            .collect();
        for one in all {
            let said = one.join().expect("because a command does not panic");
            assert_eq!(said.ok(), format!("strict-{alice}"));
        }
    });
    assert_eq!((laptop.typed(), scene.admin.count("LOGIN", &alice)), (1, 1));
    assert_eq!(scene.admin.sessions(&alice).len(), 1);
}
