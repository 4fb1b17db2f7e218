//! `list`: every state of a share, brought about for real.

use std::thread;
use std::time::{Duration, Instant};

use datalab_lab::tenant::{Release, Stage, Tenant};
use serde_json::Value;

use super::share::{ShareSecret, share_db};
use super::transcript::Transcript;

/// Long enough for a grant and a login on a busy machine.
const SHORT: &str = "20s";

#[test]
fn every_state_is_told() {
    let Some(stage) = Stage::required("every state is told") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let db = me.postgres(Release::named("postgresql-951239"));
    let (own, stranger) = (me.pod("notebook"), play.stranger("stranger"));
    let db = db.ready();
    assert_eq!(share_db(&me, "list --live --exit-code").ok(), "no shares\n");

    let grantees = [
        "user-kept",
        "user-edited",
        "user-locked",
        "user-lost",
        "user-forgotten",
    ];
    for grantee in grantees {
        share_db(
            &me,
            &format!("postgres --with {grantee} --schema sales --until 2030-01-01"),
        )
        .ok();
    }
    share_db(&me, "list --live --exit-code").ok();
    assert_eq!(states(&me, "list"), grantees_in(["ok"; 5], grantees));

    let name_of = |grantee: &str| {
        let planned = ShareSecret::planned(
            &me,
            &format!("postgres --with {grantee} --schema sales --until 2030-01-01"),
        );
        planned.name().to_owned()
    };
    let role_of = |grantee: &str| {
        db.sql(
            "postgres",
            &format!("SELECT rolname FROM pg_roles WHERE rolname LIKE 'share_{grantee}_%'"),
        )
    };
    me.kubectl(["delete", "rolebinding", &name_of("user-edited")])
        .ok();
    db.sql(
        "postgres",
        &format!("ALTER ROLE \"{}\" NOLOGIN", role_of("user-locked")),
    );
    me.kubectl(["delete", "secret", &name_of("user-lost")]).ok();
    me.kubectl([
        "delete",
        "secret,role,rolebinding,networkpolicy",
        &name_of("user-forgotten"),
    ])
    .ok();

    // Without asking the database, a locked login is not seen, and a login alone is none of the cluster's.
    let seen = [
        ("user-edited", "drifted"),
        ("user-kept", "ok"),
        ("user-locked", "ok"),
        ("user-lost", "orphan"),
    ];
    assert_eq!(states(&me, "list"), owned(&seen));
    let seen = [
        ("user-edited", "drifted"),
        ("user-forgotten", "orphan"),
        ("user-kept", "ok"),
        ("user-locked", "drifted"),
        ("user-lost", "orphan"),
    ];
    assert_eq!(states(&me, "list --live"), owned(&seen));
    share_db(&me, "list --exit-code").fails_with(7);
    let transcript = Transcript::of(&play, "share_db");
    transcript.keep(
        "listing-states",
        &share_db(&me, "list --live --output=wide"),
    );

    // The same grants again mend all of them; the forgotten login gets a Secret of its own again.
    for grantee in ["user-edited", "user-locked", "user-lost", "user-forgotten"] {
        share_db(
            &me,
            &format!("postgres --with {grantee} --schema sales --until 2030-01-01"),
        )
        .ok();
    }
    share_db(&me, "list --live --exit-code").ok();

    // A login that has become more than its terms say.
    let kept = role_of("user-kept");
    for change in [
        "ALTER ROLE \"{}\" SUPERUSER",
        "GRANT pg_read_all_data TO \"{}\"",
        "ALTER ROLE \"{}\" VALID UNTIL 'infinity'",
        "ALTER ROLE \"{}\" CONNECTION LIMIT -1",
    ] {
        db.sql("postgres", &change.replace("{}", &kept));
        share_db(&me, "list --exit-code").ok();
        let told = share_db(&me, "list --live --exit-code -o wide");
        assert_eq!(told.code(), Some(7), "{change}: {told}");
        assert!(told.stdout().contains("its login was changed"), "{told}");
        share_db(
            &me,
            "postgres --with user-kept --schema sales --until 2030-01-01",
        )
        .ok();
    }
    share_db(&me, "list --live --exit-code").ok();

    // The catalogue's box is unchecked: the shares' own policies are left, and shut the owner out.
    own.until_reachable(db.host());
    db.isolate(false);
    own.until_unreachable(db.host());
    assert_eq!(states(&me, "list"), grantees_in(["drifted"; 5], grantees));
    transcript.keep(
        "listing-without-the-catalogues-policy",
        &share_db(&me, "list --output=wide"),
    );
    share_db(
        &me,
        "postgres --with user-kept --schema sales --until 2030-01-01 --isolate --yes",
    )
    .ok();
    own.until_reachable(db.host());
    share_db(&me, "list --exit-code").ok();

    // Shared while it is open, it is open to all.
    share_db(&me, "revoke postgres --all --unisolate --yes").ok();
    for grantee in ["user-kept", "user-late"] {
        share_db(
            &me,
            &format!("postgres --with {grantee} --schema sales --until 2030-01-01"),
        )
        .ok();
    }
    stranger.until_reachable(db.host());
    let open = [("user-kept", "open-to-all"), ("user-late", "open-to-all")];
    assert_eq!(states(&me, "list --live"), owned(&open));
    share_db(&me, "list --exit-code").fails_with(7);
    transcript.keep("listing-open-to-all", &share_db(&me, "list"));

    // No database any more, as far as the namespace shows.
    me.kubectl(["delete", "service", db.fullname()]).ok();
    let orphans = [("user-kept", "orphan"), ("user-late", "orphan")];
    assert_eq!(states(&me, "list"), owned(&orphans));
}

#[test]
fn a_share_ends_by_itself() {
    let Some(stage) = Stage::required("a share ends by itself") else {
        return;
    };
    let play = stage.play();
    let (me, x, y) = (play.tenant("me"), play.tenant("x"), play.tenant("y"));
    let db = me.postgres(Release::named("postgresql-951239"));
    let colleague = x.pod("notebook");
    let db = db.ready();
    share_db(&me, &format!("postgres --with {}", y.namespace())).ok();
    let (inventory, privileges) = (me.inventory(), db.effective_privileges());
    let grant = format!(
        "postgres --with {} --schema sales --for {SHORT}",
        x.namespace()
    );
    let share = ShareSecret::planned(&me, &grant);

    let told = share_db(&me, &grant).ok();
    assert!(
        told.contains("new logins end then; open sessions and objects stay until"),
        "{told}"
    );
    let theirs = share.login_of(&x);
    colleague.until_reachable(db.host());
    let mut open = colleague.session(&theirs);
    colleague.psql(&theirs, "SELECT 1").ok();
    assert_eq!(
        share_db(&me, "revoke --expired").ok(),
        nothing_to_revoke(&me)
    );

    let started = Instant::now();
    let until_expired = || loop {
        let of_x = states(&me, "list").swap_remove(0);
        assert_eq!(of_x.0, x.namespace());
        match of_x.1.as_str() {
            "expired" => break,
            state => assert_eq!(state, "ok"),
        }
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "still not expired"
        );
        thread::sleep(Duration::from_millis(500));
    };
    until_expired();
    let refused = colleague.psql(&theirs, "SELECT 1").fails();
    assert!(
        refused.contains("password authentication failed"),
        "{refused}"
    );
    assert_eq!(
        open.ask("SELECT count(*) FROM sales.orders").as_deref(),
        Ok("4")
    );
    share_db(&me, "list --exit-code").fails_with(7);
    let live: Value = serde_json::from_str(&share_db(&me, "list --live --output=json").ok())
        .expect("because -o json is JSON");
    assert_eq!(
        live["items"][0]["live"],
        serde_json::json!({"login": true, "sessions": 1})
    );

    // The same terms again would only be another end in twenty seconds: it is a new lifetime.
    share_db(&me, &grant).ok();
    colleague.psql(&theirs, "SELECT 1").ok();
    until_expired();

    let told = share_db(&me, "revoke --expired").ok();
    assert!(
        told.contains("1 session cut") && !told.contains(y.namespace()),
        "{told}"
    );
    assert!(open.ask("SELECT 1").is_err());
    inventory.assert_unchanged(&me.inventory());
    privileges.assert_unchanged(&db.effective_privileges());
    assert_eq!(
        share_db(&me, "revoke --expired").ok(),
        nothing_to_revoke(&me)
    );
    share_db(&me, "list --live --exit-code").ok();
}

fn nothing_to_revoke(me: &Tenant) -> String {
    format!("nothing to revoke in namespace {}\n", me.namespace())
}

/// Grantee and state of every share listed.
#[track_caller]
fn states(me: &Tenant, list: &str) -> Vec<(String, String)> {
    let listed = share_db(me, &format!("{list} --output=json")).ok();
    let listed: Value = serde_json::from_str(&listed).expect("because -o json is JSON");
    let text = |share: &Value, field: &str| share[field].as_str().unwrap_or_default().to_owned();
    let items = listed["items"].as_array().cloned().unwrap_or_default();
    items
        .iter()
        .map(|share| (text(share, "grantee"), text(share, "state")))
        .collect()
}

fn owned(states: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(grantee, state): &(&str, &str)| ((*grantee).to_owned(), (*state).to_owned());
    states.iter().map(owned).collect()
}

fn grantees_in<const N: usize>(states: [&str; N], grantees: [&str; N]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = grantees.into_iter().zip(states).collect();
    pairs.sort_unstable();
    owned(&pairs)
}
