//! The main story: nothing before the grant, one schema's rows after it, nothing after revoke.

use std::io::{Read, Write};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use datalab_lab::tenant::{Login, Pod, Release, Stage};

use super::share::{ShareSecret, install_kubectl, login, share_db};

/// "At once", for a session that revoke cuts: when revoke says so, and the word has come from the pod.
const AT_ONCE: Duration = Duration::from_secs(2);

/// One schema is shared with one colleague, and taken back.
#[test]
fn one_schema_for_one_colleague() {
    let Some(stage) = Stage::required("one schema for one colleague") else {
        return;
    };
    let play = stage.play();
    let (me, x, y) = (play.tenant("me"), play.tenant("x"), play.tenant("y"));
    let db = me.postgres(Release::named("postgresql-951239").friendly_name("My sales"));
    let (own, colleague) = (me.pod("notebook"), x.pod("notebook"));
    let (third, stranger) = (y.pod("notebook"), play.stranger("stranger"));
    let db = db.ready();
    for pod in [&colleague, &third, &stranger] {
        install_kubectl(pod, &x);
    }
    let grant = format!("postgres --with {} --schema sales", x.namespace());

    // Before: neither Secret nor database, for anybody but the owner.
    own.until_reachable(db.host());
    assert_eq!(own.psql(&db.owner(), ORDERS).ok(), "4|122.60\n");
    let share = ShareSecret::planned(&me, &grant);
    let owners = ShareSecret::named(&me, db.fullname());
    for secret in [&share, &owners] {
        for tenant in [&x, &y] {
            forbidden(&secret.shown_to(tenant).fails());
        }
        for pod in [&colleague, &third, &stranger] {
            forbidden(&secret.shown_in(pod).fails());
        }
    }
    for pod in [&colleague, &third, &stranger] {
        pod.until_unreachable(db.host());
    }
    let (inventory, privileges) = (me.inventory(), db.effective_privileges());

    let mut open = own.session(&db.owner());
    let served = Served::start(&own, &db.owner());

    // After the grant: the colleague, by name and password from the share's Secret.
    let told = share_db(&me, &grant).ok();
    for word in [share.name(), x.user(), "sales", "revoke"] {
        assert!(told.contains(word), "no {word} in:\n{told}");
    }
    let theirs = share.login_of(&x);
    assert_eq!(
        login(&share.shown_in(&colleague).ok()).password,
        theirs.password
    );
    assert_eq!(theirs.host, format!("{}.svc", db.host()));
    colleague.until_reachable(&theirs.host);
    assert_eq!(colleague.psql(&theirs, ORDERS).ok(), "4|122.60\n");
    assert_eq!(
        colleague
            .psql(&theirs, "SELECT count(*) FROM sales.turnover")
            .ok(),
        "3\n"
    );
    only_reads_sales(&colleague, &theirs);
    forbidden(&owners.shown_to(&x).fails());

    // Nobody else, though the colleague's way is open by now.
    forbidden(&share.shown_to(&y).fails());
    for pod in [&third, &stranger] {
        forbidden(&share.shown_in(pod).fails());
        pod.until_unreachable(&theirs.host);
        let refused = pod.psql(&theirs, "SELECT 1").fails();
        assert!(refused.contains("connection to server"), "{refused}");
    }
    assert_eq!(open.ask("SELECT 1").as_deref(), Ok("1"));

    // After revoke: nothing, and at once.
    let mut session = colleague.session(&theirs);
    let revoke = format!("revoke postgres --with {}", x.namespace());
    let (told, revoked, cut) = thread::scope(|scope| {
        let waiting = scope.spawn(move || (session.ask("SELECT pg_sleep(25)"), Instant::now()));
        until_sleeping(&db);
        let told = share_db(&me, &revoke).ok();
        let revoked = Instant::now();
        let (answer, cut) = waiting
            .join()
            .expect("because asking a session does not panic");
        let said = answer.expect_err("the session survived the revoke");
        assert!(said.contains("terminating connection"), "{said}");
        (told, revoked, cut)
    });
    assert!(told.contains("1 session cut"), "{told}");
    let later = cut.saturating_duration_since(revoked);
    assert!(
        later < AT_ONCE,
        "the session lived for {later:?} after revoke had ended"
    );
    forbidden(&share.shown_to(&x).fails());
    forbidden(&share.shown_in(&colleague).fails());
    let login_is_over = own.psql(&theirs, "SELECT 1").fails();
    assert!(
        login_is_over.contains("password authentication failed"),
        "{login_is_over}"
    );
    colleague.until_unreachable(&theirs.host);

    // The owner was served all the time, and finds everything as it was.
    assert_eq!(open.ask("SELECT 2").as_deref(), Ok("2"));
    drop(open);
    let logins = served.end();
    assert!(
        logins > 10,
        "only {logins} logins of the owner's were watched"
    );
    inventory.assert_unchanged(&me.inventory());
    privileges.assert_unchanged(&db.effective_privileges());
}

const ORDERS: &str = "SELECT count(*), sum(amount) FROM sales.orders";

/// What a reader of `sales` is refused, each beside the one who may.
#[track_caller]
fn only_reads_sales(pod: &Pod, theirs: &Login) {
    let denied = |login: &Login, sql: &str| {
        let said = pod.psql(login, sql).fails();
        assert!(said.contains("permission denied"), "{sql}: {said}");
    };
    for sql in [
        "INSERT INTO sales.orders (town, amount) VALUES ('Lille', 1)",
        "UPDATE sales.orders SET amount = 0",
        "DELETE FROM sales.orders",
        "TRUNCATE sales.orders",
        "SELECT nextval('sales.invoices')",
        "CREATE TABLE sales.mine (id integer)",
        "SELECT * FROM public.towns",
        "SELECT * FROM research.surveys",
        "SELECT rolpassword FROM pg_authid",
        "SELECT pg_read_file('/etc/passwd')",
        "SET ROLE postgres",
        "CREATE DATABASE mine",
    ] {
        denied(theirs, sql);
    }
    let archive = Login {
        database: "archive".to_owned(),
        ..theirs.clone()
    };
    denied(&archive, "SELECT * FROM ledgers.entries");
}

#[track_caller]
fn forbidden(said: &str) {
    assert!(said.contains("Error from server (Forbidden)"), "{said}");
}

/// Waits until the colleague's statement runs.
#[track_caller]
fn until_sleeping(db: &datalab_lab::tenant::Database) {
    let started = Instant::now();
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(25);'";
    while db.sql("postgres", sleeping) != "1" {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "the session does not sleep"
        );
        thread::sleep(Duration::from_millis(50));
    }
}

/// The owner's logins, one after the other, from her own pod while the story goes on.
struct Served<'a> {
    pod: &'a Pod,
    logins: Child,
}

impl<'a> Served<'a> {
    #[track_caller]
    fn start(pod: &'a Pod, owner: &Login) -> Self {
        let script = format!(
            "IFS= read -r PGPASSWORD; export PGPASSWORD
             export PGHOST='{}' PGUSER='{}' PGDATABASE='{}' PGCONNECT_TIMEOUT=3
             until [ -e .served ]; do psql -qAtc 'SELECT 1'; sleep 0.2; done",
            owner.host, owner.user, owner.database
        );
        let mut logins = pod.program(["sh", "-c", &script]).spawn();
        let mut stdin = logins.stdin.take().expect("because stdin is piped");
        writeln!(stdin, "{}", owner.password).expect("because the loop reads its password");
        Self { pod, logins }
    }

    /// How many there were; each one was let in.
    #[track_caller]
    fn end(mut self) -> usize {
        self.pod.exec(["touch", ".served"]).ok();
        let (mut rows, mut complaints) = (String::new(), String::new());
        let streams = (self.logins.stdout.take(), self.logins.stderr.take());
        if let (Some(mut stdout), Some(mut stderr)) = streams {
            stdout
                .read_to_string(&mut rows)
                .expect("because rows are text");
            stderr
                .read_to_string(&mut complaints)
                .expect("because complaints are text");
        }
        let _ = self.logins.wait();
        assert_eq!(complaints, "", "the owner was not always served");
        assert!(rows.lines().all(|row| row == "1"), "{rows}");
        rows.lines().count()
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        let _ = self.logins.kill();
        let _ = self.logins.wait();
    }
}
