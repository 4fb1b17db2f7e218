//! The colleague's side: `connect`, from a pod with nothing but its service account.

use std::thread;
use std::time::{Duration, Instant};

use datalab_lab::tenant::{Output, Pod, Release, Stage};

use super::share::{ShareSecret, install_kubectl, program, share_db};

const ORDERS: &str = "SELECT count(*), sum(amount) FROM sales.orders";

#[test]
fn a_pod_connects_by_its_service_account() {
    let Some(stage) = Stage::required("a pod connects by its service account") else {
        return;
    };
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    let db = me.postgres(Release::named("951239"));
    let (pod, here) = (x.pod("notebook"), x.namespace());
    install_kubectl(&pod, &x);
    pod.install(&program("kubectl-datalab-share_db", &x));
    let db = db.ready();
    assert_ne!(db.release(), db.fullname());
    let told = share_db(&me, &format!("postgres --with {here} --schema sales")).ok();
    let share = format!("{}/{}", me.namespace(), db.fullname());
    pod.until_reachable(db.host());

    // The line that the owner sends, as it stands.
    let send = told
        .lines()
        .find_map(|line| line.strip_prefix(&format!("send to {here}: ")))
        .expect("because a grant says what to send");
    assert_eq!(
        send,
        format!("kubectl datalab share-db connect {share} -- psql")
    );
    assert_eq!(
        sh(&pod, &format!("{send} -Atc '{ORDERS}'")).ok(),
        "4|122.60\n"
    );
    assert_eq!(
        sh(&pod, &format!("echo '{ORDERS}' | {send} -At")).ok(),
        "4|122.60\n"
    );

    // Directly; with the namespace named; by release; with psql implied.
    let by_release = format!("{}/{}", me.namespace(), db.release());
    for words in [
        format!("{share} -n {here} -- psql -Atc '{ORDERS}'"),
        format!("{by_release} -- psql -Atc '{ORDERS}'"),
        format!("{share} <<'SQL' | tr -d '\\n'\n\\t on\n\\a\n{ORDERS};\nSQL"),
    ] {
        let rows = connect(&pod, &words).ok();
        assert!(rows.contains("4|122.60"), "{rows}");
    }

    // The command is the child itself: its exit code, its signals, no password in what ps shows.
    assert_eq!(
        connect(&pod, &format!("{share} -- sh -c 'exit 7'")).code(),
        Some(7)
    );
    assert_eq!(
        connect(&pod, &format!("{share} -- psql -qc 'SELECT nonsense'")).code(),
        Some(1)
    );
    assert_eq!(
        connect(&pod, &format!("{share} -- sh -c 'kill -TERM $$'")).code(),
        Some(143)
    );
    let arguments = connect(&pod, &format!("{share} -- cat /proc/self/cmdline")).ok();
    assert_eq!(arguments, "cat\0/proc/self/cmdline\0");

    // What the shell has set for another server leads nowhere.
    let misled = "PGHOSTADDR=192.0.2.1 PGSERVICE=elsewhere PGOPTIONS='--no-such=option' PGSSLCERT=none PGREQUIREPEER=nobody";
    assert_eq!(
        sh(&pod, &format!("export {misled}; {send} -Atc '{ORDERS}'")).ok(),
        "4|122.60\n"
    );

    // 125: ours failed, and nothing was started.
    connect(&pod, &format!("{share} --no-such-flag -- true")).fails_with(125);
    connect(&pod, "no-share-name -- true").fails_with(125);
    assert_eq!(connect(&pod, "no-share-name").code(), Some(2));
    let nowhere = connect(&pod, &format!("{share} -- no-such-program")).fails_with(125);
    assert!(nowhere.contains("the command was not started"), "{nowhere}");
    connect(&pod, &format!("{}/no-such-db -- true", me.namespace())).fails_with(125);
    connect(&pod, &format!("{share} -n user-somebody -- true")).fails_with(125);
}

#[test]
fn every_printed_form_logs_in() {
    let Some(stage) = Stage::required("every printed form logs in") else {
        return;
    };
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    // A name that needs quoting in every form.
    let db = me.postgres(Release::named("postgresql-951239").database("it's: \"a\\b\" $HOME ä/?#"));
    let pod = x.pod("notebook");
    pod.install(&program("kubectl-datalab-share_db", &x));
    let db = db.ready();
    let grant = format!("postgres --with {}", x.namespace());
    let secret = ShareSecret::planned(&me, &grant);
    share_db(&me, &grant).ok();
    let share = format!("{}/{}", me.namespace(), db.fullname());
    let theirs = secret.login_of(&x);
    assert_eq!(theirs.database, db.dbname());
    pod.until_reachable(db.host());

    let tool = format!("kubectl-datalab-share_db connect {share} --print");
    let counted = format!("psql -Atc '{ORDERS}'");
    let misled = "export PGHOSTADDR=192.0.2.1 PGSERVICE=elsewhere PGOPTIONS='--no-such=option'";
    let env = sh(
        &pod,
        &format!("{misled}; eval \"$({tool} env)\" && {counted}"),
    );
    assert_eq!(env.ok(), "4|122.60\n");
    let uri = sh(&pod, &format!("psql -At \"$({tool} uri)\" -c '{ORDERS}'"));
    assert_eq!(uri.ok(), "4|122.60\n");
    // The file holds the password, and for which server, database and role it is.
    let pgpass = format!(
        "umask 077; {tool} pgpass >.pgpass-share
         export PGPASSFILE=.pgpass-share PGHOST={} PGPORT={} PGUSER={}
         IFS= read -r PGDATABASE; export PGDATABASE; {counted} --no-password",
        theirs.host, theirs.port, theirs.user
    );
    let pgpass = pod
        .program(["sh", "-ec", &pgpass])
        .input(format!("{}\n", theirs.database))
        .run();
    assert_eq!(pgpass.ok(), "4|122.60\n");

    // On a terminal the password would stay to be read.
    let on_a_terminal = |options: &str| {
        let command = format!(
            "{} connect {share} --print uri {options}",
            program("kubectl-datalab-share_db", &x).display()
        );
        x.run([
            "script",
            "--quiet",
            "--return",
            "--command",
            &command,
            "/dev/null",
        ])
    };
    let refused = on_a_terminal("");
    assert_eq!(refused.code(), Some(2), "{refused}");
    assert!(refused.stdout().contains("--show-secret"), "{refused}");
    assert!(
        !refused.stdout().contains(&theirs.password),
        "a password on a terminal"
    );
    assert!(
        on_a_terminal("--show-secret")
            .ok()
            .contains(&theirs.password)
    );
}

#[test]
fn each_way_of_not_connecting_says_which() {
    let Some(stage) = Stage::required("each way of not connecting says which") else {
        return;
    };
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    let db = me.postgres(Release::named("postgresql-951239"));
    let pod = x.pod("notebook");
    pod.install(&program("kubectl-datalab-share_db", &x));
    let db = db.ready();
    let share = format!("{}/{}", me.namespace(), db.fullname());
    let grant = format!("postgres --with {}", x.namespace());
    let fails = |what: &str| {
        let said = connect(&pod, &format!("{share} -- true")).fails_with(125);
        assert!(said.contains(what), "no {what:?} in {said}");
        said
    };

    // Never made; and made, but with somebody else.
    let never = fails("no share of");
    share_db(&me, "postgres --with user-somebody").ok();
    assert_eq!(fails("no share of"), never);
    let printed = connect(&pod, &format!("{share} --print env"));
    assert_eq!(
        (printed.code(), printed.stdout()),
        (Some(4), ""),
        "{printed}"
    );

    // Over, but there: who ended it, and what mends it.
    share_db(&me, &format!("{grant} --for 20s")).ok();
    pod.until_reachable(db.host());
    let connects = || connect(&pod, &format!("{share} -- true")).succeeded();
    assert!(connects());
    let started = Instant::now();
    while connects() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "the share does not end"
        );
        thread::sleep(Duration::from_secs(1));
    }
    let expired = fails("ended at");
    let mends = format!(
        "postgres/{} --with {} --renew",
        db.fullname(),
        x.namespace()
    );
    assert!(expired.contains(&mends), "{expired}");
    connect(&pod, &format!("{share} --print env")).fails_with(4);

    // The way is closed.
    share_db(&me, &grant).ok();
    assert!(connects());
    let policy = ShareSecret::planned(&me, &grant);
    me.kubectl(["delete", "networkpolicy", policy.name()]).ok();
    pod.until_unreachable(db.host());
    let closed = fails("NetworkPolicy");
    assert!(closed.contains(db.host()), "{closed}");

    // From a laptop there is no way in by name.
    let by_name = format!("connect {share} --via direct -- true");
    let here = share_db(&x, &by_name).fails_with(125);
    assert!(here.contains("not a pod of the cluster"), "{here}");

    // Revoked: to the colleague it looks like one that never was, and the message says so.
    share_db(&me, &format!("revoke {grant}")).ok();
    assert_eq!(fails("no share of"), never);
    assert!(never.contains("revoked"), "{never}");
    let all: std::collections::BTreeSet<&str> = [&never, &expired, &closed, &here]
        .map(|said| said.lines().next().unwrap_or_default())
        .into();
    assert_eq!(all.len(), 4, "{all:?}");
}

/// A line for a shell in the pod.
#[track_caller]
fn sh(pod: &Pod, line: &str) -> Output {
    pod.exec(["sh", "-c", line])
}

/// `connect` in the pod, the words as a shell reads them.
#[track_caller]
fn connect(pod: &Pod, words: &str) -> Output {
    sh(pod, &format!("kubectl-datalab-share_db connect {words}"))
}
