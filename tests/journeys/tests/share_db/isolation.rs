//! A database that is open to the whole cluster: sharing says so, and closes it only when asked to.

use datalab_lab::tenant::{Pod, Release, Stage};

use super::share::{ShareSecret, program, share_db};

#[test]
fn an_open_database_is_closed_only_when_asked() {
    let Some(stage) = Stage::required("an open database is closed only when asked") else {
        return;
    };
    let play = stage.play();
    let (me, x, y) = (play.tenant("me"), play.tenant("x"), play.tenant("y"));
    let db = me.postgres(Release::named("postgresql-951239").isolated(false));
    let (own, colleague) = (me.pod("notebook"), x.pod("notebook"));
    let (third, stranger) = (y.pod("notebook"), play.stranger("stranger"));
    let db = db.ready();
    let everybody = [&own, &colleague, &third, &stranger];
    let all = |pods: &[&Pod]| pods.iter().for_each(|pod| pod.until_reachable(db.host()));
    let none = |pods: &[&Pod]| pods.iter().for_each(|pod| pod.until_unreachable(db.host()));
    let policies = || me.kubectl(["get", "networkpolicies", "--output=name"]).ok();
    let policy = |name: &str| format!("networkpolicy.networking.k8s.io/{name}\n");
    let base = policy(&format!("share-{}-base", db.fullname()));
    let inventory = me.inventory();
    all(&everybody);

    // Shared as it is: no policy, which would cut off everybody else, the owner's pods first.
    let grant = format!("postgres --with {} --schema sales", x.namespace());
    let told = share_db(&me, &grant).ok();
    assert!(
        told.contains("open: every pod of the cluster reaches it, share or not"),
        "{told}"
    );
    assert!(told.contains("--isolate` closes it"), "{told}");
    assert_eq!(policies(), "");
    let share = ShareSecret::planned(&me, &grant);
    let theirs = share.login_of(&x);
    colleague.psql(&theirs, "SELECT 1").ok();
    all(&everybody);

    // Closing it is asked for, and needs a person or --yes.
    let isolate = format!("{grant} --isolate");
    let before = me.inventory();
    let refused = share_db(&me, &isolate).fails_with(2);
    assert!(refused.contains("the same command with --yes"), "{refused}");
    assert!(
        refused.contains("will let only pods of namespace"),
        "{refused}"
    );
    assert_eq!(on_a_terminal(&me, &isolate, "n\n"), 1);
    before.assert_unchanged(&me.inventory());
    all(&everybody);

    assert_eq!(on_a_terminal(&me, &isolate, "y\n"), 0);
    let both = format!("{base}{}", policy(share.name()));
    assert_eq!(policies().lines().count(), 2);
    assert!(
        both.lines().all(|line| policies().contains(line)),
        "{}",
        policies()
    );
    none(&[&stranger, &third]);
    all(&[&own, &colleague]);
    assert_eq!(
        colleague
            .psql(&theirs, "SELECT count(*) FROM sales.orders")
            .ok(),
        "4\n"
    );
    own.psql(&db.owner(), "SELECT 1").ok();
    let again = share_db(&me, &format!("{isolate} --exit-code")).ok();
    assert!(again.starts_with("share unchanged: "), "{again}");
    share_db(&me, "list --exit-code").ok();

    // The last share's end leaves it closed; a new share finds it so.
    let revoke = format!("revoke postgres --with {}", x.namespace());
    share_db(&me, &revoke).ok();
    assert_eq!(policies(), base);
    none(&[&stranger, &colleague]);
    all(&[&own]);
    let told = share_db(&me, &grant).ok();
    assert!(told.contains("isolated by"), "{told}");
    all(&[&own, &colleague]);
    none(&[&stranger]);

    // Another share keeps it closed whatever is asked for; then it is opened, with a person's word.
    share_db(&me, &format!("postgres --with {}", y.namespace())).ok();
    all(&[&third]);
    let told = share_db(&me, &format!("{revoke} --unisolate --yes")).ok();
    assert!(told.contains("is kept"), "{told}");
    none(&[&stranger, &colleague]);
    let revoke = format!("revoke postgres --with {} --unisolate", y.namespace());
    let before = me.inventory();
    share_db(&me, &revoke).fails_with(2);
    before.assert_unchanged(&me.inventory());
    share_db(&me, &format!("{revoke} --yes")).ok();
    all(&everybody);
    inventory.assert_unchanged(&me.inventory());
}

/// The exit code of `kubectl datalab share-db …` on a terminal where somebody types.
#[track_caller]
fn on_a_terminal(me: &datalab_lab::tenant::Tenant, line: &str, typed: &str) -> i32 {
    let command = format!(
        "{} {line}",
        program("kubectl-datalab-share_db", me).display()
    );
    let script = [
        "script",
        "--quiet",
        "--return",
        "--command",
        &command,
        "/dev/null",
    ];
    let output = me.program(script).input(typed).run();
    assert!(
        output.stdout().contains("Isolate the database? [y/N]"),
        "{output}"
    );
    output.code().expect("because script ends by itself")
}
