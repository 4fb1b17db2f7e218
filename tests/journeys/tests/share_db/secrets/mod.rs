//! No password, and nothing a password could be guessed or replaced by, is where people look: every
//! place is searched, and a canary proves of each that the search would have found it there.

mod places;

use data_encoding::BASE64;
use datalab_lab::tenant::{Database, Release, Stage, Tenant};

use self::places::{AuditLog, CANARY, Places, Watcher, objects, plant_canaries};
use crate::{
    lock::HeldLock,
    share::ShareSecret,
    transcript::{command_line, share_db},
};

/// What nobody may see of one login: its password, as it is and as Secrets and URIs carry it, and the
/// verifier that stands for it in the database, whole and in its parts.
fn needles(database: &Database, role: &str, password: &str) -> Vec<String> {
    let query = format!("SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'");
    let verifier = database.sql("postgres", &query);
    assert!(
        verifier.starts_with("SCRAM-SHA-256$"),
        "{role} has no verifier: {verifier}"
    );
    let mut needles = vec![password.to_owned(), BASE64.encode(password.as_bytes())];
    needles.extend(
        verifier
            .split(['$', ':'])
            .filter(|part| part.len() > 20)
            .map(str::to_owned),
    );
    assert!(needles.len() >= 5, "a verifier has a salt and two keys");
    needles.push(verifier);
    needles
}

#[test]
fn no_secret_is_where_people_look() {
    let Some(stage) = Stage::required("secrets") else {
        return;
    };
    let audit = AuditLog::begin();
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    let release = Release::named("postgresql-951239")
        .setting("log_statement", "all")
        .setting("log_min_duration_statement", "0")
        .setting("log_min_error_statement", "debug5");
    let database = me.postgres(release).ready();
    let with = x.namespace();
    let mut places = Places::default();
    let mut watch = |tenant: &Tenant, words: &[&str]| {
        let line = [&["kubectl", "datalab", "share-db"], words].concat();
        places.watch(tenant, &line)
    };

    for dry_run in ["--dry-run=client", "--dry-run=server"] {
        for form in ["wide", "json", "yaml", "name"] {
            watch(
                &me,
                &["postgres", "--with", with, dry_run, "-o", form, "-v=9"],
            )
            .ok();
        }
    }
    watch(&me, &["postgres", "--with", with, "-v=9"]).ok();
    let secret = secret_of(&me, with);
    let login = secret.login_of(&x);
    let mut hidden = needles(&database, &login.user, &login.password);
    watch(&me, &["postgres", "--with", with, "-o", "json", "-v=9"]).ok();
    watch(
        &me,
        &[
            "postgres", "--with", with, "-o", "yaml", "--access", "write", "-v=9",
        ],
    )
    .ok();
    // Somebody takes the password away: it is set anew, by a verifier with another salt.
    database.sql(
        "postgres",
        &format!("ALTER ROLE \"{}\" PASSWORD NULL", login.user),
    );
    watch(
        &me,
        &[
            "postgres", "--with", with, "--access", "write", "-o", "wide", "-v=9",
        ],
    )
    .ok();
    hidden.extend(needles(&database, &login.user, &login.password));
    // Fewer may read it from now on: the password is replaced.
    let only_her = format!("user:{}", x.user());
    watch(
        &me,
        &[
            "postgres",
            "--with",
            with,
            "--subject",
            &only_her,
            "-o",
            "yaml",
            "-v=9",
        ],
    )
    .ok();
    let replaced = secret.login_of(&x);
    assert_ne!(replaced.password, login.password);
    hidden.extend(needles(&database, &replaced.user, &replaced.password));
    for form in ["wide", "json", "yaml", "name"] {
        watch(&me, &["list", "--live", "-o", form, "-v=9"]).ok();
    }
    watch(
        &me,
        &[
            "revoke",
            "postgres",
            "--with",
            with,
            "--reassign-to",
            "nobody",
            "-v=9",
        ],
    )
    .fails_with(2);
    let share = format!("{}/{}", me.namespace(), database.fullname());
    // By design it is printed into a pipe: what is searched for is what a client logs in with.
    let printed = share_db(&x, ["connect", &share, "--print", "env"]).ok();
    assert!(
        printed.contains(&replaced.password),
        "the password is another"
    );
    let on_terminal = format!("kubectl datalab share-db connect {share} --print env -v=9");
    let refused = places.watch(
        &x,
        &[
            "script",
            "--quiet",
            "--return",
            "--command",
            &on_terminal,
            "/dev/null",
        ],
    );
    assert_eq!(refused.code(), Some(2), "{refused}");
    assert!(refused.stdout().contains("--show-secret"), "{refused}");

    let mut watch = |tenant: &Tenant, words: &[&str]| {
        let line = [&["kubectl", "datalab", "share-db"], words].concat();
        places.watch(tenant, &line)
    };
    watch(
        &me,
        &[
            "revoke",
            "postgres",
            "--with",
            with,
            "--dry-run=server",
            "-o",
            "yaml",
            "-v=9",
        ],
    )
    .ok();
    watch(
        &me,
        &["revoke", "postgres", "--with", with, "-o", "json", "-v=9"],
    )
    .ok();
    let wrong = me.kubectl([
        "create",
        "secret",
        "generic",
        "wrong",
        "--from-literal=username=postgres",
        "--from-literal=password=a-wrong-password",
    ]);
    wrong.ok();
    watch(
        &me,
        &[
            "postgres",
            "--with",
            with,
            "--superuser-secret",
            "wrong",
            "-v=9",
        ],
    )
    .fails_with(4);
    hidden.push("a-wrong-password".to_owned());
    hidden.extend(failing_statement(&stage, &me, with, &database, &mut places));

    let superuser = database.superuser();
    hidden.extend(needles(&database, "postgres", &superuser.password));
    let owner = database.owner();
    hidden.extend(needles(&database, &owner.user, &owner.password));

    plant_canaries(&stage, &me, &database, &mut places);
    places.put("events", objects(&stage, me.namespace(), "events"));
    let kinds = "secrets,roles,rolebindings,networkpolicies,statefulsets,pods,services,configmaps";
    places.put("objects", objects(&stage, me.namespace(), kinds));
    places.put("log of the database", database.log());
    match audit.until_canary() {
        Some(log) => places.put("audit log", log),
        None => assert!(
            !std::env::var("CI").is_ok_and(|ci| ci == "true"),
            "no audit log to search"
        ),
    }

    let everywhere: Vec<&str> = places.0.keys().copied().collect();
    let canaries = places.find(CANARY);
    assert_eq!(
        canaries.keys().copied().collect::<Vec<_>>(),
        everywhere,
        "the search is blind"
    );
    // The log does hold statements of ours: those that may be seen.
    assert!(
        database.log().contains("COMMENT ON ROLE"),
        "the log has no statements"
    );
    for needle in hidden {
        let found = places.find(&needle);
        assert!(
            found.is_empty(),
            "{needle:?} is a secret, but stands in {found:#?}"
        );
    }
}

/// The share's Secret, by the name that an unchanged grant tells.
#[track_caller]
fn secret_of(me: &Tenant, with: &str) -> ShareSecret {
    let words = ["postgres", "--with", with, "-o", "jsonpath={.secret}"];
    ShareSecret::named(me, share_db(me, words).ok().trim_end())
}

/// A grant whose CREATE ROLE, with the verifier in it, fails in the database: somebody else makes a
/// role of that name after the pre-flight.
#[track_caller]
fn failing_statement(
    stage: &Stage,
    me: &Tenant,
    with: &str,
    database: &Database,
    places: &mut Places,
) -> Vec<String> {
    let role = share_db(
        me,
        [
            "postgres",
            "--with",
            with,
            "--dry-run=client",
            "-o",
            "jsonpath={.role}",
        ],
    );
    let role = role.ok().trim_end().to_owned();
    let lock = HeldLock::on_roles(stage, database);
    let watcher = Watcher::start();
    let grant = me
        .program(command_line(["postgres", "--with", with, "-v=9"]))
        .spawn();
    lock.until_waited_for(database);
    // The Secret is there, and with it the password whose verifier waits.
    let password = [
        "get",
        "secrets",
        "--selector=datalab/purpose=share-db",
        "--output=jsonpath={.items[0].data.password}",
    ];
    let encoded = me.kubectl(password).ok();
    let password = BASE64
        .decode(encoded.as_bytes())
        .expect("because Secrets are in base64");
    lock.release_with(&format!("CREATE ROLE \"{role}\"; COMMIT"));
    let output = grant
        .wait_with_output()
        .expect("because the child is ours to wait for");
    for arguments in watcher.stop() {
        places.put("arguments of processes", arguments);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_ne!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("already exists") && said.contains("'***'"),
        "{said}"
    );
    places.put("stderr", said);
    places.put("stdout", String::from_utf8_lossy(&output.stdout));
    assert!(
        database
            .log()
            .contains(&format!("role \"{role}\" already exists")),
        "nothing failed"
    );
    database.sql("postgres", &format!("DROP ROLE IF EXISTS \"{role}\""));
    let password = String::from_utf8(password).expect("because passwords are text");
    vec![encoded, password]
}
