//! The cast itself: a tenant is what Onyxia makes, a database what the catalogue deploys, and the
//! snapshots that other stories compare see what changes.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

use datalab_lab::tenant::{Release, Stage};

#[test]
fn a_tenant_administers_her_namespace_and_nothing_else() {
    let Some(stage) = Stage::required("a tenant administers her namespace and nothing else") else {
        return;
    };
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));

    assert_eq!(me.user(), format!("oidc-{}", me.id()));
    let whoami = me
        .kubectl([
            "auth",
            "whoami",
            "--output=jsonpath={.status.userInfo.username}",
        ])
        .ok();
    assert_eq!(whoami, me.user());
    let mode = std::fs::metadata(me.kubeconfig())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else reads her key");
    // Her own namespace is the current one, and she has ClusterRole admin there.
    me.kubectl([
        "create",
        "secret",
        "generic",
        "mine",
        "--from-literal=key=value",
    ])
    .ok();
    me.kubectl(["auth", "can-i", "create", "rolebindings"]).ok();
    me.kubectl(["get", "secret", "mine", "--namespace", me.namespace()])
        .ok();
    me.kubectl(["get", "rolebinding", "full_control_namespace"])
        .ok();
    // Not a cluster administrator, and nobody in another namespace.
    let denied = me
        .kubectl(["get", "secrets", "--namespace", x.namespace()])
        .fails();
    assert!(denied.contains("Forbidden"), "{denied}");
    me.kubectl(["auth", "can-i", "list", "nodes"]).fails();
    me.kubectl(["auth", "can-i", "delete", "namespaces"])
        .fails();
    let denied = x
        .kubectl(["get", "secret", "mine", "--namespace", me.namespace()])
        .fails();
    assert!(denied.contains("Forbidden"), "{denied}");
}

#[test]
fn a_group_administers_its_namespace_through_its_members() {
    let Some(stage) = Stage::required("a group administers its namespace through its members")
    else {
        return;
    };
    let play = stage.play();
    let p = play.group_tenant("p");
    let (member, other) = (play.tenant_in("x", p.subject()), play.tenant("y"));

    assert_eq!(p.namespace(), format!("projet-{}", p.id()));
    for tenant in [&p, &member] {
        tenant
            .kubectl([
                "auth",
                "can-i",
                "create",
                "secrets",
                "--namespace",
                p.namespace(),
            ])
            .ok();
    }
    other
        .kubectl([
            "auth",
            "can-i",
            "create",
            "secrets",
            "--namespace",
            p.namespace(),
        ])
        .fails();
}

#[test]
fn the_catalogue_leaves_what_onyxia_and_helm_look_for() {
    let Some(stage) = Stage::required("the catalogue leaves what Onyxia and Helm look for") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let release = Release::named("postgresql-951239").friendly_name("Sales: 2026 \"q1\"");
    let db = me.postgres(release.suspended());
    let read = |object: &str, path: &str| {
        me.kubectl(["get", object, &format!("--output=jsonpath={path}")])
            .ok()
    };
    let decoded = |object: &str, path: &str| {
        me.kubectl([
            "get",
            object,
            &format!("--output=go-template={{{{{path} | base64decode}}}}"),
        ])
        .ok()
    };

    let namespace = format!("namespace/{}", me.namespace());
    assert_eq!(read(&namespace, "{.metadata.labels.onyxia_owner}"), me.id());
    assert_eq!(
        read("rolebinding/full_control_namespace", "{.subjects[0].name}"),
        me.user()
    );

    let selector = [
        "--selector=app.kubernetes.io/name=postgresql,app.kubernetes.io/instance=postgresql-951239",
    ];
    let kinds = "statefulset,service,secret,configmap,serviceaccount,poddisruptionbudget";
    let named = me
        .kubectl(["get", kinds, "--output=name", selector[0]])
        .ok();
    for object in [
        "statefulset.apps/postgresql-951239",
        "service/postgresql-951239",
        "service/postgresql-951239-hl",
        "secret/postgresql-951239",
        "configmap/postgresql-951239",
        "serviceaccount/postgresql-951239",
        "poddisruptionbudget.policy/postgresql-951239",
    ] {
        assert!(
            named.lines().any(|line| line == object),
            "no {object} in\n{named}"
        );
    }
    assert_eq!(
        read("service/postgresql-951239", "{.spec.ports[0].targetPort}"),
        "tcp-postgresql"
    );
    assert_eq!(
        decoded("secret/postgresql-951239", ".data.password"),
        db.owner().password
    );
    let superuser = decoded(
        "secret/postgresql-951239",
        "index .data \"postgres-password\"",
    );
    assert_eq!(superuser, db.superuser().password);

    let discovery = "secret/discoverable-postgresql-951239";
    assert_eq!(
        read(discovery, "{.metadata.annotations.onyxia/discovery}"),
        "postgres"
    );
    assert_eq!(
        decoded(discovery, "index .data \"postgres-username\""),
        me.id()
    );
    assert_eq!(
        read(discovery, "{.data.postgres-port}"),
        "5432",
        "as it is, not in base64"
    );

    let (helm, onyxia) = (
        "secret/sh.helm.release.v1.postgresql-951239.v1",
        "secret/sh.onyxia.release.v1.postgresql-951239",
    );
    assert_eq!(
        read(helm, "{.type} {.metadata.labels.status}"),
        "helm.sh/release.v1 deployed"
    );
    assert_eq!(read(onyxia, "{.type}"), "onyxia.sh/release.v1");
    assert_eq!(decoded(onyxia, ".data.friendlyName"), "Sales: 2026 \"q1\"");
    assert_eq!(
        read(onyxia, "{.metadata.ownerReferences[0].uid}"),
        read(helm, "{.metadata.uid}")
    );
}

#[test]
fn a_pod_acts_by_its_service_account() {
    let Some(stage) = Stage::required("a pod acts by its service account") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let pod = me.pod("notebook");
    let kubectl = me.run(["sh", "-c", "command -v kubectl"]).ok();
    pod.install(Path::new(kubectl.trim()));
    let whoami = pod
        .exec([
            "kubectl",
            "auth",
            "whoami",
            "--output=jsonpath={.status.userInfo.username}",
        ])
        .ok();
    assert_eq!(
        whoami,
        format!("system:serviceaccount:{}:default", me.namespace())
    );
    let denied = pod.exec(["kubectl", "get", "secrets"]).fails();
    assert!(denied.contains("Forbidden"), "{denied}");
    let namespace = pod
        .exec([
            "cat",
            "/var/run/secrets/kubernetes.io/serviceaccount/namespace",
        ])
        .ok();
    assert_eq!(namespace, me.namespace());
}

#[test]
fn the_database_serves_its_owner_and_shuts_others_out() {
    let Some(stage) = Stage::required("the database serves its owner and shuts others out") else {
        return;
    };
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    let started = Instant::now();
    let db = me.postgres(Release::named("postgresql-951239")).ready();
    println!("ready after {:.1?}", started.elapsed());
    let (own, other, stranger) = (
        me.pod("notebook"),
        x.pod("notebook"),
        play.stranger("stranger"),
    );

    own.until_reachable(db.host());
    assert_eq!(
        own.psql(&db.owner(), "SELECT sum(amount) FROM sales.orders")
            .ok()
            .trim(),
        "122.60"
    );
    own.psql(&db.superuser(), "SELECT rolname FROM pg_authid")
        .ok();
    let mut wrong = db.owner();
    wrong.password.push('x');
    let refused = own.psql(&wrong, "SELECT 1").fails();
    assert!(
        refused.contains("password authentication failed"),
        "{refused}"
    );

    // The catalogue's policy: refused to other namespaces, once it bites.
    for pod in [&other, &stranger] {
        pod.until_unreachable(db.host());
        let refused = pod.psql(&db.owner(), "SELECT 1").fails();
        assert!(
            refused.contains("refused") || refused.contains("timeout"),
            "{refused}"
        );
    }
    // Its counterpart: the same pods get in without the policy, so nothing else kept them out.
    db.isolate(false);
    for pod in [&other, &stranger] {
        pod.until_reachable(db.host());
        pod.psql(&db.owner(), "SELECT 1").ok();
    }
    db.isolate(true);
    other.until_unreachable(db.host());
    own.psql(&db.owner(), "SELECT 1").ok();

    assert!(
        db.log().contains("SELECT sum(amount) FROM sales.orders"),
        "{}",
        db.log()
    );
    for secret in [db.owner().password, db.superuser().password] {
        assert!(
            !db.log().contains(&secret),
            "the server's log has a password"
        );
    }
}

#[test]
fn an_open_session_answers_until_it_is_cut() {
    let Some(stage) = Stage::required("an open session answers until it is cut") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let db = me.postgres(Release::named("postgresql-1")).ready();
    let pod = me.pod("notebook");
    pod.until_reachable(db.host());

    let mut session = pod.session(&db.owner());
    assert_eq!(
        session.ask("SELECT count(*) FROM public.towns").as_deref(),
        Ok("3")
    );
    assert_eq!(
        session.ask("SELECT 1/0").as_deref(),
        Ok(""),
        "an error of SQL leaves the session open"
    );
    db.sql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
    let end = session.ask("SELECT 1").expect_err("the session was cut");
    assert!(
        end.contains("terminating connection due to administrator command"),
        "{end}"
    );
}

#[test]
fn effective_privileges_see_what_changes_and_nothing_else() {
    let Some(stage) = Stage::required("effective privileges see what changes and nothing else")
    else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let db = me.postgres(Release::named("postgresql-1")).ready();
    let before = db.effective_privileges();
    before.assert_unchanged(&db.effective_privileges());

    let grants = [
        (
            "GRANT CONNECT ON DATABASE defaultdb TO guest",
            "database defaultdb: guest has CONNECT",
        ),
        (
            "GRANT USAGE ON SCHEMA research TO guest",
            "schema research: guest has USAGE",
        ),
        (
            "GRANT SELECT ON research.surveys TO guest",
            "table research.surveys: guest has SELECT",
        ),
        (
            "GRANT SELECT ON sales.invoices TO guest",
            "sequence sales.invoices: guest has SELECT",
        ),
        (
            "GRANT SELECT (town) ON sales.orders TO guest",
            "column sales.orders.town: guest has SELECT",
        ),
        (
            "ALTER DEFAULT PRIVILEGES IN SCHEMA research GRANT SELECT ON TABLES TO guest",
            "in research: guest has SELECT",
        ),
        (
            "ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO guest",
            "on sequences of postgres: guest has USAGE",
        ),
        (
            "GRANT pg_read_all_data TO guest",
            "role guest: member of pg_read_all_data",
        ),
    ];
    db.sql("defaultdb", "CREATE ROLE guest LOGIN");
    for (sql, fact) in grants {
        let without = db.effective_privileges();
        db.sql("defaultdb", sql);
        let changes = without.changes(&db.effective_privileges());
        assert_eq!(changes.len(), 1, "{sql}: {changes:?}");
        assert!(
            changes[0].starts_with("+ ") && changes[0].contains(fact),
            "{sql}: {changes:?}"
        );
    }
    // GRANT and DROP OWNED leave explicit access lists, which mean what their absence meant.
    db.sql("defaultdb", "DROP OWNED BY guest; DROP ROLE guest");
    before.assert_unchanged(&db.effective_privileges());

    db.sql("archive", "REVOKE SELECT ON ledgers.entries FROM analysts");
    let changes = before.changes(&db.effective_privileges());
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(
        changes[0].starts_with("- archive: table ledgers.entries: analysts has SELECT"),
        "{changes:?}"
    );
}

#[test]
fn the_inventory_sees_what_changes_and_nothing_else() {
    let Some(stage) = Stage::required("the inventory sees what changes and nothing else") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let db = me.postgres(Release::named("postgresql-1")).ready();
    let before = me.inventory();
    before.assert_unchanged(&me.inventory());
    let names = before.to_string();
    for object in [
        "Secret/discoverable-postgresql-1",
        "Secret/sh.onyxia.release.v1.postgresql-1",
        "NetworkPolicy.networking.k8s.io/postgresql-1",
    ] {
        assert!(names.contains(object), "no {object} in\n{names}");
    }

    me.kubectl([
        "create",
        "role",
        "reader",
        "--verb=get",
        "--resource=secrets",
    ])
    .ok();
    let with_role = me.inventory();
    let changes = before.changes(&with_role);
    assert!(
        matches!(&changes[..], [role] if role.starts_with("+ Role.rbac.authorization.k8s.io/reader")),
        "{changes:?}"
    );
    me.kubectl([
        "patch",
        "role",
        "reader",
        "--type=json",
        r#"--patch=[{"op":"add","path":"/rules/0/verbs/-","value":"list"}]"#,
    ])
    .ok();
    assert_eq!(
        with_role.changes(&me.inventory()).len(),
        2,
        "one line went, one came"
    );
    me.kubectl(["delete", "role", "reader"]).ok();
    me.kubectl(["label", "service", db.fullname(), "colour=red"])
        .ok();
    assert_eq!(
        before.changes(&me.inventory()).len(),
        2,
        "one line went, one came"
    );
    me.kubectl(["label", "service", db.fullname(), "colour-"])
        .ok();
    before.assert_unchanged(&me.inventory());
}

#[test]
fn a_deployment_can_be_odd() {
    let Some(stage) = Stage::required("a deployment can be odd") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let password = |secret: &str| {
        me.kubectl([
            "get",
            "secret",
            secret,
            "--output=jsonpath={.data.postgres-password}",
        ])
        .ok()
    };

    let suspended = me.postgres(Release::named("suspended").suspended());
    let headless = me.postgres(Release::named("headless").without_superuser());
    let changed = me.postgres(Release::named("changed").superuser_changed());
    let tls = me.postgres(Release::named("tls").owner("O\"wner; --").tls_required());
    let trusting = me.postgres(Release::named("trusting").hba("host all all 127.0.0.1/32 trust"));
    let (headless, changed, tls, trusting) = (
        headless.ready(),
        changed.ready(),
        tls.ready(),
        trusting.ready(),
    );
    let pod = me.pod("notebook");

    me.kubectl(["get", "pod", &suspended.pod()]).fails();
    suspended.resume();
    me.kubectl(["get", "pod", &suspended.pod()]).ok();
    suspended.suspend();
    me.kubectl(["get", "pod", &suspended.pod()]).fails();

    assert_eq!(password(headless.fullname()), "");
    assert_ne!(password(changed.fullname()), "");
    for db in [&headless, &changed] {
        pod.until_reachable(db.host());
        pod.psql(&db.owner(), "SELECT 1").ok();
        pod.psql(&db.superuser(), "SELECT 1").fails();
    }

    pod.until_reachable(tls.host());
    let encrypted = pod
        .psql(
            &tls.owner(),
            "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
        )
        .ok();
    assert_eq!(encrypted.trim(), "t");
    let plain = [
        "env",
        "PGSSLMODE=disable",
        "psql",
        "--host",
        tls.host(),
        "--username",
        "postgres",
        "--no-password",
    ];
    let refused = pod.exec(plain).fails();
    assert!(
        refused.contains("no encryption") || refused.contains("rejects"),
        "{refused}"
    );

    let inside = [
        "exec",
        &trusting.pod(),
        "--",
        "psql",
        "-h127.0.0.1",
        "-Upostgres",
        "-wAtc",
        "SELECT 1",
    ];
    assert_eq!(me.kubectl(inside).ok().trim(), "1");

    headless.uninstall();
    me.kubectl(["get", "statefulset", headless.fullname()])
        .fails();
    me.kubectl(["get", "secret", headless.fullname()]).fails();
}
