//! A database is what the catalogue deploys, and serves whom it should.

use std::time::Instant;

use datalab_lab::tenant::{Release, Stage};

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
fn a_suspended_database_has_no_pod_until_it_is_resumed() {
    let Some(stage) = Stage::required("a suspended database has no pod until it is resumed") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let db = me.postgres(Release::named("warehouse-7").suspended());
    assert_eq!(db.fullname(), "warehouse-7-postgresql");

    me.kubectl(["get", "pod", db.pod()]).fails();
    db.resume();
    assert_eq!(
        db.sql("defaultdb", "SELECT count(*) FROM public.towns"),
        "3"
    );
    db.suspend();
    me.kubectl(["get", "pod", db.pod()]).fails();

    db.uninstall();
    me.kubectl(["get", "statefulset", db.fullname()]).fails();
    let secrets = me.kubectl(["get", "secrets", "--output=name"]).ok();
    assert!(
        !secrets.contains("sh.helm.release.v1.warehouse-7.v1"),
        "{secrets}"
    );
}

#[test]
fn the_superuser_may_be_out_of_the_secrets_reach() {
    let Some(stage) = Stage::required("the superuser may be out of the Secret's reach") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let absent = me.postgres(Release::named("absent").without_superuser());
    let changed = me.postgres(Release::named("changed").superuser_changed());
    let (absent, changed) = (absent.ready(), changed.ready());
    let pod = me.pod("notebook");

    let path = "--output=jsonpath={.data.postgres-password}";
    assert_eq!(
        me.kubectl(["get", "secret", absent.fullname(), path]).ok(),
        ""
    );
    assert_ne!(
        me.kubectl(["get", "secret", changed.fullname(), path]).ok(),
        ""
    );
    for db in [&absent, &changed] {
        pod.until_reachable(db.host());
        pod.psql(&db.owner(), "SELECT 1").ok();
        let refused = pod.psql(&db.superuser(), "SELECT 1").fails();
        assert!(
            refused.contains("password authentication failed"),
            "{refused}"
        );
    }
}

#[test]
fn a_server_may_demand_tls_and_names_may_be_odd() {
    let Some(stage) = Stage::required("a server may demand TLS and names may be odd") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let release = Release::named("tls")
        .owner("O\"wner; --")
        .database("é d'\\ata\"base");
    let db = me.postgres(release.tls_required()).ready();
    let pod = me.pod("notebook");
    pod.until_reachable(db.host());

    let seen = "SELECT ssl, current_user, current_database() FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(
        pod.psql(&db.owner(), seen).ok().trim(),
        "t|O\"wner; --|é d'\\ata\"base"
    );
    let plain = [
        "env",
        "PGSSLMODE=disable",
        "psql",
        "--host",
        db.host(),
        "--username=postgres",
        "--no-password",
    ];
    let refused = pod.exec(plain).fails();
    assert!(refused.contains("no encryption"), "{refused}");

    // The certificate is for the Service's full name, from the authority in the Secret.
    let secret = format!("{}-crt", db.fullname());
    let path = r#"--output=go-template={{index .data "ca.crt" | base64decode}}"#;
    let authority = me.kubectl(["get", "secret", &secret, path]).ok();
    pod.program(["sh", "-c", "cat >ca.crt"])
        .input(authority)
        .run()
        .ok();
    let verified = |host: &str| {
        let conninfo = format!("host={host} sslmode=verify-full sslrootcert=ca.crt user=postgres");
        pod.exec(["psql", "--no-password", &conninfo]).fails()
    };
    let password_asked = verified(&format!("{}.svc.cluster.local", db.host()));
    assert!(
        password_asked.contains("no password supplied"),
        "{password_asked}"
    );
    let address = me
        .kubectl([
            "get",
            "service",
            db.fullname(),
            "--output=jsonpath={.spec.clusterIP}",
        ])
        .ok();
    // As with the chart's own, no shorter name is in it.
    let short = format!("{}.svc", db.host());
    for other in [address.as_str(), &short] {
        let mismatch = verified(other);
        assert!(mismatch.contains("does not match host name"), "{mismatch}");
    }
}

#[test]
fn a_server_may_trust_its_loopback() {
    let Some(stage) = Stage::required("a server may trust its loopback") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let trusting = me.postgres(Release::named("trusting").hba("host all all 127.0.0.1/32 trust"));
    let strict = me.postgres(Release::named("strict"));
    let psql = [
        "--",
        "psql",
        "--host=127.0.0.1",
        "--username=postgres",
        "--no-password",
        "--command=SELECT 1",
    ];
    for (db, trusts) in [(trusting.ready(), true), (strict.ready(), false)] {
        let line = [&["exec", db.pod()], psql.as_slice()].concat();
        assert_eq!(me.kubectl(line).succeeded(), trusts, "{}", db.release());
    }
}
