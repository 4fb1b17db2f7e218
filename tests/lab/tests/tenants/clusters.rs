//! A database that CloudNativePG runs is what the catalogue deploys, and lives as its operator has it.

use std::time::{Duration, Instant};

use datalab_lab::tenant::{CLOUDNATIVE_PG, Cluster, Pod, Release, Stage, Tenant};

const ORDERS: &str = "SELECT count(*), sum(amount) FROM sales.orders";

#[test]
fn the_operator_makes_of_the_catalogues_objects_a_database_that_serves() {
    let Some(stage) = Stage::required_lab("the operator makes a database that serves") else {
        return;
    };
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    let started = Instant::now();
    let db = me.cluster(Release::named("postgresql-cnpg-123456")).ready();
    println!("ready after {:.1?}", started.elapsed());
    let (own, other) = (me.pod("notebook"), x.pod("notebook"));

    // The owner and the superuser have one password, the chart's; a wrong one is refused.
    own.until_reachable(&db.host());
    assert_eq!(own.psql(&db.owner(), ORDERS).ok(), "4|122.60\n");
    let authid = "SELECT count(*) > 0 FROM pg_authid";
    assert_eq!(own.psql(&db.superuser(), authid).ok(), "t\n");
    let mut wrong = db.owner();
    wrong.password.push('x');
    let refused = own.psql(&wrong, "SELECT 1").fails();
    assert!(
        refused.contains("password authentication failed"),
        "{refused}"
    );
    assert_eq!(
        db.sql("archive", "SELECT count(*) FROM ledgers.entries"),
        "2"
    );
    let tls = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(own.psql(&db.owner(), tls).ok(), "t\n");

    // The chart's policy selects no pod: every namespace is let in, though the box is checked.
    let selector = "--output=jsonpath={.spec.podSelector.matchLabels}";
    let policy = me.kubectl(["get", "networkpolicy", db.fullname(), selector]);
    assert_eq!(policy.ok(), r#"{"cnpg.io/cluster":"postgresql-cnpg"}"#);
    other.until_reachable(&db.host());

    what_an_administrator_may(&me, &db);
    let log = db.log();
    assert!(
        !log.contains(&db.owner().password),
        "the log has a password"
    );

    db.uninstall();
    me.kubectl(["get", "secret", "postgresql-cnpg-123456-ca"])
        .fails();

    // Nothing of it outlives the play, though no namespace holds its disks.
    let selector = format!("--selector=datalab.test/namespace={}", me.namespace());
    let volumes = || {
        let get = ["get", "persistentvolumes", "--output=name", &selector];
        stage.kubectl(get).run().ok()
    };
    assert_ne!(volumes(), "");
    drop((own, other, db, me, x, play));
    until(|| volumes().is_empty(), volumes);
}

/// The administrator of a namespace reads pods and Secrets, and not the Cluster.
#[track_caller]
fn what_an_administrator_may(me: &Tenant, db: &Cluster) {
    for kind in ["cluster", "database.postgresql.cnpg.io"] {
        let said = me.kubectl(["get", kind, db.fullname()]).fails();
        assert!(said.contains("cannot get resource"), "{said}");
    }
    let labels = "--output=go-template={{range $k, $v := .metadata.labels}}{{$k}}={{$v}}\n{{end}}";
    let labels = me.kubectl(["get", "pod", &db.primary(), labels]).ok();
    for label in [
        "cnpg.io/instanceRole=primary".to_owned(),
        "cnpg.io/podRole=instance".to_owned(),
        format!("cnpg.io/cluster={}", db.fullname()),
        "app.kubernetes.io/name=postgresql".to_owned(),
        "app.kubernetes.io/managed-by=cloudnative-pg".to_owned(),
    ] {
        assert!(
            labels.lines().any(|line| line == label),
            "{label}: {labels}"
        );
    }
    let username = "--output=go-template={{.data.username | base64decode}}";
    for (suffix, user) in [("superuser", "postgres"), ("user", me.id())] {
        let secret = format!("{}-{suffix}", db.fullname());
        assert_eq!(me.kubectl(["get", "secret", &secret, username]).ok(), user);
    }
}

#[test]
fn a_replica_takes_over_when_the_primary_goes() {
    let Some(stage) = Stage::required_lab("a replica takes over when the primary goes") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let db = me.cluster(Release::named("x")).ready();
    assert_eq!(db.fullname(), "x-postgresql-cnpg");
    let own = me.pod("notebook");
    own.until_reachable(&db.host());
    db.instances(2);
    let (first, replicas) = (db.primary(), db.replicas());
    assert_eq!(replicas.len(), 1, "{replicas:?}");

    for force in [true, false] {
        let took = db.fail_over(force);
        println!("forced {force}: another primary served after {took:.1?}");
        own.until_reachable(&db.host());
        assert_eq!(own.psql(&db.owner(), ORDERS).ok(), "4|122.60\n");
        db.until_healthy();
    }
    assert_eq!(
        db.primary(),
        first,
        "the second time the first one took over"
    );
    let replica = db.replicas();
    assert_ne!(replica, [db.primary()]);

    // The one that is left need not be number 1, and a number comes back with an empty disk.
    let _ = db.fail_over(true);
    db.until_healthy();
    let last = db.primary();
    assert_ne!(last, first);
    db.instances(1);
    assert_eq!(db.primary(), last);
    db.instances(2);
    assert_eq!(db.replicas().len(), 1);
}

#[test]
fn a_hibernating_database_has_no_pod_and_wakes_with_its_rows() {
    let Some(stage) = Stage::required_lab("a hibernating database wakes with its rows") else {
        return;
    };
    let play = stage.play();
    let me = play.tenant("me");
    let suspended = me.cluster(Release::named("suspended").suspended());
    let db = me
        .cluster(Release::named("changed").superuser_changed())
        .ready();
    let own = me.pod("notebook");
    own.until_reachable(&db.host());
    let refused = own.psql(&db.superuser(), "SELECT 1").fails();
    assert!(
        refused.contains("password authentication failed"),
        "{refused}"
    );

    db.hibernate();
    own.until_unreachable(&db.host());
    me.kubectl(["get", "service", &format!("{}-rw", db.fullname())])
        .ok();
    db.wake();
    own.until_reachable(&db.host());
    assert_eq!(own.psql(&db.owner(), ORDERS).ok(), "4|122.60\n");
    let pods = me.kubectl(["get", "pods", "--output=name"]).ok();
    assert!(!pods.contains(suspended.fullname()), "{pods}");
}

/// What a policy by the pods' real labels does to the operator: the reason for `--operator-namespace`.
#[test]
fn a_policy_that_forgets_the_operator_breaks_it() {
    let Some(stage) = Stage::required_lab("a policy that forgets the operator breaks it") else {
        return;
    };
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    let db = me.cluster(Release::named("postgresql-cnpg-1")).ready();
    let (own, other) = (me.pod("notebook"), x.pod("notebook"));
    own.until_reachable(&db.host());
    let (namespace, label) = CLOUDNATIVE_PG;
    let (label, value) = label.split_once('=').expect("because a label has a value");
    let own_pods = r#"{"from": [{"podSelector": {}}]}"#;
    let operator = format!(
        r#"{{"from": [{{"namespaceSelector": {{"matchLabels": {{"kubernetes.io/metadata.name": "{namespace}"}}}},
            "podSelector": {{"matchLabels": {{"{label}": "{value}"}}}}}}],
            "ports": [{{"port": 8000}}, {{"port": 5432}}]}}"#
    );
    let apply = |ingress: &str| {
        let policy = format!(
            r#"{{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {{"name": "by-label"}},
                "spec": {{"podSelector": {{"matchLabels": {{"cnpg.io/cluster": "{}", "cnpg.io/podRole": "instance"}}}},
                "policyTypes": ["Ingress"], "ingress": [{ingress}]}}}}"#,
            db.fullname()
        );
        let apply = me.program(["kubectl", "apply", "-f", "-"]);
        apply.input(policy).run().ok();
    };

    apply(own_pods);
    other.until_unreachable(&db.host());
    db.restart_operator();
    until(|| !db.is_healthy(), || db.phase());
    assert!(
        db.phase().contains("Instance Status Extraction Error"),
        "{}",
        db.phase()
    );
    served(&own, &db);

    apply(&format!("{own_pods}, {operator}"));
    db.until_healthy();
    other.until_unreachable(&db.host());
    served(&own, &db);
    db.restart_operator();
    db.until_healthy();
}

#[track_caller]
fn served(own: &Pod, db: &Cluster) {
    assert_eq!(own.psql(&db.owner(), ORDERS).ok(), "4|122.60\n");
}

#[track_caller]
fn until(is_so: impl Fn() -> bool, otherwise: impl Fn() -> String) {
    let started = Instant::now();
    while !is_so() {
        assert!(
            started.elapsed() < Duration::from_secs(90),
            "{}",
            otherwise()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}
